//! From a protocol's name to the inspector that reads it: one list of them all.

use super::super::probing::Beginning;
use super::Inspection;
use crate::flow::stream::StreamEvent;
use crate::inspect::dhcp::{self, DhcpInspector};
use crate::inspect::dns::{DnsInspector, DnsStreamInspector, is_dns_port};
use crate::inspect::dtls::DtlsInspector;
use crate::inspect::http::{Http2Inspector, HttpInspector, WebSocketFrames};
use crate::inspect::openvpn::OpenVpnInspector;
use crate::inspect::quic::google::GoogleQuicInspector;
use crate::inspect::quic::{QuicInspector, is_quic_port};
use crate::inspect::socks::SocksInspector;
use crate::inspect::tls::{Memo, TlsInspector};
use crate::inspect::{Context, DatagramInspector, Found, StreamInspector, Verdict};
use crate::net::{Side, Transport};
use crate::observe::FlowId;
use serde::{Deserialize, Serialize};

/// Who reads a flow's payload.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reader {
    /// Nobody: the payload is only counted.
    Nobody,
    /// Not known yet: what each side began with, once one did.
    Probing(Option<Box<[Beginning; 2]>>),
    /// Something else, which may still turn to TLS (STARTTLS, CONNECT, SOCKS, a database's
    /// upgrade) or to HTTP (SOCKS): so many more pieces of payload are looked at.
    Waiting(u8),
    Tls(Box<TlsInspector>),
    Http(Box<HttpInspector>),
    Http2(Box<Http2Inspector>),
    WebSocket(Box<WebSocket>),
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

/// A WebSocket, and what it carries.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WebSocket {
    pub frames: WebSocketFrames,
    pub carried: Inspection,
}

impl Reader {
    /// Who is to read a flow that begins.
    pub fn of(flow: &FlowId) -> Reader {
        let responder = flow.responder;
        match flow.transport {
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
            Transport::Udp => Reader::Datagrams {
                left: DATAGRAMS_UNTIL_KNOWN_MAX,
                expected: is_quic_port(responder.port),
            },
            _ => Reader::Nobody,
        }
    }

    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        match self {
            Reader::Tls(tls) => tls.held_bytes(),
            Reader::Http(http) => http.held_bytes(),
            Reader::Http2(http) => http.held_bytes(),
            Reader::WebSocket(socket) => {
                size_of::<WebSocket>() + socket.carried.reader.held_bytes()
            }
            Reader::Socks(socks) => socks.held_bytes(),
            Reader::DnsStream(dns) => dns.held_bytes(),
            Reader::Dns(dns) => dns.held_bytes(),
            Reader::Dhcp(dhcp) => dhcp.held_bytes(),
            Reader::Quic(quic) => quic.held_bytes(),
            Reader::Dtls(dtls) => dtls.held_bytes(),
            Reader::GoogleQuic(quic) => quic.held_bytes(),
            Reader::OpenVpn(vpn) => vpn.held_bytes(),
            Reader::Nobody | Reader::Probing(_) | Reader::Waiting(_) | Reader::Datagrams { .. } => {
                0
            }
        }
    }

    /// Takes a datagram's payload; none where nobody reads it.
    pub fn read_datagram(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        side: Side,
        (payload, complete): (&[u8], bool),
        found: &mut Vec<Found>,
    ) -> Option<Verdict> {
        Some(match self {
            Reader::Dns(dns) => dns.handle_datagram(context, side, payload, complete, found),
            Reader::Dhcp(dhcp) => dhcp.handle_datagram(context, side, payload, complete, found),
            Reader::Quic(quic) => quic.read_datagram(context, memo, side, payload, found),
            Reader::Dtls(dtls) => dtls.read_datagram(context, memo, side, payload, found),
            Reader::OpenVpn(vpn) => vpn.read_packet(context, memo, side, payload, found),
            Reader::GoogleQuic(quic) => {
                quic.handle_datagram(context, side, payload, complete, found)
            }
            _ => return None,
        })
    }

    /// Takes the next event of the flow's streams; none where nobody reads it.
    pub fn read_stream(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Option<Verdict> {
        Some(match self {
            Reader::Tls(tls) => tls.read_stream(context, memo, event, found),
            Reader::OpenVpn(vpn) => vpn.read_stream(context, memo, event, found),
            Reader::Http(http) => http.handle_stream(context, event, found),
            Reader::Http2(http) => http.handle_stream(context, event, found),
            Reader::WebSocket(socket) => socket.read_stream(context, memo, event, found),
            Reader::Socks(socks) => socks.handle_stream(context, event, found),
            Reader::DnsStream(dns) => dns.handle_stream(context, event, found),
            _ => return None,
        })
    }

    /// What it was sure to have read, as `conn.log` names it.
    pub fn services(&self) -> Vec<&str> {
        let sure = |confirmed: bool, name| confirmed.then_some(name);
        let [first, second] = match self {
            Reader::Tls(tls) => [sure(tls.is_confirmed(), "ssl"), None],
            Reader::Http(http) => [sure(http.is_confirmed(), "http"), None],
            Reader::Http2(http) => [sure(http.is_confirmed(), "http"), None],
            Reader::WebSocket(_) => [Some("websocket"), None],
            Reader::Socks(socks) => [sure(socks.is_confirmed(), "socks"), None],
            Reader::DnsStream(dns) => [sure(dns.is_confirmed(), "dns"), None],
            Reader::Dns(dns) => [sure(dns.is_confirmed(), "dns"), None],
            Reader::Dhcp(dhcp) => [sure(dhcp.is_confirmed(), "dhcp"), None],
            Reader::Dtls(dtls) => [sure(dtls.is_confirmed(), "dtls"), None],
            Reader::GoogleQuic(quic) => [sure(quic.is_confirmed(), "gquic"), None],
            Reader::OpenVpn(vpn) => [
                sure(vpn.is_confirmed(), "openvpn"),
                sure(vpn.is_greeted(), "ssl"),
            ],
            Reader::Quic(quic) => [
                sure(quic.is_confirmed(), "quic"),
                sure(quic.is_greeted(), "ssl"),
            ],
            Reader::Nobody | Reader::Probing(_) | Reader::Waiting(_) | Reader::Datagrams { .. } => {
                [None, None]
            }
        };
        first.into_iter().chain(second).collect()
    }

    /// The flow is over: what is still held is told.
    pub fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>) {
        match self {
            Reader::Tls(tls) => tls.finish(context, found),
            Reader::Http(http) => http.finish(context, found),
            Reader::Http2(http) => http.finish(context, found),
            Reader::WebSocket(socket) => socket.carried.finish(context, found),
            Reader::Socks(socks) => socks.finish(context, found),
            Reader::DnsStream(dns) => dns.finish(context, found),
            Reader::Dns(dns) => dns.finish(context, found),
            Reader::Dhcp(dhcp) => dhcp.finish(context, found),
            Reader::Quic(quic) => quic.finish(context, found),
            Reader::Dtls(dtls) => dtls.finish(context, found),
            Reader::GoogleQuic(quic) => quic.finish(context, found),
            Reader::OpenVpn(vpn) => vpn.finish(context, found),
            Reader::Nobody | Reader::Probing(_) | Reader::Waiting(_) | Reader::Datagrams { .. } => {
            }
        }
    }
}

impl WebSocket {
    fn read_stream(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        let carried = &mut self.carried;
        self.frames.take(event, &mut |event| {
            carried.handle_stream(context, memo, event, found);
        });
        match self.carried.is_reading() {
            true => Verdict::More,
            false => Verdict::Done,
        }
    }
}

/// So many datagrams may come before the first packet of QUIC with a long header, or the first
/// hello of DTLS, which follows a dozen of STUN in WebRTC (RFC 8842).
const DATAGRAMS_UNTIL_KNOWN_MAX: u8 = 32;
