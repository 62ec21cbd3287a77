//! From the columns of `profile.log` to a flow's shape.
//!
//! What the log has no column for is absent: the spread of gaps, the sizes of requests and replies.

use super::row::Reading;
use super::value;
use crate::net::Side;
use crate::observe::profile::{FIRST_MAX, First, FlowProfile, SIZES, SideProfile};
use crate::time::{Span, Timestamp};

/// The columns that are read.
pub const WANTED: &[&str] = &[
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "age",
    "open",
    "exchanges",
    "rtt",
    "tls",
    "orig_pieces",
    "resp_pieces",
    "orig_bursts",
    "resp_bursts",
    "orig_records",
    "resp_records",
    "orig_app_bytes",
    "resp_app_bytes",
    "handshake_bytes",
    "tickets",
    "record_losses",
    "exchanges_by_resp",
    "exchanges_inverted",
    "inverted_share",
    "pcr",
    "irregularity",
    "gap_log_sd",
    "busy",
    "pings",
    "requests",
    "empty_replies",
    "unanswered",
    "unread",
    "half_read",
    "shut_windows",
    "late_bytes",
    "close",
    "first_lens",
    "first_times",
    "first_sides",
    "orig_sizes",
    "resp_sizes",
];
/// How many of them after the flow's own are required.
pub const REQUIRED: usize = 3;

/// The shape of a flow that began at `ts`, from the column `at` on.
pub fn profile(reading: &mut Reading<'_>, at: usize, ts: Timestamp) -> Option<FlowProfile> {
    let mut slot = at;
    let mut next = || {
        slot += 1;
        slot - 1
    };
    let age = reading
        .read(next(), value::span)
        .filter(|age| *age >= Span::ZERO)?;
    let open = reading.read(next(), value::truth)?;
    let exchanges = count(reading, next());
    let rtt = reading.read(next(), value::span);
    let tls = flag(reading, next());
    let mut sides = sides(reading, slot);
    slot += 8;
    let mut next = || {
        slot += 1;
        slot - 1
    };
    let mut profile = FlowProfile {
        age,
        open,
        rtt,
        tls,
        exchanges,
        handshake_bytes: reading.count(next()),
        tickets: u8::try_from(reading.count(next())).unwrap_or(u8::MAX),
        record_losses: short(reading, next()),
        by_responder: count(reading, next()),
        inverted: count(reading, next()),
        inverted_share: reading.read(next(), value::double),
        pcr: reading.read(next(), value::double),
        irregularity: reading.read(next(), value::double),
        gap_log_sd: reading.read(next(), value::double),
        busy: reading.read(next(), value::span).unwrap_or(Span::ZERO),
        pings: count(reading, next()),
        requests: count(reading, next()),
        empty: count(reading, next()),
        unanswered: count(reading, next()),
        unread: flag(reading, next()),
        half_read: flag(reading, next()),
        shut_windows: short(reading, next()),
        late_bytes: reading.read(next(), value::count),
        ..FlowProfile::default()
    };
    close(reading, next(), &mut profile);
    profile.first = first(reading, slot, ts);
    for (index, side) in sides.iter_mut().enumerate() {
        let counts = reading.list(slot + 3 + index, value::count);
        for (size, count) in side.sizes.iter_mut().zip(counts.into_iter().take(SIZES)) {
            *size = u16::try_from(count).unwrap_or(u16::MAX);
        }
    }
    profile.sides = sides;
    Some(profile)
}

fn sides(reading: &mut Reading<'_>, at: usize) -> [SideProfile; 2] {
    [0, 1].map(|side| {
        let application_bytes = reading.count(at + 6 + side);
        let pieces = count(reading, at + side);
        SideProfile {
            pieces,
            // The log tells bytes of applications alone; a piece has one byte at least.
            bytes: application_bytes.max(u64::from(pieces)),
            bursts: count(reading, at + 2 + side),
            records: count(reading, at + 4 + side),
            application_bytes,
            ..SideProfile::default()
        }
    })
}

/// FINs in their order, then who reset the flow: in capitals the originator.
fn close(reading: &mut Reading<'_>, slot: usize, profile: &mut FlowProfile) {
    let mut fins = profile.fins.iter_mut();
    for letter in reading.text(slot).unwrap_or_default().iter() {
        let side = match letter.is_ascii_uppercase() {
            true => Side::Originator,
            false => Side::Responder,
        };
        match letter.to_ascii_uppercase() {
            b'F' => {
                if let Some(fin) = fins.next() {
                    *fin = Some(side);
                }
            }
            _ => profile.reset_by = Some(side),
        }
    }
}

fn first(reading: &mut Reading<'_>, at: usize, ts: Timestamp) -> Vec<First> {
    let lens = reading.list(at, value::count);
    let times = reading.list(at + 1, value::span);
    let sides = reading.text(at + 2).unwrap_or_default();
    let firsts = lens.into_iter().zip(times).zip(sides.iter());
    let first = |((len, since), side): ((u64, Span), &u8)| First {
        at: ts + since,
        side: match side {
            b'>' => Side::Originator,
            _ => Side::Responder,
        },
        len: u16::try_from(len).unwrap_or(u16::MAX),
    };
    firsts.take(FIRST_MAX).map(first).collect()
}

fn count(reading: &mut Reading<'_>, slot: usize) -> u32 {
    u32::try_from(reading.count(slot)).unwrap_or(u32::MAX)
}

fn short(reading: &mut Reading<'_>, slot: usize) -> u16 {
    u16::try_from(reading.count(slot)).unwrap_or(u16::MAX)
}

fn flag(reading: &mut Reading<'_>, slot: usize) -> bool {
    reading.read(slot, value::truth).unwrap_or_default()
}
