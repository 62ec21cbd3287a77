//! From a process's number to what the process is, by `/proc`.
//!
//! Keeps no environment, and no argument that looks like a secret. Holds [`KNOWN_MAX`] processes
//! and [`USERS_MAX`] users; all are forgotten, and read again at need, when there are more.

use super::clocks;
use crate::endpoint::format;
use crate::endpoint::report::Process;
use nix::unistd::{Uid, User};
use procfs::process::{self, Stat};
use std::collections::BTreeMap;
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
    /// The process that has this number now, with its parent.
    pub fn of(&mut self, pid: u32) -> Option<Arc<Process>> {
        self.below(pid, ANCESTORS_MAX)
    }

    fn below(&mut self, pid: u32, ancestors: usize) -> Option<Arc<Process>> {
        let entry = process::Process::new(pid.cast_signed()).ok()?;
        let stat = entry.stat().ok()?;
        let path = path(&entry);
        let same = |known: &&Known| {
            (known.start, &known.comm, &known.path) == (stat.starttime, &stat.comm, &path)
        };
        if let Some(known) = self.known.get(&pid).filter(same) {
            return Some(known.process.clone());
        }
        let mut process = self.read(&entry, &stat, path.clone())?;
        let parent = stat.ppid.cast_unsigned();
        if let Some(ancestors) = ancestors.checked_sub(1).filter(|_| parent != 0) {
            let parent = self.below(parent, ancestors);
            process.parent = parent.map(|parent| {
                let parent = Process::clone(&parent);
                Box::new(Process {
                    parent: None,
                    ..parent
                })
            });
        }
        let process = Arc::new(process);
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

    /// Takes out a process that has ended or became another program; none where it was not asked
    /// for.
    pub fn take(&mut self, pid: u32) -> Option<Arc<Process>> {
        self.known.remove(&pid).map(|known| known.process)
    }

    fn read(
        &mut self,
        entry: &process::Process,
        stat: &Stat,
        path: Option<Box<str>>,
    ) -> Option<Process> {
        let uid = entry.status().ok()?.euid;
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

/// The program's file; none where it is another user's, or the kernel's.
fn path(entry: &process::Process) -> Option<Box<str>> {
    let path = entry.exe().ok()?;
    let path = path.to_string_lossy();
    Some(path.strip_suffix(DELETED).unwrap_or(&path).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let mut processes = Processes::default();
        let pid = std::process::id();
        let own = processes.of(pid).unwrap();
        assert_eq!(own.pid, Some(pid));
        let path = std::env::current_exe().unwrap();
        assert_eq!(own.path.as_deref(), path.to_str());
        assert!(own.instance.is_some() && own.command_line.is_some() && own.uid.is_some());
        assert!(own.started_at <= Some(clocks::now()));
        assert!(own.parent.as_ref().unwrap().pid.is_some());
        assert!(Arc::ptr_eq(&own, &processes.of(pid).unwrap()));
        assert_eq!(processes.take(pid), Some(own));
        assert_eq!(processes.take(pid), None);
        assert_eq!(processes.of(u32::MAX), None);
    }
}
