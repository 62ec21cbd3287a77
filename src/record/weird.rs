//! From an anomaly to a row of `weird.log`.
//!
//! Every anomaly is a row; how often the same one is told is for whoever makes the rows.

use super::{Bounds, PEER, Row, Schema, Value, columns, put_flow, text};
use crate::observe::{FlowId, WeirdSeen};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The columns of `weird.log`.
pub const SCHEMA: Schema = Schema {
    path: "weird",
    columns: columns![
        flow,
        "name": "string",
        "addl": "string",
        "notice": "bool",
        "peer": "string",
        "source": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// An anomaly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeirdRow {
    at: Timestamp,
    flow: Option<FlowId>,
    seen: Box<WeirdSeen>,
}

impl WeirdRow {
    /// The row of what was `seen`, in `flow` unless no flow could be made of it.
    pub fn new(at: Timestamp, flow: Option<FlowId>, seen: Box<WeirdSeen>) -> WeirdRow {
        WeirdRow { at, flow, seen }
    }
}

impl Row for WeirdRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        match self.seen.hosts {
            Some([src, dst]) if self.flow.is_none() => {
                // Zeek tells the packet's hosts, with no ports and no flow.
                put(Value::Time(self.at));
                put(Value::Unset);
                for host in [src, dst] {
                    put(Value::Addr(host));
                    put(Value::Count(0));
                }
            }
            _ => put_flow(self.at, self.flow.as_ref(), put),
        }
        put(Value::Name(self.seen.weird.name()));
        put(if self.seen.detail.is_empty() {
            Value::Unset
        } else {
            text(&self.seen.detail)
        });
        put(Value::Bool(false)); // A weird alone is never a notice here.
        put(Value::Name(PEER));
        put(Value::Unset); // The list of weirds does not say which part found them.
    }
}
