//! From programs that agents name to what each agent's host has taught.
//!
//! Read as of the last closed epoch, merged in any order: of the open epoch the hosts and the
//! lessons with the smallest hashes stay, of the closed ones the most recent. A lesson that was not
//! repeated for thirty days is forgotten. Bounded by `max` lessons in each of the two halves, and
//! for each host by [`HOST_LESSONS_MAX`], so that none can push the others out.

use super::features::{Features, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lessons of one host: thirty programs in eight ways.
pub const HOST_LESSONS_MAX: usize = 256;
/// Epochs (hours) that a lesson lives without being repeated: thirty days.
const LIFE_EPOCHS: i64 = 30 * 24;
/// Flows of one lesson are counted up to this.
const FLOWS_MAX: u32 = 1_000_000;

/// A program, and what its flows show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lesson {
    /// The program.
    pub program: Box<str>,
    /// What a flow of it showed.
    pub features: Features,
}

/// How well a lesson is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Flows that taught it.
    pub flows: u32,
    last_epoch: i64,
}

impl Known {
    fn add(&mut self, other: Known) {
        self.flows = self.flows.saturating_add(other.flows).min(FLOWS_MAX);
        self.last_epoch = self.last_epoch.max(other.last_epoch);
    }
}

/// Of the open epoch: by hash, for the smallest stay.
type Open = BTreeMap<(u64, Box<str>), BTreeMap<(u64, Lesson), Known>>;
/// What each host taught.
pub type Closed = BTreeMap<Box<str>, BTreeMap<Lesson, Known>>;

/// What agents' hosts have taught.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lessons {
    open: Open,
    closed: Closed,
    evicted: u64,
}

impl Lessons {
    /// The host of `agent` teaches a lesson in `epoch`; counts from the next one on.
    pub fn record(&mut self, agent: &str, lesson: Lesson, epoch: i64, max: usize) {
        let host = (hash(&agent), Box::from(agent));
        let of_host = self.open.entry(host).or_default();
        let known = Known {
            flows: 1,
            last_epoch: epoch,
        };
        let key = (hash(&lesson), lesson);
        match of_host.get_mut(&key) {
            Some(before) => before.add(known),
            None => {
                of_host.insert(key, known);
            }
        }
        if of_host.len() > HOST_LESSONS_MAX {
            of_host.pop_last();
            self.evicted = self.evicted.saturating_add(1);
        }
        // Whole hosts leave: what is left of the others does not hang on who came first.
        while self.open.len() > (max / HOST_LESSONS_MAX).max(1) {
            let gone = self.open.pop_last().map_or(0, |(_, of_host)| of_host.len());
            self.evicted = self.evicted.saturating_add(gone as u64);
        }
    }

    /// Closes the epochs before `epoch`.
    pub fn close_epoch(&mut self, epoch: i64, max: usize) {
        for ((_, agent), lessons) in std::mem::take(&mut self.open) {
            let of_host = self.closed.entry(agent).or_default();
            for ((_, lesson), known) in lessons {
                match of_host.get_mut(&lesson) {
                    Some(before) => before.add(known),
                    None => {
                        of_host.insert(lesson, known);
                    }
                }
            }
        }
        let oldest = epoch.saturating_sub(LIFE_EPOCHS);
        for of_host in self.closed.values_mut() {
            of_host.retain(|_, known| known.last_epoch >= oldest);
            let surplus = of_host.len().saturating_sub(HOST_LESSONS_MAX);
            let mut ranked: Vec<_> = of_host.iter().map(ranked).collect();
            ranked.sort_unstable();
            let gone: Vec<Lesson> = ranked.iter().take(surplus).map(|r| r.2.clone()).collect();
            gone.iter().for_each(|lesson| {
                of_host.remove(lesson);
            });
            self.evicted = self.evicted.saturating_add(surplus as u64);
        }
        self.forget_surplus(max);
        self.closed.retain(|_, of_host| !of_host.is_empty());
    }

    /// Forgets the oldest lessons above `max`.
    fn forget_surplus(&mut self, max: usize) {
        let total: usize = self.closed.values().map(BTreeMap::len).sum();
        let surplus = total.saturating_sub(max.max(1));
        if surplus == 0 {
            return;
        }
        let all = self.closed.iter();
        let all = all.flat_map(|(agent, of_host)| of_host.iter().map(move |one| (one, agent)));
        let mut all: Vec<_> = all.map(|(one, agent)| (ranked(one), agent)).collect();
        all.sort_unstable();
        let gone = all.into_iter().take(surplus);
        let gone: Vec<_> = gone
            .map(|(rank, agent)| (agent.clone(), rank.2.clone()))
            .collect();
        for (agent, lesson) in gone {
            if let Some(of_host) = self.closed.get_mut(&agent) {
                of_host.remove(&lesson);
            }
        }
        self.evicted = self.evicted.saturating_add(surplus as u64);
    }

    /// What each host taught, as of the last closed epoch.
    pub fn closed(&self) -> &Closed {
        &self.closed
    }

    /// Lessons that the bounds had no room for.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// The oldest first; of equals in an order that nobody chooses.
fn ranked<'a>((lesson, known): (&'a Lesson, &Known)) -> (i64, u64, &'a Lesson) {
    (known.last_epoch, hash(lesson), lesson)
}
