//! From the sensor's own numbers to a row of `stats.log`.
//!
//! It only carries them: whoever counts says what they cover. What the sensor does not have is
//! unset.

use super::{Bounds, PEER, Row, Schema, Value, columns, count, optional};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The columns of `stats.log`: Zeek's, and from `flows_evicted` on what our bounds cost.
pub const SCHEMA: Schema = Schema {
    path: "stats",
    columns: columns![
        "ts": "time",
        "peer": "string",
        "mem": "count",
        "pkts_proc": "count",
        "bytes_recv": "count",
        "pkts_dropped": "count",
        "pkts_link": "count",
        "pkt_lag": "interval",
        "pkts_filtered": "count",
        "events_proc": "count",
        "events_queued": "count",
        "active_tcp_conns": "count",
        "active_udp_conns": "count",
        "active_icmp_conns": "count",
        "tcp_conns": "count",
        "udp_conns": "count",
        "icmp_conns": "count",
        "timers": "count",
        "active_timers": "count",
        "files": "count",
        "active_files": "count",
        "dns_requests": "count",
        "active_dns_requests": "count",
        "reassem_tcp_size": "count",
        "reassem_file_size": "count",
        "reassem_frag_size": "count",
        "reassem_unknown_size": "count",
        "flows_evicted": "count",
        "holes_given_up": "count",
        "inspect_size": "count",
        "inspections_given_up": "count",
        "frames_undecoded": "count",
        "bad_checksums": "count",
        "datagrams_evicted": "count",
    ],
    bounds: Bounds::DEFAULT,
};

/// How the sensor is doing. `active_*`, `*_queued` and `*_size` are as of now, the rest since the
/// last row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsRow {
    /// The moment of the account.
    pub at: Timestamp,
    /// Memory in use, in MB.
    pub mem_mb: u64,
    /// Packets processed.
    pub packets: u64,
    /// Bytes of frames received.
    pub bytes: u64,
    /// What the capture itself counted; none in a replay.
    pub capture: Option<CaptureStats>,
    /// Open flows: TCP, UDP, ICMP.
    pub flows_active: [u64; 3],
    /// New flows: TCP, UDP, ICMP.
    pub flows: [u64; 3],
    /// DNS transactions told.
    pub dns_requests: u64,
    /// Bytes of TCP payload held out of order.
    pub reassembly_bytes: u64,
    /// Bytes that fragments of IP packets take.
    pub fragment_bytes: u64,
    /// Flows that left early because the table was full.
    pub flows_evicted: u64,
    /// Holes in TCP streams given up because too much was held behind them.
    pub holes_given_up: u64,
    /// Bytes that inspectors hold.
    pub inspect_bytes: u64,
    /// Flows not read any further because inspectors held too much.
    pub inspections_given_up: u64,
    /// Frames that could not be decoded.
    pub undecoded: u64,
    /// Packets left out because a checksum did not hold.
    pub bad_checksums: u64,
    /// Datagrams given up whole because fragments took too much.
    pub datagrams_evicted: u64,
}

/// What a live capture counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaptureStats {
    /// Packets lost between the interface and us.
    pub dropped: u64,
    /// Packets on the link.
    pub link: u64,
    /// How far the packets' clock is behind the wall clock.
    pub lag: Span,
    /// Packets that a filter left out.
    pub filtered: Option<u64>,
}

impl Row for StatsRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Time(self.at));
        put(Value::Name(PEER));
        put_counts(&[self.mem_mb, self.packets, self.bytes], put);
        put(optional(self.capture, |capture| count(capture.dropped)));
        put(optional(self.capture, |capture| count(capture.link)));
        put(optional(self.capture, |capture| {
            Value::Interval(capture.lag)
        }));
        put(optional(self.capture.and_then(|c| c.filtered), count));
        put_unset(2, put); // There is no event queue.
        put_counts(&self.flows_active, put);
        put_counts(&self.flows, put);
        put_unset(4, put); // Timers are the flows' own; files are not followed.
        put(count(self.dns_requests));
        put(Value::Unset);
        put(count(self.reassembly_bytes));
        put(Value::Unset); // Files are not followed.
        put(count(self.fragment_bytes));
        put(Value::Unset);
        put_counts(
            &[
                self.flows_evicted,
                self.holes_given_up,
                self.inspect_bytes,
                self.inspections_given_up,
                self.undecoded,
                self.bad_checksums,
                self.datagrams_evicted,
            ],
            put,
        );
    }
}

fn put_unset(columns: usize, put: &mut dyn FnMut(Value<'_>)) {
    (0..columns).for_each(|_| put(Value::Unset));
}

fn put_counts(numbers: &[u64], put: &mut dyn FnMut(Value<'_>)) {
    for number in numbers {
        put(count(*number));
    }
}
