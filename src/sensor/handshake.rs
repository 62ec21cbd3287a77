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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::decode;
    use crate::packet::frame::{Frame, LinkType};
    use crate::time::Timestamp;
    use proptest::prelude::*;

    /// What a SYN with these options shows, sent over IPv4 with a time to live of 63.
    fn syn(options: &[u8]) -> SynTraits {
        let words = 5 + options.len() / 4;
        let mut bytes = vec![0x45, 0, 0, 20 + 4 * words as u8, 0, 0, 0, 0, 63, 6, 0, 0];
        bytes.extend([10, 0, 0, 9, 10, 0, 0, 1]);
        bytes.extend([0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0]);
        bytes.extend([(words as u8) << 4, 2, 0xfa, 0xf0, 0, 0, 0, 0]);
        bytes.extend(options);
        let frame = Frame {
            at: Timestamp::from_nanos(1),
            link: LinkType::IPV4,
            bytes: &bytes,
            wire_len: bytes.len() as u32,
        };
        let packet = decode(&frame).expect("it decodes");
        let Transport::Tcp(tcp) = packet.transport else {
            panic!("it is TCP");
        };
        traits(&packet, &tcp, &bytes)
    }

    #[test]
    fn a_syn_shows_its_options_in_order() {
        let linux = [
            2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7,
        ];
        let want = SynTraits {
            ttl: 63,
            window: 64_240,
            mss: 1460,
            scale: Some(7),
            options: 0x31842,
        };
        assert_eq!(syn(&linux), want);
        // The end of the list is shown, and what stands behind it is not.
        assert_eq!(syn(&[4, 2, 0, 3]).options, 0xf4);
        assert_eq!(syn(&[3, 0, 3, 0]).scale, None);
        assert_eq!(syn(&[]).options, 0);
    }

    proptest! {
        #[test]
        fn no_options_make_it_fail(words in prop::collection::vec(any::<[u8; 4]>(), 0..=10)) {
            syn(&words.concat());
        }
    }
}
