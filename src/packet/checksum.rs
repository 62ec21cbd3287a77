//! From a packet's bytes to whether its checksums hold (RFC 1071).
//!
//! Only what was captured whole can be judged; anything cut short passes.

use super::transport::proto;
use super::{Packet, Transport};
use crate::weird::Weird;
use std::net::IpAddr;

/// Which checksum of `packet` does not hold, if one does not.
pub fn mismatch(packet: &Packet, frame: &[u8]) -> Option<Weird> {
    let ip = &packet.ip;
    let header = frame.get(ip.header.clone())?;
    if ip.src.is_ipv4() && !holds(header) {
        return Some(Weird::BadIpChecksum);
    }
    let body = frame.get(ip.body.clone())?;
    if body.len() < ip.body_len as usize {
        return None;
    }
    match packet.transport {
        Transport::Tcp(_) => {
            let total = sum(body) + pseudo_header(packet, proto::TCP);
            (fold(total) != 0xffff).then_some(Weird::BadTcpChecksum)
        }
        Transport::Udp { .. } => {
            // The UDP length may be below the IP body's; 0 in the field means that none was
            // computed.
            let length = usize::from(u16::from_be_bytes([*body.get(4)?, *body.get(5)?]));
            if body.get(6..8)? == [0, 0] {
                return None;
            }
            let covered = body.get(..length).filter(|_| length >= 8).unwrap_or(body);
            let total = sum(covered) + pseudo_header(packet, proto::UDP) - body.len() as u64
                + covered.len() as u64;
            (fold(total) != 0xffff).then_some(Weird::BadUdpChecksum)
        }
        Transport::Icmp { .. } => {
            let pseudo = match ip.src {
                IpAddr::V4(_) => 0,
                IpAddr::V6(_) => pseudo_header(packet, proto::ICMP6),
            };
            (fold(sum(body) + pseudo) != 0xffff).then_some(Weird::BadIcmpChecksum)
        }
        Transport::Other => None,
    }
}

/// The checksum of `bytes`, in which its own field is 0.
pub fn of(bytes: &[u8]) -> u16 {
    !fold(sum(bytes))
}

/// Whether the checksum of an IPv4 header holds.
pub fn holds(header: &[u8]) -> bool {
    fold(sum(header)) == 0xffff
}

/// The sum over the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo_header(packet: &Packet, proto: u8) -> u64 {
    let addresses = match (packet.ip.src, packet.ip.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => sum(&src.octets()) + sum(&dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => sum(&src.octets()) + sum(&dst.octets()),
        _ => 0,
    };
    addresses + u64::from(proto) + u64::from(packet.ip.body_len)
}

/// The unfolded sum of big-endian 16-bit words; summed as 32-bit words, which folds to the same.
fn sum(bytes: &[u8]) -> u64 {
    let mut lanes = [0u64; 4];
    let blocks = bytes.chunks_exact(16);
    let rest = blocks.remainder();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
            *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
    }
    // Native words sum to the byte-swapped result on little-endian machines (RFC 1071 section
    // 2(B)).
    let native = fold(lanes.iter().sum());
    let mut total = u64::from(u16::from_be(native));
    let pairs = rest.chunks_exact(2);
    if let [last] = pairs.remainder() {
        total += u64::from(*last) << 8;
    }
    for pair in pairs {
        total += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    total
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
