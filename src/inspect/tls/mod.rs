//! From TLS streams to sessions and certificates.
//!
//! Decrypts nothing and validates nothing. Reads SSLv3 to TLS 1.3, and of SSLv2 the hellos. For one
//! direction it holds at most a record header and the open handshake message, up to
//! [`Limits::tls_handshake_bytes_max`](crate::limits::Limits) and one record; encrypted bodies are
//! counted and skipped, and once the session is told nothing is held at all.

pub mod certificate;
mod distinguished_name;
mod hello;
mod memo;
mod names;
mod record;
mod server;
mod session;

pub use hello::ClientHello;
pub use memo::Memo;
pub use names::{alert_name, cipher_name, curve_name, version_name};
pub use server::ServerHello;
pub use session::{Fault, Output, Session};

use crate::fingerprint::Reader;
use crate::flow::stream::StreamEvent;
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::Side;
use crate::weird::Weird;
use bstr::BString;
use record::{BODY_MAX, Body, Direction, Step, content};
use serde::{Deserialize, Serialize};

/// Message types of SSLv2.
mod sslv2 {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 4;
}

/// What the first bytes of a direction say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// They are TLS or SSL.
    Mine,
    /// So far they could be; [`TlsInspector::PROBE_BYTES`] decide.
    Open,
    /// They are something else.
    NotMine,
}

/// The TLS inspector of one TCP flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TlsInspector {
    directions: [Direction; 2],
    session: Session,
    /// A TLS record was seen: what follows is no SSLv2.
    layered: bool,
    /// The session is told, or there is none.
    over: bool,
}

impl TlsInspector {
    /// So many first bytes always decide [`TlsInspector::probe`].
    pub const PROBE_BYTES: usize = 6;

    /// Whether the first bytes of a direction look like TLS: any record that may begin or go on
    /// with a session, a handshake message that may come first, or an SSLv2 hello of the side that
    /// sends it.
    ///
    /// Either side may be asked about alone, and a flow picked up in the middle counts as well.
    pub fn probe(side: Side, first: &[u8]) -> Probe {
        let holds = |index: usize, fits: fn(u8) -> bool| first.get(index).is_none_or(|b| fits(*b));
        let record = holds(0, |kind| matches!(kind, 20..=23))
            && holds(1, |major| major == 3)
            && holds(2, |minor| minor <= 3)
            && holds(3, |high| high <= (BODY_MAX >> 8) as u8);
        // Of handshake records the message's type must fit too: hello, or any other of a flow in
        // progress.
        let message = first.first() != Some(&content::HANDSHAKE)
            || holds(5, |kind| matches!(kind, 0..=6 | 8 | 11..=16 | 20..=24));
        let sslv2 = holds(0, |high| high & 0x80 != 0)
            && match side {
                Side::Originator => {
                    holds(2, |kind| kind == sslv2::CLIENT_HELLO)
                        && holds(3, |major| matches!(major, 0 | 3))
                        && holds(4, |minor| minor <= 3)
                }
                Side::Responder => {
                    holds(2, |kind| kind == sslv2::SERVER_HELLO)
                        && holds(3, |session_hit| session_hit < 2)
                        && holds(4, |certificate_type| certificate_type < 2)
                }
            };
        match (record && message) || sslv2 {
            false => Probe::NotMine,
            true if first.len() < TlsInspector::PROBE_BYTES => Probe::Open,
            true => Probe::Mine,
        }
    }

    /// Whether `segment` begins with a ClientHello: where a flow of another protocol turns to TLS,
    /// as after STARTTLS or CONNECT, a new inspector may start there.
    pub fn opens_session(segment: &[u8]) -> bool {
        matches!(segment, [22, 3, 0..=3, _, _, 1, 0, _, _, 3, 0..=3, ..])
    }

    /// Where in `segment` a TLS session begins, if any does: at its front, or behind MySQL's
    /// request for one, a packet of 32 bytes that the same segment may hold.
    pub fn session_start(segment: &[u8]) -> Option<usize> {
        if TlsInspector::opens_session(segment) {
            return Some(0);
        }
        let behind = segment.strip_prefix(&[32, 0, 0, 1])?.get(32..)?;
        TlsInspector::opens_session(behind).then(|| segment.len() - behind.len())
    }

    /// Whether a hello was seen: the flow's service is `ssl` beyond doubt.
    pub fn is_confirmed(&self) -> bool {
        self.session.is_greeted()
    }

    /// Takes the next event of either direction, with what the shard has read before.
    pub fn read_stream(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        if self.over {
            return Verdict::Done;
        }
        let outcome = match event {
            StreamEvent::Data { side, bytes } => {
                self.read(context, side, bytes, &mut Output { memo, found })
            }
            StreamEvent::Gap { side, bytes } => {
                if self.directions[side.index()].skip(bytes) {
                    self.end_sealed(side, found);
                }
                Ok(())
            }
            StreamEvent::End { side } => {
                self.directions[side.index()].ended = true;
                Ok(())
            }
        };
        if let Err(Fault(weird, detail)) = outcome {
            found.push(Found::Weird(weird, BString::from(detail)));
            let seen = self.session.is_seen();
            self.conclude(found);
            return if seen {
                Verdict::Done
            } else {
                Verdict::NotMine
            };
        }
        if !self.over && self.is_spent() {
            self.conclude(found);
        }
        if self.over {
            Verdict::Done
        } else {
            Verdict::More
        }
    }

    /// Reads what one side sent.
    fn read(
        &mut self,
        context: Context<'_>,
        side: Side,
        mut bytes: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        // Between any two steps, because what follows may come in a segment of its own.
        while !self.over && !self.is_spent() {
            match self.directions[side.index()].step(&mut bytes) {
                Step::Starved => break,
                Step::Header(header) => self.open_record(context, side, header)?,
                Step::Body { bytes, last } => self.read_body(context, side, bytes, last, out)?,
            }
        }
        Ok(())
    }

    /// Checks a record's header and decides how its body is read.
    fn open_record(
        &mut self,
        context: Context<'_>,
        side: Side,
        header: [u8; 5],
    ) -> Result<(), Fault> {
        let direction = &mut self.directions[side.index()];
        let [kind, major, minor, high, low] = header;
        let len = u16::from_be_bytes([high, low]);
        if !self.layered && kind & 0x80 != 0 {
            let len = u16::from_be_bytes([kind & 0x7f, major]);
            // What stands in the places of version and length is the message's first three bytes.
            let len = len.checked_sub(3);
            return match (minor, len) {
                (1 | 4, Some(len))
                    if usize::from(len) <= context.limits.tls_handshake_bytes_max =>
                {
                    direction.held = vec![minor, high, low];
                    direction.open(len, Body::Sslv2);
                    Ok(())
                }
                _ => Err(Fault(Weird::TlsMalformed, "SSLv2 record")),
            };
        }
        if major != 3 || minor > 3 {
            return Err(Fault(Weird::TlsMalformed, "record version"));
        }
        if !matches!(kind, content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT) {
            return Err(Fault(Weird::TlsMalformed, "content type"));
        }
        if len > BODY_MAX {
            return Err(Fault(Weird::TlsMalformed, "record length"));
        }
        self.layered = true;
        let sealed = direction.encrypted || kind == content::APPLICATION_DATA;
        if kind != content::HANDSHAKE {
            direction.held.clear();
        }
        direction.open(len, if sealed { Body::Sealed } else { Body::Clear });
        Ok(())
    }

    /// Reads a piece of a record's body.
    fn read_body(
        &mut self,
        context: Context<'_>,
        side: Side,
        bytes: &[u8],
        last: bool,
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let direction = &mut self.directions[side.index()];
        match (direction.body(), direction.content()) {
            (Body::Sealed, _) if last => self.end_sealed(side, out.found),
            (Body::Sealed, _) => {}
            (Body::Sslv2, _) => {
                direction.held.extend_from_slice(bytes);
                if last {
                    self.read_sslv2(context, side, out)?;
                }
            }
            (Body::Clear, content::HANDSHAKE) => {
                direction.held.extend_from_slice(bytes);
                self.read_messages(context, side, out)?;
            }
            (Body::Clear, content::ALERT) => {
                direction.held.extend_from_slice(bytes);
                if last {
                    let alerts = std::mem::take(&mut direction.held);
                    for [_, description] in alerts.as_chunks().0 {
                        self.session.handle_alert(context, side, *description);
                    }
                }
            }
            (Body::Clear, content::CHANGE_CIPHER_SPEC) if last => {
                self.session.handle_cipher_change(context, side);
                direction.encrypted |= !self.session.is_retrying();
            }
            (Body::Clear, content::HEARTBEAT) if last => {
                self.session.handle_heartbeat(context, side);
            }
            (Body::Clear, _) => {}
        }
        Ok(())
    }

    /// An encrypted record, or application data, came to its end.
    fn end_sealed(&mut self, side: Side, found: &mut Vec<Found>) {
        let direction = &mut self.directions[side.index()];
        // TLS 1.3 needs no cipher change: application data itself is the sign that a side encrypts.
        direction.encrypted |= self.session.seals_by_application_data();
        if self.directions.iter().all(|direction| direction.encrypted) {
            self.session.establish();
            self.conclude(found);
        }
    }

    /// Reads the handshake messages that are complete.
    fn read_messages(
        &mut self,
        context: Context<'_>,
        side: Side,
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let held = &mut self.directions[side.index()].held;
        let mut read = 0;
        while let Some(([kind, a, b, c], rest)) =
            held.get(read..).and_then(|rest| rest.split_first_chunk())
        {
            let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if len > context.limits.tls_handshake_bytes_max {
                return Err(Fault(Weird::TlsHandshakeTooLong, "message"));
            }
            let Some(body) = rest.get(..len) else {
                break;
            };
            self.session
                .handle_message(context, side, *kind, body, out)?;
            read += 4 + len;
        }
        held.drain(..read);
        Ok(())
    }

    /// Reads a whole SSLv2 message: type and two bytes, then lengths, then what they measure.
    fn read_sslv2(
        &mut self,
        context: Context<'_>,
        side: Side,
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let held = std::mem::take(&mut self.directions[side.index()].held);
        if held.first() == Some(&sslv2::SERVER_HELLO) {
            self.session.handle_sslv2_server_hello(context, side);
            self.conclude(out.found);
            return Ok(());
        }
        let session_id =
            sslv2_session(&held).ok_or(Fault(Weird::TlsMalformed, "SSLv2 client hello"))?;
        self.session
            .handle_sslv2_client_hello(context, side, session_id);
        Ok(())
    }

    /// Tells the session and lets everything go.
    fn conclude(&mut self, found: &mut Vec<Found>) {
        if !self.over && self.session.is_seen() {
            self.session.tell(found);
        }
        self.over = true;
        self.directions = <[Direction; 2]>::default();
    }

    /// Whether no event can add to the session any more.
    fn is_spent(&self) -> bool {
        let all = |spent: fn(&Direction) -> bool| self.directions.iter().all(spent);
        let any_lost = self.directions.iter().any(Direction::is_lost);
        all(|direction| direction.ended || direction.is_lost())
            || any_lost && all(|d| d.ended || d.is_lost() || d.encrypted)
    }
}

impl StreamInspector for TlsInspector {
    fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        self.read_stream(context, &mut Memo::default(), event, found)
    }

    fn finish(&mut self, _context: Context<'_>, found: &mut Vec<Found>) {
        self.conclude(found);
    }

    fn held_bytes(&self) -> usize {
        let held = self.directions.iter().map(|one| one.held.len());
        size_of_val(self) + held.sum::<usize>()
    }
}

/// The session identifier of an SSLv2 client hello (RFC 5246, appendix E.2).
fn sslv2_session(message: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(message);
    if !matches!(reader.take(3)?, [1, 0, 2] | [1, 3, 0..=3]) {
        return None;
    }
    let ciphers = usize::from(reader.word()?);
    let session_len = usize::from(reader.word()?);
    let challenge = usize::from(reader.word()?);
    if ciphers == 0 || !ciphers.is_multiple_of(3) {
        return None;
    }
    reader.take(ciphers)?;
    let session_id = reader.take(session_len)?;
    reader.take(challenge)?;
    reader.is_empty().then_some(session_id)
}

#[cfg(test)]
pub(in crate::inspect) mod tests;
