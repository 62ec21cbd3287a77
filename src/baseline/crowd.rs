//! From hosts that show a thing to since when it is known and about how many show it.
//!
//! Read as of the last closed epoch, merged in any order. Of the hosts of a thing the [`FEW_MAX`]
//! smallest hashes are kept (a bottom-k sketch): exact up to that many hosts, within about 18 %
//! (one standard deviation, 1/√(k − 2)) beyond. A thing that nobody showed for thirty days is
//! forgotten. Bounded by `max` things in each of the two halves: of the open epoch those with the
//! smallest hashes stay, which no order changes, of the closed ones the most recent.

use crate::time::Timestamp;
use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash};

/// Hosts of a thing that are told apart.
pub const FEW_MAX: usize = 32;
/// Epochs (hours) that a thing lives without being shown: thirty days.
const LIFE_EPOCHS: i64 = 30 * 24;
/// Any number, but always the same.
const SEED: u64 = 0x7461_7069_7200_0002;

fn hash(of: &impl Hash) -> u64 {
    FixedState::with_seed(SEED).hash_one(of)
}

/// Who shows a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    /// When it was shown first.
    pub first_at: Timestamp,
    last_epoch: i64,
    /// The smallest hashes of its hosts.
    hosts: BTreeSet<u64>,
}

impl Crowd {
    fn new(host: &impl Hash, at: Timestamp) -> Crowd {
        Crowd {
            first_at: at,
            last_epoch: at.hour(),
            hosts: BTreeSet::from([hash(host)]),
        }
    }

    fn merge(&mut self, other: Crowd) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_epoch = self.last_epoch.max(other.last_epoch);
        self.hosts.extend(other.hosts);
        while self.hosts.len() > FEW_MAX {
            self.hosts.pop_last();
        }
    }

    /// About how many hosts show it.
    pub fn hosts(&self) -> u64 {
        match self.hosts.last() {
            Some(most) if self.hosts.len() >= FEW_MAX => {
                let share = (*most as f64 + 1.0) / 2f64.powi(64);
                ((FEW_MAX - 1) as f64 / share).round().max(FEW_MAX as f64) as u64
            }
            _ => self.hosts.len() as u64,
        }
    }

    /// About how many hosts other than `host` show it.
    pub fn others(&self, host: &impl Hash) -> u64 {
        // Beyond the few, one more or less is less than the error.
        let own = self.hosts.len() < FEW_MAX && self.hosts.contains(&hash(host));
        self.hosts() - u64::from(own)
    }
}

/// What hosts show, by a pair of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowds {
    closed: BTreeMap<(Box<str>, Box<str>), Crowd>,
    open: BTreeMap<(u64, Box<str>, Box<str>), Crowd>,
    evicted: u64,
}

impl Crowds {
    /// `host` shows the thing called `a` and `b`; counts from the next epoch on.
    pub fn record(&mut self, a: &str, b: &str, host: &impl Hash, at: Timestamp, max: usize) {
        let key = (hash(&(a, b)), Box::from(a), Box::from(b));
        let crowd = Crowd::new(host, at);
        match self.open.get_mut(&key) {
            Some(known) => known.merge(crowd),
            None => {
                self.open.insert(key, crowd);
            }
        }
        while self.open.len() > max.max(1) {
            self.open.pop_last();
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    /// Who shows the thing called `a` and `b`.
    pub fn get(&self, a: &str, b: &str) -> Option<&Crowd> {
        self.closed.get(&(Box::from(a), Box::from(b)))
    }

    /// Closes the epochs before `epoch`.
    pub fn close_epoch(&mut self, epoch: i64, max: usize) {
        for ((_, a, b), crowd) in std::mem::take(&mut self.open) {
            match self.closed.get_mut(&(a.clone(), b.clone())) {
                Some(known) => known.merge(crowd),
                None => {
                    self.closed.insert((a, b), crowd);
                }
            }
        }
        let oldest = epoch.saturating_sub(LIFE_EPOCHS);
        self.closed.retain(|_, crowd| crowd.last_epoch >= oldest);
        let surplus = self.closed.len().saturating_sub(max.max(1));
        if surplus == 0 {
            return;
        }
        let ranked = self.closed.iter();
        let mut ranked: Vec<_> = ranked
            .map(|(key, crowd)| (crowd.last_epoch, hash(key), key.clone()))
            .collect();
        ranked.sort();
        for (_, _, key) in ranked.into_iter().take(surplus) {
            self.closed.remove(&key);
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    /// Things that the bound had no room for.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}
