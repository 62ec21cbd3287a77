//! From UDP payloads and TCP streams to DNS transactions: a query and its answer, or either alone.
//!
//! Speaks DNS (RFC 1035), multicast DNS (RFC 6762), LLMNR (RFC 4795) and the NetBIOS name service
//! (RFC 1002), and prints what it reads the way Zeek does. Follows no chain of aliases and checks
//! no signature. Memory is bounded by the messages that wait for their other half and, over TCP, by
//! one message a direction; time by the length of a message.

mod domain;
mod ech;
mod fault;
mod matching;
mod message;
pub mod names;
mod netbios;
mod rdata;
mod stream;
mod svcb;
mod wire;

#[cfg(test)]
mod tests;

pub use stream::DnsStreamInspector;

use super::{Context, DatagramInspector, Found, Verdict};
use crate::net::{Endpoint, Side};
use matching::Matching;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Whether Zeek looks for DNS at this port of the called endpoint: 53 over TCP and UDP, and the
/// NetBIOS name service, multicast DNS and LLMNR over UDP.
pub fn is_dns_port(udp: bool, port: u16) -> bool {
    port == 53 || udp && matches!(port, 137 | 5353 | 5355)
}

/// Whether `payload` is an answer. Zeek takes a flow whose first datagram is one, and does not go
/// to a multicast group, to be opened by its receiver.
pub fn is_answer(payload: &[u8]) -> bool {
    message::Header::read(payload).is_some_and(|header| header.reply && !header.is_absurd())
}

/// What the called endpoint says about the kind of DNS spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dialect {
    /// The NetBIOS name service, by its port.
    netbios: bool,
    /// Messages to a group.
    multicast: bool,
}

impl Dialect {
    /// The dialect spoken with `responder`.
    fn of(responder: Endpoint) -> Dialect {
        let multicast = match responder.addr {
            IpAddr::V4(addr) => addr.is_multicast(),
            IpAddr::V6(addr) => addr.is_multicast(),
        };
        Dialect {
            netbios: responder.port == 137,
            multicast,
        }
    }
}

/// The inspector of DNS over UDP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsInspector {
    matching: Matching,
}

impl DnsInspector {
    /// An inspector of a flow whose called endpoint is `responder`.
    pub fn new(responder: Endpoint) -> DnsInspector {
        DnsInspector {
            matching: Matching::new(Dialect::of(responder)),
        }
    }

    /// Whether a whole DNS message was read: where Zeek sets the flow's service.
    pub fn is_confirmed(&self) -> bool {
        self.matching.is_confirmed()
    }
}

impl DatagramInspector for DnsInspector {
    fn handle_datagram(
        &mut self,
        context: Context<'_>,
        _side: Side,
        payload: &[u8],
        complete: bool,
        found: &mut Vec<Found>,
    ) -> Verdict {
        self.matching.take(context, payload, complete, found)
    }

    fn finish(&mut self, _context: Context<'_>, found: &mut Vec<Found>) {
        self.matching.finish(found);
    }

    fn held_bytes(&self) -> usize {
        size_of_val(self) + self.matching.held_bytes()
    }
}
