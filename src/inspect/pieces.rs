//! From pieces in any order to bytes in order, where a protocol over datagrams numbers its bytes.
//!
//! Bytes that came first are kept. Holds at most [`HELD_MAX`] bytes in [`PIECES_MAX`] pieces:
//! beyond that a piece is dropped, and its sender's retransmission may fill in.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of one direction, or message: hellos with post-quantum keys take less than 2 KiB.
pub const HELD_MAX: usize = 1 << 16;

/// Pieces that wait for what is before them; Chromium cuts a hello into a dozen.
pub const PIECES_MAX: usize = 256;

/// Memory that a piece takes beside its bytes: its place in the tree, and an allocation.
const PIECE_BYTES: usize = 80;

/// Numbered bytes of one direction, or of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Bytes in order, from the first that was not taken on.
    head: Vec<u8>,
    /// Where the bytes after `head` belong.
    end: u64,
    /// What came too early, by offset.
    pieces: BTreeMap<u64, Vec<u8>>,
    held: usize,
}

impl Pieces {
    /// Takes bytes that belong at `offset`.
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

    /// The bytes in order that were not taken yet.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Takes up to `len` bytes off the front.
    pub fn take(&mut self, len: usize) -> Vec<u8> {
        self.head.drain(..len.min(self.head.len())).collect()
    }

    /// Bytes held, in order or not.
    pub fn held(&self) -> usize {
        self.held + self.head.len()
    }

    /// Bytes of memory that these take.
    pub fn held_bytes(&self) -> usize {
        self.head.len() + self.held + self.pieces.len() * PIECE_BYTES
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
