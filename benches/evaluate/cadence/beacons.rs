//! From a beacon's habits to a day of its contacts.

use super::people::browsing;
use crate::rivals::Contact;
use tapir::scenario::random::Random;

/// Sleeps of most cells: a working day holds enough beats of the longest.
pub const SLEEPS_S: [f64; 2] = [20.0, 1800.0];
const DAY_S: f64 = 86_400.0;

/// How a sleep varies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Downward,
    Upward,
    Symmetric,
    Gaussian,
    /// On multiples of the sleep and up to the jitter later.
    Cron,
    Exponential,
}

/// When it beats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hours {
    Day,
    Working,
    /// From a moment after noon on.
    Late,
}

/// Who else calls the destination, with the same kind of client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Browsing {
    None,
    Working,
    Day,
}

/// A beacon's habits.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub shape: Shape,
    pub jitter: f64,
    /// Probability that a beat does not happen.
    pub miss: f64,
    pub hours: Hours,
    /// Share by which the sleep grows or shrinks in the course of the day.
    pub drift: f64,
    /// Most connections of a check-in.
    pub connections: u64,
    /// Bytes, up to so many, that are added to what is sent.
    pub size_jitter: f64,
    pub browsing: Browsing,
    /// Whether the person's client is of another kind.
    pub told_apart: bool,
    pub sleeps_s: [f64; 2],
}

impl Habits {
    pub const fn new(shape: Shape, jitter: f64) -> Habits {
        Habits {
            shape,
            jitter,
            miss: 0.0,
            hours: Hours::Day,
            drift: 0.0,
            connections: 1,
            size_jitter: 0.0,
            browsing: Browsing::None,
            told_apart: false,
            sleeps_s: SLEEPS_S,
        }
    }

    /// A day of contacts in order, the person's among them; `true` marks those of the person.
    pub fn day(&self, random: &mut Random) -> Vec<(Contact, bool)> {
        let sleep_s = random.log_uniform(self.sleeps_s[0], self.sleeps_s[1]);
        let hours = match self.hours {
            Hours::Day => [0.0, 24.0],
            Hours::Working => [random.uniform(7.5, 9.5), random.uniform(16.5, 19.0)],
            Hours::Late => [random.uniform(12.0, 18.0), 24.0],
        };
        let mut moments = self.moments(sleep_s, hours, random);
        moments.retain(|at| *at < DAY_S);
        let usual = random.uniform(250.0, 900.0);
        let mut day = Vec::new();
        for at in moments {
            for connection in 0..random.between(1, self.connections) {
                let more = match random.chance(0.03) {
                    // Something was asked for.
                    true => random.lognormal(8000.0, 1.0),
                    false => random.uniform(0.0, 8.0) + random.uniform(0.0, self.size_jitter),
                };
                let later = connection as f64 * random.uniform(0.05, 0.6);
                let contact = Contact {
                    at: at + later,
                    up: (usual + more).floor(),
                    down: 420.0,
                };
                day.push((contact, false));
            }
        }
        let hours = match self.browsing {
            Browsing::None => None,
            Browsing::Working => Some([random.uniform(7.5, 9.5), random.uniform(16.5, 19.0)]),
            Browsing::Day => Some([0.0, 24.0]),
        };
        let person = hours
            .map(|hours| browsing(hours, random))
            .unwrap_or_default();
        day.extend(person.into_iter().map(|contact| (contact, self.told_apart)));
        day.sort_by(|a, b| a.0.at.total_cmp(&b.0.at));
        day
    }

    /// Moments of beats between two hours.
    pub fn moments(&self, sleep_s: f64, hours: [f64; 2], random: &mut Random) -> Vec<f64> {
        let [from, until] = hours.map(|hour| hour * 3600.0);
        let drift = self.drift * random.pick(&[&-1.0, &1.0]);
        let mut moments = Vec::new();
        let mut at = from + sleep_s * random.unit();
        while at < until {
            // The network's, and the program's own.
            let late = random.exponential(0.15);
            if !random.chance(self.miss) {
                moments.push(at + late);
            }
            let sleep_s = sleep_s * (1.0 + drift * (at - from) / DAY_S);
            at = self.next(at, sleep_s, random);
        }
        moments
    }

    fn next(&self, at: f64, sleep_s: f64, random: &mut Random) -> f64 {
        let jitter = self.jitter;
        let gap = match self.shape {
            Shape::Downward => sleep_s * (1.0 - jitter * random.unit()),
            Shape::Upward => sleep_s * (1.0 + jitter * random.unit()),
            Shape::Symmetric => sleep_s * (1.0 + jitter * random.uniform(-1.0, 1.0)),
            Shape::Gaussian => sleep_s * (1.0 + jitter * random.normal()),
            Shape::Exponential => random.exponential(sleep_s),
            Shape::Cron => {
                let due = ((at / sleep_s).floor() + 1.0) * sleep_s;
                return due + sleep_s * jitter * random.unit();
            }
        };
        at + gap.max(0.02 * sleep_s).max(0.5)
    }
}
