//! From observations and alerts to the rows of every log.
//!
//! A row knows its columns and values, and no format: a sink decides what a time or a set looks
//! like. Handing out the values of a row allocates nothing; what a row holds was moved out of the
//! observation.

pub mod attribution;
pub mod capture_loss;
pub mod conn;
pub mod coverage;
pub mod dhcp;
pub mod dns;
pub mod gateway;
pub mod hosts;
pub mod http;
pub mod known;
pub mod notice;
pub mod profile;
pub mod quic;
pub mod ssl;
pub mod stats;
pub mod tunnel;
pub mod weird;
pub mod x509;

#[cfg(test)]
mod endpoint_samples;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use attribution::AttributionRow;
pub use capture_loss::CaptureLossRow;
pub use conn::ConnRow;
pub use coverage::CoverageRow;
pub use dhcp::DhcpRow;
pub use dns::DnsRow;
pub use gateway::GatewayRow;
pub use hosts::HostRow;
pub use http::HttpRow;
pub use known::{KnownHostRow, KnownServiceRow, SoftwareRow};
pub use notice::NoticeRow;
pub use profile::ProfileRow;
pub use quic::QuicRow;
pub use ssl::SslRow;
pub use stats::StatsRow;
pub use tunnel::TunnelRow;
pub use weird::WeirdRow;
pub use x509::X509Row;

use crate::net::{Mac, Uid};
use crate::observe::FlowId;
use crate::time::{Span, Timestamp};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What the logs call this sensor in `peer` and `peer_descr`, where Zeek names the worker.
pub const PEER: &str = "tapir";

/// One line of one log.
pub trait Row {
    /// The log it belongs to.
    fn schema(&self) -> &'static Schema;

    /// Hands out the values, one for each column and in the same order.
    fn values(&self, put: &mut dyn FnMut(Value<'_>));
}

/// A log's name, columns and bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Zeek's `#path`; the file is `<path>.log`.
    pub path: &'static str,
    /// The columns, in order.
    pub columns: &'static [Column],
    /// How much of a hostile row is written.
    pub bounds: Bounds,
}

/// A column: its name and its Zeek type (`time`, `addr`, `set[string]` ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// As in `#fields`, and as the JSON key.
    pub name: &'static str,
    /// As in `#types`.
    pub kind: &'static str,
    /// Written only where readers go by name: a column of ours that those who go by position do
    /// not expect. Such columns are a schema's last.
    pub json_only: bool,
}

impl Schema {
    /// The columns that readers by position get.
    pub fn positional(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().take_while(|column| !column.json_only)
    }
}

/// What of a row is written at most; the rest is cut off. The peer on the wire chooses most
/// strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of one string, before escaping.
    pub text_bytes_max: usize,
    /// Bytes of all strings of a row, before escaping.
    pub row_bytes_max: usize,
    /// Elements of one set or vector.
    pub elements_max: usize,
    /// Elements of all sets and vectors of a row.
    pub row_elements_max: usize,
}

impl Bounds {
    /// Zeek's `Log::default_max_*` (`scripts/base/init-bare.zeek`).
    pub const DEFAULT: Bounds = Bounds {
        text_bytes_max: 4096,
        row_bytes_max: 256_000,
        elements_max: 100,
        row_elements_max: 500,
    };
}

/// The value of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `-` in TSV, absent in JSON.
    Unset,
    /// A moment.
    Time(Timestamp),
    /// A length of time.
    Interval(Span),
    /// A count, an int or a port.
    Count(u64),
    /// A floating-point number.
    Double(f64),
    /// A truth.
    Bool(bool),
    /// An address.
    Addr(IpAddr),
    /// The identity of a flow, a string in the log.
    Uid(Uid),
    /// A link-layer address, a string in the log.
    Mac(Mac),
    /// A name out of a closed list of ours, or digits: needs no escaping.
    Name(&'a str),
    /// A string, which may hold any bytes.
    Text(&'a [u8]),
    /// One string made of parts with commas between them; never empty.
    Joined(&'a [Box<str>]),
    /// A set or a vector.
    List(List<'a>),
}

/// The elements of a set or a vector, as the observation holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum List<'a> {
    /// Names out of a closed list of ours.
    Names(&'a [&'a str]),
    /// Strings of ours, such as fingerprints.
    Strings(&'a [Box<str>]),
    /// Strings that may hold any bytes.
    Texts(&'a [BString]),
    /// Addresses.
    Addrs(&'a [IpAddr]),
    /// Intervals of whole seconds.
    Seconds(&'a [u32]),
    /// Identities of flows, strings in the log.
    Uids(&'a [Uid]),
    /// Counts.
    Counts(&'a [u32]),
    /// Intervals.
    Spans(&'a [Span]),
}

impl<'a> List<'a> {
    /// The elements in order, none of them [`Value::Unset`] or a list.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut index = 0;
        std::iter::from_fn(move || {
            let element = self.element(index);
            index += 1;
            element
        })
    }

    /// How many elements there are.
    pub fn len(self) -> usize {
        match self {
            List::Names(names) => names.len(),
            List::Strings(strings) => strings.len(),
            List::Texts(texts) => texts.len(),
            List::Addrs(addrs) => addrs.len(),
            List::Seconds(seconds) => seconds.len(),
            List::Uids(uids) => uids.len(),
            List::Counts(counts) => counts.len(),
            List::Spans(spans) => spans.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn element(self, index: usize) -> Option<Value<'a>> {
        Some(match self {
            List::Names(names) => Value::Name(names.get(index)?),
            List::Strings(strings) => Value::Text(strings.get(index)?.as_bytes()),
            List::Texts(texts) => Value::Text(texts.get(index)?),
            List::Addrs(addrs) => Value::Addr(*addrs.get(index)?),
            List::Seconds(seconds) => {
                Value::Interval(Span::from_secs(i64::from(*seconds.get(index)?)))
            }
            List::Uids(uids) => Value::Uid(*uids.get(index)?),
            List::Counts(counts) => count(*counts.get(index)?),
            List::Spans(spans) => Value::Interval(*spans.get(index)?),
        })
    }
}

/// What the sensor hands out: one line of one log, owned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A flow, for `conn.log`.
    Conn(ConnRow),
    /// A TLS session, for `ssl.log`.
    Ssl(SslRow),
    /// A certificate, for `x509.log`.
    X509(X509Row),
    /// A DNS transaction, for `dns.log`.
    Dns(DnsRow),
    /// A QUIC session, for `quic.log`.
    Quic(QuicRow),
    /// An HTTP transaction, for `http.log`.
    Http(HttpRow),
    /// A DHCP transaction, for `dhcp.log`.
    Dhcp(Box<DhcpRow>),
    /// A tunnel that begins or is over, for `tunnel.log`.
    Tunnel(TunnelRow),
    /// A flow's shape in time, for `profile.log`.
    Profile(ProfileRow),
    /// An anomaly, for `weird.log`.
    Weird(WeirdRow),
    /// The process behind a flow, for `attribution.log`.
    Attribution(Box<AttributionRow>),
    /// What an agent covered of its host, for `coverage.log`.
    Coverage(Box<CoverageRow>),
    /// What gateways know of a flow, for `gateway.log`.
    Gateway(Box<GatewayRow>),
    /// A host, for `hosts.log`.
    Host(Box<HostRow>),
    /// A host that is there, for `known_hosts.log`.
    KnownHost(KnownHostRow),
    /// A service, for `known_services.log`.
    KnownService(KnownServiceRow),
    /// A program, for `software.log`.
    Software(Box<SoftwareRow>),
    /// An alert in one line, for `notice.log`.
    Notice(Box<NoticeRow>),
    /// What the capture lost, for `capture_loss.log`.
    CaptureLoss(CaptureLossRow),
    /// The sensor's own numbers, for `stats.log`.
    Stats(Box<StatsRow>),
}

impl Record {
    /// The schema of every log that a record can be a row of.
    pub const SCHEMAS: [&'static Schema; 20] = [
        &conn::SCHEMA,
        &ssl::SCHEMA,
        &x509::SCHEMA,
        &dns::SCHEMA,
        &quic::SCHEMA,
        &http::SCHEMA,
        &dhcp::SCHEMA,
        &tunnel::SCHEMA,
        &profile::SCHEMA,
        &weird::SCHEMA,
        &attribution::SCHEMA,
        &coverage::SCHEMA,
        &gateway::SCHEMA,
        &hosts::SCHEMA,
        &known::HOSTS,
        &known::SERVICES,
        &known::SOFTWARE,
        &notice::SCHEMA,
        &capture_loss::SCHEMA,
        &stats::SCHEMA,
    ];

    /// The record as a row.
    pub fn row(&self) -> &dyn Row {
        match self {
            Record::Conn(row) => row,
            Record::Ssl(row) => row,
            Record::X509(row) => row,
            Record::Dns(row) => row,
            Record::Quic(row) => row,
            Record::Http(row) => row,
            Record::Dhcp(row) => row.as_ref(),
            Record::Tunnel(row) => row,
            Record::Profile(row) => row,
            Record::Weird(row) => row,
            Record::Attribution(row) => row.as_ref(),
            Record::Coverage(row) => row.as_ref(),
            Record::Gateway(row) => row.as_ref(),
            Record::Host(row) => row.as_ref(),
            Record::KnownHost(row) => row,
            Record::KnownService(row) => row,
            Record::Software(row) => row.as_ref(),
            Record::Notice(row) => row.as_ref(),
            Record::CaptureLoss(row) => row,
            Record::Stats(row) => row.as_ref(),
        }
    }

    /// The log it belongs to, as in `#path`.
    pub fn path(&self) -> &'static str {
        self.row().schema().path
    }
}

/// The columns `"name": "type"`; `flow` in front stands for the six that logs about a flow begin
/// with, and behind `;` are those for JSON only.
macro_rules! columns {
    (
        flow, $($name:literal: $kind:literal),+ $(,)?
        $(; $($own:literal: $own_kind:literal),+ $(,)?)?
    ) => {
        $crate::record::columns![
            "ts": "time",
            "uid": "string",
            "id.orig_h": "addr",
            "id.orig_p": "port",
            "id.resp_h": "addr",
            "id.resp_p": "port",
            $($name: $kind),+
            $(; $($own: $own_kind),+)?
        ]
    };
    (
        $($name:literal: $kind:literal),+ $(,)?
        $(; $($own:literal: $own_kind:literal),+ $(,)?)?
    ) => {
        &[
            $($crate::record::Column { name: $name, kind: $kind, json_only: false }),+
            $(, $($crate::record::Column { name: $own, kind: $own_kind, json_only: true }),+)?
        ]
    };
}
use columns;

/// Hands out the columns that `columns![flow, ...]` begins with; all but the moment unset without a
/// flow.
fn put_flow(at: Timestamp, flow: Option<&FlowId>, put: &mut dyn FnMut(Value<'_>)) {
    put(Value::Time(at));
    put(optional(flow, |flow| Value::Uid(flow.uid)));
    put(optional(flow, |flow| Value::Addr(flow.originator.addr)));
    put(optional(flow, |flow| count(flow.originator.port)));
    put(optional(flow, |flow| Value::Addr(flow.responder.addr)));
    put(optional(flow, |flow| count(flow.responder.port)));
}

/// The value of what may be unset.
fn optional<'a, T>(option: Option<T>, value: impl FnOnce(T) -> Value<'a>) -> Value<'a> {
    option.map_or(Value::Unset, value)
}

/// A number of any width.
fn count<'a>(number: impl Into<u64>) -> Value<'a> {
    Value::Count(number.into())
}

/// A string of ours that is not out of a closed list.
fn string(string: &str) -> Value<'_> {
    Value::Text(string.as_bytes())
}

/// A string off the wire.
fn text(text: &BString) -> Value<'_> {
    Value::Text(text)
}

/// A vector of strings of ours.
fn strings(strings: &[Box<str>]) -> Value<'_> {
    Value::List(List::Strings(strings))
}

/// A vector of strings off the wire.
fn texts(texts: &[BString]) -> Value<'_> {
    Value::List(List::Texts(texts))
}
