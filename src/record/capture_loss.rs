//! From an interval's acknowledgements and gaps to a row of `capture_loss.log`.
//!
//! It only carries them; what counts as a gap is for `flow`.

use super::{Bounds, PEER, Row, Schema, Value, columns, count};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The columns of `capture_loss.log`.
pub const SCHEMA: Schema = Schema {
    path: "capture_loss",
    columns: columns![
        "ts": "time",
        "ts_delta": "interval",
        "peer": "string",
        "gaps": "count",
        "acks": "count",
        "percent_lost": "double",
    ],
    bounds: Bounds::DEFAULT,
};

/// How much the capture lost in an interval, by what TCP receivers acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureLossRow {
    /// The end of the interval.
    pub at: Timestamp,
    /// Its length.
    pub span: Span,
    /// Acknowledgements of bytes that were never seen.
    pub gaps: u64,
    /// Acknowledgements of new bytes in established flows.
    pub acks: u64,
}

impl CaptureLossRow {
    /// The share of acknowledgements that show loss, in percent; 0 without any.
    pub fn percent_lost(&self) -> f64 {
        match self.acks {
            0 => 0.0,
            acks => 100.0 * self.gaps as f64 / acks as f64,
        }
    }
}

impl Row for CaptureLossRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(Value::Interval(self.span));
        put(Value::Name(PEER));
        put(count(self.gaps));
        put(count(self.acks));
        put(Value::Double(self.percent_lost()));
    }
}
