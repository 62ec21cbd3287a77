//! From a TCP stream to DNS messages, each behind its length in two bytes (RFC 1035, 4.2.2).
//!
//! A direction with a gap is given up: nothing in it says where the next message begins. Holds at
//! most one message a direction, 64 KiB.

use super::matching::Matching;
use super::message::Header;
use super::{Dialect, fault::Fault};
use crate::flow::stream::StreamEvent;
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::Endpoint;
use serde::{Deserialize, Serialize};

/// The inspector of DNS over TCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsStreamInspector {
    matching: Matching,
    directions: [Direction; 2],
}

/// One direction of the stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Direction {
    /// Length and bytes of the message that is not whole yet.
    partial: Vec<u8>,
    /// Nothing more will be read.
    over: bool,
}

impl DnsStreamInspector {
    /// An inspector of a flow whose called endpoint is `responder`.
    pub fn new(responder: Endpoint) -> DnsStreamInspector {
        DnsStreamInspector {
            matching: Matching::new(Dialect::of(responder)),
            directions: Default::default(),
        }
    }

    /// Whether a whole DNS message was read: where Zeek sets the flow's service.
    pub fn is_confirmed(&self) -> bool {
        self.matching.is_confirmed()
    }

    /// Takes the bytes that follow in one direction.
    fn data(
        &mut self,
        context: Context<'_>,
        index: usize,
        mut bytes: &[u8],
        found: &mut Vec<Found>,
    ) -> Verdict {
        let Some(direction) = self.directions.get_mut(index) else {
            return Verdict::More;
        };
        while !bytes.is_empty() {
            let (message, rest) = direction.next_message(bytes);
            bytes = rest;
            let Some(message) = message else { break };
            let message = message.get(2..).unwrap_or_default();
            let verdict = self.matching.take(context, message, true, found);
            direction.partial.clear();
            // A stream that does not begin with DNS has no lengths that could be trusted.
            if verdict == Verdict::NotMine || self.matching.has_false_start() {
                return Verdict::NotMine;
            }
        }
        if !self.matching.is_confirmed() && direction.is_absurd() {
            found.push(Fault::QuestionsTooMany.found());
            return Verdict::NotMine;
        }
        Verdict::More
    }
}

impl Direction {
    /// The next whole message with its length, from what is held and `bytes`, and what is left of
    /// those.
    fn next_message<'s, 'b: 's>(&'s mut self, bytes: &'b [u8]) -> (Option<&'s [u8]>, &'b [u8]) {
        if self.partial.is_empty()
            && let Some((message, rest)) =
                whole_length(bytes).and_then(|n| bytes.split_at_checked(n))
        {
            return (Some(message), rest);
        }
        let (length, rest) =
            bytes.split_at(bytes.len().min(2usize.saturating_sub(self.partial.len())));
        self.partial.extend_from_slice(length);
        let Some(whole) = whole_length(&self.partial) else {
            return (None, rest);
        };
        let missing = whole.saturating_sub(self.partial.len());
        let (body, rest) = rest.split_at(rest.len().min(missing));
        self.partial.extend_from_slice(body);
        let is_whole = self.partial.len() == whole;
        (is_whole.then_some(&self.partial), rest)
    }

    /// Whether the message that is not whole yet has a header that no DNS message has.
    fn is_absurd(&self) -> bool {
        let header = self.partial.get(2..).and_then(Header::read);
        header.is_some_and(|header| header.is_absurd())
    }
}

/// The bytes of a message with its length, of which `bytes` are the first.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    let &length = bytes.first_chunk::<2>()?;
    Some(usize::from(u16::from_be_bytes(length)).saturating_add(2))
}

impl StreamInspector for DnsStreamInspector {
    fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        match event {
            StreamEvent::Data { side, bytes } => {
                let index = side.index();
                if self
                    .directions
                    .get(index)
                    .is_some_and(|direction| !direction.over)
                {
                    return self.data(context, index, bytes, found);
                }
            }
            StreamEvent::Gap { side, .. } | StreamEvent::End { side } => {
                let ended = matches!(event, StreamEvent::End { .. });
                if let Some(direction) = self.directions.get_mut(side.index()) {
                    let partial = std::mem::take(direction).partial;
                    direction.over = true;
                    // As in Zeek, what a close cuts short is read as far as it goes.
                    if ended && self.matching.is_confirmed() && partial.len() > 2 {
                        let bytes = partial.get(2..).unwrap_or_default();
                        self.matching.take(context, bytes, false, found);
                    }
                }
            }
        }
        match self.directions.iter().all(|direction| direction.over) {
            true => Verdict::Done,
            false => Verdict::More,
        }
    }

    fn finish(&mut self, _context: Context<'_>, found: &mut Vec<Found>) {
        self.matching.finish(found);
    }

    fn held_bytes(&self) -> usize {
        let partial = self.directions.iter().map(|one| one.partial.len());
        size_of_val(self) + self.matching.held_bytes() + partial.sum::<usize>()
    }
}
