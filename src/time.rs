//! From capture timestamps to moments, spans and deadlines.
//!
//! Nothing here can read a clock: a [`Timestamp`] is only ever made from a frame, a report or a
//! tick.

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{Add, Sub};

/// A moment: nanoseconds since 1970-01-01T00:00:00Z, negative before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(i64);

/// A length of time in nanoseconds; negative where a capture runs backwards.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span(i64);

impl Timestamp {
    /// The earliest moment there is; before any frame.
    pub const MIN: Timestamp = Timestamp(i64::MIN);

    /// The moment `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Timestamp {
        Timestamp(nanos)
    }

    /// The moment at `seconds` and `nanos` after the Unix epoch, saturating where 64 bits end (year
    /// 2262).
    pub fn from_parts(seconds: i64, nanos: u32) -> Timestamp {
        Timestamp(
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(i64::from(nanos)),
        )
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The whole hours since the Unix epoch: the number of the epoch that holds this moment.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000_000_000)
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Span {
        Span(nanos)
    }

    /// A span of `millis` milliseconds.
    pub const fn from_millis(millis: i64) -> Span {
        Span(millis * 1_000_000)
    }

    /// A span of `seconds` seconds.
    pub const fn from_secs(seconds: i64) -> Span {
        Span(seconds * 1_000_000_000)
    }

    /// Nanoseconds in the span.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds in the span, as a float: for formulas, never for keys.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub<Timestamp> for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// Deadlines of numbered things, earliest first; equal deadlines leave in order of their number.
///
/// A thing may be scheduled again at any time: what it was scheduled for before stays in the heap
/// and is handed out too, so the owner checks on [`Timers::pop_due`] whether the deadline still
/// holds. That keeps the cost of moving a deadline at nothing, which is what nearly every packet
/// does.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Timers {
    /// Schedules `id` for `deadline`.
    pub fn schedule(&mut self, deadline: Timestamp, id: u32) {
        self.heap.push(Reverse((deadline, id)));
    }

    /// The earliest entry whose deadline is at or before `clock`.
    pub fn pop_due(&mut self, clock: Timestamp) -> Option<(Timestamp, u32)> {
        match self.heap.peek() {
            Some(Reverse((deadline, _))) if *deadline <= clock => self.pop(),
            _ => None,
        }
    }

    /// The earliest entry, due or not.
    pub fn pop(&mut self) -> Option<(Timestamp, u32)> {
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// How many entries are held, stale ones included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is scheduled.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_leave_in_order_and_only_when_due() {
        let mut timers = Timers::default();
        let at = |n| Timestamp::from_nanos(n);
        timers.schedule(at(30), 1);
        timers.schedule(at(10), 3);
        timers.schedule(at(10), 2);
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(10)), Some((at(10), 2)));
        assert_eq!(timers.pop_due(at(29)), Some((at(10), 3)));
        assert_eq!(timers.pop_due(at(29)), None);
        assert_eq!(timers.pop(), Some((at(30), 1)));
        assert!(timers.is_empty());
    }

    #[test]
    fn moments_saturate_instead_of_wrapping() {
        let end = Timestamp::from_parts(i64::MAX, 5);
        assert_eq!(end + Span::from_secs(1), end);
        assert_eq!(Timestamp::from_nanos(-1).hour(), -1);
    }
}
