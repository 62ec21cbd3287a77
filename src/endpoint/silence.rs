//! From flows and reports to agents that fall silent while their host goes on.
//!
//! An agent is silent where it should have named [`EXPECTED_MIN`] of the flows that its host opened
//! since it spoke of one last, by what share it named so far; where that is [`AFTER`] ago; and
//! where these flows are twice as many as any that it left unnamed before and came back, for agents
//! deliver in batches, and poll. Who names few flows can be silent for long. Holds `agents_max`
//! agents.

use super::Status;
use crate::baseline::Bounded;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Nobody is silent for less: by design.
pub const AFTER: Span = Span::from_secs(600);
/// Flows that it should have named: that none of ten comes by chance is one in 20,000. By design.
const EXPECTED_MIN: u64 = 10;
/// Flows that an agent must have named before its silence tells anything. By design.
const NAMED_MIN: u64 = 20;
/// Flows after which the older ones count half.
const FLOWS_MAX: u64 = 1000;

/// An agent fell silent, or speaks again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Who.
    pub agent: Box<str>,
    /// The host that goes on; none where the agent speaks again.
    pub host: Option<IpAddr>,
    /// When it last spoke of a flow before.
    pub since: Timestamp,
    /// Flows that it has not named since.
    pub flows: u64,
    /// Whether it told of other things meanwhile.
    pub told_others: bool,
}

/// What an agent told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoke {
    /// A flow, of this moment by the sensor's clock.
    OfFlow(Timestamp),
    /// Something else.
    OfOther,
}

/// What is known of every agent's speaking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Silences {
    agents: Bounded<Box<str>, Heard>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Heard {
    /// When it spoke of a flow last.
    last_at: Timestamp,
    /// When it told of something else last.
    other_at: Timestamp,
    /// Flows of its host, and those that it named.
    flows: u64,
    named: u64,
    /// Flows since it spoke last, none of which it has named.
    unnamed: u64,
    /// The most of these before it spoke again.
    usual: u64,
    silent: bool,
}

impl Heard {
    fn count(&mut self, flows: u64, named: u64) {
        self.flows = self.flows.saturating_add(flows);
        self.named = self.named.saturating_add(named);
        while self.flows > FLOWS_MAX {
            self.flows /= 2;
            self.named /= 2;
        }
    }

    fn is_silent(&self, at: Timestamp, lag: Span) -> bool {
        let expected = self.unnamed.saturating_mul(self.named) / self.flows.max(1);
        self.named >= NAMED_MIN
            && at - (self.last_at + lag) >= AFTER
            && expected >= EXPECTED_MIN
            && self.unnamed > self.usual.saturating_mul(2)
    }

    fn silence(&self, agent: &str, host: Option<IpAddr>) -> Silence {
        Silence {
            agent: agent.into(),
            host,
            since: self.last_at,
            flows: self.unnamed,
            told_others: self.other_at > self.last_at,
        }
    }
}

impl Silences {
    /// A flow that the agent's host opened at `opened_at` is told at `at` as `status`, `lag` after
    /// it began at the earliest; the silence that begins with it.
    pub fn handle_flow(
        &mut self,
        (agent, host): (&str, IpAddr),
        status: Status,
        (opened_at, at, lag): (Timestamp, Timestamp, Span),
    ) -> Option<Silence> {
        let heard = self.agents.get_mut(&Box::from(agent))?;
        if status != Status::None {
            heard.count(1, 1);
            return None;
        }
        if opened_at <= heard.last_at {
            heard.count(1, 0);
            return None;
        }
        heard.unnamed = heard.unnamed.saturating_add(1);
        if heard.silent || !heard.is_silent(at, lag) {
            return None;
        }
        heard.silent = true;
        Some(heard.silence(agent, Some(host)))
    }

    /// The agent told of something at `at`; the silence that ends with it.
    pub fn handle_report(
        &mut self,
        agent: &str,
        spoke: Spoke,
        at: Timestamp,
        max: usize,
    ) -> Option<Silence> {
        let fresh = || Heard {
            last_at: at,
            other_at: Timestamp::MIN,
            flows: 0,
            named: 0,
            unnamed: 0,
            usual: 0,
            silent: false,
        };
        let heard = self.agents.touch(&agent.into(), at, max, fresh)?;
        let Spoke::OfFlow(happened_at) = spoke else {
            heard.other_at = heard.other_at.max(at);
            return None;
        };
        let ended = heard.silent.then(|| heard.silence(agent, None));
        // What was noticed as a silence does not become usual, unless the agent was only late.
        if !heard.silent || at - happened_at >= AFTER {
            heard.count(heard.unnamed, 0);
            heard.usual = (heard.usual - heard.usual / 4).max(heard.unnamed);
        }
        (heard.unnamed, heard.silent) = (0, false);
        heard.last_at = heard.last_at.max(at);
        ended
    }

    /// Agents that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.agents.evicted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Span = Span::from_secs(60);
    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 5));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn report(silences: &mut Silences, seconds: i64) -> Option<Silence> {
        let spoke = Spoke::OfFlow(at(seconds));
        silences.handle_report("laptop", spoke, at(seconds), 10)
    }

    fn flow(silences: &mut Silences, status: Status, seconds: i64) -> Option<Silence> {
        let moments = (at(seconds), at(seconds + 60), LAG);
        silences.handle_flow(("laptop", HOST), status, moments)
    }

    /// An agent that named `named` of a hundred flows, one every ten seconds.
    fn heard(named: i64) -> Silences {
        let mut silences = Silences::default();
        report(&mut silences, 0);
        for n in 0..100 {
            let status = match n % 100 < named {
                true => Status::Matched,
                false => Status::None,
            };
            // What is told a minute later is from before the agent spoke last.
            assert_eq!(flow(&mut silences, status, n * 10), None);
            assert_eq!(report(&mut silences, n * 10), None);
        }
        silences
    }

    #[test]
    fn an_agent_that_names_nothing_more_is_silent_once_until_it_speaks_again() {
        let mut silences = heard(100);
        let begun: Vec<(i64, Silence)> = (100..400)
            .filter_map(|n| Some((n, flow(&mut silences, Status::None, n * 10)?)))
            .collect();
        let [(n, silence)] = begun.as_slice() else {
            panic!("{begun:?}")
        };
        // Told at 1650 s, 660 s after it spoke last.
        assert_eq!((*n, silence.since, silence.flows), (159, at(990), 60));
        assert_eq!((silence.host, silence.told_others), (Some(HOST), false));
        let ended = report(&mut silences, 5000).unwrap();
        assert_eq!((ended.since, ended.flows, ended.host), (at(990), 300, None));
        assert_eq!(report(&mut silences, 5001), None);
    }

    #[test]
    fn quiet_hosts_and_agents_that_name_little_are_not_silent() {
        // Nine flows in an hour are too few to tell.
        let mut silences = heard(100);
        for n in 0..9 {
            assert_eq!(flow(&mut silences, Status::None, 1000 + n * 400), None);
        }
        // Of a flow every twenty seconds who names one in four should have named ten of forty.
        for (named, flows) in [(100, 30), (25, 40)] {
            let mut silences = heard(named);
            let mut each = (1..400).filter_map(|n| {
                let status = Status::None;
                flow(&mut silences, status, 990 + n * 20)
            });
            assert_eq!(each.next().unwrap().flows, flows, "{named}");
        }
        // Who named ten flows in all tells nothing by its silence.
        let mut silences = heard(10);
        assert!((100..900).all(|n| flow(&mut silences, Status::None, n * 10).is_none()));
    }

    #[test]
    fn batches_are_a_silence_the_first_time_and_usual_then() {
        let mut silences = heard(100);
        let mut began = Vec::new();
        // Half an hour of flows, then all of their reports at once, five times.
        for n in 0..900 {
            let seconds = 1000 + n * 10;
            if flow(&mut silences, Status::None, seconds).is_some() {
                began.push(n / 180);
            }
            if n % 180 == 179 {
                let spoke = Spoke::OfFlow(at(seconds - 1790));
                silences.handle_report("laptop", spoke, at(seconds + 1), 10);
            }
        }
        assert_eq!(began, [0]);
    }

    #[test]
    fn an_agent_that_goes_on_with_other_things_is_said_to() {
        let mut silences = heard(100);
        silences.handle_report("laptop", Spoke::OfOther, at(1200), 10);
        let told = (100..400).find_map(|n| flow(&mut silences, Status::None, n * 10));
        assert!(told.unwrap().told_others);
    }
}
