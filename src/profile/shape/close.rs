//! From requests, replies and the segments that end a flow to whether the replies were read.
//!
//! A program that leaves a reply unread shows on the wire: its host resets the flow, or keeps its
//! window shut. Libraries that drain the socket for their caller hide it. O(1), holds the request
//! at hand and counts.

use super::Segment;
use crate::net::Side;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// What a server's `close_notify` is long, header included, in the longest of its forms: one
/// record that a client which has read everything answers with a reset.
const FAREWELL_BYTES_MAX: u64 = 31;
/// A reply of at most so many bytes is empty.
const EMPTY_BYTES_MAX: u64 = 64;
/// A request that no reply came to within this is unanswered.
const ANSWER_WITHIN: Span = Span::from_secs(10);
/// A reset after so long a silence ends a kept-alive flow, and leaves nothing unread.
const IDLE: Span = Span::from_secs(5);
/// Sealed records below 64 bytes are HTTP/2's upkeep until a longer one came.
const UPKEEP_BYTES_MAX: u64 = 64 - 17;
/// A window that stays shut for the first notice and two probes is shut for good.
const SHUT_WINDOWS_MIN: u16 = 3;

/// How requests were answered, and the flow closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// The request at hand: since when, and what came back.
    request_at: Option<Timestamp>,
    request_bytes: u64,
    reply_bytes: u64,
    /// Bytes that came back and may be upkeep; none are once a longer record came.
    small_bytes: u64,
    long_seen: bool,
    late: bool,
    /// Requests, those with an empty reply, and those without any for ten seconds.
    pub requests: u32,
    /// Requests with an empty reply.
    pub empty: u32,
    /// Requests without any reply for ten seconds.
    pub unanswered: u32,
    /// The responder's last record was an alert.
    dismissed: bool,
    /// Stream bytes of the responder, and when the last came.
    sent: u64,
    sent_at: Timestamp,
    farewell: Option<Farewell>,
    /// The originator's shut windows: in a row, and in all.
    shut: u16,
    /// Segments with which the originator shut its window.
    pub shut_windows: u16,
    syn_hops: Option<u8>,
    /// Who reset the flow first.
    pub reset_by: Option<Side>,
    /// The order in which sides sent their FIN.
    pub fins: [Option<Side>; 2],
    unread: bool,
    half: bool,
}

/// The originator's alert or FIN, whichever came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Farewell {
    /// Stream bytes of the responder before it, and its records after it.
    sent: u64,
    records: u16,
    /// A request waited for its reply.
    waiting: bool,
}

/// What was made of the replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The last reply was not read, or not all of it.
    pub unread: bool,
    /// Some of it was read, or could have been.
    pub half: bool,
    /// Requests, those with an empty reply, those without any for ten seconds.
    pub requests: u32,
    /// Requests with an empty reply.
    pub empty: u32,
    /// Requests without a reply.
    pub unanswered: u32,
}

impl Close {
    /// Takes application bytes of `side`; gives the bytes of the request that is over by them, and
    /// of its reply.
    pub fn handle_application(
        &mut self,
        at: Timestamp,
        side: Side,
        bytes: u64,
    ) -> Option<(u64, u64)> {
        self.note_lateness(at);
        // Whoever goes on speaking took no leave: the record only had an alert's length.
        if side == Side::Originator && !self.fins.contains(&Some(side)) {
            self.farewell = None;
        }
        let mut over = None;
        match side {
            Side::Originator if self.request_at.is_none() || self.replied() > 0 => {
                over = self.at_hand();
                self.end_request();
                self.requests = self.requests.saturating_add(1);
                self.request_at = Some(at);
                self.request_bytes = bytes;
            }
            Side::Originator => self.request_bytes = self.request_bytes.saturating_add(bytes),
            Side::Responder if !self.long_seen && bytes < UPKEEP_BYTES_MAX => {
                self.small_bytes = self.small_bytes.saturating_add(bytes);
            }
            Side::Responder => {
                self.dismissed = false;
                if self.request_at.is_some() && !self.long_seen {
                    self.long_seen = true;
                    self.small_bytes = 0;
                }
                self.reply_bytes = self.reply_bytes.saturating_add(bytes);
            }
        }
        over
    }

    /// Bytes of the request at hand, and of its reply so far.
    pub fn at_hand(&self) -> Option<(u64, u64)> {
        self.request_at
            .map(|_| (self.request_bytes, self.replied()))
    }

    /// Takes bytes of the responder's stream, whatever they carry.
    pub fn handle_sent(&mut self, at: Timestamp, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
        self.sent_at = at;
    }

    /// The responder began a record.
    pub fn handle_record(&mut self) {
        if let Some(farewell) = &mut self.farewell {
            farewell.records = farewell.records.saturating_add(1);
        }
    }

    /// The responder sent an alert: it will send no more.
    pub fn handle_dismissal(&mut self) {
        self.dismissed = true;
    }

    /// The originator sent an alert: it will read no more.
    pub fn handle_alert(&mut self) {
        let waiting = self.is_waiting();
        let sent = self.sent;
        self.farewell.get_or_insert(Farewell {
            sent,
            records: 0,
            waiting,
        });
    }

    /// Takes a segment, after the stream bytes that it brought. `within` says that the responder
    /// stopped within a record, `tls` that the flow is made of records.
    pub fn handle_segment(&mut self, segment: &Segment, tls: bool, within: bool) {
        let originator = segment.side == Side::Originator;
        if originator && segment.syn {
            self.syn_hops = segment.hops;
        }
        if segment.fin && !self.fins.contains(&Some(segment.side)) {
            if let Some(place) = self.fins.iter_mut().find(|fin| fin.is_none()) {
                *place = Some(segment.side);
            }
            if originator {
                self.handle_alert();
            }
        }
        if segment.rst {
            return self.handle_reset(segment, tls, within);
        }
        if originator && !segment.syn {
            let is_shut = segment.window == 0;
            self.shut = if is_shut {
                self.shut.saturating_add(1)
            } else {
                0
            };
            self.shut_windows = self.shut_windows.saturating_add(u16::from(is_shut));
        }
    }

    /// What was made of the replies until `at`; `open` says that more may come.
    pub fn verdict(&self, at: Timestamp, open: bool) -> Verdict {
        let mut last = *self;
        last.note_lateness(at);
        if !open {
            last.end_request();
        }
        let stuck = self.shut >= SHUT_WINDOWS_MIN && self.reset_by.is_none();
        Verdict {
            unread: self.unread || stuck,
            half: self.half || stuck,
            requests: last.requests,
            empty: last.empty,
            unanswered: last.unanswered,
        }
    }

    /// Stream bytes of the responder after the originator took its leave.
    pub fn sent_after_farewell(&self) -> Option<u64> {
        self.farewell
            .map(|farewell| self.sent - farewell.sent.min(self.sent))
    }

    fn replied(&self) -> u64 {
        self.reply_bytes.saturating_add(self.small_bytes)
    }

    fn is_waiting(&self) -> bool {
        self.request_at.is_some() && self.replied() == 0
    }

    fn note_lateness(&mut self, at: Timestamp) {
        let late = self
            .request_at
            .is_some_and(|request_at| at - request_at >= ANSWER_WITHIN);
        if late && !self.late && self.replied() == 0 {
            self.late = true;
            self.unanswered = self.unanswered.saturating_add(1);
        }
    }

    fn end_request(&mut self) {
        if self.request_at.take().is_some() && (1..=EMPTY_BYTES_MAX).contains(&self.replied()) {
            self.empty = self.empty.saturating_add(1);
        }
        (self.reply_bytes, self.small_bytes, self.late) = (0, 0, false);
    }

    fn handle_reset(&mut self, segment: &Segment, tls: bool, within: bool) {
        let hops_differ = |ours: u8, theirs: u8| ours.abs_diff(theirs) > 1;
        let hops = self.syn_hops.zip(segment.hops);
        // Someone on the way reset the flow in the originator's name.
        let forged = hops.is_some_and(|(ours, theirs)| hops_differ(ours, theirs));
        if self.reset_by.is_some() || forged && segment.side == Side::Originator {
            return;
        }
        self.reset_by = Some(segment.side);
        if segment.side == Side::Responder {
            return;
        }
        let farewell_max = if tls { FAREWELL_BYTES_MAX } else { 0 };
        match self.farewell {
            Some(farewell) => {
                let after = self.sent - farewell.sent.min(self.sent);
                // What provoked the reset of an unanswered request may be seen after it.
                let unseen = farewell.waiting && after == 0;
                self.unread = unseen || after > farewell_max || farewell.records > 1;
                self.half = self.unread && !farewell.waiting;
            }
            None if self.is_waiting() => self.unread = true,
            None => {
                let idle = segment.at - self.sent_at > IDLE && self.shut == 0;
                // What lies unread may be no more than the responder's alert.
                let nothing = self.dismissed && self.shut_windows == 0 && !within;
                let replied = self.replied() > 0 && self.request_at.is_some();
                self.unread = replied && !idle && !nothing;
                self.half = self.unread && (within || self.shut_windows > 0);
            }
        }
    }
}
