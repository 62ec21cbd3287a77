//! From the days on which one thing is done, and how often, to whether it runs like clockwork.
//!
//! A program that a clock starts is done about as often every day; people are not. The index of
//! dispersion (variance over mean of the daily counts) is 1 for a Poisson process and more for
//! people, who come in sessions; below [`DISPERSION_MAX`] it is told as a clock. Working days
//! (Monday to Friday, UTC) and the others are apart. Holds [`DAYS_MAX`] days of one key.

use super::maturity::ACTIVE_DAYS_MIN;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Days remembered: four weeks of working days.
pub const DAYS_MAX: usize = 20;
/// Fewer a day are no habit: one that is left out would be nothing. By design.
const MEAN_MIN: f64 = 3.0;
/// Half of what chance alone would have. By design.
const DISPERSION_MAX: f64 = 0.5;
const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3600;

/// How often one thing was done on the last days on which it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daily {
    /// The last one is not over.
    days: VecDeque<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    /// Days since 1970.
    day: i32,
    count: u16,
    /// The hours of its first and its last event.
    hours: (u8, u8),
}

/// What is done about as often on every day of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clockwork {
    /// How often, on average.
    pub mean: f64,
    /// On how many days.
    pub days: u32,
    /// The next day of the sort, from the hour in which it was begun earliest...
    pub from: Timestamp,
    /// ...to the end of the one in which it was done last.
    pub to: Timestamp,
}

impl Clockwork {
    /// The same on the day of the sort after this one.
    pub fn next(self) -> Clockwork {
        let day = day_of(self.from);
        let later = Span::from_secs((next_alike(day) - day) * DAY_S);
        Clockwork {
            from: self.from + later,
            to: self.to + later,
            ..self
        }
    }
}

impl Daily {
    /// Takes an event.
    pub fn handle_event(&mut self, at: Timestamp) {
        let (day, hour) = (day_of(at) as i32, at.hour().rem_euclid(24) as u8);
        match self.days.back_mut() {
            Some(last) if last.day >= day => {
                last.count = last.count.saturating_add(1);
                last.hours = (last.hours.0.min(hour), last.hours.1.max(hour));
            }
            _ => {
                if self.days.len() >= DAYS_MAX {
                    self.days.pop_front();
                }
                let hours = (hour, hour);
                let count = 1;
                self.days.push_back(Day { day, count, hours });
            }
        }
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        *self = Daily::default();
    }

    /// What is expected on the next day after `at` of the sort that `at` is of, where the days
    /// before `at` are like clockwork, or with today the first few.
    pub fn clockwork(&self, at: Timestamp) -> Option<Clockwork> {
        let today = day_of(at);
        let alike = |day: &&Day| is_working(day.day.into()) == is_working(today);
        let mut days: Vec<&Day> = self.days.iter().filter(alike).collect();
        if days.len() > ACTIVE_DAYS_MIN as usize {
            days.retain(|day| i64::from(day.day) < today);
        }
        let n = days.len() as f64;
        let mean = days.iter().map(|day| f64::from(day.count)).sum::<f64>() / n;
        let apart = |day: &&Day| (f64::from(day.count) - mean) * (f64::from(day.count) - mean);
        let variance = days.iter().map(apart).sum::<f64>() / (n - 1.0);
        let from = days.iter().map(|day| day.hours.0).min()?;
        let to = days.iter().map(|day| day.hours.1).max()?;
        let enough = days.len() >= ACTIVE_DAYS_MIN as usize && mean >= MEAN_MIN;
        let hour = |hour: u8| Timestamp::from_parts(today * DAY_S + i64::from(hour) * HOUR_S, 0);
        let last = Clockwork {
            mean,
            days: days.len() as u32,
            from: hour(from),
            to: hour(to) + Span::from_secs(HOUR_S),
        };
        (enough && variance <= DISPERSION_MAX * mean).then(|| last.next())
    }
}

fn day_of(at: Timestamp) -> i64 {
    at.hour().div_euclid(24)
}

/// The next day of the same sort.
fn next_alike(day: i64) -> i64 {
    let mut next = day + 1;
    while is_working(next) != is_working(day) {
        next += 1;
    }
    next
}

/// Monday to Friday; 1970 began on a Thursday.
fn is_working(day: i64) -> bool {
    (day + 3).rem_euclid(7) < 5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-11-02.
    const MONDAY: i64 = 1_793_577_600;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_parts(MONDAY + day * DAY_S + hour * HOUR_S, 0)
    }

    /// So many on each of these days, from nine o'clock on.
    fn counted(days: &[(i64, i64)]) -> Daily {
        let mut daily = Daily::default();
        for (day, count) in days {
            for n in 0..*count {
                daily.handle_event(at(*day, 9) + Span::from_secs(n * 600));
            }
        }
        daily
    }

    #[test]
    fn what_a_clock_starts_on_five_working_days_is_expected_on_the_sixth() {
        let mut daily = counted(&[(0, 10), (1, 10), (2, 9), (3, 10), (4, 9)]);
        assert_eq!(
            counted(&[(0, 9), (1, 9), (2, 9), (3, 9)]).clockwork(at(3, 20)),
            None
        );
        daily.handle_event(at(4, 13));
        assert_eq!(daily.clockwork(at(4, 13)).unwrap().from, at(7, 9));
        daily.handle_event(at(7, 9));
        let clockwork = daily.clockwork(at(7, 9)).unwrap();
        assert_eq!((clockwork.days, clockwork.mean), (5, 9.8));
        assert_eq!((clockwork.from, clockwork.to), (at(8, 9), at(8, 14)));
        assert_eq!(daily.clockwork(at(5, 9)), None, "nothing on Saturdays");
    }

    #[test]
    fn on_fridays_monday_is_next() {
        let daily = counted(&[(0, 10), (1, 10), (2, 10), (3, 10), (4, 10), (7, 10)]);
        let next = daily.clockwork(at(11, 9)).unwrap();
        assert_eq!((next.from, next.next().from), (at(14, 9), at(15, 9)));
    }

    #[test]
    fn people_and_chance_are_no_clocks() {
        for counts in [
            [40, 12, 55, 30, 21],
            [10, 6, 13, 9, 14],
            [2, 2, 2, 2, 2],
            [1, 1, 1, 1, 1],
        ] {
            let days: Vec<_> = (0..).zip(counts).collect();
            assert_eq!(counted(&days).clockwork(at(7, 9)), None, "{counts:?}");
        }
    }

    #[test]
    fn no_more_than_twenty_days_are_kept() {
        let days: Vec<_> = (0..400).map(|day| (day, 1)).collect();
        assert_eq!(counted(&days).days.len(), DAYS_MAX);
    }
}
