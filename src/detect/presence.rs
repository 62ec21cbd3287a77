//! From what a host does to whether it is awake, and whether somebody is at it.
//!
//! A browser-class exchange is the sign of a person; what a tab does by itself is one too. Holds
//! some moments, two names and the hours of three days of a host.

use crate::baseline::Activity;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A person is there for so long after browsing.
const STAYS: Span = Span::from_secs(600);

/// So soon after a polled reply changed, what it told is done.
const FOLLOWS: Span = Span::from_secs(120);

/// A host from which nothing came for so long was asleep. By design.
pub const SLEEP: Span = Span::from_secs(1800);
/// What a host that woke does within this is not off its schedule: what it slept through is done
/// now. By design.
pub const GRACE: Span = Span::from_secs(1800);

/// Since when a host is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awake {
    /// The last moment it was seen before it slept; none where it was never seen asleep.
    pub slept_from: Option<Timestamp>,
    /// When it woke, or was seen first.
    pub woke_at: Timestamp,
    /// When it was seen last.
    pub last_at: Timestamp,
}

impl Awake {
    /// A host that is seen first.
    pub fn since(at: Timestamp) -> Awake {
        Awake {
            slept_from: None,
            woke_at: at,
            last_at: at,
        }
    }

    /// Something came from the host.
    pub fn handle_sight(&mut self, at: Timestamp) {
        if at - self.last_at >= SLEEP {
            self.slept_from = Some(self.last_at);
            self.woke_at = at;
        }
        self.last_at = self.last_at.max(at);
    }

    /// Whether the host was seen between `from` and `to`.
    pub fn was_seen(&self, from: Timestamp, to: Timestamp) -> bool {
        let slept = self.slept_from.is_some_and(|slept| slept < from) && self.woke_at > to;
        self.last_at >= from && !slept
    }

    /// Whether the host slept and has only just woken at `at`.
    pub fn is_fresh(&self, at: Timestamp) -> bool {
        self.slept_from.is_some() && at >= self.woke_at && at - self.woke_at <= GRACE
    }
}

/// When a host last browsed, and when last somewhere else than that; what it last fetched anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    last: Option<(Timestamp, Arc<str>)>,
    other_at: Option<Timestamp>,
    changed: Option<(Timestamp, Arc<str>)>,
    awake: Option<Awake>,
    activity: Activity,
    /// The last push of a server.
    pub pushed_at: Option<Timestamp>,
}

impl Presence {
    /// The host did something.
    pub fn handle_sight(&mut self, at: Timestamp) {
        self.awake
            .get_or_insert_with(|| Awake::since(at))
            .handle_sight(at);
        self.activity.handle_event(at);
    }

    /// Since when it is awake.
    pub fn awake(&self) -> Option<Awake> {
        self.awake
    }

    /// How many hours later than usual its clock is.
    pub fn shift(&self) -> i8 {
        self.activity.shift()
    }

    /// The last sign of a person.
    pub fn browsed_at(&self) -> Option<Timestamp> {
        self.last.as_ref().map(|(at, _)| *at)
    }

    /// Whether somebody is there at `at`.
    pub fn is_busy(&self, at: Timestamp) -> bool {
        self.browsed_at().is_some_and(|last| at - last <= STAYS)
    }

    /// The host called `object` with a browser.
    pub fn handle_browsing(&mut self, at: Timestamp, object: &Arc<str>) {
        match &mut self.last {
            Some((last_at, last)) if *last == *object => *last_at = at.max(*last_at),
            _ => {
                self.other_at = self
                    .last
                    .replace((at, Arc::clone(object)))
                    .map(|(at, _)| at)
            }
        }
    }

    /// What the host polls at `object` changed.
    pub fn handle_change(&mut self, at: Timestamp, object: &Arc<str>) {
        self.changed = Some((at, Arc::clone(object)));
    }

    /// The host calls `object` for the first time: what it polls and had changed shortly before,
    /// unless a person is there, who calls new things all the time.
    pub fn follows(&mut self, at: Timestamp, object: &str) -> Option<Arc<str>> {
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
