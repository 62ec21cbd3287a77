//! From keys with a moment each to a table that never exceeds its bound.
//!
//! Knows nothing of what the keys mean. When the table is full, the entry with the earliest moment
//! leaves; equal moments leave in order of their key, so that the same inputs always send the same
//! entry away.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A map in which every entry carries the moment that ranks it for leaving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct Bounded<K, V> {
    entries: BTreeMap<K, (Timestamp, V)>,
    order: BTreeSet<(Timestamp, K)>,
    evicted: u64,
}

impl<K: Ord + Clone, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Bounded {
            entries: BTreeMap::new(),
            order: BTreeSet::new(),
            evicted: 0,
        }
    }
}

impl<K: Ord + Clone, V> Bounded<K, V> {
    /// The entry of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// The entry of `key`, to change in place; its rank stays.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// The moment that ranks the entry of `key`.
    pub fn moment(&self, key: &K) -> Option<Timestamp> {
        self.entries.get(key).map(|(moment, _)| *moment)
    }

    /// Puts `value` under `key` with the rank `moment`, sending away whoever is above `max` entries
    /// (of which at least one is always allowed).
    pub fn insert(&mut self, key: K, moment: Timestamp, value: V, max: usize) {
        self.remove(&key);
        while self.entries.len() >= max.max(1) {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            self.entries.remove(&oldest);
            self.evicted = self.evicted.saturating_add(1);
        }
        self.order.insert((moment, key.clone()));
        self.entries.insert(key, (moment, value));
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (moment, value) = self.entries.remove(key)?;
        self.order.remove(&(moment, key.clone()));
        Some(value)
    }

    /// Drops every entry ranked before `moment`; what has expired is not counted as evicted.
    pub fn expire(&mut self, moment: Timestamp) {
        while self.order.first().is_some_and(|(at, _)| *at < moment) {
            let Some((_, key)) = self.order.pop_first() else {
                break;
            };
            self.entries.remove(&key);
        }
    }

    /// The moment of the entry that leaves first.
    pub fn first_moment(&self) -> Option<Timestamp> {
        self.order.first().map(|(moment, _)| *moment)
    }

    /// The key of the entry that leaves first.
    pub fn first_key(&self) -> Option<&K> {
        self.order.first().map(|(_, key)| key)
    }

    /// Takes out the entry with the earliest moment; it is not counted as evicted.
    pub fn pop_first(&mut self) -> Option<(Timestamp, K, V)> {
        let (moment, key) = self.order.pop_first()?;
        let (_, value) = self.entries.remove(&key)?;
        Some((moment, key, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}
