//! From events and their upload sizes to the gaps between events of like size.
//!
//! The three most frequent sizes are found as Misra and Gries find heavy hitters, so a size that
//! becomes frequent late has no gaps from before. Their histograms together hold at most
//! [`HISTOGRAM_BYTES_MAX`] bytes: beyond, the fullest one is halved.

use super::gaps::{Bursts, Gaps, bin};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Sizes that are followed.
const SLOTS: usize = 3;
/// Bytes of their histograms: 63 bins.
const HISTOGRAM_BYTES_MAX: usize = 189;
/// The most that [`Sizes::heap_bytes`] gives.
pub const HEAP_BYTES_MAX: usize = SLOTS * size_of::<Slot>() + HISTOGRAM_BYTES_MAX;

/// Gaps by upload size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    slots: Vec<Slot>,
}

/// Events whose size is within one cell of this slot's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    cell: u16,
    count: u32,
    bursts: Bursts,
    gaps: Gaps,
}

/// The cell of an upload: `⌊12·log2 bytes⌋`.
fn cell(upload_bytes: u64) -> u16 {
    libm::floor(12.0 * libm::log2(upload_bytes.max(1) as f64)) as u16
}

impl Sizes {
    /// Takes an event that uploaded so many bytes.
    pub fn handle(&mut self, at: Timestamp, upload_bytes: u64, merge: Span) {
        let cell = cell(upload_bytes);
        let mut known = false;
        for slot in self
            .slots
            .iter_mut()
            .filter(|slot| slot.cell.abs_diff(cell) <= 1)
        {
            known = true;
            slot.count = slot.count.saturating_add(1);
            if let Some(gap) = slot.bursts.handle(at, merge) {
                slot.gaps.add(bin(gap));
            }
        }
        if known {
            return self.keep_bound();
        }
        if self.slots.len() < SLOTS {
            let mut bursts = Bursts::default();
            bursts.handle(at, merge);
            let gaps = Gaps::default();
            self.slots.reserve_exact(1);
            self.slots.push(Slot {
                cell,
                count: 1,
                bursts,
                gaps,
            });
        } else {
            self.slots.iter_mut().for_each(|slot| slot.count -= 1);
            self.slots.retain(|slot| slot.count > 0);
        }
    }

    /// The gaps of every size that is followed.
    pub fn gaps(&self) -> impl Iterator<Item = &Gaps> + '_ {
        self.slots.iter().map(|slot| &slot.gaps)
    }

    /// Events of the most frequent size, at least so many.
    pub fn modal_count(&self) -> u32 {
        self.slots.iter().map(|slot| slot.count).max().unwrap_or(0)
    }

    /// Halves every count.
    pub fn halve(&mut self) {
        for slot in &mut self.slots {
            slot.gaps.halve();
            slot.count = slot.count.div_ceil(2);
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.histogram_bytes()
    }

    fn histogram_bytes(&self) -> usize {
        self.gaps().map(Gaps::heap_bytes).sum()
    }

    fn keep_bound(&mut self) {
        while self.histogram_bytes() > HISTOGRAM_BYTES_MAX {
            let fullest = self.slots.iter_mut().max_by_key(|slot| slot.gaps.filled());
            let Some(slot) = fullest.filter(|slot| !slot.gaps.is_empty()) else {
                return;
            };
            slot.gaps.halve();
        }
    }
}
