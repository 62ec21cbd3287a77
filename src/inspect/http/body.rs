//! From a message's framing to where its content ends (RFC 9112, section 6).
//!
//! Content is counted and never kept or copied. Holds a few numbers.

use serde::{Deserialize, Serialize};

/// How the rest of a message's content is delimited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Body {
    /// So many bytes are left, never 0.
    Length(u64),
    /// Chunks (RFC 9112, section 7.1).
    Chunked(Chunk),
    /// The sender's end is the content's.
    UntilClose,
}

/// Where in the chunked coding the next byte stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Chunk {
    /// In the line with a chunk's size: its digits, or what follows them.
    Size { size: Option<u64>, digits: bool },
    /// So many bytes of the chunk are left.
    Data(u64),
    /// In the line break behind a chunk's data.
    DataEnd,
    /// In the trailer section; whether the line has any byte yet.
    Trailer { empty: bool },
}

impl Chunk {
    /// The beginning of a chunk.
    pub(super) const START: Chunk = Chunk::Size {
        size: Some(0),
        digits: true,
    };
}

/// What a piece of the stream was for a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Bytes of the stream that belong to the message.
    pub(super) bytes: usize,
    /// Whether the message is complete.
    pub(super) complete: bool,
    /// Whether a chunk's size was no number.
    pub(super) bad_size: bool,
}

impl Body {
    /// Passes over what of `bytes` belongs to the message; `put` is given the content among it.
    pub(super) fn take(&mut self, bytes: &[u8], put: impl FnMut(&[u8])) -> Taken {
        let mut put = put;
        match self {
            Body::UntilClose => {
                put(bytes);
                Taken {
                    bytes: bytes.len(),
                    ..Taken::default()
                }
            }
            Body::Length(left) => {
                let content = (bytes.len() as u64).min(*left);
                *left -= content;
                put(&bytes[..content as usize]);
                Taken {
                    bytes: content as usize,
                    complete: *left == 0,
                    bad_size: false,
                }
            }
            Body::Chunked(chunk) => take_chunks(chunk, bytes, put),
        }
    }

    /// Passes over missing bytes; how many are content beyond doubt, and whether the message is
    /// complete with them.
    pub(super) fn skip(&mut self, bytes: u64) -> (u64, bool) {
        match self {
            Body::UntilClose => (bytes, false),
            Body::Length(left) => {
                let content = bytes.min(*left);
                *left -= content;
                (content, *left == 0)
            }
            Body::Chunked(chunk) => {
                let left = match chunk {
                    Chunk::Data(left) => *left,
                    _ => 0,
                };
                let content = bytes.min(left);
                if content > 0 {
                    *chunk = match left - content {
                        0 => Chunk::DataEnd,
                        left => Chunk::Data(left),
                    };
                }
                (content, false)
            }
        }
    }
}

fn take_chunks(chunk: &mut Chunk, bytes: &[u8], mut put: impl FnMut(&[u8])) -> Taken {
    let mut taken = Taken::default();
    while let Some(&byte) = bytes.get(taken.bytes) {
        if let Chunk::Data(left) = chunk {
            let rest = bytes.get(taken.bytes..).unwrap_or_default();
            let content = (rest.len() as u64).min(*left);
            *left -= content;
            taken.bytes += content as usize;
            put(&rest[..content as usize]);
            if *left == 0 {
                *chunk = Chunk::DataEnd;
            }
            continue;
        }
        taken.bytes += 1;
        match (&mut *chunk, byte) {
            (Chunk::Size { size, .. }, b'\n') => {
                taken.bad_size |= size.is_none();
                // As in Zeek, a size that is none ends the content.
                *chunk = match *size {
                    None | Some(0) => Chunk::Trailer { empty: true },
                    Some(size) => Chunk::Data(size),
                };
            }
            (Chunk::Size { size, digits: true }, byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map(u64::from);
                *size = size
                    .and_then(|size| size.checked_mul(16))
                    .zip(digit)
                    .and_then(|(size, digit)| size.checked_add(digit));
            }
            (Chunk::Size { size, digits }, byte) => {
                if *digits && !matches!(byte, b';' | b' ' | b'\t' | b'\r') {
                    *size = None;
                }
                *digits = false;
            }
            (Chunk::DataEnd, b'\n') => *chunk = Chunk::START,
            (Chunk::Trailer { empty: true }, b'\n') => {
                taken.complete = true;
                return taken;
            }
            (Chunk::Trailer { empty }, b'\n') => *empty = true,
            (Chunk::Trailer { .. }, b'\r') => {}
            (Chunk::Trailer { empty }, _) => *empty = false,
            (Chunk::DataEnd | Chunk::Data(_), _) => {}
        }
    }
    taken
}
