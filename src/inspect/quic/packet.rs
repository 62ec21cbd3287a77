//! From a datagram to its QUIC packets' headers (RFC 9000, section 17; RFC 9369, section 3.2).
//!
//! Reads what is not protected, copies nothing, and never looks past the datagram.

use super::version::{NEGOTIATION, V2, salt};
use crate::fingerprint::Reader;

/// Connection identifiers of the known versions are no longer (RFC 9000, section 17.2).
pub const CONNECTION_ID_MAX: usize = 20;

/// What a long header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    /// The server lists the versions that it speaks.
    Negotiation,
    /// Of a version that is not known.
    Unfamiliar,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPacket<'a> {
    pub kind: Kind,
    pub version: u32,
    pub dcid: &'a [u8],
    pub scid: &'a [u8],
    /// The packet from its first byte to its end; empty where the datagram holds less of it.
    pub bytes: &'a [u8],
    /// Where the protected packet number begins.
    pub number_at: usize,
}

/// The next thing in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    Long(LongPacket<'a>),
    /// A packet with a short header, which is the datagram's last.
    Short,
    /// The fixed bit is not set: padding, or another protocol.
    Discarded,
    /// A header that is cut short or contradicts itself.
    Malformed,
}

/// Reads the header at the front of `datagram`, and moves on to what follows its packet.
pub fn next<'a>(datagram: &mut &'a [u8]) -> Option<Next<'a>> {
    let whole = *datagram;
    let first = *whole.first()?;
    if first & 0x80 == 0 {
        *datagram = &[];
        return Some(if first & 0x40 == 0 {
            Next::Discarded
        } else {
            Next::Short
        });
    }
    let (next, rest) = match long(whole) {
        Some((packet, rest)) => (Next::Long(packet), rest),
        None => (Next::Malformed, &[][..]),
    };
    *datagram = rest;
    Some(match next {
        Next::Long(packet) if first & 0x40 == 0 && packet.kind != Kind::Negotiation => {
            *datagram = &[];
            Next::Discarded
        }
        next => next,
    })
}

/// Whether a flow's first datagram is QUIC; `familiar` asks for a version that is known.
pub fn opens(mut datagram: &[u8], familiar: bool) -> bool {
    match next(&mut datagram) {
        Some(Next::Long(packet)) => match packet.kind {
            Kind::Unfamiliar | Kind::Negotiation => !familiar,
            Kind::Initial | Kind::ZeroRtt | Kind::Handshake | Kind::Retry => true,
        },
        _ => false,
    }
}

fn long(whole: &[u8]) -> Option<(LongPacket<'_>, &[u8])> {
    let mut reader = Reader::new(whole);
    let first = reader.byte()?;
    let version = u32::from_be_bytes(*reader.take(4)?.first_chunk()?);
    let dcid = reader.short_vector()?;
    let scid = reader.short_vector()?;
    let mut packet = LongPacket {
        kind: kind(first, version),
        version,
        dcid,
        scid,
        bytes: &[],
        number_at: 0,
    };
    if dcid.len().max(scid.len()) > CONNECTION_ID_MAX {
        return None;
    }
    match packet.kind {
        Kind::Retry | Kind::Negotiation | Kind::Unfamiliar => return Some((packet, &[])),
        Kind::Initial => {
            let token_len = usize::try_from(varint(&mut reader)?).ok()?;
            reader.take(token_len)?;
        }
        Kind::ZeroRtt | Kind::Handshake => {}
    }
    let len = usize::try_from(varint(&mut reader)?).ok()?;
    packet.number_at = whole.len() - reader.rest().len();
    let end = packet.number_at.checked_add(len)?;
    // Of a datagram that the capture cut short, the header still counts.
    match whole.split_at_checked(end) {
        Some((bytes, rest)) => {
            packet.bytes = bytes;
            Some((packet, rest))
        }
        None => Some((packet, &[])),
    }
}

fn kind(first: u8, version: u32) -> Kind {
    if version == NEGOTIATION {
        return Kind::Negotiation;
    }
    if salt(version).is_none() {
        return Kind::Unfamiliar;
    }
    // Version 2 counts its types from one on (RFC 9369, section 3.2).
    let shift = if version == V2 { 3 } else { 0 };
    match ((first >> 4) + shift) & 3 {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    }
}

/// A number of variable length (RFC 9000, section 16).
pub fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = reader.byte()?;
    let more = reader.take((1 << (first >> 6)) - 1)?;
    let number = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(more.iter().fold(u64::from(first & 0x3f), number))
}
