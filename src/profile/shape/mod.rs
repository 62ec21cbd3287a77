//! From a flow's segments and streams to its shape: who sent how much when, and how it ended.
//!
//! Reads the headers of TLS records and no payload. O(1) a packet; a shape holds at most
//! [`SHAPE_BYTES_MAX`] bytes, whatever the flow does, and can be told at any moment.

mod close;
mod exchange;
mod records;
mod sizes;
mod traffic;

pub use close::{Close, Verdict};
pub use exchange::{Begun, Events, Exchanges};
pub use records::{Record, Records};
pub use traffic::{Carried, Traffic};

use crate::flow::stream::StreamEvent;
use crate::net::Side;
use crate::observe::profile::{FIRST_MAX, First, FlowProfile, SIZES, SideProfile};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use sizes::Sizes;

/// The most that a shape holds, itself included.
pub const SHAPE_BYTES_MAX: usize = 1280;
/// Payload of one side, within this of what it sent before and without a word of its peer, is one
/// burst.
const BURST_IDLE: Span = Span::from_secs(1);
/// Ages at which an open flow is told, in seconds: 2 and 5 min where it is a large upload; 10 min,
/// 30 min, 1, 2, 4, 8, 12 and 24 hours.
const CHECKPOINTS_S: [i64; 10] = [
    120, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400,
];
/// So many of these are of large uploads alone.
const EARLY: usize = 2;
/// Payload of the originator from which on an upload is large: 16 MiB, of which few are honest. By
/// design.
const LARGE_BYTES: u64 = 1 << 24;

/// What a TCP segment says beside its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its moment.
    pub at: Timestamp,
    /// Who sent it.
    pub side: Side,
    /// It opens its side.
    pub syn: bool,
    /// It closes its side.
    pub fin: bool,
    /// It resets the flow.
    pub rst: bool,
    /// Its window, unscaled.
    pub window: u16,
    /// The hops it had left (TTL, hop limit), where that was looked at.
    pub hops: Option<u8>,
}

/// A flow's shape so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    opened_at: Option<Timestamp>,
    rtt: Option<Span>,
    sides: [SideProfile; 2],
    burst: Option<(Side, Timestamp)>,
    traffic: Traffic,
    first: Vec<First>,
    exchanges: Exchanges,
    events: Events,
    close: Close,
    /// Of requests, and of their replies.
    sizes: [Sizes; 2],
    checkpoint: u8,
}

impl Shape {
    /// Takes a TCP segment, after what it brought of the streams.
    pub fn handle_segment(&mut self, segment: &Segment) {
        match (segment.side, self.opened_at, self.rtt) {
            (Side::Originator, None, _) if segment.syn => self.opened_at = Some(segment.at),
            (Side::Originator, Some(opened_at), None) if !segment.syn => {
                self.rtt = Some(segment.at - opened_at);
            }
            _ => {}
        }
        let within = self.traffic.is_within(Side::Responder);
        let tls = self.traffic.is_any_tls();
        self.close.handle_segment(segment, tls, within);
    }

    /// Takes what came next in one of a TCP flow's streams; gives an event that it answered or
    /// passed over.
    pub fn handle_stream(&mut self, at: Timestamp, event: StreamEvent<'_>) -> Option<Begun> {
        let (side, bytes) = match event {
            StreamEvent::Data { side, bytes } => (side, bytes.len() as u64),
            StreamEvent::Gap { side, bytes } => (side, bytes),
            StreamEvent::End { .. } => return None,
        };
        if side == Side::Responder {
            self.close.handle_sent(at, bytes);
        }
        self.count(at, side, bytes);
        let mut begun = None;
        let mut traffic = self.traffic;
        traffic.handle(at, event, self.rtt, &mut |side, record, carried| {
            begun = self
                .handle_record(at, side, record, carried)
                .or(begun.take());
        });
        self.traffic = traffic;
        if !self.traffic.is_tls(side) {
            self.note_first(at, side, bytes);
            begun = self.handle_application(at, side, bytes);
        }
        begun
    }

    /// Takes a datagram with so many bytes of payload; gives an event that it answered or passed
    /// over.
    pub fn handle_datagram(&mut self, at: Timestamp, side: Side, bytes: u64) -> Option<Begun> {
        self.count(at, side, bytes);
        self.note_first(at, side, bytes);
        self.handle_application(at, side, bytes)
    }

    /// The event that nothing answered.
    pub fn finish(&mut self) -> Option<Begun> {
        self.events.finish()
    }

    /// When a flow that began at `first_at` is told next while it is open.
    pub fn next_checkpoint(&self, first_at: Timestamp) -> Option<Timestamp> {
        let [originator, _] = &self.sides;
        let first = match originator.bytes >= LARGE_BYTES {
            true => 0,
            false => EARLY,
        };
        let age_s = CHECKPOINTS_S.get(usize::from(self.checkpoint).max(first))?;
        Some(first_at + Span::from_secs(*age_s))
    }

    /// The checkpoint was told.
    pub fn pass_checkpoint(&mut self) {
        self.checkpoint = self.checkpoint.saturating_add(1);
    }

    /// Pieces of payload so far.
    pub fn pieces(&self) -> u32 {
        let [originator, responder] = &self.sides;
        originator.pieces.saturating_add(responder.pieces)
    }

    /// The shape at `at` of a flow that began at `first_at`; `open` says that it goes on.
    pub fn profile(&self, first_at: Timestamp, at: Timestamp, open: bool) -> FlowProfile {
        let exchanges = self.exchanges.closed();
        let verdict = self.close.verdict(at, open);
        let [mut requests, mut replies] = self.sizes.clone();
        if let Some((request, reply)) = self.close.at_hand().filter(|_| !open) {
            requests.add(request);
            replies.add(reply);
        }
        let mut sides = self.sides;
        for side in [Side::Originator, Side::Responder] {
            let told = &mut sides[side.index()];
            told.records = self.traffic.count(side);
            told.application_bytes = exchanges.bytes[side.index()];
        }
        FlowProfile {
            age: at - first_at,
            open,
            rtt: self.rtt,
            sides,
            first: self.first.clone(),
            tls: self.traffic.is_any_tls(),
            handshake_bytes: self.traffic.handshake_bytes,
            tickets: self.traffic.tickets,
            record_losses: self.traffic.losses,
            exchanges: exchanges.count,
            by_responder: exchanges.by_responder,
            inverted: exchanges.inverted,
            inverted_share: exchanges.inverted_share(),
            pcr: exchanges.pcr(),
            irregularity: exchanges.irregularity(),
            gap_log_sd: exchanges.gap_log_sd(),
            gaps: exchanges.gaps().collect(),
            busy: exchanges.busy,
            pings: exchanges.pings,
            ping_gaps: exchanges.ping_gaps().cells().collect(),
            requests: verdict.requests,
            empty: verdict.empty,
            unanswered: verdict.unanswered,
            request_sizes: requests.told(),
            reply_sizes: replies.told(),
            unread: verdict.unread,
            half_read: verdict.half,
            shut_windows: self.close.shut_windows,
            late_bytes: self.close.sent_after_farewell(),
            fins: self.close.fins,
            reset_by: self.close.reset_by,
        }
    }

    /// Bytes that it holds, itself included.
    pub fn bytes(&self) -> usize {
        size_of::<Shape>()
            + self.first.capacity() * size_of::<First>()
            + self.exchanges.heap_bytes()
            + self.sizes.iter().map(Sizes::heap_bytes).sum::<usize>()
    }

    fn count(&mut self, at: Timestamp, side: Side, bytes: u64) {
        let goes_on = self
            .burst
            .is_some_and(|(by, last_at)| by == side && at - last_at <= BURST_IDLE);
        self.burst = Some((side, at));
        let own = &mut self.sides[side.index()];
        own.bursts = own.bursts.saturating_add(u32::from(!goes_on));
        own.pieces = own.pieces.saturating_add(1);
        own.bytes = own.bytes.saturating_add(bytes);
        let size = (bytes.max(1).ilog2() as usize).min(SIZES - 1);
        if let Some(count) = own.sizes.get_mut(size) {
            *count = count.saturating_add(1);
        }
    }

    fn handle_record(
        &mut self,
        at: Timestamp,
        side: Side,
        record: Record,
        carried: Carried,
    ) -> Option<Begun> {
        self.note_first(at, side, u64::from(record.len));
        if side == Side::Responder {
            self.close.handle_record();
        }
        match carried {
            Carried::Application(bytes) => self.handle_application(at, side, u64::from(bytes)),
            Carried::Alert => {
                match side {
                    Side::Originator => self.close.handle_alert(),
                    Side::Responder => self.close.handle_dismissal(),
                }
                None
            }
            _ => None,
        }
    }

    fn handle_application(&mut self, at: Timestamp, side: Side, bytes: u64) -> Option<Begun> {
        if let Some((request, reply)) = self.close.handle_application(at, side, bytes) {
            let [requests, replies] = &mut self.sizes;
            requests.add(request);
            replies.add(reply);
        }
        self.exchanges.handle(at, side, bytes);
        self.events.handle(at, side, bytes, self.rtt)
    }

    /// Remembers the length and moment of one of the first records, or pieces of payload.
    fn note_first(&mut self, at: Timestamp, side: Side, len: u64) {
        if self.first.len() >= FIRST_MAX {
            return;
        }
        if self.first.capacity() == self.first.len() {
            self.first.reserve_exact(8);
        }
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        self.first.push(First { at, side, len });
    }
}

#[cfg(test)]
mod tests;
