//! From a flow's payload to the inspector that reads it.

use super::shaping::Shaping;
use crate::flow::stream::StreamEvent;
use crate::inspect::dns::{DnsInspector, DnsStreamInspector, is_dns_port};
use crate::inspect::http::HttpInspector;
use crate::inspect::quic::{self, QuicInspector, is_quic_port};
use crate::inspect::tls::{Probe, TlsInspector};
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
    /// The flow's shape in time.
    pub shaping: Shaping,
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
    DnsStream(Box<DnsStreamInspector>),
    Dns(Box<DnsInspector>),
    /// Not known yet: so many more datagrams may show that they are QUIC, on a port where it is
    /// expected or not.
    Datagrams {
        left: u8,
        expected: bool,
    },
    Quic(Box<QuicInspector>),
}

/// What one side's stream began with.
#[derive(Debug, Serialize, Deserialize)]
enum Beginning {
    /// These bytes, a few at most.
    Bytes(Vec<u8>),
    /// Missing bytes: nothing says what the rest of this side is, but the other side may.
    Gap(u64),
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
            Transport::Tcp => Reader::Probing([(); 2].map(|()| Beginning::Bytes(Vec::new()))),
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
        Inspection {
            reader,
            services: Vec::new(),
            told: Vec::new(),
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
                Probed::Http => self.begin(Reader::Http(Box::default()), context, event, found),
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
                self.begin(Reader::Http(Box::default()), context, event, found);
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
            Reader::DnsStream(dns) => dns.handle_stream(context, event, found),
            _ => return,
        };
        self.obey(verdict, context, found);
    }

    /// The flow is over.
    pub fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>) {
        match self.release() {
            Reader::Tls(mut tls) => tls.finish(context, found),
            Reader::Http(mut http) => http.finish(context, found),
            Reader::DnsStream(mut dns) => dns.finish(context, found),
            Reader::Dns(mut dns) => dns.finish(context, found),
            Reader::Quic(mut quic) => quic.finish(context, found),
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
            Reader::DnsStream(dns) => &[(dns.is_confirmed(), "dns")],
            Reader::Dns(dns) => &[(dns.is_confirmed(), "dns")],
            Reader::Quic(quic) => &[(quic.is_confirmed(), "quic"), (quic.is_greeted(), "ssl")],
            _ => &[],
        };
        for (confirmed, name) in services {
            if *confirmed && !self.services.iter().any(|service| **service == **name) {
                self.services.push(Box::from(*name));
            }
        }
        reader
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
        // What is no HTTP after all, or turned from it, may turn to TLS.
        let may_turn = match &self.reader {
            Reader::Http(http) => http.is_tunnel() || verdict == Verdict::NotMine,
            _ => false,
        };
        match verdict {
            Verdict::More => return,
            Verdict::Done => self.finish(context, found),
            Verdict::NotMine => drop(self.release()),
        }
        if may_turn {
            self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX);
        }
    }
}

/// Whose the beginning of a flow is.
enum Probed {
    Open,
    Tls,
    Http,
    Nobodys,
}

/// What the beginnings of both sides and the next event say. What decided nothing is held.
fn probe(first: &mut [Beginning; 2], event: StreamEvent<'_>) -> Probed {
    match event {
        StreamEvent::Data { side, bytes } => {
            let Beginning::Bytes(held) = &mut first[side.index()] else {
                return Probed::Open;
            };
            let before = held.len();
            held.extend_from_slice(&bytes[..bytes.len().min(PROBE_BYTES_MAX)]);
            let tls = TlsInspector::probe(side, held);
            let probed = match (tls, HttpInspector::probe(side, held)) {
                (Probe::Mine, _) => Probed::Tls,
                (_, Probe::Mine) => Probed::Http,
                (Probe::NotMine, Probe::NotMine) => Probed::Nobodys,
                _ => return Probed::Open,
            };
            // The event itself is handed on.
            held.truncate(before);
            probed
        }
        StreamEvent::Gap { side, bytes } => {
            first[side.index()] = Beginning::Gap(bytes);
            match first {
                [Beginning::Gap(_), Beginning::Gap(_)] => Probed::Nobodys,
                _ => Probed::Open,
            }
        }
        StreamEvent::End { .. } => Probed::Open,
    }
}

/// Protocols that turn to TLS do so early, after a greeting and a few commands.
const PIECES_UNTIL_TLS_MAX: u8 = 32;

/// So many datagrams may come before the first packet with a long header, where QUIC is expected.
const DATAGRAMS_UNTIL_QUIC_MAX: u8 = 8;

/// No probe needs more of a stream's beginning than this.
const PROBE_BYTES_MAX: usize = if TlsInspector::PROBE_BYTES > HttpInspector::PROBE_BYTES {
    TlsInspector::PROBE_BYTES
} else {
    HttpInspector::PROBE_BYTES
};
