//! From a datagram to the packet that it carries: VXLAN, GENEVE, GTP, Teredo, AYIYA, GRE.
//!
//! A datagram on a tunnel's port that does not read as that tunnel's is nobody's: it stays a
//! datagram like any other.

use super::link::{self, Network, be16};
use super::tunnel::{Carried, TunnelPorts, gre};
use super::{LAYERS_MAX, Link, Packet, Transport, Undecoded};
use crate::net::TunnelKind;
use crate::weird::Weird;

/// What the datagram `packet` carries; none where it is no tunnel's. `bytes` end where the datagram
/// does. Beside the ports, Teredo is told by what it looks like, as hosts use it between each
/// other on any port.
pub fn over_udp(ports: &TunnelPorts, bytes: &[u8], packet: &Packet) -> Option<Carried> {
    let Transport::Udp { src, dst, len } = packet.transport else {
        return None;
    };
    let start = packet.payload.start;
    let either = |ports: &[u16]| ports.contains(&dst) || ports.contains(&src);
    if ports.vxlan.contains(&dst) {
        vxlan(bytes, start)
    } else if ports.geneve.contains(&dst) {
        geneve(bytes, start)
    } else if ports.gtpv1.contains(&dst) {
        gtp(bytes, start)
    } else if ports.gre.contains(&dst) {
        let inner = gre(bytes, start);
        inner.is_ok().then_some(Carried {
            kind: TunnelKind::Gre,
            inner,
        })
    } else if either(&ports.ayiya) {
        ayiya(bytes, start)
    } else if either(&ports.teredo) || resembles_teredo(bytes, start) {
        teredo(bytes, start, usize::from(len))
    } else {
        None
    }
}

/// An inner IP packet of either version, where its first byte says so.
fn inner_ip(bytes: &[u8], kind: TunnelKind, offset: usize) -> Option<Carried> {
    matches!(bytes.get(offset)? >> 4, 4 | 6).then_some(Carried {
        kind,
        inner: Ok((Link::default(), offset, Network::Either)),
    })
}

/// RFC 7348 section 5: eight bytes, of which the I flag must be set, then an Ethernet frame.
fn vxlan(bytes: &[u8], start: usize) -> Option<Carried> {
    let header = bytes.get(start..start + 8)?;
    (header[0] & 8 != 0).then(|| Carried {
        kind: TunnelKind::Vxlan,
        inner: link::ethernet(bytes, start + 8),
    })
}

/// RFC 8926 section 3.4: eight bytes, options in units of four, then what the ether type says.
fn geneve(bytes: &[u8], start: usize) -> Option<Carried> {
    let header = bytes.get(start..start + 8)?;
    let (version, reserved) = (header[0] >> 6, [header[1] & 0x3f, header[7]]);
    let offset = start + 8 + usize::from(header[0] & 0x3f) * 4;
    if version != 0 || reserved != [0, 0] || offset > bytes.len() {
        return None;
    }
    let inner = match u16::from_be_bytes([header[2], header[3]]) {
        _ if offset == bytes.len() => Err(Undecoded::Weird(Weird::GeneveEmpty)),
        0x6558 => link::ethernet(bytes, offset),
        kind => link::network(bytes, Link::default(), kind, offset),
    };
    Some(Carried {
        kind: TunnelKind::Geneve,
        inner,
    })
}

/// 3GPP TS 29.281 section 5: eight bytes, four more where a flag asks for them, extension headers,
/// then an IP packet. Only a G-PDU (type 255) carries one.
fn gtp(bytes: &[u8], start: usize) -> Option<Carried> {
    let header = bytes.get(start..start + 8)?;
    let (version, flags) = (header[0] >> 4, header[0] & 7);
    // Version 1, and the bit that tells GTP from GTP'.
    if version != 3 || header[1] != 255 {
        return None;
    }
    let mut offset = start + 8;
    if flags != 0 {
        offset += 4;
        let mut next = *bytes.get(offset - 1)?;
        for _ in 0..LAYERS_MAX {
            if flags & 4 == 0 || next == 0 {
                break;
            }
            let units = usize::from(*bytes.get(offset)?);
            if units == 0 {
                return None;
            }
            offset += units * 4;
            next = *bytes.get(offset - 1)?;
        }
    }
    inner_ip(bytes, TunnelKind::Gtp, offset)
}

/// Whether a datagram on any port may be Teredo's: it begins with a Teredo header, or is an IPv6
/// packet from or to a Teredo address (2001::/32).
pub fn resembles_teredo(bytes: &[u8], start: usize) -> bool {
    match bytes.get(start..start + 40) {
        Some([0, 0 | 1, ..]) => true,
        Some(header) if header[0] >> 4 == 6 => [8, 24]
            .iter()
            .any(|at| header[*at..*at + 4] == [0x20, 1, 0, 0]),
        _ => false,
    }
}

/// RFC 4380 section 5.1.1: an authentication, an origin indication, then an IPv6 packet that must
/// fill the datagram's `len` bytes to the end.
fn teredo(bytes: &[u8], start: usize, len: usize) -> Option<Carried> {
    let mut offset = start;
    if bytes.get(offset..offset + 2)? == [0, 1] {
        let [id_len, value_len] = *bytes.get(offset + 2..offset + 4)? else {
            return None;
        };
        offset += 4 + usize::from(id_len) + usize::from(value_len) + 9;
    }
    if bytes.get(offset..offset + 2)? == [0, 0] {
        offset += 8;
    }
    let header = bytes.get(offset..offset + 40)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let stated = 40 + usize::from(be16(header, 4)?);
    let is_bubble = header[6] == 59 && stated == 40;
    let inner = match (start + len).checked_sub(offset)? {
        left if left == stated => Ok((Link::default(), offset, Network::Ipv6)),
        left if is_bubble && left > stated => Err(Undecoded::Weird(Weird::TeredoBubbleWithPayload)),
        _ => return None,
    };
    Some(Carried {
        kind: TunnelKind::Teredo,
        inner,
    })
}

/// draft-massar-v6ops-ayiya-02 section 3: four bytes and a moment, an identity of 2^n bytes, a
/// signature in units of four, then the packet, where the operation is to forward one.
fn ayiya(bytes: &[u8], start: usize) -> Option<Carried> {
    let header = bytes.get(start..start + 8)?;
    let identity_len = 1usize << (header[0] >> 4);
    let signature_len = usize::from(header[1] >> 4) * 4;
    let (operation, next) = (header[2] & 0x0f, header[3]);
    if operation != 1 || !matches!(next, 4 | 41) {
        return None;
    }
    inner_ip(
        bytes,
        TunnelKind::Ayiya,
        start + 8 + identity_len + signature_len,
    )
}
