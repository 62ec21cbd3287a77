//! From marks that hosts leave to how many members of a role show a thing.
//!
//! Judges nothing. Marks of the open epoch are not read before it closes, and closing merges them
//! in any order, so no verdict depends on which host spoke first. Bounded by `max` marks in each of
//! the two halves: of the open epoch the marks with the smallest hashes stay (a sample that no
//! order changes), of the closed ones the most recent. A mark is forgotten thirty days after it was
//! last left.

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

/// Epochs (hours) that a mark lives: thirty days.
const LIFE_EPOCHS: i64 = 30 * 24;
/// Seed of the hash that samples an overfull epoch; any number, but always the same.
const SAMPLE_SEED: u64 = 0x7461_7069_7200_0001;

/// What a member of a role can show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// It opened a flow that was answered: it is there.
    Member,
    /// It showed some TLS client fingerprint.
    Fingerprinted,
    /// It showed this TLS client fingerprint.
    Fingerprint(Box<str>),
    /// It used this service.
    Service(Box<str>),
    /// It used this service with a browser or the service's application.
    Application(Box<str>),
    /// It called this object of the web.
    Called(Arc<str>),
    /// It held a session of ten minutes or more with this object.
    LongSession(Arc<str>),
    /// A server showed it a certificate of this issuer.
    Issuer(Box<str>),
    /// It used this service in a way that was alerted on.
    Alerted(Box<str>),
}

/// One member of one role showing one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The role's name.
    pub role: Box<str>,
    /// What was shown.
    pub subject: Subject,
    /// Who showed it.
    pub host: IpAddr,
}

impl Mark {
    /// `host` of `role` shows `subject`.
    pub fn new(role: &str, subject: Subject, host: IpAddr) -> Mark {
        Mark {
            role: Box::from(role),
            subject,
            host,
        }
    }

    fn hash(&self) -> u64 {
        FixedState::with_seed(SAMPLE_SEED).hash_one(self)
    }
}

/// Who of which role has shown what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prevalence {
    /// By role and subject: hosts, and the epoch in which each last showed it.
    closed: BTreeMap<(Box<str>, Subject), BTreeMap<IpAddr, i64>>,
    closed_len: usize,
    open: BTreeSet<(u64, Mark)>,
    evicted: u64,
}

impl Prevalence {
    /// Leaves a mark in the open epoch, which is read once the epoch is closed.
    pub fn record(&mut self, mark: Mark, max: usize) {
        self.open.insert((mark.hash(), mark));
        while self.open.len() > max.max(1) {
            self.open.pop_last();
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    /// Takes a mark of the open epoch back: what was alerted on teaches nothing.
    pub fn retract(&mut self, mark: Mark) {
        self.open.remove(&(mark.hash(), mark));
    }

    /// How many hosts of `role` other than `host` have shown `subject`, as of the last closed
    /// epoch.
    pub fn others(&self, role: &str, subject: Subject, host: IpAddr) -> u64 {
        match self.closed.get(&(Box::from(role), subject)) {
            Some(hosts) => (hosts.len() - usize::from(hosts.contains_key(&host))) as u64,
            None => 0,
        }
    }

    /// Closes the epochs before `epoch`: their marks count from now on.
    pub fn close_epoch(&mut self, before: i64, epoch: i64, max: usize) {
        for (_, mark) in std::mem::take(&mut self.open) {
            let hosts = self.closed.entry((mark.role, mark.subject)).or_default();
            self.closed_len += usize::from(hosts.insert(mark.host, before).is_none());
        }
        let oldest = epoch.saturating_sub(LIFE_EPOCHS);
        self.closed.retain(|_, hosts| {
            let len = hosts.len();
            hosts.retain(|_, last| *last >= oldest);
            self.closed_len -= len - hosts.len();
            !hosts.is_empty()
        });
        if self.closed_len > max.max(1) {
            self.evict_closed(self.closed_len - max.max(1));
        }
    }

    /// Sends away `surplus` closed marks: the oldest, and of one age those with the largest hashes.
    fn evict_closed(&mut self, surplus: usize) {
        let mut ranked: Vec<_> = self
            .closed
            .iter()
            .flat_map(|((role, subject), hosts)| {
                hosts.iter().map(move |(host, last)| {
                    let mark = Mark::new(role, subject.clone(), *host);
                    (*last, std::cmp::Reverse(mark.hash()), mark)
                })
            })
            .collect();
        ranked.sort();
        for (_, _, mark) in ranked.into_iter().take(surplus) {
            let key = (mark.role, mark.subject);
            if let Some(hosts) = self.closed.get_mut(&key) {
                hosts.remove(&mark.host);
                self.closed_len -= 1;
                self.evicted = self.evicted.saturating_add(1);
                if hosts.is_empty() {
                    self.closed.remove(&key);
                }
            }
        }
    }

    /// Marks that the bound had no room for.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// What is read now, for a hash of the baseline: role, subject, host and last epoch, in order.
    pub fn closed(&self) -> impl Iterator<Item = (&str, &Subject, IpAddr, i64)> {
        self.closed.iter().flat_map(|((role, subject), hosts)| {
            hosts
                .iter()
                .map(move |(host, last)| (&**role, subject, *host, *last))
        })
    }
}
