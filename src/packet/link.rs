//! From a frame to where its network header begins.

use super::frame::{Frame, LinkType};
use super::{LAYERS_MAX, Link, Undecoded};
use crate::net::Mac;
use crate::weird::Weird;
use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

/// Which network header follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// The header's own version field says.
    Either,
}

/// What the link layers said, the offset of the network header, and which one it is.
pub type Peeled = (Link, usize, Network);

const CUT: Undecoded = Undecoded::Weird(Weird::TruncatedLink);

/// Peels the link layers off; gives what they said and the offset of the network header.
pub(super) fn peel(frame: &Frame<'_>) -> Result<Peeled, Undecoded> {
    let bytes = frame.bytes;
    let bare = |offset, network| Ok((Link::default(), offset, network));
    match frame.link {
        LinkType::ETHERNET => ethernet(bytes, 0),
        // 12 and 14 are what BSDs wrote for raw IP before the registry.
        LinkType::RAW | LinkType(12) | LinkType(14) => bare(0, Network::Either),
        LinkType::IPV4 => bare(0, Network::Ipv4),
        LinkType::IPV6 => bare(0, Network::Ipv6),
        // A four-byte address family, in host byte order or not: the IP version tells as well.
        LinkType::NULL | LinkType::LOOP => bare(4, Network::Either),
        LinkType::PPP | LinkType::PPP_SERIAL => framed_ppp(bytes, Link::default(), 0),
        LinkType::PPP_ETHER => pppoe(bytes, Link::default(), 0),
        // A frame control byte, two addresses (in either bit order), then LLC.
        LinkType::FDDI => llc(bytes, Link::default(), 13),
        LinkType::LINUX_SLL => {
            let mut link = Link::default();
            // Address length at 4, address at 6 (LINKTYPE_LINUX_SLL).
            if bytes.get(4..6) == Some(&[0, 6]) {
                link.macs[0] = mac(bytes, 6);
            }
            let kind = be16(bytes, 14).ok_or(CUT)?;
            network(bytes, link, kind, 16)
        }
        LinkType::LINUX_SLL2 => {
            let mut link = Link::default();
            if bytes.get(11) == Some(&6) {
                link.macs[0] = mac(bytes, 12);
            }
            let kind = be16(bytes, 0).ok_or(CUT)?;
            network(bytes, link, kind, 20)
        }
        _ => Err(Undecoded::Weird(Weird::UnknownLink)),
    }
}

/// An Ethernet frame that begins at `offset`.
pub(super) fn ethernet(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let frame = bytes.get(offset..).unwrap_or_default();
    let header = Ethernet2HeaderSlice::from_slice(frame).map_err(|_| CUT)?;
    let link = Link {
        vlan: [None; 2],
        macs: [Some(Mac(header.source())), Some(Mac(header.destination()))],
    };
    let kind = header.ether_type().0;
    // Below 0x600 the field is a length (IEEE 802.3) and an LLC header follows; SNAP carries an
    // ether type.
    if kind < 0x600 {
        return llc(bytes, link, offset + 14);
    }
    network(bytes, link, kind, offset + 14)
}

/// An LLC header (IEEE 802.2); with SNAP it carries an ether type, and otherwise no IP.
pub(super) fn llc(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset..offset + 8) {
        Some([0xaa, 0xaa, 3, 0, 0, 0, high, low]) => {
            network(bytes, link, u16::from_be_bytes([*high, *low]), offset + 8)
        }
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}

/// Peels VLAN tags and labels until an IP header or something else follows.
pub(super) fn network(
    bytes: &[u8],
    mut link: Link,
    mut kind: u16,
    mut offset: usize,
) -> Result<Peeled, Undecoded> {
    for _ in 0..LAYERS_MAX {
        match kind {
            0x0800 => return Ok((link, offset, Network::Ipv4)),
            0x86dd => return Ok((link, offset, Network::Ipv6)),
            // 802.1Q, 802.1ad and the two values that QinQ had before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let tag = bytes.get(offset..).unwrap_or_default();
                let tag = SingleVlanHeaderSlice::from_slice(tag).map_err(|_| CUT)?;
                if let Some(slot) = link.vlan.iter_mut().find(|slot| slot.is_none()) {
                    *slot = Some(tag.vlan_identifier().value());
                }
                kind = tag.ether_type().0;
                offset += 4;
            }
            0x8864 => return pppoe(bytes, link, offset),
            0x8847 | 0x8848 => return mpls(bytes, link, offset),
            // VN-Tag: four bytes of tag and the next ether type.
            0x8926 => {
                kind = be16(bytes, offset + 4).ok_or(CUT)?;
                offset += 6;
            }
            // 802.1ah: four bytes of I-TAG, then a whole Ethernet frame.
            0x88e7 => {
                kind = be16(bytes, offset + 16).ok_or(CUT)?;
                offset += 18;
            }
            // FabricPath: the outer addresses and this tag stand before a whole Ethernet frame.
            0x8903 => {
                kind = be16(bytes, offset + 14).ok_or(CUT)?;
                offset += 16;
            }
            _ => return Err(Undecoded::NotIp),
        }
    }
    Err(Undecoded::NotIp)
}

/// A stack of MPLS labels (RFC 3032) and what it carries. Nothing says what that is: a first
/// nibble of 4 or 6 is taken for IP, of 0 for a control word before Ethernet (RFC 4385), else for
/// Ethernet.
fn mpls(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
    let labels = bytes.get(offset..).unwrap_or_default().chunks_exact(4);
    let above = labels
        .take(LAYERS_MAX)
        .take_while(|label| label[2] & 1 == 0)
        .count();
    let offset = offset + (above + 1) * 4;
    match bytes.get(offset).map(|first| first >> 4) {
        Some(4) => Ok((link, offset, Network::Ipv4)),
        Some(6) => Ok((link, offset, Network::Ipv6)),
        Some(0) => ethernet(bytes, offset + 4),
        Some(_) => ethernet(bytes, offset),
        None => Err(CUT),
    }
}

/// PPP, with or without HDLC framing (RFC 1662), which begins ff 03.
pub(super) fn framed_ppp(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset..) {
        Some([0xff, 0x03, ..]) => ppp(bytes, link, offset + 2),
        _ => ppp(bytes, link, offset),
    }
}

/// A PPPoE session header (RFC 2516 section 4): six bytes, code 0 carries PPP.
fn pppoe(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset + 1) {
        Some(0) => ppp(bytes, link, offset + 6),
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}

/// A PPP protocol field (RFC 1661 section 2): two bytes, or one where it was compressed.
fn ppp(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset..) {
        Some([0x00, 0x21, ..]) => Ok((link, offset + 2, Network::Ipv4)),
        Some([0x00, 0x57, ..]) => Ok((link, offset + 2, Network::Ipv6)),
        Some([0x21, ..]) => Ok((link, offset + 1, Network::Ipv4)),
        Some([0x57, ..]) => Ok((link, offset + 1, Network::Ipv6)),
        Some([_, _, ..]) => Err(Undecoded::NotIp),
        _ => Err(CUT),
    }
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

pub(super) fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..at + 6)?.try_into().ok().map(Mac)
}
