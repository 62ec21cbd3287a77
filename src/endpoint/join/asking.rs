//! From what flows and reports have in common to answers about agents: whom they speak for, whether
//! their reports met a flow, how far their clocks are off.

use super::{CLOCK_SAMPLES_MIN, Join};
use crate::endpoint::Attribution;
use crate::endpoint::report::FlowReport;
use crate::endpoint::tenancy::Agent;
use crate::net::Uid;
use crate::observe::FlowId;
use crate::time::{Span, Timestamp};
use std::net::IpAddr;

/// What came of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The flows that it could be about.
    pub about: Vec<Uid>,
    /// Its number, where it is kept; reports of flows that name too little are not.
    pub number: Option<u64>,
    /// The address that it speaks for, where that is not its host's.
    pub foreign: Option<IpAddr>,
}

impl Join {
    /// The flow, where it was seen.
    pub fn flow(&self, uid: Uid) -> Option<&FlowId> {
        self.flows.get(&uid).map(|seen| &seen.flow)
    }

    /// Whether report `n` could be about a flow that was seen; none where the report has left.
    pub fn is_met(&self, n: u64) -> Option<bool> {
        let told = self.reports.get(&n)?;
        let met = |seen| self.candidate(seen, told).is_some();
        Some(self.flows_of(told).any(met))
    }

    /// How far the agent's clock is ahead of the sensor's at `at`, once enough matches say so.
    pub fn clock(&self, agent: &str, at: Timestamp) -> Option<Span> {
        let clock = &self.agents.get(&Box::from(agent))?.clock;
        clock
            .offset(at)
            .filter(|_| clock.samples() >= CLOCK_SAMPLES_MIN)
    }

    /// The addresses that the agent's host has at `at`.
    pub fn addrs_of(&self, agent: &str, at: Timestamp) -> Vec<IpAddr> {
        let agent = self.agents.get(&Box::from(agent));
        let held = |agent: &Agent| {
            let addrs = agent.addrs().filter(|addr| agent.has(*addr, at));
            addrs.collect()
        };
        agent.map(held).unwrap_or_default()
    }

    /// The host's address that a report is about: its own where the agent may speak of it.
    pub fn host_of(&self, agent: &str, told: &FlowReport, at: Timestamp) -> Option<IpAddr> {
        let known = self.agents.get(&Box::from(agent))?;
        let own = told.local.addr.filter(|addr| known.has(*addr, at));
        own.or_else(|| self.addrs_of(agent, at).first().copied())
    }

    /// Who speaks for a flow, and of which of its ends; none where nobody does.
    pub fn speaker(&self, flow: &FlowId, attribution: &Attribution) -> Option<(Box<str>, IpAddr)> {
        let at = flow.first_at;
        let ends = [flow.originator.addr, flow.responder.addr];
        let named = attribution.agent.as_ref().and_then(|name| {
            let agent = self.agents.get(name)?;
            let end = ends.into_iter().find(|addr| agent.has(*addr, at))?;
            Some((name.clone(), end))
        });
        named.or_else(|| {
            let mut ends = ends.into_iter();
            ends.find_map(|addr| Some((self.agent_of(addr, at)?.into(), addr)))
        })
    }

    /// Whether an agent speaks for `addr` at `at`.
    pub fn is_covered(&self, addr: IpAddr, at: Timestamp) -> bool {
        let agents = self.claimed.get(&addr).into_iter().flatten();
        let mut agents = agents.filter_map(|name| self.agents.get(name));
        agents.any(|agent| agent.has(addr, at))
    }

    /// The agent that speaks for `addr` at `at`; the first by name where several do.
    pub fn agent_of(&self, addr: IpAddr, at: Timestamp) -> Option<&str> {
        let mut names = self.claimed.get(&addr)?.iter();
        let name = names.find(|name| self.agents.get(name).is_some_and(|a| a.has(addr, at)))?;
        Some(name)
    }

    /// How far the agent's clock is ahead of the sensor's; nothing where that is not known.
    pub fn offset(&self, agent: &str, at: Timestamp) -> Span {
        let agent = self.agents.get(&Box::from(agent));
        agent
            .and_then(|agent| agent.clock.offset(at))
            .unwrap_or_default()
    }
}
