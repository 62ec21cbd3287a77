//! From Google's QUIC of before it spoke TLS (Q024 to Q046) to the name and the user agent in its
//! client hello.
//!
//! Its packets are in clear until both sides have keys: the hello lies in STREAM frames of the
//! first stream. From Q050 on it lies in CRYPTO frames of protected Initial packets, which the
//! parent opens and hands here. Reads packets whose first frame is of the hello's stream, and of
//! the server nothing. Holds one hello at most, bounded in [`Pieces`], and nothing once it is read.

use crate::fingerprint::{Reader, hex};
use crate::inspect::pieces::Pieces;
use crate::inspect::{Context, DatagramInspector, Found, Verdict};
use crate::net::Side;
use crate::observe::QuicSession;
use bstr::BString;
use serde::{Deserialize, Serialize};

/// A hello has two to three dozen tags; Chromium's own bound (`kMaxEntries`).
const TAGS_MAX: u16 = 128;

/// Packets of a client that are read: of the first few, each may begin a hello.
const PACKETS_MAX: u8 = 32;

/// What a client hello (`CHLO`) says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The tag `SNI`.
    pub server_name: Option<&'a [u8]>,
    /// The tag `UAID`.
    pub user_agent: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    /// Whether a message of Google's handshake may begin here.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(b"CHLO")
    }

    /// The hello in `bytes`; none where it is not whole or none.
    pub fn parse(bytes: &'a [u8]) -> Option<Hello<'a>> {
        let mut reader = Reader::new(bytes.strip_prefix(b"CHLO")?);
        let count = reader.word()?.swap_bytes();
        reader.word()?; // padding
        if count > TAGS_MAX {
            return None;
        }
        let mut tags = Reader::new(reader.take(8 * usize::from(count))?);
        let mut hello = Hello::default();
        let mut start = 0;
        while let (Some(tag), Some(end)) = (tags.take(4), tags.take(4)) {
            let end = u32::from_le_bytes(*end.first_chunk()?) as usize;
            let value = reader.take(end.checked_sub(start)?)?;
            start = end;
            let value = Some(value).filter(|value| !value.is_empty());
            match tag {
                b"SNI\0" => hello.server_name = value,
                b"UAID" => hello.user_agent = value,
                _ => {}
            }
        }
        Some(hello)
    }
}

/// Whether a version is Google's own, `Q` and three digits.
pub fn is_own_version(version: u32) -> bool {
    let [q, digits @ ..] = version.to_be_bytes();
    q == b'Q' && digits.iter().all(u8::is_ascii_digit)
}

/// A packet in clear, as far as it is read.
struct Packet<'a> {
    /// None where the header does not say it.
    version: Option<u32>,
    connection_id: &'a [u8],
    /// Where the packet number begins.
    number_len: usize,
    rest: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The header of a client's packet: the public one up to Q043, a long one in Q044 and Q046.
    fn parse(datagram: &'a [u8]) -> Option<Packet<'a>> {
        let mut reader = Reader::new(datagram);
        let first = reader.byte()?;
        if first & 0x80 != 0 {
            return Packet::parse_long(first, reader);
        }
        // An identifier of eight bytes, no reset.
        if first & 0x4a != 0x08 {
            return None;
        }
        let connection_id = reader.take(8)?;
        let version = match first & 1 {
            1 => Some(version(&mut reader)?),
            _ => None,
        };
        if version.is_some_and(|version| version >= Q044) {
            return None;
        }
        let number_len = match first >> 4 & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => 6,
        };
        Some(Packet {
            version,
            connection_id,
            number_len,
            rest: reader.rest(),
        })
    }

    fn parse_long(first: u8, mut reader: Reader<'a>) -> Option<Packet<'a>> {
        let version = version(&mut reader).filter(|v| matches!(*v, Q044 | Q046))?;
        // Either identifier has none, or eight bytes; the client tells only the destination's.
        let lens = reader.byte()?;
        let connection_id = match lens {
            0x50 | 0x55 => reader.take(8)?,
            _ => return None,
        };
        if lens == 0x55 {
            reader.take(8)?;
        }
        Some(Packet {
            version: Some(version),
            connection_id,
            number_len: match version {
                Q046 => usize::from(first & 3) + 1,
                _ => 4,
            },
            rest: reader.rest(),
        })
    }

    /// The first frame of the packet, where it is of the hello's stream: offset and bytes.
    fn hello_frame(&self, version: u32) -> Option<(u64, &'a [u8])> {
        let mut reader = Reader::new(self.rest);
        reader.take(self.number_len + HASH_LEN)?;
        if version < Q034 {
            reader.byte()?; // private flags
        }
        let kind = reader.byte()?;
        // 1fdooossB: of the stream's number one byte.
        if kind & 0x83 != 0x80 || reader.byte()? != HELLO_STREAM {
            return None;
        }
        let offset_len = match kind >> 2 & 7 {
            0 => 0,
            more => usize::from(more) + 1,
        };
        // Numbers are little-endian up to Q038.
        let number = |bytes: &[u8]| {
            let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
            match version < Q039 {
                true => bytes.iter().rev().fold(0, join),
                false => bytes.iter().fold(0, join),
            }
        };
        let offset = number(reader.take(offset_len)?);
        if kind & 0x20 == 0 {
            return Some((offset, reader.rest()));
        }
        let len = usize::try_from(number(reader.take(2)?)).ok()?;
        Some((offset, reader.take(len)?))
    }
}

const Q034: u32 = u32::from_be_bytes(*b"Q034");
const Q039: u32 = u32::from_be_bytes(*b"Q039");
const Q044: u32 = u32::from_be_bytes(*b"Q044");
const Q046: u32 = u32::from_be_bytes(*b"Q046");

/// The authentication of packets without a key: 96 bits of FNV-1a.
const HASH_LEN: usize = 12;

/// The stream of the handshake.
const HELLO_STREAM: u8 = 1;

fn version(reader: &mut Reader<'_>) -> Option<u32> {
    let version = u32::from_be_bytes(*reader.take(4)?.first_chunk()?);
    is_own_version(version).then_some(version)
}

/// Whether a flow's first datagram is Google's QUIC with a version in clear.
pub fn opens(datagram: &[u8]) -> bool {
    Packet::parse(datagram).is_some_and(|packet| packet.version.is_some())
}

/// The inspector of one UDP flow of Google's QUIC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GoogleQuicInspector {
    session: QuicSession,
    history: String,
    /// Where the hello begins in its stream, once its first bytes came.
    start: Option<u64>,
    hello: Pieces,
    packets: u8,
    over: bool,
}

impl GoogleQuicInspector {
    /// Whether a packet with a version was seen.
    pub fn is_confirmed(&self) -> bool {
        self.packets > 0
    }

    /// Takes a piece of the hello's stream.
    fn read(&mut self, offset: u64, bytes: &[u8]) {
        if Hello::begins(bytes) && self.start.is_none_or(|start| start < offset) {
            self.start = Some(offset);
            self.hello = Pieces::default();
        }
        let Some(offset) = self.start.and_then(|start| offset.checked_sub(start)) else {
            return;
        };
        self.hello.insert(offset, bytes);
        let Some(hello) = Hello::parse(self.hello.head()) else {
            return;
        };
        self.history.push('S');
        self.session.server_name = hello.server_name.map(BString::from);
        self.session.user_agent = hello.user_agent.map(BString::from);
        self.hello = Pieces::default();
        self.over = true;
    }
}

impl DatagramInspector for GoogleQuicInspector {
    fn handle_datagram(
        &mut self,
        context: Context<'_>,
        side: Side,
        payload: &[u8],
        _complete: bool,
        _found: &mut Vec<Found>,
    ) -> Verdict {
        if side == Side::Originator
            && !self.over
            && let Some(packet) = Packet::parse(payload)
        {
            if self.packets == 0 {
                self.session.at = context.at;
                self.session.client_initial_dcid = Some(hex(packet.connection_id).into());
            }
            if let Some(version) = packet.version {
                self.session.version = version;
                self.history.push('I');
            }
            self.packets += 1;
            self.over = self.packets >= PACKETS_MAX;
            if let Some((offset, bytes)) = packet.hello_frame(self.session.version) {
                self.read(offset, bytes);
            }
        }
        match self.over {
            true => Verdict::Done,
            false => Verdict::More,
        }
    }

    fn finish(&mut self, _context: Context<'_>, found: &mut Vec<Found>) {
        if self.packets > 0 {
            let mut session = std::mem::take(&mut self.session);
            session.history = std::mem::take(&mut self.history).into();
            found.push(Found::Quic(Box::new(session)));
        }
    }

    fn held_bytes(&self) -> usize {
        size_of_val(self) + self.hello.held_bytes()
    }
}

#[cfg(test)]
mod tests;
