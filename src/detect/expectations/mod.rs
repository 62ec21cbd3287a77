//! From calls that are agreed to, to those that did not come.
//!
//! A host is watched under a schedule from its first call on. Due is the end of the window and the
//! schedule's tolerance; what did not come is told as of that moment. A host that was silent all
//! through a window slept, and owes nothing for it; one that woke late has thirty minutes. Bounded
//! by `max` pairs of schedule and host.

#[cfg(test)]
mod tests;

use super::presence::{Awake, GRACE};
use super::schedules::{Schedules, Window};
use crate::baseline::Bounded;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Windows in a row without a call, after which the host is no longer watched: the job was removed.
const MISSES_MAX: u8 = 3;

/// The calls that are expected, by schedule and host, ranked by when they are due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expectations {
    watches: Bounded<(Box<str>, IpAddr), Watch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Watch {
    window: Window,
    misses: u8,
}

/// A call that did not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// When it was due.
    pub at: Timestamp,
    /// The schedule's name.
    pub schedule: Box<str>,
    /// Who should have called.
    pub host: IpAddr,
    /// In which window.
    pub window: Window,
    /// The how-manieth in a row.
    pub misses: u8,
}

impl Expectations {
    /// `host` called as `schedule` says; the next call is expected in the next window.
    pub fn handle_call(
        &mut self,
        schedules: &Schedules,
        schedule: &str,
        host: IpAddr,
        at: Timestamp,
        max: usize,
    ) {
        let key = (Box::from(schedule), host);
        self.watches.remove(&key);
        self.watch(schedules, key, at, 0, max);
    }

    /// Expects a call of the first window after `at`.
    fn watch(
        &mut self,
        schedules: &Schedules,
        key: (Box<str>, IpAddr),
        at: Timestamp,
        misses: u8,
        max: usize,
    ) {
        let Some(schedule) = schedules.get(&key.0).filter(|schedule| schedule.expected) else {
            return;
        };
        // A call shortly before its window is that window's.
        let Some(window) = schedule.hours.next_after(at + schedule.tolerance) else {
            return;
        };
        let due = window.to + schedule.tolerance;
        if due < schedule.expires_at {
            self.watches.insert(key, due, Watch { window, misses }, max);
        }
    }

    /// When the next call is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.watches.first_moment()
    }

    /// The call that was due first and did not come by `clock`.
    pub fn pop_due(
        &mut self,
        schedules: &Schedules,
        awake: impl Fn(IpAddr) -> Option<Awake>,
        clock: Timestamp,
        max: usize,
    ) -> Option<Missed> {
        while self.deadline().is_some_and(|due| due <= clock) {
            let (due, key, watch) = self.watches.pop_first()?;
            let seen = |awake: &Awake| awake.was_seen(watch.window.from, due);
            let Some(awake) = awake(key.1).filter(seen) else {
                self.watch(schedules, key, watch.window.from, watch.misses, max);
                continue;
            };
            let late = awake.woke_at + GRACE;
            if awake.slept_from.is_some() && awake.woke_at <= due && late > due {
                self.watches.insert(key, late, watch, max);
                continue;
            }
            let misses = watch.misses.saturating_add(1);
            if misses < MISSES_MAX {
                self.watch(schedules, key.clone(), watch.window.from, misses, max);
            }
            let (schedule, host) = key;
            let window = watch.window;
            return Some(Missed {
                at: due,
                schedule,
                host,
                window,
                misses,
            });
        }
        None
    }

    /// Calls that nobody expects any more because others had to be.
    pub fn evicted(&self) -> u64 {
        self.watches.evicted()
    }
}
