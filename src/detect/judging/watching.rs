//! From what agents say of flows to what is told of the agents themselves: contradictions, silence,
//! clocks that are off, and what they cover.
//!
//! None of it needs an alert, and none of it raises or lowers one.

use crate::detect::client::{ClientClass, Kind};
use crate::detect::engine::Engine;
use crate::detect::note::{Contradiction, Note};
use crate::detect::once::{Once, Subject};
use crate::detect::settings::Settings;
use crate::detect::{behind, programs};
use crate::endpoint::coverage::{Account, Coverage, Covered};
use crate::endpoint::report::{Deed, Report};
use crate::endpoint::silence::{Silences, Spoke};
use crate::endpoint::{Attribution, Heard, Status};
use crate::limits::Limits;
use crate::net::Uid;
use crate::observe::FlowId;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A clock that is off by more is told of.
const CLOCK_OFF: Span = Span::from_secs(2);

/// What is remembered of agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watching {
    coverage: Coverage,
    silences: Silences,
    once: Once,
}

/// What an agent covered of its host in an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct CoveredHour {
    /// The hour's beginning.
    pub begun: Timestamp,
    /// The agent and its host.
    pub covered: Covered,
    /// How much.
    pub account: Account,
    /// How far the agent's clock is ahead, where that is known.
    pub offset: Option<Span>,
}

impl Watching {
    /// When something is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.coverage.deadline()
    }

    /// What had to leave for others.
    pub fn evicted(&self) -> u64 {
        let tables = [
            self.coverage.evicted(),
            self.silences.evicted(),
            self.once.evicted(),
        ];
        tables.into_iter().fold(0, u64::saturating_add)
    }
}

/// A flow whose row is due, with the process behind it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The flow.
    pub flow: &'a FlowId,
    /// What its client's greeting is.
    pub class: ClientClass,
    /// Who has it.
    pub attribution: &'a Attribution,
    /// Whether a row was told before.
    pub again: bool,
}

impl Engine {
    /// When something about agents is due.
    pub fn watching_deadline(&self) -> Option<Timestamp> {
        self.watching.deadline()
    }

    /// Lets what is due at `at` act; what agents covered in an hour that is over by then.
    pub fn pop_covered(&mut self, limits: &Limits, at: Timestamp) -> Vec<CoveredHour> {
        let join = &self.attributing.join;
        let coverage = &mut self.watching.coverage;
        coverage.ask(limits, at, |number| join.is_met(number));
        let Some((begun, accounts)) = coverage.close(at) else {
            return Vec::new();
        };
        let rows = accounts.into_iter().map(|(covered, account)| CoveredHour {
            begun,
            offset: join.clock(&covered.1, at),
            covered,
            account,
        });
        rows.collect()
    }

    /// A report came, and this came of it.
    pub(super) fn watch_report(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        report: &Report,
        heard: &Heard,
    ) {
        let (agent, at) = (&report.agent, report.received_at);
        let join = &self.attributing.join;
        let spoke = match &report.deed {
            Deed::Flow(_) => {
                let back = Span::from_nanos(-join.offset(agent, at).as_nanos());
                Spoke::OfFlow(report.window.to + back)
            }
            _ => Spoke::OfOther,
        };
        let silences = &mut self.watching.silences;
        let ended = silences.handle_report(agent, spoke, at, limits.agents_max);
        self.notes.extend(ended.map(Note::Silence));
        let Deed::Flow(told) = &report.deed else {
            return;
        };
        let lag = settings.attribution_lag().unwrap_or_default();
        let covered = (join.host_of(agent, told, at), agent.clone());
        let number = heard.number.filter(|_| heard.foreign.is_none());
        let coverage = &mut self.watching.coverage;
        coverage.handle_report(limits, &covered, number, (at, at + lag));
        if let Some(addr) = heard.foreign {
            let (agent, subject) = (agent.clone(), Subject::Foreign(agent.clone()));
            self.contradict(subject, Contradiction::Foreign { agent, addr }, limits, at);
        }
        for uid in &heard.about {
            self.watch_open(settings, limits, *uid, at);
        }
    }

    /// A report of an open flow came, or its client's greeting: who has it may be said to greet
    /// like another.
    pub(in crate::detect) fn watch_open(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        uid: Uid,
        at: Timestamp,
    ) {
        let Some(lag) = settings.attribution_lag() else {
            return;
        };
        let class = self.open.get(&uid).map(|called| called.class);
        let told_apart =
            |class: &ClientClass| matches!(class.kind(), Kind::Browser | Kind::ToolOrLibrary);
        let flow = self.attributing.join.flow(uid).copied();
        let Some((class, flow)) = class.filter(told_apart).zip(flow) else {
            return;
        };
        let attribution = self.attributing.join.attribution(&flow, at, lag);
        self.watch_client(&flow, class, &attribution, limits, at);
    }

    /// A flow's row is due at `at`.
    pub(super) fn watch_flow(&mut self, told: Told<'_>, limits: &Limits, lag: Span, at: Timestamp) {
        let Told {
            flow, attribution, ..
        } = told;
        self.watch_client(flow, told.class, attribution, limits, at);
        if attribution.status == Status::Conflict
            && attribution.candidates > 0
            && let Some(agent) = &attribution.agent
        {
            let subject = Subject::Agents(flow.originator.addr, agent.clone());
            let (flow, agent) = (*flow, agent.clone());
            self.contradict(subject, Contradiction::Agents { flow, agent }, limits, at);
        }
        let Some((agent, host)) = self.attributing.join.speaker(flow, attribution) else {
            return;
        };
        let covered = (Some(host), agent);
        let Watching {
            coverage, silences, ..
        } = &mut self.watching;
        if told.again {
            return coverage.handle_late(limits, &covered, at);
        }
        coverage.handle_flow(limits, &covered, attribution.status, at);
        let (_, agent) = covered;
        if host == flow.originator.addr {
            let moments = (flow.first_at, at, lag);
            let begun = silences.handle_flow((&agent, host), attribution.status, moments);
            self.notes.extend(begun.map(Note::Silence));
        }
        let offset = self.attributing.join.clock(&agent, at);
        if let Some(offset) =
            offset.filter(|o| o.as_nanos().saturating_abs() > CLOCK_OFF.as_nanos())
        {
            let (subject, max) = (Subject::Clock(agent.clone()), limits.alerts_max);
            if self.watching.once.is_due(subject, at, max) {
                self.notes.push(Note::Clock {
                    agent,
                    host,
                    offset,
                });
            }
        }
    }

    fn watch_client(
        &mut self,
        flow: &FlowId,
        class: ClientClass,
        attribution: &Attribution,
        limits: &Limits,
        at: Timestamp,
    ) {
        let named = behind::named(attribution);
        let Some(program) = named.and_then(|named| programs::other_client(named, class)) else {
            return;
        };
        let program = program.into_boxed_str();
        let subject = Subject::Program(flow.originator.addr, program.clone());
        let contradiction = Contradiction::Client {
            flow: *flow,
            agent: attribution.agent.clone().unwrap_or_default(),
            program,
            greets_like: class.kind(),
        };
        self.contradict(subject, contradiction, limits, at);
    }

    fn contradict(
        &mut self,
        subject: Subject,
        contradiction: Contradiction,
        limits: &Limits,
        at: Timestamp,
    ) {
        if self.watching.once.is_due(subject, at, limits.alerts_max) {
            self.notes.push(Note::Contradiction(contradiction));
        }
    }
}
