//! From an 802.11 frame, with or without a capture header, to the network header.
//!
//! Data frames in clear only. What is encrypted, cut into fragments or aggregated (A-MSDU) is left,
//! and so is a frame that its receiver saw damaged.

use super::ethernet::llc;
use super::{CUT, Peeled, Undecoded, be32, between, le16, le32, mac};

/// A radiotap header: version, padding, its length, and which fields follow.
pub(super) fn radiotap(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let len = usize::from(le16(bytes, offset + 2).ok_or(CUT)?);
    if len < 8 {
        return Err(CUT);
    }
    let flags = radiotap_flags(bytes.get(offset..offset + len).ok_or(CUT)?);
    if flags & 0x40 != 0 {
        return Err(Undecoded::NotIp);
    }
    // The flag that says so pads the 802.11 header to four bytes.
    let align = if flags & 0x20 != 0 { 4 } else { 0 };
    dot11(bytes, offset + len, align)
}

/// The field Flags of a radiotap header, 0 where it is absent. Only the 64-bit TSFT can stand
/// before it; more words of the bitmap can follow the first.
fn radiotap_flags(header: &[u8]) -> u8 {
    let mut words = header.get(4..).unwrap_or_default().chunks_exact(4);
    let extended = |word: &[u8]| word[3] & 0x80 != 0;
    let present = words.clone().next().map_or(0, |word| word[0]);
    if present & 2 == 0 {
        return 0;
    }
    let Some(last) = words.position(|word| !extended(word)) else {
        return 0;
    };
    let fields = 8 + last * 4;
    let at = match present & 1 {
        0 => fields,
        _ => fields.next_multiple_of(8) + 8,
    };
    header.get(at).copied().unwrap_or(0)
}

/// A Prism header, whose length is its second word in the byte order of the capturing host; some
/// drivers put an AVS header in its place.
pub(super) fn prism(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    let message = be32(bytes, offset).ok_or(CUT)?;
    if message & 0xffff_f000 == 0x8021_1000 {
        return avs(bytes, offset);
    }
    let len = match message {
        0..0x1_0000 => be32(bytes, offset + 4),
        _ => le32(bytes, offset + 4),
    };
    behind(bytes, offset, len)
}

/// An AVS header: a magic number, then its length.
pub(super) fn avs(bytes: &[u8], offset: usize) -> Result<Peeled, Undecoded> {
    behind(bytes, offset, be32(bytes, offset + 4))
}

fn behind(bytes: &[u8], offset: usize, len: Option<u32>) -> Result<Peeled, Undecoded> {
    let len = len.ok_or(CUT)? as usize;
    match (8..=bytes.len()).contains(&len) {
        true => dot11(bytes, offset + len, 0),
        false => Err(CUT),
    }
}

/// An 802.11 header (IEEE 802.11-2020 section 9.2): of a data frame 24 bytes, six more for a fourth
/// address, two for QoS and four for HT control. `align` pads it, where not 0.
pub(super) fn dot11(bytes: &[u8], offset: usize, align: usize) -> Result<Peeled, Undecoded> {
    const DATA: u8 = 0x08;
    const WITHOUT_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const TO_DS: u8 = 0x01;
    const FROM_DS: u8 = 0x02;
    const MORE_FRAGMENTS: u8 = 0x04;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    let Some([control, flags]) = bytes.get(offset..offset + 2) else {
        return Err(CUT);
    };
    if control & 0x0f != DATA || control & WITHOUT_DATA != 0 || flags & PROTECTED != 0 {
        return Err(Undecoded::NotIp);
    }
    let fragment = le16(bytes, offset + 22).ok_or(CUT)? & 0x0f;
    if flags & MORE_FRAGMENTS != 0 || fragment != 0 {
        return Err(Undecoded::NotIp);
    }
    let address = |number: usize| mac(bytes, offset + [4, 10, 16, 24][number]);
    let (link, mut len) = match flags & (TO_DS | FROM_DS) {
        0 => (between(address(1), address(0)), 24),
        TO_DS => (between(address(1), address(2)), 24),
        FROM_DS => (between(address(2), address(0)), 24),
        _ => (between(address(3), address(2)), 30),
    };
    if control & QOS != 0 {
        let qos = bytes.get(offset + len).ok_or(CUT)?;
        if qos & 0x80 != 0 {
            return Err(Undecoded::NotIp);
        }
        len += if flags & ORDER != 0 { 6 } else { 2 };
    }
    if align > 0 {
        len = len.next_multiple_of(align);
    }
    llc(bytes, link, offset + len)
}
