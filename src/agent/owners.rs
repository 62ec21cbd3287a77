//! From inodes of sockets to the processes that have them, by what `/proc` says of open files.
//!
//! Looks only for what is asked for, first where sockets were found last, and stops when all are
//! found. Sees processes of other users only as root. Holds [`RECENT_MAX`] numbers of processes.

use procfs::process::Process;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

/// Processes that are looked at first: they began, or opened flows, last.
const RECENT_MAX: usize = 64;
/// Open files of a process that are looked at.
const FILES_MAX: usize = 262_144;
/// How far up a socket is followed that a process has from its parent.
const ANCESTORS_MAX: usize = 16;

/// Finds who has a socket.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// The latest first.
    recent: VecDeque<u32>,
}

/// What one search has read already.
struct Search<'a> {
    wanted: &'a BTreeSet<u32>,
    read: BTreeMap<u32, BTreeSet<u32>>,
    found: BTreeMap<u32, u32>,
    parents: BTreeMap<u32, u32>,
}

impl Owners {
    /// This process may have a socket soon.
    pub fn expect(&mut self, pid: u32) {
        self.recent.retain(|recent| *recent != pid);
        self.recent.push_front(pid);
        self.recent.truncate(RECENT_MAX);
    }

    /// This process has ended.
    pub fn forget(&mut self, pid: u32) {
        self.recent.retain(|recent| *recent != pid);
    }

    /// The owner of each of these inodes that has one. Of a process and the children that have its
    /// socket too, the process: it opened or accepted it.
    pub fn of(&mut self, wanted: &BTreeSet<u32>) -> BTreeMap<u32, u32> {
        let mut search = Search {
            wanted,
            read: BTreeMap::new(),
            found: BTreeMap::new(),
            parents: BTreeMap::new(),
        };
        search.visit(self.recent.iter().copied());
        if !search.is_done() {
            // The youngest first: those with sockets of long ago have been found before.
            let mut all: Vec<u32> = all().collect();
            all.sort_unstable_by(|a, b| b.cmp(a));
            search.visit(all.into_iter());
        }
        let owners: BTreeMap<u32, u32> = (search.found.clone().into_iter())
            .map(|(inode, pid)| (inode, search.eldest(inode, pid)))
            .collect();
        for pid in owners.values().collect::<BTreeSet<_>>() {
            self.expect(*pid);
        }
        owners
    }
}

impl Search<'_> {
    fn is_done(&self) -> bool {
        self.found.len() == self.wanted.len()
    }

    /// Reads one process after another until all is found.
    fn visit(&mut self, pids: impl Iterator<Item = u32>) {
        for pid in pids {
            if self.is_done() {
                return;
            }
            for inode in self.inodes(pid).clone() {
                self.found.entry(inode).or_insert(pid);
            }
        }
    }

    /// Which of the wanted inodes a process has.
    fn inodes(&mut self, pid: u32) -> &BTreeSet<u32> {
        let wanted = self.wanted;
        self.read.entry(pid).or_insert_with(|| inodes(pid, wanted))
    }

    /// The eldest of the line of `pid` that has the socket.
    fn eldest(&mut self, inode: u32, pid: u32) -> u32 {
        let mut eldest = pid;
        for _ in 0..ANCESTORS_MAX {
            let parent = *self.parents.entry(eldest).or_insert_with(|| parent(eldest));
            if parent == 0 || !self.inodes(parent).contains(&inode) {
                break;
            }
            eldest = parent;
        }
        eldest
    }
}

/// The parent of a process; 0 where there is none.
fn parent(pid: u32) -> u32 {
    let stat = Process::new(pid.cast_signed()).and_then(|process| process.stat());
    stat.map_or(0, |stat| stat.ppid.cast_unsigned())
}

/// The numbers of all processes.
fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Which of these inodes are sockets of the process; none where it is gone or another user's.
fn inodes(pid: u32, wanted: &BTreeSet<u32>) -> BTreeSet<u32> {
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    let files = files.into_iter().flatten().flatten().take(FILES_MAX);
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets
        .filter_map(|target| inode(target.to_str()?))
        .filter(|inode| wanted.contains(inode))
        .collect()
}

/// `socket:[12345]`.
fn inode(target: &str) -> Option<u32> {
    let number = target.strip_prefix("socket:[")?.strip_suffix(']')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_socket_of_this_process_is_found_and_another_is_not() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let own = inode(link.to_str().unwrap()).unwrap();
        let mut owners = Owners::default();
        let found = owners.of(&BTreeSet::from([own, u32::MAX]));
        assert_eq!(found, BTreeMap::from([(own, std::process::id())]));
        assert_eq!(owners.recent, [std::process::id()]);
        owners.forget(std::process::id());
        assert!(owners.recent.is_empty());
    }

    #[test]
    fn only_sockets_have_the_inode_of_one() {
        assert_eq!(inode("socket:[4711]"), Some(4711));
        assert_eq!(inode("pipe:[4711]"), None);
        assert_eq!(inode("/srv/socket:[4711]"), None);
        assert_eq!(inode("socket:[x]"), None);
    }
}
