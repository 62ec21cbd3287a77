//! From one side's segments in any order to its bytes in order.
//!
//! Knows no packet: offsets are relative to the side's start, 64 bits wide, so nothing wraps here.
//! What arrives in order is passed on without a copy. What it holds, the account of each piece
//! included, is told by [`Reassembler::held_bytes`]: its owner keeps that within
//! [`reassembly_flow_bytes_max`](crate::limits::Limits::reassembly_flow_bytes_max).

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// One side's stream, as far as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reassembler {
    /// The offset of the next byte to pass on.
    next: u64,
    /// What is beyond `next`; none where nothing is, as nearly always.
    held: Option<Box<Held>>,
}

/// Pieces beyond a hole, and the holes that were acknowledged: never without either.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Held {
    /// By offset; they never overlap each other or what was passed on.
    pieces: BTreeMap<u64, Piece>,
    /// By offset; each end lies beyond `next`.
    awaited: VecDeque<Awaited>,
    /// Memory that they take.
    bytes: usize,
    /// Stream bytes that they stand for.
    len: u64,
}

/// Bytes that were acknowledged, so they were sent; some of them were not seen, and may still come
/// where the capture is reordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// One past the last one.
    pub end: u64,
    /// The moment of the acknowledgement.
    pub since: Timestamp,
    /// Letters that the flow's history had then.
    pub letters: usize,
    /// They count as missed if they do not come.
    pub counts: bool,
}

/// Memory that an account of awaited bytes takes.
const AWAITED_BYTES: usize = size_of::<Awaited>();

/// Memory that a piece takes beside its content: a place in the tree, which is at least half full,
/// and an allocation. A peer that sends single bytes makes it most of what is held.
const PIECE_BYTES: usize = 96;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Piece {
    /// Stream bytes it stands for.
    len: u64,
    /// Its content; shorter than `len` where the capture was cut or nobody reads this stream.
    bytes: Vec<u8>,
}

/// A segment's part of the stream.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Offset of its first byte.
    pub offset: u64,
    /// Bytes on the wire.
    pub len: u64,
    /// Bytes captured, at most `len`.
    pub bytes: &'a [u8],
}

/// What comes next in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piecewise<'a> {
    /// These bytes, never empty.
    Data(&'a [u8]),
    /// So many bytes that were sent but not captured.
    Uncaptured(u64),
    /// So many bytes that were never seen.
    Missing(u64),
}

/// What a segment turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// It claims bytes that another segment claimed with other content; the first one was kept.
    pub inconsistent: bool,
    /// How much more, or less, is held than before.
    pub held_delta: isize,
}

impl Default for Reassembler {
    /// A stream whose first byte has offset 1, after the SYN's.
    fn default() -> Reassembler {
        Reassembler {
            next: 1,
            held: None,
        }
    }
}

impl Reassembler {
    /// The offset of the next byte to pass on.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of memory that are held.
    pub fn held_bytes(&self) -> usize {
        let bytes = |held: &Held| held.bytes + held.awaited.len() * AWAITED_BYTES;
        self.held.as_deref().map_or(0, bytes)
    }

    /// Stream bytes above the first hole.
    pub fn above_hole(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.len)
    }

    /// Takes a segment; what can be passed on now goes to `put`, the rest is held. With `keep`
    /// false only its extent is held.
    pub fn handle_segment(
        &mut self,
        segment: Segment<'_>,
        keep: bool,
        put: &mut impl FnMut(Piecewise<'_>),
    ) -> Arrival {
        let before = self.held_bytes() as isize;
        let mut arrival = Arrival::default();
        let end = segment.offset.saturating_add(segment.len);
        if segment.offset <= self.next && end > self.next {
            let skip = self.next - segment.offset;
            let until = self.first_held().map_or(end, |first| first.min(end));
            let len = until - self.next;
            let bytes = tail(segment.bytes, skip);
            self.pass(len, &bytes[..bytes.len().min(len as usize)], put);
        }
        if end > self.next {
            arrival.inconsistent = self.hold(segment, keep);
        }
        self.drain(put);
        arrival.held_delta = self.held_bytes() as isize - before;
        arrival
    }

    /// Passes over what is missing below `offset`; gives the number of bytes that were never seen.
    pub fn skip_to(&mut self, offset: u64, put: &mut impl FnMut(Piecewise<'_>)) -> u64 {
        let mut missing = 0;
        while self.next < offset {
            let until = self.first_held().map_or(offset, |first| offset.min(first));
            if until > self.next {
                missing += until - self.next;
                put(Piecewise::Missing(until - self.next));
                self.next = until;
            }
            self.drain(put);
        }
        self.drain(put);
        missing
    }

    /// Passes over the first hole, if pieces are held behind it; gives the number of bytes never
    /// seen.
    pub fn skip_hole(&mut self, put: &mut impl FnMut(Piecewise<'_>)) -> u64 {
        match self.first_held() {
            Some(first) => self.skip_to(first, put),
            None => 0,
        }
    }

    /// Nobody reads this stream any more: what is held shrinks to its extent.
    pub fn forget_bytes(&mut self) {
        if let Some(held) = &mut self.held {
            for piece in held.pieces.values_mut() {
                piece.bytes = Vec::new();
            }
            held.bytes = held.pieces.len() * PIECE_BYTES;
        }
    }

    /// Takes an acknowledgement, and remembers it where bytes below its end were not seen that no
    /// earlier one acknowledged.
    pub fn await_bytes(&mut self, acknowledged: Awaited) {
        let last = self.held.as_deref().and_then(|held| held.awaited.back());
        let from = last.map_or(self.next, |last| last.end);
        if self.misses(from, acknowledged.end) {
            let held = self.held.get_or_insert_default();
            held.awaited.push_back(acknowledged);
        }
    }

    /// The first acknowledgement whose bytes were not all seen yet.
    pub fn awaited(&self) -> Option<&Awaited> {
        self.held.as_ref()?.awaited.front()
    }

    /// Forgets that one: its bytes are not waited for any more. [`Reassembler::skip_to`] its end
    /// passes over them.
    pub fn pop_awaited(&mut self) -> Option<Awaited> {
        self.held.as_mut()?.awaited.pop_front()
    }

    /// How many acknowledgements are remembered.
    pub fn awaited_len(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.awaited.len())
    }

    /// All remembered acknowledgements, for corrections.
    pub fn awaited_mut(&mut self) -> impl Iterator<Item = &mut Awaited> {
        self.held
            .iter_mut()
            .flat_map(|held| held.awaited.iter_mut())
    }

    /// Whether a byte of `[from, until)` was not seen.
    fn misses(&self, from: u64, until: u64) -> bool {
        let mut at = from.max(self.next);
        while at < until {
            let before = |held: &Held| {
                let (start, piece) = held.pieces.range(..=at).next_back()?;
                Some(start + piece.len)
            };
            match self.held.as_deref().and_then(before) {
                Some(end) if end > at => at = end,
                _ => return true,
            }
        }
        false
    }

    /// The offset of the first piece beyond the first hole.
    fn first_held(&self) -> Option<u64> {
        let held = self.held.as_ref()?;
        held.pieces.keys().next().copied()
    }

    /// Holds the parts of `segment` that no piece covers; says whether a piece covers a part
    /// differently.
    fn hold(&mut self, segment: Segment<'_>, keep: bool) -> bool {
        let end = segment.offset.saturating_add(segment.len);
        let mut at = segment.offset.max(self.next);
        let mut inconsistent = false;
        let held = self.held.get_or_insert_default();
        while at < end {
            let covering = held.pieces.range(..=at).next_back();
            let covered = covering.filter(|(start, piece)| *start + piece.len > at);
            if let Some((start, piece)) = covered {
                let until = end.min(start + piece.len);
                let ours = part(segment.bytes, segment.offset, at, until);
                let theirs = part(&piece.bytes, *start, at, until);
                let shared = ours.len().min(theirs.len());
                inconsistent |= ours[..shared] != theirs[..shared];
                at = until;
                continue;
            }
            let until = held
                .pieces
                .range(at..)
                .next()
                .map_or(end, |(start, _)| end.min(*start));
            let bytes = match keep {
                true => part(segment.bytes, segment.offset, at, until).to_vec(),
                false => Vec::new(),
            };
            held.bytes += bytes.len() + PIECE_BYTES;
            let len = until - at;
            held.len += len;
            held.pieces.insert(at, Piece { len, bytes });
            at = until;
        }
        inconsistent
    }

    fn drain(&mut self, put: &mut impl FnMut(Piecewise<'_>)) {
        while let Some(held) = &mut self.held {
            let arrived = |awaited: &&Awaited| awaited.end <= self.next;
            while held.awaited.front().filter(arrived).is_some() {
                held.awaited.pop_front();
            }
            let Some(entry) = held.pieces.first_entry() else {
                if held.awaited.is_empty() {
                    self.held = None;
                }
                return;
            };
            if *entry.key() > self.next {
                return;
            }
            let piece = entry.remove();
            held.bytes -= piece.bytes.len() + PIECE_BYTES;
            held.len -= piece.len;
            self.pass(piece.len, &piece.bytes, put);
        }
    }

    fn pass(&mut self, len: u64, bytes: &[u8], put: &mut impl FnMut(Piecewise<'_>)) {
        self.next += len;
        if !bytes.is_empty() {
            put(Piecewise::Data(bytes));
        }
        let uncaptured = len - (bytes.len() as u64).min(len);
        if uncaptured > 0 {
            put(Piecewise::Uncaptured(uncaptured));
        }
    }
}

/// `bytes` without its first `skip`.
fn tail(bytes: &[u8], skip: u64) -> &[u8] {
    bytes.get(skip as usize..).unwrap_or_default()
}

/// The bytes of `[from, until)`, as far as captured, of a piece that begins at `start`.
fn part(bytes: &[u8], start: u64, from: u64, until: u64) -> &[u8] {
    let low = ((from - start) as usize).min(bytes.len());
    let high = ((until - start) as usize).min(bytes.len());
    &bytes[low..high]
}
