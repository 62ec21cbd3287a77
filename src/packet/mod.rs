//! From a frame to the IP packets that it holds.
//!
//! Peels link layers and tunnels by position only; whether a tunnel is gone into, and how deep, is
//! the caller's to say: a [`Packet`] holds offsets into its frame and no bytes, so it can travel to
//! the thread that owns its flow beside a copy of the frame. Decoding remembers nothing and never
//! allocates; [`fragments`] alone holds bytes, within its own bound. At most [`LAYERS_MAX`] headers
//! are peeled off one frame.

pub mod checksum;
pub mod fragments;
pub mod frame;
mod ip;
mod link;
pub mod neighbour;
mod transport;
pub mod tunnel;
mod tunnel_udp;

pub use link::{Network, Peeled};
pub(crate) use transport::proto;

use crate::net::{Mac, Neighbour, Uid};
use crate::time::Timestamp;
use crate::weird::Weird;
use fragments::Fragment;
use frame::{Frame, LinkType};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::ops::Range;

/// How many headers (VLAN tags, IPv6 extensions) one frame may stack; deeper ones are counted and
/// left.
pub const LAYERS_MAX: usize = 16;

/// An IP packet within a frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Packet {
    /// The frame's capture moment.
    pub at: Timestamp,
    /// What the link layer said.
    pub link: Link,
    /// The tunnel it was in, the innermost one; none outside of tunnels. The caller sets it.
    pub within: Option<Uid>,
    /// The IP header.
    pub ip: Ip,
    /// The transport header.
    pub transport: Transport,
    /// Where the captured payload lies in the frame.
    pub payload: Range<usize>,
    /// Payload bytes on the wire; more than captured where a snaplen cut.
    pub payload_len: u32,
}

/// What the link layer said of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Outer and inner VLAN identifier.
    pub vlan: [Option<u16>; 2],
    /// Source and destination.
    pub macs: [Option<Mac>; 2],
}

/// What the IP header said of a packet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ip {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol of the payload, IPv6 extensions passed over.
    pub proto: u8,
    /// Total length on the wire, header included.
    pub total_len: u32,
    /// Where the header lies in the frame, IPv6 extensions left out.
    pub header: Range<usize>,
    /// Where the transport header and payload lie in the frame, as far as captured.
    pub body: Range<usize>,
    /// Bytes of the body on the wire.
    pub body_len: u32,
}

/// The transport header.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
        /// Payload bytes by the UDP header.
        len: u16,
    },
    /// ICMP or ICMPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// Any other protocol.
    Other,
}

/// A TCP header.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Tcp {
    /// Source port.
    pub src: u16,
    /// Destination port.
    pub dst: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number, meaningful with `flags.ack`.
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window, unscaled.
    pub window: u16,
    /// The window scale that a SYN offers (RFC 7323 section 2.2), as it stands there.
    pub scale: Option<u8>,
    /// A SYN's options contradict their lengths.
    pub bad_options: bool,
}

/// The control bits of a segment that matter to flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // RFC 9293 section 3.1 names them.
pub struct TcpFlags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
    pub urg: bool,
}

/// Why a frame gave no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecoded {
    /// Something that is not IP (ARP, LLDP ...): counted, nothing odd.
    NotIp,
    /// ARP, which claims an address: counted as not IP.
    Arp(Neighbour),
    /// A fragment of an IP packet: [`fragments`] takes it from here.
    Fragment(Fragment),
    /// A link type that is not read.
    UnknownLink(LinkType),
    /// Something odd.
    Weird(Weird),
    /// Something odd of a packet whose source and destination are known.
    Between(Weird, [IpAddr; 2]),
}

/// Peels the link layers of `frame` off: where its network header begins.
///
/// # Errors
/// Why there is none.
pub fn peel(frame: &Frame<'_>) -> Result<Peeled, Undecoded> {
    link::peel(frame)
}

/// The IP header that begins at `offset` of `frame`.
///
/// # Errors
/// Why there is none.
pub fn ip(frame: &Frame<'_>, offset: usize, network: Network) -> Result<Ip, Undecoded> {
    ip::decode(frame, offset, network)
}

/// The outermost packet within `frame`.
///
/// # Errors
/// Why there is none.
pub fn decode(frame: &Frame<'_>) -> Result<Packet, Undecoded> {
    let (link, offset, network) = peel(frame)?;
    packet(frame, link, ip(frame, offset, network)?)
}

/// The packet of an IP header that was found in `frame`.
///
/// # Errors
/// Why there is none.
pub fn packet(frame: &Frame<'_>, link: Link, ip: Ip) -> Result<Packet, Undecoded> {
    let captured = frame.bytes.get(ip.body.clone()).unwrap_or_default();
    let (transport, header_len) = transport::decode(&ip, captured)
        .map_err(|weird| Undecoded::Between(weird, [ip.src, ip.dst]))?;
    let start = (ip.body.start + header_len).min(ip.body.end);
    Ok(Packet {
        at: frame.at,
        link,
        within: None,
        payload: start..ip.body.end,
        payload_len: ip.body_len.saturating_sub(header_len as u32),
        ip,
        transport,
    })
}

#[cfg(test)]
mod tests;
