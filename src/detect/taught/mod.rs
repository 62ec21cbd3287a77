//! From flows whose process an agent told to the likely program of flows on hosts without one.
//!
//! What it names is never a fact: it is marked as inferred, adds no evidence and suppresses
//! nothing. A lesson is of the agent that told it, however many addresses that claims, and counts
//! from the next epoch (hour) on.

mod calibration;
mod features;
mod lessons;
mod model;
#[cfg(test)]
mod tests;

pub use features::{Features, Shown, program};
pub use lessons::Lesson;
pub use model::Named;

use crate::baseline::crowd::Crowds;
use crate::endpoint::attribution::{Taught as TaughtBy, Way};
use crate::endpoint::report::Process;
use crate::endpoint::{Attribution, Status};
use crate::time::Timestamp;
use lessons::Lessons;
use model::Model;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A program is named where namings like it are right at least this often.
pub const PRECISION_MIN: f64 = 0.95;
/// What so many times as large a share of the hosts without agents shows as of those with one is of
/// a program that those do not have, for all that it looks like one of theirs.
const EXCESS: u64 = 4;
/// From so many hosts without agents on.
const STRANGERS_MIN: u64 = 3;
/// Names of what strangers show.
const STRANGERS: &str = "strangers";
const ANYTHING: &str = "";

/// What agents have taught, and how many hosts without one show the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Taught {
    /// The open epoch: hours since 1970.
    epoch: Option<i64>,
    lessons: Lessons,
    strangers: Crowds,
    /// Made of the closed lessons, when it is asked for.
    #[serde(skip)]
    model: Option<Model>,
}

impl PartialEq for Taught {
    /// The model is made of the rest.
    fn eq(&self, other: &Taught) -> bool {
        (self.epoch, &self.lessons, &self.strangers)
            == (other.epoch, &other.lessons, &other.strangers)
    }
}

impl Taught {
    /// Closes the epochs that are over at `at`.
    pub fn advance(&mut self, at: Timestamp, max: usize) {
        let hour = at.hour();
        let before = *self.epoch.get_or_insert(hour);
        if hour > before {
            self.lessons.close_epoch(hour, max);
            self.strangers.close_epoch(hour, max);
            self.model = None;
            self.epoch = Some(hour);
        }
    }

    /// The host of `agent` showed what a flow of a program looks like.
    pub fn learn(&mut self, agent: &str, lesson: Lesson, at: Timestamp, max: usize) {
        self.advance(at, max);
        let epoch = self.epoch.unwrap_or_default();
        self.lessons.record(agent, lesson, epoch, max);
    }

    /// A host without an agent has a flow; the program that it is likely of, if that can be told.
    pub fn handle_stranger(
        &mut self,
        host: IpAddr,
        features: &Features,
        at: Timestamp,
        max: usize,
    ) -> Option<Named> {
        self.advance(at, max);
        if self.lessons.closed().is_empty() {
            return None;
        }
        let named = self.name(features);
        let marks = &mut self.strangers;
        marks.record(STRANGERS, ANYTHING, &host, at, max);
        if let Some(named) = &named {
            marks.record(STRANGERS, &named.key.text(), &host, at, max);
        }
        named.filter(|named| self.is_told(named))
    }

    /// The program that the features likely mean, where it may be told.
    pub fn infer(&mut self, features: &Features) -> Option<Named> {
        self.name(features).filter(|named| self.is_told(named))
    }

    /// The program that the features most likely mean, however sure that is.
    pub fn name(&mut self, features: &Features) -> Option<Named> {
        let lessons = self.lessons.closed();
        let model = self.model.get_or_insert_with(|| Model::of(lessons));
        model.name(features)
    }

    fn is_told(&self, named: &Named) -> bool {
        named.least >= PRECISION_MIN && !self.is_foreign(named)
    }

    /// Whether these features are so much more common among hosts without agents that they must be
    /// of a program that nobody taught.
    fn is_foreign(&self, named: &Named) -> bool {
        let strangers = |name: &str| {
            let crowd = self.strangers.get(STRANGERS, name);
            crowd.map_or(0, |crowd| crowd.hosts())
        };
        let (alike, all) = (strangers(&named.key.text()), strangers(ANYTHING));
        let [own, hosts] = named.of_hosts.map(u64::from);
        alike >= STRANGERS_MIN && alike * hosts > EXCESS * own * all
    }

    /// Lessons that the bounds had no room for, and marks of hosts without agents.
    pub fn evicted(&self) -> u64 {
        self.lessons
            .evicted()
            .saturating_add(self.strangers.evicted())
    }
}

/// A naming as what is known of the process: a program without a process, marked as inferred.
pub fn attribution(named: &Named) -> Attribution {
    Attribution {
        method: Some(Way::Taught),
        process: Some(Process {
            name: Some(named.program.clone()),
            ..Process::default()
        }),
        candidates: named.programs,
        // Rounded down: the share is at least that.
        confidence: (named.least * 100.0).floor() / 100.0,
        taught: Some(TaughtBy {
            hosts: named.hosts,
            flows: named.flows,
            level: named.key.level,
        }),
        ..Attribution::without(Status::Inferred)
    }
}
