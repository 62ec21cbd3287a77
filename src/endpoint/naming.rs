//! From a flow and a report to how much of the flow the report names.

use super::attribution::Key;
use super::report::{Direction, FlowReport, Place};
use crate::net::{Endpoint, Side, Transport};
use crate::observe::FlowId;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Where flows and reports meet: what both of them name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Spot {
    /// Both ends, the lesser first.
    Pair(Endpoint, Endpoint),
    /// A host, and what it talks to.
    Peer(IpAddr, Endpoint),
    /// One end of datagrams.
    Own(Endpoint),
}

/// Every spot of a flow.
pub fn spots_of_flow(flow: &FlowId) -> impl Iterator<Item = Spot> {
    let (a, b) = (flow.originator, flow.responder);
    let own = (flow.transport == Transport::Udp).then_some([Spot::Own(a), Spot::Own(b)]);
    [
        Spot::Pair(a.min(b), a.max(b)),
        Spot::Peer(a.addr, b),
        Spot::Peer(b.addr, a),
    ]
    .into_iter()
    .chain(own.into_iter().flatten())
}

/// The spots of a report whose agent's host has these addresses: one, or where it names no address
/// of its own one for each.
pub fn spots_of_report(report: &FlowReport, addrs: impl Iterator<Item = IpAddr>) -> Vec<Spot> {
    let whole = |place: Place| {
        let (addr, port) = (place.addr?, place.port?);
        Some(Endpoint { addr, port })
    };
    match (whole(report.local), whole(report.remote), report.local.addr) {
        (Some(a), Some(b), _) => vec![Spot::Pair(a.min(b), a.max(b))],
        (None, Some(peer), Some(addr)) => vec![Spot::Peer(addr, peer)],
        (None, Some(peer), None) => addrs.map(|addr| Spot::Peer(addr, peer)).collect(),
        (Some(own), None, _) => vec![Spot::Own(own)],
        (None, None, _) => Vec::new(),
    }
}

/// One end of a flow.
pub fn end_of(flow: &FlowId, side: Side) -> Endpoint {
    match side {
        Side::Originator => flow.originator,
        Side::Responder => flow.responder,
    }
}

/// How much of the flow the report names, and on which side its host is; none where it is about
/// another flow.
pub fn key_of(flow: &FlowId, report: &FlowReport) -> Option<(Key, Side)> {
    if report
        .transport
        .is_some_and(|transport| transport != flow.transport)
    {
        return None;
    }
    let sides = match report.direction {
        Some(Direction::Outbound) => [Some(Side::Originator), None],
        Some(Direction::Inbound) => [Some(Side::Responder), None],
        None => [Some(Side::Originator), Some(Side::Responder)],
    };
    sides.into_iter().flatten().find_map(|side| {
        let (own, peer) = (end_of(flow, side), end_of(flow, side.peer()));
        let fits = |place: Place, end: Endpoint| {
            place.addr.is_none_or(|addr| addr == end.addr)
                && place.port.is_none_or(|port| port == end.port)
        };
        let whole = |place: Place| place.addr.is_some() && place.port.is_some();
        if !fits(report.local, own) || !fits(report.remote, peer) {
            return None;
        }
        let key = match (whole(report.remote), report.local.port.is_some()) {
            (true, true) if report.transport.is_some() => Key::Tuple,
            (true, _) => Key::Remote,
            (false, true) if flow.transport == Transport::Udp => Key::Local,
            _ => return None,
        };
        Some((key, side))
    })
}
