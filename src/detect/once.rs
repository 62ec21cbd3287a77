//! From something to tell to whether it was told within the last day.
//!
//! Bounded by `alerts_max`; what was told longest ago leaves, and would be told anew.

use crate::baseline::Bounded;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What is told once is told again after this.
const AGAIN_AFTER: Span = Span::from_secs(86_400);

/// What is told once a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A host's program greets like another.
    Program(IpAddr, Box<str>),
    /// Agents, one of them this, contradict each other about a host.
    Agents(IpAddr, Box<str>),
    /// An agent speaks for an address that is not its host's.
    Foreign(Box<str>),
    /// An agent's clock is off.
    Clock(Box<str>),
}

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Once(Bounded<Subject, ()>);

impl Once {
    /// Whether `subject` is to be told at `at`: it was not, within the day before.
    pub fn is_due(&mut self, subject: Subject, at: Timestamp, max: usize) -> bool {
        let told_at = self.0.moment(&subject);
        let due = told_at.is_none_or(|told_at| at - told_at >= AGAIN_AFTER);
        if due {
            self.0.insert(subject, at, (), max);
        }
        due
    }

    /// What had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.0.evicted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_told_once_a_day_and_as_much_as_there_is_room_for() {
        let mut once = Once::default();
        let mut told = |agent: &str, seconds| {
            let at = Timestamp::from_parts(seconds, 0);
            once.is_due(Subject::Clock(agent.into()), at, 2)
        };
        assert!(told("a", 0) && !told("a", 86_399) && told("a", 86_400));
        assert!(told("b", 86_401) && told("c", 86_402) && told("a", 86_403));
        assert!(!told("c", 86_404));
        assert_eq!(once.evicted(), 2);
    }
}
