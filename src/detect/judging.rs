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
use crate::net::Side;
use crate::observe::FlowSummary;

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
        let https = called.tls || now.flow.responder.port == 443;
        let found = called.lookup(now.settings).filter(|_| https);
        let used = UsedFlow::new(now.at, now.flow, summary);
        if let Some((found, used)) = found.zip(used) {
            self.judge_use(now, &called, found, used, days_before, alerts);
        }
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

    /// Gives a finding its identity, where it is due.
    fn raise(
        &mut self,
        now: Now<'_>,
        scene: &Scene<'_>,
        key: AlertKey,
        finding: Finding,
    ) -> Option<Alert> {
        let max = now.limits.alerts_max;
        let identity = self.alerts.raise(key, now.at, finding.tier, false, max)?;
        let occasion = Occasion {
            identity,
            baseline_hash: self.site.baseline_hash(),
            suppressions_checked: Vec::new(),
        };
        Some(Alert::new(scene, finding, occasion))
    }
}
