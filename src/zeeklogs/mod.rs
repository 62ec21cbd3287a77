//! From folders of Zeek's logs to the observations that the detector takes from live traffic.
//!
//! Reads `conn`, `ssl`, `http`, `dns`, `x509`, `quic` and our own `profile`, as TSV or JSON, plain,
//! gzip or zstd, whole or rotated. Knows no packet: what logs do not hold is absent, and an
//! exchange begins when its connection does. What cannot be read is told by file and line, counted,
//! and passed over. Files are streamed: what is held is one buffer for each file that is open,
//! lines of at most [`LINE_BYTES_MAX`], [`HELD_BYTES_MAX`] of rows that wait for their moment, and
//! what joins rows ([`join`]).
#![allow(clippy::disallowed_methods)] // The shell opens logs.

mod cells;
pub mod faults;
mod file;
mod header;
pub mod join;
mod json;
mod lines;
mod merge;
mod row;
mod shape;
mod value;

#[cfg(test)]
mod tests;

pub use faults::Faults;
pub use merge::{Counts, Logs, Unusable};

use crate::time::Span;

/// Bytes of one line; longer ones are passed over. Zeek cuts a row's strings at 256,000 bytes, of
/// which escapes make four times as many.
pub const LINE_BYTES_MAX: usize = 2 << 20;

/// Bytes of rows that wait for their moment; above it the earliest is handed out before its turn is
/// certain. Some 200,000 rows.
pub const HELD_BYTES_MAX: usize = 128 << 20;

/// How much later than its last packet Zeek may tell a flow that falls silent
/// (`tcp_inactivity_timeout`; UDP and ICMP take a minute), so how far back a log may reach.
const SILENCE_MAX: Span = Span::from_secs(300);

/// How long after its last packet Zeek tells a flow that was closed (`tcp_close_delay`). It also
/// holds the flow's end behind its profile, which reaches to the last acknowledgement.
const CLOSE_DELAY: Span = Span::from_secs(5);

/// The logs that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `x509.log`
    X509,
    /// `dns.log`
    Dns,
    /// `quic.log`
    Quic,
    /// `ssl.log`
    Ssl,
    /// `http.log`
    Http,
    /// `profile.log`, which Tapir writes.
    Profile,
    /// `conn.log`
    Conn,
}

impl Kind {
    /// Every log, in the order of their rows within one moment: names before who is named, sessions
    /// before the flow that carried them.
    pub const ALL: [Kind; 7] = [
        Kind::X509,
        Kind::Dns,
        Kind::Quic,
        Kind::Ssl,
        Kind::Http,
        Kind::Profile,
        Kind::Conn,
    ];

    /// Zeek's `#path`.
    pub fn path(self) -> &'static str {
        match self {
            Kind::X509 => "x509",
            Kind::Dns => "dns",
            Kind::Quic => "quic",
            Kind::Ssl => "ssl",
            Kind::Http => "http",
            Kind::Profile => "profile",
            Kind::Conn => "conn",
        }
    }

    /// The log that a file of this name holds: `conn.log`, `conn.00:00:00-01:00:00.log.gz`.
    pub fn of_file(name: &str) -> Option<Kind> {
        let mut parts = name.split('.');
        let first = parts.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.path() == first)?;
        parts.any(|part| part == "log").then_some(kind)
    }
}
