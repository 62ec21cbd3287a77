//! AN1191: from a call to whether it keeps to what was agreed or learnt, and from time that passes
//! to calls that did not come.

use crate::detect::Alert;
use crate::detect::an1191::{self, Case, Moment};
use crate::detect::attack::Analytic;
use crate::detect::called::Called;
use crate::detect::client::Kind;
use crate::detect::engine::{Engine, Now};
use crate::detect::hours::Hours;
use crate::detect::note::Note;
use crate::detect::presence::Presence;
use crate::detect::rarity::Others;
use crate::detect::schedules::Approval;
use crate::detect::settings::Settings;
use crate::limits::Limits;
use crate::time::Timestamp;

/// One of so many of a role's members is enough for what is new to a host to be nothing odd. By
/// design.
const COMMON: u64 = 10;

fn is_common(others: &Others) -> bool {
    others.same_client.saturating_mul(COMMON) >= others.members
}

impl Engine {
    /// Judges and learns a call that began at `at`. Asked are calls of the catalogue's services and
    /// of what a schedule names; people who browse keep no hours.
    pub(in crate::detect) fn judge_call(
        &mut self,
        now: Now<'_>,
        called: &Called,
        at: Timestamp,
        upload_bytes: u64,
    ) -> Option<Alert> {
        let kind = called.class.kind();
        if called.class.is_surely_browser() {
            return None;
        }
        let (host, member, used) = (now.host(), now.member(), called.used());
        let (role, object) = (member.role, &*called.object);
        let rules = now.settings.rules();
        let approval = rules.schedules.approval(&now.call(called, at));
        if called.lookup(now.settings).is_none() && approval == Approval::None {
            return None;
        }
        let (max, seed) = (now.limits.calls_max, now.settings.seed());
        if let Some(schedule) = approval.schedule() {
            self.expectations
                .handle_call(&rules.schedules, &schedule.id, host, at, max);
        }
        let key = (host, called.object.clone(), kind);
        let habit = self.habits.touch(seed, &key, at, max, Default::default)?;
        let presence = self.presences.get(&host);
        let (site, calls) = (&self.site, &self.calls);
        let moment = Moment {
            hours: Hours::of(at, habit, presence, site.rhythm(role, object)),
            approval,
            standing: site.pairs().standing(role, object, used.client()),
            familiar: habit.is_mature() || is_common(&site.others(member, used)),
            host_days: site.days_before(host),
            upload_bytes,
        };
        let scene = now.scene(called);
        let browsing = |presence: &Presence| !presence.is_idle_beside(at, object);
        let browses = kind == Kind::Browser && presence.is_some_and(browsing);
        let odd = !browses && moment.is_odd();
        if odd {
            habit.handle_odd(at, now.flow.uid, moment.is_off_schedule());
        }
        let judge = || {
            let case = Case {
                rules: &rules.an1191,
                tiers: now.settings.tiers(),
                moment,
                role,
                object,
                calls: habit,
                class: called.class,
                ja4: called.ja4.as_deref(),
                others: site.others(member, used),
                cadence: calls.timing(&(host, called.object.clone()), kind).reading,
                pushed_at: presence.and_then(|presence| presence.pushed_at),
                user_at: presence.and_then(|presence| presence.browsed_at()),
            };
            an1191::judge(&case).map(|verdict| case.finding(&scene, verdict))
        };
        let finding = if odd { judge() } else { None };
        habit.handle_call(at);
        let alert_key = now.key(Analytic::An1191, called);
        if finding.is_none() && !self.alerts.is_raised(&alert_key) {
            // What is odd may become the host's habit, and teaches its role nothing.
            let counted = habit.learn(at) && !odd;
            self.site.learn_habit(now.limits, member, used, at, counted);
        }
        self.regulars.handle_call(&key, habit.clockwork(at), max);
        self.raise(now, &scene, alert_key, finding?)
    }

    /// Calls that a schedule expects, or that come like clockwork, and that did not come.
    pub(in crate::detect) fn note_missed(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        at: Timestamp,
    ) {
        let schedules = &settings.rules().schedules;
        let presences = &self.presences;
        let awake = |host| presences.get(&host).and_then(Presence::awake);
        let max = limits.calls_max;
        while let Some(missed) = self.expectations.pop_due(schedules, awake, at, max) {
            self.notes.push(Note::Missed(missed));
        }
        while let Some(unheard) = self.regulars.pop_due(awake, at, max) {
            self.notes.push(Note::Unheard(unheard));
        }
    }
}
