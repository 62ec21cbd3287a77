//! From reports of endpoint agents to alerts that are told again, and to the process behind each
//! flow.

use super::passing;
use crate::baseline::Bounded;
use crate::detect::Alert;
use crate::detect::alert::Occasion;
use crate::detect::attack::Analytic;
use crate::detect::behind;
use crate::detect::budget;
use crate::detect::client::ClientClass;
use crate::detect::engine::{Engine, Now};
use crate::detect::evidence::{Item, Tier};
use crate::detect::finding::{Finding, Scene};
use crate::detect::judging::watching::Told;
use crate::detect::kept::KeptAlert;
use crate::detect::registry::{AlertKey, Identity, Registry};
use crate::detect::settings::Settings;
use crate::detect::taught::{Features, Taught};
use crate::detect::via;
use crate::detect::{allow, identity, packed};
use crate::endpoint::files::Files;
use crate::endpoint::report::{Deed, Report};
use crate::endpoint::{Attribution, Join, Passed, Status};
use crate::limits::Limits;
use crate::net::Uid;
use crate::observe::{Fact, FlowId, Observation};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Flows are remembered for reports that come so late: what is pulled from a vendor's cloud is late
/// by minutes to an hour.
const LATEST: Span = Span::from_secs(3600);

/// Which flows and alerts wait for a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributing {
    /// Flows and reports, matched.
    pub join: Join,
    /// What was done to files of hosts.
    pub files: Files,
    /// Flows that are over, and when their row is due.
    waiting: Bounded<Uid, Ended>,
    /// Flows whose row was told, and what it said.
    told: Bounded<Uid, (Ended, Box<str>)>,
    /// What flows that are over showed of their programs.
    pub(super) shown: Bounded<Uid, Features>,
    /// What agents taught.
    pub(super) taught: Taught,
}

/// A flow that is over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub flow: FlowId,
    pub class: ClientClass,
}

/// What a row or an alert says of the process, in short.
fn said(attribution: &Attribution) -> Box<str> {
    let process = attribution.process.as_ref();
    let parts = [
        attribution.status.name().to_owned(),
        process
            .and_then(|p| p.pid)
            .map_or_else(String::new, |pid| pid.to_string()),
        process
            .and_then(|p| p.path.as_deref().or(p.name.as_deref()))
            .unwrap_or_default()
            .to_owned(),
        process.is_some_and(|p| p.parent.is_some()).to_string(),
    ];
    identity::digest(parts)
}

/// What an alert says of the process and of gateways, in short.
fn said_of_both(attribution: &Attribution, passed: Option<&Passed>) -> Box<str> {
    let process = said(attribution);
    match passed {
        Some(passed) => identity::digest([&*process, &*passing::said(passed)]),
        None => process,
    }
}

impl Attributing {
    /// Takes an observation of a flow; `class` tells what its client is.
    pub fn handle_observation(
        &mut self,
        limits: &Limits,
        lag: Span,
        observation: &Observation,
        class: impl FnOnce(&Uid) -> ClientClass,
    ) {
        let (at, Some(flow)) = (observation.at, &observation.flow) else {
            return;
        };
        self.join.expire(at + Span::from_nanos(-LATEST.as_nanos()));
        self.told.expire(at + Span::from_nanos(-LATEST.as_nanos()));
        self.shown.expire(at + Span::from_nanos(-LATEST.as_nanos()));
        self.taught.advance(at, limits.taught_max);
        self.join.handle_flow(limits, flow, at);
        if matches!(observation.fact, Fact::Flow(_)) {
            let due = at.max(flow.first_at + lag);
            let (flow, class) = (*flow, class(&flow.uid));
            let max = limits.attributed_flows_max;
            self.waiting
                .insert(flow.uid, due, Ended { flow, class }, max);
        }
    }

    /// What had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.join
            .evicted()
            .saturating_add(self.files.evicted())
            .saturating_add(self.taught.evicted())
    }

    /// When the next flow is to be told.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.waiting.first_moment()
    }

    /// The flow that is due first, when it is, the process behind it, and whether its row was told
    /// before; none where that said the same, or no agent speaks for its host and its program
    /// cannot be inferred.
    fn pop(&mut self, limits: &Limits, lag: Span) -> Option<(Timestamp, Ended, Attribution, bool)> {
        let (due, uid, ended) = self.waiting.pop_first()?;
        let attribution = self.join.attribution(&ended.flow, due, lag);
        let attribution = self.teach_or_infer(limits, (due, ended), attribution);
        let now = said(&attribution);
        let before = self.told.remove(&uid);
        let again = before.is_some();
        let news = before.is_none_or(|(_, before)| before != now);
        let max = limits.attributed_flows_max;
        self.told.insert(uid, due, (ended, now), max);
        let observable = attribution.status != Status::Unobservable;
        (news && observable).then_some((due, ended, attribution, again))
    }

    /// What the files of an upload's host tell, of what was done to them until `until`.
    fn files_before(
        &self,
        scene: &Scene<'_>,
        finding: &Finding,
        attribution: &Attribution,
        until: Timestamp,
    ) -> Vec<Item> {
        let Some(upload) = &finding.upload else {
            return Vec::new();
        };
        let host = scene.flow.originator.addr;
        let by_address = || self.join.agent_of(host, upload.began_at);
        let Some(agent) = attribution.agent.as_deref().or_else(by_address) else {
            return Vec::new();
        };
        let offset = self.join.offset(agent, upload.began_at);
        let (from, to) = packed::window(upload, until, offset);
        let near = self.files.near(agent, from, to);
        packed::items(upload, &near, behind::named(attribution), offset)
    }

    /// A report came that could be about a flow whose row was told.
    pub(super) fn tell_again(&mut self, limits: &Limits, uid: Uid, at: Timestamp) {
        if let Some((ended, _)) = self.told.get(&uid) {
            self.waiting
                .insert(uid, at, *ended, limits.attributed_flows_max);
        }
    }
}

/// What an alert is made of besides its finding.
struct Behind {
    attribution: Attribution,
    passed: Option<Passed>,
    files: Vec<Item>,
}

impl Engine {
    /// The flow whose row is due first, with the process behind it; none where that was told, or no
    /// agent speaks for its host.
    pub fn pop_attributed(
        &mut self,
        settings: &Settings,
        limits: &Limits,
    ) -> Option<(FlowId, Attribution)> {
        let lag = settings.attribution_lag().unwrap_or_default();
        let (at, Ended { flow, class }, attribution, again) = self.attributing.pop(limits, lag)?;
        let told = Told {
            flow: &flow,
            class,
            attribution: &attribution,
            again,
        };
        self.watch_flow(told, limits, lag, at);
        Some((flow, attribution))
    }

    /// Takes a report as of the moment it was received; puts the alerts that it changes into
    /// `alerts`.
    pub fn handle_report(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        report: &Report,
        alerts: &mut Vec<Alert>,
    ) {
        let at = report.received_at;
        if let Deed::Passage(passage) = &report.deed {
            return self.handle_passage(settings, limits, (report, passage), alerts);
        }
        if let Deed::File(file) = &report.deed {
            let is_sensitive = |path: &str| settings.rules().an1415.is_sensitive(path);
            let max = limits.agents_max;
            let files = &mut self.attributing.files;
            if files.handle_report(report, file, is_sensitive, max) {
                let addrs = self.attributing.join.addrs_of(&report.agent, at);
                let of_host = |addr| self.kept.of_host(Analytic::An1415, addr);
                for key in addrs.into_iter().flat_map(of_host).collect::<Vec<_>>() {
                    alerts.extend(self.amend(settings, limits, key, at));
                }
            }
        }
        let heard = self.attributing.join.handle_report(limits, report);
        for uid in &heard.about {
            self.attributing.tell_again(limits, *uid, at);
            for key in self.kept.of_flow(*uid) {
                alerts.extend(self.amend(settings, limits, key, at));
            }
        }
        self.watch_report(settings, limits, report, &heard);
    }

    /// The alert anew, where another process is behind its flow than it said, a gateway says
    /// otherwise, or its host's files tell what they did not: each kind of evidence once, so that
    /// nobody has it told at will.
    pub(super) fn amend(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        key: AlertKey,
        at: Timestamp,
    ) -> Option<Alert> {
        let kept = self.kept.get(&key)?.clone();
        let role = settings.role_of(kept.flow.originator.addr)?;
        let scene = Scene {
            settings,
            at,
            role,
            flow: &kept.flow,
            called: &kept.called,
        };
        settings.attribution_lag()?;
        let of = (&kept.flow, &kept.called);
        let attribution = self.attributing.attribution(settings, of, at);
        let passed = self.passing.gateways.passed(&kept.flow);
        let now = said_of_both(&attribution, passed.as_ref());
        let finding = kept.finding()?;
        let attributing = &self.attributing;
        let files = attributing.files_before(&scene, &finding, &attribution, kept.raised_at);
        let mut next = kept.clone();
        let fresh = next.told_files(&files);
        if kept.said == now && !fresh {
            return None;
        }
        let behind = Behind {
            attribution,
            passed,
            files,
        };
        let alert = self.tell(&scene, finding, behind, |alerts, tier, suppressed| {
            alerts.amend(&key, tier, suppressed)
        })?;
        next.said = now;
        self.kept.keep(key, at, next, limits.alerts_max);
        Some(alert)
    }

    /// Gives a finding the process behind it and its identity, where it is due, and lets the
    /// operator's entries look at it.
    pub(super) fn raise(
        &mut self,
        now: Now<'_>,
        scene: &Scene<'_>,
        key: AlertKey,
        finding: Finding,
    ) -> Option<Alert> {
        let max = now.limits.alerts_max;
        let lag = now.settings.attribution_lag();
        let of = (now.flow, scene.called);
        let attribution = self.attributing.attribution(now.settings, of, now.at);
        let attributing = &self.attributing;
        let files = attributing.files_before(scene, &finding, &attribution, now.at);
        let passed = lag.and_then(|_| self.passing.gateways.passed(now.flow));
        let kept = lag.map(|_| {
            let said = said_of_both(&attribution, passed.as_ref());
            let called = scene.called.clone();
            let mut kept = KeptAlert::new(*now.flow, (called, now.at), &finding, said);
            kept.told_files(&files);
            kept
        });
        let behind = Behind {
            attribution,
            passed,
            files,
        };
        let alert = self.tell(scene, finding, behind, |alerts, tier, suppressed| {
            alerts.raise(key.clone(), now.at, tier, suppressed, max)
        })?;
        if let Some(kept) = kept {
            self.kept
                .expire(now.at + Span::from_nanos(-LATEST.as_nanos()));
            self.kept.keep(key, now.at, kept, max);
        }
        if alert
            .suppressed_by
            .as_deref()
            .is_none_or(|by| by == budget::ID)
        {
            self.budget.count(alert.tier, alert.bits);
        }
        Some(alert)
    }

    /// The alert of a finding with the process behind it and what gateways know, where `identify`
    /// says that it is due.
    fn tell(
        &mut self,
        scene: &Scene<'_>,
        mut finding: Finding,
        Behind {
            attribution,
            passed,
            files,
        }: Behind,
        identify: impl FnOnce(&mut Registry, Tier, bool) -> Option<Identity>,
    ) -> Option<Alert> {
        behind::add(scene, &mut finding, &attribution, files);
        via::add(scene, &mut finding, passed.as_ref());
        let mut checked = allow::check(scene, &finding);
        let bits = finding.evidence.total();
        self.budget.check(finding.tier, bits, &mut checked);
        let suppressed = checked.suppressed_by.is_some();
        let occasion = Occasion {
            identity: identify(&mut self.alerts, finding.tier, suppressed)?,
            baseline_hash: self.site.baseline_hash(),
            checked,
            attribution,
            passed,
        };
        Some(Alert::new(scene, finding, occasion))
    }
}
