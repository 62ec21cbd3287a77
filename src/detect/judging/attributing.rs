//! From reports of endpoint agents to alerts that are told again, and to the process behind each
//! flow.

use crate::baseline::Bounded;
use crate::detect::Alert;
use crate::detect::alert::Occasion;
use crate::detect::behind;
use crate::detect::called::Called;
use crate::detect::client::ClientClass;
use crate::detect::engine::{Engine, Now};
use crate::detect::evidence::{Item, Tier};
use crate::detect::finding::{Finding, Scene};
use crate::detect::kept::KeptAlert;
use crate::detect::registry::{AlertKey, Identity, Registry};
use crate::detect::settings::Settings;
use crate::detect::taught::{self, Features, Lesson, Taught};
use crate::detect::{allow, identity, packed};
use crate::endpoint::attribution::Key;
use crate::endpoint::files::Files;
use crate::endpoint::report::{Deed, Report};
use crate::endpoint::{Attribution, Join, Status};
use crate::limits::Limits;
use crate::net::Uid;
use crate::observe::{Fact, FlowId, Observation};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Flows are remembered for reports that come so late: what is pulled from a vendor's cloud is late
/// by minutes to an hour.
const LATEST: Span = Span::from_secs(3600);

/// An attribution as sure as this teaches what the program's flows look like.
const TEACHES_MIN: f64 = 0.85;

/// Which flows and alerts wait for a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributing {
    /// Flows and reports, matched.
    pub join: Join,
    /// What was done to files of hosts.
    pub files: Files,
    /// Flows that are over, and when their row is due.
    waiting: Bounded<Uid, FlowId>,
    /// Flows whose row was told, and what it said.
    told: Bounded<Uid, (FlowId, Box<str>)>,
    /// What flows that are over showed of their programs, and what kind of program that is.
    shown: Bounded<Uid, (Features, ClientClass)>,
    /// What agents taught.
    taught: Taught,
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

impl Attributing {
    /// Takes an observation of a flow.
    pub fn handle_observation(&mut self, limits: &Limits, lag: Span, observation: &Observation) {
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
            self.waiting
                .insert(flow.uid, due, *flow, limits.attributed_flows_max);
        }
    }

    /// What had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.join
            .evicted()
            .saturating_add(self.files.evicted())
            .saturating_add(self.taught.evicted())
    }

    /// What a flow that is over showed of its program, until that is told or an hour has passed.
    pub fn features(&self, uid: &Uid) -> Option<&Features> {
        self.shown.get(uid).map(|(features, _)| features)
    }

    /// When the next flow is to be told.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.waiting.first_moment()
    }

    /// The flow that is due first, with the process behind it; none where that was told, or no
    /// agent speaks for its host and its program cannot be inferred.
    pub fn pop(&mut self, limits: &Limits, lag: Span) -> Option<(FlowId, Attribution)> {
        let (due, uid, flow) = self.waiting.pop_first()?;
        let mut attribution = self.join.attribution(&flow, due, lag);
        if let Some((features, class)) = self.shown.get(&uid).cloned() {
            let (host, max) = (flow.originator.addr, limits.taught_max);
            if attribution.status == Status::Unobservable {
                let named = self.taught.handle_stranger(host, &features, due, max);
                attribution = named.as_ref().map_or(attribution, taught::attribution);
            } else if let Some(agent) = self.teacher(&flow, &attribution, class) {
                let process = attribution.process.as_ref();
                if let Some(program) = process.and_then(taught::program) {
                    let lesson = Lesson { program, features };
                    self.taught.learn(&agent, lesson, due, max);
                }
                // A flow teaches once.
                self.shown.remove(&uid);
            }
        }
        let now = said(&attribution);
        let before = self.told.remove(&uid);
        let news = before.is_none_or(|(_, before)| before != now);
        let max = limits.attributed_flows_max;
        self.told.insert(uid, due, (flow, now), max);
        (news && attribution.status != Status::Unobservable).then_some((flow, attribution))
    }

    /// The agent whose word on the flow is sure enough to teach: it names a program exactly, speaks
    /// for the host that opened the flow, and the flow's hello does not contradict it.
    fn teacher(
        &self,
        flow: &FlowId,
        attribution: &Attribution,
        class: ClientClass,
    ) -> Option<Box<str>> {
        let process = behind::named(attribution)?;
        let agent = attribution.agent.as_deref()?;
        let own = self.join.agent_of(flow.originator.addr, flow.first_at) == Some(agent);
        let sure = attribution.key == Some(Key::Tuple) && attribution.confidence >= TEACHES_MIN;
        let teaches = own && sure && !behind::contradicts(process, class);
        teaches.then(|| agent.into())
    }

    /// The process behind a flow that may not be over, with what it calls and has shown so far.
    fn attribution(
        &mut self,
        settings: &Settings,
        (flow, called): (&FlowId, &Called),
        at: Timestamp,
    ) -> Attribution {
        let Some(lag) = settings.attribution_lag() else {
            return Attribution::without(Status::Unobservable);
        };
        let attribution = self.join.attribution(flow, at, lag);
        if attribution.status != Status::Unobservable || !settings.infers() {
            return attribution;
        }
        let features = Features::of(settings, flow, called);
        let named = features.and_then(|features| self.taught.infer(&features));
        named.as_ref().map_or(attribution, taught::attribution)
    }

    /// What the files of an upload's host tell.
    fn files_before(
        &self,
        scene: &Scene<'_>,
        finding: &Finding,
        attribution: &Attribution,
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
        let (from, to) = packed::window(upload, scene.at, offset);
        let near = self.files.near(agent, from, to);
        packed::items(upload, &near, behind::named(attribution), offset)
    }

    /// A report came that could be about a flow whose row was told.
    fn tell_again(&mut self, limits: &Limits, uid: Uid, at: Timestamp) {
        if let Some((flow, _)) = self.told.get(&uid) {
            self.waiting
                .insert(uid, at, *flow, limits.attributed_flows_max);
        }
    }
}

impl Engine {
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
        if let Deed::File(file) = &report.deed {
            let is_sensitive = |path: &str| settings.rules().an1415.is_sensitive(path);
            let max = limits.agents_max;
            self.attributing
                .files
                .handle_report(report, file, is_sensitive, max);
        }
        for uid in self.attributing.join.handle_report(limits, report) {
            self.attributing.tell_again(limits, uid, at);
            for key in self.kept.of_flow(uid) {
                alerts.extend(self.amend(settings, limits, key, at));
            }
        }
    }

    /// The alert anew, where another process is behind its flow than it said.
    fn amend(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        key: AlertKey,
        at: Timestamp,
    ) -> Option<Alert> {
        let mut kept = self.kept.get(&key)?.clone();
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
        let now = said(&attribution);
        if kept.said == now {
            return None;
        }
        let finding = kept.finding()?;
        let alert = self.tell(&scene, finding, attribution, |alerts, tier, suppressed| {
            alerts.amend(&key, tier, suppressed)
        })?;
        kept.said = now;
        self.kept.keep(key, at, kept, limits.alerts_max);
        Some(alert)
    }

    /// A flow is over: what it showed of its program is kept until that is told.
    pub(super) fn keep_features(&mut self, now: Now<'_>, called: &Called) {
        if !now.settings.infers() {
            return;
        }
        if let Some(features) = Features::of(now.settings, now.flow, called) {
            let shown = (features, called.class);
            let max = now.limits.attributed_flows_max;
            let shown_at = &mut self.attributing.shown;
            shown_at.insert(now.flow.uid, now.at, shown, max);
        }
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
        let kept = lag.map(|_| {
            let called = scene.called.clone();
            KeptAlert::new(*now.flow, called, &finding, said(&attribution))
        });
        let alert = self.tell(scene, finding, attribution, |alerts, tier, suppressed| {
            alerts.raise(key.clone(), now.at, tier, suppressed, max)
        })?;
        if let Some(kept) = kept {
            self.kept
                .expire(now.at + Span::from_nanos(-LATEST.as_nanos()));
            self.kept.keep(key, now.at, kept, max);
        }
        Some(alert)
    }

    /// The alert of a finding with the process behind it, where `identify` says that it is due.
    fn tell(
        &mut self,
        scene: &Scene<'_>,
        mut finding: Finding,
        attribution: Attribution,
        identify: impl FnOnce(&mut Registry, Tier, bool) -> Option<Identity>,
    ) -> Option<Alert> {
        let files = self.attributing.files_before(scene, &finding, &attribution);
        behind::add(scene, &mut finding, &attribution, files);
        let checked = allow::check(scene, &finding);
        let suppressed = checked.suppressed_by.is_some();
        let occasion = Occasion {
            identity: identify(&mut self.alerts, finding.tier, suppressed)?,
            baseline_hash: self.site.baseline_hash(),
            checked,
            attribution,
        };
        Some(Alert::new(scene, finding, occasion))
    }
}
