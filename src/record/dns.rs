//! From a DNS transaction to a row of `dns.log`.
//!
//! Zeek's base columns, the operation code included.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, put_flow, text, texts};
use crate::inspect::dns::names::{
    netbios_opcode_name, netbios_qtype_name, opcode_name, qclass_name, qtype_name, rcode_name,
};
use crate::observe::{DnsTransaction, FlowId};
use serde::{Deserialize, Serialize};

/// The columns of `dns.log`.
pub const SCHEMA: Schema = Schema {
    path: "dns",
    columns: columns![
        flow,
        "proto": "enum",
        "trans_id": "count",
        "rtt": "interval",
        "query": "string",
        "qclass": "count",
        "qclass_name": "string",
        "qtype": "count",
        "qtype_name": "string",
        "rcode": "count",
        "rcode_name": "string",
        "AA": "bool",
        "TC": "bool",
        "RD": "bool",
        "RA": "bool",
        "Z": "count",
        "answers": "vector[string]",
        "TTLs": "vector[interval]",
        "rejected": "bool",
        "opcode": "count",
        "opcode_name": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// The responder's port of the NetBIOS name service, whose numbers have names of their own.
const NETBIOS: u16 = 137;

/// A query and its answer, or either alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsRow {
    flow: FlowId,
    transaction: Box<DnsTransaction>,
}

impl DnsRow {
    /// The row of `transaction`, which `flow` carried.
    pub fn new(flow: FlowId, transaction: Box<DnsTransaction>) -> DnsRow {
        DnsRow { flow, transaction }
    }
}

impl Row for DnsRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let transaction = self.transaction.as_ref();
        let netbios = self.flow.responder.port == NETBIOS;
        let (type_name, opcode_name): (fn(_) -> _, fn(_) -> _) = match netbios {
            true => (netbios_qtype_name, netbios_opcode_name),
            false => (qtype_name, opcode_name),
        };
        put_flow(transaction.at, Some(&self.flow), put);
        put(Value::Name(self.flow.transport.name()));
        put(count(transaction.id));
        put(optional(transaction.rtt, Value::Interval));
        put(optional(transaction.query.as_ref(), text));
        for (number, name) in [
            (transaction.qclass, transaction.qclass.map(qclass_name)),
            (transaction.qtype, transaction.qtype.map(type_name)),
            (transaction.rcode, transaction.rcode.map(rcode_name)),
        ] {
            put(optional(number, count));
            put(optional(name.as_deref(), Value::Name));
        }
        put(Value::Bool(transaction.aa));
        put(Value::Bool(transaction.tc));
        put(Value::Bool(transaction.rd));
        put(Value::Bool(transaction.ra));
        put(count(transaction.z));
        put(optional(transaction.answers.as_deref(), texts));
        put(optional(transaction.ttls.as_deref(), |ttls| {
            Value::List(List::Seconds(ttls))
        }));
        put(Value::Bool(transaction.rejected));
        put(count(transaction.opcode));
        put(Value::Name(&opcode_name(transaction.opcode)));
    }
}
