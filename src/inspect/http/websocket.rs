//! From the frames of a WebSocket to what they carry (RFC 6455, section 5).
//!
//! Control frames are passed over; compressed messages (RFC 7692) and what is no frame end a
//! direction. Holds one frame header a direction.

use crate::flow::stream::StreamEvent;
use crate::net::Side;
use serde::{Deserialize, Serialize};

/// The framing of both directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WebSocketFrames {
    directions: [Direction; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Direction {
    /// In a frame's header: what came of it.
    Header(Vec<u8>),
    Payload(Payload),
    /// Nothing more is read.
    Over,
}

impl Default for Direction {
    fn default() -> Direction {
        Direction::Header(Vec::new())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Payload {
    left: u64,
    /// The masking key, turned so that its first byte is the next one's.
    mask: [u8; 4],
    /// Whether a message is carried, and not a control frame.
    data: bool,
}

/// Bytes that are unmasked at once.
const PIECE_BYTES: usize = 4096;

impl WebSocketFrames {
    /// Takes the next event of the framed streams; hands out those of the carried ones.
    pub fn take(&mut self, event: StreamEvent<'_>, put: &mut impl FnMut(StreamEvent<'_>)) {
        match event {
            StreamEvent::Data { side, bytes } => self.take_bytes(side, bytes, put),
            StreamEvent::Gap { side, bytes } => {
                let direction = &mut self.directions[side.index()];
                match direction {
                    Direction::Payload(payload) if payload.left > bytes => {
                        payload.left -= bytes;
                        payload.mask.rotate_left((bytes % 4) as usize);
                        if payload.data {
                            put(StreamEvent::Gap { side, bytes });
                        }
                    }
                    _ => *direction = Direction::Over,
                }
            }
            StreamEvent::End { side } => put(StreamEvent::End { side }),
        }
    }

    fn take_bytes(&mut self, side: Side, mut bytes: &[u8], put: &mut impl FnMut(StreamEvent<'_>)) {
        let direction = &mut self.directions[side.index()];
        while let Some((&byte, rest)) = bytes.split_first() {
            match direction {
                Direction::Over => return,
                Direction::Header(header) => {
                    header.push(byte);
                    bytes = rest;
                    match read_header(header) {
                        Header::Open => {}
                        Header::Whole(payload) => *direction = payload.or_next(),
                        Header::Bad => *direction = Direction::Over,
                    }
                }
                Direction::Payload(payload) => {
                    let len = payload.left.min(bytes.len().min(PIECE_BYTES) as u64) as usize;
                    let (piece, rest) = bytes.split_at(len);
                    bytes = rest;
                    if payload.data {
                        let mask = payload.mask.iter().cycle();
                        let plain: Vec<u8> = piece.iter().zip(mask).map(|(b, m)| b ^ m).collect();
                        let bytes = &plain[..];
                        put(StreamEvent::Data { side, bytes });
                    }
                    payload.left -= len as u64;
                    payload.mask.rotate_left(len % 4);
                    *direction = payload.or_next();
                }
            }
        }
    }
}

impl Payload {
    /// The payload, or the next header behind it.
    fn or_next(self) -> Direction {
        match self.left {
            0 => Direction::default(),
            _ => Direction::Payload(self),
        }
    }
}

enum Header {
    Open,
    Whole(Payload),
    Bad,
}

fn read_header(header: &[u8]) -> Header {
    let [first, second, rest @ ..] = header else {
        return Header::Open;
    };
    let opcode = first & 0x0f;
    // A reserved bit means an extension, such as compression.
    if first & 0x70 != 0 || matches!(opcode, 3..=7 | 11..) {
        return Header::Bad;
    }
    let len_bytes = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask_bytes = if second & 0x80 != 0 { 4 } else { 0 };
    if rest.len() < len_bytes + mask_bytes {
        return Header::Open;
    }
    let (len, mask) = rest.split_at(len_bytes);
    let left = match len {
        [] => u64::from(second & 0x7f),
        _ => len.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
    };
    Header::Whole(Payload {
        left,
        mask: mask.try_into().unwrap_or_default(),
        data: opcode < 8,
    })
}
