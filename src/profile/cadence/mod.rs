//! From the moments of events to their cadence: how periodic they are, in bits.
//!
//! A [`Series`] is what is kept of one key (a host and a destination, say): counts of gaps by
//! length. [`Templates`] hold what gaps look like with a timer behind them and without one, and
//! [`Templates::fit`] says how much better the best timer explains a histogram than the best of
//! everything else: a generalised likelihood ratio. Periodic is not malicious: what a reading means
//! is for the analytics to say. One key holds at most [`SERIES_BYTES_MAX`] bytes, and a busy one
//! [`BRISK_BYTES_MAX`] more.

mod calm;
mod gaps;
mod hours;
mod persistence;
mod series;
mod sizes;
mod templates;

pub use gaps::{BINS, Gaps, bin, edge};
pub use persistence::Persistence;
pub use series::{BRISK_BYTES_MAX, Event, Reading, SERIES_BYTES_MAX, Series, View};
pub use templates::{Fit, Templates};

#[cfg(test)]
mod tests;
