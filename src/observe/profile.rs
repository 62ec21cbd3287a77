//! From the dissector's account of a flow's shape to whoever weighs it.

use crate::net::Side;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How many of a flow's first records, or pieces of payload, are told one by one.
pub const FIRST_MAX: usize = 16;
/// Classes of payload size, each of one bit length: 1, 2 to 3, 4 to 7 ... 16,384 and more.
pub const SIZES: usize = 15;

/// A flow's byte-timing shape: at its end, or at a checkpoint.
///
/// A piece is payload that came next in a stream, mostly that of one segment, or a datagram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowProfile {
    /// From the flow's first packet to the moment of this account.
    pub age: Span,
    /// Whether the flow goes on.
    pub open: bool,
    /// From the originator's SYN to its next segment: one round trip, wherever the tap is.
    pub rtt: Option<Span>,
    /// Originator, responder.
    pub sides: [SideProfile; 2],
    /// The first records, or pieces of payload where there are none.
    pub first: Vec<First>,
    /// Whether a stream is made of TLS records.
    pub tls: bool,
    /// Bytes of records that carry no application data: handshake, tickets, alerts, control.
    pub handshake_bytes: u64,
    /// Session tickets, as far as lengths tell them.
    pub tickets: u8,
    /// How often missing bytes hid where records begin: their counts are too low then.
    pub record_losses: u16,
    /// Exchanges, keep-alives left out.
    pub exchanges: u32,
    /// Exchanges that the responder began.
    pub by_responder: u32,
    /// Of these the ones to which the originator sent more than twice as much, and 256 bytes.
    pub inverted: u32,
    /// The originator's application bytes in inverted exchanges over all of its own.
    pub inverted_share: Option<f64>,
    /// Producer-consumer ratio of application bytes: +1 is pure upload.
    pub pcr: Option<f64>,
    /// One less the modal share of the gaps between exchanges: 0 is like clockwork.
    pub irregularity: Option<f64>,
    /// Standard deviation of those gaps' natural logarithms.
    pub gap_log_sd: Option<f64>,
    /// Those gaps: cell of 0.35 in the natural logarithm from that of 50 ms, count.
    pub gaps: Vec<(u8, u16)>,
    /// Time within exchanges.
    pub busy: Span,
    /// Keep-alives: at most 100 bytes each way.
    pub pings: u32,
    /// Gaps between their beginnings: bin of the cadence engine, count.
    pub ping_gaps: Vec<(u8, u16)>,
    /// Requests: the originator speaks after it was answered.
    pub requests: u32,
    /// Requests to which at most 64 bytes came back.
    pub empty: u32,
    /// Requests to which nothing came back for ten seconds.
    pub unanswered: u32,
    /// Application bytes of requests that are over: the four sizes that come most often, by size,
    /// each with its count.
    pub request_sizes: Vec<(u32, u16)>,
    /// The same of their replies; 0 where none came.
    pub reply_sizes: Vec<(u32, u16)>,
    /// The last reply was not read, or not all of it.
    pub unread: bool,
    /// Some of it may have been.
    pub half_read: bool,
    /// Segments with which the originator shut its window.
    pub shut_windows: u16,
    /// Stream bytes that the responder sent after the originator's alert or FIN.
    pub late_bytes: Option<u64>,
    /// Who sent a FIN first, and who second.
    pub fins: [Option<Side>; 2],
    /// Who reset the flow.
    pub reset_by: Option<Side>,
}

/// What one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideProfile {
    /// Pieces of payload, repeats left out.
    pub pieces: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Runs of pieces with neither a pause above one second nor a word of the peer between them.
    pub bursts: u32,
    /// TLS records.
    pub records: u32,
    /// Application bytes: of records what their lengths tell, else all bytes.
    pub application_bytes: u64,
    /// Pieces by size.
    pub sizes: [u16; SIZES],
}

/// A record or piece of payload among the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// When it began.
    pub at: Timestamp,
    /// Who sent it.
    pub side: Side,
    /// Its bytes; a record's without the header.
    pub len: u16,
}

/// The beginning of an exchange: the originator spoke after at least two seconds, or three round
/// trips, of silence. Cadences are made of these. Where the responder spoke so, it is a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// When it began.
    pub at: Timestamp,
    /// Who began it.
    pub by: Side,
    /// Application bytes that the originator sent until it was answered.
    pub upload_bytes: u64,
}
