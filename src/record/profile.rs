//! From a flow's shape to a row of `profile.log`.
//!
//! A log of our own, joined with `conn.log` by `uid`: one row when the flow ends, and one at each
//! checkpoint while it is open.

use super::{Bounds, List, Row, Schema, Value, columns, count, optional, put_flow};
use crate::net::Side;
use crate::observe::FlowId;
use crate::observe::profile::{FIRST_MAX, FlowProfile};
use crate::profile::cadence::edge;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// The columns of `profile.log`; [`FlowProfile`] says what each means.
pub const SCHEMA: Schema = Schema {
    path: "profile",
    columns: columns![
        flow,
        "age": "interval",
        "open": "bool",
        "rtt": "interval",
        "tls": "bool",
        "orig_pieces": "count",
        "resp_pieces": "count",
        "orig_bursts": "count",
        "resp_bursts": "count",
        "orig_records": "count",
        "resp_records": "count",
        "orig_app_bytes": "count",
        "resp_app_bytes": "count",
        "handshake_bytes": "count",
        "tickets": "count",
        "record_losses": "count",
        "exchanges": "count",
        "exchanges_by_resp": "count",
        "exchanges_inverted": "count",
        "inverted_share": "double",
        "pcr": "double",
        "irregularity": "double",
        "gap_log_sd": "double",
        "busy": "interval",
        "pings": "count",
        "ping_interval": "interval",
        "requests": "count",
        "empty_replies": "count",
        "unanswered": "count",
        "unread": "bool",
        "half_read": "bool",
        "shut_windows": "count",
        "late_bytes": "count",
        "close": "string",
        "first_lens": "vector[count]",
        "first_times": "vector[interval]",
        "first_sides": "string",
        "orig_sizes": "vector[count]",
        "resp_sizes": "vector[count]",
    ],
    bounds: Bounds::DEFAULT,
};

/// A flow's shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileRow {
    flow: FlowId,
    profile: Box<FlowProfile>,
}

impl ProfileRow {
    /// The row of `profile`, which `flow` has.
    pub fn new(flow: FlowId, profile: Box<FlowProfile>) -> ProfileRow {
        ProfileRow { flow, profile }
    }

    /// The lower edge of the bin that holds the median gap between keep-alives.
    fn ping_interval(&self) -> Option<Span> {
        let gaps = &self.profile.ping_gaps;
        let all: u32 = gaps.iter().map(|(_, count)| u32::from(*count)).sum();
        let mut before = 0;
        let median = gaps.iter().find(|(_, count)| {
            before += u32::from(*count);
            2 * before >= all
        });
        median.map(|(bin, _)| Span::from_nanos((edge(usize::from(*bin)) * 1e9) as i64))
    }

    /// FINs in their order, then who reset the flow: in capitals the originator, as in `history`.
    fn put_close(&self, put: &mut dyn FnMut(Value<'_>)) {
        let [first, second] = self.profile.fins;
        let letter = |side: Option<Side>, letters: [&'static str; 2]| {
            side.map_or("", |side| letters[side.index()])
        };
        let mut text = [0; 3];
        let mut len = 0;
        for letter in [
            letter(first, ["F", "f"]),
            letter(second, ["F", "f"]),
            letter(self.profile.reset_by, ["R", "r"]),
        ] {
            for byte in letter.bytes() {
                text[len] = byte;
                len += 1;
            }
        }
        match len {
            0 => put(Value::Unset),
            _ => put(Value::Text(&text[..len])),
        }
    }

    fn put_first(&self, put: &mut dyn FnMut(Value<'_>)) {
        let (mut lens, mut times) = ([0; FIRST_MAX], [Span::ZERO; FIRST_MAX]);
        let mut sides = [0; FIRST_MAX];
        let n = self.profile.first.len().min(FIRST_MAX);
        for (index, first) in self.profile.first.iter().take(n).enumerate() {
            lens[index] = u32::from(first.len);
            times[index] = first.at - self.flow.first_at;
            sides[index] = if first.side == Side::Originator {
                b'>'
            } else {
                b'<'
            };
        }
        put(Value::List(List::Counts(&lens[..n])));
        put(Value::List(List::Spans(&times[..n])));
        put(Value::Text(&sides[..n]));
    }
}

impl Row for ProfileRow {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        let profile = self.profile.as_ref();
        let [originator, responder] = &profile.sides;
        put_flow(self.flow.first_at, Some(&self.flow), put);
        put(Value::Interval(profile.age));
        put(Value::Bool(profile.open));
        put(optional(profile.rtt, Value::Interval));
        put(Value::Bool(profile.tls));
        for pair in [
            [originator.pieces, responder.pieces],
            [originator.bursts, responder.bursts],
            [originator.records, responder.records],
        ] {
            pair.into_iter().for_each(|number| put(count(number)));
        }
        put(count(originator.application_bytes));
        put(count(responder.application_bytes));
        put(count(profile.handshake_bytes));
        put(count(profile.tickets));
        put(count(profile.record_losses));
        put(count(profile.exchanges));
        put(count(profile.by_responder));
        put(count(profile.inverted));
        for share in [
            profile.inverted_share,
            profile.pcr,
            profile.irregularity,
            profile.gap_log_sd,
        ] {
            put(optional(share, Value::Double));
        }
        put(Value::Interval(profile.busy));
        put(count(profile.pings));
        put(optional(self.ping_interval(), Value::Interval));
        put(count(profile.requests));
        put(count(profile.empty));
        put(count(profile.unanswered));
        put(Value::Bool(profile.unread));
        put(Value::Bool(profile.half_read));
        put(count(profile.shut_windows));
        put(optional(profile.late_bytes, count));
        self.put_close(put);
        self.put_first(put);
        for side in &profile.sides {
            // Up to the last size that there is.
            let filled = side.sizes.iter().rposition(|count| *count > 0);
            let counts = side.sizes.map(u32::from);
            let until = filled.map_or(0, |last| last + 1);
            put(Value::List(List::Counts(&counts[..until])));
        }
    }
}
