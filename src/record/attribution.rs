//! From the process behind a flow to a row of `attribution.log`.
//!
//! A log of our own, joined with `conn.log` by `uid`: a row for each flow of a host that has an
//! agent, and another where a late report says otherwise; and one for each flow of a host without
//! whose program can be inferred, which is no fact: its status says so.

use super::{Bounds, Row, Schema, Value, columns, count, optional, put_flow, string};
use crate::endpoint::Attribution;
use crate::endpoint::report::{Process, Signature};
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The columns of `attribution.log`.
pub const SCHEMA: Schema = Schema {
    path: "attribution",
    columns: columns![
        flow,
        "proto": "enum",
        "told": "time",
        "status": "enum",
        "confidence": "double",
        "agent": "string",
        "key": "enum",
        "method": "enum",
        "candidates": "count",
        "delta": "interval",
        "pid": "count",
        "path": "string",
        "command_line": "string",
        "user": "string",
        "user_id": "count",
        "started": "time",
        "signing_id": "string",
        "team_id": "string",
        "sha256": "string",
        "parent_pid": "count",
        "parent_path": "string",
        "responsible_path": "string",
        "taught_hosts": "count",
        "taught_flows": "count",
        "taught_level": "enum",
    ],
    bounds: Bounds::DEFAULT,
};

/// The process behind a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributionRow {
    at: Timestamp,
    flow: FlowId,
    attribution: Attribution,
}

impl AttributionRow {
    /// The row of `flow`, told at `at`.
    pub fn new(at: Timestamp, flow: FlowId, attribution: Attribution) -> AttributionRow {
        AttributionRow {
            at,
            flow,
            attribution,
        }
    }
}

impl Row for AttributionRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let AttributionRow {
            at,
            flow,
            attribution,
        } = self;
        let process = attribution.process.as_ref();
        let text = |of: fn(&Process) -> Option<&Box<str>>| {
            optional(process.and_then(of), |text| string(text))
        };
        let signed = |of: fn(&Signature) -> Option<&Box<str>>| {
            let signature = process.and_then(|process| process.signature.as_ref());
            optional(signature.and_then(of), |text| string(text))
        };
        let parent = process.and_then(|process| process.parent.as_deref());
        let responsible = process.and_then(|process| process.responsible.as_deref());
        put_flow(flow.first_at, Some(flow), put);
        put(Value::Name(flow.transport.name()));
        put(Value::Time(*at));
        put(Value::Name(attribution.status.name()));
        put(Value::Double(attribution.confidence));
        put(optional(attribution.agent.as_deref(), string));
        put(optional(attribution.key, |key| Value::Name(key.name())));
        put(optional(attribution.method, |method| {
            Value::Name(method.name())
        }));
        put(count(attribution.candidates));
        put(optional(attribution.delta, Value::Interval));
        put(optional(process.and_then(|process| process.pid), count));
        put(text(|process| {
            process.path.as_ref().or(process.name.as_ref())
        }));
        put(text(|process| process.command_line.as_ref()));
        put(text(|process| process.user.as_ref()));
        put(optional(process.and_then(|process| process.uid), count));
        put(optional(
            process.and_then(|process| process.started_at),
            Value::Time,
        ));
        put(signed(|signature| signature.signing_id.as_ref()));
        put(signed(|signature| signature.team_id.as_ref()));
        put(text(|process| process.sha256.as_ref()));
        put(optional(parent.and_then(|parent| parent.pid), count));
        put(optional(
            parent.and_then(|parent| parent.path.as_deref()),
            string,
        ));
        put(optional(
            responsible.and_then(|one| one.path.as_deref()),
            string,
        ));
        let taught = attribution.taught;
        put(optional(taught.map(|taught| taught.hosts), count));
        put(optional(taught.map(|taught| taught.flows), count));
        put(optional(
            taught.map(|taught| taught.level.name()),
            Value::Name,
        ));
    }
}
