//! From the hours of events to how surprising an hour of the week is.
//!
//! Knows neither whose events they are nor what they mean, and no time zone: hours are UTC, and the
//! week begins on Monday. Counts have a half-life of fourteen days: each week they are multiplied
//! by 46,341/65,536, which is 2^(−1/2) to five digits, in integers and rounded down. One [`Week`]
//! holds at most 168 cells of 4 bytes, one [`Rhythm`] 168 of 16.

use super::bounded::keep_largest;
use super::maturity::{Baseline, Maturity};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours of a week.
pub const SLOTS: u8 = 168;
/// Events of one hour that count: what a program does in bursts is one habit, not many. It also
/// keeps a cell below 16 bits: 15/(1 − 2^(−1/2)) is 51.2 events.
pub const HOUR_EVENTS_MAX: u16 = 15;
/// Pseudo-observations that the peers' distribution is worth.
const ALPHA: f64 = 4.0;
/// One event: counts have eight binary places, so that what is halved is not lost.
const ONE: u16 = 256;
/// 2^(−1/2) in sixteen binary places.
const WEEKLY: u64 = 46_341;
/// Weeks after which nothing is left of a count.
const WEEKS_MAX: i64 = 64;

/// An hour of the week: 0 is Monday, 00:00 to 01:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot(u8);

impl Slot {
    /// The hour of the week that holds `at`.
    pub fn of(at: Timestamp) -> Slot {
        // 1970-01-01 was a Thursday.
        Slot((at.hour() + 72).rem_euclid(i64::from(SLOTS)) as u8)
    }

    /// `hours` later, or earlier where they are negative.
    pub fn later(self, hours: i64) -> Slot {
        let hours = hours.rem_euclid(i64::from(SLOTS));
        Slot((i64::from(self.0) + hours).rem_euclid(i64::from(SLOTS)) as u8)
    }

    /// Its number, 0 to 167.
    pub fn index(self) -> u8 {
        self.0
    }

    /// How many hours lie between the two, whichever way is shorter.
    pub fn distance(self, other: Slot) -> u8 {
        let apart = self.0.abs_diff(other.0);
        apart.min(SLOTS.saturating_sub(apart))
    }
}

/// A number for each hour of the week.
type Slots = [u64; SLOTS as usize];

fn week_of(at: Timestamp) -> i64 {
    (at.hour() + 72).div_euclid(i64::from(SLOTS))
}

fn week_of_day(day: i64) -> i64 {
    (day * 24 + 72).div_euclid(i64::from(SLOTS))
}

/// How much of `count` is left after `weeks`.
fn aged(count: u64, weeks: i64) -> u64 {
    (0..weeks.clamp(0, WEEKS_MAX)).fold(count, |count, _| (count * WEEKLY) >> 16)
}

/// When one host does one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// By slot, ascending; none is empty.
    cells: Vec<(Slot, u16)>,
    /// The week up to which counts have aged.
    week: i64,
    hour: i64,
    /// Events that counted in `hour`.
    in_hour: u16,
    maturity: Maturity,
}

/// How far an hour is from what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surprise {
    /// The share of events in hours that are no more usual than this one.
    pub p: f64,
    /// The share of events in this hour.
    pub share: f64,
    /// The host's own events behind it.
    pub n: u32,
    /// Whether it is known of peers only: the host itself still learns.
    pub by_peers: bool,
}

impl Week {
    /// Takes an event; whether it is the first of its hour.
    pub fn handle_event(&mut self, at: Timestamp) -> bool {
        self.age(at);
        let hour = at.hour();
        if hour != self.hour || self.maturity.so_far().samples == 0 {
            (self.hour, self.in_hour) = (hour, 0);
        }
        if self.in_hour >= HOUR_EVENTS_MAX {
            return false;
        }
        self.in_hour += 1;
        let first = self.in_hour == 1;
        self.maturity.handle_sample(at);
        let slot = Slot::of(at);
        match self.cells.binary_search_by_key(&slot, |cell| cell.0) {
            Ok(index) => {
                if let Some((_, count)) = self.cells.get_mut(index) {
                    *count = count.saturating_add(ONE);
                }
            }
            Err(index) => self.cells.insert(index, (slot, ONE)),
        }
        first
    }

    /// Lets the weeks before `at` pass. What is forgotten altogether is learnt anew.
    pub fn age(&mut self, at: Timestamp) {
        let week = week_of(at);
        let weeks = week.saturating_sub(self.week);
        if weeks <= 0 {
            return;
        }
        self.week = week;
        let known = !self.cells.is_empty();
        self.cells.retain_mut(|(_, count)| {
            *count = aged(u64::from(*count), weeks) as u16;
            *count > 0
        });
        if known && self.cells.is_empty() {
            self.maturity = Maturity::default();
        }
    }

    /// Forgets everything: what was usual is not any more.
    pub fn restart(&mut self) {
        *self = Week::default();
    }

    /// Whether it can be asked, and how far it has come.
    pub fn maturity(&self) -> &Maturity {
        &self.maturity
    }

    /// How surprising an event in `slot` is. A host that still learns is told by its `peers` if
    /// they do not.
    ///
    /// p_b = (c_b + α·π_b)/(C + α), with counts c and the peers' distribution π smoothed over
    /// neighbouring hours by [¼, ½, ¼] and α = 4; the surprise is the sum of all p_b' ≤ p_b.
    /// Without peers π is flat. Until two weeks are known the days of one sort (Monday to Friday,
    /// and the others) stand for each other: the first Friday is no surprise after four days.
    pub fn surprise(&self, slot: Slot, peers: Option<&Rhythm>) -> Baseline<Surprise> {
        let peers = peers.filter(|peers| peers.maturity.is_ready());
        let by_peers = !self.maturity.is_ready();
        if by_peers && peers.is_none() {
            return Baseline::Learning(self.maturity.so_far());
        }
        let own = self.cells.iter().map(|(s, c)| (*s, u64::from(*c)));
        let own = self.maturity.alike(smoothed(own), self.week);
        let prior = peers.map(|peers| {
            let cells = peers.cells.iter().map(|(s, c)| (*s, *c));
            peers.maturity.alike(smoothed(cells), peers.week)
        });
        // Smoothing multiplies every sum by four.
        let all = own.iter().sum::<u64>() as f64 / (4.0 * f64::from(ONE));
        let prior_all = prior.map_or(0, |prior| prior.iter().sum::<u64>()) as f64;
        let share_of = |index: usize| {
            let count = own.get(index).copied().unwrap_or(0) as f64 / (4.0 * f64::from(ONE));
            let prior = prior.and_then(|prior| prior.get(index).copied());
            let usual = match prior {
                Some(prior) if prior_all > 0.0 => prior as f64 / prior_all,
                _ => 1.0 / f64::from(SLOTS),
            };
            (count + ALPHA * usual) / (all + ALPHA)
        };
        let share = share_of(usize::from(slot.0));
        let p: f64 = (0..usize::from(SLOTS))
            .map(share_of)
            .filter(|other| *other <= share)
            .sum();
        let n = self.maturity.so_far().samples;
        Baseline::Ready(Surprise {
            p: p.min(1.0),
            share,
            n,
            by_peers,
        })
    }
}

/// Counts by slot after [1, 2, 1] over the circle of the week.
fn smoothed(cells: impl Iterator<Item = (Slot, u64)>) -> Slots {
    let mut smooth = [0u64; SLOTS as usize];
    for (slot, count) in cells {
        for (hours, weight) in [(-1, 1), (0, 2), (1, 1)] {
            if let Some(cell) = smooth.get_mut(usize::from(slot.later(hours).0)) {
                *cell = cell.saturating_add(count.saturating_mul(weight));
            }
        }
    }
    smooth
}

/// Weeks from which on each day of the week speaks for itself.
const WEEKS_ALIKE: i64 = 2;
const WORKING_DAYS: usize = 5;

impl Maturity {
    /// Counts by slot in `week`, of which the days of one sort stand for each other until two weeks
    /// are known.
    fn alike(&self, counts: Slots, week: i64) -> Slots {
        let first = self.first_day().map_or(week, week_of_day);
        if week - first >= WEEKS_ALIKE {
            return counts;
        }
        let mut alike = counts;
        let (working, others) = alike.split_at_mut(24 * WORKING_DAYS);
        for days in [working, others] {
            let n = (days.len() / 24) as u64;
            for hour in 0..24 {
                let sum: u64 = days.iter().skip(hour).step_by(24).sum();
                for cell in days.iter_mut().skip(hour).step_by(24) {
                    *cell = sum / n;
                }
            }
        }
        alike
    }
}

/// When the hosts of a role do one thing: the prior of each of them. Merged in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    cells: BTreeMap<Slot, u64>,
    week: i64,
    maturity: Maturity,
}

impl Rhythm {
    /// Takes an event of one of the hosts; only the first of that host's hour, so that no host is
    /// the role.
    pub fn handle_event(&mut self, at: Timestamp) {
        self.age(week_of(at));
        self.maturity.handle_sample(at);
        let count = self.cells.entry(Slot::of(at)).or_default();
        *count = count.saturating_add(u64::from(ONE));
    }

    /// Adds what others saw.
    pub fn merge(&mut self, mut other: Rhythm) {
        let week = self.week.max(other.week);
        self.age(week);
        other.age(week);
        self.maturity.merge(&other.maturity);
        for (slot, count) in other.cells {
            let known = self.cells.entry(slot).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Events behind it, the aged ones by what is left of them.
    pub fn events(&self) -> u64 {
        self.cells.values().sum::<u64>() / u64::from(ONE)
    }

    fn age(&mut self, week: i64) {
        let weeks = week.saturating_sub(self.week);
        if weeks <= 0 {
            return;
        }
        self.week = week;
        let aging = |count: u64| aged(count.min(u64::MAX >> 16), weeks);
        self.cells.retain(|_, count| {
            *count = aging(*count);
            *count > 0
        });
    }
}

/// The rhythms of roles, read as of the last closed epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rhythms {
    closed: BTreeMap<(Box<str>, Box<str>), Rhythm>,
    open: BTreeMap<(Box<str>, Box<str>), Rhythm>,
    refused: u64,
}

impl Rhythms {
    /// A host of `role` did `what`; counts from the next epoch on.
    pub fn handle_event(&mut self, role: &str, what: &str, at: Timestamp, max: usize) {
        let key = (Box::from(role), Box::from(what));
        if !self.open.contains_key(&key) && self.open.len() >= max {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.open.entry(key).or_default().handle_event(at);
    }

    /// When the hosts of `role` do `what`.
    pub fn of(&self, role: &str, what: &str) -> Option<&Rhythm> {
        self.closed.get(&(Box::from(role), Box::from(what)))
    }

    /// Closes the open epoch. Of more than `max` rhythms the ones with the fewest events leave.
    pub fn close_epoch(&mut self, max: usize) {
        for (key, rhythm) in std::mem::take(&mut self.open) {
            self.closed.entry(key).or_default().merge(rhythm);
        }
        let left = keep_largest(&mut self.closed, max, Rhythm::events);
        self.refused = self.refused.saturating_add(left);
    }

    /// Rhythms, or events of one, that the bound had no room for.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
