//! From the fragments of one datagram, in any order, to its bytes.
//!
//! Holds at most [`PIECES_MAX`] pieces, which never overlap, of at most 64 KiB together.

use super::Fragment;
use crate::packet::checksum;
use crate::time::Timestamp;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pieces of one datagram. The longest needs 1,366 where every fragment fits IPv4's smallest MTU
/// (68 bytes, RFC 791); more are an attack on whoever joins them.
const PIECES_MAX: usize = 2048;

/// What a train and a piece of it cost beside the bytes they carry: measured sizes, rounded up.
const TRAIN_COST: usize = 512;
const PIECE_COST: usize = 64;

/// The fragments of one datagram.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Train {
    /// The how-manieth of all.
    pub(super) number: u64,
    /// The clock when its first fragment came.
    pub(super) opened_at: Timestamp,
    /// How many fragments came.
    pub(super) fragments: u64,
    /// The header of the fragment that begins the datagram; empty until that came.
    header: Vec<u8>,
    /// Where in an IPv6 header the field lies that names the fragment header.
    named_at: u32,
    /// The protocol that the fragment told that came first, or begins the datagram.
    proto: u8,
    /// The header length of the fragment that came first.
    header_len: u32,
    /// Pieces by offset; they do not overlap.
    pieces: BTreeMap<u32, Piece>,
    /// Bytes that they stand for.
    covered: u32,
    /// Bytes that they carry.
    carried: usize,
    /// Where the fragment that reaches farthest ends.
    end: u32,
    /// Whether a fragment was said to be the last.
    is_ended: bool,
    /// Whether nothing can come of it any more.
    is_void: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Piece {
    /// Bytes on the wire.
    len: u32,
    /// Bytes captured.
    bytes: Box<[u8]>,
}

/// A part of a datagram's payload.
#[derive(Clone, Copy)]
struct Extent<'a> {
    start: u32,
    end: u32,
    /// From `start` on, as far as captured.
    bytes: &'a [u8],
}

impl Train {
    /// A train that `fragment` opens, which is still to be handled.
    pub(super) fn open(number: u64, clock: Timestamp, fragment: &Fragment) -> Train {
        Train {
            number,
            opened_at: clock,
            fragments: 0,
            header: Vec::new(),
            named_at: 0,
            proto: fragment.proto,
            header_len: fragment.header_len,
            pieces: BTreeMap::new(),
            covered: 0,
            carried: 0,
            end: 0,
            is_ended: false,
            is_void: false,
        }
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn cost(&self) -> usize {
        TRAIN_COST + self.header.len() + self.carried + self.pieces.len() * PIECE_COST
    }

    /// Takes a fragment; says whether the datagram is whole now.
    pub(super) fn handle_fragment(
        &mut self,
        fragment: &Fragment,
        frame: &[u8],
        weirds: &mut Vec<Weird>,
    ) -> bool {
        self.fragments += 1;
        if self.is_void {
            return false;
        }
        if fragment.proto != self.proto || fragment.header_len != self.header_len {
            weirds.push(Weird::FragmentProtocolInconsistency);
        }
        let extent = Extent {
            start: fragment.at,
            end: fragment.at + fragment.body_len,
            bytes: fragment.body(frame),
        };
        self.note_end(extent.end, fragment.more, weirds);
        if let Some(weird) = self.overlap(extent) {
            weirds.push(weird);
            if fragment.src.is_ipv6() && !self.is_repetition(extent) {
                self.give_up();
                return false;
            }
        }
        if fragment.at == 0 && self.header.is_empty() {
            self.header = fragment.header(frame).to_vec();
            self.named_at = fragment.named_at;
            self.proto = fragment.proto;
        }
        self.fill(extent);
        if self.pieces.len() > PIECES_MAX {
            self.give_up();
        }
        self.is_ended && self.covered == self.end
    }

    /// Where fragments disagree on the end, the farthest stands, as in Zeek.
    fn note_end(&mut self, end: u32, more: bool, weirds: &mut Vec<Weird>) {
        let contradicts = match (self.is_ended, more) {
            (true, true) => end > self.end,
            (true, false) => end != self.end,
            (false, true) => false,
            (false, false) => end < self.end,
        };
        if contradicts {
            weirds.push(Weird::FragmentSizeInconsistency);
        }
        self.is_ended |= !more;
        self.end = self.end.max(end);
    }

    /// How `extent` disagrees with the pieces, if they claim any of it.
    fn overlap(&self, extent: Extent<'_>) -> Option<Weird> {
        let mut weird = None;
        for (start, piece) in self.pieces.range(..extent.end).rev() {
            let end = start + piece.len;
            if end <= extent.start {
                break;
            }
            let (low, high) = (extent.start.max(*start), extent.end.min(end));
            let ours = part(extent.bytes, extent.start, low, high);
            let theirs = part(&piece.bytes, *start, low, high);
            let both = ours.len().min(theirs.len());
            if ours[..both] != theirs[..both] {
                return Some(Weird::FragmentInconsistency);
            }
            weird = Some(Weird::FragmentOverlap);
        }
        weird
    }

    /// Whether `extent` is a piece that is there already, which the network may have doubled
    /// (RFC 8200 section 4.5).
    fn is_repetition(&self, extent: Extent<'_>) -> bool {
        self.pieces.get(&extent.start).is_some_and(|piece| {
            piece.len == extent.end - extent.start && *piece.bytes == *extent.bytes
        })
    }

    /// Keeps the parts of `extent` that no piece claims.
    fn fill(&mut self, extent: Extent<'_>) {
        let mut at = extent.start;
        while at < extent.end {
            let covering = self.pieces.range(..=at).next_back();
            let until = covering.map_or(0, |(start, piece)| start + piece.len);
            if until > at {
                at = until;
                continue;
            }
            let next = self.pieces.range(at..).next();
            let until = next.map_or(extent.end, |(start, _)| extent.end.min(*start));
            let bytes: Box<[u8]> = part(extent.bytes, extent.start, at, until).into();
            let len = until - at;
            self.covered += len;
            self.carried += bytes.len();
            self.pieces.insert(at, Piece { len, bytes });
            at = until;
        }
    }

    /// Nothing comes of it any more; what still arrives for it is swallowed until its time is up.
    fn give_up(&mut self) {
        self.is_void = true;
        self.pieces = BTreeMap::new();
        self.header = Vec::new();
        self.carried = 0;
        self.covered = 0;
    }

    /// Bytes of the whole datagram.
    pub(super) fn wire_len(&self) -> u32 {
        self.header.len() as u32 + self.end
    }

    /// The whole datagram, up to the first byte that was not captured.
    pub(super) fn join(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.header.len() + self.carried);
        bytes.extend_from_slice(&self.header);
        match self.header.first().map(|first| first >> 4) {
            Some(4) => whole_v4(&mut bytes, self.wire_len()),
            _ => whole_v6(&mut bytes, self.wire_len(), self.named_at, self.proto),
        }
        for piece in self.pieces.values() {
            bytes.extend_from_slice(&piece.bytes);
            if piece.bytes.len() < piece.len as usize {
                break;
            }
        }
        bytes
    }
}

/// Makes a first fragment's IPv4 header the header of a whole datagram.
fn whole_v4(header: &mut [u8], wire_len: u32) {
    // A length that its field cannot hold is left to the end of the bytes, which 0 stands for.
    let total = u16::try_from(wire_len).unwrap_or(0);
    write(header, 2, &total.to_be_bytes());
    write(header, 6, &[0, 0]);
    write(header, 10, &[0, 0]);
    let sum = checksum::of(header);
    write(header, 10, &sum.to_be_bytes());
}

/// Makes a first fragment's IPv6 headers those of a whole datagram.
fn whole_v6(header: &mut [u8], wire_len: u32, named_at: u32, proto: u8) {
    let length = u16::try_from(wire_len.saturating_sub(40)).unwrap_or(0);
    write(header, 4, &length.to_be_bytes());
    write(header, named_at as usize, &[proto]);
}

fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// The bytes of `[low, high)`, as far as captured, of an extent that begins at `start`.
fn part(bytes: &[u8], start: u32, low: u32, high: u32) -> &[u8] {
    let low = ((low - start) as usize).min(bytes.len());
    let high = ((high - start) as usize).min(bytes.len());
    &bytes[low..high]
}
