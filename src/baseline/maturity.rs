//! From days and samples to whether a baseline may be asked.
//!
//! Holds a few days and a count, no value. What a baseline says is a [`Baseline`]: while it learns
//! there is no number to show, so none can be shown.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Active days below which a cell learns. By design, not fitted.
pub const ACTIVE_DAYS_MIN: u32 = 5;
/// Samples below which a cell learns. By design, not fitted.
pub const SAMPLES_MIN: u32 = 20;

/// What a baseline says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Baseline<T> {
    /// Nothing yet.
    Learning(Learning),
    /// This.
    Ready(T),
}

impl<T> Baseline<T> {
    /// What it says, if it says anything.
    pub fn ready(self) -> Option<T> {
        match self {
            Baseline::Learning(_) => None,
            Baseline::Ready(said) => Some(said),
        }
    }
}

/// How far a baseline that learns has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learning {
    /// Days with samples, counted up to [`ACTIVE_DAYS_MIN`].
    pub active_days: u32,
    /// Samples, of [`SAMPLES_MIN`].
    pub samples: u32,
}

/// How long, and from how much, something learns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maturity {
    /// The first days with samples, as many as are asked for: enough to know whether they were, and
    /// the same in whichever order they are merged.
    days: Vec<i32>,
    samples: u32,
}

impl Maturity {
    /// Takes a sample of `at`.
    pub fn handle_sample(&mut self, at: Timestamp) {
        // 64 bits of nanoseconds end 106,751 days from 1970.
        self.add_day(at.hour().div_euclid(24) as i32);
        self.samples = self.samples.saturating_add(1);
    }

    fn add_day(&mut self, day: i32) {
        if let Err(index) = self.days.binary_search(&day) {
            self.days.insert(index, day);
            self.days.truncate(ACTIVE_DAYS_MIN as usize);
        }
    }

    /// How far it has come.
    pub fn so_far(&self) -> Learning {
        Learning {
            active_days: self.days.len() as u32,
            samples: self.samples,
        }
    }

    /// The first day with samples, from 1970.
    pub(super) fn first_day(&self) -> Option<i64> {
        self.days.first().copied().map(i64::from)
    }

    /// Whether it has seen enough.
    pub fn is_ready(&self) -> bool {
        self.days.len() >= ACTIVE_DAYS_MIN as usize && self.samples >= SAMPLES_MIN
    }

    /// What is asked of it, once it has seen enough.
    pub fn when_ready<T>(&self, ask: impl FnOnce() -> T) -> Baseline<T> {
        if self.is_ready() {
            Baseline::Ready(ask())
        } else {
            Baseline::Learning(self.so_far())
        }
    }

    /// Adds what another one has seen.
    pub fn merge(&mut self, other: &Maturity) {
        other.days.iter().for_each(|day| self.add_day(*day));
        self.samples = self.samples.saturating_add(other.samples);
    }
}
