//! From a TLS session to a row of `ssl.log`.
//!
//! Zeek's default columns, then the fingerprints, and what is to be thought of an encrypted server
//! name: where that is set, `server_name` is the outer one. Subject and issuer are not among the
//! defaults, and readers that go by position do not expect them: they are in `x509.log`, joined by
//! `cert_chain_fps`.

use super::{Bounds, Row, Schema, Value, columns, optional, put_flow, string, strings, text};
use crate::baseline::EchVerdict;
use crate::inspect::tls::{alert_name, cipher_name, curve_name, version_name};
use crate::observe::{FlowId, TlsSession};
use serde::{Deserialize, Serialize};

/// The columns of `ssl.log`.
pub const SCHEMA: Schema = Schema {
    path: "ssl",
    columns: columns![
        flow,
        "version": "string",
        "cipher": "string",
        "curve": "string",
        "server_name": "string",
        "resumed": "bool",
        "last_alert": "string",
        "next_protocol": "string",
        "established": "bool",
        "ssl_history": "string",
        "cert_chain_fps": "vector[string]",
        "client_cert_chain_fps": "vector[string]",
        "sni_matches_cert": "bool",
        "ja3": "string",
        "ja3s": "string",
        "ja4": "string";
        "ech": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// A TLS session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SslRow {
    flow: FlowId,
    session: Box<TlsSession>,
    ech: Option<EchVerdict>,
}

impl SslRow {
    /// The row of `session`, which `flow` carried; `ech` judges an encrypted server name.
    pub fn new(flow: FlowId, session: Box<TlsSession>, ech: Option<EchVerdict>) -> SslRow {
        SslRow { flow, session, ech }
    }
}

impl Row for SslRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let session = self.session.as_ref();
        put_flow(session.at, Some(&self.flow), put);
        put(optional(
            session.version.map(version_name).as_deref(),
            Value::Name,
        ));
        put(optional(
            session.cipher.map(cipher_name).as_deref(),
            Value::Name,
        ));
        put(optional(
            session.curve.map(curve_name).as_deref(),
            Value::Name,
        ));
        put(optional(session.server_name.as_ref(), text));
        put(Value::Bool(session.resumed));
        put(optional(
            session.last_alert.map(alert_name).as_deref(),
            Value::Name,
        ));
        put(optional(session.next_protocol.as_ref(), text));
        put(Value::Bool(session.established));
        put(string(&session.history));
        put(optional(session.cert_chain_fps.as_deref(), strings));
        put(optional(session.client_cert_chain_fps.as_deref(), strings));
        put(optional(session.sni_matches_cert, Value::Bool));
        put(optional(session.ja3.as_deref(), string));
        put(optional(session.ja3s.as_deref(), string));
        put(optional(session.ja4.as_deref(), string));
        put(optional(self.ech.map(EchVerdict::name), Value::Name));
    }
}
