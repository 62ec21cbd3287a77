//! From the packets of a TCP handshake to the fact that it is complete.
//!
//! Told once a flow, at the first packet of the originator after the SYN-ACK, so a forged SYN tells
//! nothing. Holds what the SYN showed, until then only.

use crate::flow::Flow;
use crate::net::Endpoint;
use crate::observe::SynTraits;
use crate::packet::{Packet, Tcp, Transport};
use serde::{Deserialize, Serialize};

/// How far a flow's handshake is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub enum Handshake {
    /// Nothing of it was seen.
    #[default]
    Nothing,
    /// The SYN, and what it showed.
    Syn(Box<SynTraits>),
    /// It was told, or the flow is none of TCP.
    Told,
}

impl Handshake {
    /// Takes a packet that `flow` has taken; gives what there is to tell where it completes the
    /// handshake.
    pub fn take(
        &mut self,
        flow: &Flow,
        src: Endpoint,
        packet: &Packet,
        bytes: &[u8],
    ) -> Option<Option<Box<SynTraits>>> {
        let Transport::Tcp(tcp) = packet.transport else {
            return None;
        };
        if matches!(self, Handshake::Told) || src != flow.id.originator {
            return None;
        }
        if tcp.flags.syn {
            if matches!(self, Handshake::Nothing) && !tcp.flags.ack {
                *self = Handshake::Syn(Box::new(traits(packet, &tcp, bytes)));
            }
            return None;
        }
        if !flow.is_established() {
            return None;
        }
        match std::mem::replace(self, Handshake::Told) {
            Handshake::Syn(traits) => Some(Some(traits)),
            _ => Some(None),
        }
    }
}

/// What a SYN shows.
fn traits(packet: &Packet, tcp: &Tcp, bytes: &[u8]) -> SynTraits {
    let ip = &packet.ip;
    let ttl_at = if ip.src.is_ipv6() { 7 } else { 8 };
    let mut traits = SynTraits {
        ttl: bytes.get(ip.header.start + ttl_at).copied().unwrap_or(0),
        window: tcp.window,
        ..SynTraits::default()
    };
    // The fixed part of the header is 20 bytes; options reach up to the payload.
    let start = (ip.body.start + 20).min(packet.payload.start);
    let mut options = bytes.get(start..packet.payload.start).unwrap_or_default();
    for place in 0..16 {
        let Some((&kind, rest)) = options.split_first() else {
            break;
        };
        traits.options |= u64::from(kind.min(15)) << (place * 4);
        options = match kind {
            // The end of the list would be 0: shown as 15, since no option has that number.
            0 => {
                traits.options |= 15 << (place * 4);
                break;
            }
            1 => rest,
            _ => {
                let length = rest.first().copied().unwrap_or(0).max(2);
                let Some((option, rest)) = options.split_at_checked(usize::from(length)) else {
                    break;
                };
                match (kind, option) {
                    (2, [_, _, high, low]) => traits.mss = u16::from_be_bytes([*high, *low]),
                    (3, [_, _, scale]) => traits.scale = Some(*scale),
                    _ => {}
                }
                rest
            }
        };
    }
    traits
}
