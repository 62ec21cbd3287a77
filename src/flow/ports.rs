//! From a flow's first packet to who opened it.

use super::key::Keyed;
use crate::net::Transport;
use crate::packet::{self, Packet};

/// Whether the first packet seen of a flow comes from the responder: a SYN-ACK, or traffic picked
/// up midstream from a port where servers listen to one where they do not. This is Zeek's rule.
pub(super) fn is_reply_first(keyed: &Keyed, packet: &Packet) -> bool {
    match packet.transport {
        packet::Transport::Tcp(tcp) if tcp.flags.syn => tcp.flags.ack,
        packet::Transport::Tcp(_) | packet::Transport::Udp { .. } => {
            is_server_port(keyed.transport, keyed.src.port)
                && !is_server_port(keyed.transport, keyed.dst.port)
        }
        _ => false,
    }
}

/// Ports that Zeek's default scripts register for a protocol (`likely_server_ports`).
fn is_server_port(transport: Transport, port: u16) -> bool {
    let ports: &[u16] = match transport {
        Transport::Tcp => &TCP,
        Transport::Udp => &UDP,
        _ => return false,
    };
    ports.binary_search(&port).is_ok()
}

const TCP: [u16; 51] = [
    21, 22, 25, 53, 80, 81, 88, 102, 110, 111, 135, 139, 143, 389, 443, 445, 502, 563, 585, 587,
    614, 631, 636, 989, 990, 992, 993, 995, 1080, 1434, 1812, 1883, 2811, 3128, 3268, 3306, 3389,
    5060, 5222, 5223, 5269, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000,
];

const UDP: [u16; 27] = [
    53, 67, 68, 88, 111, 123, 137, 161, 162, 389, 443, 514, 784, 853, 1812, 2123, 2152, 3389, 3544,
    4011, 4789, 5060, 5072, 5353, 5355, 6081, 20000,
];
