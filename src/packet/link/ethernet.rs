//! From an Ethernet header, or an ether type, to the network header.

use super::point_to_point::pppoe;
use super::{CUT, LAYERS_MAX, Link, Network, Peeled, Undecoded, be16};
use crate::net::Mac;
use crate::packet::neighbour;
use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

/// An Ethernet frame that begins at `offset`.
pub(in crate::packet) fn ethernet(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
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
pub(in crate::packet) fn llc(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset..offset + 8) {
        Some([0xaa, 0xaa, 3, 0, 0, 0, high, low]) => {
            network(bytes, link, u16::from_be_bytes([*high, *low]), offset + 8)
        }
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}

/// Peels VLAN tags and labels until an IP header or something else follows.
pub(in crate::packet) fn network(
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
            0x0806 => return Err(neighbour::arp(bytes, offset, link.vlan[0])),
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
pub(super) fn mpls(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
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
