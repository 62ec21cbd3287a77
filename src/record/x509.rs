//! From a certificate to a row of `x509.log`.
//!
//! There is no uid: a certificate is joined with its sessions by its fingerprint. How often the
//! same one is told is for whoever makes the rows.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, string, text, texts};
use crate::observe::Certificate;
use serde::{Deserialize, Serialize};

/// The columns of `x509.log`.
pub const SCHEMA: Schema = Schema {
    path: "x509",
    columns: columns![
        "ts": "time",
        "fingerprint": "string",
        "certificate.version": "count",
        "certificate.serial": "string",
        "certificate.subject": "string",
        "certificate.issuer": "string",
        "certificate.not_valid_before": "time",
        "certificate.not_valid_after": "time",
        "certificate.key_alg": "string",
        "certificate.sig_alg": "string",
        "certificate.key_type": "string",
        "certificate.key_length": "count",
        "certificate.exponent": "string",
        "certificate.curve": "string",
        "san.dns": "vector[string]",
        "san.uri": "vector[string]",
        "san.email": "vector[string]",
        "san.ip": "vector[addr]",
        "basic_constraints.ca": "bool",
        "basic_constraints.path_len": "count",
        "host_cert": "bool",
        "client_cert": "bool",
    ],
    // Zeek's X509::default_max_*: a shared certificate may name hundreds of sites.
    bounds: Bounds {
        elements_max: 500,
        row_elements_max: 1500,
        ..Bounds::DEFAULT
    },
};

/// A certificate seen in clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct X509Row {
    certificate: Box<Certificate>,
}

impl X509Row {
    /// The row of `certificate`.
    pub fn new(certificate: Box<Certificate>) -> X509Row {
        X509Row { certificate }
    }
}

impl Row for X509Row {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let certificate = self.certificate.as_ref();
        put(Value::Time(certificate.at));
        put(string(&certificate.fingerprint));
        put(count(certificate.version));
        put(string(&certificate.serial));
        put(text(&certificate.subject));
        put(text(&certificate.issuer));
        put(Value::Time(certificate.not_valid_before));
        put(Value::Time(certificate.not_valid_after));
        put(string(&certificate.key_alg));
        put(string(&certificate.sig_alg));
        put(optional(certificate.key_type.as_deref(), string));
        put(optional(certificate.key_length, Value::Count));
        put(optional(certificate.exponent.as_deref(), string));
        put(optional(certificate.curve.as_deref(), string));
        put(optional(certificate.san_dns.as_deref(), texts));
        put(optional(certificate.san_uri.as_deref(), texts));
        put(optional(certificate.san_email.as_deref(), texts));
        put(optional(certificate.san_ip.as_deref(), |addrs| {
            Value::List(List::Addrs(addrs))
        }));
        put(optional(certificate.ca, Value::Bool));
        put(optional(certificate.path_len, Value::Count));
        put(Value::Bool(certificate.host_cert));
        put(Value::Bool(certificate.client_cert));
    }
}
