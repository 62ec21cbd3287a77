//! From the first bytes of a TCP flow to whose they are.
//!
//! It does not read on: the inspector that they belong to gets them again. Holds a few bytes a
//! direction.

use crate::flow::key::Keyed;
use crate::flow::stream::StreamEvent;
use crate::inspect::dns::{is_answer, is_dns_port};
use crate::inspect::http::{Http2Inspector, HttpInspector};
use crate::inspect::openvpn::OpenVpnInspector;
use crate::inspect::socks::SocksInspector;
use crate::inspect::tls::{Probe, TlsInspector};
use crate::net::Transport;
use crate::packet::Packet;
use serde::{Deserialize, Serialize};

/// What one side's stream began with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Beginning {
    /// These bytes, a few at most.
    Bytes(Vec<u8>),
    /// Missing bytes: nothing says what the rest of this side is, but the other side may.
    Gap(u64),
}

impl Default for Beginning {
    fn default() -> Beginning {
        Beginning::Bytes(Vec::new())
    }
}

/// Whose the beginning of a flow is.
pub(super) enum Probed {
    Open,
    Tls,
    OpenVpn,
    Socks,
    Http,
    Http2,
    Nobodys,
}

/// What the beginnings of both sides and the next event say. What decided nothing is held.
pub(super) fn probe(first: &mut [Beginning; 2], event: StreamEvent<'_>) -> Probed {
    match event {
        StreamEvent::Data { side, bytes } => {
            let Beginning::Bytes(held) = &mut first[side.index()] else {
                return Probed::Open;
            };
            let before = held.len();
            held.extend_from_slice(&bytes[..bytes.len().min(PROBE_BYTES_MAX)]);
            let tls = TlsInspector::probe(side, held);
            let http = HttpInspector::probe(side, held);
            let probed = match (tls, http, Http2Inspector::probe(side, held)) {
                (Probe::Mine, ..) => Probed::Tls,
                (_, Probe::Mine, _) => Probed::Http,
                (.., Probe::Mine) => Probed::Http2,
                (Probe::NotMine, Probe::NotMine, Probe::NotMine) => {
                    match (
                        SocksInspector::probe(side, held),
                        OpenVpnInspector::probe(side, held),
                    ) {
                        (true, _) => Probed::Socks,
                        (_, Probe::Mine) => Probed::OpenVpn,
                        (_, Probe::Open) => return Probed::Open,
                        (_, Probe::NotMine) => Probed::Nobodys,
                    }
                }
                _ => return Probed::Open,
            };
            // The event itself is handed on.
            held.truncate(before);
            probed
        }
        StreamEvent::Gap { side, bytes } => {
            first[side.index()] = Beginning::Gap(bytes);
            match first {
                [Beginning::Gap(_), Beginning::Gap(_)] => Probed::Nobodys,
                _ => Probed::Open,
            }
        }
        StreamEvent::End { .. } => Probed::Open,
    }
}

/// No probe needs more of a stream's beginning than this.
const PROBE_BYTES_MAX: usize = if TlsInspector::PROBE_BYTES > HttpInspector::PROBE_BYTES {
    TlsInspector::PROBE_BYTES
} else {
    HttpInspector::PROBE_BYTES
};

/// Whether a flow between two DNS ports begins with an answer: the ports cannot say who asked.
pub(super) fn is_dns_answer_first(packet: &Packet, keyed: &Keyed, bytes: &[u8]) -> bool {
    let dns = |port| is_dns_port(true, port);
    let payload = || bytes.get(packet.payload.clone()).unwrap_or_default();
    keyed.transport == Transport::Udp
        && dns(keyed.src.port)
        && dns(keyed.dst.port)
        && !keyed.dst.addr.is_multicast()
        && is_answer(payload())
}
