//! From a flow and a report to how much of the flow the report names.

use super::attribution::Key;
use super::report::{Direction, FlowReport, Place};
use crate::net::{Endpoint, Side, Transport};
use crate::observe::FlowId;

/// The end by which a report is found: the other one, or its own where that is all it knows.
pub fn named_end(report: &FlowReport) -> Option<Endpoint> {
    let whole = |place: Place| {
        let (addr, port) = (place.addr?, place.port?);
        Some(Endpoint { addr, port })
    };
    whole(report.remote).or_else(|| whole(report.local))
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
