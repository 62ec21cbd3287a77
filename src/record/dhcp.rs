//! From a DHCP transaction to a row of `dhcp.log`.
//!
//! Zeek's columns. The detector joins messages into transactions.

use super::{Bounds, Row, Schema, Value, columns, optional, strings, text};
use crate::net::Mac;
use crate::time::{Span, Timestamp};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The columns of `dhcp.log`.
pub const SCHEMA: Schema = Schema {
    path: "dhcp",
    columns: columns![
        "ts": "time",
        "uids": "set[string]",
        "client_addr": "addr",
        "server_addr": "addr",
        "mac": "string",
        "host_name": "string",
        "client_fqdn": "string",
        "domain": "string",
        "requested_addr": "addr",
        "assigned_addr": "addr",
        "lease_time": "interval",
        "client_message": "string",
        "server_message": "string",
        "msg_types": "vector[string]",
        "duration": "interval",
    ],
    bounds: Bounds::DEFAULT,
};

/// The messages of one transaction, over all the flows that carried them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DhcpRow {
    /// The moment of its first message.
    pub at: Timestamp,
    /// The flows.
    pub uids: Vec<Box<str>>,
    /// The client's address.
    pub client_addr: Option<IpAddr>,
    /// The server that handed out the lease.
    pub server_addr: Option<IpAddr>,
    /// The client's hardware address.
    pub mac: Option<Mac>,
    /// The client's name.
    pub host_name: Option<BString>,
    /// The client's fully qualified name.
    pub client_fqdn: Option<BString>,
    /// The domain that the server gave.
    pub domain: Option<BString>,
    /// The address asked for.
    pub requested_addr: Option<IpAddr>,
    /// The address given.
    pub assigned_addr: Option<IpAddr>,
    /// For how long.
    pub lease_time: Option<Span>,
    /// What a client said in words.
    pub client_message: Option<BString>,
    /// What a server said in words.
    pub server_message: Option<BString>,
    /// Types of the messages in their order.
    pub msg_types: Vec<Box<str>>,
    /// From the first message to the last.
    pub duration: Span,
}

impl Row for DhcpRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(strings(&self.uids));
        put(optional(self.client_addr, Value::Addr));
        put(optional(self.server_addr, Value::Addr));
        put(optional(self.mac, Value::Mac));
        for name in [&self.host_name, &self.client_fqdn, &self.domain] {
            put(optional(name.as_ref(), text));
        }
        put(optional(self.requested_addr, Value::Addr));
        put(optional(self.assigned_addr, Value::Addr));
        put(optional(self.lease_time, Value::Interval));
        for message in [&self.client_message, &self.server_message] {
            put(optional(message.as_ref(), text));
        }
        put(strings(&self.msg_types));
        put(Value::Interval(self.duration));
    }
}
