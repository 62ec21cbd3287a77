//! From one direction's bytes to where its heads begin and end.
//!
//! It says where a message begins; what the message says others read. Holds one head.

use super::body::Body;
use super::content::Content;
use super::head::{self, RequestLine, StatusLine};
use crate::net::Side;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One direction of the stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Direction {
    pub(super) phase: Phase,
    /// The head that is not whole yet.
    pub(super) head: Vec<u8>,
    /// The moment its first line was whole.
    pub(super) line_at: Option<Timestamp>,
    /// The current message's content so far.
    pub(super) content: Content,
    /// The version of the latest message.
    pub(super) version: Option<head::Version>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    #[default]
    Head,
    Body(Body),
    /// Between messages that are not known: a line that begins one is looked for. Whether the line
    /// at hand is too long to be one.
    Lost {
        long: bool,
    },
    /// Nothing more will be read.
    Over,
}

/// What a search for the end of a head gave.
pub(super) enum Scan {
    Open,
    /// So many bytes are the head.
    Whole(usize),
    Bad,
}

impl Direction {
    /// Looks for the head's end in `head`, of which the first `scanned` bytes hold none.
    pub(super) fn scan(&mut self, at: Timestamp, side: Side, head: &[u8], scanned: usize) -> Scan {
        if self.line_at.is_none() {
            let fits = match side {
                Side::Originator => head.first().is_none_or(|byte| head::is_token(*byte)),
                Side::Responder => begins_alike(head, b"HTTP/"),
            };
            if !fits {
                return Scan::Bad;
            }
            let unseen = head.get(scanned..).unwrap_or_default();
            if !unseen.contains(&b'\n') {
                return Scan::Open;
            }
            self.line_at = Some(at);
            let (line, _) = head::first_line(head);
            match side {
                Side::Originator if RequestLine::read(line).is_none() => return Scan::Bad,
                Side::Responder if StatusLine::read(line).is_none() => return Scan::Bad,
                Side::Originator | Side::Responder => {}
            }
        }
        head::end(head, scanned).map_or(Scan::Open, Scan::Whole)
    }
}

impl Direction {
    /// Looks for a line that begins a message; gives what is behind the lines that do not.
    pub(super) fn seek<'b>(&mut self, at: Timestamp, side: Side, bytes: &'b [u8]) -> &'b [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        let long = matches!(self.phase, Phase::Lost { long: true });
        let long = long || self.head.len() + part.len() > LINE_BYTES_MAX;
        if long {
            self.head.clear();
        } else {
            self.head.extend_from_slice(part);
        }
        self.phase = Phase::Lost {
            long: long && end.is_none(),
        };
        if end.is_some() && !long {
            let (line, _) = head::first_line(&self.head);
            let begins = match side {
                Side::Originator => RequestLine::read(line).is_some_and(|line| line.is_sure()),
                Side::Responder => StatusLine::read(line).is_some_and(|line| line.is_sure()),
            };
            match begins {
                true => {
                    self.phase = Phase::Head;
                    self.line_at = Some(at);
                }
                false => self.head.clear(),
            }
        }
        rest
    }
}

/// Bytes of a line that may begin a message where one is looked for (RFC 9112, section 3: at least
/// 8000 should be supported).
const LINE_BYTES_MAX: usize = 8192;

/// Whether `bytes` and `name` are equal as far as both go, in either case as in Zeek.
pub(super) fn begins_alike(bytes: &[u8], name: &[u8]) -> bool {
    let mut pairs = bytes.iter().zip(name);
    pairs.all(|(byte, other)| byte.eq_ignore_ascii_case(other))
}
