//! From CRYPTO frames in any order to handshake messages (RFC 9000, section 19.6).
//!
//! Bytes that came first are kept. Holds at most [`HELD_MAX`] bytes in [`PIECES_MAX`] pieces for
//! one direction: beyond that a frame is dropped, and its sender's retransmission may fill in.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of one direction: hellos with post-quantum keys take less than 2 KiB.
pub const HELD_MAX: usize = 1 << 16;

/// Pieces of one direction that wait for what is before them; Chromium cuts a hello into a dozen.
pub const PIECES_MAX: usize = 256;

/// Memory that a piece takes beside its bytes: its place in the tree, and an allocation.
const PIECE_BYTES: usize = 80;

/// The bytes of one direction's CRYPTO stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CryptoStream {
    /// Bytes in order, from the beginning of the open message on.
    head: Vec<u8>,
    /// Where the bytes after `head` belong.
    end: u64,
    /// What came too early, by offset.
    pieces: BTreeMap<u64, Vec<u8>>,
    held: usize,
}

impl CryptoStream {
    /// Bytes of memory that are held.
    pub fn held_bytes(&self) -> usize {
        self.head.capacity() + self.held + self.pieces.len() * PIECE_BYTES
    }

    /// Takes a frame's bytes, which belong at `offset`.
    pub fn insert(&mut self, offset: u64, mut bytes: &[u8]) {
        let skip = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        bytes = bytes.get(skip..).unwrap_or_default();
        let offset = offset.max(self.end);
        let known = self.pieces.get(&offset).map_or(0, Vec::len);
        if bytes.len() <= known
            || offset - self.end > HELD_MAX as u64
            || self.held + self.head.len() + bytes.len() > HELD_MAX
            || known == 0 && self.pieces.len() >= PIECES_MAX
        {
            return;
        }
        let piece = self.pieces.entry(offset).or_default();
        piece.extend_from_slice(bytes.get(known..).unwrap_or_default());
        self.held += bytes.len() - known;
        self.join();
    }

    /// The type and the body of the next whole message. `Err` where it claims more than `max`
    /// bytes.
    pub fn next_message(&mut self, max: usize) -> Result<Option<(u8, Vec<u8>)>, ()> {
        let Some(([kind, a, b, c], rest)) = self.head.split_first_chunk() else {
            return Ok(None);
        };
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if len > max.min(HELD_MAX) {
            return Err(());
        }
        let kind = *kind;
        let Some(body) = rest.get(..len).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.head.drain(..4 + len);
        Ok(Some((kind, body)))
    }

    /// Moves what now follows on `head` there.
    fn join(&mut self) {
        while let Some(entry) = self.pieces.first_entry() {
            let offset = *entry.key();
            if offset > self.end {
                return;
            }
            let piece = entry.remove();
            self.held -= piece.len();
            let skip = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
            let news = piece.get(skip..).unwrap_or_default();
            self.head.extend_from_slice(news);
            self.end += news.len() as u64;
        }
    }
}
