//! From the datagrams of a UDP flow to QUIC sessions and the TLS session they carry.
//!
//! Opens Initial packets, whose keys anybody can derive, and reads the hellos in them; of all other
//! packets it reads the header. Google's QUIC from before it spoke TLS is in [`google`]. Holds the
//! keys and the open hello of two directions, at most [`HELD_MAX`](super::pieces::HELD_MAX) bytes
//! each, and none of it once the hellos are read; after that a datagram costs a look at its header.
//!
//! A session that moves to other addresses (RFC 9000, section 9) is not followed: flows are told
//! apart by addresses before they get here, and packets with a short header show nobody how long
//! their connection identifier is. The new flow is in `conn.log` alone.

mod crypto;
mod frame;
pub mod google;
mod handshake;
mod packet;
mod protection;
mod version;

use crate::inspect::pieces::Pieces;
pub use packet::opens;
pub use version::version_name;

use crate::fingerprint::{Carrier, Reader, hex};
use crate::inspect::tls::{Fault, Memo, Output, Session};
use crate::inspect::{Context, DatagramInspector, Found, Verdict};
use crate::net::Side;
use crate::observe::QuicSession;
use crate::weird::Weird;
use bstr::BString;
use crypto::next_message;
use frame::{Frame, next_frame};
use handshake::{Handshake, Opened};
use packet::{Kind, LongPacket, Next};
use serde::{Deserialize, Serialize};

/// Whether QUIC is expected at the responder's `port`: HTTP/3 and, of RFC 9250 and its drafts, DNS.
pub fn is_quic_port(port: u16) -> bool {
    matches!(port, 443 | 784 | 853)
}

/// Zeek's `QUIC::max_history_length`.
const HISTORY_MAX: usize = 100;

/// Sessions that are told of one flow: a Retry, a close and an unfamiliar version each begin anew.
const SESSIONS_MAX: u8 = 8;

/// The QUIC inspector of one UDP flow. The client is whoever opened the flow, unless an Initial
/// packet proves the other to be; sides here are theirs, not the flow's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuicInspector {
    /// None once the hellos are read, or given up.
    handshake: Option<Box<Handshake>>,
    tls: Session,
    tls_told: bool,
    /// A Retry or a negotiation came: the client says its hello again.
    retried: bool,
    /// A version that is known was seen.
    confirmed: bool,
    /// The session that is not told yet.
    open: Option<Box<QuicSession>>,
    history: String,
    /// Packets with a short header, of either direction.
    short: [u64; 2],
    told: u8,
    /// The client is the responder.
    flipped: bool,
}

impl Default for QuicInspector {
    fn default() -> QuicInspector {
        QuicInspector {
            handshake: Some(Box::default()),
            tls: Session::new(Carrier::Quic),
            tls_told: false,
            retried: false,
            confirmed: false,
            open: None,
            history: String::new(),
            short: [0; 2],
            told: 0,
            flipped: false,
        }
    }
}

impl QuicInspector {
    /// Whether a packet of a known version was seen.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether a hello was read.
    pub fn is_greeted(&self) -> bool {
        self.tls.is_greeted()
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
        let mut side = if self.flipped { side.peer() } else { side };
        let mut rest = payload;
        while let Some(next) = packet::next(&mut rest) {
            match next {
                Next::Long(packet) => {
                    let handshake = self.handshake.as_mut().filter(|_| !self.flipped);
                    if handshake.is_some_and(|h| h.is_flipped(side, &packet)) {
                        side = side.peer();
                        self.flip();
                    }
                    self.handle_long(context, side, &packet, &mut Output { memo, found })
                }
                Next::Short => self.count_short(side),
                Next::Discarded => self.see(side, b'X'),
                Next::Malformed => {}
            }
        }
        if self.told < SESSIONS_MAX {
            Verdict::More
        } else {
            Verdict::Done
        }
    }

    fn handle_long(
        &mut self,
        context: Context<'_>,
        side: Side,
        packet: &LongPacket<'_>,
        out: &mut Output<'_>,
    ) {
        let letter = match packet.kind {
            Kind::Negotiation if side == Side::Responder => return self.restart(),
            Kind::Negotiation => return,
            Kind::Initial => b'I',
            Kind::ZeroRtt => b'Z',
            Kind::Handshake => b'H',
            Kind::Retry => b'R',
            Kind::Unfamiliar => b'U',
        };
        self.confirmed |= packet.kind != Kind::Unfamiliar;
        self.know(context, side, packet);
        self.see(side, letter);
        match packet.kind {
            Kind::Initial => {
                let Some(handshake) = &mut self.handshake else {
                    return;
                };
                match handshake.unprotect(side, packet) {
                    Opened::Frames(frames) => self.read_frames(context, side, &frames, out),
                    Opened::Nothing => {}
                    Opened::TooMany => self.handshake = None,
                }
            }
            Kind::ZeroRtt => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.remember_dcid(side, packet);
                }
            }
            Kind::Retry => {
                // The client goes on with a destination that the server chose (RFC 9001, 5.2).
                self.restart();
                self.tell(out.found);
            }
            Kind::Unfamiliar => self.tell(out.found),
            Kind::Handshake | Kind::Negotiation => {}
        }
    }

    /// The client says its hello again, with other keys.
    fn restart(&mut self) {
        if let Some(handshake) = &mut self.handshake {
            handshake.restart();
            self.retried = true;
        }
    }

    /// Notes version and identifiers.
    fn know(&mut self, context: Context<'_>, side: Side, packet: &LongPacket<'_>) {
        let session = self.open.get_or_insert_with(|| {
            Box::new(QuicSession {
                at: context.at,
                version: packet.version,
                ..QuicSession::default()
            })
        });
        let scid = Some(hex(packet.scid).into());
        match side {
            Side::Originator => {
                session
                    .client_initial_dcid
                    .get_or_insert_with(|| hex(packet.dcid).into());
                session.client_scid = scid;
            }
            Side::Responder => session.server_scid = scid,
        }
    }

    /// The flow begins with what the server said: the client is who was taken for the server.
    fn flip(&mut self) {
        self.flipped = true;
        self.open = None;
        self.history.clear();
        self.restart();
        self.retried = false;
    }

    fn read_frames(
        &mut self,
        context: Context<'_>,
        side: Side,
        frames: &[u8],
        out: &mut Output<'_>,
    ) {
        let mut reader = Reader::new(frames);
        while let Some(frame) = next_frame(&mut reader) {
            match frame {
                Frame::Crypto { offset, bytes } => {
                    if let Some(handshake) = &mut self.handshake {
                        handshake.streams[side.index()].insert(offset, bytes);
                    }
                    self.read_messages(context, side, out);
                }
                Frame::Close => {
                    self.see(side, b'C');
                    self.tell(out.found);
                }
                Frame::Other => {}
            }
        }
    }

    /// Reads the handshake messages that are complete.
    fn read_messages(&mut self, context: Context<'_>, side: Side, out: &mut Output<'_>) {
        let max = context.limits.tls_handshake_bytes_max;
        while let Some(handshake) = &mut self.handshake {
            let head = handshake.streams[side.index()].head();
            if google::Hello::begins(head) {
                return self.read_google_hello(side);
            }
            let fault = match next_message(&mut handshake.streams[side.index()], max) {
                Ok(None) => return,
                Ok(Some((kind, body))) => self.read_message(context, side, kind, &body, out).err(),
                Err(()) => Some(Fault(Weird::TlsHandshakeTooLong, "QUIC")),
            };
            if let Some(Fault(weird, detail)) = fault {
                out.found.push(Found::Weird(weird, BString::from(detail)));
                self.conclude(out.found);
            }
        }
    }

    /// Reads Google's own hello, which versions from Q050 on protect like one of TLS.
    fn read_google_hello(&mut self, side: Side) {
        let (Some(handshake), Some(session)) = (&self.handshake, &mut self.open) else {
            return;
        };
        if let Some(hello) = google::Hello::parse(handshake.streams[side.index()].head()) {
            session.server_name = hello.server_name.map(BString::from);
            session.user_agent = hello.user_agent.map(BString::from);
            self.see(side, b'S');
            self.handshake = None;
        }
    }

    fn read_message(
        &mut self,
        context: Context<'_>,
        side: Side,
        kind: u8,
        body: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        if std::mem::take(&mut self.retried) {
            self.tls = Session::new(Carrier::Quic);
        }
        self.tls.handle_message(context, side, kind, body, out)?;
        self.see(side, b'S');
        if let Some(handshake) = &mut self.handshake {
            handshake.read[side.index()] = true;
            if self.tls.is_retrying() {
                handshake.read = [false; 2];
            }
        }
        if let (Some(session), Side::Originator) = (&mut self.open, side) {
            let (server_name, alpn) = self.tls.client_offer();
            session.server_name = server_name.cloned();
            session.client_protocol = alpn.first().cloned();
        }
        if side == Side::Responder && !self.tls.is_retrying() {
            self.conclude(out.found);
        }
        Ok(())
    }

    /// Nothing more can be read in clear: the TLS session is told, and its buffers are let go.
    fn conclude(&mut self, found: &mut Vec<Found>) {
        self.handshake = None;
        if self.tls.is_seen() && !self.tls_told {
            self.tls_told = true;
            self.tls.tell(found);
        }
    }

    /// Tells the open session.
    fn tell(&mut self, found: &mut Vec<Found>) {
        let Some(mut session) = self.open.take() else {
            return;
        };
        session.history = std::mem::take(&mut self.history).into();
        if self.told < SESSIONS_MAX {
            self.told += 1;
            found.push(Found::Quic(session));
        }
    }

    /// Adds a letter to the open session's history, upper case for the client.
    fn see(&mut self, side: Side, letter: u8) {
        if self.open.is_some() && self.history.len() < HISTORY_MAX {
            let letter = match side {
                Side::Originator => letter,
                Side::Responder => letter.to_ascii_lowercase(),
            };
            self.history.push(char::from(letter));
        }
    }

    /// Counts a packet with a short header; every power of two is a letter.
    fn count_short(&mut self, side: Side) {
        if self.open.is_none() {
            return;
        }
        let count = &mut self.short[side.index()];
        *count = count.saturating_add(1);
        if count.is_power_of_two() {
            self.see(side, b'O');
        }
    }
}

impl DatagramInspector for QuicInspector {
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
        self.tell(found);
        self.conclude(found);
    }

    fn held_bytes(&self) -> usize {
        let of = |handshake: &Handshake| {
            let streams = handshake.streams.iter().map(Pieces::held_bytes);
            size_of::<Handshake>() + streams.sum::<usize>()
        };
        size_of_val(self) + self.handshake.as_deref().map_or(0, of)
    }
}

#[cfg(test)]
mod tests;
