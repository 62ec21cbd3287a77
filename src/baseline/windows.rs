//! From the moments of events to the windows in which they come, and to a traveller's clock.
//!
//! Says when something is done, not whether it may be. [`Occasions`] holds at most
//! [`OCCASIONS_MAX`] moments of one key, [`Activity`] 24 sums and two days of one host.

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Occasions remembered of one key: a month of a daily job.
pub const OCCASIONS_MAX: usize = 32;
/// Events of one key that are closer than this are one occasion. By design.
pub const OCCASION_GAP: Span = Span::from_secs(3600);
/// Different days on which a window must have been used.
const WINDOW_DAYS_MIN: usize = 5;
/// A window whose middle half is wider than this is no window. By design.
const SPREAD_MAX_S: i64 = 3600;
/// The least that a window reaches to either side.
const TOLERANCE_MIN_S: i64 = 600;
const DAY_S: i64 = 86_400;
/// Distance in time of day between the starts of two windows.
const APART_S: i64 = 3600;

/// The occasions on which one key does something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasions {
    starts: VecDeque<Timestamp>,
    last_at: Option<Timestamp>,
}

/// A window that was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its middle start, from midnight UTC.
    pub start: Span,
    /// From one occasion to the next: whole days.
    pub period: Span,
    /// The interquartile range of its starts.
    pub jitter: Span,
    /// Its last occasion.
    pub last_at: Timestamp,
    /// Occasions behind it.
    pub n: usize,
}

impl Occasions {
    /// Takes an event; whether an occasion begins with it.
    pub fn handle_event(&mut self, at: Timestamp) -> bool {
        let begins = self.last_at.is_none_or(|last| at - last >= OCCASION_GAP);
        self.last_at = self.last_at.max(Some(at));
        if begins {
            if self.starts.len() >= OCCASIONS_MAX {
                self.starts.pop_front();
            }
            self.starts.push_back(at);
        }
        begins
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        *self = Occasions::default();
    }

    /// How many are remembered.
    pub fn n(&self) -> usize {
        self.starts.len()
    }

    /// The windows that these occasions keep to, by time of day: starts that lie close together,
    /// on five days at least, the middle half of them within an hour.
    pub fn windows(&self) -> Vec<Window> {
        let time_of_day = |at: &Timestamp| seconds(*at).rem_euclid(DAY_S);
        let mut by_time: Vec<(i64, Timestamp)> = self
            .starts
            .iter()
            .map(|at| (time_of_day(at), *at))
            .collect();
        by_time.sort_unstable();
        // Where the circle of the day is cut: after the widest gap.
        let after = |index: usize| {
            let this = by_time.get(index).map_or(0, |start| start.0);
            let next = by_time.get((index + 1) % by_time.len().max(1));
            (next.map_or(0, |start| start.0) - this).rem_euclid(DAY_S)
        };
        let widest = (0..by_time.len()).max_by_key(|index| (after(*index), *index));
        let cut = widest.map_or(0, |index| (index + 1) % by_time.len());
        by_time.rotate_left(cut);
        let mut clusters: Vec<Vec<(i64, Timestamp)>> = Vec::new();
        for (time, at) in by_time {
            let first = clusters.last().and_then(|c| c.first()).map(|start| start.0);
            let last = clusters.last().and_then(|c| c.last()).map(|start| start.0);
            // Times of one cluster ascend, beyond midnight too.
            let time = first.map_or(time, |first| first + (time - first).rem_euclid(DAY_S));
            match clusters.last_mut() {
                Some(cluster) if last.is_some_and(|last| time - last <= APART_S) => {
                    cluster.push((time, at));
                }
                _ => clusters.push(vec![(time.rem_euclid(DAY_S), at)]),
            }
        }
        clusters
            .iter()
            .filter_map(|cluster| window(cluster))
            .collect()
    }
}

/// The window of starts (second of the day, moment), ascending by second.
fn window(cluster: &[(i64, Timestamp)]) -> Option<Window> {
    let at = |share: usize| cluster.get(cluster.len().saturating_sub(1) * share / 4);
    let (low, middle, high) = (at(1)?.0, at(2)?.0, at(3)?.0);
    let days = cluster.iter().map(|(_, at)| day_by(*at, middle));
    let days: BTreeSet<i64> = days.collect();
    if days.len() < WINDOW_DAYS_MIN || high - low > SPREAD_MAX_S {
        return None;
    }
    let mut gaps: Vec<i64> = days
        .iter()
        .zip(days.iter().skip(1))
        .map(|(a, b)| b - a)
        .collect();
    gaps.sort_unstable();
    let period = gaps.get(gaps.len() / 2).copied()?;
    Some(Window {
        start: Span::from_secs(middle.rem_euclid(DAY_S)),
        period: Span::from_secs(period.saturating_mul(DAY_S)),
        jitter: Span::from_secs(high - low),
        last_at: cluster.iter().map(|start| start.1).max()?,
        n: cluster.len(),
    })
}

impl Window {
    /// How far it reaches to either side: ten minutes, or twice the interquartile range of its
    /// starts.
    pub fn tolerance(&self) -> Span {
        let jitter_s = self.jitter.as_nanos() / 1_000_000_000;
        Span::from_secs(jitter_s.saturating_mul(2).max(TOLERANCE_MIN_S))
    }

    /// Whether `at` is in it, on one of its days.
    pub fn holds(&self, at: Timestamp) -> bool {
        let start_s = self.start.as_nanos() / 1_000_000_000;
        let off = (seconds(at) - start_s).rem_euclid(DAY_S);
        let off = off.min(DAY_S - off);
        let days = (self.period.as_nanos() / 1_000_000_000 / DAY_S).max(1);
        let apart = (day_by(at, start_s) - day_by(self.last_at, start_s)).rem_euclid(days);
        Span::from_secs(off) <= self.tolerance() && apart == 0
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(1_000_000_000)
}

/// The day of an occasion that mostly starts at `start_s`: counted from noon to noon around it, so
/// that what passes midnight stays on its day.
fn day_by(at: Timestamp, start_s: i64) -> i64 {
    (seconds(at) - start_s + DAY_S / 2).div_euclid(DAY_S)
}

fn day(at: Timestamp) -> i64 {
    seconds(at).div_euclid(DAY_S)
}

const HOURS: usize = 24;
/// Events of an hour that count.
const HOUR_EVENTS_MAX: u16 = 100;
/// 2^(−1/14) in sixteen binary places: a half-life of fourteen active days.
const DAILY: u64 = 62_370;
/// One event in the sums.
const ONE: u64 = 256;
/// Days below which no clock is told.
const USUAL_DAYS_MIN: u32 = 5;
/// Hours of the last two days that must be active.
const RECENT_HOURS_MIN: usize = 6;
/// The correlation that a shifted clock must have, and how much more than the usual one. By design.
const SHIFTED_MIN: f64 = 0.7;
const SHIFTED_BETTER_MIN: f64 = 0.3;

/// When one host is active at all: tells a traveller's clock.
///
/// A laptop in another time zone does everything at other hours. What it does is compared by time
/// of day with what it used to do: Pearson's correlation at each of 24 shifts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    usual: [u64; HOURS],
    usual_days: u32,
    /// Today and the active day before it.
    recent: VecDeque<(i64, [u16; HOURS])>,
    shift: i8,
}

impl Activity {
    /// Takes any event of the host.
    pub fn handle_event(&mut self, at: Timestamp) {
        let today = day(at);
        let last = self.recent.back().map(|(day, _)| *day);
        if last.is_some_and(|last| today < last) {
            return;
        }
        if last != Some(today) {
            if self.recent.len() >= 2
                && let Some((_, hours)) = self.recent.pop_front()
            {
                self.learn(&hours);
            }
            self.recent.push_back((today, [0; HOURS]));
        }
        let hour = at.hour().rem_euclid(24) as usize;
        let count = self
            .recent
            .back_mut()
            .and_then(|(_, hours)| hours.get_mut(hour));
        if let Some(count) = count
            && *count < HOUR_EVENTS_MAX
        {
            *count += 1;
            // Often enough: a shift shows in hours that were empty.
            if *count == 1 {
                self.shift = self.find_shift();
            }
        }
    }

    /// How many hours later than usual, on the clock, the host lives: −11 to 12, mostly 0.
    pub fn shift(&self) -> i8 {
        self.shift
    }

    /// A day is over: it is usual, by the clock at home.
    fn learn(&mut self, hours: &[u16; HOURS]) {
        for sum in &mut self.usual {
            *sum = (*sum * DAILY) >> 16;
        }
        for (hour, count) in hours.iter().enumerate() {
            if let Some(sum) = self.usual.get_mut(at_home(hour, self.shift)) {
                *sum += u64::from(*count) * ONE;
            }
        }
        self.usual_days = self.usual_days.saturating_add(1);
    }

    fn find_shift(&self) -> i8 {
        let mut recent = [0u64; HOURS];
        for (_, hours) in &self.recent {
            for (sum, count) in recent.iter_mut().zip(hours) {
                *sum += u64::from(*count);
            }
        }
        let active = recent.iter().filter(|count| **count > 0).count();
        if self.usual_days < USUAL_DAYS_MIN || active < RECENT_HOURS_MIN {
            return self.shift;
        }
        let at = |shift: i8| correlation(&self.usual, &recent, shift);
        let none = at(0);
        // Of equal ones the smaller shift, and of those the later clock.
        let mut best = (0i8, none);
        for shift in (1..=12).flat_map(|hours: i8| [hours, -hours]) {
            let found = at(shift);
            if shift != -12 && found > best.1 {
                best = (shift, found);
            }
        }
        let clear = best.1 >= SHIFTED_MIN && best.1 - none >= SHIFTED_BETTER_MIN;
        if clear { best.0 } else { 0 }
    }
}

/// Which hour it is at home when it is `hour` by a clock that is `shift` hours later.
fn at_home(hour: usize, shift: i8) -> usize {
    (hour as i64 - i64::from(shift)).rem_euclid(HOURS as i64) as usize
}

/// Pearson's correlation of what is usual with what was recent `shift` hours later; 0 where either
/// is flat.
fn correlation(usual: &[u64; HOURS], recent: &[u64; HOURS], shift: i8) -> f64 {
    let pairs = || {
        recent.iter().enumerate().map(|(hour, recent)| {
            let usual = usual.get(at_home(hour, shift)).copied().unwrap_or(0);
            (usual as f64, *recent as f64)
        })
    };
    let n = HOURS as f64;
    let (x, y) = pairs().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
    let (x, y) = (x / n, y / n);
    let (xy, xx, yy) = pairs().fold((0.0, 0.0, 0.0), |sum, (a, b)| {
        let (a, b) = (a - x, b - y);
        (sum.0 + a * b, sum.1 + a * a, sum.2 + b * b)
    });
    let scale = (xx * yy).sqrt();
    if scale > 0.0 { xy / scale } else { 0.0 }
}
