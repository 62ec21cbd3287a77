//! From keys that come and go to which of them are worth remembering.
//!
//! Counts how often keys come in a count-min sketch (Cormode and Muthukrishnan 2005) that ages, as
//! TinyLFU does: where a table is full, a newcomer gets a place only if it comes more often than
//! who would leave, so that scanners and other keys that come once never push out a candidate.
//! Holds [`ROWS`] times [`COLUMNS`] bytes, made when the first key comes. May take a key for more
//! frequent than it is, never for less.

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hash};

const ROWS: usize = 4;
const COLUMNS: usize = 1 << 16;
/// Counts stop here: who comes more often is frequent enough.
const COUNT_MAX: u8 = 15;

/// How often keys came lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frequencies {
    /// [`ROWS`] rows of [`COLUMNS`] counts, one after the other.
    counts: Vec<u8>,
    /// Keys counted since the counts were halved.
    since: u32,
}

/// A key's cells: its column in each row.
pub type Cells = [usize; ROWS];

/// The cells of `key`; with another seed others.
pub fn cells(seed: u64, key: &impl Hash) -> Cells {
    let hash = FixedState::with_seed(seed).hash_one(key);
    // Sixteen bits of the hash are a column.
    std::array::from_fn(|row| row * COLUMNS + (hash >> (16 * row)) as usize % COLUMNS)
}

impl Frequencies {
    /// Counts a key that came; all counts are halved when ten keys came for each of `places`.
    pub fn count(&mut self, cells: Cells, places: usize) {
        if self.counts.is_empty() {
            self.counts = vec![0; ROWS * COLUMNS];
        }
        let least = self.of(cells);
        for cell in cells {
            if let Some(count) = self.counts.get_mut(cell)
                && *count == least
            {
                *count = least.saturating_add(1).min(COUNT_MAX);
            }
        }
        self.since = self.since.saturating_add(1);
        if self.since as usize >= places.saturating_mul(10) {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.since = 0;
        }
    }

    /// How often the key came, at least.
    pub fn of(&self, cells: Cells) -> u8 {
        let counts = cells.iter().map(|cell| self.counts.get(*cell).copied());
        counts.map(Option::unwrap_or_default).min().unwrap_or(0)
    }
}
