//! AN1415: from what flows sent to whether that was an unusual upload.

use crate::baseline::conformal::Place;
use crate::baseline::maturity::ACTIVE_DAYS_MIN;
use crate::baseline::sketch::log;
use crate::baseline::slots::Slots;
use crate::baseline::{Age, Baseline, Bounded, Drift, Learning};
use crate::detect::Alert;
use crate::detect::an1415::{self, Case, Cell};
use crate::detect::attack::Analytic;
use crate::detect::called::Called;
use crate::detect::calls::CallKey;
use crate::detect::engine::{Engine, Now};
use crate::detect::note::Note;
use crate::detect::registry::AlertKey;
use crate::detect::settings::Settings;
use crate::detect::transfers::{Over, Part, Transfers};
use crate::limits::Limits;
use crate::observe::profile::FlowProfile;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What hosts upload, beside what is usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Uploads {
    transfers: Transfers,
    /// When large ones come, by host and object.
    slots: Bounded<CallKey, Slots>,
    drifts: Bounded<IpAddr, Drift>,
}

impl Uploads {
    /// Entries that had to leave for others.
    pub fn evicted(&self) -> u64 {
        let tables = self.slots.evicted().saturating_add(self.drifts.evicted());
        self.transfers.evicted().saturating_add(tables)
    }
}

impl Engine {
    /// Judges an upload, also while it goes on.
    pub(super) fn judge_upload(
        &mut self,
        now: Now<'_>,
        called: &Called,
        profile: &FlowProfile,
    ) -> Option<Alert> {
        let (host, object, limits) = (now.host(), &called.object, now.limits);
        let [up, down] = profile.sides.map(|side| side.application_bytes);
        let part = Part {
            uid: now.flow.uid,
            up,
            down,
            open: profile.open,
        };
        let key: CallKey = (host, object.clone());
        let age = self.age(&key, now.at);
        let busy = self.presences.get(&host);
        let busy = busy.is_some_and(|presence| presence.is_busy(now.at));
        let cell = Cell::new(age, called.class, busy);
        let max = limits.calls_max;
        let transfers = &mut self.uploads.transfers;
        if let Some(over) = transfers.handle_part(&key, (cell, part), now.at, max) {
            self.learn_transfer(now.settings, limits, &over, now.at);
        }
        let (member, rules) = (now.member(), now.settings.rules());
        let transfer = self.uploads.transfers.get(&key)?;
        let up = transfer.up();
        if up < rules.an1415.upload_bytes_min {
            return None;
        }
        let place = Place {
            host: &host,
            role: member.role,
            class: transfer.cell,
        };
        let case = Case {
            rules: &rules.an1415,
            tiers: now.settings.tiers(),
            transfer,
            object,
            unusual: self.site.sizes.ask(place, up),
            age,
            others: self.site.others(member, called.used()),
            class: called.class,
            oddities: called.oddities,
            approval: rules
                .schedules
                .approval(&now.call(called, transfer.first_at)),
            usual_now: self
                .uploads
                .slots
                .get(&key)
                .and_then(|slots| slots.largest_near(transfer.first_at)),
        };
        let scene = now.scene(called);
        let finding = an1415::judge(&case).map(|verdict| case.finding(&scene, verdict))?;
        self.uploads.transfers.handle_alert(&key);
        self.raise(now, &scene, now.key(Analytic::An1415, called), finding)
    }

    /// How long the host has called the object. Of a host that is new nobody can tell.
    fn age(&self, key: &CallKey, at: Timestamp) -> Baseline<Age> {
        let active_days = self.site.days_before(key.0);
        let first_at = self.calls.get(key).map(|call| call.first_at);
        match first_at {
            Some(first_at) if active_days >= ACTIVE_DAYS_MIN => {
                Baseline::Ready(Age::of(at - first_at))
            }
            _ => Baseline::Learning(Learning {
                active_days,
                samples: 0,
            }),
        }
    }

    /// Learns the transfers that are over at `at`.
    pub(in crate::detect) fn close_transfers(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        at: Timestamp,
    ) {
        while let Some((_, over)) = self.uploads.transfers.pop_over(at) {
            self.learn_transfer(settings, limits, &over, at);
        }
    }

    /// A transfer that nobody alerted on is what is usual.
    fn learn_transfer(&mut self, settings: &Settings, limits: &Limits, over: &Over, at: Timestamp) {
        let Some(role) = settings.role_of(over.host) else {
            return;
        };
        let alert_key = AlertKey {
            analytic: Analytic::An1415,
            host: over.host,
            object: over.object.clone(),
        };
        if self.alerts.is_raised(&alert_key) {
            return;
        }
        let place = Place {
            host: &over.host,
            role: &role.name,
            class: over.cell,
        };
        let max = limits.baseline_keys_max;
        self.site.sizes.learn(place, over.up, over.first_at, max);
        let Uploads { slots, drifts, .. } = &mut self.uploads;
        if over.up >= settings.rules().an1415.upload_bytes_min {
            let key = (over.host, over.object.clone());
            if let Some(usual) = slots.touch(&key, at, limits.hosts_max, Slots::default) {
                usual.learn(over.first_at, over.up);
            }
        }
        // Decades of bytes: under ten, under a hundred ...
        let decade = (log(over.up) / std::f64::consts::LN_10) as usize;
        let drift = drifts.touch(&over.host, at, limits.hosts_max, Drift::default);
        if let Some(restart) = drift.and_then(|drift| drift.handle_event(decade, at)) {
            let host = over.host;
            self.site.sizes.restart(&host, Cell::all());
            self.notes.push(Note::Restarted { host, restart });
        }
    }
}
