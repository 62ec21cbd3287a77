//! From a network header to addresses, body and transport.

use super::fragments::Fragment;
use super::frame::Frame;
use super::link::Network;
use super::{Ip, LAYERS_MAX, Undecoded};
use crate::weird::Weird;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

const CUT: Undecoded = Undecoded::Weird(Weird::TruncatedIp);

/// Decodes the IP header at `inward`.
pub(super) fn decode(frame: &Frame<'_>, offset: usize, network: Network) -> Result<Ip, Undecoded> {
    let version = match network {
        Network::Ipv4 => Some(4),
        Network::Ipv6 => Some(6),
        Network::Either => frame.bytes.get(offset).map(|first| first >> 4),
    };
    match version {
        Some(4) => v4(frame, offset),
        Some(6) => v6(frame, offset),
        Some(_) => Err(Undecoded::NotIp),
        None => Err(CUT),
    }
}

fn v4(frame: &Frame<'_>, offset: usize) -> Result<Ip, Undecoded> {
    let bytes = frame.bytes.get(offset..).unwrap_or_default();
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| CUT)?;
    let header_len = header.slice().len();
    let on_wire = (frame.wire_len as usize)
        .max(frame.bytes.len())
        .saturating_sub(offset);
    // 0 is what a segmentation-offloading sender's kernel leaves there; then the frame's end is the
    // packet's.
    let total_len = match usize::from(header.total_len()) {
        0 => on_wire,
        stated => stated,
    };
    if total_len < header_len {
        return Err(CUT);
    }
    let ip = Ip {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        proto: header.protocol().0,
        total_len: total_len as u32,
        header: offset..offset + header_len,
        body: body(frame, offset + header_len, total_len - header_len),
        body_len: (total_len - header_len) as u32,
    };
    if header.more_fragments() || header.fragments_offset().value() != 0 {
        if total_len > on_wire {
            return Err(CUT);
        }
        return Err(Undecoded::Fragment(Fragment {
            id: u32::from(header.identification()),
            at: u32::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
            dont_fragment: header.dont_fragment(),
            ..Fragment::of(&ip)
        }));
    }
    Ok(ip)
}

fn v6(frame: &Frame<'_>, offset: usize) -> Result<Ip, Undecoded> {
    let bytes = frame.bytes.get(offset..).unwrap_or_default();
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| CUT)?;
    let on_wire = (frame.wire_len as usize)
        .max(frame.bytes.len())
        .saturating_sub(offset);
    let total_len = match usize::from(header.payload_length()) {
        // 0 is a jumbogram (RFC 2675) or an offloading sender, and then the frame's end is the
        // packet's; or there is no payload, and what follows pads the frame to Ethernet's 46 bytes.
        0 if on_wire > 46 => on_wire,
        stated => 40 + stated,
    };
    let walked = extensions(bytes, header.next_header().0)?;
    if total_len < walked.len {
        return Err(CUT);
    }
    let mut ip = Ip {
        src: IpAddr::V6(header.source_addr()),
        dst: IpAddr::V6(header.destination_addr()),
        proto: walked.proto,
        total_len: total_len as u32,
        header: offset..offset + 40,
        body: body(frame, offset + walked.len, total_len - walked.len),
        body_len: (total_len - walked.len) as u32,
    };
    let Some(piece) = walked.piece else {
        ip.src = walked.home.map_or(ip.src, IpAddr::V6);
        ip.dst = walked.last.map_or(ip.dst, IpAddr::V6);
        return Ok(ip);
    };
    if total_len > on_wire {
        return Err(CUT);
    }
    Err(Undecoded::Fragment(Fragment {
        id: piece.id,
        at: u32::from(piece.field & 0xfff8),
        more: piece.field & 1 != 0,
        header_len: (walked.len - 8) as u32,
        named_at: piece.named_at as u32,
        ..Fragment::of(&ip)
    }))
}

/// What stands between an IPv6 header and its upper protocol.
#[derive(Default)]
struct Walked {
    /// The upper protocol.
    proto: u8,
    /// Bytes of the header and its extensions.
    len: usize,
    /// The fragment header that ended the walk: what is behind it is a piece.
    piece: Option<Piece>,
    /// The home address of a mobile source (RFC 6275 section 6.3), which checksums are over.
    home: Option<Ipv6Addr>,
    /// Where a type 0 routing header (RFC 2460 section 4.4) leads in the end; checksums are over
    /// it.
    last: Option<Ipv6Addr>,
}

/// A fragment header (RFC 8200 section 4.5).
struct Piece {
    id: u32,
    /// Offset in bytes, and in the lowest bit whether more follow.
    field: u16,
    /// Where the next-header field lies that names the fragment header.
    named_at: usize,
}

/// Walks the extension headers (RFC 8200 section 4) of the packet in `bytes`.
fn extensions(bytes: &[u8], first: u8) -> Result<Walked, Undecoded> {
    let mut next = first;
    let (mut named_at, mut at) = (6, 40);
    let mut walked = Walked::default();
    for _ in 0..LAYERS_MAX {
        let mut piece = None;
        let size = match next {
            // Hop-by-hop, routing, destination options, mobility, HIP and Shim6 count in units of
            // 8.
            0 | 43 | 60 | 135 | 139 | 140 => {
                let length = *bytes.get(at + 1).ok_or(CUT)?;
                (usize::from(length) + 1) * 8
            }
            // An authentication header counts in units of 4, less 2 (RFC 4302 section 2.2).
            51 => (usize::from(*bytes.get(at + 1).ok_or(CUT)?) + 2) * 4,
            44 => {
                let Some([high, low, a, b, c, d]) = bytes.get(at + 2..at + 8) else {
                    return Err(CUT);
                };
                let field = u16::from_be_bytes([*high, *low]);
                // An atomic fragment (RFC 6946) is a whole packet; any other is a piece.
                piece = (field & 0xfff9 != 0).then_some(Piece {
                    id: u32::from_be_bytes([*a, *b, *c, *d]),
                    field,
                    named_at,
                });
                8
            }
            _ => {
                (walked.proto, walked.len) = (next, at);
                return Ok(walked);
            }
        };
        match bytes.get(at..at + size) {
            Some(header) if next == 60 => walked.home = home_address(&header[2..]).or(walked.home),
            Some(header) if next == 43 => walked.last = last_hop(header).or(walked.last),
            _ => {}
        }
        next = *bytes.get(at).ok_or(CUT)?;
        named_at = at;
        at += size;
        if piece.is_some() {
            (walked.proto, walked.len, walked.piece) = (next, at, piece);
            return Ok(walked);
        }
    }
    Err(CUT)
}

/// The home address among destination options.
fn home_address(mut options: &[u8]) -> Option<Ipv6Addr> {
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [201, 16, rest @ ..] => return address(rest.get(..16)?),
            [_, len, rest @ ..] => options = rest.get(usize::from(*len)..)?,
            _ => return None,
        }
    }
}

/// The last address of a type 0 routing header that still has one to visit.
fn last_hop(header: &[u8]) -> Option<Ipv6Addr> {
    match header {
        [_, _, 0, left, ..] if *left > 0 => address(header.get(header.len().checked_sub(16)?..)?),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(bytes).ok().map(Ipv6Addr::from)
}

/// Where a body of `len` bytes on the wire lies in the frame, as far as it was captured.
fn body(frame: &Frame<'_>, start: usize, len: usize) -> Range<usize> {
    let end = (start + len).min(frame.bytes.len());
    start.min(end)..end
}
