//! From the passages that could be about one flow to what is known of it, and how sure that is.
//!
//! What passages contradict each other in is left out, never chosen. Of each gateway those count
//! that name most of the flow.

use super::fit::{Leg, Named};
use super::kept::Candidate;
use crate::endpoint::Status;
use crate::endpoint::passage::{Passage, PolicyAction};
use crate::endpoint::report::Place;
use crate::net::Uid;
use crate::time::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What gateways know of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// `Matched`; `Ambiguous` where several clients or users could be meant, or the lines be about
    /// other flows; `Conflict` where gateways contradict each other.
    pub status: Status,
    /// On which side of the gateway the flow is.
    pub leg: Leg,
    /// How much of the flow was named.
    pub named: Named,
    /// Who says it, by name.
    pub gateways: Vec<Box<str>>,
    /// Lines about the flow, and those of them that tell of a denial.
    pub lines: u32,
    /// See `lines`.
    pub denied: u32,
    /// What all of them say, as far as they agree; bytes are summed.
    pub passage: Passage,
    /// From the flow's first packet to the nearest line's beginning, the clock corrected.
    pub delta: Span,
    /// 0 to 1; 0 unless matched.
    pub confidence: f64,
}

/// Weighs what could be about one flow; `others` gives the other flows of the same side that a line
/// could be about.
pub(super) fn weigh(
    candidates: &[Candidate<'_>],
    others: impl Fn(&Candidate<'_>) -> BTreeSet<Uid>,
) -> Option<Passed> {
    let best_of = |gateway: &str| {
        let own = candidates
            .iter()
            .filter(|one| *one.told.gateway == *gateway);
        own.map(|one| one.named).max()
    };
    let counted = |one: &&Candidate<'_>| best_of(&one.told.gateway) == Some(one.named);
    let mut kept: Vec<&Candidate<'_>> = candidates.iter().filter(counted).collect();
    kept.sort_by_key(|one| (one.told.window.from, one.n));
    let best = kept.iter().max_by_key(|one| one.named)?;
    let nearest = kept
        .iter()
        .min_by_key(|one| one.delta.as_nanos().saturating_abs())?;
    let mut gateways: Vec<Box<str>> = kept.iter().map(|one| one.told.gateway.clone()).collect();
    gateways.sort_unstable();
    gateways.dedup();
    let unsure = gateways
        .iter()
        .any(|gateway| is_elsewhere(&kept, gateway, &others));
    let onward = kept.iter().any(|one| one.leg == Leg::Onward);
    // A gateway behind another takes that for the client.
    let clients = |one: &&&Candidate<'_>| !onward || one.leg == Leg::Onward;
    let clients: Vec<&Candidate<'_>> = kept.iter().filter(clients).copied().collect();
    let status = if unsure || is_split(&clients, &gateways) {
        Status::Ambiguous
    } else if users(&kept).len() > 1 || addrs(&clients).len() > 1 {
        Status::Conflict
    } else {
        Status::Matched
    };
    let denied = |one: &&&Candidate<'_>| one.told.passage.action == Some(PolicyAction::Denied);
    let passage = match unsure {
        true => Passage {
            kind: best.told.passage.kind,
            ..Passage::default()
        },
        false => merged(&kept, &clients, best),
    };
    Some(Passed {
        status,
        leg: best.leg,
        named: best.named,
        lines: kept.len() as u32,
        denied: kept.iter().filter(denied).count() as u32,
        passage,
        delta: nearest.delta,
        confidence: confidence(status, best),
        gateways,
    })
}

/// Whether there are more flows that a gateway's inexact lines could be about than lines: one of
/// them is told by none, and it may be this.
fn is_elsewhere(
    kept: &[&Candidate<'_>],
    gateway: &str,
    others: &impl Fn(&Candidate<'_>) -> BTreeSet<Uid>,
) -> bool {
    let own = kept.iter().filter(|one| *one.told.gateway == *gateway);
    let own: Vec<_> = own.filter(|one| !one.named.is_exact()).collect();
    let elsewhere: BTreeSet<Uid> = own.iter().flat_map(|one| others(one)).collect();
    !own.is_empty() && elsewhere.len() >= own.len()
}

/// Whether one gateway names several users or clients.
fn is_split(clients: &[&Candidate<'_>], gateways: &[Box<str>]) -> bool {
    gateways.iter().any(|gateway| {
        let own = clients.iter().filter(|one| one.told.gateway == *gateway);
        let own: Vec<&Candidate<'_>> = own.copied().collect();
        users(&own).len() > 1 || addrs(&own).len() > 1
    })
}

fn users<'a>(of: &[&Candidate<'a>]) -> BTreeSet<&'a str> {
    let users = of.iter().filter_map(|one| one.told.passage.user.as_deref());
    users.collect()
}

fn addrs(of: &[&Candidate<'_>]) -> BTreeSet<IpAddr> {
    let addrs = of.iter().filter_map(|one| one.told.passage.client.addr);
    addrs.collect()
}

/// The one value that all who say something say.
fn agreed<T: PartialEq + Clone>(said: impl Iterator<Item = Option<T>>) -> Option<T> {
    let mut said = said.flatten();
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

fn merged(kept: &[&Candidate<'_>], clients: &[&Candidate<'_>], best: &Candidate<'_>) -> Passage {
    let all = || kept.iter().map(|one| &one.told.passage);
    let whole = |of: fn(&Passage) -> Place| {
        let known = |place: Place| (place != Place::default()).then_some(place);
        agreed(all().map(|one| known(of(one)))).unwrap_or_default()
    };
    let text = |of: fn(&Passage) -> &Option<Box<str>>| agreed(all().map(|one| of(one).clone()));
    let client = clients.iter().map(|one| Some(one.told.passage.client));
    // Two gateways count the same bytes.
    let own = kept
        .iter()
        .filter(|one| one.told.gateway == best.told.gateway);
    let bytes = own.filter_map(|one| one.told.passage.bytes);
    Passage {
        kind: best.told.passage.kind,
        begins: best.told.passage.begins,
        transport: best.told.passage.transport,
        client: agreed(client).unwrap_or_default(),
        server: whole(|one| one.server),
        gateway: whole(|one| one.gateway),
        source: whole(|one| one.source),
        peer: whole(|one| one.peer),
        name: text(|one| &one.name),
        url: text(|one| &one.url),
        method: text(|one| &one.method),
        status: agreed(all().map(|one| one.status)),
        user: text(|one| &one.user),
        user_agent: text(|one| &one.user_agent),
        application: text(|one| &one.application),
        action: agreed(all().map(|one| one.action)),
        rule: text(|one| &one.rule),
        category: text(|one| &one.category),
        bytes: bytes.reduce(|[a, b], [c, d]| [a.saturating_add(c), b.saturating_add(d)]),
        query_type: text(|one| &one.query_type),
        answers: best.told.passage.answers.clone(),
    }
}

/// A design, not fitted: what the lines name, and whether the clock is known.
fn confidence(status: Status, best: &Candidate<'_>) -> f64 {
    let named: f64 = match best.named {
        Named::Tuple => 0.97,
        Named::Origin => 0.9,
        Named::Remote => 0.85,
        Named::Name => 0.8,
    };
    let clock = if best.clock_known { 1.0 } else { 0.9 };
    match status {
        Status::Matched => (named * clock * 100.0).round() / 100.0,
        _ => 0.0,
    }
}
