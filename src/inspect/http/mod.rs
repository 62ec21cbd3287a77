//! From a TCP stream to HTTP/1 transactions, as Zeek's `http.log` tells them.
//!
//! Content is counted and recognised, and never kept. What follows a CONNECT or an upgrade is left
//! to others ([`HttpInspector::is_tunnel`]). Behind a gap that is not within content, and behind
//! what is no head, a direction is read on from the next line that begins a message. Holds at most
//! one head a direction ([`Limits::http_head_bytes_max`]), and as much of the requests that wait
//! ([`Limits::http_pending_max`]).
//!
//! [`Limits::http_head_bytes_max`]: crate::limits::Limits::http_head_bytes_max
//! [`Limits::http_pending_max`]: crate::limits::Limits::http_pending_max

mod body;
mod content;
mod direction;
mod frame;
mod framing;
mod gzip_header;
mod head;
mod hpack;
mod http2;
mod huffman;
mod inflate;
mod mime;
mod multipart;
mod prefix_code;
mod transaction;
mod websocket;

#[cfg(test)]
mod tests;

use crate::flow::stream::StreamEvent;
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::Side;
use crate::observe::HttpTransaction;
use crate::weird::Weird;
use direction::{Direction, Phase, Scan, begins_alike};
use head::RequestLine;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

pub use crate::inspect::tls::Probe;
pub use http2::Http2Inspector;
pub use websocket::WebSocketFrames;

/// The HTTP inspector of one TCP flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpInspector {
    directions: [Direction; 2],
    /// Requests without a response, oldest first.
    pending: VecDeque<Box<HttpTransaction>>,
    /// What the response that is being read answers; also between an informational response and
    /// the final one.
    answered: Option<Box<HttpTransaction>>,
    /// Transactions so far.
    depth: u32,
    /// The depth of the latest request's transaction.
    request_depth: u32,
    /// A request line or status line was read.
    confirmed: bool,
    /// A request of HTTP/0.9 was read: responses may have no head.
    simple: bool,
    /// What follows is another protocol.
    tunnel: bool,
    /// The latest request's content ended within a response's head.
    overlap: bool,
    /// What follows are WebSocket frames.
    websocket: bool,
    /// So many bytes at the end of the latest event are that protocol's.
    unread: usize,
}

impl HttpInspector {
    /// So many first bytes always decide [`HttpInspector::probe`]: the longest registered method
    /// (`UPDATEREDIRECTREF`) and a space.
    pub const PROBE_BYTES: usize = 18;

    /// Whether the first bytes of a direction look like HTTP/1: a method and a space, or
    /// `HTTP/1.`. That more than the method fits, the inspector itself sees.
    pub fn probe(side: Side, first: &[u8]) -> Probe {
        const NAME: &[u8] = b"HTTP/1.";
        if side == Side::Responder {
            return match begins_alike(first, NAME) {
                false => Probe::NotMine,
                true if first.len() < NAME.len() => Probe::Open,
                true => Probe::Mine,
            };
        }
        let method_len = first
            .iter()
            .take_while(|byte| head::is_token(**byte))
            .count();
        // `PRI * HTTP/2.0` is how HTTP/2 begins (RFC 9113, section 3.4).
        const HTTP2: &[u8] = b"PRI * ";
        match first.get(method_len) {
            _ if first.starts_with(HTTP2) => Probe::NotMine,
            _ if HTTP2.starts_with(first) => Probe::Open,
            Some(b' ' | b'\t') if method_len > 0 => Probe::Mine,
            None if method_len < HttpInspector::PROBE_BYTES => Probe::Open,
            _ => Probe::NotMine,
        }
    }

    /// Whether `segment` begins with a whole request line or a status line: where a flow of another
    /// protocol turns to HTTP, as behind SOCKS, a new inspector may start there.
    pub fn opens_exchange(side: Side, segment: &[u8]) -> bool {
        match side {
            Side::Responder => HttpInspector::probe(side, segment) == Probe::Mine,
            Side::Originator => {
                let first = segment.first().is_some_and(|byte| head::is_token(*byte));
                let line = || RequestLine::read(head::first_line(segment).0);
                first && line().is_some_and(|line| line.version.is_some() && !line.is_simple())
            }
        }
    }

    /// Whether a request line or status line was read.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether the flow turned to another protocol: CONNECT, or an upgrade.
    pub fn is_tunnel(&self) -> bool {
        self.tunnel
    }

    /// How many of the latest event's bytes were left, being another protocol's.
    pub fn unread_bytes(&self) -> usize {
        self.unread
    }

    /// Whether the flow turned to a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.tunnel && self.websocket
    }

    /// An inspector of what follows `depth` transactions of the same flow.
    pub fn behind(depth: u32) -> HttpInspector {
        HttpInspector {
            depth,
            ..HttpInspector::default()
        }
    }

    /// Transactions so far, those before this inspector among them.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// A request line without a version is all of a request (HTTP/0.9), unless fields follow
    /// before the response begins, which now does.
    fn release_simple(&mut self, context: Context<'_>, found: &mut Vec<Found>) {
        let direction = &self.directions[Side::Originator.index()];
        let open = direction.phase == Phase::Head && direction.line_at.is_some();
        if open && self.pending.is_empty() && self.answered.is_none() {
            let line = RequestLine::read(head::first_line(&direction.head).0);
            if line.is_some_and(|line| line.is_simple()) {
                self.cut_head(context, Side::Originator, found);
            }
        }
    }

    /// Takes the bytes that follow in one direction.
    fn data(
        &mut self,
        context: Context<'_>,
        side: Side,
        mut bytes: &[u8],
        found: &mut Vec<Found>,
    ) -> Verdict {
        while !bytes.is_empty() && !self.tunnel {
            let direction = &mut self.directions[side.index()];
            match &mut direction.phase {
                Phase::Over => break,
                Phase::Head => {
                    if side == Side::Responder && direction.head.is_empty() {
                        self.release_simple(context, found);
                    }
                    match self.read_head(context, side, bytes, found) {
                        Ok(rest) => bytes = rest,
                        Err(verdict) => return verdict,
                    }
                }
                Phase::Body(body) => {
                    let content = &mut direction.content;
                    let taken = body.take(bytes, |bytes| content.take(bytes));
                    bytes = bytes.get(taken.bytes..).unwrap_or_default();
                    if taken.bad_size {
                        found.push(Found::Weird(Weird::HttpBadChunkSize, Default::default()));
                    }
                    if taken.complete {
                        self.complete(side, found);
                    }
                }
                Phase::Lost { .. } => bytes = direction.seek(context.at, side, bytes),
            }
        }
        self.unread = if self.tunnel { bytes.len() } else { 0 };
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        let over = |direction: &Direction| direction.phase == Phase::Over;
        match self.tunnel || self.directions.iter().all(over) {
            true => Verdict::Done,
            false => Verdict::More,
        }
    }

    /// Reads on in a head; gives what is behind it, or what to say of bytes that are none.
    fn read_head<'b>(
        &mut self,
        context: Context<'_>,
        side: Side,
        mut bytes: &'b [u8],
        found: &mut Vec<Found>,
    ) -> Result<&'b [u8], Verdict> {
        let direction = &mut self.directions[side.index()];
        let mut held = std::mem::take(&mut direction.head);
        let before = held.len();
        if before == 0 {
            // Line breaks before a head (RFC 9112, section 2.2).
            let breaks = bytes
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            bytes = bytes.get(breaks..).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(bytes);
            }
        }
        let limit = context.limits.http_head_bytes_max;
        let whole = match before {
            // As much as would be held, or segments would decide how long a head may be.
            0 => bytes.get(..limit).unwrap_or(bytes),
            _ => {
                let room = limit.saturating_sub(before).min(bytes.len());
                held.extend_from_slice(&bytes[..room]);
                &held
            }
        };
        match direction.scan(context.at, side, whole, before) {
            Scan::Whole(end) => {
                let rest = bytes.get(end - before..).unwrap_or_default();
                self.handle_head(context, side, &whole[..end], found);
                Ok(rest)
            }
            Scan::Bad if !self.confirmed => Err(Verdict::NotMine),
            Scan::Bad if self.simple && side == Side::Responder => {
                self.handle_bare_response(context.at, &whole[..before]);
                Ok(bytes)
            }
            Scan::Bad => {
                found.push(Found::Weird(bad_head(side), Default::default()));
                direction.line_at = None;
                self.cut_message(context, side, found);
                // The line itself begins nothing.
                let end = bytes.iter().position(|byte| *byte == b'\n');
                self.directions[side.index()].phase = Phase::Lost {
                    long: end.is_none(),
                };
                Ok(end.and_then(|end| bytes.get(end + 1..)).unwrap_or_default())
            }
            Scan::Open => {
                if before == 0 {
                    held.extend_from_slice(&bytes[..bytes.len().min(limit)]);
                }
                let too_long = held.len() >= limit;
                direction.head = held;
                if too_long {
                    found.push(Found::Weird(Weird::HttpHeadTooLong, Default::default()));
                    self.give_up(context, side, found);
                    return Err(self.verdict());
                }
                Ok(&[])
            }
        }
    }

    /// Reads what of a head came before nothing more will.
    fn cut_head(&mut self, context: Context<'_>, side: Side, found: &mut Vec<Found>) {
        let direction = &mut self.directions[side.index()];
        let head = std::mem::take(&mut direction.head);
        if direction.phase == Phase::Head && direction.line_at.is_some() {
            // The last line may be half a field.
            let lines = head.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            self.handle_head(context, side, &head[..lines], found);
        }
    }

    /// What `side` began is as complete as it gets.
    fn cut_message(&mut self, context: Context<'_>, side: Side, found: &mut Vec<Found>) {
        self.cut_head(context, side, found);
        if side == Side::Originator {
            self.note_request_content();
        } else {
            self.tell_answered(found);
        }
    }

    /// Nothing more of `side` will be read.
    fn give_up(&mut self, context: Context<'_>, side: Side, found: &mut Vec<Found>) {
        self.cut_message(context, side, found);
        self.directions[side.index()].phase = Phase::Over;
    }

    /// Bytes of `side` are missing.
    fn gap(&mut self, context: Context<'_>, side: Side, bytes: u64, found: &mut Vec<Found>) {
        let direction = &mut self.directions[side.index()];
        let (inside, complete) = match &mut direction.phase {
            Phase::Over => return,
            Phase::Body(body) => body.skip(bytes),
            Phase::Head | Phase::Lost { .. } => (0, false),
        };
        direction.content.skip(inside);
        if complete {
            self.complete(side, found);
        }
        if inside < bytes {
            self.cut_message(context, side, found);
            let direction = &mut self.directions[side.index()];
            direction.head.clear();
            direction.line_at = None;
            direction.phase = Phase::Lost { long: false };
        }
    }
}

/// What is odd about what is no head of `side`.
fn bad_head(side: Side) -> Weird {
    match side {
        Side::Originator => Weird::HttpBadRequest,
        Side::Responder => Weird::HttpBadReply,
    }
}

impl StreamInspector for HttpInspector {
    fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        match event {
            StreamEvent::Data { side, bytes } => return self.data(context, side, bytes, found),
            StreamEvent::Gap { side, bytes } => self.gap(context, side, bytes, found),
            StreamEvent::End { side } => self.give_up(context, side, found),
        }
        self.verdict()
    }

    fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>) {
        for side in [Side::Originator, Side::Responder] {
            self.give_up(context, side, found);
        }
        self.tell_pending(found);
    }

    fn held_bytes(&self) -> usize {
        let directions = self.directions.iter();
        let held = directions.map(|one| one.head.len() + one.content.held_bytes());
        size_of_val(self) + held.sum::<usize>() + self.pending_bytes()
    }
}
