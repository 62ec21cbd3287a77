//! From frames as they were on the wire to frames as a mirror delivers them.
//!
//! Loss is the mirror's: the hosts got what is missing, so nothing is sent again.

use super::random::Random;
use super::wire::Made;
use crate::time::Span;

/// What the mirror does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairments {
    /// Share of frames that it loses, 0 to 1.
    pub loss: f64,
    /// One frame in twenty is delivered up to so much later.
    pub reorder: Span,
    /// Every frame is delivered twice, the copy up to 50 µs later.
    pub duplicate: bool,
}

/// Of so many frames one is delayed where there is reordering.
const DELAYED: f64 = 0.05;

impl Impairments {
    /// Delivers a frame: not at all, once or twice.
    pub fn deliver(&self, mut made: Made, random: &mut Random, put: &mut impl FnMut(Made)) {
        if self.loss > 0.0 && random.chance(self.loss) {
            return;
        }
        if self.reorder > Span::ZERO && random.chance(DELAYED) {
            let late = random.below(self.reorder.as_nanos().unsigned_abs());
            made.at = made.at + Span::from_nanos(late as i64);
        }
        if self.duplicate {
            let mut copy = made.clone();
            copy.at = copy.at + Span::from_nanos(random.between(1000, 50_000) as i64);
            put(copy);
        }
        put(made);
    }
}
