//! From how often keys come to whether one may take another's place.
//!
//! TinyLFU (Einziger, Friedman and Manes, 2017): a count-min sketch remembers about how often every
//! key came lately, and a key is admitted to a full table only if it came more often than the one
//! that would leave. So scanners and one-shot keys do not push out what is watched. Never too low,
//! sometimes too high; halved after [`AGE_AFTER`] counts. 256 KiB, allocated with the first count.

use super::bounded::{Bounded, Key};
use crate::time::Timestamp;
use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hash};

/// Rows of the sketch.
const ROWS: usize = 4;
/// Counters of a row.
const WIDTH: usize = 1 << 16;
/// Counts after which all are halved: ten for each counter of a row.
pub const AGE_AFTER: u32 = 10 * WIDTH as u32;

/// About how often keys came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequencies {
    /// Row by row; empty before the first count.
    counters: Vec<u8>,
    counted: u32,
}

/// A key's counters: one of each row.
pub type Places = [usize; ROWS];

/// The counters of `key`. With a `seed` of the site's own, nobody outside can tell which keys share
/// some.
pub fn places(seed: u64, key: &impl Hash) -> Places {
    let hash = FixedState::with_seed(seed).hash_one(key);
    // Sixteen bits of the hash are a column.
    std::array::from_fn(|row| row * WIDTH + (hash >> (16 * row)) as usize % WIDTH)
}

impl Frequencies {
    /// Counts a key that came.
    pub fn count(&mut self, places: Places) {
        if self.counters.is_empty() {
            self.counters = vec![0; ROWS * WIDTH];
        }
        let least = self.of(places);
        for place in places {
            // Only the least are raised, which keeps the others' error low.
            if let Some(counter) = self.counters.get_mut(place)
                && *counter == least
            {
                *counter = counter.saturating_add(1);
            }
        }
        self.counted += 1;
        if self.counted >= AGE_AFTER {
            self.counted /= 2;
            self.counters.iter_mut().for_each(|counter| *counter /= 2);
        }
    }

    /// About how often a key came lately: at least as often as it did, up to 255.
    pub fn of(&self, places: Places) -> u8 {
        let counters = places
            .iter()
            .map(|place| self.counters.get(*place).copied());
        counters.map(Option::unwrap_or_default).min().unwrap_or(0)
    }
}

/// A [`Bounded`] table that admits by frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Admitted<K: Key, V> {
    table: Bounded<K, V>,
    frequencies: Frequencies,
    refused: u64,
}

impl<K: Key, V> Default for Admitted<K, V> {
    fn default() -> Self {
        Admitted {
            table: Bounded::default(),
            frequencies: Frequencies::default(),
            refused: 0,
        }
    }
}

impl<K: Key, V> Admitted<K, V> {
    /// The entry of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.table.get(key)
    }

    /// The entry of `key`, to change in place; the key has not come by that.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.table.get_mut(key)
    }

    /// `key` came at `at`: its entry, which `fresh` makes where there is none. None where the table
    /// of `max` entries is full and the one that would leave came at least as often.
    pub fn touch(
        &mut self,
        seed: u64,
        key: &K,
        at: Timestamp,
        max: usize,
        fresh: impl FnOnce() -> V,
    ) -> Option<&mut V> {
        let own = places(seed, key);
        self.frequencies.count(own);
        if self.table.get(key).is_none() && self.table.len() >= max.max(1) {
            let leaves = self.table.first().map(|(_, key)| places(seed, key));
            if leaves.is_some_and(|other| self.frequencies.of(other) >= self.frequencies.of(own)) {
                self.refused = self.refused.saturating_add(1);
                return None;
            }
        }
        self.table.touch(key, at, max, fresh)
    }

    /// Drops every entry that came last before `moment`.
    pub fn expire(&mut self, moment: Timestamp) {
        self.table.expire(moment);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Entries that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.table.evicted()
    }

    /// Keys that were not admitted.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
