//! From a process's number to what the process is, by `/proc`, or was, by what was heard of it.
//!
//! Keeps no environment, and no argument that looks like a secret. Holds [`KNOWN_MAX`] processes
//! and [`USERS_MAX`] users; all are forgotten, and read again at need, when there are more.
#![allow(clippy::disallowed_methods)] // The shell reads `/proc`.

use super::clocks;
use super::lineage::Lineage;
use crate::endpoint::format;
use crate::endpoint::report::Process;
use crate::time::Timestamp;
use nix::unistd::{Uid, User};
use procfs::process::{self, Stat};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// Processes that are remembered.
const KNOWN_MAX: usize = 16_384;
/// Users whose names are remembered.
const USERS_MAX: usize = 4096;
/// How far up parents are read at a time, so that each has its own when it is asked for.
const ANCESTORS_MAX: usize = 16;
/// What Linux puts behind the path of a program whose file is not there any more.
const DELETED: &str = " (deleted)";

/// The processes that were asked for.
#[derive(Debug, Default)]
pub(super) struct Processes {
    known: BTreeMap<u32, Known>,
    lineage: Lineage,
    users: BTreeMap<u32, Option<Box<str>>>,
}

/// A process, and what shows that it still is the same program.
#[derive(Debug)]
struct Known {
    start: u64,
    comm: String,
    path: Option<Box<str>>,
    process: Arc<Process>,
}

impl Processes {
    /// The process that has this number now, or had it last, with its parent.
    pub fn of(&mut self, pid: u32) -> Option<Arc<Process>> {
        self.below(pid, ANCESTORS_MAX)
    }

    fn below(&mut self, pid: u32, ancestors: usize) -> Option<Arc<Process>> {
        let there = process::Process::new(pid.cast_signed()).ok();
        let there = there.and_then(|entry| Some((entry.stat().ok()?, entry)));
        let Some((stat, entry)) = there else {
            return self.lineage.of(pid);
        };
        let path = path(&entry);
        // One that has ended, and that nobody has asked how, shows its path no more.
        let same = |known: &&Known| {
            (known.start, &known.comm) == (stat.starttime, &stat.comm)
                && (path.is_none() || known.path == path)
        };
        if let Some(known) = self.known.get(&pid).filter(same) {
            return Some(known.process.clone());
        }
        let mut process = self.read(&entry, &stat, path.clone())?;
        let parent = stat.ppid.cast_unsigned();
        let unknown = parent != 0 && self.lineage.of(pid).is_none();
        if let Some(ancestors) = ancestors.checked_sub(1).filter(|_| unknown) {
            let parent = self.below(parent, ancestors);
            process.parent = parent.map(|parent| {
                let parent = Process::clone(&parent);
                Box::new(Process {
                    parent: None,
                    ..parent
                })
            });
        }
        let process = self.lineage.read(pid, process);
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let known = Known {
            start: stat.starttime,
            comm: stat.comm,
            path,
            process: process.clone(),
        };
        self.known.insert(pid, known);
        Some(process)
    }

    /// `parent` started a process at `at`.
    pub fn fork(&mut self, pid: u32, parent: u32, at: Timestamp) {
        let known = self.lineage.of(parent).filter(|known| known.path.is_some());
        let parent = known
            .or_else(|| self.of(parent))
            .unwrap_or_else(|| Arc::new(numbered(parent)));
        self.lineage.fork(pid, &parent, at);
    }

    /// A process became another program, which is read at once if it is still there.
    pub fn exec(&mut self, pid: u32) -> Option<Arc<Process>> {
        self.known.remove(&pid);
        self.lineage.exec(pid);
        self.of(pid)
    }

    /// A process has ended; none where it was not read.
    pub fn exit(&mut self, pid: u32) -> Option<Arc<Process>> {
        self.lineage.exit(pid);
        self.known.remove(&pid).map(|known| known.process)
    }

    /// What was heard of processes is not whole.
    pub fn lost(&mut self) {
        self.lineage.clear();
    }

    fn read(
        &mut self,
        entry: &process::Process,
        stat: &Stat,
        path: Option<Box<str>>,
    ) -> Option<Process> {
        let uid = euid(entry.pid())?;
        let arguments = entry.cmdline().unwrap_or_default();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let nanos = u128::from(stat.starttime) * 1_000_000_000;
        let started = nanos / u128::from(procfs::ticks_per_second().max(1));
        Some(Process {
            pid: Some(entry.pid().cast_unsigned()),
            instance: Some(stat.starttime.to_string().into()),
            name: path.is_none().then(|| stat.comm.as_str().into()),
            path,
            command_line: format::command_line(&arguments),
            uid: Some(uid),
            user: self.user(uid),
            started_at: Some(clocks::of_boot(u64::try_from(started).unwrap_or(0))),
            ..Process::default()
        })
    }

    fn user(&mut self, uid: u32) -> Option<Box<str>> {
        if self.users.len() >= USERS_MAX {
            self.users.clear();
        }
        let name = || Some(User::from_uid(Uid::from_raw(uid)).ok()??.name.into());
        self.users.entry(uid).or_insert_with(name).clone()
    }
}

/// A process of which no more is known.
fn numbered(pid: u32) -> Process {
    Process {
        pid: Some(pid),
        ..Process::default()
    }
}

/// The effective user of a process: of its status only this line is read.
fn euid(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let of_user = |line: &str| {
        line.strip_prefix("Uid:")?
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()
    };
    status.lines().find_map(of_user)
}

/// The program's file; none where it is another user's, the kernel's, or has ended.
fn path(entry: &process::Process) -> Option<Box<str>> {
    let path = entry.exe().ok()?;
    let path = path.to_string_lossy();
    Some(path.strip_suffix(DELETED).unwrap_or(&path).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn own_path() -> Option<Box<str>> {
        let path = std::env::current_exe().unwrap();
        path.to_str().map(Into::into)
    }

    #[test]
    fn this_process_is_described() {
        let mut processes = Processes::default();
        let pid = std::process::id();
        let own = processes.of(pid).unwrap();
        assert_eq!(own.pid, Some(pid));
        assert_eq!(own.path, own_path());
        assert!(own.instance.is_some() && own.command_line.is_some() && own.uid.is_some());
        assert!(own.started_at <= Some(clocks::now()));
        assert!(own.parent.as_ref().unwrap().pid.is_some());
        assert!(Arc::ptr_eq(&own, &processes.of(pid).unwrap()));
        assert_eq!(processes.exit(pid), Some(own));
        assert_eq!(processes.exit(pid), None);
        assert_eq!(processes.of(u32::MAX), None);
    }

    #[test]
    fn a_child_is_described_when_it_has_ended_and_when_it_was_waited_for() {
        let own = std::process::id();
        let mut processes = Processes::default();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        processes.fork(pid, own, clocks::now());
        // The child is the program by the time that it is there.
        let cat = processes.exec(pid).unwrap();
        assert_ne!(cat.path, own_path());
        drop(child.stdin.take());
        let stat = process::Process::new(pid.cast_signed()).unwrap();
        while stat.stat().unwrap().state != 'Z' {
            std::thread::yield_now();
        }
        assert_eq!(processes.of(pid), Some(cat.clone()));
        assert_eq!(processes.exit(pid), Some(cat.clone()));
        child.wait().unwrap();
        assert_eq!(processes.of(pid), Some(cat.clone()));
        assert_eq!(cat.parent.as_ref().unwrap().pid, Some(own));
        // One that was never read.
        processes.fork(pid, own, clocks::now());
        let unread = processes.exec(pid).unwrap();
        assert_eq!((unread.path.as_ref(), unread.pid), (None, Some(pid)));
        assert_eq!(unread.parent.as_ref().unwrap().path, own_path());
        processes.lost();
        assert_eq!(processes.of(pid), None);
    }
}
