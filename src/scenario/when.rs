//! From a schedule to the next moment at which a program acts.
//!
//! The populations are those on which the periodicity engine was measured: beacons with every kind
//! of jitter, people, and random processes without a period. Working hours are Monday to Friday, 8
//! to 18 UTC.

use super::random::{Random, seconds};
use crate::time::{Span, Timestamp};
use std::collections::BTreeSet;

/// Hours in which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names say it.
pub enum Hours {
    Always,
    Working,
}

/// How a beacon's sleep varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Uniform from `sleep * (1 - jitter)` up to the sleep.
    Downward,
    /// Uniform from the sleep up to `sleep * (1 + jitter)`.
    Upward,
    /// Uniform around the sleep.
    Symmetric,
    /// Normal around the sleep, `jitter` being one deviation.
    Gaussian,
    /// On multiples of the sleep, and up to `jitter` of it later.
    Cron,
    /// Exponential: no period at all.
    Exponential,
}

impl Jitter {
    /// Every kind, with its name.
    pub const ALL: [(Jitter, &'static str); 6] = [
        (Jitter::Downward, "downward"),
        (Jitter::Upward, "upward"),
        (Jitter::Symmetric, "symmetric"),
        (Jitter::Gaussian, "gaussian"),
        (Jitter::Cron, "cron"),
        (Jitter::Exponential, "exponential"),
    ];
}

/// A beat.
#[derive(Clone, Copy, Debug)]
pub struct Beacon {
    /// Seconds between beats.
    pub sleep_s: f64,
    /// Which share of the sleep varies.
    pub jitter: f64,
    /// How.
    pub kind: Jitter,
    /// Probability that a beat does not happen.
    pub miss: f64,
    /// When it beats.
    pub hours: Hours,
}

/// When a program acts.
#[derive(Clone, Debug)]
pub enum When {
    /// At these moments.
    At(BTreeSet<Timestamp>),
    /// A beat.
    Beacon(Beacon),
    /// Once a day at about this hour.
    Daily {
        /// Hours after midnight UTC.
        hour: f64,
        /// Deviation in seconds.
        spread_s: f64,
        /// Monday to Friday alone.
        weekdays: bool,
    },
    /// A person: runs of acts, pauses between them.
    Human {
        /// Median seconds between acts of a run.
        gap_s: f64,
        /// Acts in a run, on average.
        run: f64,
        /// Median seconds between runs.
        pause_s: f64,
        /// When the person is there.
        hours: Hours,
    },
    /// Exponential gaps of this mean.
    Poisson {
        /// Seconds.
        mean_s: f64,
        /// When.
        hours: Hours,
    },
    /// Acts that bring about others (a Hawkes process): each one on average `branching` more within
    /// about `decay_s`.
    Hawkes {
        /// Mean seconds between those that come by themselves.
        mean_s: f64,
        /// Below 1.
        branching: f64,
        /// Seconds.
        decay_s: f64,
        /// Brought about, and still to come.
        coming: BTreeSet<Timestamp>,
    },
    /// Lognormal gaps.
    Lognormal {
        /// Seconds.
        median_s: f64,
        /// Of the natural logarithm.
        sigma: f64,
    },
    /// Weibull gaps; below 1 the shape is bursty.
    Weibull {
        /// Seconds.
        scale_s: f64,
        /// The shape.
        shape: f64,
    },
    /// Gamma gaps of shape 2.
    Gamma {
        /// Seconds.
        mean_s: f64,
    },
    /// Poisson, put off to the next multiple of a timer.
    Quantised {
        /// Seconds.
        mean_s: f64,
        /// Seconds.
        timer_s: f64,
    },
}

const HOUR_NS: i64 = 3_600_000_000_000;

/// Whether people work at `at`.
pub fn is_working(at: Timestamp) -> bool {
    let hour = at.hour();
    // 1970 began on a Thursday.
    let weekday = (hour.div_euclid(24) + 3).rem_euclid(7);
    weekday < 5 && (8..18).contains(&hour.rem_euclid(24))
}

/// `at`, or the next beginning of work where nobody works then.
fn at_work(at: Timestamp, hours: Hours, random: &mut Random) -> Timestamp {
    if hours == Hours::Always || is_working(at) {
        return at;
    }
    let mut hour = at.hour() + 1;
    while !is_working(Timestamp::from_nanos(hour * HOUR_NS)) {
        hour += 1;
    }
    Timestamp::from_nanos(hour * HOUR_NS) + seconds(random.uniform(0.0, 2400.0))
}

impl Beacon {
    fn next(&self, after: Timestamp, first: bool, random: &mut Random) -> Timestamp {
        if first && self.kind != Jitter::Cron {
            let phase = after + seconds(self.sleep_s * random.unit());
            return at_work(phase, self.hours, random);
        }
        let mut at = after + seconds(self.gap(after, random));
        while random.chance(self.miss) {
            at = at + seconds(self.gap(at, random));
        }
        at_work(at, self.hours, random)
    }

    fn gap(&self, after: Timestamp, random: &mut Random) -> f64 {
        let Beacon {
            sleep_s, jitter, ..
        } = *self;
        let gap = match self.kind {
            Jitter::Downward => sleep_s * (1.0 - jitter * random.unit()),
            Jitter::Upward => sleep_s * (1.0 + jitter * random.unit()),
            Jitter::Symmetric => sleep_s * (1.0 + jitter * random.uniform(-1.0, 1.0)),
            Jitter::Gaussian => sleep_s * (1.0 + jitter * random.normal()),
            Jitter::Exponential => random.exponential(sleep_s),
            Jitter::Cron => {
                let second = after.as_nanos() as f64 / 1e9;
                let begun = libm::floor(second / sleep_s) * sleep_s;
                begun + sleep_s + sleep_s * jitter * random.unit() - second
            }
        };
        gap.max(1.0)
    }
}

impl When {
    /// The moment after `after`; `first` says that there was none before.
    pub fn next(
        &mut self,
        after: Timestamp,
        first: bool,
        random: &mut Random,
    ) -> Option<Timestamp> {
        match self {
            When::At(moments) => moments.pop_first(),
            When::Beacon(beacon) => Some(beacon.next(after, first, random)),
            When::Daily {
                hour,
                spread_s,
                weekdays,
            } => {
                let second = *hour * 3600.0 + (*spread_s * random.normal()).abs();
                Some(daily(after, first, second, *weekdays))
            }
            When::Hawkes {
                mean_s,
                branching,
                decay_s,
                coming,
            } => {
                // How many are brought about is geometric, of mean `branching`.
                while random.chance(*branching / (1.0 + *branching)) {
                    coming.insert(after + seconds(random.exponential(*decay_s).max(0.001)));
                }
                // Those that come by themselves have no memory: drawn anew each time.
                let alone = after + seconds(random.exponential(*mean_s).max(0.001));
                match coming.first() {
                    Some(next) if *next < alone => coming.pop_first(),
                    _ => Some(alone),
                }
            }
            When::Quantised { mean_s, timer_s } => {
                let wanted = after + seconds(random.exponential(*mean_s));
                let ticks = libm::ceil(wanted.as_nanos() as f64 / 1e9 / *timer_s);
                let at = Timestamp::from_nanos((ticks * *timer_s * 1e9) as i64);
                Some(at + seconds(random.uniform(0.01, 0.2)))
            }
            renewal => {
                let (gap_s, hours) = renewal.gap(first, random);
                let at = after + seconds(gap_s.max(0.001));
                Some(at_work(at, hours, random))
            }
        }
    }

    /// The seconds to the next act, for those that draw gaps, and the hours that it falls into.
    fn gap(&self, first: bool, random: &mut Random) -> (f64, Hours) {
        match *self {
            When::Human {
                gap_s,
                run,
                pause_s,
                hours,
            } => {
                let goes_on = !first && random.chance(1.0 - 1.0 / run.max(1.0));
                let (median, sigma) = if goes_on {
                    (gap_s, 1.2)
                } else {
                    (pause_s, 0.9)
                };
                (random.lognormal(median, sigma), hours)
            }
            When::Poisson { mean_s, hours } => (random.exponential(mean_s), hours),
            When::Lognormal { median_s, sigma } => {
                (random.lognormal(median_s, sigma), Hours::Always)
            }
            When::Weibull { scale_s, shape } => {
                let unit = random.exponential(1.0);
                (scale_s * libm::pow(unit, 1.0 / shape), Hours::Always)
            }
            When::Gamma { mean_s } => {
                let half = mean_s / 2.0;
                let gap = random.exponential(half) + random.exponential(half);
                (gap, Hours::Always)
            }
            // The others do not draw gaps.
            _ => (86_400.0, Hours::Always),
        }
    }
}

/// The next day's moment at so many seconds after midnight; the first may be on the same day.
fn daily(after: Timestamp, first: bool, second: f64, weekdays: bool) -> Timestamp {
    let day = after.hour().div_euclid(24) + i64::from(!first);
    let mut at = Timestamp::from_nanos(day * 24 * HOUR_NS);
    while weekdays && !is_working(at + Span::from_secs(10 * 3600)) {
        at = at + Span::from_secs(86_400);
    }
    at = at + seconds(second);
    if at <= after {
        at + Span::from_secs(86_400)
    } else {
        at
    }
}
