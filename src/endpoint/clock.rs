//! From moments that an agent told and the sensor saw to how far the agent's clock is off.
//!
//! An agent tells of a connect never before it happened, and often later: what it says, less what
//! the sensor saw, is the offset and a delay. The line below all of these is the clock (Moon,
//! Skelly and Towsley, 1999), so that neither queues nor drift move it; its slope is that between
//! the least delayed of either half. Holds at most [`SAMPLES_MAX`] matches.

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Matches remembered.
pub const SAMPLES_MAX: usize = 64;
/// Fewer matches tell an offset, and no drift.
const DRIFT_SAMPLES_MIN: usize = 16;
/// Matches that cover less time than this tell no drift: delays would look like one.
const DRIFT_SPAN_MIN: i64 = 600_000;
/// So many matches in a row that lie far from the line are a clock that was set.
const STEP_SAMPLES: u8 = 5;
/// Rounds in which drift and least delays are told apart.
const ROUNDS: usize = 4;
/// No clock drifts by more, in parts of a million.
const DRIFT_MAX: i128 = 10_000;
/// What is far, in milliseconds, above and below.
const FAR_MS: [i64; 2] = [2000, 500];

/// How far an agent's clock is off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// When, and how much later the agent said it was; both in milliseconds.
    samples: VecDeque<(i64, i64)>,
    /// How many of the last samples were far from the line.
    far: u8,
}

impl Clock {
    /// A flow that began at `seen_at` was told as opened at `told_at`, by the agent's clock.
    pub fn handle_match(&mut self, seen_at: Timestamp, told_at: Timestamp) {
        let sample = (millis(seen_at), (told_at - seen_at).as_nanos() / 1_000_000);
        if let Some(line) = self.line() {
            let above = sample.1 - at_line(line, sample.0);
            let far = above > FAR_MS[0] || above < -FAR_MS[1];
            self.far = if far { self.far.saturating_add(1) } else { 0 };
        }
        if self.samples.len() >= SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        if self.far >= STEP_SAMPLES {
            self.far = 0;
            let old = self.samples.len() - usize::from(STEP_SAMPLES);
            self.samples.drain(..old);
        }
    }

    /// How much later than the sensor's the agent's clock is at `at`; none before the first match.
    pub fn offset(&self, at: Timestamp) -> Option<Span> {
        let offset = at_line(self.line()?, millis(at));
        Some(Span::from_nanos(offset.saturating_mul(1_000_000)))
    }

    /// How many matches it rests on.
    pub fn samples(&self) -> usize {
        self.samples.len()
    }

    /// A moment, an offset at it, and the drift in parts of a million.
    fn line(&self) -> Option<(i64, i64, i64)> {
        let lowest = self.samples.iter().min_by_key(|(_, offset)| *offset)?;
        let moments = || self.samples.iter().map(|(at, _)| *at);
        let (first, last) = (moments().min()?, moments().max()?);
        if self.samples.len() < DRIFT_SAMPLES_MIN || last - first < DRIFT_SPAN_MIN {
            return Some((lowest.0, lowest.1, 0));
        }
        let middle = first + (last - first) / 2;
        let mut drift = 0;
        for _ in 0..ROUNDS {
            // The least delayed of either half, once what is known of the drift is taken off.
            let least = |late: bool| {
                let half = self.samples.iter().filter(|(at, _)| (*at > middle) == late);
                half.min_by_key(|(at, offset)| offset - risen(drift, at - first))
            };
            let (Some(a), Some(b)) = (least(false), least(true)) else {
                break;
            };
            let rise = i128::from(b.1 - a.1) * 1_000_000 / i128::from((b.0 - a.0).max(1));
            drift = rise.clamp(-DRIFT_MAX, DRIFT_MAX) as i64;
        }
        let below = |(at, offset): &&(i64, i64)| offset - risen(drift, at - first);
        let (at, offset) = self.samples.iter().min_by_key(below)?;
        Some((*at, *offset, drift))
    }
}

/// What a drift in parts of a million comes to after a time.
fn risen(drift: i64, after: i64) -> i64 {
    (i128::from(after) * i128::from(drift) / 1_000_000) as i64
}

fn at_line((at, offset, drift): (i64, i64, i64), moment: i64) -> i64 {
    offset.saturating_add(risen(drift, moment.saturating_sub(at)))
}

fn millis(at: Timestamp) -> i64 {
    at.as_nanos() / 1_000_000
}
