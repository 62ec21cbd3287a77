//! From what happened on any thread to the one order in which it counts.

use crate::observe::Observation;
use crate::time::Timestamp;
use std::cmp::Ordering;

/// When within its moment something happened. A timer acts before the frame that shows it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// A deadline passed.
    Timer,
    /// A frame was handled.
    Frame,
    /// The input ended.
    Finish,
}

/// The place of an observation among all others. It names no thread and no batch, which is why rows
/// do not depend on either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The clock as of the frame, or the timer's deadline.
    pub at: Timestamp,
    /// What made it happen.
    pub phase: Phase,
    /// The frame's sequence number; 0 for a timer, the flow's first moment at the end of input.
    pub seq: i64,
    /// The shard.
    pub shard: u8,
    /// The how-manieth of its shard at this place.
    pub index: u64,
}

/// An observation with its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it belongs.
    pub place: Place,
    /// What it is.
    pub observation: Observation,
}

/// Puts observations into their order.
pub fn sort(observations: &mut [Placed]) {
    observations.sort_unstable_by(compare);
}

fn compare(a: &Placed, b: &Placed) -> Ordering {
    a.place.cmp(&b.place)
}
