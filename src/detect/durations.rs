//! From how long sessions last to how unusual one's length is.
//!
//! Judges nothing. A host's own sessions count at once, those of its role as of the last closed
//! epoch. Counts by length in half octaves; all of them halve every fourteen days. Bounded by
//! `hosts_max` hosts' kinds of client, 2 · [`CELLS`] bytes each, and the configured roles.

use super::client::Kind;
use super::site::Member;
use crate::baseline::Bounded;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Half octaves from one second to twelve days.
const CELLS: usize = 41;
/// Epochs (hours) after which counts halve.
const HALVING_EPOCHS: i64 = 14 * 24;

/// Sessions by length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Lengths {
    cells: Vec<u16>,
    /// The epoch in which it was last halved or counted.
    epoch: i64,
}

/// How long sessions last: by host, and by role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    hosts: Bounded<(IpAddr, Kind), Lengths>,
    open: BTreeMap<(Box<str>, Kind), Lengths>,
    closed: BTreeMap<(Box<str>, Kind), Lengths>,
}

/// How unusual a length is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unusual {
    /// The share of sessions that last as long or longer, this one included.
    pub p: f64,
    /// Sessions behind it.
    pub n: u64,
    /// Whether they are the host's own; else its role's.
    pub own: bool,
    /// Nineteen in twenty end before this.
    pub usual_below: Span,
}

impl Durations {
    /// A session of the member, by a client of `kind`, lasted so long.
    pub fn learn(
        &mut self,
        (epoch, at): (i64, Timestamp),
        member: Member<'_>,
        kind: Kind,
        lasted: Span,
        hosts_max: usize,
    ) {
        let key = (member.host, kind);
        if let Some(own) = self.hosts.touch(&key, at, hosts_max, Lengths::default) {
            own.count(epoch, lasted);
        }
        let role = (Box::from(member.role), kind);
        self.open.entry(role).or_default().count(epoch, lasted);
    }

    /// How unusual a session of this length is for the host, or for its role where fewer than
    /// `samples_min` of the host's are known; none where the role's are as few.
    pub fn unusual(
        &self,
        member: Member<'_>,
        kind: Kind,
        lasted: Span,
        samples_min: u64,
    ) -> Option<Unusual> {
        let own = self.hosts.get(&(member.host, kind));
        let role = self.closed.get(&(Box::from(member.role), kind));
        let enough = |lengths: &&Lengths| lengths.n() >= samples_min;
        let (lengths, own) = match own.filter(enough) {
            Some(own) => (own, true),
            None => (role.filter(enough)?, false),
        };
        Some(Unusual {
            p: lengths.p(lasted),
            n: lengths.n(),
            own,
            usual_below: lengths.usual_below(),
        })
    }

    /// What was learnt of roles before `epoch` counts from now on.
    pub fn close_epoch(&mut self, epoch: i64) {
        for (key, lengths) in std::mem::take(&mut self.open) {
            let closed = self.closed.entry(key).or_default();
            closed.enter(epoch);
            closed.add(&lengths);
        }
        self.closed
            .values_mut()
            .for_each(|lengths| lengths.enter(epoch));
    }

    /// Hosts' kinds of client that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.hosts.evicted()
    }
}

impl Lengths {
    fn count(&mut self, epoch: i64, lasted: Span) {
        self.enter(epoch);
        self.cells.resize(CELLS, 0);
        if let Some(count) = self.cells.get_mut(cell(lasted)) {
            *count = count.saturating_add(1);
        }
    }

    fn enter(&mut self, epoch: i64) {
        let halvings = epoch.div_euclid(HALVING_EPOCHS) - self.epoch.div_euclid(HALVING_EPOCHS);
        if halvings > 0 {
            let by = u32::try_from(halvings).unwrap_or(u32::MAX).min(15);
            self.cells.iter_mut().for_each(|count| *count >>= by);
        }
        self.epoch = self.epoch.max(epoch);
    }

    fn add(&mut self, other: &Lengths) {
        self.cells.resize(CELLS, 0);
        for (count, more) in self.cells.iter_mut().zip(&other.cells) {
            *count = count.saturating_add(*more);
        }
    }

    fn n(&self) -> u64 {
        self.cells.iter().map(|count| u64::from(*count)).sum()
    }

    /// The conformal p-value: sessions in the same cell count as longer.
    fn p(&self, lasted: Span) -> f64 {
        let longer = self.cells.iter().skip(cell(lasted));
        let longer: u64 = longer.map(|count| u64::from(*count)).sum();
        (1 + longer) as f64 / (1 + self.n()) as f64
    }

    fn usual_below(&self) -> Span {
        let (n, mut below) = (self.n(), 0);
        for (index, count) in (1i32..).zip(&self.cells) {
            below += u64::from(*count);
            if 20 * below >= 19 * n {
                return Span::from_secs(libm::exp2(f64::from(index) / 2.0) as i64);
            }
        }
        Span::ZERO
    }
}

/// The half octave of a length: ⌊2·log2 s⌋ from one second on.
fn cell(lasted: Span) -> usize {
    let cell = libm::floor(2.0 * libm::log2(lasted.as_secs_f64().max(1.0)));
    (cell as usize).min(CELLS - 1)
}
