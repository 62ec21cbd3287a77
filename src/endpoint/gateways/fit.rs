//! From a flow and a passage to how much of the flow the passage names, and on which side of the
//! gateway the flow is.

use super::kept::{Gateway, NAMES_MAX, Seen};
use crate::endpoint::passage::{Passage, PassageKind};
use crate::endpoint::report::Place;
use crate::net::Endpoint;
use crate::observe::{FlowId, HttpTransaction};
use bstr::ByteSlice;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Where flows and passages meet: an address, and its port where the passage names one, else 0.
pub(super) type Spot = (IpAddr, u16);

/// On which side of the gateway a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Between the client and the gateway, or before a translation.
    Client,
    /// From the gateway on.
    Onward,
}

impl Leg {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Leg::Client => "client",
            Leg::Onward => "onward",
        }
    }
}

/// How much of a flow a passage names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// An address, and the name that the flow asks for.
    Name,
    /// All but the originator's port.
    Remote,
    /// The originator with its port.
    Origin,
    /// Both ends.
    Tuple,
}

impl Named {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Named::Name => "name",
            Named::Remote => "remote",
            Named::Origin => "origin",
            Named::Tuple => "tuple",
        }
    }

    /// Whether no other flow of the time can be meant.
    pub fn is_exact(self) -> bool {
        matches!(self, Named::Origin | Named::Tuple)
    }
}

/// Every spot of a flow.
pub(super) fn spots_of_flow(flow: &FlowId) -> [Spot; 3] {
    let (a, b) = (flow.originator, flow.responder);
    [(a.addr, a.port), (a.addr, 0), (b.addr, 0)]
}

/// The spots of a passage, each once.
pub(super) fn spots_of_passage(passage: &Passage) -> Vec<Spot> {
    let spot = |place: Place| Some((place.addr?, place.port.unwrap_or(0)));
    let onward = spot(passage.source).or_else(|| {
        let to = match passage.kind {
            // The server that was asked asks on.
            PassageKind::Lookup => passage.server.addr,
            PassageKind::Web => passage.peer.addr.or(passage.server.addr),
            PassageKind::Flow => None,
        };
        Some((to?, 0))
    });
    let mut spots: Vec<Spot> = [spot(passage.client), onward]
        .into_iter()
        .flatten()
        .collect();
    spots.dedup();
    spots
}

/// A whole end.
pub(super) fn endpoint(place: Place) -> Option<Endpoint> {
    let (addr, port) = (place.addr?, place.port?);
    Some(Endpoint { addr, port })
}

/// The name of the host that a request is for: in the target where it goes to a proxy.
pub(super) fn host_of(http: &HttpTransaction) -> Option<&[u8]> {
    let target = http.uri.as_ref().map(|uri| uri.as_slice());
    let is_connect = http.method.as_ref().is_some_and(|m| m == "CONNECT");
    let named = match is_connect {
        true => target,
        false => target.and_then(|target| Some(&target[target.find("://")? + 3..])),
    };
    let text = named.or(http.host.as_ref().map(|host| host.as_slice()))?;
    let authority = &text[..text.find_byteset(b"/?#").unwrap_or(text.len())];
    let host = &authority[authority.rfind_byte(b'@').map_or(0, |at| at + 1)..];
    let end = host.find_byte(b':').unwrap_or(host.len());
    (!host.starts_with(b"[") && end > 0).then(|| &host[..end])
}

/// Whether an end is at a place, as far as the place is known.
fn at(place: Place, end: Endpoint) -> bool {
    place.addr.is_none_or(|addr| addr == end.addr) && place.port.is_none_or(|p| p == end.port)
}

/// How much of the flow the passage names, and where the flow is; none where it is about another.
pub(super) fn fit(seen: &Seen, passage: &Passage, gateway: &Gateway) -> Option<(Named, Leg)> {
    let other = passage.transport.is_some_and(|t| t != seen.flow.transport);
    if other {
        return None;
    }
    let client = of_client(seen, passage).map(|named| (named, Leg::Client));
    client.or_else(|| of_gateway(seen, passage, gateway).map(|named| (named, Leg::Onward)))
}

/// Whether the flow asks for the passage's name; none where that cannot be said.
fn asks(seen: &Seen, passage: &Passage) -> Option<bool> {
    let name = passage.name.as_ref()?;
    let asked = seen.names.contains(name);
    // Of many names only the newest are known.
    let known = asked || !seen.names.is_empty() && seen.names.len() < NAMES_MAX;
    known.then_some(asked)
}

/// The flow as the one from the client.
fn of_client(seen: &Seen, passage: &Passage) -> Option<Named> {
    let flow = &seen.flow;
    passage.client.addr?;
    if !at(passage.client, flow.originator) {
        return None;
    }
    let asked = asks(seen, passage);
    let server = [passage.server, passage.gateway, passage.peer]
        .into_iter()
        .any(|place| endpoint(place) == Some(flow.responder));
    let reaches = match passage.kind {
        // A firewall is passed through: the flow goes to the server itself.
        PassageKind::Flow => server,
        PassageKind::Web => server || at(passage.gateway, flow.responder),
        PassageKind::Lookup => at(passage.server, flow.responder) && asked == Some(true),
    };
    if !reaches || asked == Some(false) && !(server && passage.kind == PassageKind::Flow) {
        return None;
    }
    named(passage.client, server, asked)
}

/// The flow as the one that the gateway went on with.
fn of_gateway(seen: &Seen, passage: &Passage, gateway: &Gateway) -> Option<Named> {
    let flow = &seen.flow;
    let asked = asks(seen, passage);
    let to = match passage.peer.addr {
        Some(_) => passage.peer,
        None => passage.server,
    };
    let from = match passage.kind {
        PassageKind::Lookup => passage.server,
        _ if passage.source.addr.is_some() => passage.source,
        // What is sent elsewhere keeps its client.
        PassageKind::Flow if passage.peer.addr.is_some() => passage.client,
        _ => Place::default(),
    };
    let from = Place {
        port: from.port.filter(|_| passage.kind != PassageKind::Lookup),
        ..from
    };
    let own = match from.addr {
        Some(_) => at(from, flow.originator),
        None => gateway.addrs.contains(&flow.originator.addr),
    };
    if !own || passage.kind != PassageKind::Flow && asked == Some(false) {
        return None;
    }
    let server = endpoint(to) == Some(flow.responder);
    let reaches = match passage.kind {
        PassageKind::Flow => server,
        PassageKind::Web => to.addr.is_none() || at(to, flow.responder),
        PassageKind::Lookup => true,
    };
    reaches.then(|| named(from, server, asked)).flatten()
}

fn named(from: Place, server: bool, asked: Option<bool>) -> Option<Named> {
    match (from.addr.is_some() && from.port.is_some(), server) {
        (true, true) => Some(Named::Tuple),
        (true, false) => Some(Named::Origin),
        (false, true) => Some(Named::Remote),
        (false, false) => (asked == Some(true)).then_some(Named::Name),
    }
}
