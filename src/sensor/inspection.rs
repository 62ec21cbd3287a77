//! From a flow's payload to the inspector that reads it.

#[cfg(test)]
mod tests;

use super::probing::{Beginning, Probed, probe};
use crate::flow::stream::StreamEvent;
use crate::inspect::dns::{DnsInspector, DnsStreamInspector, is_dns_port};
use crate::inspect::http::{Http2Inspector, HttpInspector, WebSocketFrames};
use crate::inspect::quic::{self, QuicInspector, is_quic_port};
use crate::inspect::tls::TlsInspector;
use crate::inspect::{Context, DatagramInspector, Found, StreamInspector, Verdict};
use crate::net::{Side, Transport};
use crate::observe::FlowId;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};

/// Who reads a flow's payload, and what it was recognised as.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inspection {
    reader: Reader,
    /// Protocols recognised, as `conn.log` names them.
    pub services: Vec<Box<str>>,
    /// Anomalies already told of this flow: each is told once, so that a flow cannot flood the log.
    told: Vec<Weird>,
    /// How often it turned to another protocol by a request of HTTP.
    turns: u8,
    /// HTTP transactions so far.
    http_depth: u32,
}

#[derive(Debug, Serialize, Deserialize)]
enum Reader {
    /// Nobody: the payload is only counted.
    Nobody,
    /// Not known yet: what each side began with.
    Probing([Beginning; 2]),
    /// Something else, which may still turn to TLS (STARTTLS, CONNECT, SOCKS, a database's
    /// upgrade) or to HTTP (SOCKS): so many more pieces of payload are looked at.
    Waiting(u8),
    Tls(Box<TlsInspector>),
    Http(Box<HttpInspector>),
    Http2(Box<Http2Inspector>),
    DnsStream(Box<DnsStreamInspector>),
    Dns(Box<DnsInspector>),
    /// Not known yet: so many more datagrams may show that they are QUIC, on a port where it is
    /// expected or not.
    Datagrams {
        left: u8,
        expected: bool,
    },
    Quic(Box<QuicInspector>),
    WebSocket(Box<WebSocket>),
}

/// A WebSocket, and what it carries.
#[derive(Debug, Serialize, Deserialize)]
struct WebSocket {
    frames: WebSocketFrames,
    carried: Inspection,
}

impl Inspection {
    /// The inspection of a flow that begins.
    pub fn of(flow: &FlowId) -> Inspection {
        let responder = flow.responder;
        let reader = match flow.transport {
            Transport::Udp if is_dns_port(true, responder.port) => {
                Reader::Dns(Box::new(DnsInspector::new(responder)))
            }
            Transport::Tcp if is_dns_port(false, responder.port) => {
                Reader::DnsStream(Box::new(DnsStreamInspector::new(responder)))
            }
            Transport::Tcp => Reader::probing(),
            Transport::Udp => {
                let expected = is_quic_port(responder.port);
                let left = if expected {
                    DATAGRAMS_UNTIL_QUIC_MAX
                } else {
                    0
                };
                Reader::Datagrams { left, expected }
            }
            _ => Reader::Nobody,
        };
        Inspection::with(reader)
    }

    fn with(reader: Reader) -> Inspection {
        Inspection {
            reader,
            services: Vec::new(),
            told: Vec::new(),
            turns: 0,
            http_depth: 0,
        }
    }

    /// Whether anyone reads the payload.
    pub fn is_reading(&self) -> bool {
        !matches!(self.reader, Reader::Nobody)
    }

    /// Whether `weird` is new for this flow.
    pub fn is_news(&mut self, weird: Weird) -> bool {
        let new = !self.told.contains(&weird);
        if new {
            self.told.push(weird);
        }
        new
    }

    /// Takes a datagram's payload.
    pub fn handle_datagram(
        &mut self,
        context: Context<'_>,
        side: Side,
        payload: &[u8],
        complete: bool,
        found: &mut Vec<Found>,
    ) {
        if let Reader::Datagrams { left, expected } = &mut self.reader {
            if quic::opens(payload, !*expected) {
                self.reader = Reader::Quic(Box::default());
            } else if *left == 0 {
                self.reader = Reader::Nobody;
            } else {
                *left -= 1;
            }
        }
        let verdict = match &mut self.reader {
            Reader::Dns(dns) => dns.handle_datagram(context, side, payload, complete, found),
            Reader::Quic(quic) => quic.handle_datagram(context, side, payload, complete, found),
            _ => return,
        };
        self.obey(verdict, context, found);
    }

    /// Takes the next event of the flow's streams.
    pub fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        if let Reader::Probing(first) = &mut self.reader {
            match probe(first, event) {
                Probed::Open => {}
                Probed::Nobodys => self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX),
                Probed::Tls => self.begin(Reader::Tls(Box::default()), context, event, found),
                Probed::Http => self.begin(self.http(), context, event, found),
                Probed::Http2 => self.begin(self.http2(), context, event, found),
            }
            return;
        }
        if let Reader::Waiting(left) = &mut self.reader {
            let StreamEvent::Data { side, bytes } = event else {
                return;
            };
            if TlsInspector::opens_session(bytes) {
                self.begin(Reader::Tls(Box::default()), context, event, found);
            } else if HttpInspector::opens_exchange(side, bytes) {
                self.begin(self.http(), context, event, found);
            } else if *left == 0 {
                self.reader = Reader::Nobody;
            } else {
                *left -= 1;
            }
            return;
        }
        let verdict = match &mut self.reader {
            Reader::Tls(tls) => tls.handle_stream(context, event, found),
            Reader::Http(http) => http.handle_stream(context, event, found),
            Reader::Http2(http) => http.handle_stream(context, event, found),
            Reader::DnsStream(dns) => dns.handle_stream(context, event, found),
            Reader::WebSocket(socket) => socket.handle_stream(context, event, found),
            _ => return,
        };
        match (&self.reader, verdict) {
            (Reader::Http(http), Verdict::Done) if http.is_tunnel() => {
                let (unread, websocket) = (http.unread_bytes(), http.is_websocket());
                self.obey(verdict, context, found);
                self.turn(websocket, unread, context, event, found);
            }
            (Reader::Http(_), Verdict::NotMine) => {
                self.obey(verdict, context, found);
                self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX);
                if let StreamEvent::Data { bytes, .. } = event
                    && TlsInspector::opens_session(bytes)
                {
                    self.begin(Reader::Tls(Box::default()), context, event, found);
                }
            }
            (Reader::Tls(_), Verdict::NotMine | Verdict::Done) => {
                self.obey(verdict, context, found);
                self.turn_from_tls(verdict, context, event, found);
            }
            _ => self.obey(verdict, context, found),
        }
    }

    /// A request of HTTP turned the flow to another protocol, which has the last `unread` bytes of
    /// `event`.
    fn turn(
        &mut self,
        websocket: bool,
        unread: usize,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        if self.turns >= TURNS_MAX {
            return;
        }
        self.turns += 1;
        self.reader = Reader::probing();
        if websocket {
            let mut carried = Inspection::with(Reader::probing());
            carried.turns = self.turns;
            carried.http_depth = self.http_depth;
            let frames = WebSocketFrames::default();
            self.reader = Reader::WebSocket(Box::new(WebSocket { frames, carried }));
        }
        if let StreamEvent::Data { side, bytes } = event
            && let Some((_, rest @ [_, ..])) =
                bytes.split_at_checked(bytes.len().saturating_sub(unread))
        {
            self.handle_stream(context, StreamEvent::Data { side, bytes: rest }, found);
        }
    }

    /// What began like TLS may go on as HTTP: a server that expects it answers a hello so.
    fn turn_from_tls(
        &mut self,
        verdict: Verdict,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        match event {
            StreamEvent::Data { side, bytes } if HttpInspector::opens_exchange(side, bytes) => {
                self.begin(self.http(), context, event, found);
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
        match self.release() {
            Reader::Tls(mut tls) => tls.finish(context, found),
            Reader::Http(mut http) => http.finish(context, found),
            Reader::Http2(mut http) => http.finish(context, found),
            Reader::DnsStream(mut dns) => dns.finish(context, found),
            Reader::Dns(mut dns) => dns.finish(context, found),
            Reader::Quic(mut quic) => quic.finish(context, found),
            Reader::WebSocket(mut socket) => {
                socket.carried.finish(context, found);
                for name in std::mem::take(&mut socket.carried.services) {
                    self.name_service(&name);
                }
            }
            Reader::Nobody | Reader::Probing(_) | Reader::Waiting(_) | Reader::Datagrams { .. } => {
            }
        }
    }

    /// Takes the reader out; what it was sure to have read names the flow's service.
    fn release(&mut self) -> Reader {
        let reader = std::mem::replace(&mut self.reader, Reader::Nobody);
        let services: &[(bool, &str)] = match &reader {
            Reader::Tls(tls) => &[(tls.is_confirmed(), "ssl")],
            Reader::Http(http) => &[(http.is_confirmed(), "http")],
            Reader::Http2(http) => &[(http.is_confirmed(), "http")],
            Reader::DnsStream(dns) => &[(dns.is_confirmed(), "dns")],
            Reader::Dns(dns) => &[(dns.is_confirmed(), "dns")],
            Reader::Quic(quic) => &[(quic.is_confirmed(), "quic"), (quic.is_greeted(), "ssl")],
            Reader::WebSocket(_) => &[(true, "websocket")],
            _ => &[],
        };
        for (_, name) in services.iter().filter(|(confirmed, _)| *confirmed) {
            self.name_service(name);
        }
        match &reader {
            Reader::Http(http) => self.http_depth = http.depth(),
            Reader::Http2(http) => self.http_depth = http.depth(),
            _ => {}
        }
        reader
    }

    fn name_service(&mut self, name: &str) {
        if !self.services.iter().any(|service| **service == *name) {
            self.services.push(Box::from(name));
        }
    }

    /// Hands `reader` what was held while probing, then the event that decided.
    fn begin(
        &mut self,
        reader: Reader,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) {
        let before = std::mem::replace(&mut self.reader, reader);
        let first = match before {
            Reader::Probing(first) => first,
            _ => return self.handle_stream(context, event, found),
        };
        for (side, beginning) in [Side::Originator, Side::Responder].into_iter().zip(&first) {
            match beginning {
                Beginning::Gap(bytes) => {
                    let bytes = *bytes;
                    self.handle_stream(context, StreamEvent::Gap { side, bytes }, found);
                }
                Beginning::Bytes(bytes) if !bytes.is_empty() => {
                    self.handle_stream(context, StreamEvent::Data { side, bytes }, found);
                }
                Beginning::Bytes(_) => {}
            }
        }
        self.handle_stream(context, event, found);
    }

    fn obey(&mut self, verdict: Verdict, context: Context<'_>, found: &mut Vec<Found>) {
        match verdict {
            Verdict::More => {}
            Verdict::Done => self.finish(context, found),
            Verdict::NotMine => drop(self.release()),
        }
    }
}

impl Reader {
    fn probing() -> Reader {
        Reader::Probing([(); 2].map(|()| Beginning::Bytes(Vec::new())))
    }
}

impl WebSocket {
    fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        let carried = &mut self.carried;
        self.frames.take(event, &mut |event| {
            carried.handle_stream(context, event, found)
        });
        match self.carried.is_reading() {
            true => Verdict::More,
            false => Verdict::Done,
        }
    }
}

/// Protocols that turn to TLS do so early, after a greeting and a few commands.
const PIECES_UNTIL_TLS_MAX: u8 = 32;

/// A flow turns to another protocol within another so often at most: a proxy behind a proxy, and a
/// tunnel within that.
const TURNS_MAX: u8 = 4;

/// So many datagrams may come before the first packet with a long header, where QUIC is expected.
const DATAGRAMS_UNTIL_QUIC_MAX: u8 = 8;
