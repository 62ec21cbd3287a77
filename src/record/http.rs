//! From an HTTP transaction to a row of `http.log`.
//!
//! Zeek's base columns. Bodies are not kept, so the identifiers of files stay unset; so does
//! `password`, which Zeek too leaves out by default.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, put_flow, string, text};
use crate::observe::{FlowId, HttpTransaction};
use serde::{Deserialize, Serialize};

/// The columns of `http.log`.
pub const SCHEMA: Schema = Schema {
    path: "http",
    columns: columns![
        flow,
        "trans_depth": "count",
        "method": "string",
        "host": "string",
        "uri": "string",
        "referrer": "string",
        "version": "string",
        "user_agent": "string",
        "origin": "string",
        "request_body_len": "count",
        "response_body_len": "count",
        "status_code": "count",
        "status_msg": "string",
        "info_code": "count",
        "info_msg": "string",
        "tags": "set[enum]",
        "username": "string",
        "password": "string",
        "proxied": "set[string]",
        "orig_fuids": "vector[string]",
        "orig_filenames": "vector[string]",
        "orig_mime_types": "vector[string]",
        "resp_fuids": "vector[string]",
        "resp_filenames": "vector[string]",
        "resp_mime_types": "vector[string]",
    ],
    bounds: Bounds::DEFAULT,
};

/// A request and its response, or either alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpRow {
    flow: FlowId,
    transaction: Box<HttpTransaction>,
}

impl HttpRow {
    /// The row of `transaction`, which `flow` carried.
    pub fn new(flow: FlowId, transaction: Box<HttpTransaction>) -> HttpRow {
        HttpRow { flow, transaction }
    }
}

/// A list; unset where it is empty.
fn filled(list: List<'_>) -> Value<'_> {
    match list.is_empty() {
        true => Value::Unset,
        false => Value::List(list),
    }
}

impl Row for HttpRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let transaction = self.transaction.as_ref();
        put_flow(transaction.at, Some(&self.flow), put);
        put(count(transaction.trans_depth));
        put(optional(transaction.method.as_ref(), text));
        put(optional(transaction.host.as_ref(), text));
        put(optional(transaction.uri.as_ref(), text));
        put(optional(transaction.referrer.as_ref(), text));
        put(optional(transaction.version.as_deref(), string));
        put(optional(transaction.user_agent.as_ref(), text));
        put(optional(transaction.origin.as_ref(), text));
        put(count(transaction.request_body_len));
        put(count(transaction.response_body_len));
        put(optional(transaction.status_code, count));
        put(optional(transaction.status_msg.as_ref(), text));
        put(optional(transaction.info_code, count));
        put(optional(transaction.info_msg.as_ref(), text));
        put(Value::List(List::Names(&[])));
        put(optional(transaction.username.as_ref(), text));
        put(Value::Unset);
        put(filled(List::Texts(&transaction.proxied)));
        for files in &transaction.files {
            // Files are not numbered: no other log tells of them.
            put(Value::Unset);
            put(filled(List::Texts(&files.names)));
            put(filled(List::Strings(&files.mime_types)));
        }
    }
}
