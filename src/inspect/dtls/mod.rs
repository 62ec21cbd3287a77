//! From the datagrams of a UDP flow to the DTLS session and the certificates in them.
//!
//! Reads DTLS 1.0, 1.2 (RFC 6347) and 1.3 (RFC 9147), and decrypts nothing: what is sealed counts
//! as the sign that its side encrypts. Messages are read as they become whole: datagrams that
//! overtook each other or came twice show in the history, as in Zeek, and nowhere else. Holds the
//! fragments of open messages, bounded in [`fragments`], and nothing once the session is told.

mod fragments;
mod record;

use crate::fingerprint::{Carrier, Reader};
use crate::inspect::tls::{Fault, Memo, Output, Session};
use crate::inspect::{Context, DatagramInspector, Found, Verdict};
use crate::net::Side;
use crate::weird::Weird;
use bstr::BString;
use fragments::{Fragment, Fragments, Outcome};
use record::Record;
use serde::{Deserialize, Serialize};

/// Content types of records in clear.
mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
}

/// Messages that are read of one flow; a handshake has less than two dozen, and each may come again
/// a few times.
const MESSAGES_MAX: u16 = 1024;

/// Whether a datagram begins with a hello, or a fragment of one: a DTLS session may start here.
pub fn opens(mut datagram: &[u8]) -> bool {
    let Some(Record::Clear(content::HANDSHAKE, body)) = record::next(&mut datagram) else {
        return false;
    };
    let Some(fragment) = Fragment::next(&mut Reader::new(body)) else {
        return false;
    };
    // Client hello, server hello and verify request begin with a version.
    let versioned = fragment.offset > 0 || fragment.bytes.first() == Some(&0xfe);
    matches!(fragment.kind, 1..=3) && versioned
}

/// The DTLS inspector of one UDP flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DtlsInspector {
    fragments: [Fragments; 2],
    /// What a side sends now is encrypted.
    encrypted: [bool; 2],
    session: Session,
    messages: u16,
    /// The session is told.
    over: bool,
}

impl Default for DtlsInspector {
    fn default() -> DtlsInspector {
        DtlsInspector {
            fragments: Default::default(),
            encrypted: [false; 2],
            session: Session::new(Carrier::Dtls),
            messages: 0,
            over: false,
        }
    }
}

impl DtlsInspector {
    /// Whether a hello was seen: the flow is DTLS beyond doubt.
    pub fn is_confirmed(&self) -> bool {
        self.session.is_greeted()
    }

    /// Takes one datagram's payload, with what the shard has read before.
    pub fn read_datagram(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        side: Side,
        payload: &[u8],
        found: &mut Vec<Found>,
    ) -> Verdict {
        let mut rest = payload;
        while !self.over
            && let Some(record) = record::next(&mut rest)
        {
            let outcome = match record {
                Record::Sealed => {
                    self.seal(side, found);
                    Ok(())
                }
                Record::Clear(kind, body) => {
                    self.read(context, side, kind, body, &mut Output { memo, found })
                }
            };
            // Anybody can send a datagram: one that is odd ends with itself.
            if let Err(Fault(weird, detail)) = outcome {
                found.push(Found::Weird(weird, BString::from(detail)));
                break;
            }
            if self.messages >= MESSAGES_MAX {
                self.conclude(found);
            }
        }
        if self.over {
            Verdict::Done
        } else {
            Verdict::More
        }
    }

    /// Reads a record in clear.
    fn read(
        &mut self,
        context: Context<'_>,
        side: Side,
        kind: u8,
        body: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        match kind {
            content::HANDSHAKE => {
                let mut reader = Reader::new(body);
                while !reader.is_empty() {
                    let fragment = Fragment::next(&mut reader)
                        .ok_or(Fault(Weird::TlsMalformed, "DTLS fragment"))?;
                    self.read_fragment(context, side, &fragment, out)?;
                }
            }
            content::ALERT => {
                if let [_, description] = body {
                    self.session.handle_alert(context, side, *description);
                }
            }
            content::CHANGE_CIPHER_SPEC => {
                self.session.handle_cipher_change(context, side);
                self.encrypted[side.index()] |= !self.session.is_retrying();
            }
            _ => {}
        }
        Ok(())
    }

    fn read_fragment(
        &mut self,
        context: Context<'_>,
        side: Side,
        fragment: &Fragment<'_>,
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let max = context.limits.tls_handshake_bytes_max;
        let (kind, body) = match self.fragments[side.index()].insert(fragment, max) {
            Outcome::Whole(kind, body) => (kind, body),
            Outcome::Again(kind) => {
                self.session.handle_repetition(context, side, kind);
                return Ok(());
            }
            Outcome::Open => return Ok(()),
            Outcome::TooLong => return Err(Fault(Weird::TlsHandshakeTooLong, "DTLS")),
        };
        self.messages = self.messages.saturating_add(1);
        self.session.handle_message(context, side, kind, &body, out)
    }

    /// A sealed record: once both sides send such, the handshake is complete.
    fn seal(&mut self, side: Side, found: &mut Vec<Found>) {
        self.encrypted[side.index()] = true;
        if self.encrypted == [true; 2] {
            self.session.establish();
            self.conclude(found);
        }
    }

    /// Tells the session and lets everything go.
    fn conclude(&mut self, found: &mut Vec<Found>) {
        if !self.over && self.session.is_seen() {
            self.session.tell(found);
        }
        self.over = true;
        self.fragments = Default::default();
    }
}

impl DatagramInspector for DtlsInspector {
    fn handle_datagram(
        &mut self,
        context: Context<'_>,
        side: Side,
        payload: &[u8],
        _complete: bool,
        found: &mut Vec<Found>,
    ) -> Verdict {
        self.read_datagram(context, &mut Memo::default(), side, payload, found)
    }

    fn finish(&mut self, _context: Context<'_>, found: &mut Vec<Found>) {
        self.conclude(found);
    }

    fn held_bytes(&self) -> usize {
        let fragments = self.fragments.iter().map(Fragments::held_bytes);
        size_of_val(self) + fragments.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
