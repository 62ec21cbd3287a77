//! From what is remembered to cases, their verdicts, and the alerts that are due.
//!
//! What was alerted on teaches the baseline nothing.

use crate::detect::Alert;
use crate::detect::an1190::{self, Case};
use crate::detect::attack::Analytic;
use crate::detect::called::Called;
use crate::detect::catalogue::Match;
use crate::detect::engine::{Engine, Now};
use crate::detect::finding::Scene;
use crate::detect::hours::Hours;
use crate::detect::presence::Presence;
use crate::detect::registry::AlertKey;
use crate::detect::schedules::Call;
use crate::detect::site::Use;
use crate::detect::usage::{Usage, UsedFlow};
use crate::detect::{an0146, an1601};

use crate::baseline::Subject;
use crate::net::{Side, Transport};
use crate::observe::FlowSummary;
use crate::observe::profile::FlowProfile;
use crate::time::{Span, Timestamp};

mod attributing;
mod passing;
mod teaching;
mod unscheduled;
mod uploads;
mod watching;

pub use attributing::Attributing;
pub use passing::Passing;
pub use uploads::Uploads;
pub use watching::{CoveredHour, Watching};

/// Datagrams to this port are QUIC, as far as can be told.
const HTTPS: u16 = 443;
/// A session of this length is a long one for those who compare with it.
const LONG: Span = Span::from_secs(600);

impl Called {
    pub(super) fn used(&self) -> Use<'_> {
        Use {
            object: &self.object,
            ja4: self.ja4.as_deref(),
        }
    }

    /// The catalogue's service that is called over HTTPS.
    fn https_service<'a>(&self, now: Now<'a>) -> Option<Match<'a>> {
        let https = self.tls || now.flow.responder.port == 443;
        self.lookup(now.settings).filter(|_| https)
    }
}

impl<'a> Now<'a> {
    fn scene(&self, called: &'a Called) -> Scene<'a> {
        Scene {
            settings: self.settings,
            at: self.at,
            role: self.role,
            flow: self.flow,
            called,
        }
    }

    fn call(&self, called: &'a Called, at: Timestamp) -> Call<'a> {
        Call {
            at,
            host: self.host(),
            role: &self.role.name,
            name: called.name.as_ref().map(|name| name.as_slice()),
            class: called.class,
        }
    }

    fn key(&self, analytic: Analytic, called: &Called) -> AlertKey {
        AlertKey {
            analytic,
            host: self.host(),
            object: called.object.clone(),
        }
    }
}

impl Engine {
    pub(super) fn handle_ended(
        &mut self,
        now: Now<'_>,
        summary: &FlowSummary,
        alerts: &mut Vec<Alert>,
    ) {
        let known = self.open.remove(&now.flow.uid);
        let called = known.unwrap_or_else(|| self.opened(now));
        self.keep_features(now, &called);
        // A call that nobody answered says nothing about the caller, and its address may be forged.
        if summary.side(Side::Responder).bytes == 0 {
            return;
        }
        let (member, ja4) = (now.member(), called.ja4.as_deref());
        let days_before = self.site.touch(now.limits, member, ja4, now.at);
        if !now.is_outbound() {
            return;
        }
        if called.exchanges == 0 && called.is_web(now.flow) {
            let first_at = now.flow.first_at;
            self.count_event(now, &called, first_at, None);
            alerts.extend(self.judge_call(now, &called, first_at, 0));
        }
        if called.is_web(now.flow) {
            self.learn_call(now, &called);
        }
        let found = called.https_service(now);
        let used = UsedFlow::new(now.at, now.flow, summary);
        if let Some((found, used)) = found.zip(used) {
            let usual = self.judge_use(now, &called, found, used, days_before, alerts);
            if usual {
                let (role, service) = (&now.role.name, &found.service.id);
                self.site.learn_upload(role, service, used.up);
            }
        }
    }

    /// A flow to a service of the catalogue that is not over is judged by what it did so far.
    fn judge_use_so_far(
        &mut self,
        now: Now<'_>,
        called: &Called,
        profile: &FlowProfile,
        alerts: &mut Vec<Alert>,
    ) {
        let Some(found) = called.https_service(now).filter(|_| called.exchanges > 0) else {
            return;
        };
        let ja4 = called.ja4.as_deref();
        let days_before = self.site.touch(now.limits, now.member(), ja4, now.at);
        let [up, down] = profile.sides.map(|side| side.bytes);
        let used = UsedFlow {
            uid: now.flow.uid,
            at: now.at,
            duration: profile.age,
            exchanges: called.exchanges,
            up,
            down,
            missed: 0,
        };
        self.judge_use(now, called, found, used, days_before, alerts);
    }

    /// Once an epoch the site is told who calls what; what was alerted on teaches it nothing.
    fn learn_call(&mut self, now: Now<'_>, called: &Called) {
        let raised = |analytic| self.alerts.is_raised(&now.key(analytic, called));
        if [Analytic::An0146, Analytic::An1601].into_iter().any(raised) {
            self.site.unlearn(now.member(), called.used());
            return self.site.unlearn_call(now.member(), &called.object);
        }
        if called.long {
            let subject = Subject::LongSession(called.object.clone());
            self.site.learn_call(now.limits, now.member(), subject);
        }
        let (key, epoch) = ((now.host(), called.object.clone()), self.site.epoch());
        let call = self.calls.get_mut(&key);
        if call.is_none_or(|call| call.is_due(epoch)) {
            let subject = Subject::Called(called.object.clone());
            self.site.learn_call(now.limits, now.member(), subject);
        }
    }

    /// A flow's shape: judged as a session, and once it is over by how it was answered.
    pub(super) fn handle_profile(
        &mut self,
        now: Now<'_>,
        profile: &FlowProfile,
        alerts: &mut Vec<Alert>,
    ) {
        let mut called = self.take_open(now);
        called.long |= profile.age >= LONG;
        if now.settings.infers() {
            called.shown.handle_profile(profile);
        }
        let answered = profile.sides[Side::Responder.index()].bytes > 0;
        // Datagrams show neither exchanges nor how a flow was closed.
        let is_tcp = now.flow.transport == Transport::Tcp;
        if answered && is_tcp && called.is_web(now.flow) {
            alerts.extend(self.judge_session(now, &called, profile));
            match profile.open {
                true => self.judge_use_so_far(now, &called, profile, alerts),
                false => alerts.extend(self.judge_replies(now, &called, profile)),
            }
        }
        let sealed = called.tls || profile.tls || !is_tcp && now.flow.responder.port == HTTPS;
        if answered && sealed {
            alerts.extend(self.judge_upload(now, &called, profile));
        }
        self.keep_open(now, called);
    }

    /// AN0146.
    fn judge_session(
        &mut self,
        now: Now<'_>,
        called: &Called,
        profile: &FlowProfile,
    ) -> Option<Alert> {
        let (kind, member) = (called.class.kind(), now.member());
        let rule = now.settings.rules().an0146.session_duration;
        let key = (now.host(), called.object.clone());
        let scene = now.scene(called);
        let long = profile.age >= rule.min.min(LONG);
        let durations = self.site.durations();
        let judge = || {
            an0146::judge(&an0146::Case {
                scene,
                profile,
                unusual: durations.unusual(member, kind, profile.age, rule.samples_min),
                others: self.site.others(member, called.used()),
                timing: &self.calls.timing(&key, kind),
            })
        };
        let finding = if long { judge() } else { None };
        let alert_key = now.key(Analytic::An0146, called);
        if finding.is_some() || long && self.alerts.is_raised(&alert_key) {
            self.site.unlearn_call(member, &called.object);
        } else {
            if profile.open && called.long {
                let subject = Subject::LongSession(called.object.clone());
                self.site.learn_call(now.limits, member, subject);
            }
            if !profile.open {
                let epoch = (self.site.epoch(), now.at);
                let max = now.limits.hosts_max;
                self.site
                    .durations_mut()
                    .learn(epoch, member, kind, profile.age, max);
            }
        }
        self.raise(now, &scene, alert_key, finding?)
    }

    /// AN1601.
    fn judge_replies(
        &mut self,
        now: Now<'_>,
        called: &Called,
        profile: &FlowProfile,
    ) -> Option<Alert> {
        let (member, epoch) = (now.member(), self.site.epoch());
        let (role, object) = (member.role, &called.object);
        let key = (now.host(), object.clone());
        let call = self.calls.get_mut(&key)?;
        if call
            .replies
            .detail()
            .is_some_and(|detail| detail.is_changed_by(profile))
        {
            let (host, max) = (&key.0, now.limits.hosts_max);
            if let Some(presence) = self.presences.touch(host, now.at, max, Presence::default) {
                presence.handle_change(now.at, object);
            }
        }
        let added = call.replies.handle(epoch, now.flow.uid, profile)?;
        let given = call.replies.given(epoch);
        let (scene, site) = (now.scene(called), &self.site);
        let judge = || {
            an1601::judge(&an1601::Case {
                scene,
                replies: &call.replies,
                peers: site.answers().of_object(object, given),
                role: site.answers().of_role(role, given),
                others: site.others(member, called.used()),
                timing: &call.tracks.timing(called.class.kind()),
                uri_centibits: call.uri_centibits,
            })
        };
        let enough = an1601::asked_enough(now.settings, &call.replies);
        let finding = if enough { judge() } else { None };
        let alert_key = now.key(Analytic::An1601, called);
        let answers = self.site.answers_mut();
        if finding.is_some() || self.alerts.is_raised(&alert_key) {
            let giving = call.replies.take_giving(epoch).without(added);
            answers.retract(role, object, giving);
            self.site.unlearn_call(member, object);
        } else {
            answers.add(role, object, added, now.limits.baseline_keys_max);
            if let Some(entropy) = call.replies.entropy_due(epoch) {
                answers.add_entropy(role, object, entropy);
            }
        }
        self.raise(now, &scene, alert_key, finding?)
    }

    /// When the flow began, among the calls of the same host, object and client before it.
    fn hours(&self, now: Now<'_>, called: &Called) -> Option<Hours> {
        let (host, object) = (now.host(), &called.object);
        let habit = self
            .habits
            .get(&(host, object.clone(), called.class.kind()))?;
        let (presence, rhythm) = (
            self.presences.get(&host),
            self.site.rhythm(&now.role.name, object),
        );
        Some(Hours::of(now.flow.first_at, habit, presence, rhythm))
    }

    /// A host used a service of the catalogue: AN1190. Says whether that belongs to what is usual.
    fn judge_use(
        &mut self,
        now: Now<'_>,
        called: &Called,
        found: Match<'_>,
        used: UsedFlow,
        days_before: u32,
        alerts: &mut Vec<Alert>,
    ) -> bool {
        let key = (now.host(), called.object.clone());
        let known = self.usages.remove(&key);
        let mut usage = known.unwrap_or_else(|| Usage::new(now.at, days_before));
        usage.push(used);
        let service = &found.service.id;
        let (scene, member, kind) = (now.scene(called), now.member(), called.class.kind());
        let judge = || {
            let [users, application_users] = self.site.users(member, &called.object);
            an1190::judge(&Case {
                scene,
                found,
                usage: &usage,
                others: self.site.others(member, called.used()),
                users,
                application_users,
                uploads: self.site.uploads(&now.role.name, service),
                timing: &self.calls.timing(&key, kind),
                hours: self.hours(now, called),
            })
        };
        let enough = an1190::asked_enough(now.settings, &usage, now.at);
        let finding = if enough { judge() } else { None };
        self.usages
            .insert(key, now.at, usage, now.limits.baseline_keys_max);
        let key = now.key(Analytic::An1190, called);
        let alerted = finding.is_some() || self.alerts.is_raised(&key);
        let unusual = alerted && !self.site.is_shared(now.member(), &called.object);
        if alerted {
            self.site
                .learn_alerted(now.limits, now.member(), &called.object);
        }
        if unusual {
            self.site.unlearn(now.member(), called.used());
        } else {
            let application = called.class.is_application();
            self.site
                .learn(now.limits, now.member(), &called.object, application);
        }
        alerts.extend(finding.and_then(|finding| self.raise(now, &scene, key, finding)));
        !unusual
    }
}
