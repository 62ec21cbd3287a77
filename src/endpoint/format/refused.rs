//! From a line that cannot be taken to a sentence that says why and what to do.
//!
//! Shows no values of the line, only names of keys, at most eight of them.

use super::json::{COLLECTIONS_MAX, DEPTH_MAX, LINE_BYTES_MAX};
use super::read::REPORTS_MAX;
use crate::endpoint::report::Format;

/// Why a line gives no reports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is longer than any event.
    #[error("a line of {bytes} bytes is above {LINE_BYTES_MAX}: send one event on each line")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It nests too deep.
    #[error(
        "nests deeper than {DEPTH_MAX} at column {column}: send the event as the agent wrote it"
    )]
    TooDeep {
        /// Where, counted from 1.
        column: usize,
    },
    /// It holds more objects and lists than any event.
    #[error("holds more than {COLLECTIONS_MAX} objects and lists: send fewer rows on a line")]
    TooWide,
    /// It holds too many reports.
    #[error("holds more than {REPORTS_MAX} reports: send fewer rows on a line")]
    TooMany,
    /// It is no JSON, or goes on after it.
    #[error(
        "is no JSON at column {column}, and no line of Squid or CEF: send one whole JSON object on \
         each line"
    )]
    NotJson {
        /// Where, counted from 1.
        column: usize,
    },
    /// It is JSON and no object.
    #[error("is JSON but no object: send one JSON object on each line")]
    NoObject,
    /// No agent known here writes such a line.
    #[error(
        "is of no known format, its keys are {}: send lines of an agent that the documentation \
         lists", keys.join(", ")
    )]
    Unknown {
        /// Its first keys in alphabetical order.
        keys: Vec<Box<str>>,
    },
    /// A field that cannot be done without.
    #[error(
        "{} without a usable `{field}`: send the event as the agent wrote it", format.name()
    )]
    Field {
        /// The format.
        format: Format,
        /// The field.
        field: &'static str,
    },
    /// Neither the line nor who brought it says which host it is about.
    #[error("{} names no host here: say which agent sends it", format.name())]
    Nameless {
        /// The format.
        format: Format,
    },
}
