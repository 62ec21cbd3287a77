//! From CRYPTO frames in order to handshake messages (RFC 9000, section 19.6).

use crate::inspect::pieces::{HELD_MAX, Pieces};

/// The type and the body of the next whole message. `Err` where it claims more than `max` bytes.
pub fn next_message(stream: &mut Pieces, max: usize) -> Result<Option<(u8, Vec<u8>)>, ()> {
    let Some(([kind, a, b, c], rest)) = stream.head().split_first_chunk() else {
        return Ok(None);
    };
    let (kind, len) = (*kind, u32::from_be_bytes([0, *a, *b, *c]) as usize);
    if len > max.min(HELD_MAX) {
        return Err(());
    }
    if rest.len() < len {
        return Ok(None);
    }
    stream.take(4);
    Ok(Some((kind, stream.take(len))))
}
