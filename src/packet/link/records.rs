//! From the headers that capturing systems put before a frame to the network header.

use super::ethernet::{ethernet, network};
use super::point_to_point::serial;
use super::{
    CUT, Link, LinkType, Network, Peeled, Undecoded, bare, be16, le16, le32, mac, of_type, typed,
};

/// Linux cooked: address length at 4, address at 6, ether type at 14.
pub(super) fn sll(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let mut link = Link::default();
    if bytes.get(offset + 4..offset + 6) == Some(&[0, 6]) {
        link.macs[0] = mac(bytes, offset + 6);
    }
    typed(bytes, link, offset + 14, 2)
}

/// Linux cooked, second version: ether type at 0, address length at 11, address at 12.
pub(super) fn sll2(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let mut link = Link::default();
    if bytes.get(offset + 11) == Some(&6) {
        link.macs[0] = mac(bytes, offset + 12);
    }
    typed(bytes, link, offset, 20)
}

/// Per-packet information: version, flags, its length, and the type of what follows.
pub(super) fn ppi(bytes: &[u8]) -> Result<Peeled, Undecoded> {
    let len = le16(bytes, 2).ok_or(CUT)?;
    wrapped(bytes, u32::from(len), le32(bytes, 4).ok_or(CUT)?)
}

/// Apple's header: its length, what it is, and the type of what follows.
pub(super) fn pktap(bytes: &[u8]) -> Result<Peeled, Undecoded> {
    let len = le32(bytes, 0).ok_or(CUT)?;
    wrapped(bytes, len, le32(bytes, 8).ok_or(CUT)?)
}

/// A frame of type `kind` behind a header of `len` bytes. A type above the registry's numbers is
/// none.
fn wrapped(bytes: &[u8], len: u32, kind: u32) -> Result<Peeled, Undecoded> {
    if len < 8 || len as usize > bytes.len() {
        return Err(CUT);
    }
    let kind = u16::try_from(kind).unwrap_or(u16::MAX);
    of_type(LinkType(kind), bytes, len as usize)
}

/// Netfilter's log: family, version and resource, then values each behind its length and type, in
/// the byte order of the capturing host, and padded to four bytes. The packet is one of them.
pub(super) fn nflog(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    /// `NFULA_PAYLOAD` of Linux; the types end well below 64.
    const PAYLOAD: u16 = 9;
    const TYPES: u16 = 64;
    let mut at = offset + 4;
    let is_little = le16(bytes, at + 2).ok_or(CUT)? < TYPES;
    let word = if is_little { le16 } else { be16 };
    // Each round passes four bytes at least.
    while let (Some(len), Some(kind)) = (word(bytes, at), word(bytes, at + 2)) {
        if kind == PAYLOAD {
            return Ok((Link::default(), at + 4, Network::Either));
        }
        if len < 4 {
            return Err(CUT);
        }
        at += usize::from(len).next_multiple_of(4);
    }
    match at > bytes.len() {
        true => Err(CUT),
        false => Err(Undecoded::NotIp),
    }
}

/// OpenBSD's packet filter log: its length without the padding to four bytes.
pub(super) fn pflog(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let len = usize::from(*bytes.get(offset).ok_or(CUT)?);
    bare(bytes, offset + len.next_multiple_of(4), Network::Either)
}

/// An ERF record: sixteen bytes with the type at 8, and extensions of eight bytes as long as the
/// top bit of the type, or of the extension before, says so.
pub(super) fn erf(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let kind = *bytes.get(offset + 8).ok_or(CUT)?;
    let (mut at, mut more) = (offset + 16, kind & 0x80 != 0);
    while more {
        more = bytes.get(at).ok_or(CUT)? & 0x80 != 0;
        at += 8;
    }
    match kind & 0x7f {
        // HDLC over SONET, plain, coloured and hashed.
        1 | 10 | 15 | 19 => serial(bytes, at),
        // Ethernet likewise, behind an offset and a byte of padding.
        2 | 11 | 16 | 20 => ethernet(bytes, at + 2),
        22 => bare(bytes, at, Network::Ipv4),
        23 => bare(bytes, at, Network::Ipv6),
        _ => Err(Undecoded::NotIp),
    }
}

/// Juniper's header: a magic number and flags, perhaps extensions with their length; then Ethernet,
/// or, where a flag says so, an address family and the packet.
pub(super) fn juniper(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    const WITHOUT_LINK: u8 = 0x02;
    const EXTENDED: u8 = 0x80;
    let flags = match bytes.get(offset..offset + 4) {
        Some([0x4d, 0x47, 0x43, flags]) => *flags,
        Some(_) => return Err(Undecoded::NotIp),
        None => return Err(CUT),
    };
    let len = match flags & EXTENDED {
        0 => 4,
        _ => 6 + usize::from(be16(bytes, offset + 4).ok_or(CUT)?),
    };
    match flags & WITHOUT_LINK {
        0 => ethernet(bytes, offset + len),
        _ => bare(bytes, offset + len + 4, Network::Either),
    }
}

/// Ethernet with its preamble (IEEE 802.3br): the eighth byte starts an express frame or the first
/// part of one that can be interrupted; a later part has no header.
pub(super) fn mpacket(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    match bytes.get(offset + 7) {
        Some(0xd5 | 0xe6 | 0x4c | 0x7f | 0xb3) => ethernet(bytes, offset + 8),
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}

/// Ethernet with a switch's four-byte tag between addresses and ether type.
pub(super) fn broadcom(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let link = super::between(mac(bytes, offset + 6), mac(bytes, offset));
    let kind = be16(bytes, offset + 16).ok_or(CUT)?;
    network(bytes, link, kind, offset + 18)
}
