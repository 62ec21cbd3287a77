//! From streams and datagrams to sessions.
//!
//! An inspector sees one flow, never a packet header and never a clock; what it learns goes into
//! [`Found`]. It keeps no payload beyond the message at hand, and every buffer has a bound in
//! [`crate::limits`].

pub mod dhcp;
pub mod dns;
pub mod dtls;
pub mod http;
pub mod openvpn;
mod pieces;
pub mod quic;
pub mod socks;
pub mod tls;

use crate::flow::stream::StreamEvent;
use crate::limits::Limits;
use crate::net::{Side, TunnelKind};
use crate::observe::{
    Certificate, Dhcp6Message, DhcpMessage, DnsTransaction, HttpTransaction, QuicSession,
    TlsSession,
};
use crate::time::Timestamp;
use crate::weird::Weird;
use bstr::BString;

/// What an inspector says of the bytes it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on looking.
    More,
    /// It has seen all it needs: the flow's payload need not be reassembled any more.
    Done,
    /// These bytes are not its protocol.
    NotMine,
}

/// What an inspector is told beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The moment of the packet that completed these bytes.
    pub at: Timestamp,
    /// The bounds to keep.
    pub limits: &'a Limits,
}

/// What inspectors found, in the order they found it; the flow adds uid and endpoints.
#[derive(Debug)]
pub enum Found {
    /// A TLS session is told; its certificates came before it.
    Tls(Box<TlsSession>),
    /// A certificate was seen in clear.
    Certificate(Box<Certificate>),
    /// A DNS query and its answer, or either alone.
    Dns(Box<DnsTransaction>),
    /// A QUIC session is over, or begins anew.
    Quic(Box<QuicSession>),
    /// An HTTP request and its response, or either alone.
    Http(Box<HttpTransaction>),
    /// A DHCPv4 message.
    Dhcp(Box<DhcpMessage>),
    /// A DHCPv6 message.
    Dhcp6(Box<Dhcp6Message>),
    /// What follows in the flow is another session, through a proxy.
    Tunnel(TunnelKind),
    /// Something odd; the second part says what exactly, and is empty where the name says it all.
    Weird(Weird, BString),
}

/// An inspector of a TCP flow.
pub trait StreamInspector {
    /// Takes the next event of either direction.
    fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict;

    /// The flow is over: what is still held is told. Called exactly once, also after
    /// [`Verdict::Done`].
    fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>);

    /// Bytes of memory that it holds, roughly: itself and what it has buffered. By length: a
    /// buffer's capacity is another one after a restart, and what is bounded by it would be too.
    fn held_bytes(&self) -> usize {
        size_of_val(self)
    }
}

/// An inspector of a UDP flow.
pub trait DatagramInspector {
    /// Takes one datagram's payload. `complete` is false where the capture cut it short.
    fn handle_datagram(
        &mut self,
        context: Context<'_>,
        side: Side,
        payload: &[u8],
        complete: bool,
        found: &mut Vec<Found>,
    ) -> Verdict;

    /// The flow is over: what is still held is told. Called exactly once.
    fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>);

    /// Bytes of memory that it holds, roughly: itself and what it has buffered. By length: a
    /// buffer's capacity is another one after a restart, and what is bounded by it would be too.
    fn held_bytes(&self) -> usize {
        size_of_val(self)
    }
}
