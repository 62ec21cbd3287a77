//! From answered flows to what is known of the site's hosts.
//!
//! Judges nothing. A host's own days count at once; what other hosts do is told as of the last
//! closed epoch. Bounded by `baseline_keys_max` hosts and marks, and [`VOLUMES_MAX`] histograms.

use super::an1415::Cell;
use super::answers::Answers;
use super::durations::Durations;
use super::identity;
use super::rarity::Others;
use crate::baseline::{
    Bounded, Caller, Conformal, Mark, Pairs, Prevalence, Range, Rhythm, Rhythms, Subject, Volumes,
};
use crate::limits::Limits;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The name under which a mark is the whole site's; no role is called so.
const SITE: &str = "";
/// Things that one host can mark in one epoch: a host that changes its fingerprint with every flow
/// must not push others out of the baseline. A browser's host shows tens of services and
/// fingerprints.
const HOST_MARKS_MAX: usize = 64;
/// Objects of the web that one host can mark in one epoch: a host that browses calls hundreds.
const HOST_CALLED_MAX: u16 = 1024;
/// Histograms of upload: roles times services, of at most 2.5 kB each.
const VOLUMES_MAX: usize = 4096;
/// When roles call services: roles times services, of at most 4 kB each.
const RHYTHMS_MAX: usize = 4096;

/// What so many hosts of a role were alerted on for is not kept out of what the role is known to do
/// any longer: else every further host that begins to use a tool is one more alert, for ever.
const SHARED_HOSTS_MIN: u64 = 3;

/// What is known of the site's hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The open epoch: hours since 1970.
    epoch: Option<i64>,
    hosts: Bounded<IpAddr, Host>,
    prevalence: Prevalence,
    /// Who called what of the web, apart: browsing must not push services and fingerprints out.
    called: Prevalence,
    answers: Answers,
    durations: Durations,
    volumes: Volumes,
    pairs: Pairs,
    rhythms: Rhythms,
    /// How much hosts upload in one transfer.
    pub sizes: Conformal<IpAddr, Cell>,
    /// Of the last closed epoch, once an alert asked for it.
    baseline_hash: Option<Box<str>>,
}

/// What is known of one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Host {
    last_day: i64,
    /// Days with activity before `last_day`.
    days_before: u32,
    epoch: i64,
    /// What it marked in `epoch`.
    marked: BTreeSet<Subject>,
    /// How many objects it called in `epoch`.
    called: u16,
}

/// A host in its role.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The role's name.
    pub role: &'a str,
    /// The host.
    pub host: IpAddr,
}

/// How a host uses a service.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The service, and the customer of a shared one.
    pub object: &'a str,
    /// JA4 of the program.
    pub ja4: Option<&'a str>,
}

impl<'a> Member<'a> {
    fn caller(&self) -> Caller<'_, IpAddr> {
        Caller {
            host: &self.host,
            role: self.role,
        }
    }
}

impl<'a> Use<'a> {
    /// The client, as pairs name it.
    pub fn client(&self) -> &'a str {
        self.ja4.unwrap_or("-")
    }
}

impl Site {
    /// Closes the epochs that are over at `at`.
    pub fn advance(&mut self, limits: &Limits, at: Timestamp) {
        let hour = at.hour();
        let before = *self.epoch.get_or_insert(hour);
        if hour > before {
            self.prevalence
                .close_epoch(before, hour, limits.baseline_keys_max);
            let max = limits.baseline_keys_max;
            self.called.close_epoch(before, hour, max);
            self.answers.close_epoch(before, hour, max);
            self.durations.close_epoch(hour);
            self.volumes.close_epoch(before, hour, VOLUMES_MAX);
            self.pairs.close_epoch(hour, max);
            self.rhythms.close_epoch(RHYTHMS_MAX);
            self.sizes.close_epoch(before, hour);
            self.baseline_hash = None;
            self.epoch = Some(hour);
        }
    }

    /// Notes that a member opened a flow that was answered, with the fingerprint `ja4` if it showed
    /// one; tells on how many earlier days it was active.
    pub fn touch(
        &mut self,
        limits: &Limits,
        member: Member<'_>,
        ja4: Option<&str>,
        at: Timestamp,
    ) -> u32 {
        let (epoch, day) = (at.hour(), at.hour().div_euclid(24));
        let fresh = || Host {
            last_day: day,
            days_before: 0,
            epoch,
            marked: BTreeSet::new(),
            called: 0,
        };
        let max = limits.baseline_keys_max;
        let Some(host) = self.hosts.touch(&member.host, at, max, fresh) else {
            return 0;
        };
        if day > host.last_day {
            host.last_day = day;
            host.days_before = host.days_before.saturating_add(1);
        }
        if epoch != host.epoch {
            host.epoch = epoch;
            host.marked.clear();
            host.called = 0;
        }
        let days_before = host.days_before;
        self.mark(limits, member, Subject::Member);
        if let Some(ja4) = ja4 {
            self.mark(limits, member, Subject::Fingerprinted);
            self.mark(limits, member, Subject::Fingerprint(ja4.into()));
        }
        days_before
    }

    /// A member used a service as it may.
    pub fn learn(
        &mut self,
        limits: &Limits,
        member: Member<'_>,
        object: &str,
        is_application: bool,
    ) {
        self.mark(limits, member, Subject::Service(object.into()));
        if is_application {
            self.mark(limits, member, Subject::Application(object.into()));
        }
    }

    /// A flow of a member of `role` uploaded `bytes` to `service`.
    pub fn learn_upload(&mut self, role: &str, service: &str, bytes: u64) {
        self.volumes.record(role, service, bytes, VOLUMES_MAX);
    }

    /// A use was alerted on; it teaches nothing, and is remembered as that.
    pub fn learn_alerted(&mut self, limits: &Limits, member: Member<'_>, object: &str) {
        self.mark(limits, member, Subject::Alerted(object.into()));
    }

    /// Whether so many other members of the role were alerted on for the same service that it is
    /// the role's, for all that it was not known before: the operator has been told of each.
    pub fn is_shared(&self, member: Member<'_>, object: &str) -> bool {
        let alerted = Subject::Alerted(object.into());
        self.prevalence.others(member.role, alerted, member.host) >= SHARED_HOSTS_MIN
    }

    /// Takes back what the open epoch learnt of a use that turned out unusual.
    pub fn unlearn(&mut self, member: Member<'_>, used: Use<'_>) {
        let object = || Box::from(used.object);
        let subjects = [Subject::Service(object()), Subject::Application(object())];
        let fingerprint = used.ja4.map(|ja4| Subject::Fingerprint(ja4.into()));
        for subject in subjects.into_iter().chain(fingerprint) {
            self.prevalence
                .retract(Mark::new(member.role, subject, member.host));
        }
    }

    /// How many other members of the role use a service as they may, and how many of these with a
    /// browser or an application.
    pub fn users(&self, member: Member<'_>, object: &str) -> [u64; 2] {
        let subjects = [
            Subject::Service(object.into()),
            Subject::Application(object.into()),
        ];
        subjects.map(|subject| self.prevalence.others(member.role, subject, member.host))
    }

    /// The open epoch.
    pub fn epoch(&self) -> i64 {
        self.epoch.unwrap_or_default()
    }

    /// A member called an object of the web for the first time in this epoch, or held a long
    /// session with it.
    pub fn learn_call(&mut self, limits: &Limits, member: Member<'_>, subject: Subject) {
        let Some(host) = self.hosts.get_mut(&member.host) else {
            return;
        };
        if host.called < HOST_CALLED_MAX {
            host.called = host.called.saturating_add(1);
            let mark = Mark::new(member.role, subject, member.host);
            self.called.record(mark, limits.baseline_keys_max);
        }
    }

    /// Takes back what the open epoch learnt of calls that turned out unusual.
    pub fn unlearn_call(&mut self, member: Member<'_>, object: &str) {
        let subjects = [
            Subject::Called(object.into()),
            Subject::LongSession(object.into()),
        ];
        for subject in subjects {
            self.called
                .retract(Mark::new(member.role, subject, member.host));
        }
    }

    /// A member called a service of the catalogue, or what a schedule names, as it may; `counted`
    /// says whether the call counted in the host's own hours.
    pub fn learn_habit(
        &mut self,
        limits: &Limits,
        member: Member<'_>,
        used: Use<'_>,
        at: Timestamp,
        counted: bool,
    ) {
        if counted {
            let (role, object) = (member.role, used.object);
            self.rhythms.handle_event(role, object, at, RHYTHMS_MAX);
        }
        let pair = (used.object, used.client());
        self.pairs
            .record(member.caller(), pair, at, limits.baseline_keys_max);
    }

    /// When the role calls the object.
    pub fn rhythm(&self, role: &str, object: &str) -> Option<&Rhythm> {
        self.rhythms.of(role, object)
    }

    /// Who calls which service with which client.
    pub fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// On how many earlier days the host was active.
    pub fn days_before(&self, host: IpAddr) -> u32 {
        self.hosts.get(&host).map_or(0, |host| host.days_before)
    }

    /// A server showed a member a certificate of `issuer`; whether another host was shown one
    /// before.
    pub fn handle_issuer(&mut self, limits: &Limits, host: IpAddr, issuer: &str) -> bool {
        let subject = Subject::Issuer(issuer.into());
        let known = self.called.others(SITE, subject.clone(), host) > 0;
        let mark = Mark::new(SITE, subject, host);
        self.called.record(mark, limits.baseline_keys_max);
        known
    }

    /// What the other members of the role do.
    pub fn others(&self, member: Member<'_>, used: Use<'_>) -> Others {
        let count = |of: &Prevalence, subject| of.others(member.role, subject, member.host);
        let shown = |ja4: &str| count(&self.prevalence, Subject::Fingerprint(ja4.into()));
        Others {
            members: count(&self.prevalence, Subject::Member),
            callers: count(&self.called, Subject::Called(used.object.into())),
            long_callers: count(&self.called, Subject::LongSession(used.object.into())),
            same_client: self
                .pairs
                .others(member.caller(), used.object, used.client()),
            fingerprinted: count(&self.prevalence, Subject::Fingerprinted),
            fingerprint: used.ja4.map_or(0, shown),
        }
    }

    /// How requests were answered.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// How requests are answered, to add to.
    pub fn answers_mut(&mut self) -> &mut Answers {
        &mut self.answers
    }

    /// How long sessions last.
    pub fn durations(&self) -> &Durations {
        &self.durations
    }

    /// How long sessions last, to add to.
    pub fn durations_mut(&mut self) -> &mut Durations {
        &mut self.durations
    }

    /// The usual upload of a flow from `role` to `service`.
    pub fn uploads(&self, role: &str, service: &str) -> Option<Range> {
        self.volumes.range(role, service)
    }

    /// A hash of who showed what, as of the last closed epoch.
    pub fn baseline_hash(&mut self) -> Box<str> {
        let (prevalence, called) = (&self.prevalence, &self.called);
        let hash = || {
            identity::digest(prevalence.closed().chain(called.closed()).map(|mark| {
                postcard::to_stdvec(&mark).expect("plain values serialise into memory")
            }))
        };
        self.baseline_hash.get_or_insert_with(hash).clone()
    }

    /// Lets a host that is known show something, once an epoch.
    fn mark(&mut self, limits: &Limits, member: Member<'_>, subject: Subject) {
        let Some(host) = self.hosts.get_mut(&member.host) else {
            return;
        };
        if host.marked.len() < HOST_MARKS_MAX && host.marked.insert(subject.clone()) {
            let mark = Mark::new(member.role, subject, member.host);
            self.prevalence.record(mark, limits.baseline_keys_max);
        }
    }

    /// Hosts that had to leave for others.
    pub fn hosts_evicted(&self) -> u64 {
        self.hosts
            .evicted()
            .saturating_add(self.durations.evicted())
            .saturating_add(self.sizes.evicted())
    }

    /// Marks that had to leave for others.
    pub fn marks_evicted(&self) -> u64 {
        self.prevalence
            .evicted()
            .saturating_add(self.called.evicted())
            .saturating_add(self.answers.evicted())
            .saturating_add(self.pairs.evicted())
    }

    /// Histograms, or flows of one, that had no room.
    pub fn volumes_refused(&self) -> u64 {
        self.volumes
            .refused()
            .saturating_add(self.rhythms.refused())
    }
}
