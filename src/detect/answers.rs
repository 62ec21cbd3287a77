//! From how requests were answered to what one key's answers are compared with.
//!
//! Judges nothing. What other keys saw (the same object from other hosts, the same role with other
//! objects) is read as of the last closed epoch and halves every fourteen days. Bounded by
//! `baseline_keys_max` objects: of the open epoch those with the smallest hashes stay (a sample
//! that no order changes), of the closed ones the most recent; and by the configured roles.

use super::replies::{Tally, halvings};
use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// Epochs (hours) that an object nobody calls lives: thirty days.
const LIFE_EPOCHS: i64 = 30 * 24;
/// Seed of the hash that samples an overfull epoch; any number, but always the same.
const SAMPLE_SEED: u64 = 0x7461_7069_7200_0002;

/// What others are compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    open: BTreeMap<(u64, Box<str>), Answered>,
    closed: BTreeMap<Box<str>, (i64, Answered)>,
    roles: [BTreeMap<Box<str>, Answered>; 2],
    evicted: u64,
}

/// How the requests of a role, or to an object, were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// All of its keys.
    pub tally: Tally,
    /// Keys, each once an epoch, that told the entropy of their replies.
    pub keys: u32,
    /// Their entropies, in hundredths of a bit.
    pub centibits: u32,
}

impl Answered {
    fn and(self, other: Answered) -> Answered {
        Answered {
            tally: self.tally.and(other.tally),
            keys: self.keys.saturating_add(other.keys),
            centibits: self.centibits.saturating_add(other.centibits),
        }
    }

    fn halved(self, times: u32) -> Answered {
        Answered {
            tally: self.tally.halved(times),
            keys: self.keys.checked_shr(times).unwrap_or(0),
            centibits: self.centibits.checked_shr(times).unwrap_or(0),
        }
    }

    /// The mean entropy of replies, in bits.
    pub fn entropy(&self) -> f64 {
        f64::from(self.centibits) / 100.0 / f64::from(self.keys.max(1))
    }
}

impl Answers {
    /// A flow to `object` from a host of `role` adds this, from the next epoch on.
    pub fn add(&mut self, role: &str, object: &str, added: Tally, max: usize) {
        let open = self.open.entry(open_key(object)).or_default();
        open.tally = open.tally.and(added);
        while self.open.len() > max.max(1) {
            self.open.pop_last();
            self.evicted = self.evicted.saturating_add(1);
        }
        let role = self.role_mut(role);
        role.tally = role.tally.and(added);
    }

    /// A key, of `role` and to `object`, has replies of this entropy.
    pub fn add_entropy(&mut self, role: &str, object: &str, entropy: f64) {
        let told = Answered {
            tally: Tally::default(),
            keys: 1,
            centibits: (entropy * 100.0).round() as u32,
        };
        if let Some(open) = self.open.get_mut(&open_key(object)) {
            *open = open.and(told);
        }
        let role = self.role_mut(role);
        *role = role.and(told);
    }

    /// Takes back what the open epoch learnt of a key.
    pub fn retract(&mut self, role: &str, object: &str, given: Tally) {
        if let Some(open) = self.open.get_mut(&open_key(object)) {
            open.tally = open.tally.without(given);
        }
        let role = self.role_mut(role);
        role.tally = role.tally.without(given);
    }

    /// How the requests of others to `object` were answered; `given` is the asking key's own share.
    /// The entropies hold its own too, which only makes it less unusual.
    pub fn of_object(&self, object: &str, given: Tally) -> Answered {
        let closed = self.closed.get(object).map(|(_, answered)| *answered);
        let closed = closed.unwrap_or_default();
        Answered {
            tally: closed.tally.without(given),
            ..closed
        }
    }

    /// How the other requests of the role were answered.
    pub fn of_role(&self, role: &str, given: Tally) -> Answered {
        let [_, closed] = &self.roles;
        let closed = closed.get(role).copied().unwrap_or_default();
        Answered {
            tally: closed.tally.without(given),
            ..closed
        }
    }

    /// Closes the epochs before `epoch`: what they learnt counts from now on.
    pub fn close_epoch(&mut self, before: i64, epoch: i64, max: usize) {
        let times = halvings(before, epoch);
        for ((_, object), answered) in std::mem::take(&mut self.open) {
            let closed = self.closed.entry(object).or_default();
            *closed = (before, closed.1.and(answered));
        }
        let oldest = epoch.saturating_sub(LIFE_EPOCHS);
        self.closed.retain(|_, (last, answered)| {
            *answered = answered.halved(times);
            *last >= oldest
        });
        let [open, closed] = &mut self.roles;
        for (role, added) in std::mem::take(open) {
            let own = closed.entry(role).or_default();
            *own = own.and(added);
        }
        for own in closed.values_mut() {
            *own = own.halved(times);
        }
        self.evict(max);
    }

    fn evict(&mut self, max: usize) {
        let surplus = self.closed.len().saturating_sub(max.max(1));
        if surplus == 0 {
            return;
        }
        let ranks = self.closed.iter();
        let mut ranked: Vec<_> = ranks
            .map(|(object, (last, _))| (*last, Reverse(open_key(object))))
            .collect();
        ranked.sort_unstable();
        for (_, Reverse((_, object))) in ranked.into_iter().take(surplus) {
            self.closed.remove(&object);
            self.evicted = self.evicted.saturating_add(1);
        }
    }

    /// Objects that the bound had no room for.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn role_mut(&mut self, role: &str) -> &mut Answered {
        let [open, _] = &mut self.roles;
        open.entry(role.into()).or_default()
    }
}

fn open_key(object: &str) -> (u64, Box<str>) {
    (
        FixedState::with_seed(SAMPLE_SEED).hash_one(object),
        object.into(),
    )
}
