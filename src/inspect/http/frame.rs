//! From the frames of an HTTP/2 direction to what their payloads are (RFC 9113, section 6).
//!
//! Holds a frame's header, or the payload of one that carries fields.

use super::hpack::Decoder;
use super::http2::Http2Inspector;
use crate::net::Side;
use serde::{Deserialize, Serialize};

/// How the originator begins (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 9;

// Types and flags.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// One direction of the flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Direction {
    pub(super) place: Place,
    pub(super) decoder: Decoder,
    /// The field block at hand, and its stream.
    pub(super) block: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Place {
    /// In a frame's header: what came of it.
    Header(Vec<u8>),
    /// In a frame whose payload is held until it is whole.
    Held(Frame, Vec<u8>),
    /// In content: so many bytes of it, then of padding.
    Content(Frame),
    /// In what is passed over.
    Passed(Frame),
    /// Nothing more is read.
    Over,
}

/// Whether the first bytes of a direction look like HTTP/2, the preface or settings, and how many
/// are needed to decide.
pub(super) fn fits_beginning(side: Side, first: &[u8]) -> (bool, usize) {
    match side {
        Side::Originator => {
            let alike = first.iter().zip(PREFACE).all(|(byte, other)| byte == other);
            (alike, Http2Inspector::PROBE_BYTES)
        }
        Side::Responder => {
            let fits = |(at, byte): (usize, &u8)| match at {
                0 | 1 | 5.. => *byte == 0,
                2 => byte % 6 == 0,
                3 => *byte == 4,
                _ => *byte < 2,
            };
            let fits = first.iter().take(HEADER_BYTES).enumerate().all(fits);
            (fits, HEADER_BYTES)
        }
    }
}

impl Direction {
    /// Bytes of memory beside itself.
    pub(super) fn held_bytes(&self) -> usize {
        let place = match &self.place {
            Place::Header(bytes) | Place::Held(_, bytes) => bytes.len(),
            _ => 0,
        };
        place + self.block.len() + self.decoder.held_bytes()
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::Header(Vec::new())
    }
}

/// A frame, as far as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// Bytes of the payload that are left.
    pub(super) left: u32,
    /// How many of them are padding; unknown until the first byte.
    pub(super) padding: Option<u8>,
}

impl Frame {
    /// The frame with this header; none where it is not whole.
    pub(super) fn read(header: &[u8]) -> Option<Frame> {
        let [high, middle, low, kind, flags, stream @ ..] = header else {
            return None;
        };
        let stream = <[u8; 4]>::try_from(stream).ok()?;
        Some(Frame {
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
            left: u32::from_be_bytes([0, *high, *middle, *low]),
            padding: (flags & PADDED == 0).then_some(0),
        })
    }

    /// The part of the frame's payload that belongs to a field block.
    pub(super) fn fragment(self, mut payload: &[u8]) -> Option<&[u8]> {
        let mut padding = 0;
        if self.kind != CONTINUATION && self.flags & PADDED != 0 {
            let (first, rest) = payload.split_first()?;
            (padding, payload) = (usize::from(*first), rest);
        }
        let before = match self.kind {
            HEADERS if self.flags & PRIORITY != 0 => 5,
            PUSH_PROMISE => 4,
            _ => 0,
        };
        payload.get(before..payload.len().checked_sub(padding)?)
    }
}
