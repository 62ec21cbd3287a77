//! From what gateways log to rows of what they know of flows, to alerts that are told again, and to
//! the flow that a host's agent knows behind a translated one.

use crate::baseline::Bounded;
use crate::detect::Alert;
use crate::detect::engine::Engine;
use crate::detect::identity;
use crate::detect::settings::Settings;
use crate::endpoint::passage::Passage;
use crate::endpoint::report::Report;
use crate::endpoint::{Gateways, Passed};
use crate::limits::Limits;
use crate::net::Uid;
use crate::observe::{Fact, FlowId, Observation};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Flows are remembered for lines that come so late, as for reports of agents.
const LATEST: Span = Span::from_secs(3600);

/// Which flows wait for what a gateway knows of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passing {
    /// Flows and passages, matched.
    pub gateways: Gateways,
    /// Flows that are over, and when their row is due.
    waiting: Bounded<Uid, FlowId>,
    /// Flows whose row was due, and what it said, if there was one.
    told: Bounded<Uid, (FlowId, Option<Box<str>>)>,
}

/// What a row or an alert says of the gateway, in short.
pub(super) fn said(passed: &Passed) -> Box<str> {
    let Passage {
        client,
        name,
        user,
        user_agent,
        action,
        ..
    } = &passed.passage;
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    let parts = [
        passed.status.name().to_owned(),
        passed.gateways.join(" "),
        format!("{client:?} {action:?} {}", passed.denied > 0),
        text(user),
        text(user_agent),
        text(name),
    ];
    identity::digest(parts)
}

impl Passing {
    /// Takes an observation of a flow; the flow as its client has it, where the flow is new and a
    /// gateway that translates it was faster.
    fn handle_observation(
        &mut self,
        limits: &Limits,
        lag: Span,
        observation: &Observation,
    ) -> Option<FlowId> {
        let (at, flow) = (observation.at, observation.flow.as_ref()?);
        let moment = at + Span::from_nanos(-LATEST.as_nanos());
        self.gateways.expire(moment);
        self.told.expire(moment);
        let is_new = self.gateways.handle_observation(limits, observation);
        if matches!(observation.fact, Fact::Flow(_)) {
            let due = at.max(flow.first_at + lag);
            self.waiting
                .insert(flow.uid, due, *flow, limits.attributed_flows_max);
        }
        is_new.then(|| self.gateways.inner(flow)).flatten()
    }

    /// When the next flow is to be told.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.waiting.first_moment()
    }

    /// The flow that is due first, with what gateways know of it; none where that was told, or they
    /// know nothing.
    pub fn pop(&mut self, limits: &Limits) -> Option<(FlowId, Passed)> {
        let (due, uid, flow) = self.waiting.pop_first()?;
        let passed = self.gateways.passed(&flow);
        let now = passed.as_ref().map(said);
        let before = self.told.remove(&uid).and_then(|(_, before)| before);
        let news = now.is_some() && now != before;
        let max = limits.attributed_flows_max;
        self.told.insert(uid, due, (flow, now), max);
        passed.filter(|_| news).map(|passed| (flow, passed))
    }
}

impl Engine {
    /// Lets what joins flows with lines of gateways take an observation.
    pub(in crate::detect) fn watch_passing(
        &mut self,
        limits: &Limits,
        lag: Span,
        observation: &Observation,
    ) {
        let inner = self.passing.handle_observation(limits, lag, observation);
        if let Some(inner) = inner {
            let join = &mut self.attributing.join;
            join.handle_translation(inner.uid, Some(inner));
        }
    }

    /// Takes a passage as of the moment it was received; puts the alerts that it changes into
    /// `alerts`.
    pub(super) fn handle_passage(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        (report, passage): (&Report, &Passage),
        alerts: &mut Vec<Alert>,
    ) {
        let at = report.received_at;
        let about = self
            .passing
            .gateways
            .handle_passage(limits, report, passage);
        for uid in about {
            let flow = self.passing.gateways.flow(uid);
            let inner = flow.and_then(|flow| self.passing.gateways.inner(&flow));
            if self.attributing.join.handle_translation(uid, inner) {
                self.attributing.tell_again(limits, uid, at);
            }
            if let Some((flow, _)) = self.passing.told.get(&uid) {
                let max = limits.attributed_flows_max;
                self.passing.waiting.insert(uid, at, *flow, max);
            }
            for key in self.kept.of_flow(uid) {
                alerts.extend(self.amend(settings, limits, key, at));
            }
        }
    }
}
