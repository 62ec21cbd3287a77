//! From a pcapng interface's timestamps, in units of its own, to moments.
//!
//! It rounds down to the nanosecond and saturates where 64 bits of nanoseconds end; no unit makes
//! it fail.

use crate::time::Timestamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// How to make nanoseconds of an interface's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// A unit has so many nanoseconds.
    Times(u64),
    /// A nanosecond has so many units.
    Over(u64),
    /// A second has two to the power of so many units.
    Binary(u8),
}

/// The clock of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    scale: Scale,
    offset_nanos: i64,
}

impl Clock {
    /// The `if_tsresol` of an interface that does not say any.
    pub(super) const MICROSECONDS: u8 = 6;

    /// A clock of `if_tsresol` (a negative power of ten, or of two where the highest bit is set)
    /// that counts from `if_tsoffset` seconds after the Unix epoch.
    pub(super) fn new(resolution: u8, offset_seconds: i64) -> Clock {
        let scale = match resolution {
            0x80.. => Scale::Binary(resolution & 0x7f),
            0..=9 => Scale::Times(10_u64.pow(9 - u32::from(resolution))),
            // What overflows here has units so short that 2^64 of them are no nanosecond.
            _ => 10_u64
                .checked_pow(u32::from(resolution) - 9)
                .map_or(Scale::Binary(127), Scale::Over),
        };
        Clock {
            scale,
            offset_nanos: offset_seconds.saturating_mul(NANOS_PER_SECOND),
        }
    }

    /// The moment `units` after the clock's zero.
    #[inline]
    pub(super) fn at(&self, units: u64) -> Timestamp {
        let nanos = match self.scale {
            Scale::Times(factor) => units.saturating_mul(factor),
            Scale::Over(divisor) => units / divisor,
            Scale::Binary(power) => {
                let nanos = (u128::from(units) * NANOS_PER_SECOND as u128) >> power;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        // An offset below zero may bring back what is beyond the end of signed nanoseconds.
        Timestamp::from_nanos(self.offset_nanos.saturating_add_unsigned(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_comes_out_in_nanoseconds() {
        let cases: [(u8, i64, u64, i64); 12] = [
            (6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
            (0, 0, 1_700_000_000, 1_700_000_000_000_000_000),
            (3, 5, 1_500, 6_500_000_000),
            (12, 0, 1_999, 1),
            (28, 0, u64::MAX, 1),
            (29, 0, u64::MAX, 0),
            (127, 0, u64::MAX, 0),
            (0x80, 0, 7, 7_000_000_000),
            (0x80 | 10, 0, 1_025, 1_000_976_562),
            (0x80 | 32, -1, 3 << 31, 500_000_000),
            (0xff, 0, u64::MAX, 0),
        ];
        for (resolution, offset, units, nanos) in cases {
            let at = Clock::new(resolution, offset).at(units);
            assert_eq!(at.as_nanos(), nanos, "if_tsresol {resolution}");
        }
    }

    #[test]
    fn moments_beyond_sixty_four_bits_saturate() {
        assert_eq!(Clock::new(0, 0).at(u64::MAX).as_nanos(), i64::MAX);
        assert_eq!(Clock::new(6, i64::MIN).at(0).as_nanos(), i64::MIN);
        assert_eq!(Clock::new(6, i64::MAX).at(1).as_nanos(), i64::MAX);
    }
}
