//! From gaps between events to counts by length, eight bins an octave.
//!
//! Holds the non-empty bins while they are few, all of them once that is smaller: at most
//! 2 · [`BINS`] bytes on the heap.

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Bins: 1 s to 142,935 s (39.7 h). The first also holds shorter gaps, the last also longer ones.
pub const BINS: usize = 137;
/// Above so many non-empty bins a plain array is smaller.
const SPARSE_MAX: usize = 2 * BINS / size_of::<Cell>();

/// The most that [`Gaps::heap_bytes`] gives.
pub const GAPS_BYTES_MAX: usize = 2 * BINS + size_of::<Cell>();

/// The lower edge of bin `b` in seconds: `2^(b/8)`.
pub fn edge(b: usize) -> f64 {
    libm::exp2(b as f64 / 8.0)
}

/// The bin of a gap: `clamp(⌊8·log2 max(gap, 1 s)⌋, 0, 136)`.
pub fn bin(gap: Span) -> u8 {
    let b = libm::floor(8.0 * libm::log2(gap.as_secs_f64().max(1.0)));
    b.min((BINS - 1) as f64) as u8
}

/// Counts of gaps by length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    cells: Cells,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Cells {
    /// Bins with a count, in order.
    Sparse(Vec<Cell>),
    /// Every bin's count.
    Dense(Box<[u16]>),
}

/// A bin and its count, in three bytes where a pair would take four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    bin: u8,
    count: [u8; 2],
}

impl Cell {
    fn count(self) -> u16 {
        u16::from_le_bytes(self.count)
    }

    fn add(&mut self, count: u16) {
        self.count = self.count().saturating_add(count).to_le_bytes();
    }
}

impl Default for Gaps {
    fn default() -> Gaps {
        Gaps {
            cells: Cells::Sparse(Vec::new()),
        }
    }
}

impl Gaps {
    /// Counts a gap of bin `b`.
    pub fn add(&mut self, b: u8) {
        self.add_count(b, 1);
    }

    /// Counts what `other` counted.
    pub fn add_all(&mut self, other: &Gaps) {
        other
            .cells()
            .for_each(|(b, count)| self.add_count(b, count));
    }

    /// The non-empty bins in order, each with its count.
    pub fn cells(&self) -> impl Iterator<Item = (u8, u16)> + '_ {
        let (sparse, dense) = match &self.cells {
            Cells::Sparse(cells) => (cells.as_slice(), [].as_slice()),
            Cells::Dense(counts) => ([].as_slice(), counts.as_ref()),
        };
        let dense = (0..=u8::MAX).zip(dense.iter().copied());
        let dense = dense.filter(|(_, count)| *count > 0);
        let sparse = sparse.iter().map(|cell| (cell.bin, cell.count()));
        sparse.chain(dense)
    }

    /// How many gaps were counted.
    pub fn n(&self) -> u32 {
        self.cells().map(|(_, count)| u32::from(count)).sum()
    }

    /// How many bins have a count.
    pub fn filled(&self) -> usize {
        self.cells().count()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.cells().next().is_none()
    }

    /// Halves every count. What an odd count leaves over is carried to the next non-empty bin, so
    /// that a histogram of ones loses half of them and not all.
    pub fn halve(&mut self) {
        let mut halved = Gaps::default();
        let mut carried = 0;
        for (b, count) in self.cells() {
            let whole = u32::from(count) + carried;
            carried = whole % 2;
            // Half of at most 2^16, so it fits.
            halved.add_count(b, (whole / 2) as u16);
        }
        *self = halved;
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.cells {
            Cells::Sparse(cells) => cells.capacity() * size_of::<Cell>(),
            Cells::Dense(counts) => size_of_val(counts.as_ref()),
        }
    }

    fn add_count(&mut self, b: u8, count: u16) {
        if count == 0 {
            return;
        }
        let b = b.min((BINS - 1) as u8);
        match &mut self.cells {
            Cells::Dense(counts) => {
                if let Some(own) = counts.get_mut(usize::from(b)) {
                    *own = own.saturating_add(count);
                }
            }
            Cells::Sparse(cells) => match cells.binary_search_by_key(&b, |cell| cell.bin) {
                Ok(at) => cells[at].add(count),
                Err(at) => {
                    if cells.len() == cells.capacity() {
                        // Doubling would waste more than the cells hold.
                        cells.reserve_exact(4);
                    }
                    let count = count.to_le_bytes();
                    cells.insert(at, Cell { bin: b, count });
                    if cells.len() > SPARSE_MAX {
                        self.make_dense();
                    }
                }
            },
        }
    }

    fn make_dense(&mut self) {
        let mut counts = vec![0; BINS].into_boxed_slice();
        for (b, count) in self.cells() {
            if let Some(own) = counts.get_mut(usize::from(b)) {
                *own = count;
            }
        }
        self.cells = Cells::Dense(counts);
    }
}

/// Merges events into bursts: a chain of events, each within a bound of the one before, is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bursts {
    /// The last event, and the first one of its burst; the earliest moment there is before any.
    last_at: Timestamp,
    first_at: Timestamp,
}

impl Default for Bursts {
    fn default() -> Bursts {
        let (last_at, first_at) = (Timestamp::MIN, Timestamp::MIN);
        Bursts { last_at, first_at }
    }
}

impl Bursts {
    /// Takes an event; gives the gap since the last burst's first event where it begins another
    /// one. An event that comes out of order belongs to the burst at hand.
    pub fn handle(&mut self, at: Timestamp, merge: Span) -> Option<Span> {
        let first = self.last_at == Timestamp::MIN;
        let begins = at - self.last_at > merge;
        self.last_at = self.last_at.max(at);
        if !begins && !first {
            return None;
        }
        let gap = at - self.first_at;
        self.first_at = at;
        (!first).then_some(gap)
    }
}
