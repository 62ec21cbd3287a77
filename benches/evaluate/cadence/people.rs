//! From processes without a timer, and from honest timers, to a day of contacts.

use crate::rivals::Contact;
use tapir::scenario::random::Random;

const DAY: [f64; 2] = [0.0, 24.0];

/// Visits of a person between two hours: sittings of some pages, pauses between them.
pub fn browsing(hours: [f64; 2], random: &mut Random) -> Vec<Contact> {
    let pause_s = random.log_uniform(600.0, 3600.0);
    let pages = random.uniform(3.0, 15.0);
    let think_s = random.log_uniform(5.0, 40.0);
    let [from, until] = hours.map(|hour| hour * 3600.0);
    let mut moments = Vec::new();
    let mut at = from;
    while at < until {
        at += random.exponential(pause_s);
        for _ in 0..1 + random.exponential(pages) as u64 {
            moments.push(at);
            at += random.lognormal(think_s, 1.1);
        }
    }
    sized(moments, until, None, random)
}

/// Contacts at these moments, all of one size or of many.
fn sized(moments: Vec<f64>, until: f64, size: Option<f64>, random: &mut Random) -> Vec<Contact> {
    let median = random.log_uniform(400.0, 2500.0);
    let within = moments.into_iter().filter(|at| *at < until);
    let mut contact = |at| Contact {
        at,
        up: size.unwrap_or_else(|| random.lognormal(median, 0.8).floor()),
        down: size.map_or_else(|| random.lognormal(20_000.0, 1.2).floor(), |_| 420.0),
    };
    within.map(&mut contact).collect()
}

/// A family of processes.
pub struct Family {
    pub name: &'static str,
    day: fn(&mut Random) -> Vec<Contact>,
}

impl Family {
    /// A day of one of them.
    pub fn day(&self, random: &mut Random) -> Vec<Contact> {
        (self.day)(random)
    }
}

/// Those that have no timer.
pub const NEGATIVES: &[Family] = &[
    Family {
        name: "a person in working hours",
        day: |random| browsing(working(random), random),
    },
    Family {
        name: "a person at all hours",
        day: |random| browsing(DAY, random),
    },
    Family {
        name: "Poisson in working hours",
        day: |random| {
            let hours = working(random);
            poisson(hours, None, random)
        },
    },
    Family {
        name: "Poisson",
        day: |random| poisson(DAY, None, random),
    },
    Family {
        name: "Hawkes",
        day: hawkes,
    },
    Family {
        name: "Weibull, shape .3 to 1",
        day: |random| {
            let (mean_s, shape) = (mean(random), random.uniform(0.3, 1.0));
            let scale_s = mean_s / libm::tgamma(1.0 + 1.0 / shape);
            renewal(None, random, move |random| {
                scale_s * libm::pow(random.exponential(1.0), 1.0 / shape)
            })
        },
    },
    Family {
        name: "lognormal",
        day: |random| {
            let (median_s, sigma) = (mean(random), random.uniform(0.9, 2.2));
            renewal(None, random, move |random| {
                random.lognormal(median_s, sigma)
            })
        },
    },
    Family {
        name: "gamma, shape 2",
        day: |random| {
            let half_s = mean(random) / 2.0;
            renewal(None, random, move |random| {
                random.exponential(half_s) + random.exponential(half_s)
            })
        },
    },
    Family {
        name: "irregular telemetry of one size",
        day: |random| {
            let size = Some(random.uniform(300.0, 3000.0).floor());
            match random.chance(0.5) {
                true => poisson(DAY, size, random),
                false => {
                    let (median_s, sigma) = (mean(random), random.uniform(0.9, 2.2));
                    renewal(size, random, move |random| {
                        random.lognormal(median_s, sigma)
                    })
                }
            }
        },
    },
    Family {
        name: "quantised to 60 s, at most 39 % of the ticks",
        day: |random| quantised([120.0, 1800.0], random),
    },
];

/// Honest timers.
pub const TIMERS: &[Family] = &[
    Family {
        name: "benign timers",
        day: |random| {
            let periods: &[&f64] = &[&60.0, &120.0, &300.0, &600.0, &900.0, &1800.0, &3600.0];
            let (period, jitter) = (*random.pick(periods), random.uniform(0.0, 0.05));
            let hours = if random.chance(0.5) {
                DAY
            } else {
                working(random)
            };
            let size = Some(random.uniform(300.0, 3000.0).floor());
            let mut at = hours[0] * 3600.0 + period * random.unit();
            let mut moments = Vec::new();
            while at < hours[1] * 3600.0 {
                moments.push(at + random.exponential(0.15));
                at += period * (1.0 + jitter * random.unit());
            }
            sized(moments, 86_400.0, size, random)
        },
    },
    Family {
        name: "tab polling",
        day: |random| {
            let period = random.uniform(15.0, 60.0);
            let size = Some(random.uniform(300.0, 3000.0).floor());
            let hours = working(random);
            let mut at = hours[0] * 3600.0;
            let mut moments = Vec::new();
            while at < hours[1] * 3600.0 {
                at += random.exponential(3000.0);
                let closes = at + random.exponential(1800.0);
                while at < closes {
                    moments.push(at);
                    at += period + random.exponential(0.3);
                }
            }
            sized(moments, 86_400.0, size, random)
        },
    },
    Family {
        name: "quantised to 60 s, half of the ticks and more",
        day: |random| quantised([20.0, 80.0], random),
    },
];

fn working(random: &mut Random) -> [f64; 2] {
    [random.uniform(7.5, 9.5), random.uniform(16.5, 19.0)]
}

/// Mean seconds between contacts: as wide as beacons' sleeps.
fn mean(random: &mut Random) -> f64 {
    random.log_uniform(20.0, 3600.0)
}

fn poisson(hours: [f64; 2], size: Option<f64>, random: &mut Random) -> Vec<Contact> {
    let mean_s = mean(random);
    let [from, until] = hours.map(|hour| hour * 3600.0);
    let mut at = from + random.exponential(mean_s);
    let mut moments = Vec::new();
    while at < until {
        moments.push(at);
        at += random.exponential(mean_s);
    }
    sized(moments, until, size, random)
}

fn renewal(
    size: Option<f64>,
    random: &mut Random,
    gap: impl Fn(&mut Random) -> f64,
) -> Vec<Contact> {
    let mut at = gap(random);
    let mut moments = Vec::new();
    while at < 86_400.0 {
        moments.push(at);
        at += gap(random).max(0.001);
    }
    sized(moments, 86_400.0, size, random)
}

/// Contacts that bring about others.
fn hawkes(random: &mut Random) -> Vec<Contact> {
    let mean_s = random.log_uniform(120.0, 3600.0);
    let branching = random.uniform(0.3, 0.85);
    let decay_s = random.log_uniform(5.0, 300.0);
    let mut moments = Vec::new();
    let mut at = random.exponential(mean_s);
    while at < 86_400.0 {
        let mut coming = vec![at];
        while let Some(parent) = coming.pop() {
            moments.push(parent);
            // How many is geometric, of mean `branching`.
            while moments.len() < 20_000 && random.chance(branching / (1.0 + branching)) {
                coming.push(parent + random.exponential(decay_s));
            }
        }
        at += random.exponential(mean_s);
    }
    moments.sort_by(f64::total_cmp);
    sized(moments, 86_400.0, None, random)
}

fn quantised(means_s: [f64; 2], random: &mut Random) -> Vec<Contact> {
    let mean_s = random.log_uniform(means_s[0], means_s[1]);
    let mut wanted = 0.0;
    let mut moments: Vec<f64> = Vec::new();
    while wanted < 86_400.0 {
        wanted += random.exponential(mean_s);
        let tick = (wanted / 60.0).ceil() * 60.0;
        if moments.last().is_none_or(|last| *last < tick) {
            moments.push(tick + random.uniform(0.01, 0.2));
        }
    }
    sized(moments, 86_400.0, None, random)
}
