//! From flows to one destination to what was uploaded there in one go.
//!
//! Judges nothing. Who uploads in pieces uploads as much: up to [`PARTS_MAX`] flows that begin
//! within thirty minutes are one [`Transfer`]. A flow that is open counts with what it has sent so
//! far, so that a transfer can be judged while it goes on. Bounded by `max` transfers.

#[cfg(test)]
mod tests;

use super::an1415::Cell;
use super::calls::CallKey;
use crate::baseline::Bounded;
use crate::net::Uid;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Flows of one transfer.
pub const PARTS_MAX: usize = 10;
/// How long after its first flow a transfer takes further ones.
pub const WINDOW: Span = Span::from_secs(1800);
/// A flow that is open is told of within this: the last checkpoint is at 24 hours.
const OPEN_MAX: Span = Span::from_secs(2 * 86_400);

/// What one flow sent, so far or in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The flow.
    pub uid: Uid,
    /// Application bytes to the destination.
    pub up: u64,
    /// Application bytes from it.
    pub down: u64,
    /// Whether it goes on.
    pub open: bool,
}

/// What was uploaded in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// When its first flow was told.
    pub first_at: Timestamp,
    /// What it is compared with.
    pub cell: Cell,
    parts: Vec<Part>,
    /// Whether it was alerted on: it teaches nothing.
    alerted: bool,
}

impl Transfer {
    fn new(at: Timestamp, cell: Cell) -> Transfer {
        Transfer {
            first_at: at,
            cell,
            parts: Vec::new(),
            alerted: false,
        }
    }

    /// Its flows, oldest first.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Application bytes to the destination.
    pub fn up(&self) -> u64 {
        self.parts
            .iter()
            .fold(0, |sum, part| sum.saturating_add(part.up))
    }

    /// Application bytes from it.
    pub fn down(&self) -> u64 {
        self.parts
            .iter()
            .fold(0, |sum, part| sum.saturating_add(part.down))
    }

    /// Whether a flow of it goes on.
    pub fn is_open(&self) -> bool {
        self.parts.iter().any(|part| part.open)
    }

    fn takes(&self, uid: Uid, at: Timestamp) -> bool {
        let known = self.parts.iter().any(|part| part.uid == uid);
        known || self.parts.len() < PARTS_MAX && at - self.first_at <= WINDOW
    }

    fn put(&mut self, part: Part) {
        match self.parts.iter_mut().find(|known| known.uid == part.uid) {
            Some(known) => *known = part,
            None => self.parts.push(part),
        }
    }

    fn over_at(&self, at: Timestamp) -> Timestamp {
        match self.is_open() {
            true => at + OPEN_MAX,
            false => at.max(self.first_at + WINDOW),
        }
    }
}

/// A transfer that is over and may be learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Who uploaded.
    pub host: IpAddr,
    /// Where to.
    pub object: Arc<str>,
    /// When it began.
    pub first_at: Timestamp,
    /// What it is compared with.
    pub cell: Cell,
    /// How much.
    pub up: u64,
}

/// The transfers that go on, by host and destination, ranked by when they are over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transfers {
    going: Bounded<CallKey, Transfer>,
}

impl Transfers {
    /// A flow of the key, which compares with `cell`, has sent `part` by `at`, or in all; what was
    /// over before it.
    pub fn handle_part(
        &mut self,
        key: &CallKey,
        (cell, part): (Cell, Part),
        at: Timestamp,
        max: usize,
    ) -> Option<Over> {
        let known = self.going.remove(key);
        let (over, mut transfer) = match known {
            Some(known) if known.takes(part.uid, at) => (None, known),
            Some(known) => (over(key, &known), Transfer::new(at, cell)),
            None => (None, Transfer::new(at, cell)),
        };
        transfer.put(part);
        let over_at = transfer.over_at(at);
        self.going.insert(key.clone(), over_at, transfer, max);
        over
    }

    /// The transfer of the key.
    pub fn get(&self, key: &CallKey) -> Option<&Transfer> {
        self.going.get(key)
    }

    /// The transfer was alerted on.
    pub fn handle_alert(&mut self, key: &CallKey) {
        if let Some(transfer) = self.going.get_mut(key) {
            transfer.alerted = true;
        }
    }

    /// When the next transfer is over.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.going.first_moment()
    }

    /// The transfer that was over first, by `clock`, and when; those that were alerted on go
    /// unmentioned.
    pub fn pop_over(&mut self, clock: Timestamp) -> Option<(Timestamp, Over)> {
        while self.deadline().is_some_and(|over_at| over_at <= clock) {
            let (at, key, transfer) = self.going.pop_first()?;
            if let Some(over) = over(&key, &transfer) {
                return Some((at, over));
            }
        }
        None
    }

    /// Transfers that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.going.evicted()
    }
}

fn over(key: &CallKey, transfer: &Transfer) -> Option<Over> {
    (!transfer.alerted).then(|| Over {
        host: key.0,
        object: key.1.clone(),
        first_at: transfer.first_at,
        cell: transfer.cell,
        up: transfer.up(),
    })
}
