//! Captures with their packets put into tunnels.

use super::Owned;
use std::net::{IpAddr, Ipv4Addr};
use tapir::packet;
use tapir::packet::frame::LinkType;

/// The ends of every tunnel: addresses for benchmarks (RFC 2544), which no capture of ours has.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2)];

/// Whether `addr` is an end of a tunnel.
pub fn is_end(addr: IpAddr) -> bool {
    ENDS.iter().any(|end| IpAddr::V4(*end) == addr)
}

/// What stands before a packet: the protocol over IP, the UDP port where it is UDP, the tunnel's
/// own header.
pub type Tunnel = (&'static str, u8, Option<u16>, &'static [u8]);

/// Tunnels that IPv4 can be put into.
pub const TUNNELS: [Tunnel; 9] = [
    ("IP in IP", 4, None, &[]),
    ("GRE", 47, None, &[0, 0, 8, 0]),
    (
        "GRE, Ethernet",
        47,
        None,
        &[0, 0, 0x65, 0x58, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0],
    ),
    (
        "ERSPAN II",
        47,
        None,
        &[
            0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 4, 4, 4,
            4, 4, 4, 8, 0,
        ],
    ),
    (
        "PPTP",
        47,
        None,
        &[
            0x30, 1, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 7, 0xff, 3, 0, 0x21,
        ],
    ),
    (
        "VXLAN",
        17,
        Some(4789),
        &[
            8, 0, 0, 0, 0, 0, 5, 0, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0,
        ],
    ),
    (
        "GENEVE",
        17,
        Some(6081),
        &[1, 0, 8, 0, 0, 0, 5, 0, 0, 1, 0, 0],
    ),
    (
        "GTP",
        17,
        Some(2152),
        &[0x32, 255, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0],
    ),
    ("GRE over UDP", 17, Some(4754), &[0, 0, 8, 0]),
];

/// The frames with each IPv4 packet in the tunnel that `choose` gives for its number; what holds
/// none stays as it is.
pub fn within(frames: &[Owned], choose: impl Fn(usize) -> Tunnel) -> Vec<Owned> {
    let wrapped = |(index, owned): (usize, &Owned)| {
        let packet = packet::decode(&owned.frame()).ok()?;
        let ip = packet.ip.src.is_ipv4().then_some(packet.ip)?;
        let inner = owned.bytes.get(ip.header.start..)?;
        let (_, proto, port, header) = choose(index);
        let forwards = ip.src < ip.dst;
        let head = outer(proto, port, header, ip.total_len as usize, forwards);
        let before = owned.bytes.len() - inner.len();
        Some(Owned {
            at: owned.at,
            link: LinkType::RAW,
            wire_len: owned.wire_len + head.len() as u32 - before as u32,
            bytes: [head.as_slice(), inner].concat(),
        })
    };
    let frames = frames.iter().enumerate();
    frames
        .map(|(index, owned)| wrapped((index, owned)).unwrap_or_else(|| owned.clone()))
        .collect()
}

fn outer(proto: u8, port: Option<u16>, header: &[u8], inner_len: usize, forwards: bool) -> Vec<u8> {
    let udp = port.map(|port| {
        let len = (8 + header.len() + inner_len) as u16;
        // One port on both sides, so that both directions are one flow.
        [port, port, len, 0].map(u16::to_be_bytes).concat()
    });
    let udp = udp.unwrap_or_default();
    let total_len = (20 + udp.len() + header.len() + inner_len) as u16;
    let [high, low] = total_len.to_be_bytes();
    let mut ip = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, proto, 0, 0];
    let (src, dst) = if forwards {
        (ENDS[0], ENDS[1])
    } else {
        (ENDS[1], ENDS[0])
    };
    ip.extend(src.octets());
    ip.extend(dst.octets());
    let words = ip
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    [ip.as_slice(), &udp, header].concat()
}
