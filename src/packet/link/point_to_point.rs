//! From PPP, Cisco HDLC and Frame Relay to the network header.
//!
//! What PPP compressed by Van Jacobson's scheme (RFC 1144) is not IP any more and stays unread.

use super::ethernet::{ethernet, mpls, network};
use super::{CUT, Link, Network, Peeled, Undecoded, be16, typed};

/// PPP, with or without HDLC framing (RFC 1662), which begins ff 03.
pub(in crate::packet) fn framed_ppp(
    bytes: &[u8],
    link: Link,
    offset: usize,
) -> Result<Peeled, Undecoded> {
    match bytes.get(offset..) {
        Some([0xff, 0x03, ..]) => ppp(bytes, link, offset + 2),
        _ => ppp(bytes, link, offset),
    }
}

/// A serial line: Cisco HDLC where the address byte is one of its two, else PPP.
pub(super) fn serial(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset) {
        Some(0x0f | 0x8f) => cisco(bytes, offset),
        _ => framed_ppp(bytes, Link::default(), offset),
    }
}

/// Cisco HDLC: address, control, ether type.
pub(super) fn cisco(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    typed(bytes, Link::default(), offset + 2, 2)
}

/// A PPPoE session header (RFC 2516 section 4): six bytes, code 0 carries PPP.
pub(super) fn pppoe(bytes: &[u8], link: Link, offset: usize) -> Result<Peeled, Undecoded> {
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
        // MPLS, unicast and multicast (RFC 3032 section 4.1).
        Some([0x02, 0x81 | 0x83, ..]) => mpls(bytes, link, offset + 2),
        Some([_, _, ..]) => Err(Undecoded::NotIp),
        _ => Err(CUT),
    }
}

/// A Q.922 address of two to four bytes, the last with its lowest bit set; then a control byte and
/// an NLPID (RFC 2427), or an ether type as Cisco has it.
pub(super) fn frame_relay(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let address = bytes.get(offset..).unwrap_or_default().iter().take(4);
    let last = address.map(|byte| byte & 1).position(|bit| bit == 1);
    let at = offset + last.ok_or(CUT)? + 1;
    let link = Link::default();
    let rest = match bytes.get(at..) {
        Some([0x03, 0x00, ..]) => at + 2,
        Some([0x03, ..]) => at + 1,
        _ => return typed(bytes, link, at, 2),
    };
    match bytes.get(rest) {
        Some(0xcc) => Ok((link, rest + 1, Network::Ipv4)),
        Some(0x8e) => Ok((link, rest + 1, Network::Ipv6)),
        // SNAP: an organisation and its type. That of bridging has Ethernet behind it, with its
        // check sequence (1) or without (7).
        Some(0x80) => {
            let kind = be16(bytes, rest + 4).ok_or(CUT)?;
            match (bytes.get(rest + 1..rest + 4), kind) {
                (Some([0, 0, 0]), _) => network(bytes, link, kind, rest + 6),
                (Some([0, 0x80, 0xc2]), 1 | 7) => ethernet(bytes, rest + 6),
                _ => Err(Undecoded::NotIp),
            }
        }
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}
