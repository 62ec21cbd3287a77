//! From a host's browsing to whether somebody is at it.
//!
//! A browser-class exchange is the sign of a person; what a tab does by itself is one too. Holds
//! three moments and two names a host.

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A person is there for so long after browsing.
const STAYS: Span = Span::from_secs(600);

/// So soon after a polled reply changed, what it told is done.
const FOLLOWS: Span = Span::from_secs(120);

/// When a host last browsed, and when last somewhere else than that; what it last fetched anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    last: Option<(Timestamp, Box<str>)>,
    other_at: Option<Timestamp>,
    changed: Option<(Timestamp, Box<str>)>,
}

impl Presence {
    /// The host called `object` with a browser.
    pub fn handle_browsing(&mut self, at: Timestamp, object: &str) {
        match &mut self.last {
            Some((last_at, last)) if **last == *object => *last_at = at.max(*last_at),
            _ => self.other_at = self.last.replace((at, object.into())).map(|(at, _)| at),
        }
    }

    /// What the host polls at `object` changed.
    pub fn handle_change(&mut self, at: Timestamp, object: &str) {
        self.changed = Some((at, object.into()));
    }

    /// The host calls `object` for the first time: what it polls and had changed shortly before,
    /// unless a person is there, who calls new things all the time.
    pub fn follows(&mut self, at: Timestamp, object: &str) -> Option<Box<str>> {
        let (changed_at, polled) = self.changed.as_ref()?;
        let soon = at - *changed_at <= FOLLOWS && at >= *changed_at && **polled != *object;
        if !soon || !self.is_idle_beside(at, polled) {
            return None;
        }
        self.changed.take().map(|(_, polled)| polled)
    }

    /// Whether the host did nothing at `at` that a person does, but for calls of `object`.
    pub fn is_idle_beside(&self, at: Timestamp, object: &str) -> bool {
        let other_at = match &self.last {
            Some((_, last)) if **last == *object => self.other_at,
            last => last.as_ref().map(|(at, _)| *at),
        };
        other_at.is_none_or(|other_at| at - other_at > STAYS)
    }
}
