//! From the dissector's findings to the one thing that crosses to the detector.
//!
//! An [`Observation`] is owned, small and serialisable; whoever changes its shape raises
//! [`VERSION`].

mod ech;
mod host;
mod oddity;
pub mod profile;
mod tls;
mod tunnel;

pub use ech::{EchConfig, EchOffer};
pub use host::{Dhcp6Message, DhcpMessage, SynTraits};
pub use oddity::WeirdSeen;
pub use tls::{Certificate, HelloTraits, TlsSession};
pub use tunnel::{TunnelAction, TunnelSeen};

use crate::net::{Endpoint, Mac, Neighbour, Side, Transport, Uid};
use crate::time::{Span, Timestamp};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The version of the observation's shape.
pub const VERSION: u16 = 10;

/// One fact about one flow at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The moment the fact was known: a frame's clock or a timer's deadline.
    pub at: Timestamp,
    /// The flow it is about; none for what no flow can be made of.
    pub flow: Option<FlowId>,
    /// The fact.
    pub fact: Fact,
}

/// Which flow: the columns that every log shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowId {
    /// The flow's uid.
    pub uid: Uid,
    /// The moment of its first packet.
    pub first_at: Timestamp,
    /// The endpoint that opened it.
    pub originator: Endpoint,
    /// The endpoint that was called.
    pub responder: Endpoint,
    /// Its transport.
    pub transport: Transport,
}

/// What was learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// A flow is over, or its interim account is due.
    Flow(Box<FlowSummary>),
    /// A TLS session.
    Tls(Box<TlsSession>),
    /// A certificate seen in clear.
    Certificate(Box<Certificate>),
    /// A DNS transaction.
    Dns(Box<DnsTransaction>),
    /// A QUIC session.
    Quic(Box<QuicSession>),
    /// An HTTP request and its response.
    Http(Box<HttpTransaction>),
    /// A DHCPv4 message.
    Dhcp(Box<DhcpMessage>),
    /// A DHCPv6 message.
    Dhcp6(Box<Dhcp6Message>),
    /// An address and who claims it; told when it is new, changed, or was not told for a while.
    Neighbour(Neighbour),
    /// The TCP handshake is complete; the originator's SYN, where it was seen.
    Established(Option<Box<SynTraits>>),
    /// A tunnel begins, or is over.
    Tunnel(TunnelSeen),
    /// A flow's shape in time: at its end, or while it is open.
    Profile(Box<profile::FlowProfile>),
    /// An exchange began, and was answered or passed over by the next.
    Exchange(Box<profile::Exchange>),
    /// An anomaly.
    Weird(Box<WeirdSeen>),
    /// What a shard counted of the tap; about no flow.
    Tap(Box<TapAccount>),
}

/// What one shard counted of the tap in an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TapAccount {
    /// The clock at its first packet.
    pub since: Timestamp,
    /// Packets, copies included.
    pub packets: u64,
    /// Packets that are copies of another one, left out or not.
    pub copies: u64,
    /// Acknowledgements of new bytes in established flows.
    pub acks: u64,
    /// Those among them that cover bytes never seen.
    pub gaps: u64,
    /// Whether the input ended and no other account follows.
    pub is_last: bool,
}

/// Zeek's thirteen states of a flow at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // The names are the field's; zeek's conn_state documents each.
pub enum ConnState {
    Oth,
    Rej,
    Rsto,
    Rstos0,
    Rstr,
    Rstrh,
    S0,
    S1,
    S2,
    S3,
    Sf,
    Sh,
    Shr,
}

impl ConnState {
    /// Zeek's spelling.
    pub fn name(self) -> &'static str {
        match self {
            ConnState::Oth => "OTH",
            ConnState::Rej => "REJ",
            ConnState::Rsto => "RSTO",
            ConnState::Rstos0 => "RSTOS0",
            ConnState::Rstr => "RSTR",
            ConnState::Rstrh => "RSTRH",
            ConnState::S0 => "S0",
            ConnState::S1 => "S1",
            ConnState::S2 => "S2",
            ConnState::S3 => "S3",
            ConnState::Sf => "SF",
            ConnState::Sh => "SH",
            ConnState::Shr => "SHR",
        }
    }
}

/// What one side of a flow sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideTally {
    /// Payload bytes; for TCP by sequence numbers, as Zeek counts them.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// IP total lengths, as on the wire.
    pub ip_bytes: u64,
}

/// A flow's account: what `conn.log` says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowSummary {
    /// From the first to the last packet that counts; none where Zeek leaves it unset.
    pub duration: Option<Span>,
    /// Both sides' tallies: originator, responder.
    pub tally: [SideTally; 2],
    /// How it ended.
    pub state: ConnState,
    /// Zeek's history letters.
    pub history: Box<str>,
    /// Bytes that were acknowledged or passed over but never seen.
    pub missed_bytes: u64,
    /// What it carried, in order of discovery: `ssl`, `dns`, `http` ...
    pub services: Vec<Box<str>>,
    /// Number of the protocol over IP.
    pub ip_proto: u8,
    /// Outer and inner VLAN identifier.
    pub vlan: [Option<u16>; 2],
    /// Link-layer addresses of originator and responder.
    pub macs: [Option<Mac>; 2],
    /// The tunnels that its packets came through, the innermost of each.
    pub tunnel_parents: Vec<Uid>,
    /// Starts of an exchange: originator payload after at least two seconds without any. A TLS
    /// handshake and the request after it are one.
    pub exchanges: u32,
}

impl FlowSummary {
    /// The tally of `side`.
    pub fn side(&self, side: Side) -> &SideTally {
        &self.tally[side.index()]
    }
}

/// A QUIC session: what `quic.log` says. Its TLS session is a fact of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuicSession {
    /// The moment of its first packet with a long header.
    pub at: Timestamp,
    /// The version of that packet.
    pub version: u32,
    /// The destination connection identifier that the client chose, hexadecimal.
    pub client_initial_dcid: Option<Box<str>>,
    /// The client's last source connection identifier, hexadecimal; empty where it uses none.
    pub client_scid: Option<Box<str>>,
    /// The server's last source connection identifier, hexadecimal; empty where it uses none.
    pub server_scid: Option<Box<str>>,
    /// Server name of the client's hello.
    pub server_name: Option<BString>,
    /// The first ALPN protocol that the client offered.
    pub client_protocol: Option<BString>,
    /// User agent of Google's own hello, from before QUIC spoke TLS.
    pub user_agent: Option<BString>,
    /// Zeek's history letters.
    pub history: Box<str>,
}

/// A DNS query and its answer, or either alone: what `dns.log` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DnsTransaction {
    /// The moment of the query, or of the answer where no query was seen.
    pub at: Timestamp,
    /// Transaction id.
    pub id: u16,
    /// From query to answer; none unless both were seen.
    pub rtt: Option<Span>,
    /// The name asked for, lower case, without the final dot.
    pub query: Option<BString>,
    /// Class of the question.
    pub qclass: Option<u16>,
    /// Type of the question.
    pub qtype: Option<u16>,
    /// Response code, extended by EDNS where present; none without an answer.
    pub rcode: Option<u16>,
    /// Authoritative answer.
    pub aa: bool,
    /// Truncated.
    pub tc: bool,
    /// Recursion desired.
    pub rd: bool,
    /// Recursion available.
    pub ra: bool,
    /// The reserved bits of the header, as Zeek prints them.
    pub z: u8,
    /// Operation code.
    pub opcode: u8,
    /// Answers as Zeek prints them; none where no answer was seen or it had none.
    pub answers: Option<Vec<BString>>,
    /// Their times to live in seconds, in the same order.
    pub ttls: Option<Vec<u32>>,
    /// Zeek's `rejected`: an error answer, or one without records.
    pub rejected: bool,
    /// Addresses among the answers with their TTL in seconds, for the memory of names.
    pub addresses: Vec<(IpAddr, u32)>,
    /// Addresses that a multicast answer announces with their names, of all its sections.
    pub announced: Vec<(BString, IpAddr)>,
    /// What HTTPS and SVCB records (RFC 9460) said.
    pub service_bindings: Vec<ServiceBinding>,
}

/// An HTTPS or SVCB record (RFC 9460).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceBinding {
    /// 0 is alias mode.
    pub priority: u16,
    /// The target name, `.` for the owner itself.
    pub target: BString,
    /// ALPN identifiers.
    pub alpn: Vec<BString>,
    /// IPv4 and IPv6 hints.
    pub hints: Vec<IpAddr>,
    /// Whether an ECH configuration was offered.
    pub ech: bool,
    /// The ECH configurations that could be read.
    pub ech_configs: Vec<EchConfig>,
}

/// An HTTP request and its response, or either alone: what `http.log` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpTransaction {
    /// The moment of the request line, or of the status line where no request was seen.
    pub at: Timestamp,
    /// Its number in the flow, from 1.
    pub trans_depth: u32,
    /// The method; none without a request.
    pub method: Option<BString>,
    /// Host header.
    pub host: Option<BString>,
    /// The request's target, percent-decoded as Zeek does.
    pub uri: Option<BString>,
    /// Referer header.
    pub referrer: Option<BString>,
    /// Version of the response (`1.1`).
    pub version: Option<Box<str>>,
    /// User-Agent header.
    pub user_agent: Option<BString>,
    /// Server header of the response.
    pub server: Option<BString>,
    /// Origin header.
    pub origin: Option<BString>,
    /// Bytes of the request's content, decompressed, without chunk framing.
    pub request_body_len: u64,
    /// Bytes of the response's content, decompressed, without chunk framing.
    pub response_body_len: u64,
    /// Status of the response; 0 where it has none (HTTP/0.9).
    pub status_code: Option<u16>,
    /// Its reason phrase; `<empty>` where it has none.
    pub status_msg: Option<BString>,
    /// Status of the last informational response.
    pub info_code: Option<u16>,
    /// Its reason phrase.
    pub info_msg: Option<BString>,
    /// The user of Basic authentication; the password is never read out.
    pub username: Option<BString>,
    /// `NAME -> value` of headers that proxies add, in the order of the request.
    pub proxied: Vec<BString>,
    /// What the contents of request and response hold.
    pub files: [HttpFiles; 2],
}

/// The files that a message's content holds: itself, or its parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpFiles {
    /// Their names, as the message gives them.
    pub names: Vec<BString>,
    /// Their media types, as their first bytes show them.
    pub mime_types: Vec<Box<str>>,
}
