//! From gaps to those between two pauses.
//!
//! Somebody who uses a beacon's destination comes in sittings: most of their gaps have a short one
//! beside them, a beacon's have long ones. Which gaps count depends on their neighbours alone, so
//! of a process whose gaps do not depend on each other the ones that count are distributed as all
//! of them: the view takes no process without a timer for one more often than all gaps do. The
//! histogram holds at most [`HISTOGRAM_BYTES_MAX`] bytes: beyond, it is halved.

use super::gaps::Gaps;
use serde::{Deserialize, Serialize};

/// The bin from which on a gap is a pause: 128 s. Fitted on simulated beacons beside a person
/// (sleeps of 20 s to 30 min): 117 s and 235 s find as many.
const PAUSE: u8 = 56;
/// Bytes of the histogram: 40 bins.
const HISTOGRAM_BYTES_MAX: usize = 120;
/// The most that [`Calm::heap_bytes`] gives.
pub const HEAP_BYTES_MAX: usize = HISTOGRAM_BYTES_MAX;

/// Gaps between two pauses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calm {
    gaps: Gaps,
    /// The gap before the last one was a pause.
    after_pause: bool,
    /// The last gap; none before there was one.
    last: Option<u8>,
}

impl Calm {
    /// Takes the next gap's bin.
    pub fn handle(&mut self, b: u8) {
        let is_pause = b >= PAUSE;
        let Some(last) = self.last.replace(b) else {
            return;
        };
        if self.after_pause && is_pause {
            self.gaps.add(last);
            while self.gaps.heap_bytes() > HISTOGRAM_BYTES_MAX {
                self.gaps.halve();
            }
        }
        self.after_pause = last >= PAUSE;
    }

    /// The gaps that have a pause before and after them.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// Halves every count.
    pub fn halve(&mut self) {
        self.gaps.halve();
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.gaps.heap_bytes()
    }
}
