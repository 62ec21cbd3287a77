//! From a datagram to its DTLS records (RFC 6347, section 4.1; RFC 9147, section 4; RFC 9146).
//!
//! Tells what is in clear from what is sealed and reads no more of the latter. Copies nothing.

use crate::fingerprint::Reader;

/// Content types beside those of TLS.
mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// A sealed record with a connection identifier (RFC 9146).
    pub const TLS12_CID: u8 = 25;
    /// The acknowledgement of DTLS 1.3.
    pub const ACK: u8 = 26;
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// It is in clear: content type and body.
    Clear(u8, &'a [u8]),
    /// It is encrypted.
    Sealed,
}

/// The next record of `datagram`; none at its end, and where it is something else: DTLS shares
/// flows with STUN, TURN and RTP (RFC 7983).
///
/// How long a connection identifier is, only the handshake says: nothing is read behind a record
/// that may have one. In clear there is nothing behind it.
pub fn next<'a>(datagram: &mut &'a [u8]) -> Option<Record<'a>> {
    let mut reader = Reader::new(datagram);
    let kind = reader.byte()?;
    // The unified header of DTLS 1.3: 0b001CSLEE.
    if kind >> 5 == 1 {
        *datagram = &[];
        return Some(Record::Sealed);
    }
    if !matches!(kind, content::CHANGE_CIPHER_SPEC..=content::ACK)
        || !matches!(reader.word()?, 0xfefc | 0xfefd | 0xfeff)
    {
        return None;
    }
    let epoch = reader.word()?;
    if kind == content::TLS12_CID {
        *datagram = &[];
        return Some(Record::Sealed);
    }
    reader.take(6)?; // number
    let body = reader.vector()?;
    *datagram = reader.rest();
    Some(match epoch {
        0 => Record::Clear(kind, body),
        _ => Record::Sealed,
    })
}
