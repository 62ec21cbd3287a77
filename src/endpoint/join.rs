//! From flows on the wire and reports of agents to which of them belong together.
//!
//! Flows and reports wait for each other, so that it does not matter which comes first. Knows no
//! analytic and says nothing of good or bad. Bounded by `attributed_flows_max` flows,
//! `reports_max` reports and `agents_max` agents; of each the one that came longest ago leaves.

mod asking;

pub use asking::Heard;

use super::attribution::{Attribution, Candidate, Key, Status, weigh};
use super::naming::{Spot, end_of, spots_of_report};
use super::processes::Processes;
use super::report::{Deed, FlowActivity, FlowReport, Method, Report, Window};
use super::seen::Seen;
use super::tenancy::Agent;
use crate::baseline::Bounded;
use crate::limits::Limits;
use crate::net::{Side, Transport, Uid};
use crate::observe::FlowId;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A report whose agent's clock is not known yet may be off by this: ten minutes, and a delay. Who
/// is alone within it is the one.
const CLOCK_UNKNOWN: Span = Span::from_secs(630);
/// What an agent's clock is known to, and what a connect takes until its first packet is seen.
const CLOCK_KNOWN: Span = Span::from_millis(1000);
/// Matches from which on a clock counts as known.
const CLOCK_SAMPLES_MIN: usize = 3;
/// Reports that name the same; a port is used again once a minute at most, and polled now and then.
const HERE_MAX: usize = 64;
/// Flows of one spot among which a report looks for its own.
const NEWEST_MAX: usize = 1024;
/// A report may follow a flow's end by this, by its own moment: sockets linger.
const LINGERS: Span = Span::from_secs(2);

/// Flows, reports, and who may speak of what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Join {
    agents: Bounded<Box<str>, Agent>,
    /// Which agents have claimed an address.
    claimed: BTreeMap<IpAddr, BTreeSet<Box<str>>>,
    processes: Processes,
    flows: Bounded<Uid, Seen>,
    /// Flows by what reports can name of them, oldest first.
    flows_at: BTreeMap<Spot, BTreeSet<(Timestamp, Uid)>>,
    reports: Bounded<u64, Told>,
    /// Reports by what they name, oldest first.
    reports_at: BTreeMap<Spot, BTreeSet<u64>>,
    reports_n: u64,
    /// Reports that speak for an address which is not their host's.
    pub foreign: u64,
}

/// A report of a flow that was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    agent: Box<str>,
    window: Window,
    method: Method,
    report: FlowReport,
    spots: Vec<Spot>,
}

impl Join {
    /// A flow was seen at `at`, for the first time or again.
    pub fn handle_flow(&mut self, limits: &Limits, flow: &FlowId, at: Timestamp) {
        if !matches!(flow.transport, Transport::Tcp | Transport::Udp) {
            return;
        }
        if let Some(seen) = self.flows.get_mut(&flow.uid) {
            seen.last_at = seen.last_at.max(at);
            return;
        }
        let max = limits.attributed_flows_max;
        while let Some((_, seen)) = self.flows.evict_for_one(max) {
            self.forget_flow(&seen);
        }
        let seen = Seen::new(*flow, at);
        self.note_spots(&seen);
        self.flows.insert(flow.uid, at, seen, max);
    }

    /// A gateway says that `inner` is how its client has the flow `uid`; none where that is not
    /// known any more. Whether that is news.
    pub fn handle_translation(&mut self, uid: Uid, inner: Option<FlowId>) -> bool {
        let Some(seen) = self.flows.get_mut(&uid) else {
            return false;
        };
        if seen.inner == inner {
            return false;
        }
        let before = seen.clone();
        seen.inner = inner;
        let now = seen.clone();
        self.forget_flow(&before);
        self.note_spots(&now);
        true
    }

    fn note_spots(&mut self, seen: &Seen) {
        for spot in seen.spots() {
            let flows = self.flows_at.entry(spot).or_default();
            flows.insert((seen.flow.first_at, seen.flow.uid));
        }
    }

    /// Forgets flows that were seen first before `moment`.
    pub fn expire(&mut self, moment: Timestamp) {
        while let Some((_, seen)) = self.flows.pop_before(moment) {
            self.forget_flow(&seen);
        }
        while let Some((n, told)) = self.reports.pop_before(moment) {
            self.forget_report(n, &told);
        }
    }

    fn forget_flow(&mut self, seen: &Seen) {
        for spot in seen.spots() {
            remove(
                &mut self.flows_at,
                &spot,
                &(seen.flow.first_at, seen.flow.uid),
            );
        }
    }

    fn forget_report(&mut self, n: u64, told: &Told) {
        for spot in &told.spots {
            remove(&mut self.reports_at, spot, &n);
        }
    }

    /// Takes a report, and says what came of it.
    pub fn handle_report(&mut self, limits: &Limits, report: &Report) -> Heard {
        let (name, received_at) = (&report.agent, report.received_at);
        if self.agents.get(name).is_none() {
            while let Some((gone, agent)) = self.agents.evict_for_one(limits.agents_max) {
                for addr in agent.addrs() {
                    remove(&mut self.claimed, &addr, &gone);
                }
            }
        }
        let agent = self
            .agents
            .touch(name, received_at, limits.agents_max, Agent::default);
        let Some(agent) = agent else {
            return Heard::default();
        };
        let moment = report.window.to;
        let mut learn = |activity, process| {
            let max = limits.processes_max;
            self.processes
                .learn(name, activity, process, (moment, received_at), max);
        };
        match &report.deed {
            Deed::Inventory(inventory) => {
                agent.handle_inventory(inventory, received_at);
                for addr in agent.addrs() {
                    self.claimed.entry(addr).or_default().insert(name.clone());
                }
                Heard::default()
            }
            Deed::Process(told) => {
                learn(Some(told.activity), &told.process);
                Heard::default()
            }
            Deed::File(told) => {
                told.process.iter().for_each(|process| learn(None, process));
                Heard::default()
            }
            Deed::Flow(told) => {
                let mut foreign = None;
                learn(None, &told.process);
                if let Some(addr) = told.local.addr {
                    if agent.handle_local(addr, received_at) {
                        self.claimed.entry(addr).or_default().insert(name.clone());
                    }
                    if agent.is_foreign(addr, received_at) {
                        self.foreign = self.foreign.saturating_add(1);
                        foreign = Some(addr);
                    }
                }
                Heard {
                    foreign,
                    ..self.keep(limits, report, told)
                }
            }
            // What gateways tell is about others' hosts.
            Deed::Passage(_) => Heard::default(),
        }
    }

    fn keep(&mut self, limits: &Limits, report: &Report, told: &FlowReport) -> Heard {
        let agent = self.agents.get(&report.agent);
        let addrs = agent.into_iter().flat_map(Agent::addrs);
        let spots = spots_of_report(told, addrs);
        if spots.is_empty() {
            return Heard::default();
        }
        let max = limits.reports_max;
        while let Some((n, told)) = self.reports.evict_for_one(max) {
            self.forget_report(n, &told);
        }
        let n = self.reports_n;
        self.reports_n += 1;
        let kept = Told {
            agent: report.agent.clone(),
            window: report.window,
            method: report.method,
            report: told.clone(),
            spots,
        };
        self.learn_clock(&kept);
        let about: BTreeSet<Uid> = self
            .flows_of(&kept)
            .filter(|seen| self.candidate(seen, &kept).is_some())
            .map(|seen| seen.flow.uid)
            .collect();
        for spot in &kept.spots {
            let here = self.reports_at.entry(*spot).or_default();
            here.insert(n);
            if here.len() > HERE_MAX
                && let Some(oldest) = here.pop_first()
                && let Some(told) = self.reports.remove(&oldest)
            {
                self.forget_report(oldest, &told);
            }
        }
        self.reports.insert(n, report.received_at, kept, max);
        Heard {
            about: about.into_iter().collect(),
            number: Some(n),
            foreign: None,
        }
    }

    /// The flows that a report could be about, the newest of each spot first.
    fn flows_of<'a>(&'a self, told: &'a Told) -> impl Iterator<Item = &'a Seen> {
        told.spots.iter().flat_map(|spot| {
            let flows = self.flows_at.get(spot).into_iter().flatten();
            let newest = flows.rev().take(NEWEST_MAX);
            newest.filter_map(|(_, uid)| self.flows.get(uid))
        })
    }

    /// A report that names one flow and no other, exactly, tells the agent's clock.
    fn learn_clock(&mut self, told: &Told) {
        if told.report.activity != FlowActivity::Open {
            return;
        }
        let window = told.window;
        let width = window.to - window.from;
        let moment = match told.method {
            Method::Event => window.from + Span::from_nanos(width.as_nanos() / 2),
            // It was there by the end of the look.
            Method::Poll if width <= CLOCK_KNOWN => window.to,
            _ => return,
        };
        let alike = |seen: &&Seen| {
            let apart = (told.window.from - seen.flow.first_at).as_nanos();
            let key = seen.key_of(&told.report);
            key.is_some_and(|(key, side, _)| (key, side) == (Key::Tuple, Side::Originator))
                && apart.saturating_abs() <= CLOCK_UNKNOWN.as_nanos()
        };
        let alike: Vec<_> = self.flows_of(told).filter(alike).take(2).collect();
        let &[seen] = alike.as_slice() else {
            return;
        };
        let seen_at = seen.flow.first_at;
        if let Some(agent) = self.agents.get_mut(&told.agent) {
            agent.clock.handle_match(seen_at, moment);
        }
    }

    /// The process behind a flow, as far as it is known at `at`; a report may come until `lag`
    /// after the flow's beginning.
    pub fn attribution(&self, flow: &FlowId, at: Timestamp, lag: Span) -> Attribution {
        let seen = self.flows.get(&flow.uid).cloned();
        let seen = seen.unwrap_or_else(|| Seen::new(*flow, at));
        let mut told: BTreeSet<u64> = BTreeSet::new();
        for spot in seen.spots() {
            told.extend(self.reports_at.get(&spot).into_iter().flatten());
        }
        let told = told.iter().filter_map(|n| self.reports.get(n));
        let candidates: Vec<_> = told
            .filter_map(|told| self.candidate(&seen, told))
            .collect();
        weigh(&candidates).unwrap_or_else(|| {
            let ends = seen
                .faces()
                .flat_map(|face| [face.originator.addr, face.responder.addr]);
            let covered = ends
                .into_iter()
                .any(|addr| self.is_covered(addr, flow.first_at));
            Attribution::without(match covered {
                false => Status::Unobservable,
                true if at - flow.first_at < lag => Status::Pending,
                true => Status::None,
            })
        })
    }

    /// Agents, flows, reports and process numbers that had to leave for others.
    pub fn evicted(&self) -> u64 {
        let tables = [
            self.agents.evicted(),
            self.flows.evicted(),
            self.reports.evicted(),
            self.processes.evicted(),
        ];
        tables.into_iter().fold(0, u64::saturating_add)
    }

    /// The report as what could be about the flow.
    fn candidate<'a>(&'a self, seen: &Seen, told: &'a Told) -> Option<Candidate<'a>> {
        let (flow, report) = (&seen.flow, &told.report);
        let (key, side, face) = seen.key_of(report)?;
        let host = end_of(face, side).addr;
        let agent = self.agents.get(&told.agent)?;
        // Without an address of its own the report is about a host that the agent is known to have.
        if report.local.addr.is_none() && !agent.has(host, flow.first_at) {
            return None;
        }
        let clock_known = agent.clock.samples() >= CLOCK_SAMPLES_MIN;
        // A partial key is a match in time or none.
        if key != Key::Tuple && !clock_known && told.method == Method::Event {
            let apart = (told.window.from - flow.first_at)
                .as_nanos()
                .saturating_abs();
            (apart <= CLOCK_KNOWN.as_nanos()).then_some(())?;
        }
        let offset = agent.clock.offset(flow.first_at).unwrap_or_default();
        let back = Span::from_nanos(-offset.as_nanos());
        let slack = match clock_known {
            true => CLOCK_KNOWN,
            false => CLOCK_UNKNOWN,
        };
        let from = told.window.from + back;
        let to = told.window.to + back;
        let early = from + Span::from_nanos(-slack.as_nanos());
        let late = to + slack;
        let fits = match report.activity {
            FlowActivity::Open => early <= flow.first_at && flow.first_at <= late,
            FlowActivity::Seen | FlowActivity::Close => {
                early <= seen.last_at + LINGERS && flow.first_at <= late
            }
        };
        if !fits || key == Key::Tuple && self.is_nearer_elsewhere(seen, told, back) {
            return None;
        }
        Some(Candidate {
            agent: &told.agent,
            key,
            method: told.method,
            process: self
                .processes
                .complete(&told.agent, &report.process, told.window.to),
            delta: from - flow.first_at,
            foreign: agent.is_foreign(host, flow.first_at),
            clock_known,
        })
    }

    /// Whether a flow of the same ports, before or after, fits an open report better.
    fn is_nearer_elsewhere(&self, seen: &Seen, told: &Told, back: Span) -> bool {
        let moment = told.window.from + back;
        let apart = |flow: &FlowId| (moment - flow.first_at).as_nanos().saturating_abs();
        let own = apart(&seen.flow);
        told.report.activity == FlowActivity::Open
            && self.flows_of(told).any(|other| {
                other.flow.uid != seen.flow.uid
                    && seen.competes(other, &told.report)
                    && apart(&other.flow) < own
            })
    }
}

fn remove<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = index.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(key);
        }
    }
}
