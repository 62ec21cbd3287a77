//! From keys with a moment each to a table that never exceeds its bound.
//!
//! Knows nothing of what the keys mean. When the table is full, the entry with the earliest moment
//! leaves; equal moments leave in order of their key, so that the same inputs always send the same
//! entry away.

use crate::time::Timestamp;
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

/// What a table is keyed by.
pub trait Key: Ord + Hash + Clone {}

impl<K: Ord + Hash + Clone> Key for K {}

/// A map in which every entry carries the moment that ranks it for leaving.
///
/// Saved as its entries in the order in which they leave.
#[derive(Clone, Debug)]
pub struct Bounded<K: Key, V> {
    /// Nobody outside can tell which keys collide, and nothing depends on their order.
    entries: HashMap<K, Entry<V>, RandomState>,
    /// Every key, under a moment that is not after its own; the first is under its own. So an entry
    /// that comes again and again moves only when it is its turn to leave.
    order: BTreeSet<(Timestamp, K)>,
    evicted: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    moment: Timestamp,
    /// The moment in `order`.
    ranked: Timestamp,
    value: V,
}

impl<K: Key, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Bounded {
            entries: HashMap::with_hasher(RandomState::default()),
            order: BTreeSet::new(),
            evicted: 0,
        }
    }
}

impl<K: Key, V> Bounded<K, V> {
    /// The entry of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The entry of `key`, to change in place; its rank stays.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// The moment that ranks the entry of `key`.
    pub fn moment(&self, key: &K) -> Option<Timestamp> {
        self.entries.get(key).map(|entry| entry.moment)
    }

    /// Puts `value` under `key` with the rank `moment`, sending away whoever is above `max` entries
    /// (of which at least one is always allowed).
    pub fn insert(&mut self, key: K, moment: Timestamp, value: V, max: usize) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = value;
            return self.rank(&key, moment);
        }
        while self.evict_for_one(max).is_some() {}
        self.order.insert((moment, key.clone()));
        let entry = Entry {
            moment,
            ranked: moment,
            value,
        };
        self.entries.insert(key, entry);
    }

    /// The entry of `key`, which `fresh` makes where there is none, with the rank `moment`.
    pub fn touch(
        &mut self,
        key: &K,
        moment: Timestamp,
        max: usize,
        fresh: impl FnOnce() -> V,
    ) -> Option<&mut V> {
        match self.entries.contains_key(key) {
            true => self.rank(key, moment),
            false => self.insert(key.clone(), moment, fresh(), max),
        }
        self.get_mut(key)
    }

    /// Takes the value of `key` out until it is inserted again; its place is kept.
    pub fn take(&mut self, key: &K) -> Option<V>
    where
        V: Default,
    {
        self.get_mut(key).map(std::mem::take)
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (key, entry) = self.entries.remove_entry(key)?;
        self.order.remove(&(entry.ranked, key));
        self.settle();
        Some(entry.value)
    }

    /// Sends the entry with the earliest moment away where `max` entries leave no room for another
    /// one: for owners that keep something beside the table.
    pub fn evict_for_one(&mut self, max: usize) -> Option<(K, V)> {
        if self.entries.len() < max.max(1) {
            return None;
        }
        let (_, key, value) = self.pop_first()?;
        self.evicted = self.evicted.saturating_add(1);
        Some((key, value))
    }

    /// Drops every entry ranked before `moment`; what has expired is not counted as evicted.
    pub fn expire(&mut self, moment: Timestamp) {
        while self.pop_before(moment).is_some() {}
    }

    /// Takes out the entry with the earliest moment, where that is before `moment`.
    pub fn pop_before(&mut self, moment: Timestamp) -> Option<(K, V)> {
        let before = self.first_moment().is_some_and(|first| first < moment);
        let (_, key, value) = before.then(|| self.pop_first())??;
        Some((key, value))
    }

    /// The moment of the entry that leaves first.
    pub fn first_moment(&self) -> Option<Timestamp> {
        self.order.first().map(|(moment, _)| *moment)
    }

    /// The entry that leaves first.
    pub fn first(&self) -> Option<(Timestamp, &K)> {
        self.order.first().map(|(moment, key)| (*moment, key))
    }

    /// Takes out the entry with the earliest moment; it is not counted as evicted.
    pub fn pop_first(&mut self) -> Option<(Timestamp, K, V)> {
        let (moment, key) = self.order.pop_first()?;
        let entry = self.entries.remove(&key)?;
        self.settle();
        Some((moment, key, entry.value))
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

    fn rank(&mut self, key: &K, moment: Timestamp) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.moment = moment;
        let ranked = entry.ranked;
        if moment < ranked {
            entry.ranked = moment;
            self.order.remove(&(ranked, key.clone()));
            self.order.insert((moment, key.clone()));
        } else if self.first_moment() == Some(ranked) {
            self.settle();
        }
    }

    /// Lets the first of the order be under its own moment.
    fn settle(&mut self) {
        while let Some((ranked, key)) = self.order.first() {
            let Some(entry) = self.entries.get_mut(key) else {
                return;
            };
            if entry.moment == *ranked {
                return;
            }
            entry.ranked = entry.moment;
            let moment = entry.moment;
            if let Some((_, key)) = self.order.pop_first() {
                self.order.insert((moment, key));
            }
        }
    }

    fn in_order(&self) -> Vec<(Timestamp, &K, &V)> {
        let entry = |(key, entry)| {
            let Entry { moment, value, .. }: &Entry<V> = entry;
            (*moment, key, value)
        };
        let mut entries: Vec<_> = self.entries.iter().map(entry).collect();
        entries.sort_by_key(|(moment, key, _)| (*moment, *key));
        entries
    }
}

/// Keeps the `max` largest entries of a map, of equal ones those with the largest keys; how many
/// had to leave.
pub fn keep_largest<K: Ord + Clone, V, S: Ord>(
    entries: &mut BTreeMap<K, V>,
    max: usize,
    size: impl Fn(&V) -> S,
) -> u64 {
    let surplus = entries.len().saturating_sub(max.max(1));
    if surplus == 0 {
        return 0;
    }
    let ranked = entries
        .iter()
        .map(|(key, value)| (size(value), key.clone()));
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort();
    for (_, key) in ranked.into_iter().take(surplus) {
        entries.remove(&key);
    }
    surplus as u64
}

impl<K: Key, V: PartialEq> PartialEq for Bounded<K, V> {
    fn eq(&self, other: &Self) -> bool {
        (self.evicted, self.in_order()) == (other.evicted, other.in_order())
    }
}

impl<K: Key + Serialize, V: Serialize> Serialize for Bounded<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.in_order(), self.evicted).serialize(serializer)
    }
}

impl<'de, K: Key + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Bounded<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (entries, evicted) = <(Vec<(Timestamp, K, V)>, u64)>::deserialize(deserializer)?;
        let mut table = Bounded {
            evicted,
            ..Bounded::default()
        };
        for (moment, key, value) in entries {
            table.insert(key, moment, value, usize::MAX);
        }
        Ok(table)
    }
}
