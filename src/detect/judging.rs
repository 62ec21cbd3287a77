//! From what is remembered to cases, their verdicts, and the alerts that are due.
//!
//! What was alerted on teaches the baseline nothing.

use super::Alert;
use super::alert::Occasion;
use super::an1190::{self, Case};
use super::attack::Analytic;
use super::called::Called;
use super::catalogue::Match;
use super::engine::{Engine, Now};
use super::finding::{Finding, Scene};
use super::registry::AlertKey;
use super::site::Use;
use super::usage::{Usage, UsedFlow};
use super::{allow, an0146, an1601};
use crate::baseline::Subject;
use crate::net::{Side, Transport};
use crate::observe::FlowSummary;
use crate::observe::profile::FlowProfile;
use crate::time::Span;

/// A session of this length is a long one for those who compare with it.
const LONG: Span = Span::from_secs(600);

impl Called {
    fn used(&self) -> Use<'_> {
        Use {
            object: &self.object,
            ja4: self.ja4.as_deref(),
        }
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
        let called = self.take_open(now);
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
            self.count_event(now, &called, now.flow.first_at, None);
        }
        if called.is_web(now.flow) {
            self.learn_call(now, &called);
        }
        let https = called.tls || now.flow.responder.port == 443;
        let found = called.lookup(now.settings).filter(|_| https);
        let used = UsedFlow::new(now.at, now.flow, summary);
        if let Some((found, used)) = found.zip(used) {
            self.judge_use(now, &called, found, used, days_before, alerts);
        }
    }

    /// Once an epoch the site is told who calls what, unless it was alerted on.
    fn learn_call(&mut self, now: Now<'_>, called: &Called) {
        let (key, epoch) = ((now.host(), called.object.clone()), self.site.epoch());
        let call = self.calls.get_mut(&key);
        if call.is_some_and(|call| call.told_epoch.replace(epoch) == Some(epoch)) {
            return;
        }
        let raised = |analytic| self.alerts.is_raised(&now.key(analytic, called));
        if ![Analytic::An0146, Analytic::An1601].into_iter().any(raised) {
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
        let called = self.take_open(now);
        let answered = profile.sides[Side::Responder.index()].bytes > 0;
        // Datagrams show neither exchanges nor how a flow was closed.
        let is_tcp = now.flow.transport == Transport::Tcp;
        if answered && is_tcp && called.is_web(now.flow) {
            alerts.extend(self.judge_session(now, &called, profile));
            if !profile.open {
                alerts.extend(self.judge_replies(now, &called, profile));
            }
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
            if profile.age >= LONG {
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
        let timing = self.calls.timing(&key, called.class.kind());
        let others = self.site.others(member, called.used());
        let call = self.calls.get_mut(&key)?;
        if call
            .replies
            .detail()
            .is_some_and(|detail| detail.is_changed_by(profile))
        {
            let mut presence = self.presences.remove(&key.0).unwrap_or_default();
            presence.handle_change(now.at, object);
            self.presences
                .insert(key.0, now.at, presence, now.limits.hosts_max);
        }
        let added = call.replies.handle(epoch, now.flow.uid, profile)?;
        let given = call.replies.given(epoch);
        let (scene, answers) = (now.scene(called), self.site.answers());
        let finding = an1601::judge(&an1601::Case {
            scene,
            replies: &call.replies,
            peers: answers.of_object(object, given),
            role: answers.of_role(role, given),
            others,
            timing: &timing,
            uri_centibits: call.uri_centibits,
        });
        let alert_key = now.key(Analytic::An1601, called);
        let answers = self.site.answers_mut();
        if finding.is_some() || self.alerts.is_raised(&alert_key) {
            let giving = call.replies.take_giving(epoch).without(added);
            answers.retract(role, object, giving);
            self.site.unlearn_call(member, object);
        } else {
            answers.add(role, object, added, now.limits.baseline_keys_max);
            if let Some(entropy) = call.replies.entropy_due(epoch) {
                answers.add_entropy(role, entropy);
            }
        }
        self.raise(now, &scene, alert_key, finding?)
    }

    /// A host used a service of the catalogue: AN1190.
    fn judge_use(
        &mut self,
        now: Now<'_>,
        called: &Called,
        found: Match<'_>,
        used: UsedFlow,
        days_before: u32,
        alerts: &mut Vec<Alert>,
    ) {
        let key = (now.host(), called.object.clone());
        let known = self.usages.remove(&key);
        let mut usage = known.unwrap_or_else(|| Usage::new(now.at, days_before));
        usage.push(used);
        let service = &found.service.id;
        let scene = now.scene(called);
        let finding = an1190::judge(&Case {
            scene,
            found,
            usage: &usage,
            peers: self.site.peers(now.member(), called.used()),
            uploads: self.site.uploads(&now.role.name, service),
            timing: &self.calls.timing(&key, called.class.kind()),
        });
        self.usages
            .insert(key, now.at, usage, now.limits.baseline_keys_max);
        let key = now.key(Analytic::An1190, called);
        let unusual = finding.is_some() || self.alerts.is_raised(&key);
        if unusual {
            self.site.unlearn(now.member(), called.used());
        } else {
            let application = called.class.is_application();
            self.site
                .learn(now.limits, now.member(), &called.object, application);
            self.site.learn_upload(&now.role.name, service, used.up);
        }
        alerts.extend(finding.and_then(|finding| self.raise(now, &scene, key, finding)));
    }

    /// Gives a finding its identity, where it is due, and lets the operator's entries look at it.
    fn raise(
        &mut self,
        now: Now<'_>,
        scene: &Scene<'_>,
        key: AlertKey,
        finding: Finding,
    ) -> Option<Alert> {
        let max = now.limits.alerts_max;
        let checked = allow::check(scene, &finding);
        let suppressed = checked.suppressed_by.is_some();
        let identity = self
            .alerts
            .raise(key, now.at, finding.tier, suppressed, max)?;
        let occasion = Occasion {
            identity,
            baseline_hash: self.site.baseline_hash(),
            checked,
        };
        Some(Alert::new(scene, finding, occasion))
    }
}
