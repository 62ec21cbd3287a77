//! From keys to flows: one shard's table, with its deadlines and its bound.
//!
//! Knows nothing of payload: what is attached to a flow is its owner's. Holds at most `flows_max`
//! flows; where another one comes, the flow whose deadline is nearest leaves, so half-open attempts
//! go before established flows.

use super::Flow;
use super::key::FlowKey;
use crate::limits::Limits;
use crate::time::{Timers, Timestamp};
use hashbrown::HashTable;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One shard's flows, each with an attachment `A`.
#[derive(Debug)]
pub struct Table<A> {
    slots: Slots<A>,
    index: HashTable<u32>,
    timers: Timers,
}

/// What is saved of a table: index and deadlines follow from it.
#[derive(Debug, Serialize, Deserialize)]
struct Slots<A> {
    entries: Vec<Option<Entry<A>>>,
    free: Vec<u32>,
}

/// A flow in the table.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry<A> {
    /// The flow.
    pub flow: Flow,
    /// What its owner attached.
    pub attached: A,
    hash: u64,
    /// The deadline that its newest entry among the timers has.
    scheduled: Timestamp,
    /// When its owner wants to look at it, though it goes on.
    pub look_at: Option<Timestamp>,
}

/// What is due.
#[derive(Debug)]
pub enum Due<A> {
    /// A flow is over and has left the table.
    Over(Box<Entry<A>>),
    /// The owner wanted to look at the flow in this slot.
    Look(u32),
}

impl<A> Entry<A> {
    fn due(&self, limits: &Limits) -> Timestamp {
        let deadline = self.flow.deadline(limits);
        self.look_at
            .map_or(deadline, |look_at| look_at.min(deadline))
    }
}

/// So many timers of flows that are gone may be held, beside as many as there are flows.
const STALE_TIMERS_MAX: usize = 1024;

impl<A> Slots<A> {
    /// The deadlines of all flows.
    fn timers(&self) -> Timers {
        let mut timers = Timers::default();
        for (slot, entry) in self.entries.iter().enumerate() {
            if let Some(entry) = entry {
                timers.schedule(entry.scheduled, slot as u32);
            }
        }
        timers
    }
}

impl<A> Default for Table<A> {
    fn default() -> Table<A> {
        Table {
            slots: Slots {
                entries: Vec::new(),
                free: Vec::new(),
            },
            index: HashTable::new(),
            timers: Timers::default(),
        }
    }
}

impl<A> Table<A> {
    /// How many flows are held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no flow is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The slot of the flow with `key`.
    pub fn find(&self, key: &FlowKey, hash: u64) -> Option<u32> {
        let entries = &self.slots.entries;
        let same = |slot: &u32| matches!(&entries[*slot as usize], Some(e) if e.flow.key == *key);
        self.index.find(hash, same).copied()
    }

    /// The flow in `slot`, which [`Table::find`] or [`Table::insert`] gave.
    pub fn get_mut(&mut self, slot: u32) -> &mut Entry<A> {
        self.slots.entries[slot as usize]
            .as_mut()
            .expect("a slot is handed out only while its flow is held")
    }

    /// Puts a flow in, which must not be there. [`Table::reschedule`] gives it its deadline.
    pub fn insert(&mut self, flow: Flow, hash: u64, attached: A) -> u32 {
        let entry = Entry {
            flow,
            attached,
            hash,
            scheduled: Timestamp::MIN,
            look_at: None,
        };
        let entries = &mut self.slots.entries;
        let slot = match self.slots.free.pop() {
            Some(slot) => {
                entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                entries.push(Some(entry));
                (entries.len() - 1) as u32
            }
        };
        self.index.insert_unique(hash, slot, |slot| {
            entries[*slot as usize]
                .as_ref()
                .map_or(0, |entry| entry.hash)
        });
        slot
    }

    /// Takes the flow in `slot` out.
    pub fn remove(&mut self, slot: u32) -> Entry<A> {
        let entry = self.slots.entries[slot as usize]
            .take()
            .expect("a slot is handed out only while its flow is held");
        if let Ok(found) = self.index.find_entry(entry.hash, |other| *other == slot) {
            found.remove();
        }
        self.slots.free.push(slot);
        entry
    }

    /// The flow's deadline may have moved. A later one costs nothing until the earlier one is due.
    pub fn reschedule(&mut self, slot: u32, limits: &Limits) {
        let entry = self.get_mut(slot);
        let deadline = entry.due(limits);
        if entry.scheduled == Timestamp::MIN || deadline < entry.scheduled {
            entry.scheduled = deadline;
            self.timers.schedule(deadline, slot);
        }
        // A flow that ends early leaves its timer behind.
        if self.timers.len() > 2 * self.len() + STALE_TIMERS_MAX {
            self.timers = self.slots.timers();
        }
    }

    /// What is due first, if that is at or before `clock`. After a look [`Table::reschedule`] gives
    /// the flow its next deadline.
    pub fn pop_due(&mut self, clock: Timestamp, limits: &Limits) -> Option<(Timestamp, Due<A>)> {
        while let Some((deadline, slot)) = self.timers.pop_due(clock) {
            let Some(slot) = self.settle(deadline, slot, limits) else {
                continue;
            };
            let entry = self.get_mut(slot);
            if entry.flow.deadline(limits) > deadline {
                entry.look_at = None;
                entry.scheduled = Timestamp::MIN;
                return Some((deadline, Due::Look(slot)));
            }
            return Some((deadline, Due::Over(Box::new(self.remove(slot)))));
        }
        None
    }

    /// Takes out the flow whose deadline is nearest, due or not. Looks that come before that are
    /// given up until their flow's next packet: a full table could be nothing but these.
    pub fn evict(&mut self, limits: &Limits) -> Option<Entry<A>> {
        while let Some((deadline, slot)) = self.timers.pop() {
            let Some(slot) = self.settle(deadline, slot, limits) else {
                continue;
            };
            let entry = self.get_mut(slot);
            let own = entry.flow.deadline(limits);
            if own <= deadline {
                return Some(self.remove(slot));
            }
            entry.look_at = None;
            entry.scheduled = own;
            self.timers.schedule(own, slot);
        }
        None
    }

    /// All flows, in the order of their slots; the table is empty afterwards.
    pub fn drain(&mut self) -> impl Iterator<Item = Entry<A>> + use<A> {
        let table = std::mem::take(self);
        table.slots.entries.into_iter().flatten()
    }

    /// Whether a timer still tells the deadline of the flow in its slot; one that moved is put
    /// back.
    fn settle(&mut self, deadline: Timestamp, slot: u32, limits: &Limits) -> Option<u32> {
        let entry = self.slots.entries[slot as usize].as_mut()?;
        if entry.scheduled != deadline {
            return None;
        }
        let actual = entry.due(limits);
        if actual > deadline {
            entry.scheduled = actual;
            self.timers.schedule(actual, slot);
            return None;
        }
        Some(slot)
    }
}

impl<A: Serialize> Serialize for Table<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.slots.serialize(serializer)
    }
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for Table<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Table<A>, D::Error> {
        let slots = Slots::<A>::deserialize(deserializer)?;
        let mut index = HashTable::new();
        let hash_of = |slot: &u32| match &slots.entries[*slot as usize] {
            Some(entry) => entry.hash,
            None => 0,
        };
        for (slot, entry) in slots.entries.iter().enumerate() {
            if let Some(entry) = entry {
                index.insert_unique(entry.hash, slot as u32, hash_of);
            }
        }
        Ok(Table {
            timers: slots.timers(),
            slots,
            index,
        })
    }
}
