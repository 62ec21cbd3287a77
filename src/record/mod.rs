//! From observations and alerts to the rows of every log.
//!
//! A row knows its columns and values, and no format: a sink decides what a time or a set looks like.

use crate::time::{Span, Timestamp};
use std::net::IpAddr;

/// One line of one log.
pub trait Row {
    /// The log's columns, in order.
    const SCHEMA: Schema;

    /// Hands out the values, one for each column and in the same order.
    fn values(&self, put: &mut impl FnMut(Value<'_>));
}

/// A log's name and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Zeek's `#path`; the file is `<path>.log`.
    pub path: &'static str,
    /// The columns, in order.
    pub columns: &'static [Column],
}

/// A column: its name and its Zeek type (`time`, `addr`, `set[string]` ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// As in `#fields`, and as the JSON key.
    pub name: &'static str,
    /// As in `#types`.
    pub kind: &'static str,
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
    /// A count or a port.
    Count(u64),
    /// A truth.
    Bool(bool),
    /// An address.
    Addr(IpAddr),
    /// A string, which may hold any bytes.
    Text(&'a [u8]),
    /// A name of an enumeration: needs no escaping.
    Name(&'a str),
    /// A floating-point number.
    Double(f64),
    /// A set or vector of strings.
    Texts(&'a [&'a [u8]]),
    /// A vector of intervals.
    Intervals(&'a [Span]),
    /// A vector of addresses.
    Addrs(&'a [IpAddr]),
}
