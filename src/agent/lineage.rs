//! From forks and ends to who a process was once it is gone, and who started it.
//!
//! `/proc` forgets both: a process with its end, and who started a child when that one ends. Knows
//! what it was told: a program that nobody could read in time has a number, a moment and a parent,
//! and no path. Holds [`LIVES_MAX`] processes that were forked since the agent began; the first to
//! have ended leave first. Where messages were lost all leave: a number may be another's by then.

use crate::endpoint::report::Process;
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Processes that are remembered, and ends of processes.
const LIVES_MAX: usize = 16_384;

/// Processes that were forked.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    lives: BTreeMap<u32, Life>,
    /// Numbers of processes and of their lives, the first to have ended first.
    ended: VecDeque<(u32, u64)>,
    born: u64,
}

#[derive(Debug)]
struct Life {
    /// Tells it from others that have the process's number.
    number: u64,
    /// Who started it, without that one's own parent.
    parent: Process,
    began: Timestamp,
    process: Arc<Process>,
}

impl Lineage {
    /// `parent` started a process at `at`.
    pub fn fork(&mut self, pid: u32, parent: &Process, at: Timestamp) {
        if self.lives.len() >= LIVES_MAX {
            self.make_room();
        }
        self.born += 1;
        let parent = Process {
            parent: None,
            ..parent.clone()
        };
        let life = Life {
            number: self.born,
            process: Arc::new(unread(pid, at, &parent)),
            began: at,
            parent,
        };
        self.lives.insert(pid, life);
    }

    /// It became another program, which nobody has read yet.
    pub fn exec(&mut self, pid: u32) {
        if let Some(life) = self.lives.get_mut(&pid) {
            life.process = Arc::new(unread(pid, life.began, &life.parent));
        }
    }

    /// It was read: as it is now, but with who started it.
    pub fn read(&mut self, pid: u32, mut process: Process) -> Arc<Process> {
        let Some(life) = self.lives.get_mut(&pid) else {
            return Arc::new(process);
        };
        // Another may have taken the place of a parent that ended.
        process.parent = Some(Box::new(life.parent.clone()));
        life.process = Arc::new(process);
        life.process.clone()
    }

    /// It ended.
    pub fn exit(&mut self, pid: u32) {
        if let Some(number) = self.lives.get(&pid).map(|life| life.number) {
            if self.ended.len() >= LIVES_MAX {
                self.drop_first();
            }
            self.ended.push_back((pid, number));
        }
    }

    /// Who has this number, or had it last.
    pub fn of(&self, pid: u32) -> Option<Arc<Process>> {
        self.lives.get(&pid).map(|life| life.process.clone())
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.lives.clear();
        self.ended.clear();
    }

    /// Lets one go that has ended. Where none has, all go: `/proc` has them.
    fn make_room(&mut self) {
        while self.lives.len() >= LIVES_MAX {
            if !self.drop_first() {
                self.clear();
            }
        }
    }

    /// Whether one was left that has ended.
    fn drop_first(&mut self) -> bool {
        let Some((pid, number)) = self.ended.pop_front() else {
            return false;
        };
        let is_same = |life: &Life| life.number == number;
        if self.lives.get(&pid).is_some_and(is_same) {
            self.lives.remove(&pid);
        }
        true
    }
}

/// What is known of a process that nobody has read.
fn unread(pid: u32, began: Timestamp, parent: &Process) -> Process {
    Process {
        pid: Some(pid),
        started_at: Some(began),
        parent: Some(Box::new(parent.clone())),
        ..Process::default()
    }
}

#[cfg(test)]
mod tests;
