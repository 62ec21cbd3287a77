//! From flows on the wire and what gateways log to what a gateway knows of a flow.
//!
//! Flows and passages wait for each other, as flows and reports of agents do. A passage is about
//! the flow from its client, about the one that the gateway went on with, or about both. Bounded by
//! `attributed_flows_max` flows, `reports_max` passages and `agents_max` gateways; of each the one
//! that came longest ago leaves.

mod fit;
mod kept;
#[cfg(test)]
mod tests;
mod weigh;

use super::passage::{Passage, PassageKind};
use super::report::Report;
use crate::baseline::Bounded;
use crate::limits::Limits;
use crate::net::{Transport, Uid};
use crate::observe::{FlowId, Observation};
use crate::time::{Span, Timestamp};
pub use fit::{Leg, Named};
use fit::{Spot, spots_of_flow, spots_of_passage};
use kept::{Candidate, Gateway, Seen, Told};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
pub use weigh::Passed;

/// A gateway's clock may be off by this while it is not known, as an agent's.
const CLOCK_UNKNOWN: Span = Span::from_secs(630);
/// And by this once it is, or where the line names too little to search further.
const CLOCK_KNOWN: Span = Span::from_millis(1000);
/// No passage is about a flow that it is farther from: what a clock can be off by, twice.
const REACH: Span = Span::from_secs(1260);
/// Matches from which on a clock counts as known.
const CLOCK_SAMPLES_MIN: usize = 3;
/// Flows or passages of one spot that are looked at.
const NEAR_MAX: usize = 1024;
/// A passage may follow a flow's end by this.
const LINGERS: Span = Span::from_secs(2);
/// Addresses at which clients reached one gateway.
const ADDRS_MAX: usize = 64;

/// Flows, passages, and what is known of their gateways.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gateways {
    gateways: Bounded<Box<str>, Gateway>,
    flows: Bounded<Uid, Seen>,
    flows_at: BTreeSet<(Spot, Timestamp, Uid)>,
    passages: Bounded<u64, Told>,
    /// Passages by what they name and when they were over, by their gateway's clock.
    passages_at: BTreeSet<(Spot, Timestamp, u64)>,
    passages_n: u64,
}

impl Gateways {
    /// Takes an observation of a flow; whether the flow is new.
    pub fn handle_observation(&mut self, limits: &Limits, observation: &Observation) -> bool {
        let (at, Some(flow)) = (observation.at, &observation.flow) else {
            return false;
        };
        if !matches!(flow.transport, Transport::Tcp | Transport::Udp) {
            return false;
        }
        let is_new = self.flows.get(&flow.uid).is_none();
        if is_new {
            let max = limits.attributed_flows_max;
            while let Some((_, seen)) = self.flows.evict_for_one(max) {
                self.forget_flow(&seen.flow);
            }
            let seen = Seen {
                flow: *flow,
                last_at: at,
                names: Vec::new(),
                timed: false,
            };
            self.flows.insert(flow.uid, at, seen, max);
            for spot in spots_of_flow(flow) {
                self.flows_at.insert((spot, flow.first_at, flow.uid));
            }
        }
        if let Some(seen) = self.flows.get_mut(&flow.uid) {
            seen.last_at = seen.last_at.max(at);
            seen.learn(&observation.fact);
        }
        is_new
    }

    /// Takes a passage that `report` brings; the flows that it could be about.
    pub fn handle_passage(
        &mut self,
        limits: &Limits,
        report: &Report,
        passage: &Passage,
    ) -> Vec<Uid> {
        let (name, at) = (&report.agent, report.received_at);
        let spots = spots_of_passage(passage);
        let max = limits.agents_max;
        let known = self.gateways.touch(name, at, max, Gateway::default);
        if known.is_none() || spots.is_empty() {
            return Vec::new();
        }
        let max = limits.reports_max;
        while let Some((n, told)) = self.passages.evict_for_one(max) {
            self.forget_passage(n, &told);
        }
        let n = self.passages_n;
        self.passages_n += 1;
        let told = Told {
            gateway: name.clone(),
            window: report.window,
            passage: passage.clone(),
        };
        self.learn(&told);
        for spot in &spots {
            self.passages_at.insert((*spot, told.window.to, n));
        }
        let about: BTreeSet<Uid> = self
            .flows_near(&told)
            .into_iter()
            .filter(|seen| self.candidate(seen, n, &told).is_some())
            .map(|seen| seen.flow.uid)
            .collect();
        self.passages.insert(n, at, told, max);
        about.into_iter().collect()
    }

    /// Forgets what was seen or told before `moment`.
    pub fn expire(&mut self, moment: Timestamp) {
        while let Some((_, seen)) = self.flows.pop_before(moment) {
            self.forget_flow(&seen.flow);
        }
        while let Some((n, told)) = self.passages.pop_before(moment) {
            self.forget_passage(n, &told);
        }
    }

    fn forget_flow(&mut self, flow: &FlowId) {
        for spot in spots_of_flow(flow) {
            self.flows_at.remove(&(spot, flow.first_at, flow.uid));
        }
    }

    fn forget_passage(&mut self, n: u64, told: &Told) {
        for spot in spots_of_passage(&told.passage) {
            self.passages_at.remove(&(spot, told.window.to, n));
        }
    }

    /// What gateways know of a flow; none where none has said anything that could be about it.
    pub fn passed(&self, flow: &FlowId) -> Option<Passed> {
        weigh::weigh(&self.candidates(flow), |one| self.others(flow, one))
    }

    /// The flow as its client has it, where exactly one client is behind a translation of it.
    pub fn inner(&self, flow: &FlowId) -> Option<FlowId> {
        let candidates = self.candidates(flow);
        let inner = |candidate: &Candidate<'_>| candidate.inner(flow);
        let mut all = candidates.iter().filter_map(inner);
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }

    /// The flow of this uid, while it is remembered.
    pub fn flow(&self, uid: Uid) -> Option<FlowId> {
        self.flows.get(&uid).map(|seen| seen.flow)
    }

    /// Gateways, flows and passages that had to leave for others.
    pub fn evicted(&self) -> u64 {
        let tables = [
            self.gateways.evicted(),
            self.flows.evicted(),
            self.passages.evicted(),
        ];
        tables.into_iter().fold(0, u64::saturating_add)
    }

    fn candidates(&self, flow: &FlowId) -> Vec<Candidate<'_>> {
        let Some(seen) = self.flows.get(&flow.uid) else {
            return Vec::new();
        };
        let (early, late) = (back(seen.flow.first_at, REACH), seen.last_at + REACH);
        let mut near: BTreeSet<u64> = BTreeSet::new();
        for spot in spots_of_flow(flow) {
            let from = (spot, early, 0);
            let here = self
                .passages_at
                .range(from..=(spot, Timestamp::from_nanos(i64::MAX), u64::MAX));
            near.extend(here.take(NEAR_MAX).map(|(_, _, n)| n));
        }
        let told = near
            .iter()
            .filter_map(|n| Some((*n, self.passages.get(n)?)));
        told.filter(|(_, told)| told.window.from <= late)
            .filter_map(|(n, told)| self.candidate(seen, n, told))
            .collect()
    }

    /// The flows that a passage could be about, the newest of each spot first.
    fn flows_near(&self, told: &Told) -> Vec<&Seen> {
        let (early, late) = (back(told.window.from, REACH), told.window.to + REACH);
        let mut near = Vec::new();
        for spot in spots_of_passage(&told.passage) {
            let first = (spot, Timestamp::MIN, Uid::from_words(0, 0));
            let last = (spot, late, Uid::from_words(u32::MAX, u64::MAX));
            let here = self.flows_at.range(first..=last).rev().take(NEAR_MAX);
            let seen = here.filter_map(|(_, _, uid)| self.flows.get(uid));
            near.extend(seen.filter(|seen| seen.last_at >= early));
        }
        near
    }

    /// Other flows of the same side that a passage which does not name its flow exactly could as
    /// well be about.
    fn others(&self, flow: &FlowId, one: &Candidate<'_>) -> BTreeSet<Uid> {
        let near = self.flows_near(one.told).into_iter();
        near.filter(|seen| seen.flow.uid != flow.uid)
            .filter(|seen| {
                let other = self.candidate(seen, one.n, one.told);
                other.is_some_and(|other| other.leg == one.leg)
            })
            .map(|seen| seen.flow.uid)
            .collect()
    }

    /// A passage that names one flow and no other, exactly, tells the gateway's clock and where
    /// its clients reach it.
    fn learn(&mut self, told: &Told) {
        let Some(gateway) = self.gateways.get(&told.gateway) else {
            return;
        };
        let near = self.flows_near(told).into_iter().filter(|seen| {
            let fit = fit::fit(seen, &told.passage, gateway);
            let exact = fit.is_some_and(|(named, _)| named.is_exact());
            let from = told.window.from;
            exact && apart(from, seen.flow.first_at) <= CLOCK_UNKNOWN.as_nanos()
        });
        let near: Vec<(Uid, FlowId, bool, Option<Leg>)> = near
            .take(2)
            .map(|seen| {
                let leg = fit::fit(seen, &told.passage, gateway).map(|(_, leg)| leg);
                (seen.flow.uid, seen.flow, seen.timed, leg)
            })
            .collect();
        let &[(uid, flow, timed, leg)] = near.as_slice() else {
            return;
        };
        let is_proxy = told.passage.kind != PassageKind::Flow
            && told.passage.server.addr != Some(flow.responder.addr);
        if let Some(gateway) = self.gateways.get_mut(&told.gateway) {
            if is_proxy && leg == Some(Leg::Client) && gateway.addrs.len() < ADDRS_MAX {
                gateway.addrs.insert(flow.responder.addr);
            }
            // Later requests of a flow begin later than it.
            if told.passage.begins && !timed {
                gateway.clock.handle_match(flow.first_at, told.window.from);
            }
        }
        if let Some(seen) = self.flows.get_mut(&uid) {
            seen.timed |= told.passage.begins;
        }
    }

    /// The passage as what could be about the flow.
    fn candidate<'a>(&'a self, seen: &Seen, n: u64, told: &'a Told) -> Option<Candidate<'a>> {
        let gateway = self.gateways.get(&told.gateway)?;
        let (named, leg) = fit::fit(seen, &told.passage, gateway)?;
        let clock_known = gateway.clock.samples() >= CLOCK_SAMPLES_MIN;
        let offset = gateway.clock.offset(seen.flow.first_at).unwrap_or_default();
        let (from, to) = (back(told.window.from, offset), back(told.window.to, offset));
        let slack = match named.is_exact() && !clock_known {
            true => CLOCK_UNKNOWN,
            false => CLOCK_KNOWN,
        };
        let fits = back(from, slack) <= seen.last_at + LINGERS && seen.flow.first_at <= to + slack;
        if !fits || named.is_exact() && self.is_nearer_elsewhere(seen, told, (from, to)) {
            return None;
        }
        Some(Candidate {
            n,
            told,
            named,
            leg,
            delta: from - seen.flow.first_at,
            clock_known,
        })
    }

    /// Whether a flow of the same ports, before or after, fits a passage better.
    fn is_nearer_elsewhere(
        &self,
        seen: &Seen,
        told: &Told,
        (from, to): (Timestamp, Timestamp),
    ) -> bool {
        let Some(gateway) = self.gateways.get(&told.gateway) else {
            return false;
        };
        let distance = |seen: &Seen| {
            let gap = (seen.flow.first_at - to)
                .max(from - seen.last_at)
                .as_nanos();
            (gap.max(0), apart(from, seen.flow.first_at))
        };
        let fit = |seen: &Seen| fit::fit(seen, &told.passage, gateway);
        let (own, leg) = (distance(seen), fit(seen).map(|(_, leg)| leg));
        self.flows_near(told).into_iter().any(|other| {
            let alike = fit(other).filter(|(named, _)| named.is_exact());
            other.flow.uid != seen.flow.uid
                && alike.map(|(_, leg)| leg) == leg
                && distance(other) < own
        })
    }
}

fn back(at: Timestamp, by: Span) -> Timestamp {
    at + Span::from_nanos(by.as_nanos().saturating_neg())
}

fn apart(a: Timestamp, b: Timestamp) -> i64 {
    (a - b).as_nanos().saturating_abs()
}
