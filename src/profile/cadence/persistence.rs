//! From hourly counts to what tells a program from a person where gaps have no rhythm.
//!
//! Above about 60 % jitter, and for exponential sleeps, gaps carry no information; that something
//! goes on at the same pace at all hours, with the same size, also while its host is idle, does.
//! Holds sums only.

use serde::{Deserialize, Serialize};

/// Hours below which nothing is told.
const HOURS_MIN: u32 = 6;
/// Gaps below which nothing is told.
const GAPS_MIN: u32 = 12;
/// The most that [`Persistence::bits`] gives.
const BITS_MAX: f64 = 6.0;

/// Sums over hours, the empty ones between them included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    hours: u32,
    gaps: u32,
    squares: u64,
    events: u32,
    idle_events: u32,
}

/// How like a program, whatever its gaps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Persistence {
    /// Closed hours, the empty ones included.
    pub hours: u32,
    /// Variance over mean of the gaps an hour: 1 for a memoryless program, far above for a person.
    pub fano: f64,
    /// Share of the events that came while their host was otherwise idle.
    pub idle_share: f64,
    /// Share of the events with the most frequent size, at least.
    pub modal_size_share: f64,
}

impl Persistence {
    /// Evidence for a program, 0 to 6 bits, two for each of: a steady pace, one size, and work
    /// while the host is idle. It counts only together with rarity and fingerprint.
    ///
    /// The weights are a design and have not been fitted.
    pub fn bits(&self) -> f64 {
        let steady = 1.0 - (libm::log2(self.fano.max(0.25)).max(0.0) / 2.0).min(1.0);
        let alike = ((self.modal_size_share - 0.5) / 0.4).clamp(0.0, 1.0);
        BITS_MAX / 3.0 * (steady + alike + self.idle_share.clamp(0.0, 1.0))
    }
}

impl Counts {
    /// Counts an event.
    pub fn handle_event(&mut self, host_idle: bool) {
        self.events = self.events.saturating_add(1);
        self.idle_events = self.idle_events.saturating_add(u32::from(host_idle));
    }

    /// An hour with `gaps` gaps is over; it, and those after it without any, are `hours`.
    pub fn close_hour(&mut self, gaps: u32, hours: i64) {
        let passed = u32::try_from(hours).unwrap_or(1).max(1);
        self.hours = self.hours.saturating_add(passed);
        self.gaps = self.gaps.saturating_add(gaps);
        self.squares = self
            .squares
            .saturating_add(u64::from(gaps) * u64::from(gaps));
    }

    /// Halves every sum.
    pub fn halve(&mut self) {
        self.hours /= 2;
        self.gaps /= 2;
        self.squares /= 2;
        self.events /= 2;
        self.idle_events /= 2;
    }

    /// The account; none before there are hours and gaps enough. `modal_count` events have the most
    /// frequent size.
    pub fn reading(&self, modal_count: u32) -> Option<Persistence> {
        if self.hours < HOURS_MIN || self.gaps < GAPS_MIN || self.events == 0 {
            return None;
        }
        let mean = f64::from(self.gaps) / f64::from(self.hours);
        let variance = self.squares as f64 / f64::from(self.hours) - mean * mean;
        let events = f64::from(self.events);
        Some(Persistence {
            hours: self.hours,
            fano: (variance / mean).max(0.0),
            idle_share: f64::from(self.idle_events) / events,
            modal_size_share: (f64::from(modal_count) / events).min(1.0),
        })
    }
}
