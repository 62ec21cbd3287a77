//! From how long a destination is known to its class of age.

use crate::time::Span;
use serde::{Deserialize, Serialize};

const DAY: Span = Span::from_secs(86_400);
const WEEK: Span = Span::from_secs(7 * 86_400);

/// How long a destination has been known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// Up to a day.
    Day,
    /// Up to seven days.
    Week,
    /// Longer.
    Old,
}

impl Age {
    /// The age of what was first seen `span` ago.
    pub fn of(span: Span) -> Age {
        match span {
            span if span <= DAY => Age::Day,
            span if span <= WEEK => Age::Week,
            _ => Age::Old,
        }
    }

    /// As in alerts.
    pub fn name(self) -> &'static str {
        match self {
            Age::Day => "day",
            Age::Week => "week",
            Age::Old => "old",
        }
    }
}
