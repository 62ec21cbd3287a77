//! From one key's events to its histograms, and when to look at them.
//!
//! O(1) an event. Evidence ages: every count halves as each third day begins.

use super::calm::{self, Calm};
use super::gaps::{Bursts, GAPS_BYTES_MAX, Gaps, bin};
use super::hours::{self, Hours};
use super::persistence::{Counts, Persistence};
use super::sizes::{self, Sizes};
use super::templates::{Fit, Templates};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Events within this of the one before are one burst.
const MERGE: Span = Span::from_secs(2);
/// The same, for keys with more than [`BRISK_EVENTS`] events an hour.
const MERGE_BRISK: Span = Span::from_millis(250);
const BRISK_EVENTS: u16 = 600;
/// Counts halve as each of these begins: three days.
const HALVING_HOURS: i64 = 72;
/// The first number of gaps at which a key is looked at.
const FIRST_LOOK: u32 = 6;

/// The most that a series holds, itself included, where no hour had more than 600 events: 1.5 KiB.
pub const SERIES_BYTES_MAX: usize =
    size_of::<Series>() + hours::HEAP_BYTES_MAX + sizes::HEAP_BYTES_MAX + calm::HEAP_BYTES_MAX;
const _: () = assert!(SERIES_BYTES_MAX <= 1536);
/// What a series holds besides for the shorter merge of a busy key.
pub const BRISK_BYTES_MAX: usize = size_of::<Brisk>() + GAPS_BYTES_MAX;

/// The beginning of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it began.
    pub at: Timestamp,
    /// Bytes that its originator sent in it; none where that is not known.
    pub upload_bytes: Option<u64>,
    /// Whether its host did nothing else that a person would do at that time.
    pub host_idle: bool,
}

/// What is kept of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    bursts: Bursts,
    hours: Hours,
    sizes: Sizes,
    calm: Calm,
    brisk: Option<Box<Brisk>>,
    counts: Counts,
    /// Gaps so far, without ageing.
    n: u32,
    /// The number of gaps at which the next look is due.
    look_at: u32,
    /// The hour of the last look, and that of the last event.
    looked: i64,
    hour: i64,
    /// Events in the hour of the last event, bursts not merged.
    hour_events: u16,
}

/// The same events with a shorter merge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Brisk {
    bursts: Bursts,
    gaps: Gaps,
}

/// Which of a key's gaps showed the cadence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum View {
    /// All gaps.
    All,
    /// Gaps that ended in quiet hours: people who use the same destination are busy in others.
    Quiet,
    /// Gaps between events of one upload size.
    Size,
    /// Gaps between two pauses: people who use the same destination come in sittings.
    Calm,
    /// Gaps of a busy key, with bursts merged within a quarter of a second only.
    Brisk,
}

impl View {
    /// What the choice among views is worth, in bits. Those of `Brisk` and `Calm` are a design.
    fn deduction(self) -> f64 {
        match self {
            View::All => 0.0,
            View::Quiet | View::Brisk => 2.0,
            View::Size | View::Calm => 4.0,
        }
    }

    /// The fewest gaps that count: four events of all, four gaps otherwise.
    fn gaps_min(self) -> u32 {
        match self {
            View::All => 3,
            View::Quiet | View::Size | View::Brisk => 4,
            View::Calm => 6,
        }
    }
}

/// How periodic a key is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Bits for a timer, less what the choice among views is worth: 20 make a candidate, 30 are
    /// strong.
    pub bits: f64,
    /// The gaps that showed it.
    pub view: View,
    /// The timer.
    pub fit: Fit,
}

impl Series {
    /// Takes the key's next event, and says whether a look is due: at 6, 8, 12, 16, 24, 32 ...
    /// gaps, and with the first gap of every hour.
    pub fn handle_event(&mut self, event: Event) -> bool {
        let Event {
            at,
            upload_bytes,
            host_idle,
        } = event;
        self.enter_hour(at.hour());
        self.counts.handle_event(host_idle);
        if let Some(bytes) = upload_bytes {
            self.sizes.handle(at, bytes, MERGE);
        }
        let brisk = self.brisk.as_mut().is_some_and(|brisk| {
            let gap = brisk.bursts.handle(at, MERGE_BRISK).map(bin);
            gap.inspect(|b| brisk.gaps.add(*b)).is_some()
        });
        let gap = self.bursts.handle(at, MERGE).map(bin);
        gap.inspect(|b| self.calm.handle(*b));
        if let Some(b) = gap
            && let Some((gaps, closed)) = self.hours.add(b, self.hour)
        {
            self.counts.close_hour(gaps, self.hour - closed);
        }
        let fresh = gap.is_some() || brisk;
        self.n = self.n.saturating_add(u32::from(fresh));
        fresh && self.is_due()
    }

    /// Gaps so far.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// The best timer in any view; none below four events.
    pub fn reading(&self, templates: &Templates) -> Option<Reading> {
        let (all, quiet) = (self.hours.all(), self.hours.quiet());
        let mut views = vec![(View::All, &all)];
        if quiet != all {
            views.push((View::Quiet, &quiet));
        }
        // A size that all events share shows what all of them show.
        let sizes = self.sizes.gaps().filter(|gaps| **gaps != all);
        views.extend(sizes.map(|gaps| (View::Size, gaps)));
        views.push((View::Calm, self.calm.gaps()));
        views.extend(self.brisk.as_ref().map(|brisk| (View::Brisk, &brisk.gaps)));
        let readings = views.into_iter().filter_map(|(view, gaps)| {
            if gaps.n() < view.gaps_min() {
                return None;
            }
            let fit = templates.fit(gaps)?;
            let bits = fit.bits - view.deduction();
            Some(Reading { bits, view, fit })
        });
        // Of equals the first.
        readings.reduce(|best, next| if next.bits > best.bits { next } else { best })
    }

    /// The gaps of the view [`View::Quiet`].
    #[cfg(test)]
    pub(super) fn quiet(&self) -> Gaps {
        self.hours.quiet()
    }

    /// What tells a program where the gaps do not.
    pub fn persistence(&self) -> Option<Persistence> {
        self.counts.reading(self.sizes.modal_count())
    }

    /// Bytes that it holds, itself included.
    pub fn bytes(&self) -> usize {
        let brisk = |brisk: &Brisk| size_of::<Brisk>() + brisk.gaps.heap_bytes();
        size_of::<Series>()
            + self.hours.heap_bytes()
            + self.sizes.heap_bytes()
            + self.calm.heap_bytes()
            + self.brisk.as_deref().map_or(0, brisk)
    }

    fn enter_hour(&mut self, hour: i64) {
        let cycles = hour.div_euclid(HALVING_HOURS) - self.hour.div_euclid(HALVING_HOURS);
        if hour != self.hour {
            self.hour_events = 0;
        }
        // A count has 16 bits: more halvings leave nothing either.
        if self.n > 0 {
            (0..cycles.clamp(0, 17)).for_each(|_| self.halve());
        }
        self.hour = self.hour.max(hour);
        self.hour_events = self.hour_events.saturating_add(1);
        if self.hour_events > BRISK_EVENTS && self.brisk.is_none() {
            self.brisk = Some(Box::default());
        }
    }

    fn halve(&mut self) {
        self.hours.halve();
        self.sizes.halve();
        self.calm.halve();
        self.counts.halve();
        if let Some(brisk) = &mut self.brisk {
            brisk.gaps.halve();
        }
    }

    fn is_due(&mut self) -> bool {
        let grown = self.n >= self.look_at.max(FIRST_LOOK);
        if grown {
            self.look_at = next_look(self.n);
        }
        let hourly = self.n > FIRST_LOOK && self.hour != self.looked;
        if grown || hourly {
            self.looked = self.hour;
        }
        grown || hourly
    }
}

/// The number of gaps after `n` at which a look is due: powers of two, and half as much again.
fn next_look(n: u32) -> u32 {
    let power = 1u32 << n.max(4).ilog2();
    match n < power + power / 2 {
        true => power + power / 2,
        false => power.saturating_mul(2),
    }
}
