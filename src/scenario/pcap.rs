//! From a scenario to a capture file: classic pcap, nanoseconds, little-endian.

use super::wire::Made;
use std::io::{self, Write};

/// The longest frame: an IP packet of the longest kind and its Ethernet header.
const SNAPLEN: u32 = 65_549;

/// Writes the file's header.
///
/// # Errors
/// When `out` takes no more.
pub fn begin(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0])?;
    out.write_all(&[0; 8])?;
    out.write_all(&SNAPLEN.to_le_bytes())?;
    out.write_all(&1_u32.to_le_bytes())
}

/// Writes a frame.
///
/// # Errors
/// When `out` takes no more.
pub fn write(out: &mut impl Write, made: &Made) -> io::Result<()> {
    let nanos = made.at.as_nanos();
    let seconds = nanos.div_euclid(1_000_000_000) as u32;
    let nanos = nanos.rem_euclid(1_000_000_000) as u32;
    for word in [seconds, nanos, made.bytes.len() as u32, made.wire_len] {
        out.write_all(&word.to_le_bytes())?;
    }
    out.write_all(&made.bytes)
}
