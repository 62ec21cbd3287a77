//! From what is known of a host to a row of `hosts.log`.
//!
//! A log of our own: who a host is, under which addresses, and what its platform seems to be.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, string, strings, text};
use crate::host::Profile;
use crate::host::platform::Platform;
use crate::net::{HostKey, Mac};
use crate::time::Timestamp;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The columns of `hosts.log`.
pub const SCHEMA: Schema = Schema {
    path: "hosts",
    columns: columns![
        "ts": "time",
        "host": "string",
        "host_kind": "enum",
        "addresses": "vector[addr]",
        "mac": "string",
        "names": "vector[string]",
        "dhcp_vendor_class": "string",
        "dhcp_parameters": "string",
        "duid": "string",
        "services": "vector[string]",
        "router": "bool",
        "platform": "enum",
        "platform_bits": "count",
        "platforms": "vector[string]",
        "clues": "vector[string]",
        "first_seen": "time",
        "last_seen": "time",
    ],
    bounds: Bounds::DEFAULT,
};

/// A host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostRow {
    at: Timestamp,
    host: Box<str>,
    kind: Box<str>,
    addresses: Vec<IpAddr>,
    mac: Option<Mac>,
    names: Vec<BString>,
    vendor_class: Option<BString>,
    dhcp_parameters: Option<Box<str>>,
    duid: Option<Box<str>>,
    services: Vec<BString>,
    router: bool,
    platform: Option<(Platform, u32)>,
    platforms: Vec<Box<str>>,
    clues: Vec<Box<str>>,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl HostRow {
    /// The row of the host `key`, due at `at`.
    pub fn new(at: Timestamp, key: &HostKey, profile: Profile) -> HostRow {
        let assessment = profile.assessment();
        let bits = Platform::ALL.into_iter().zip(assessment.bits);
        let some = bits.clone().filter(|(_, bits)| *bits > 0);
        let mut of_platform = bits.filter(|(one, _)| assessment.platform == Some(*one));
        let clues = profile.clues.iter();
        HostRow {
            at,
            host: key.to_string().into(),
            kind: key.kind().into(),
            mac: profile.mac,
            platform: of_platform.next(),
            platforms: some
                .map(|(one, bits)| format!("{}={bits}", one.name()).into())
                .collect(),
            clues: clues
                .map(|(clue, count)| format!("{}={count}", clue.name()).into())
                .collect(),
            addresses: profile.addresses,
            names: profile.names.into_iter().collect(),
            vendor_class: profile.vendor_class,
            dhcp_parameters: profile.dhcp_parameters,
            duid: profile.duid,
            services: profile.services.into_iter().collect(),
            router: profile.router,
            first_at: profile.first_at,
            last_at: profile.last_at,
        }
    }
}

impl Row for HostRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(string(&self.host));
        put(Value::Name(&self.kind));
        put(Value::List(List::Addrs(&self.addresses)));
        put(optional(self.mac, Value::Mac));
        put(Value::List(List::Texts(&self.names)));
        put(optional(self.vendor_class.as_ref(), text));
        put(optional(self.dhcp_parameters.as_deref(), string));
        put(optional(self.duid.as_deref(), string));
        put(Value::List(List::Texts(&self.services)));
        put(Value::Bool(self.router));
        put(optional(self.platform, |(one, _)| Value::Name(one.name())));
        put(optional(self.platform, |(_, bits)| count(bits)));
        put(strings(&self.platforms));
        put(strings(&self.clues));
        put(Value::Time(self.first_at));
        put(Value::Time(self.last_at));
    }
}
