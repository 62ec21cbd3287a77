//! From a packet's IP header to what the dissector asks of it beside the packet.
//!
//! Reads bytes that the packet layer has found to be a header; whatever is not there is none.

use crate::packet::Packet;
use std::net::IpAddr;

/// An IP header's bytes, extensions left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a>(&'a [u8]);

/// The header of `packet` in its frame.
pub(super) fn header_of<'a>(packet: &Packet, frame: &'a [u8]) -> Option<Header<'a>> {
    frame.get(packet.ip.header.clone()).map(Header)
}

impl Header<'_> {
    fn is_v4(self) -> bool {
        self.0.first().is_some_and(|first| first >> 4 == 4)
    }

    /// The time to live, or the hop limit.
    pub(super) fn ttl(self) -> Option<u8> {
        let at = if self.is_v4() { 8 } else { 7 };
        self.0.get(at).copied()
    }

    /// Whether the sender numbered the packet: then no other packet of its that may be cut to
    /// pieces has the same header (RFC 6864 section 4).
    pub(super) fn is_numbered(self) -> bool {
        self.is_v4() && self.0.get(4..6).is_some_and(|id| id != [0, 0])
    }

    /// The header without what routers change: time to live, checksum, and the marks of congestion
    /// and traffic class.
    pub(super) fn unchanging(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        for (to, from) in bytes.iter_mut().zip(self.0) {
            *to = *from;
        }
        let changed: &[usize] = if self.is_v4() {
            &[1, 8, 10, 11]
        } else {
            &[1, 7]
        };
        for at in changed {
            bytes[*at] = 0;
        }
        bytes
    }

    /// Whether a type 0 routing header leads on, from the destination in the header to another one.
    pub(super) fn has_routing0(self, packet: &Packet) -> bool {
        let IpAddr::V6(dst) = packet.ip.dst else {
            return false;
        };
        self.0.get(24..40).is_some_and(|here| here != dst.octets())
    }
}
