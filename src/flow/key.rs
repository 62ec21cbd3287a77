//! From a packet to the key of its flow.

use crate::net::{Endpoint, Transport};
use crate::packet::{self, Packet, proto};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};

/// What all packets of a flow share, whichever side sent them.
///
/// Packed into five words, because hashing an address enum costs more than twice as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowKey([u64; 5]);

/// A packet's endpoints, and its flow's key.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    /// The key.
    pub key: FlowKey,
    /// Who sent the packet.
    pub src: Endpoint,
    /// Who it was sent to.
    pub dst: Endpoint,
    /// Which transport.
    pub transport: Transport,
}

impl FlowKey {
    /// The key of `packet`'s flow, and the packet's endpoints as the logs show them: for ICMP the
    /// type in the source port, and in the destination port the type that answers it or else the
    /// code, as Zeek does.
    pub fn of(packet: &Packet) -> Keyed {
        let (transport, src_port, dst_port, one_way) = match packet.transport {
            packet::Transport::Tcp(tcp) => (Transport::Tcp, tcp.src, tcp.dst, false),
            packet::Transport::Udp { src, dst, .. } => (Transport::Udp, src, dst, false),
            packet::Transport::Icmp { kind, code } => {
                let answer = answering_type(packet.ip.proto, kind);
                let port = u16::from(answer.unwrap_or(code));
                (Transport::Icmp, u16::from(kind), port, answer.is_none())
            }
            packet::Transport::Other => (Transport::Unknown, 0, 0, false),
        };
        let src = Endpoint {
            addr: packet.ip.src,
            port: src_port,
        };
        let dst = Endpoint {
            addr: packet.ip.dst,
            port: dst_port,
        };
        Keyed {
            key: FlowKey::packed(src, dst, packet.ip.proto, one_way),
            src,
            dst,
            transport,
        }
    }

    /// The key of what two hosts send each other over `ip_proto`, ports aside.
    pub fn between(src: IpAddr, dst: IpAddr, ip_proto: u8) -> FlowKey {
        let [src, dst] = [src, dst].map(|addr| Endpoint { addr, port: 0 });
        FlowKey::packed(src, dst, ip_proto, false)
    }

    fn packed(src: Endpoint, dst: Endpoint, ip_proto: u8, one_way: bool) -> FlowKey {
        // A one-way ICMP message is a flow of its own in each direction.
        let (low, high) = if src <= dst || one_way {
            (src, dst)
        } else {
            (dst, src)
        };
        let family = u64::from(src.addr.is_ipv6());
        let tail = u64::from(low.port) << 48
            | u64::from(high.port) << 32
            | u64::from(ip_proto) << 8
            | u64::from(one_way) << 1
            | family;
        let ([a, b], [c, d]) = (words(low.addr), words(high.addr));
        FlowKey([a, b, c, d, tail])
    }

    /// The key's hash under `seed`: unknown to whoever picks the addresses.
    pub fn hash(&self, seed: u64) -> u64 {
        FixedState::with_seed(seed).hash_one(self)
    }

    /// The key as bytes, for digests.
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The protocol number of the flow's packets.
    pub fn proto(&self) -> u8 {
        (self.0[4] >> 8) as u8
    }
}

fn words(addr: IpAddr) -> [u64; 2] {
    let bits = match addr {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    };
    [(bits >> 64) as u64, bits as u64]
}

/// The ICMP types that ask, and those that answer them: RFC 792, 950, 1256, 4443, 4861 and 8335.
fn pairs(ip_proto: u8) -> &'static [(u8, u8)] {
    if ip_proto == proto::ICMP {
        &[(8, 0), (13, 14), (15, 16), (10, 9), (17, 18)]
    } else {
        &[
            (128, 129),
            (133, 134),
            (135, 136),
            (139, 140),
            (144, 145),
            (130, 131),
        ]
    }
}

/// Whether an ICMP message of type `kind` asks for an answer.
pub(super) fn is_query(ip_proto: u8, kind: u8) -> bool {
    pairs(ip_proto).iter().any(|(ask, _)| *ask == kind)
}

/// The ICMP type that answers `kind`, or that it answers.
fn answering_type(ip_proto: u8, kind: u8) -> Option<u8> {
    pairs(ip_proto).iter().find_map(|(ask, answer)| match kind {
        _ if kind == *ask => Some(*answer),
        _ if kind == *answer => Some(*ask),
        _ => None,
    })
}
