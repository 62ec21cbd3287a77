//! From an IP packet to the packet that it carries: IP in IP, GRE, PPTP, ERSPAN.
//!
//! What datagrams carry is `tunnel_udp`'s business. It only says what is carried and where that
//! begins: whether to go on, how deep, and what the tunnel is called, is the caller's to decide.

use super::link::{self, Network, Peeled};
use super::{Ip, Link, Undecoded, proto};
use crate::net::TunnelKind;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};

pub use super::tunnel_udp::{over_udp, resembles_teredo};

/// The destination ports where datagrams are taken for a tunnel's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelPorts {
    /// VXLAN.
    pub vxlan: Vec<u16>,
    /// GENEVE.
    pub geneve: Vec<u16>,
    /// GTPv1-U.
    pub gtpv1: Vec<u16>,
    /// Teredo, whichever side it is the port of.
    pub teredo: Vec<u16>,
    /// AYIYA, whichever side it is the port of.
    pub ayiya: Vec<u16>,
    /// GRE.
    pub gre: Vec<u16>,
}

impl Default for TunnelPorts {
    /// The ports that IANA registered; 4755 is GRE's with DTLS.
    fn default() -> TunnelPorts {
        TunnelPorts {
            vxlan: vec![4789],
            geneve: vec![6081],
            gtpv1: vec![2152],
            teredo: vec![3544],
            ayiya: vec![5072],
            gre: vec![4754, 4755],
        }
    }
}

impl TunnelPorts {
    /// Whether a datagram between these ports may be one of a tunnel that has a flow's identity.
    pub fn expect(&self, src: u16, dst: u16) -> bool {
        // Answers count for the flow too, even where they carry nothing.
        [
            &self.vxlan,
            &self.geneve,
            &self.gtpv1,
            &self.teredo,
            &self.ayiya,
        ]
        .iter()
        .any(|ports| ports.contains(&dst) || ports.contains(&src))
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// By which tunnel.
    pub kind: TunnelKind,
    /// Where it begins, or why nothing does.
    pub inner: Result<Peeled, Undecoded>,
}

/// What `ip` carries; none where it is no tunnel's. `bytes` end where the packet does.
pub fn over_ip(bytes: &[u8], ip: &Ip) -> Option<Carried> {
    let start = ip.body.start;
    let plain = |network| Carried {
        kind: TunnelKind::Ip,
        inner: Ok((Link::default(), start, network)),
    };
    match ip.proto {
        proto::IPV4 => Some(plain(Network::Ipv4)),
        proto::IPV6 => Some(plain(Network::Ipv6)),
        proto::GRE => Some(Carried {
            kind: TunnelKind::Gre,
            inner: gre(bytes, start),
        }),
        _ => None,
    }
}

/// A GRE header: RFC 2784 and 2890, and for version 1 (PPTP) RFC 2637.
pub(super) fn gre(bytes: &[u8], start: usize) -> Result<Peeled, Undecoded> {
    let weird = |weird| Err(Undecoded::Weird(weird));
    let Some([high, low, kind_high, kind_low]) = bytes.get(start..start + 4) else {
        return weird(Weird::TruncatedGre);
    };
    let kind = u16::from_be_bytes([*kind_high, *kind_low]);
    let has = |bit: u8| usize::from(high & bit != 0) * 4;
    let (checksum, key, sequence) = (has(0x80), has(0x20), has(0x10));
    let offset = match low & 7 {
        0 => start + 4 + checksum + key + sequence,
        // The top bit of the second byte tells an acknowledgement.
        1 => start + 4 + checksum + key + sequence + usize::from(low & 0x80 != 0) * 4,
        _ => return weird(Weird::UnknownGreVersion),
    };
    match (high & 0x40, low & 0x78, low & 7, kind) {
        (0x40, ..) => return weird(Weird::GreRouting),
        (_, 0, 0, _) | (_, 0, _, 0x880b) => {}
        (_, 0, ..) => return weird(Weird::EnhancedGreProtocol),
        _ => return weird(Weird::UnknownGreFlags),
    }
    let link = Link::default();
    let inner = match kind {
        0x880b => link::framed_ppp(bytes, link, offset),
        0x6558 => link::ethernet(bytes, offset),
        // ERSPAN I has no header of its own; II has one, told by GRE's sequence number.
        0x88be if sequence == 0 => link::ethernet(bytes, offset),
        0x88be => mirrored(bytes, offset, 8),
        0x22eb => match bytes.get(offset + 11) {
            // ERSPAN III: twelve bytes, and eight more where the last bit says so.
            Some(last) => mirrored(bytes, offset, if last & 1 == 1 { 20 } else { 12 }),
            None => return weird(Weird::TruncatedGre),
        },
        // What access points of Aruba send to their controllers.
        0x8200..=0x8210 => wlan(bytes, offset),
        kind => link::network(bytes, link, kind, offset),
    };
    match inner {
        Err(Undecoded::Weird(_)) => weird(Weird::TruncatedGre),
        inner => inner,
    }
}

/// A frame behind an ERSPAN header (draft-foschiano-erspan-03) of `length` bytes. The switch may
/// have taken the frame's VLAN tag off and put the identifier there.
fn mirrored(bytes: &[u8], offset: usize, length: usize) -> Result<Peeled, Undecoded> {
    let (mut link, start, network) = link::ethernet(bytes, offset + length)?;
    let vlan = link::be16(bytes, offset).map(|word| word & 0x0fff);
    if link.vlan[0].is_none() {
        link.vlan[0] = vlan.filter(|vlan| *vlan != 0);
    }
    Ok((link, start, network))
}

/// An 802.11 data frame in clear (IEEE 802.11 section 9.3.2.1); others carry no IP that could be
/// read.
fn wlan(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let Some([control, flags]) = bytes.get(offset..offset + 2) else {
        return Err(Undecoded::Weird(Weird::TruncatedGre));
    };
    let (subtype, is_data, is_protected) = (control >> 4, control & 0x0f == 8, flags & 0x40 != 0);
    if !is_data || is_protected || subtype & 4 != 0 {
        return Err(Undecoded::NotIp);
    }
    let quality = usize::from(subtype & 8 != 0) * (2 + usize::from(flags & 0x80 != 0) * 4);
    // Whether the frame goes to the distribution system, from it, or both, says which address is
    // whose.
    let (src, dst, length) = match flags & 3 {
        0 => (10, 4, 24),
        1 => (10, 16, 24),
        2 => (16, 4, 24),
        _ => (24, 16, 30),
    };
    let link = Link {
        vlan: [None; 2],
        macs: [src, dst].map(|at| link::mac(bytes, offset + at)),
    };
    link::llc(bytes, link, offset + length + quality)
}
