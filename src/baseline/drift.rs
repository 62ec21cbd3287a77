//! From counts by day and by kind to the moment at which what is usual changed.
//!
//! Changes no baseline: it says that one should be learnt anew, and since when; whoever owns the
//! baseline does it and tells it. Two tests: the population stability index of the last two whole
//! weeks against everything before them, and Page and Hinkley's test on the logarithm of the daily
//! count. Holds 30 counts and eight numbers of one key.

use super::maturity::ACTIVE_DAYS_MIN;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Kinds of event that are told apart: more would need more samples.
pub const KINDS: usize = 10;
type Counts = [u32; KINDS];

/// A stability index above this is a change (a rule of thumb of credit scoring).
const PSI_MAX: f64 = 0.25;
/// Events on either side without which no index is told. By design.
const EVENTS_MIN: u32 = 100;
/// What the daily logarithm may rise by without notice.
const DELTA: f64 = 0.1;
/// Standard deviations of the accumulated rise that are a change.
const SIGMAS: f64 = 5.0;
/// The least standard deviation: days that are all alike are not known to the last event.
const SIGMA_MIN: f64 = 0.1;
const DAY: Span = Span::from_secs(86_400);
const HOURS_WEEK: i64 = 168;

/// The population stability index Σ (a − e)·ln(a/e) of two histograms' shares, half an event added
/// to every cell, less what two samples of one population differ by: (cells − 1)·(1/n_a + 1/n_e).
/// None where either has fewer than 100 events.
pub fn psi(recent: &[u32], before: &[u32]) -> Option<f64> {
    let n = |counts: &[u32]| {
        counts
            .iter()
            .fold(0u32, |sum, count| sum.saturating_add(*count))
    };
    let (a_n, e_n) = (n(recent), n(before));
    if a_n < EVENTS_MIN || e_n < EVENTS_MIN {
        return None;
    }
    let cells = recent.len() as f64;
    let share = |count: u32, n: u32| (f64::from(count) + 0.5) / (f64::from(n) + 0.5 * cells);
    let terms = recent.iter().zip(before).map(|(a, e)| {
        let (a, e) = (share(*a, a_n), share(*e, e_n));
        (a - e) * libm::log(a / e)
    });
    let noise = (cells - 1.0) * (1.0 / f64::from(a_n) + 1.0 / f64::from(e_n));
    Some(terms.sum::<f64>() - noise)
}

/// Why a baseline is to be learnt anew.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// What is done changed: the stability index.
    Kinds {
        /// Above 0.25.
        psi: f64,
    },
    /// How much is done rose.
    Level {
        /// The accumulated rise of the daily logarithm.
        rise: f64,
        /// What it may be: five standard deviations.
        limit: f64,
    },
}

/// That a baseline is to be learnt anew.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// When the change began.
    pub since: Timestamp,
    /// What shows it.
    pub cause: Cause,
}

/// What tells a change of one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    week: Option<i64>,
    /// This week, the last one, all before.
    weeks: [Counts; 3],
    day: Option<i64>,
    in_day: u32,
    level: Level,
}

impl Drift {
    /// Takes an event of `kind`, below [`KINDS`]; says so where the days or weeks that are over
    /// show a change. It then starts over itself.
    pub fn handle_event(&mut self, kind: usize, at: Timestamp) -> Option<Restart> {
        let restart = self.pass(at);
        if restart.is_some() {
            *self = Drift::default();
            self.pass(at);
        }
        let [this, ..] = &mut self.weeks;
        if let Some(count) = this.get_mut(kind.min(KINDS - 1)) {
            *count = count.saturating_add(1);
        }
        self.in_day = self.in_day.saturating_add(1);
        restart
    }

    /// Closes what is over at `at`. Days without events are no days: a host that is off on Sundays
    /// does not change on Mondays.
    fn pass(&mut self, at: Timestamp) -> Option<Restart> {
        let (day, week) = (
            at.hour().div_euclid(24),
            (at.hour() + 72).div_euclid(HOURS_WEEK),
        );
        let (last_day, last_week) = (*self.day.get_or_insert(day), *self.week.get_or_insert(week));
        let mut found = None;
        if day > last_day {
            found = self
                .level
                .handle_day(last_day, std::mem::take(&mut self.in_day));
            self.day = Some(day);
        }
        if week > last_week {
            found = found.or_else(|| self.close_week(last_week));
            self.week = Some(week);
        }
        found
    }

    fn close_week(&mut self, week: i64) -> Option<Restart> {
        let [this, last, before] = &mut self.weeks;
        let mut recent = *this;
        add(&mut recent, last);
        let psi = psi(&recent, before).filter(|psi| *psi > PSI_MAX);
        for count in before.iter_mut() {
            // A half-life of fourteen days, as that of schedules.
            *count = ((u64::from(*count) * 46_341) >> 16) as u32;
        }
        add(before, last);
        *last = std::mem::take(this);
        psi.map(|psi| Restart {
            since: Timestamp::from_parts(((week - 1) * HOURS_WEEK - 72) * 3600, 0),
            cause: Cause::Kinds { psi },
        })
    }
}

fn add(sum: &mut Counts, counts: &Counts) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum = sum.saturating_add(*count);
    }
}

/// Page and Hinkley's test: m = Σ (x − x̄ − δ) rises above its least value by more than λ = 5σ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Level {
    days: u32,
    mean: f64,
    squares: f64,
    sum: f64,
    least: f64,
    /// The last day before the rise.
    least_day: i64,
}

impl Level {
    fn handle_day(&mut self, day: i64, events: u32) -> Option<Restart> {
        let x = libm::log1p(f64::from(events));
        self.days = self.days.saturating_add(1);
        let apart = x - self.mean;
        self.mean += apart / f64::from(self.days);
        self.squares += apart * (x - self.mean);
        self.sum += x - self.mean - DELTA;
        if self.sum <= self.least || self.days == 1 {
            (self.least, self.least_day) = (self.sum, day);
        }
        let sigma = (self.squares / f64::from(self.days.max(2) - 1)).sqrt();
        let (rise, limit) = (self.sum - self.least, SIGMAS * sigma.max(SIGMA_MIN));
        (rise > limit && self.days > ACTIVE_DAYS_MIN).then(|| Restart {
            since: Timestamp::from_parts(self.least_day * 86_400, 0) + DAY,
            cause: Cause::Level { rise, limit },
        })
    }
}
