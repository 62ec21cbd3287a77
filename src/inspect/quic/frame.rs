//! From the bytes of an Initial packet to its frames (RFC 9000, section 19).
//!
//! Tells CRYPTO and CONNECTION_CLOSE, and passes over the rest. Copies nothing, in linear time.

use super::packet::varint;
use crate::fingerprint::Reader;

/// Frame types that an Initial packet may hold (RFC 9000, section 12.4).
mod kind {
    pub const PADDING: u64 = 0x00;
    pub const PING: u64 = 0x01;
    pub const ACK: u64 = 0x02;
    pub const ACK_ECN: u64 = 0x03;
    pub const CRYPTO: u64 = 0x06;
    /// CRYPTO in Google's own framing (Q050); in RFC 9000 no frame of an Initial packet.
    pub const CRYPTO_GOOGLE: u64 = 0x08;
    pub const CLOSE: u64 = 0x1c;
}

/// What an Initial packet says.
pub enum Frame<'a> {
    Crypto { offset: u64, bytes: &'a [u8] },
    Close,
    Other,
}

/// The next frame; none at the end, and where no frame of an Initial packet stands.
pub fn next_frame<'a>(reader: &mut Reader<'a>) -> Option<Frame<'a>> {
    match varint(reader)? {
        kind::PADDING | kind::PING => {}
        frame @ (kind::ACK | kind::ACK_ECN) => {
            varint(reader)?; // largest
            varint(reader)?; // delay
            let ranges = varint(reader)?;
            varint(reader)?; // first range
            for _ in 0..ranges {
                varint(reader)?; // gap
                varint(reader)?; // length
            }
            if frame == kind::ACK_ECN {
                for _ in 0..3 {
                    varint(reader)?;
                }
            }
        }
        kind::CRYPTO | kind::CRYPTO_GOOGLE => {
            let offset = varint(reader)?;
            let len = usize::try_from(varint(reader)?).ok()?;
            let bytes = reader.take(len)?;
            return Some(Frame::Crypto { offset, bytes });
        }
        kind::CLOSE => return Some(Frame::Close),
        _ => return None,
    }
    Some(Frame::Other)
}
