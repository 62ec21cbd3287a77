//! From a QUIC session to a row of `quic.log`.
//!
//! Zeek's columns, and the user agent that Google's QUIC tells in clear.

use super::{Bounds, Row, Schema, Value, columns, optional, put_flow, string, text};
use crate::inspect::quic::version_name;
use crate::observe::{FlowId, QuicSession};
use serde::{Deserialize, Serialize};

/// The columns of `quic.log`.
pub const SCHEMA: Schema = Schema {
    path: "quic",
    columns: columns![
        flow,
        "version": "string",
        "client_initial_dcid": "string",
        "client_scid": "string",
        "server_scid": "string",
        "server_name": "string",
        "client_protocol": "string",
        "history": "string";
        "user_agent": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// A QUIC session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuicRow {
    flow: FlowId,
    session: Box<QuicSession>,
}

impl QuicRow {
    /// The row of `session`, which `flow` carried.
    pub fn new(flow: FlowId, session: Box<QuicSession>) -> QuicRow {
        QuicRow { flow, session }
    }
}

impl Row for QuicRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let session = self.session.as_ref();
        put_flow(session.at, Some(&self.flow), put);
        put(Value::Name(&version_name(session.version)));
        for id in [
            &session.client_initial_dcid,
            &session.client_scid,
            &session.server_scid,
        ] {
            put(optional(id.as_deref(), string));
        }
        put(optional(session.server_name.as_ref(), text));
        put(optional(session.client_protocol.as_ref(), text));
        put(Value::Name(&session.history));
        put(optional(session.user_agent.as_ref(), text));
    }
}
