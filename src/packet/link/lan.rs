//! From the local networks before Ethernet, and ATM, to the network header.

use super::ethernet::{ethernet, llc};
use super::{CUT, Link, Network, Peeled, Undecoded, bare, between, mac};

/// FDDI: a control byte, two addresses (in either bit order, so they are not told), then LLC.
pub(super) fn fddi(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    llc(bytes, Link::default(), offset + 13)
}

/// Token Ring: access and frame control, two addresses, then LLC. The source's first bit says that
/// a route stands between, which tells its own length.
pub(super) fn token_ring(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let Some([_, control]) = bytes.get(offset..offset + 2) else {
        return Err(CUT);
    };
    if control & 0xc0 != 0x40 {
        return Err(Undecoded::NotIp);
    }
    let (destination, source) = (mac(bytes, offset + 2), mac(bytes, offset + 8));
    let mut at = offset + 14;
    let mut source = source.ok_or(CUT)?;
    if source.0[0] & 0x80 != 0 {
        source.0[0] &= 0x7f;
        at += usize::from(bytes.get(at).ok_or(CUT)? & 0x1f);
    }
    llc(bytes, between(Some(source), destination), at)
}

/// ARCNET with its type at `kind_at`: RFC 1201's header has four bytes of type, flag and sequence,
/// RFC 1051's has the type alone. A packet in several frames is not put together.
pub(super) fn arcnet(bytes: &[u8], offset: usize, kind_at: usize) -> Result<Peeled, Undecoded> {
    let link = Link::default();
    if bytes.len() < offset + 2 {
        return Err(CUT);
    }
    match bytes.get(kind_at..) {
        Some([0xf0, ..]) => Ok((link, kind_at + 1, Network::Ipv4)),
        Some([0xd4, 0, ..]) => Ok((link, kind_at + 4, Network::Ipv4)),
        Some([0xc4, 0, ..]) => Ok((link, kind_at + 4, Network::Ipv6)),
        Some([_, ..]) => Err(Undecoded::NotIp),
        _ => Err(CUT),
    }
}

/// Classical IP over ATM (RFC 2225): LLC and SNAP, or IP alone.
pub(super) fn classical_ip(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset..) {
        Some([0xaa, 0xaa, 3, ..]) => llc(bytes, Link::default(), offset),
        _ => bare(bytes, offset, Network::Either),
    }
}

/// SunATM: a byte that says what follows, a path and a channel; then LLC, or LAN emulation with two
/// bytes before its Ethernet header.
pub(super) fn sun_atm(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset).map(|kind| kind & 0x0f) {
        Some(1) => ethernet(bytes, offset + 6),
        Some(2) => llc(bytes, Link::default(), offset + 4),
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}
