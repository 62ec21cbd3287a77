//! From a TCP stream to HTTP/1 transactions, as Zeek's `http.log` tells them.
//!
//! It does not look into content: that is counted as it was transferred, neither decompressed nor
//! kept. It does not read what follows a CONNECT or an upgrade ([`HttpInspector::is_tunnel`]), and
//! gives up a direction at a gap that is not within content of known length. Holds at most one
//! head a direction ([`Limits::http_head_bytes_max`]), and as much of the requests that wait
//! ([`Limits::http_pending_max`]).
//!
//! [`Limits::http_head_bytes_max`]: crate::limits::Limits::http_head_bytes_max
//! [`Limits::http_pending_max`]: crate::limits::Limits::http_pending_max

mod body;
mod head;
mod transaction;

#[cfg(test)]
mod tests;

use crate::flow::stream::StreamEvent;
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::Side;
use crate::observe::HttpTransaction;
use crate::time::Timestamp;
use crate::weird::Weird;
use body::Body;
use head::{RequestLine, StatusLine};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

pub use crate::inspect::tls::Probe;

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
}

/// One direction of the stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Direction {
    phase: Phase,
    /// The head that is not whole yet.
    head: Vec<u8>,
    /// The moment its first line was whole.
    line_at: Option<Timestamp>,
    /// Bytes of the current message's content so far.
    content: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Phase {
    #[default]
    Head,
    Body(Body),
    /// Nothing more will be read.
    Over,
}

/// What a search for the end of a head gave.
enum Scan {
    Open,
    /// So many bytes are the head.
    Whole(usize),
    Bad,
}

impl Direction {
    /// Looks for the head's end in `head`, of which the first `scanned` bytes hold none.
    fn scan(&mut self, at: Timestamp, side: Side, head: &[u8], scanned: usize) -> Scan {
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
            let (line, rest) = head::first_line(head);
            match side {
                Side::Originator => match RequestLine::read(line) {
                    Some(line) if line.is_simple() => return Scan::Whole(head.len() - rest.len()),
                    Some(_) => {}
                    None => return Scan::Bad,
                },
                Side::Responder if StatusLine::read(line).is_none() => return Scan::Bad,
                Side::Responder => {}
            }
        }
        head::end(head, scanned).map_or(Scan::Open, Scan::Whole)
    }
}

/// Whether `bytes` and `name` are equal as far as both go, in either case as in Zeek.
fn begins_alike(bytes: &[u8], name: &[u8]) -> bool {
    let mut pairs = bytes.iter().zip(name);
    pairs.all(|(byte, other)| byte.eq_ignore_ascii_case(other))
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
        match first.get(method_len) {
            Some(b' ' | b'\t') if method_len > 0 && !first.starts_with(b"PRI * ") => Probe::Mine,
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
                Phase::Head => match self.read_head(context, side, bytes, found) {
                    Ok(rest) => bytes = rest,
                    Err(verdict) => return verdict,
                },
                Phase::Body(body) => {
                    let taken = body.take(bytes);
                    direction.content = direction.content.saturating_add(taken.content);
                    bytes = bytes.get(taken.bytes..).unwrap_or_default();
                    if taken.bad_size {
                        found.push(Found::Weird(Weird::HttpBadChunkSize, Default::default()));
                    }
                    if taken.complete {
                        self.complete(side, found);
                    }
                }
            }
        }
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
                self.handle_bare_response(context.at, before as u64);
                Ok(bytes)
            }
            Scan::Bad => {
                let weird = match side {
                    Side::Originator => Weird::HttpBadRequest,
                    Side::Responder => Weird::HttpBadReply,
                };
                found.push(Found::Weird(weird, Default::default()));
                direction.line_at = None;
                self.give_up(context, side, found);
                Err(self.verdict())
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

    /// Nothing more of `side` will be read: what it began is as complete as it gets.
    fn give_up(&mut self, context: Context<'_>, side: Side, found: &mut Vec<Found>) {
        self.cut_head(context, side, found);
        if side == Side::Originator {
            self.note_request_len();
        } else {
            self.tell_answered(found);
        }
        self.directions[side.index()].phase = Phase::Over;
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
            StreamEvent::Gap { side, bytes } => {
                let direction = &mut self.directions[side.index()];
                let skipped = match &mut direction.phase {
                    Phase::Body(body) => body.skip(bytes),
                    Phase::Head | Phase::Over => None,
                };
                if skipped.is_some() {
                    direction.content = direction.content.saturating_add(bytes);
                }
                match skipped {
                    Some(true) => self.complete(side, found),
                    Some(false) => {}
                    None => self.give_up(context, side, found),
                }
            }
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
        let heads = self.directions.iter().map(|one| one.head.capacity());
        size_of_val(self) + heads.sum::<usize>() + self.pending_bytes()
    }
}
