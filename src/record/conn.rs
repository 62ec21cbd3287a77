//! From a flow's summary to a row of `conn.log`.
//!
//! Zeek's base columns, then those of its scripts for VLANs, link addresses and the community id.
//! Whether an endpoint is local, and the community id, are the caller's to say.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, put_flow, string};
use crate::net::Side;
use crate::observe::{FlowId, FlowSummary};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// The columns of `conn.log`.
pub const SCHEMA: Schema = Schema {
    path: "conn",
    columns: columns![
        flow,
        "proto": "enum",
        "service": "string",
        "duration": "interval",
        "orig_bytes": "count",
        "resp_bytes": "count",
        "conn_state": "string",
        "local_orig": "bool",
        "local_resp": "bool",
        "missed_bytes": "count",
        "history": "string",
        "orig_pkts": "count",
        "orig_ip_bytes": "count",
        "resp_pkts": "count",
        "resp_ip_bytes": "count",
        "tunnel_parents": "set[string]",
        "ip_proto": "count",
        "vlan": "int",
        "inner_vlan": "int",
        "orig_l2_addr": "string",
        "resp_l2_addr": "string",
        "community_id": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// A flow at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnRow {
    flow: FlowId,
    summary: Box<FlowSummary>,
    local: Option<[bool; 2]>,
    community_id: Option<Box<str>>,
}

impl ConnRow {
    /// The row of `flow`. `local` says of originator and responder whether they are in a local
    /// network, and is none where no local networks are configured.
    pub fn new(
        flow: FlowId,
        summary: Box<FlowSummary>,
        local: Option<[bool; 2]>,
        community_id: Option<Box<str>>,
    ) -> ConnRow {
        ConnRow {
            flow,
            summary,
            local,
            community_id,
        }
    }
}

impl Row for ConnRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let summary = self.summary.as_ref();
        let [originator, responder] = [Side::Originator, Side::Responder].map(|s| summary.side(s));
        // Zeek says nothing of payload where it has seen one packet, or all of them at one moment.
        let duration = summary.duration.filter(|duration| *duration > Span::ZERO);
        put_flow(self.flow.first_at, Some(&self.flow), put);
        put(Value::Name(self.flow.transport.name()));
        put(match summary.services.as_slice() {
            [] => Value::Unset,
            services => Value::Joined(services),
        });
        put(optional(duration, Value::Interval));
        put(optional(duration, |_| count(originator.bytes)));
        put(optional(duration, |_| count(responder.bytes)));
        put(Value::Name(summary.state.name()));
        put(optional(self.local, |[local, _]| Value::Bool(local)));
        put(optional(self.local, |[_, local]| Value::Bool(local)));
        put(count(summary.missed_bytes));
        put(match summary.history.as_ref() {
            "" => Value::Unset,
            history => string(history),
        });
        put(count(originator.packets));
        put(count(originator.ip_bytes));
        put(count(responder.packets));
        put(count(responder.ip_bytes));
        put(match summary.tunnel_parents.as_slice() {
            [] => Value::Unset,
            parents => Value::List(List::Uids(parents)),
        });
        put(count(summary.ip_proto));
        for vlan in summary.vlan {
            put(optional(vlan, count));
        }
        for mac in summary.macs {
            put(optional(mac, Value::Mac));
        }
        put(optional(self.community_id.as_deref(), string));
    }
}
