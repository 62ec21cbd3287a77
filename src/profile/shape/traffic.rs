//! From the lengths of TLS records to what they carry: handshake, tickets, alerts, control, data.
//!
//! Nothing is decrypted. That a record is a session ticket, a `close_notify` or an HTTP/2 control
//! frame is told by its place and length, measured with OpenSSL 3.0: what application data is left
//! is a good estimate and no truth.

use super::records::{Record, Records, content};
use crate::flow::stream::StreamEvent;
use crate::net::Side;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A `close_notify` sealed with TLS 1.3: two bytes, a type and 16 of tag.
const ALERT_LEN: u16 = 19;
/// Bytes that sealing adds to a record's body: TLS 1.3, and TLS 1.2 with AES-GCM.
const OVERHEAD: [u16; 2] = [17, 24];
/// HTTP/2's SETTINGS acknowledgement, RST_STREAM or WINDOW_UPDATE, PING or GOAWAY: frames of 9, 13
/// and 17 bytes (RFC 9113 section 6), in records of their own.
const CONTROL_LENS: [u16; 3] = [9, 13, 17];
/// Sealed session tickets that are looked for, and their lengths.
const TICKETS_MAX: u8 = 4;
const TICKET_LENS: std::ops::RangeInclusive<u16> = 150..=400;
/// Tickets follow the client's Finished within one and a half round trips, or this.
const TICKET_WITHIN_MIN: Span = Span::from_millis(1);

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The handshake.
    Handshake,
    /// A session ticket sealed as application data.
    Ticket,
    /// An alert, in clear or by its length.
    Alert,
    /// HTTP/2's or TLS's own upkeep.
    Control,
    /// Application data, so many bytes.
    Application(u16),
}

/// Both directions' records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    directions: [Direction; 2],
    /// The client's Finished, where TLS 1.3 seals it as application data.
    finished_at: Option<Timestamp>,
    /// The client sent application data.
    requested: bool,
    /// Session tickets, and the length of the last one.
    pub tickets: u8,
    ticket_len: u16,
    /// Bytes of records that carry no application data, headers included.
    pub handshake_bytes: u64,
    /// How often records were lost.
    pub losses: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Direction {
    records: Records,
    count: u32,
    greeted: bool,
    cipher_changed: bool,
    /// A handshake record came after the cipher change: TLS 1.2 or earlier.
    sealed_finished: bool,
}

impl Traffic {
    /// Whether this side's stream is made of TLS records.
    pub fn is_tls(&self, side: Side) -> bool {
        self.directions[side.index()].records.is_tls()
    }

    /// Whether either side's stream is.
    pub fn is_any_tls(&self) -> bool {
        self.directions.iter().any(|d| d.records.is_tls())
    }

    /// Records that one side sent.
    pub fn count(&self, side: Side) -> u32 {
        self.directions[side.index()].count
    }

    /// Whether this side stopped within a record.
    pub fn is_within(&self, side: Side) -> bool {
        self.directions[side.index()].records.is_within()
    }

    /// Takes what came next in a stream; `put` gets the records that begin in it.
    pub fn handle(
        &mut self,
        at: Timestamp,
        event: StreamEvent<'_>,
        rtt: Option<Span>,
        put: &mut impl FnMut(Side, Record, Carried),
    ) {
        let (side, lost) = match event {
            StreamEvent::Data { side, bytes } => {
                // A copy of a few bytes, so that what a record carries can be told while they are
                // walked.
                let mut records = self.directions[side.index()].records;
                let lost = records.handle(bytes, &mut |record| {
                    put(side, record, self.tell(at, side, record, rtt));
                });
                self.directions[side.index()].records = records;
                (side, lost)
            }
            StreamEvent::Gap { side, bytes } => {
                (side, self.directions[side.index()].records.skip(bytes))
            }
            StreamEvent::End { .. } => return,
        };
        self.losses = self.losses.saturating_add(u16::from(lost));
        debug_assert!(!lost || self.is_tls(side), "what is lost was TLS before");
    }

    /// What the next record of `side` carries.
    pub fn tell(
        &mut self,
        at: Timestamp,
        side: Side,
        record: Record,
        rtt: Option<Span>,
    ) -> Carried {
        let direction = &mut self.directions[side.index()];
        direction.count = direction.count.saturating_add(1);
        let carried = match record.kind {
            content::HANDSHAKE => {
                direction.greeted = true;
                direction.sealed_finished |= direction.cipher_changed;
                Carried::Handshake
            }
            content::CHANGE_CIPHER_SPEC => {
                direction.cipher_changed = true;
                Carried::Handshake
            }
            content::ALERT => Carried::Alert,
            content::APPLICATION_DATA if direction.sealed_finished => {
                let [_, overhead] = OVERHEAD;
                self.application(side, record.len, overhead)
            }
            content::APPLICATION_DATA => self.tell_sealed(at, side, record.len, rtt),
            _ => Carried::Control,
        };
        if !matches!(carried, Carried::Application(_)) {
            self.handshake_bytes += u64::from(record.len) + 5;
        }
        carried
    }

    /// What a record carries that TLS 1.3 sealed, or one of a session whose beginning was not seen.
    fn tell_sealed(&mut self, at: Timestamp, side: Side, len: u16, rtt: Option<Span>) -> Carried {
        let [overhead, _] = OVERHEAD;
        if self.directions.iter().all(|direction| direction.greeted) {
            match (self.finished_at, side) {
                (None, Side::Originator) => {
                    self.finished_at = Some(at);
                    return Carried::Handshake;
                }
                (None, Side::Responder) => return Carried::Handshake,
                (Some(finished_at), Side::Responder) => {
                    if self.is_ticket(at - finished_at, len, rtt) {
                        self.tickets += 1;
                        self.ticket_len = len;
                        return Carried::Ticket;
                    }
                }
                (Some(_), Side::Originator) => {}
            }
        }
        if len == ALERT_LEN {
            return Carried::Alert;
        }
        self.application(side, len, overhead)
    }

    fn is_ticket(&self, since_finished: Span, len: u16, rtt: Option<Span>) -> bool {
        let known = self.tickets > 0 && len == self.ticket_len;
        let rtt = rtt.unwrap_or_default().as_nanos();
        let soon = Span::from_nanos(rtt.saturating_mul(3) / 2).max(TICKET_WITHIN_MIN);
        let early = !self.requested
            || since_finished <= soon && (self.tickets == 0 || len == self.ticket_len);
        let more = self.tickets < TICKETS_MAX && TICKET_LENS.contains(&len) && early;
        more || known && self.tickets < u8::MAX
    }

    fn application(&mut self, side: Side, len: u16, overhead: u16) -> Carried {
        let bytes = len.saturating_sub(overhead);
        let requested = self.requested;
        self.requested |= side == Side::Originator;
        match side {
            Side::Originator if requested && CONTROL_LENS.contains(&bytes) => Carried::Control,
            _ => Carried::Application(bytes),
        }
    }
}
