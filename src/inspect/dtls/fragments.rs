//! From handshake fragments to whole messages (RFC 6347, section 4.2.3).
//!
//! A message is told once; that it came again in one piece is told as such. Holds at most
//! [`OPEN_MAX`] messages of one direction, and of all of them no more than the bound on handshake
//! bytes.

use crate::fingerprint::Reader;
use crate::inspect::pieces::{HELD_MAX, Pieces};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Messages that are remembered; the longest flight, of a server that asks for a certificate, has
/// seven.
const OPEN_MAX: usize = 16;

/// The last handshake messages of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragments {
    /// By number.
    open: BTreeMap<u16, Partial>,
}

/// A message that was told, or comes in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Partial {
    kind: u8,
    len: usize,
    pieces: Pieces,
    /// It was told.
    told: bool,
}

/// One fragment, with the header of twelve bytes taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The message's type.
    pub kind: u8,
    /// The message's length.
    pub len: usize,
    /// The message's number.
    pub number: u16,
    /// Where the fragment belongs.
    pub offset: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// The next fragment of a handshake record; none where it is cut short or contradicts itself.
    pub fn next(record: &mut Reader<'a>) -> Option<Fragment<'a>> {
        let kind = record.byte()?;
        let len = triple(record)?;
        let number = record.word()?;
        let offset = triple(record)?;
        let fragment_len = triple(record)?;
        let bytes = record.take(fragment_len)?;
        (offset.checked_add(fragment_len)? <= len).then_some(Fragment {
            kind,
            len,
            number,
            offset,
            bytes,
        })
    }
}

/// What a fragment led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// A message is whole: its type and body.
    Whole(u8, Cow<'a, [u8]>),
    /// A message that was whole before came again in one piece; its type.
    Again(u8),
    /// Nothing yet.
    Open,
    /// It belongs to a message longer than the bound.
    TooLong,
}

impl Fragments {
    /// Bytes of memory that these take.
    pub fn held_bytes(&self) -> usize {
        let each = |open: &Partial| size_of::<Partial>() + open.pieces.held_bytes();
        self.open.values().map(each).sum()
    }

    /// Takes a fragment. `max` bounds a message, and the bytes held.
    pub fn insert<'a>(&mut self, fragment: &Fragment<'a>, max: usize) -> Outcome<'a> {
        let (kind, len) = (fragment.kind, fragment.len);
        if len > max.min(HELD_MAX) {
            return Outcome::TooLong;
        }
        let held: usize = self.open.values().map(|open| open.pieces.held()).sum();
        if self.open.len() >= OPEN_MAX && !self.open.contains_key(&fragment.number) {
            self.open.pop_first();
        }
        let new = || Partial {
            kind,
            len,
            ..Partial::default()
        };
        let partial = self.open.entry(fragment.number).or_insert_with(new);
        let whole = fragment.bytes.len() == len;
        if (partial.kind, partial.len) != (kind, len) {
            // A peer that began anew, or forged: what is whole speaks for itself.
            return match whole {
                true => Outcome::Whole(kind, fragment.bytes.into()),
                false => Outcome::Open,
            };
        }
        if partial.told {
            return match whole {
                true => Outcome::Again(kind),
                false => Outcome::Open,
            };
        }
        if whole {
            partial.told = true;
            partial.pieces = Pieces::default();
            return Outcome::Whole(kind, fragment.bytes.into());
        }
        if held.saturating_add(fragment.bytes.len()) > max {
            return Outcome::Open;
        }
        let offset = u64::try_from(fragment.offset).unwrap_or(u64::MAX);
        partial.pieces.insert(offset, fragment.bytes);
        if partial.pieces.head().len() < len {
            return Outcome::Open;
        }
        partial.told = true;
        let body = std::mem::take(&mut partial.pieces).take(len);
        Outcome::Whole(kind, body.into())
    }
}

/// A number of three bytes.
fn triple(reader: &mut Reader<'_>) -> Option<usize> {
    let [a, b, c] = *reader.take(3)?.first_chunk()?;
    Some(u32::from_be_bytes([0, a, b, c]) as usize)
}
