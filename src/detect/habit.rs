//! From calls of one host to one destination with one client, to when such calls come.
//!
//! Judges nothing: whoever judges says which calls were odd and which may be learnt. Holds the
//! hours of the week, up to 32 occasions, twenty days' counts and the last [`ODD_MAX`] odd calls:
//! about 1.2 kB at most.

use crate::baseline::daily::{Clockwork, Daily};
use crate::baseline::maturity::Baseline;
use crate::baseline::schedule::{Rhythm, Slot, Surprise, Week};
use crate::baseline::windows::{OCCASION_GAP, Occasions, Window};
use crate::net::Uid;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Odd calls remembered; an alert lists their flows.
pub const ODD_MAX: usize = 16;
/// Odd calls of one occasion that are remembered.
pub const OCCASION_CALLS_MAX: usize = 3;
/// How far back odd calls are counted: what comes once a week is still found by the second time.
/// By design.
pub const ODD_WINDOW: Span = Span::from_secs(15 * 86_400);

/// The calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Habit {
    week: Week,
    occasions: Occasions,
    daily: Daily,
    odd: VecDeque<OddCall>,
    last_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct OddCall {
    at: Timestamp,
    uid: Uid,
    /// Whether its hour was odd.
    off_schedule: bool,
}

/// What a moment is among the calls before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmongThem {
    /// How surprising the hour of the week is.
    pub surprise: Baseline<Surprise>,
    /// The learned window that holds it.
    pub window: Option<Window>,
    /// Learned windows.
    pub windows: usize,
    /// Since the call before it.
    pub gap: Option<Span>,
}

/// Odd calls within [`ODD_WINDOW`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odd {
    /// How many.
    pub calls: usize,
    /// On how many occasions.
    pub occasions: usize,
    /// Of these, those in other hours than were agreed or learnt.
    pub off_schedule: usize,
}

impl Habit {
    /// What `at` is among the calls so far, for a host whose clock is `shift` hours later than
    /// usual; `peers` stand in where the host still learns.
    pub fn among(&self, at: Timestamp, shift: i8, peers: Option<&Rhythm>) -> AmongThem {
        let home = Span::from_secs(i64::from(shift).saturating_mul(-3600));
        let slot = Slot::of(at).later(-i64::from(shift));
        let windows = self.occasions.windows();
        AmongThem {
            surprise: self.week.surprise(slot, peers),
            window: windows
                .iter()
                .find(|window| window.holds(at + home))
                .copied(),
            windows: windows.len(),
            gap: self.last_at.map(|last| at - last),
        }
    }

    /// Learns a call that nobody alerted on; whether the role may learn it too.
    pub fn learn(&mut self, at: Timestamp) -> bool {
        self.occasions.handle_event(at);
        self.daily.handle_event(at);
        self.week.handle_event(at)
    }

    /// Whether it is known when the host does this.
    pub fn is_mature(&self) -> bool {
        self.week.maturity().is_ready()
    }

    /// The next day's calls, where they come like clockwork.
    pub fn clockwork(&self, at: Timestamp) -> Option<Clockwork> {
        self.daily.clockwork(at)
    }

    /// Counts a call, whether it is learnt or not.
    pub fn handle_call(&mut self, at: Timestamp) {
        self.last_at = self.last_at.max(Some(at));
    }

    /// Counts a call that was odd, by its hour or otherwise. Of one occasion, and one kind of odd,
    /// the first [`OCCASION_CALLS_MAX`] are: what polls would push out all that was before.
    pub fn handle_odd(&mut self, at: Timestamp, uid: Uid, off_schedule: bool) {
        let alike = |call: &&OddCall| call.off_schedule == off_schedule;
        let mut before = self.odd.iter().rev().filter(alike);
        let full = before.nth(OCCASION_CALLS_MAX - 1);
        if full.is_some_and(|first| at - first.at < OCCASION_GAP) {
            return;
        }
        if self.odd.len() >= ODD_MAX {
            self.odd.pop_front();
        }
        self.odd.push_back(OddCall {
            at,
            uid,
            off_schedule,
        });
    }

    /// What was usual is not any more: it is learnt anew.
    pub fn restart(&mut self) {
        self.week.restart();
        self.occasions.restart();
        self.daily.restart();
    }

    /// The odd calls up to `at`. An occasion is an hour from its first call on.
    pub fn odd(&self, at: Timestamp) -> Odd {
        let mut odd = Odd::default();
        let (mut last, mut last_off) = (None, None);
        let is_new =
            |last: Option<Timestamp>, at| last.is_none_or(|last| at - last >= OCCASION_GAP);
        for call in self.recent_odd(at) {
            odd.calls += 1;
            if is_new(last, call.at) {
                odd.occasions += 1;
                last = Some(call.at);
            }
            if call.off_schedule && is_new(last_off, call.at) {
                odd.off_schedule += 1;
                last_off = Some(call.at);
            }
        }
        odd
    }

    /// The flows of the odd calls up to `at`, oldest first.
    pub fn odd_flows(&self, at: Timestamp) -> Vec<Uid> {
        let mut flows: Vec<Uid> = self.recent_odd(at).map(|call| call.uid).collect();
        flows.dedup();
        flows
    }

    fn recent_odd(&self, at: Timestamp) -> impl Iterator<Item = &OddCall> {
        self.odd
            .iter()
            .filter(move |call| at - call.at <= ODD_WINDOW)
    }
}
