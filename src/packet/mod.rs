//! From a frame to the innermost IP packet.
//!
//! Peels link layers by position only: a [`Packet`] holds offsets into its frame and no bytes, so
//! it can travel to the thread that owns its flow beside a copy of the frame. Decoding remembers
//! nothing and never allocates; [`fragments`] alone holds bytes, within its own bound. At most
//! [`LAYERS_MAX`] headers are peeled off one frame.

pub mod checksum;
pub mod fragments;
pub mod frame;
mod ip;
mod link;
pub mod neighbour;
mod transport;
mod tunnel;

pub use link::Network;
pub(crate) use transport::proto;

use crate::net::{Mac, Neighbour};
use crate::time::Timestamp;
use crate::weird::Weird;
use fragments::Fragment;
use frame::{Frame, LinkType};
use std::net::IpAddr;
use std::ops::Range;

/// How many headers (VLAN tags, IPv6 extensions) one frame may stack; deeper ones are counted and
/// left.
pub const LAYERS_MAX: usize = 16;

/// An IP packet within a frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The frame's capture moment.
    pub at: Timestamp,
    /// What the link layer said.
    pub link: Link,
    /// The IP header.
    pub ip: Ip,
    /// The transport header.
    pub transport: Transport,
    /// Where the captured payload lies in the frame.
    pub payload: Range<usize>,
    /// Payload bytes on the wire; more than captured where a snaplen cut.
    pub payload_len: u32,
}

/// Where an IP header stands in a frame, and what was passed on the way to it.
#[derive(Clone, Copy, Debug)]
pub struct Inward {
    /// What the link layer said.
    pub link: Link,
    /// Where the header begins.
    pub offset: usize,
    /// Which header it is.
    pub network: Network,
    /// How many tunnels and reassemblies stand around it: at most [`TUNNELS_MAX`].
    pub depth: usize,
}

/// What the link layer said of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Outer and inner VLAN identifier.
    pub vlan: [Option<u16>; 2],
    /// Source and destination.
    pub macs: [Option<Mac>; 2],
}

/// What the IP header said of a packet.
#[derive(Clone, Debug)]
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
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// How many tunnels may stand within each other in one frame; Zeek's `Tunnel::max_depth` is 2.
pub const TUNNELS_MAX: usize = 4;

/// The innermost packet within `frame`.
///
/// # Errors
/// Why there is none.
pub fn decode(frame: &Frame<'_>) -> Result<Packet, Undecoded> {
    decode_within(frame, outermost(frame)?)
}

/// Where the first IP header of `frame` stands.
///
/// # Errors
/// Why there is none.
#[inline]
pub fn outermost(frame: &Frame<'_>) -> Result<Inward, Undecoded> {
    let (link, offset, network) = link::peel(frame)?;
    Ok(Inward {
        link,
        offset,
        network,
        depth: 0,
    })
}

/// The innermost packet behind the IP header at `inward`. Of `frame` only the moment and the bytes
/// matter.
///
/// # Errors
/// Why there is none.
#[inline]
pub fn decode_within(frame: &Frame<'_>, mut inward: Inward) -> Result<Packet, Undecoded> {
    while inward.depth <= TUNNELS_MAX {
        let ip = ip::decode(frame, &inward)?;
        let Some(inner) = tunnel::inner(frame.bytes, inward.link, &ip) else {
            return with_transport(frame, inward.link, ip);
        };
        (inward.link, inward.offset, inward.network) = inner?;
        inward.depth += 1;
    }
    Err(Undecoded::Weird(Weird::TunnelTooDeep))
}

fn with_transport(frame: &Frame<'_>, link: Link, ip: Ip) -> Result<Packet, Undecoded> {
    let captured = frame.bytes.get(ip.body.clone()).unwrap_or_default();
    let (transport, header_len) = transport::decode(&ip, captured)
        .map_err(|weird| Undecoded::Between(weird, [ip.src, ip.dst]))?;
    let start = (ip.body.start + header_len).min(ip.body.end);
    Ok(Packet {
        at: frame.at,
        link,
        payload: start..ip.body.end,
        payload_len: ip.body_len.saturating_sub(header_len as u32),
        ip,
        transport,
    })
}

#[cfg(test)]
mod tests;
