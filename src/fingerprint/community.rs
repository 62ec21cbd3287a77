//! From a flow's key to its Community ID (version 1 of Corelight's specification).

use crate::net::Endpoint;

/// The Community ID of a flow: `1:` and base64, the same for both directions.
///
/// For ICMP the ports are as Zeek has them: the originator's is the type, the responder's the
/// counterpart's type where there is one, else the code. Empty where the specification has no
/// answer: endpoints of different address families, or ICMP of the other family's kind.
pub fn community_id(seed: u16, originator: Endpoint, responder: Endpoint, ip_proto: u8) -> String {
    let ports = matches!(ip_proto, 1 | 6 | 17 | 58 | 132);
    community_id::calculate_community_id(
        seed,
        originator.addr,
        responder.addr,
        ports.then_some(originator.port),
        ports.then_some(responder.port),
        ip_proto,
        false,
    )
    .unwrap_or_default()
}
