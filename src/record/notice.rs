//! From a verdict to a row of `notice.log`.
//!
//! One line for tools that know Zeek's notices; the evidence is in `alerts.log`, joined by uid.

use super::{Bounds, List, PEER, Row, Schema, Value, columns, count, optional, put_flow};
use super::{string, text};
use crate::observe::FlowId;
use crate::time::{Span, Timestamp};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The columns of `notice.log`, those of Zeek's geodata script included, which readers expect.
pub const SCHEMA: Schema = Schema {
    path: "notice",
    columns: columns![
        flow,
        "fuid": "string",
        "file_mime_type": "string",
        "file_desc": "string",
        "proto": "enum",
        "note": "enum",
        "msg": "string",
        "sub": "string",
        "src": "addr",
        "dst": "addr",
        "p": "port",
        "n": "count",
        "peer_descr": "string",
        "actions": "set[enum]",
        "email_dest": "set[string]",
        "suppress_for": "interval",
        "remote_location.country_code": "string",
        "remote_location.region": "string",
        "remote_location.city": "string",
        "remote_location.latitude": "double",
        "remote_location.longitude": "double",
        "community_id": "string",
    ],
    bounds: Bounds::DEFAULT,
};

/// Zeek's `Notice::default_suppression_interval`.
const SUPPRESS_FOR: Span = Span::from_secs(3600);

/// A verdict. [`NoticeRow::new`] fills what every notice has; the rest is set field by field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticeRow {
    /// The moment of the verdict.
    pub at: Timestamp,
    /// The flow it is about; none where it is about a host or a destination.
    pub flow: Option<FlowId>,
    /// `Module::Name`, of our own making.
    pub note: Box<str>,
    /// What a person reads.
    pub msg: BString,
    /// More of it.
    pub sub: Option<BString>,
    /// Who is suspected.
    pub src: Option<IpAddr>,
    /// Whom it talked to.
    pub dst: Option<IpAddr>,
    /// The destination's port.
    pub port: Option<u16>,
    /// A number that goes with the verdict.
    pub n: Option<u64>,
    /// The flow's community id.
    pub community_id: Option<Box<str>>,
}

impl NoticeRow {
    /// A notice with the flow's endpoints as source and destination, as Zeek fills them.
    pub fn new(at: Timestamp, flow: Option<FlowId>, note: &str, msg: BString) -> NoticeRow {
        NoticeRow {
            at,
            flow,
            note: note.into(),
            msg,
            sub: None,
            src: flow.map(|flow| flow.originator.addr),
            dst: flow.map(|flow| flow.responder.addr),
            port: flow.map(|flow| flow.responder.port),
            n: None,
            community_id: None,
        }
    }
}

impl Row for NoticeRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put_flow(self.at, self.flow.as_ref(), put);
        // fuid, file_mime_type, file_desc: a verdict is never about a file.
        for _ in 0..3 {
            put(Value::Unset);
        }
        put(optional(self.flow, |flow| {
            Value::Name(flow.transport.name())
        }));
        put(Value::Name(&self.note));
        put(text(&self.msg));
        put(optional(self.sub.as_ref(), text));
        put(optional(self.src, Value::Addr));
        put(optional(self.dst, Value::Addr));
        put(optional(self.port, count));
        put(optional(self.n, Value::Count));
        put(Value::Name(PEER));
        put(Value::List(List::Names(&["Notice::ACTION_LOG"])));
        put(Value::List(List::Names(&[])));
        put(Value::Interval(SUPPRESS_FOR));
        // remote_location: there is no geodata here.
        for _ in 0..5 {
            put(Value::Unset);
        }
        put(optional(self.community_id.as_deref(), string));
    }
}
