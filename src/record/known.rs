//! From what the site's hosts were seen to be and to run to rows of `known_hosts.log`,
//! `known_services.log` and `software.log`.
//!
//! Zeek's columns. Which row is due is the detector's business.

use super::{Bounds, Row, Schema, Value, columns, count, optional, strings, text};
use crate::net::{Endpoint, Transport};
use crate::time::Timestamp;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The columns of `known_hosts.log`.
pub const HOSTS: Schema = Schema {
    path: "known_hosts",
    columns: columns!["ts": "time", "host": "addr"],
    bounds: Bounds::DEFAULT,
};

/// The columns of `known_services.log`.
pub const SERVICES: Schema = Schema {
    path: "known_services",
    columns: columns![
        "ts": "time",
        "host": "addr",
        "port_num": "port",
        "port_proto": "enum",
        "service": "set[string]",
    ],
    bounds: Bounds::DEFAULT,
};

/// The columns of `software.log`.
pub const SOFTWARE: Schema = Schema {
    path: "software",
    columns: columns![
        "ts": "time",
        "host": "addr",
        "host_p": "port",
        "software_type": "enum",
        "name": "string",
        "version.major": "count",
        "version.minor": "count",
        "version.minor2": "count",
        "version.minor3": "count",
        "version.addl": "string",
        "unparsed_version": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// A host that completed a TCP handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownHostRow {
    /// When it did.
    pub at: Timestamp,
    /// Its address.
    pub host: IpAddr,
}

/// A service that a host offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownServiceRow {
    /// The first moment of the flow that showed it.
    pub at: Timestamp,
    /// The host, and the port.
    pub endpoint: Endpoint,
    /// The transport.
    pub transport: Transport,
    /// What is spoken there, in upper case; empty where that is not known.
    pub services: Vec<Box<str>>,
}

/// What kind of program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SoftwareKind {
    /// What sent a User-Agent header.
    HttpBrowser,
    /// What sent a Server header.
    HttpServer,
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoftwareRow {
    /// The moment it was told.
    pub at: Timestamp,
    /// The host.
    pub host: IpAddr,
    /// Its port, where it is a server.
    pub port: Option<u16>,
    /// The kind.
    pub kind: SoftwareKind,
    /// Its name.
    pub name: BString,
    /// Up to four numbers of its version.
    pub version: Vec<u64>,
    /// What follows them.
    pub addl: Option<BString>,
    /// As it was told.
    pub unparsed: BString,
}

impl Row for KnownHostRow {
    fn schema(&self) -> &'static Schema {
        &HOSTS
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(Value::Addr(self.host));
    }
}

impl Row for KnownServiceRow {
    fn schema(&self) -> &'static Schema {
        &SERVICES
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(Value::Addr(self.endpoint.addr));
        put(count(self.endpoint.port));
        put(Value::Name(self.transport.name()));
        put(strings(&self.services));
    }
}

impl Row for SoftwareRow {
    fn schema(&self) -> &'static Schema {
        &SOFTWARE
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(Value::Addr(self.host));
        put(optional(self.port, count));
        put(Value::Name(match self.kind {
            SoftwareKind::HttpBrowser => "HTTP::BROWSER",
            SoftwareKind::HttpServer => "HTTP::SERVER",
        }));
        put(text(&self.name));
        for place in 0..4 {
            put(optional(self.version.get(place), |number| count(*number)));
        }
        put(optional(self.addl.as_ref(), text));
        put(text(&self.unparsed));
    }
}
