//! From uploads to the largest of each hour of the week.
//!
//! Tells scheduled uploads from others: the same hour of the week, give or take one, and not far
//! more than ever before there. One byte for each hour that was used, at most 168 pairs; what was
//! not used for six weeks is forgotten.

use super::schedule::{SLOTS, Slot};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours after which an hour of the week that was not used again is forgotten: six weeks.
const LIFE_HOURS: i64 = 6 * 168;
/// An upload up to this many times the largest one is alike.
const ALIKE: u64 = 3;

/// The largest upload of each hour of the week of one host to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots(BTreeMap<Slot, Used>);

/// How an hour of the week was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    largest: u64,
    /// Hours since 1970.
    first: i64,
    last: i64,
}

impl Slots {
    /// An upload that nobody alerted on.
    pub fn learn(&mut self, at: Timestamp, bytes: u64) {
        let hour = at.hour();
        self.0
            .retain(|_, used| hour.saturating_sub(used.last) <= LIFE_HOURS);
        let fresh = Used {
            largest: bytes,
            first: hour,
            last: hour,
        };
        let used = self.0.entry(Slot::of(at)).or_insert(fresh);
        used.largest = used.largest.max(bytes);
        used.last = used.last.max(hour);
    }

    /// The largest upload within an hour of this time of the week, if there was one in an earlier
    /// week.
    pub fn largest_near(&self, at: Timestamp) -> Option<u64> {
        let (hour, slot) = (at.hour(), Slot::of(at));
        let near = [-1, 0, 1]
            .into_iter()
            .filter_map(|hours| self.0.get(&slot.later(hours)));
        let earlier = near.filter(|used| {
            let week_ago = hour.saturating_sub(used.first) >= i64::from(SLOTS) - 2;
            week_ago && hour.saturating_sub(used.last) <= LIFE_HOURS
        });
        earlier.map(|used| used.largest).max()
    }
}

/// Whether an upload of `bytes` is like one whose `largest` is known.
pub fn is_alike(largest: u64, bytes: u64) -> bool {
    bytes <= largest.saturating_mul(ALIKE)
}
