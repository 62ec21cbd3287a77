//! From what gateways know of a flow to a row of `gateway.log`.
//!
//! A log of our own, joined with `conn.log` by `uid`: a row for each flow that a proxy, a firewall
//! or a DNS server has logged, and another where a late line says otherwise.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, put_flow, string};
use crate::endpoint::Passed;
use crate::endpoint::passage::Passage;
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The columns of `gateway.log`.
pub const SCHEMA: Schema = Schema {
    path: "gateway",
    columns: columns![
        flow,
        "proto": "enum",
        "told": "time",
        "status": "enum",
        "confidence": "double",
        "gateways": "set[string]",
        "kind": "enum",
        "leg": "enum",
        "key": "enum",
        "lines": "count",
        "denied": "count",
        "delta": "interval",
        "client": "addr",
        "client_port": "port",
        "user": "string",
        "user_agent": "string",
        "method": "string",
        "name": "string",
        "url": "string",
        "status_code": "count",
        "application": "string",
        "action": "enum",
        "rule": "string",
        "category": "string",
        "client_bytes": "count",
        "server_bytes": "count",
        "source": "addr",
        "source_port": "port",
        "query_type": "string",
        "answers": "set[addr]",
    ],
    bounds: Bounds::DEFAULT,
};

/// What gateways know of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayRow {
    at: Timestamp,
    flow: FlowId,
    passed: Passed,
}

impl GatewayRow {
    /// The row of `flow`, told at `at`.
    pub fn new(at: Timestamp, flow: FlowId, passed: Passed) -> GatewayRow {
        GatewayRow { at, flow, passed }
    }
}

impl Row for GatewayRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let GatewayRow { at, flow, passed } = self;
        let passage = &passed.passage;
        let text = |of: fn(&Passage) -> &Option<Box<str>>| optional(of(passage).as_deref(), string);
        put_flow(flow.first_at, Some(flow), put);
        put(Value::Name(flow.transport.name()));
        put(Value::Time(*at));
        put(Value::Name(passed.status.name()));
        put(Value::Double(passed.confidence));
        put(Value::List(List::Strings(&passed.gateways)));
        put(Value::Name(passage.kind.name()));
        put(Value::Name(passed.leg.name()));
        put(Value::Name(passed.named.name()));
        put(count(passed.lines));
        put(count(passed.denied));
        put(Value::Interval(passed.delta));
        put(optional(passage.client.addr, Value::Addr));
        put(optional(passage.client.port, count));
        put(text(|passage| &passage.user));
        put(text(|passage| &passage.user_agent));
        put(text(|passage| &passage.method));
        put(text(|passage| &passage.name));
        put(text(|passage| &passage.url));
        put(optional(passage.status, count));
        put(text(|passage| &passage.application));
        put(optional(passage.action, |action| {
            Value::Name(action.name())
        }));
        put(text(|passage| &passage.rule));
        put(text(|passage| &passage.category));
        let bytes = |side: usize| optional(passage.bytes.map(|bytes| bytes[side]), Value::Count);
        put(bytes(0));
        put(bytes(1));
        put(optional(passage.source.addr, Value::Addr));
        put(optional(passage.source.port, count));
        put(text(|passage| &passage.query_type));
        put(match passage.answers.is_empty() {
            true => Value::Unset,
            false => Value::List(List::Addrs(&passage.answers)),
        });
    }
}
