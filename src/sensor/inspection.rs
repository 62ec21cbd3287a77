//! From a flow's payload to the inspector that reads it.

use super::handshake::Handshake;
use crate::flow::key::Keyed;
use crate::flow::stream::StreamEvent;
use crate::inspect::dhcp::{self, DhcpInspector};
use crate::inspect::dns::{DnsInspector, DnsStreamInspector, is_answer, is_dns_port};
use crate::inspect::dtls::{self, DtlsInspector};
use crate::inspect::http::HttpInspector;
use crate::inspect::openvpn::{self, OpenVpnInspector};
use crate::inspect::quic::google::{self, GoogleQuicInspector};
use crate::inspect::quic::{self, QuicInspector, is_quic_port};
use crate::inspect::socks::SocksInspector;
use crate::inspect::tls::{Memo, Probe, TlsInspector};
use crate::inspect::{Context, DatagramInspector, Found, StreamInspector, Verdict};
use crate::net::{Side, Transport, TunnelKind};
use crate::observe::FlowId;
use crate::packet::Packet;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};

/// Who reads a flow's payload, and what it was recognised as.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inspection {
    reader: Reader,
    /// Protocols recognised, as `conn.log` names them.
    pub services: Vec<Box<str>>,
    /// What kind of tunnel it carries, once a packet was found within.
    pub tunnel: Option<TunnelKind>,
    /// Anomalies already told of this flow: each is told once, so that a flow cannot flood the log.
    told: Vec<Weird>,
    /// How far a TCP handshake is.
    pub handshake: Handshake,
    /// Bytes that the reader held when it was last asked.
    charged: u32,
}

#[derive(Debug, Serialize, Deserialize)]
enum Reader {
    /// Nobody: the payload is only counted.
    Nobody,
    /// Not known yet: what each side began with, once one did.
    Probing(Option<Box<[Beginning; 2]>>),
    /// Something else, which may still turn to TLS (STARTTLS, CONNECT, SOCKS, a database's
    /// upgrade) or to HTTP (SOCKS): so many more pieces of payload are looked at.
    Waiting(u8),
    Tls(Box<TlsInspector>),
    Http(Box<HttpInspector>),
    Socks(Box<SocksInspector>),
    DnsStream(Box<DnsStreamInspector>),
    Dns(Box<DnsInspector>),
    Dhcp(DhcpInspector),
    /// Not known yet: so many more datagrams may show that they are QUIC, on a port where it is
    /// expected or not, or DTLS.
    Datagrams {
        left: u8,
        expected: bool,
    },
    Quic(Box<QuicInspector>),
    Dtls(Box<DtlsInspector>),
    GoogleQuic(Box<GoogleQuicInspector>),
    OpenVpn(Box<OpenVpnInspector>),
}

/// What one side's stream began with.
#[derive(Debug, Serialize, Deserialize)]
enum Beginning {
    /// These bytes, a few at most.
    Bytes(Vec<u8>),
    /// Missing bytes: nothing says what the rest of this side is, but the other side may.
    Gap(u64),
}

impl Default for Beginning {
    fn default() -> Beginning {
        Beginning::Bytes(Vec::new())
    }
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
            Transport::Tcp => Reader::Probing(None),
            Transport::Udp if let Some(v6) = dhcp::version(flow.originator, responder) => {
                Reader::Dhcp(DhcpInspector::new(v6))
            }
            Transport::Udp => {
                let expected = is_quic_port(responder.port);
                let left = DATAGRAMS_UNTIL_KNOWN_MAX;
                Reader::Datagrams { left, expected }
            }
            _ => Reader::Nobody,
        };
        Inspection {
            reader,
            services: Vec::new(),
            tunnel: None,
            told: Vec::new(),
            handshake: Handshake::default(),
            charged: 0,
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

    /// How much more, or less, the reader holds than when this was last asked.
    pub fn charge(&mut self) -> isize {
        let held = match &self.reader {
            Reader::Tls(tls) => tls.held_bytes(),
            Reader::Http(http) => http.held_bytes(),
            Reader::DnsStream(dns) => dns.held_bytes(),
            Reader::Dns(dns) => dns.held_bytes(),
            Reader::Quic(quic) => quic.held_bytes(),
            Reader::Socks(socks) => socks.held_bytes(),
            Reader::Dhcp(dhcp) => dhcp.held_bytes(),
            Reader::Dtls(dtls) => dtls.held_bytes(),
            Reader::OpenVpn(vpn) => vpn.held_bytes(),
            Reader::GoogleQuic(quic) => quic.held_bytes(),
            Reader::Nobody | Reader::Probing(_) | Reader::Waiting(_) | Reader::Datagrams { .. } => {
                0
            }
        };
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
        let verdict = match &mut self.reader {
            Reader::Dns(dns) => dns.handle_datagram(context, side, payload, complete, found),
            Reader::Dhcp(dhcp) => dhcp.handle_datagram(context, side, payload, complete, found),
            Reader::Quic(quic) => quic.read_datagram(context, memo, side, payload, found),
            Reader::Dtls(dtls) => dtls.read_datagram(context, memo, side, payload, found),
            Reader::OpenVpn(vpn) => vpn.read_packet(context, memo, side, payload, found),
            Reader::GoogleQuic(quic) => {
                quic.handle_datagram(context, side, payload, complete, found)
            }
            _ => return,
        };
        self.obey(verdict, context, found);
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
            match probe(first.get_or_insert_default(), event) {
                Probed::Open => {}
                Probed::Nobodys => self.reader = Reader::Waiting(PIECES_UNTIL_TLS_MAX),
                Probed::Tls => self.begin(Reader::Tls(Box::default()), context, memo, event, found),
                Probed::OpenVpn => {
                    self.begin(Reader::OpenVpn(Box::default()), context, memo, event, found)
                }
                Probed::Http => {
                    self.begin(Reader::Http(Box::default()), context, memo, event, found)
                }
                Probed::Socks => {
                    self.begin(Reader::Socks(Box::default()), context, memo, event, found)
                }
            }
            return;
        }
        if let Reader::Waiting(left) = &mut self.reader {
            let StreamEvent::Data { side, bytes } = event else {
                return;
            };
            if let Some(start) = TlsInspector::session_start(bytes) {
                let bytes = bytes.get(start..).unwrap_or_default();
                let event = StreamEvent::Data { side, bytes };
                self.begin(Reader::Tls(Box::default()), context, memo, event, found);
            } else if HttpInspector::opens_exchange(side, bytes) {
                self.begin(Reader::Http(Box::default()), context, memo, event, found);
            } else if *left == 0 {
                self.reader = Reader::Nobody;
            } else {
                *left -= 1;
            }
            return;
        }
        let verdict = match &mut self.reader {
            Reader::Tls(tls) => tls.read_stream(context, memo, event, found),
            Reader::OpenVpn(vpn) => vpn.read_stream(context, memo, event, found),
            Reader::Http(http) => http.handle_stream(context, event, found),
            Reader::Socks(socks) => socks.handle_stream(context, event, found),
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
            Reader::Socks(mut socks) => socks.finish(context, found),
            Reader::DnsStream(mut dns) => dns.finish(context, found),
            Reader::Dns(mut dns) => dns.finish(context, found),
            Reader::Dhcp(mut dhcp) => dhcp.finish(context, found),
            Reader::Quic(mut quic) => quic.finish(context, found),
            Reader::Dtls(mut dtls) => dtls.finish(context, found),
            Reader::GoogleQuic(mut quic) => quic.finish(context, found),
            Reader::OpenVpn(mut vpn) => vpn.finish(context, found),
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
            Reader::Socks(socks) => &[(socks.is_confirmed(), "socks")],
            Reader::DnsStream(dns) => &[(dns.is_confirmed(), "dns")],
            Reader::Dns(dns) => &[(dns.is_confirmed(), "dns")],
            Reader::Dhcp(dhcp) => &[(dhcp.is_confirmed(), "dhcp")],
            Reader::Dtls(dtls) => &[(dtls.is_confirmed(), "dtls")],
            Reader::OpenVpn(vpn) => &[(vpn.is_confirmed(), "openvpn"), (vpn.is_greeted(), "ssl")],
            Reader::GoogleQuic(quic) => &[(quic.is_confirmed(), "gquic")],
            Reader::Quic(quic) => &[(quic.is_confirmed(), "quic"), (quic.is_greeted(), "ssl")],
            _ => &[],
        };
        for (confirmed, name) in services {
            if *confirmed {
                self.confirm(name);
            }
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
        for (side, beginning) in [Side::Originator, Side::Responder]
            .into_iter()
            .zip(first.iter())
        {
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
        // What is no HTTP after all, or turned from it, may turn to TLS.
        let may_turn = match &self.reader {
            Reader::Http(http) => http.is_tunnel() || verdict == Verdict::NotMine,
            Reader::Socks(_) => true,
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
    OpenVpn,
    Socks,
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
                (Probe::NotMine, Probe::NotMine) if SocksInspector::probe(side, held) => {
                    Probed::Socks
                }
                (Probe::NotMine, Probe::NotMine) => match OpenVpnInspector::probe(side, held) {
                    Probe::Mine => Probed::OpenVpn,
                    Probe::Open => return Probed::Open,
                    Probe::NotMine => Probed::Nobodys,
                },
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

/// So many datagrams may come before the first packet of QUIC with a long header, or the first
/// hello of DTLS, which follows a dozen of STUN in WebRTC (RFC 8842).
const DATAGRAMS_UNTIL_KNOWN_MAX: u8 = 32;

/// No probe needs more of a stream's beginning than this.
const PROBE_BYTES_MAX: usize = if TlsInspector::PROBE_BYTES > HttpInspector::PROBE_BYTES {
    TlsInspector::PROBE_BYTES
} else {
    HttpInspector::PROBE_BYTES
};

/// Whether a flow between two DNS ports begins with an answer: the ports cannot say who asked.
pub fn is_dns_answer_first(packet: &Packet, keyed: &Keyed, bytes: &[u8]) -> bool {
    let dns = |port| is_dns_port(true, port);
    let payload = || bytes.get(packet.payload.clone()).unwrap_or_default();
    keyed.transport == Transport::Udp
        && dns(keyed.src.port)
        && dns(keyed.dst.port)
        && !keyed.dst.addr.is_multicast()
        && is_answer(payload())
}
#[cfg(test)]
mod tests;
