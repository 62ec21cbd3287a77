//! From a flow's payload to the inspector that reads it.

mod reader;
#[cfg(test)]
mod tests;

use super::early::Early;
use super::handshake::Handshake;
use super::probing::{Beginning, Probed, probe};
use super::shaping::Shaping;
use crate::flow::stream::StreamEvent;
use crate::inspect::dtls;
use crate::inspect::http::{Http2Inspector, HttpInspector, WebSocketFrames};
use crate::inspect::openvpn;
use crate::inspect::quic;
use crate::inspect::quic::google;
use crate::inspect::tls::{Memo, TlsInspector};
use crate::inspect::{Context, Found, Verdict};
use crate::net::{Side, TunnelKind};
use crate::observe::FlowId;
use crate::weird::Weird;
use reader::{Reader, WebSocket};
use serde::{Deserialize, Serialize};

/// Who reads a flow's payload, and what it was recognised as.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inspection {
    reader: Reader,
    /// Protocols recognised, as `conn.log` names them.
    pub services: Vec<Box<str>>,
    /// What kind of tunnel it carries, once a packet was found within.
    pub tunnel: Option<TunnelKind>,
    /// What few flows have, and there are many flows.
    seldom: Option<Box<Seldom>>,
    /// How far a TCP handshake is.
    pub handshake: Handshake,
    /// The flow's shape in time.
    pub shaping: Shaping,
    /// Bytes that the reader held when it was last asked.
    charged: u32,
    /// How often it turned to another protocol by a request of HTTP.
    turns: u8,
    /// HTTP transactions so far.
    http_depth: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Seldom {
    /// Anomalies already told of this flow: each is told once, so that a flow cannot flood the log.
    told: Vec<Weird>,
    early: Early,
}

impl Inspection {
    /// The inspection of a flow that begins.
    pub fn of(flow: &FlowId) -> Inspection {
        Inspection::with(Reader::of(flow))
    }

    fn with(reader: Reader) -> Inspection {
        Inspection {
            reader,
            services: Vec::new(),
            tunnel: None,
            seldom: None,
            handshake: Handshake::default(),
            charged: 0,
            turns: 0,
            http_depth: 0,
            shaping: Shaping::default(),
        }
    }

    /// Whether anyone reads the payload.
    pub fn is_reading(&self) -> bool {
        !matches!(self.reader, Reader::Nobody)
    }

    /// Whether the flow is read as DNS over UDP.
    pub fn is_dns(&self) -> bool {
        matches!(self.reader, Reader::Dns(_))
    }

    /// Segments that overtook others.
    pub(super) fn early(&self) -> &Early {
        self.seldom
            .as_ref()
            .map_or(Early::NONE, |seldom| &seldom.early)
    }

    /// The same, to change them.
    pub(super) fn early_mut(&mut self) -> &mut Early {
        &mut self.seldom.get_or_insert_default().early
    }

    /// Whether `weird` is new for this flow.
    pub fn is_news(&mut self, weird: Weird) -> bool {
        let told = &mut self.seldom.get_or_insert_default().told;
        let new = !told.contains(&weird);
        if new {
            told.push(weird);
        }
        new
    }

    /// How much more, or less, the reader holds than when this was last asked.
    pub fn charge(&mut self) -> isize {
        let held = self.reader.held_bytes();
        let before = std::mem::replace(&mut self.charged, u32::try_from(held).unwrap_or(u32::MAX));
        i64::from(self.charged) as isize - before as isize
    }

    /// Takes a datagram's payload.
    pub fn handle_datagram(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        side: Side,
        payload: &[u8],
        complete: bool,
        found: &mut Vec<Found>,
    ) {
        if let Reader::Datagrams { left, expected } = &mut self.reader {
            if google::opens(payload) {
                self.reader = Reader::GoogleQuic(Box::default());
            } else if quic::opens(payload, !*expected) {
                self.reader = Reader::Quic(Box::default());
            } else if dtls::opens(payload) {
                self.reader = Reader::Dtls(Box::default());
            } else if side == Side::Originator && openvpn::opens(payload) {
                self.reader = Reader::OpenVpn(Box::default());
            } else if *left == 0 {
                self.reader = Reader::Nobody;
            } else {
                *left -= 1;
            }
        }
        let datagram = (payload, complete);
        let verdict = self
            .reader
            .read_datagram(context, memo, side, datagram, found);
        if let Some(verdict) = verdict {
            self.obey(verdict, context, found);
        }
    }

    /// Takes the next event of the flow's streams.
    pub fn handle_stream(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        if let Reader::Probing(first) = &mut self.reader {
            let reader = match probe(first.get_or_insert_default(), event) {
                Probed::Open => return,
                Probed::Nobodys => return self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX),
                Probed::Tls => Reader::Tls(Box::default()),
                Probed::OpenVpn => Reader::OpenVpn(Box::default()),
                Probed::Socks => Reader::Socks(Box::default()),
                Probed::Http => self.http(),
                Probed::Http2 => self.http2(),
            };
            return self.begin(reader, context, memo, event, found);
        }
        if matches!(self.reader, Reader::Waiting(_)) {
            return self.wait(context, memo, event, found);
        }
        // The proxy's answer may be missing, or still on its way.
        if let (Reader::Socks(_), StreamEvent::Data { bytes, .. }) = (&self.reader, event)
            && TlsInspector::opens_session(bytes)
        {
            self.release();
            return self.begin(Reader::Tls(Box::default()), context, memo, event, found);
        }
        let Some(verdict) = self.reader.read_stream(context, memo, event, found) else {
            return;
        };
        match (&self.reader, verdict) {
            (_, Verdict::More) => {}
            (Reader::Http(http), Verdict::Done) if http.is_tunnel() => {
                let (unread, websocket) = (http.unread_bytes(), http.is_websocket());
                self.obey(verdict, context, found);
                self.turn(websocket, unread, context, memo, event, found);
            }
            (Reader::Http(_), Verdict::NotMine) => {
                self.obey(verdict, context, found);
                self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX);
                if let StreamEvent::Data { bytes, .. } = event
                    && TlsInspector::opens_session(bytes)
                {
                    self.begin(Reader::Tls(Box::default()), context, memo, event, found);
                }
            }
            (Reader::Tls(_), _) => {
                self.obey(verdict, context, found);
                self.turn_from_tls(verdict, context, memo, event, found);
            }
            (Reader::Socks(_), _) => {
                self.obey(verdict, context, found);
                self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX);
            }
            _ => self.obey(verdict, context, found),
        }
    }

    /// Looks whether the flow turns to TLS or HTTP with this piece.
    fn wait(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        let StreamEvent::Data { side, bytes } = event else {
            return;
        };
        if let Some(start) = TlsInspector::session_start(bytes) {
            let bytes = bytes.get(start..).unwrap_or_default();
            let event = StreamEvent::Data { side, bytes };
            self.begin(Reader::Tls(Box::default()), context, memo, event, found);
        } else if HttpInspector::opens_exchange(side, bytes) {
            self.begin(self.http(), context, memo, event, found);
        } else {
            self.reader = match self.reader {
                Reader::Waiting(left) if left > 0 => Reader::Waiting(left - 1),
                _ => Reader::Nobody,
            };
        }
    }

    /// A request of HTTP turned the flow to another protocol, which has the last `unread` bytes of
    /// `event`.
    fn turn(
        &mut self,
        websocket: bool,
        unread: usize,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        if self.turns >= TURNS_MAX {
            return;
        }
        self.turns += 1;
        self.reader = Reader::Probing(None);
        if websocket {
            let mut carried = Inspection::with(Reader::Probing(None));
            carried.turns = self.turns;
            carried.http_depth = self.http_depth;
            let frames = WebSocketFrames::default();
            self.reader = Reader::WebSocket(Box::new(WebSocket { frames, carried }));
        }
        if let StreamEvent::Data { side, bytes } = event
            && let Some((_, rest @ [_, ..])) =
                bytes.split_at_checked(bytes.len().saturating_sub(unread))
        {
            let event = StreamEvent::Data { side, bytes: rest };
            self.handle_stream(context, memo, event, found);
        }
    }

    /// What began like TLS may go on as HTTP: a server that expects it answers a hello so.
    fn turn_from_tls(
        &mut self,
        verdict: Verdict,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        match event {
            StreamEvent::Data { side, bytes } if HttpInspector::opens_exchange(side, bytes) => {
                self.begin(self.http(), context, memo, event, found);
            }
            _ if verdict == Verdict::NotMine => {
                self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX);
            }
            _ => {}
        }
    }

    fn http2(&self) -> Reader {
        Reader::Http2(Box::new(Http2Inspector::behind(self.http_depth)))
    }

    fn http(&self) -> Reader {
        Reader::Http(Box::new(HttpInspector::behind(self.http_depth)))
    }

    /// The flow is over.
    pub fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>) {
        let mut reader = self.release();
        reader.finish(context, found);
        if let Reader::WebSocket(socket) = reader {
            for name in &socket.carried.services {
                self.confirm(name);
            }
        }
    }

    /// Takes the reader out; what it was sure to have read names the flow's service.
    fn release(&mut self) -> Reader {
        let reader = std::mem::replace(&mut self.reader, Reader::Nobody);
        for name in reader.services() {
            self.confirm(name);
        }
        match &reader {
            Reader::Http(http) => self.http_depth = http.depth(),
            Reader::Http2(http) => self.http_depth = http.depth(),
            _ => {}
        }
        reader
    }

    /// The flow is sure to carry `service`.
    pub fn confirm(&mut self, service: &str) {
        if !self.services.iter().any(|known| **known == *service) {
            self.services.push(Box::from(service));
        }
    }

    /// Hands `reader` what was held while probing, then the event that decided.
    fn begin(
        &mut self,
        reader: Reader,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        let before = std::mem::replace(&mut self.reader, reader);
        let first = match before {
            Reader::Probing(first) => first.unwrap_or_default(),
            _ => return self.handle_stream(context, memo, event, found),
        };
        let sides = [Side::Originator, Side::Responder];
        for (side, beginning) in sides.into_iter().zip(first.iter()) {
            match beginning {
                Beginning::Gap(bytes) => {
                    let bytes = *bytes;
                    self.handle_stream(context, memo, StreamEvent::Gap { side, bytes }, found);
                }
                Beginning::Bytes(bytes) if !bytes.is_empty() => {
                    self.handle_stream(context, memo, StreamEvent::Data { side, bytes }, found);
                }
                Beginning::Bytes(_) => {}
            }
        }
        self.handle_stream(context, memo, event, found);
    }

    fn obey(&mut self, verdict: Verdict, context: Context<'_>, found: &mut Vec<Found>) {
        match verdict {
            Verdict::More => {}
            Verdict::Done => self.finish(context, found),
            Verdict::NotMine => drop(self.release()),
        }
    }
}

/// Protocols that turn to TLS do so early, after a greeting and a few commands.
const PIECES_UNTIL_TLS_MAX: u8 = 32;

/// A flow turns to another protocol within another so often at most: a proxy behind a proxy, and a
/// tunnel within that.
const TURNS_MAX: u8 = 4;
