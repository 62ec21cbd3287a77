//! From a frame to where its network header begins.
//!
//! One file a family of link types; a type that none reads is told by its number. Nothing is put
//! together here that a link layer cut apart (802.11 fragments, PPP multilink), nothing is
//! decrypted, and of an 802.11 aggregate (A-MSDU) nothing is read. At most [`LAYERS_MAX`] tags or
//! labels are passed, and a capture header within a capture header is not.

mod ethernet;
mod lan;
mod point_to_point;
mod records;
mod wireless;

use super::frame::{Frame, LinkType};
use super::{LAYERS_MAX, Link, Undecoded};
use crate::net::Mac;
use crate::weird::Weird;
pub(super) use ethernet::{ethernet, llc, network};
pub(super) use point_to_point::framed_ppp;

/// Which network header follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Version 4.
    Ipv4,
    /// Version 6.
    Ipv6,
    /// The header's own version field says.
    Either,
}

/// What the link layer said, where the network header begins, and which it is.
pub type Peeled = (Link, usize, Network);

const CUT: Undecoded = Undecoded::Weird(Weird::TruncatedLink);

/// Peels the link layers off; gives what they said and the offset of the network header.
pub(super) fn peel(frame: &Frame<'_>) -> Result<Peeled, Undecoded> {
    let bytes = frame.bytes;
    match frame.link {
        LinkType::ETHERNET => ethernet(bytes, 0),
        LinkType::PPI => records::ppi(bytes),
        LinkType::PKTAP => records::pktap(bytes),
        other => of_type(other, bytes, 0),
    }
}

/// A header of type `link` that begins at `offset`.
fn of_type(link: LinkType, bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let unsaid = Link::default();
    match link {
        LinkType::ETHERNET => ethernet(bytes, offset),
        // 12 and 14 are what BSDs wrote for raw IP before the registry.
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => {
            bare(bytes, offset, Network::Either)
        }
        LinkType::IPV4 => bare(bytes, offset, Network::Ipv4),
        LinkType::IPV6 => bare(bytes, offset, Network::Ipv6),
        // A four-byte address family, in host byte order or not: the IP version tells as well.
        LinkType::NULL | LinkType::LOOP => bare(bytes, offset + 4, Network::Either),
        LinkType::LINUX_SLL => records::sll(bytes, offset),
        LinkType::LINUX_SLL2 => records::sll2(bytes, offset),
        LinkType::NFLOG => records::nflog(bytes, offset),
        LinkType::PFLOG => records::pflog(bytes, offset),
        // Family, index and flags of a security association, four bytes each.
        LinkType::ENC => bare(bytes, offset + 12, Network::Either),
        // Version, family, type, length, two interfaces and two zones.
        LinkType::IPNET => bare(bytes, offset + 24, Network::Either),
        LinkType::ERF => records::erf(bytes, offset),
        LinkType::JUNIPER_ETHER => records::juniper(bytes, offset),
        LinkType::NETANALYZER => ethernet(bytes, offset + 4),
        // The same header, then preamble and start delimiter.
        LinkType::NETANALYZER_TRANSPARENT => ethernet(bytes, offset + 12),
        LinkType::ETHERNET_MPACKET => records::mpacket(bytes, offset),
        LinkType::DSA_TAG_BRCM => records::broadcom(bytes, offset),
        LinkType::DSA_TAG_BRCM_PREPEND => ethernet(bytes, offset + 4),
        LinkType::IEEE802_11 => wireless::dot11(bytes, offset, 0),
        LinkType::IEEE802_11_RADIO => wireless::radiotap(bytes, offset),
        LinkType::PRISM => wireless::prism(bytes, offset),
        LinkType::IEEE802_11_AVS => wireless::avs(bytes, offset),
        LinkType::PPP => framed_ppp(bytes, unsaid, offset),
        // A byte of direction stands before the frame.
        LinkType::PPP_WITH_DIR => framed_ppp(bytes, unsaid, offset + 1),
        LinkType::PPP_SERIAL => point_to_point::serial(bytes, offset),
        LinkType::PPP_ETHER => point_to_point::pppoe(bytes, unsaid, offset),
        LinkType::C_HDLC => point_to_point::cisco(bytes, offset),
        LinkType::C_HDLC_WITH_DIR => point_to_point::cisco(bytes, offset + 1),
        LinkType::FRELAY => point_to_point::frame_relay(bytes, offset),
        LinkType::FRELAY_WITH_DIR => point_to_point::frame_relay(bytes, offset + 1),
        // A byte of direction and fifteen of the header before its compression.
        LinkType::SLIP => bare(bytes, offset + 16, Network::Either),
        LinkType::FDDI => lan::fddi(bytes, offset),
        LinkType::IEEE802_5 => lan::token_ring(bytes, offset),
        LinkType::ARCNET_BSD => lan::arcnet(bytes, offset, offset + 2),
        // Two bytes of offset stand between addresses and type.
        LinkType::ARCNET_LINUX => lan::arcnet(bytes, offset, offset + 4),
        LinkType::ATM_RFC1483 => llc(bytes, unsaid, offset),
        LinkType::ATM_CLIP => lan::classical_ip(bytes, offset),
        LinkType::SUNATM => lan::sun_atm(bytes, offset),
        // Two eight-byte addresses (RFC 2625), then LLC.
        LinkType::IP_OVER_FC => llc(bytes, unsaid, offset + 16),
        // Two eight-byte addresses (RFC 2734), then an ether type.
        LinkType::APPLE_IP_OVER_IEEE1394 => typed(bytes, unsaid, offset + 16, 2),
        // A pseudo header of two twenty-byte addresses, the type and two reserved bytes (RFC 4391).
        LinkType::IPOIB => typed(bytes, unsaid, offset + 40, 4),
        other => Err(Undecoded::UnknownLink(other)),
    }
}

/// An IP header at `offset`, with nothing said before it.
fn bare(bytes: &[u8], offset: usize, network: Network) -> Result<Peeled, Undecoded> {
    match offset > bytes.len() {
        true => Err(CUT),
        false => Ok((Link::default(), offset, network)),
    }
}

/// An ether type at `offset`, and `len` bytes on what it stands for.
fn typed(bytes: &[u8], link: Link, offset: usize, len: usize) -> Result<Peeled, Undecoded> {
    let kind = be16(bytes, offset).ok_or(CUT)?;
    network(bytes, link, kind, offset + len)
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be16(bytes, at).map(u16::swap_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    be32(bytes, at).map(u32::swap_bytes)
}

pub(super) fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..at + 6)?.try_into().ok().map(Mac)
}

/// Source and destination as a link says them.
fn between(source: Option<Mac>, destination: Option<Mac>) -> Link {
    Link {
        vlan: [None; 2],
        macs: [source, destination],
    }
}

#[cfg(test)]
mod tests;
