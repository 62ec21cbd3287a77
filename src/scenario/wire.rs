//! From a segment or datagram to a frame: Ethernet, IPv4, TCP or UDP, with checksums that hold.
//!
//! Keeps no state; a frame that is cut has the checksum of a payload that is zero where it was cut
//! off, which nobody can check.

use crate::packet::frame::{Frame, LinkType};
use crate::time::Timestamp;
use std::net::Ipv4Addr;

/// A frame of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// When the mirror delivers it.
    pub at: Timestamp,
    /// Bytes on the wire; more than are kept where it was cut.
    pub wire_len: u32,
    /// The captured bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
}

impl Made {
    /// As the sensor takes it.
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            at: self.at,
            link: LinkType::ETHERNET,
            bytes: &self.bytes,
            wire_len: self.wire_len,
        }
    }
}

/// One end of a flow.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Its link address, or that of the router behind which it is.
    pub mac: [u8; 6],
    /// Its address.
    pub addr: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Hops left at the tap.
    pub ttl: u8,
}

/// TCP flags (RFC 9293 section 3.1).
pub mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const PSH: u8 = 8;
    pub const ACK: u8 = 16;
}

/// The fields of a TCP header.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    /// A multiple of four bytes.
    pub options: &'a [u8],
}

/// A payload, of which the end may not be captured.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// What is captured.
    pub bytes: &'a [u8],
    /// Bytes on the wire, at least as many.
    pub len: usize,
}

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A TCP segment as a frame.
pub fn tcp(
    at: Timestamp,
    from: &End,
    to: &End,
    segment: &Segment<'_>,
    payload: Payload<'_>,
) -> Made {
    let header = 20 + segment.options.len();
    let mut bytes = Vec::with_capacity(ETHERNET + IPV4 + header + payload.bytes.len());
    // The sequence number is as good an identification as any, and different for each segment.
    let id = (segment.seq ^ (segment.seq >> 16) ^ segment.ack) as u16;
    ip(&mut bytes, from, to, TCP, header + payload.len, id);
    bytes.extend(from.port.to_be_bytes());
    bytes.extend(to.port.to_be_bytes());
    bytes.extend(segment.seq.to_be_bytes());
    bytes.extend(segment.ack.to_be_bytes());
    bytes.push(((header / 4) << 4) as u8);
    bytes.push(segment.flags);
    bytes.extend(segment.window.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(segment.options);
    bytes.extend(payload.bytes);
    finish(at, bytes, TCP, header + payload.len, 16)
}

/// A UDP datagram as a frame.
pub fn udp(at: Timestamp, from: &End, to: &End, payload: &[u8]) -> Made {
    let len = 8 + payload.len();
    let mut bytes = Vec::with_capacity(ETHERNET + IPV4 + len);
    let id = u16::from_be_bytes([payload.first().copied().unwrap_or(0), payload.len() as u8]);
    ip(&mut bytes, from, to, UDP, len, id);
    bytes.extend(from.port.to_be_bytes());
    bytes.extend(to.port.to_be_bytes());
    bytes.extend((len as u16).to_be_bytes());
    bytes.extend([0; 2]);
    bytes.extend(payload);
    finish(at, bytes, UDP, len, 6)
}

fn ip(bytes: &mut Vec<u8>, from: &End, to: &End, protocol: u8, len: usize, id: u16) {
    bytes.extend(to.mac);
    bytes.extend(from.mac);
    bytes.extend([8, 0]);
    bytes.extend([0x45, 0]);
    bytes.extend(((IPV4 + len) as u16).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend([0x40, 0, from.ttl, protocol, 0, 0]);
    bytes.extend(from.addr.octets());
    bytes.extend(to.addr.octets());
    let check = fold(sum(0, &bytes[ETHERNET..]));
    bytes[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&check.to_be_bytes());
}

/// Fills in the transport's checksum, which stands at `place` of its header.
fn finish(at: Timestamp, mut bytes: Vec<u8>, protocol: u8, len: usize, place: usize) -> Made {
    let transport = ETHERNET + IPV4;
    let pseudo = u64::from(protocol) + len as u64;
    let pseudo = sum(pseudo, &bytes[ETHERNET + 12..transport]);
    let check = match fold(sum(pseudo, &bytes[transport..])) {
        // Zero says that there is none (RFC 768).
        0 if protocol == UDP => u16::MAX,
        check => check,
    };
    bytes[transport + place..transport + place + 2].copy_from_slice(&check.to_be_bytes());
    Made {
        at,
        wire_len: (transport + len) as u32,
        bytes,
    }
}

fn sum(start: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let words = words
        .iter()
        .map(|word| u64::from(u16::from_be_bytes(*word)));
    let rest = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    start + words.sum::<u64>() + rest
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
