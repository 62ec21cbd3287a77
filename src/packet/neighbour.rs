//! From ARP frames (RFC 826) and neighbour discovery (RFC 4861) to who claims which address.
//!
//! Judges no claim; what no host can claim (a group's address, a probe's empty one) is left out.

use super::{Packet, Transport, Undecoded, proto};
use crate::net::{Mac, Neighbour, NeighbourKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The claim of an ARP packet that begins at `offset`, or that it is nothing of use.
pub(super) fn arp(bytes: &[u8], offset: usize, vlan: Option<u16>) -> Undecoded {
    let claim = || {
        let packet = bytes.get(offset..)?.first_chunk::<28>()?;
        // Ethernet, IPv4, their address lengths; a request or a reply.
        let [0, 1, 8, 0, 6, 4, 0, 1 | 2, sender @ ..] = packet else {
            return None;
        };
        let (mac, rest) = sender.split_first_chunk::<6>()?;
        let addr = Ipv4Addr::from(*rest.first_chunk::<4>()?);
        claim(IpAddr::V4(addr), *mac, NeighbourKind::Arp, vlan)
    };
    claim().map_or(Undecoded::NotIp, Undecoded::Arp)
}

/// The claim of a neighbour discovery message.
pub fn discovered(packet: &Packet, frame: &[u8]) -> Option<Neighbour> {
    let Transport::Icmp { kind, code: 0 } = packet.transport else {
        return None;
    };
    // From beyond a router it would not have its hop limit left (RFC 4861, 7.1).
    let hop_limit = frame.get(packet.ip.header.start.checked_add(7)?);
    if packet.ip.proto != proto::ICMP6 || hop_limit != Some(&255) {
        return None;
    }
    let body = frame.get(packet.ip.body.clone())?;
    let options = |from: usize| body.get(from..).unwrap_or_default();
    let (addr, mac, kind) = match kind {
        133 => (
            packet.ip.src,
            option(options(8), 1),
            NeighbourKind::Solicitation,
        ),
        134 => (packet.ip.src, option(options(16), 1), NeighbourKind::Router),
        135 => (
            packet.ip.src,
            option(options(24), 1),
            NeighbourKind::Solicitation,
        ),
        136 => {
            let target: [u8; 16] = body.get(8..24)?.try_into().ok()?;
            let kind = match body.get(4)? & 0x80 != 0 {
                true => NeighbourKind::Router,
                false => NeighbourKind::Advertisement,
            };
            (
                IpAddr::V6(Ipv6Addr::from(target)),
                option(options(24), 2),
                kind,
            )
        }
        _ => return None,
    };
    claim(addr, mac?, kind, packet.link.vlan[0])
}

/// The link-layer address in the option `wanted` (RFC 4861, 4.6.1).
fn option(mut bytes: &[u8], wanted: u8) -> Option<[u8; 6]> {
    while let [kind, units, ..] = bytes {
        let (option, rest) = bytes.split_at_checked(usize::from(*units) * 8)?;
        if *kind == wanted {
            return option.get(2..8)?.try_into().ok();
        }
        if *units == 0 {
            return None;
        }
        bytes = rest;
    }
    None
}

fn claim(addr: IpAddr, mac: [u8; 6], kind: NeighbourKind, vlan: Option<u16>) -> Option<Neighbour> {
    let broadcast = addr == IpAddr::V4(Ipv4Addr::BROADCAST);
    let nobody = addr.is_unspecified() || addr.is_multicast() || addr.is_loopback() || broadcast;
    let group = mac[0] & 1 != 0 || mac == [0; 6];
    (!nobody && !group).then_some(Neighbour {
        addr,
        mac: Mac(mac),
        kind,
        vlan,
    })
}

#[cfg(test)]
mod tests;
