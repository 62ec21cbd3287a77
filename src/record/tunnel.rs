//! From what happened to a tunnel to a row of `tunnel.log`.
//!
//! Tunnels over UDP and through proxies are flows with rows of their own in `conn.log`; tunnels
//! over IP have none.

use super::{Bounds, Row, Schema, Value, columns, put_flow};
use crate::observe::{FlowId, TunnelSeen};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The columns of `tunnel.log`.
pub const SCHEMA: Schema = Schema {
    path: "tunnel",
    columns: columns![
        flow,
        "tunnel_type": "enum",
        "action": "enum",
    ],
    bounds: Bounds::DEFAULT,
};

/// A tunnel that begins or is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunnelRow {
    at: Timestamp,
    flow: FlowId,
    seen: TunnelSeen,
}

impl TunnelRow {
    /// The row of what happened at `at` to the tunnel that `flow` carries.
    pub fn new(at: Timestamp, flow: FlowId, seen: TunnelSeen) -> TunnelRow {
        TunnelRow { at, flow, seen }
    }
}

impl Row for TunnelRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put_flow(self.at, Some(&self.flow), put);
        put(Value::Name(self.seen.kind.name()));
        put(Value::Name(self.seen.action.name()));
    }
}
