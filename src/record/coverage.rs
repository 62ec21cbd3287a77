//! From what an agent covered of its host in an hour to a row of `coverage.log`.
//!
//! A log of our own: flows that no report named are the agent's gaps, reports that no flow met are
//! the tap's.

use super::{Bounds, Row, Schema, Value, columns, count, optional, string};
use crate::detect::CoveredHour;
use crate::endpoint::coverage::Account;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The columns of `coverage.log`.
pub const SCHEMA: Schema = Schema {
    path: "coverage",
    columns: columns![
        "ts": "time",
        "host": "addr",
        "agent": "string",
        "flows": "count",
        "matched": "count",
        "matched_binary": "count",
        "ambiguous": "count",
        "conflict": "count",
        "none": "count",
        "late": "count",
        "reports": "count",
        "reports_without_flow": "count",
        "reports_refused": "count",
        "clock_offset": "interval",
    ],
    bounds: Bounds::DEFAULT,
};

/// What an agent covered of its host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// The beginning of the hour.
    pub begun: Timestamp,
    /// The host's address; none where the agent told of none.
    pub host: Option<IpAddr>,
    /// The agent.
    pub agent: Box<str>,
    /// How much.
    pub account: Account,
    /// How far the agent's clock is ahead, where that is known.
    pub offset: Option<Span>,
}

impl CoverageRow {
    /// The row of an hour.
    pub fn new(hour: CoveredHour) -> CoverageRow {
        let (host, agent) = hour.covered;
        CoverageRow {
            begun: hour.begun,
            host,
            agent,
            account: hour.account,
            offset: hour.offset,
        }
    }
}

impl Row for CoverageRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let Account {
            flows,
            matched,
            matched_binary,
            ambiguous,
            conflict,
            none,
            late,
            reports,
            reports_without_flow,
            refused,
        } = self.account;
        put(Value::Time(self.begun));
        put(optional(self.host, Value::Addr));
        put(string(&self.agent));
        for number in [
            flows,
            matched,
            matched_binary,
            ambiguous,
            conflict,
            none,
            late,
            reports,
            reports_without_flow,
            refused,
        ] {
            put(count(number));
        }
        put(optional(self.offset, Value::Interval));
    }
}
