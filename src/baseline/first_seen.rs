//! From calls to destinations to how new a destination is, to the host, its role and the site.
//!
//! What a host itself called counts at once; role and site are read as of the last closed epoch.
//! A host's memory of destinations admits by frequency, so a scanner does not make everybody's
//! destinations new. Also tells which pairs of service and client are usual and which wait for
//! approval: one host alone makes nothing usual. Bounded by `max` entries in every table.

use super::admission::Admitted;
use super::bounded::Bounded;
use super::crowd::{Crowd, Crowds};
use super::maturity::{Baseline, Maturity};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::hash::Hash;

const DAY: Span = Span::from_secs(86_400);
const WEEK: Span = Span::from_secs(7 * 86_400);
/// Hosts from which on a pair of service and client is usual.
pub const USUAL_HOSTS_MIN: u64 = 2;
/// The name under which a destination is the whole site's; no role is called so.
const SITE: &str = "";

/// How long a destination has been known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// Up to a day.
    Day,
    /// Up to seven days.
    Week,
    /// Longer.
    Old,
}

impl Age {
    /// The age of what was first seen `span` ago.
    pub fn of(span: Span) -> Age {
        match span {
            span if span <= DAY => Age::Day,
            span if span <= WEEK => Age::Week,
            _ => Age::Old,
        }
    }

    /// As in alerts.
    pub fn name(self) -> &'static str {
        match self {
            Age::Day => "day",
            Age::Week => "week",
            Age::Old => "old",
        }
    }
}

/// How new a destination is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Novelty {
    /// To the host; what is new cannot be told of a host that is new itself.
    pub host: Baseline<Age>,
    /// When the host's role called it first, as of the last closed epoch.
    pub role_first_at: Option<Timestamp>,
    /// When anybody of the site did.
    pub site_first_at: Option<Timestamp>,
    /// About how many other hosts of the role call it.
    pub role_others: u64,
    /// About how many other hosts of the site do.
    pub site_others: u64,
}

/// A host in its role, calling.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a, H> {
    /// The host.
    pub host: &'a H,
    /// Its role.
    pub role: &'a str,
}

/// What was seen first when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "H: Ord + Deserialize<'de>"))]
pub struct FirstSeen<H> {
    hosts: Bounded<H, Maturity>,
    own: Admitted<(H, Box<str>), Timestamp>,
    destinations: Crowds,
    pairs: Crowds,
}

impl<H: Ord + Clone> Default for FirstSeen<H> {
    fn default() -> Self {
        FirstSeen {
            hosts: Bounded::default(),
            own: Admitted::default(),
            destinations: Crowds::default(),
            pairs: Crowds::default(),
        }
    }
}

/// Whether a pair of service and client is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// So many hosts show it.
    Usual(u64),
    /// One host alone shows it: somebody has to approve it.
    Pending,
    /// Nobody has shown it, as of the last closed epoch.
    Unknown,
}

impl<H: Ord + Clone + Hash> FirstSeen<H> {
    /// A caller called `destination`; since when it does so.
    pub fn handle_call(
        &mut self,
        caller: Caller<'_, H>,
        destination: &str,
        at: Timestamp,
        (max, seed): (usize, u64),
    ) -> Timestamp {
        let mut known = self.hosts.remove(caller.host).unwrap_or_default();
        known.handle_sample(at);
        self.hosts.insert(caller.host.clone(), at, known, max);
        let key = (caller.host.clone(), Box::from(destination));
        let first_at = self
            .own
            .touch(seed, key, at, max, || at)
            .map_or(at, |first_at| *first_at);
        for scope in [caller.role, SITE] {
            self.destinations
                .record(scope, destination, caller.host, at, max);
        }
        first_at
    }

    /// How new `destination` is at `at`.
    pub fn ask(&self, caller: Caller<'_, H>, destination: &str, at: Timestamp) -> Novelty {
        let first_at = self.own.get(&(caller.host.clone(), Box::from(destination)));
        let age = Age::of(at - *first_at.unwrap_or(&at));
        let host = match self.hosts.get(caller.host) {
            Some(known) => known.when_ready(|| age),
            None => Baseline::Learning(Default::default()),
        };
        let crowd = |scope| self.destinations.get(scope, destination);
        let (role, site) = (crowd(caller.role), crowd(SITE));
        let others = |crowd: Option<&Crowd>| crowd.map_or(0, |crowd| crowd.others(caller.host));
        Novelty {
            host,
            role_first_at: role.map(|crowd| crowd.first_at),
            site_first_at: site.map(|crowd| crowd.first_at),
            role_others: others(role),
            site_others: others(site),
        }
    }

    /// The caller uses `service` with the client `fingerprint`.
    pub fn handle_pair(
        &mut self,
        caller: Caller<'_, H>,
        service: &str,
        fingerprint: &str,
        at: Timestamp,
        max: usize,
    ) {
        let of_role = in_role(caller.role, service);
        for service in [service, &of_role] {
            self.pairs
                .record(service, fingerprint, caller.host, at, max);
        }
    }

    /// About how many other hosts of the caller's role use `service` with the client `fingerprint`.
    pub fn pair_others(&self, caller: Caller<'_, H>, service: &str, fingerprint: &str) -> u64 {
        let crowd = self.pairs.get(&in_role(caller.role, service), fingerprint);
        crowd.map_or(0, |crowd| crowd.others(caller.host))
    }

    /// Whether anybody uses `service` with the client `fingerprint`.
    pub fn standing(&self, service: &str, fingerprint: &str) -> Standing {
        match self.pairs.get(service, fingerprint).map(Crowd::hosts) {
            None => Standing::Unknown,
            Some(hosts) if hosts >= USUAL_HOSTS_MIN => Standing::Usual(hosts),
            Some(_) => Standing::Pending,
        }
    }

    /// Closes the epochs before `epoch`.
    pub fn close_epoch(&mut self, epoch: i64, max: usize) {
        self.destinations.close_epoch(epoch, max);
        self.pairs.close_epoch(epoch, max);
    }

    /// Entries of all tables that had to leave for others or were not let in.
    pub fn evicted(&self) -> u64 {
        let own = self.own.evicted().saturating_add(self.own.refused());
        let crowds = self
            .destinations
            .evicted()
            .saturating_add(self.pairs.evicted());
        self.hosts
            .evicted()
            .saturating_add(own)
            .saturating_add(crowds)
    }
}

/// A service as the hosts of one role use it; no service has a line break in its name.
fn in_role(role: &str, service: &str) -> String {
    format!("{service}\n{role}")
}
