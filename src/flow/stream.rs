//! From segments in any order to a stream's events: the vocabulary between reassembly and
//! inspectors.

use crate::net::Side;

/// What happened next in one direction of a TCP flow, always in stream order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// Bytes follow on what was told before.
    Data {
        /// Who sent them.
        side: Side,
        /// The bytes, never empty.
        bytes: &'a [u8],
    },
    /// Bytes are missing for good; what follows comes after them.
    Gap {
        /// Whose bytes are missing.
        side: Side,
        /// How many, never 0.
        bytes: u64,
    },
    /// This side will send no more: FIN in order, or RST.
    End {
        /// Who ended.
        side: Side,
    },
}
