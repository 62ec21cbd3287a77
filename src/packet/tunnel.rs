//! From an IP packet to the packet that it carries: IP in IP, GRE, ERSPAN.
//!
//! Tunnels over UDP are flows of their own and not opened here.

use super::link::{self, Network, Peeled};
use super::{Ip, Link, Undecoded};
use crate::weird::Weird;

const CUT: Undecoded = Undecoded::Weird(Weird::TruncatedTunnel);

/// Where the packet within `ip` begins; none where `ip` carries none.
pub(super) fn inner(bytes: &[u8], link: Link, ip: &Ip) -> Option<Result<Peeled, Undecoded>> {
    let start = ip.body.start;
    match ip.proto {
        // RFC 2003 and RFC 4213.
        4 => Some(Ok((link, start, Network::Ipv4))),
        41 => Some(Ok((link, start, Network::Ipv6))),
        47 => Some(gre(bytes, link, start)),
        _ => None,
    }
}

/// A GRE header: RFC 2784 and 2890, and for version 1 (PPTP) RFC 2637.
fn gre(bytes: &[u8], link: Link, start: usize) -> Result<Peeled, Undecoded> {
    let Some([high, low, kind_high, kind_low]) = bytes.get(start..start + 4) else {
        return Err(CUT);
    };
    let has = |bit: u8| usize::from(high & bit != 0) * 4;
    let (checksum_or_routing, key, sequence) = (has(0xc0), has(0x20), has(0x10));
    let offset = match low & 7 {
        0 => start + 4 + checksum_or_routing + key + sequence,
        // The key is always there, and the top bit of the second byte tells an acknowledgement.
        1 => start + 8 + sequence + usize::from(low & 0x80 != 0) * 4,
        _ => return Err(Undecoded::NotIp),
    };
    match u16::from_be_bytes([*kind_high, *kind_low]) {
        0x880b => link::framed_ppp(bytes, link, offset),
        0x6558 => link::ethernet(bytes, offset),
        // ERSPAN I has no header of its own; II has one, told by GRE's sequence number.
        0x88be => link::ethernet(bytes, offset + if sequence > 0 { 8 } else { 0 }),
        0x22eb => {
            // ERSPAN III: twelve bytes, and eight more where the last bit says so.
            let last = *bytes.get(offset + 11).ok_or(CUT)?;
            link::ethernet(bytes, offset + if last & 1 == 1 { 20 } else { 12 })
        }
        kind => link::network(bytes, link, kind, offset),
    }
}
