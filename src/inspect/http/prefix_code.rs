//! From code lengths to the symbols of a prefix code and their meaning (RFC 1951, section 3.2).
//!
//! Holds the symbols once, in the order of their codes.

use serde::{Deserialize, Serialize};

/// A canonical prefix code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Code {
    /// How many codes there are of each length.
    counts: [u16; 16],
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
}

/// What a look at the held bits gave.
pub(super) enum Peek {
    /// A symbol, and the bits it takes.
    Symbol(u16, u8),
    /// More bits are needed.
    Short,
    Bad,
}

impl Code {
    /// Bytes of memory beside itself.
    pub(super) fn held_bytes(&self) -> usize {
        size_of_val(self.symbols.as_slice())
    }

    /// The code whose symbols have these lengths; none if the lengths make no code.
    pub(super) fn new(lengths: &[u8]) -> Option<Code> {
        let mut counts = [0u16; 16];
        for length in lengths {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        counts[0] = 0;
        let mut left = 1i32;
        for count in &counts[1..] {
            left = left * 2 - i32::from(*count);
            if left < 0 {
                return None;
            }
        }
        let mut symbols: Vec<u16> = (0..lengths.len() as u16)
            .filter(|symbol| lengths[usize::from(*symbol)] > 0)
            .collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        Some(Code { counts, symbols })
    }

    pub(super) fn peek(&self, bits: u64, held: u8) -> Peek {
        let (mut code, mut first, mut index) = (0i32, 0i32, 0i32);
        for length in 1..16u8 {
            if length > held {
                return Peek::Short;
            }
            code |= (bits >> (length - 1) & 1) as i32;
            let count = i32::from(self.counts[usize::from(length)]);
            if code - count < first {
                let symbol = self.symbols.get((index + code - first) as usize);
                return symbol.map_or(Peek::Bad, |symbol| Peek::Symbol(*symbol, length));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Peek::Bad
    }
}

/// Base and extra bits of the length symbols from 257 on (RFC 1951, section 3.2.5).
pub(super) const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Base and extra bits of a distance symbol, below 30 (RFC 1951, section 3.2.5).
pub(super) fn distance_of(symbol: u16) -> (u64, u8) {
    let extra = (symbol / 2).saturating_sub(1);
    match symbol {
        0..4 => (u64::from(symbol) + 1, 0),
        _ => (((2 + u64::from(symbol & 1)) << extra) + 1, extra as u8),
    }
}
