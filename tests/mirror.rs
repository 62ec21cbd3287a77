//! What bad mirrors make of traffic: everything twice, one direction, reordered. The same sessions
//! come out, or a notice says what is missing.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod captures;

use captures::{Owned, frames, lines, names, settings};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tapir::record::Record;
use tapir::sensor::Line;
use tapir::sensor::settings::{Dedup, Settings};
use tapir::time::{Span, Timestamp};

/// The logs whose rows are sessions.
const SESSIONS: [&str; 6] = ["conn", "ssl", "x509", "dns", "http", "quic"];

/// Rows of the logs that `take` names, as text and in order, without the columns in `without`.
fn rows(
    told: &[(Timestamp, Line)],
    logs: &[&str],
    without: &[&str],
) -> BTreeMap<String, Vec<String>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, line) in told {
        let Line::Row(record) = line else { continue };
        if !logs.contains(&record.path()) {
            continue;
        }
        let mut columns = record.row().schema().columns.iter();
        let mut text = String::new();
        record.row().values(&mut |value| {
            let name = columns.next().map_or("", |column| column.name);
            if !without.contains(&name) {
                text.push_str(&format!("{name}={value:?} "));
            }
        });
        rows.entry(record.path().to_string())
            .or_default()
            .push(text);
    }
    rows.values_mut().for_each(|rows| rows.sort());
    rows
}

/// The first row that only one of them has; none where they are the same.
fn difference(
    left: &BTreeMap<String, Vec<String>>,
    right: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let of = |rows: &BTreeMap<String, Vec<String>>, others: &BTreeMap<String, Vec<String>>| {
        let mut alone = rows.iter().flat_map(|(log, rows)| {
            let others = others.get(log).cloned().unwrap_or_default();
            rows.iter().filter(move |row| !others.contains(row))
        });
        alone.next().cloned()
    };
    match left == right {
        true => None,
        false => Some(format!("{:#?}\n{:#?}", of(left, right), of(right, left))),
    }
}

fn notices(told: &[(Timestamp, Line)]) -> Vec<String> {
    let mut notes = Vec::new();
    for (_, line) in told {
        if let Line::Row(Record::Notice(notice)) = line {
            notes.push(notice.note.to_string());
        }
    }
    notes
}

fn moved(frame: &Owned, by: Span) -> Owned {
    Owned {
        at: frame.at + by,
        ..frame.clone()
    }
}

/// Every frame twice, the copy after `gap`.
fn doubled(frames: &[Owned], gap: Span) -> Vec<Owned> {
    let both = frames
        .iter()
        .flat_map(|frame| [frame.clone(), moved(frame, gap)]);
    let mut both: Vec<Owned> = both.collect();
    both.sort_by_key(|frame| frame.at);
    both
}

fn with(name: &str, dedup: Dedup) -> Settings {
    Settings {
        dedup,
        ..settings(name)
    }
}

#[test]
fn a_capture_with_every_packet_twice_gives_the_same_sessions() {
    for name in names() {
        let frames = frames(&name);
        let once = lines(&with(&name, Dedup::Off), &frames);
        let twice = lines(
            &with(&name, Dedup::On),
            &doubled(&frames, Span::from_nanos(40_000)),
        );
        let of = |told| rows(told, &SESSIONS, &[]);
        assert_eq!(of(&once), of(&twice), "{name}");
    }
}

#[test]
fn nothing_is_taken_for_a_copy_in_our_captures() {
    for name in names() {
        let frames = frames(&name);
        let of = |dedup| rows(&lines(&with(&name, dedup), &frames), &SESSIONS, &[]);
        assert_eq!(of(Dedup::Off), of(Dedup::Auto), "{name}");
    }
}

#[test]
fn copies_are_found_without_being_asked_and_told() {
    let name = "clients";
    let frames = doubled(&frames(name), Span::from_nanos(40_000));
    let told = lines(&with(name, Dedup::Auto), &frames);
    assert!(
        notices(&told).contains(&"Tapir::Packets_Arrive_Twice".to_string()),
        "{:?}",
        notices(&told)
    );
}

/// Frames of the side that opened the flow: what a tap on one fibre delivers.
fn one_direction(frames: &[Owned]) -> Vec<Owned> {
    let packet = |frame: &Owned| tapir::packet::decode(&frame.frame()).ok();
    let mut first = BTreeMap::new();
    let mut kept = Vec::new();
    for frame in frames {
        let Some(packet) = packet(frame) else {
            continue;
        };
        let keyed = tapir::flow::key::FlowKey::of(&packet);
        if *first.entry(keyed.key).or_insert(keyed.src) == keyed.src {
            kept.push(frame.clone());
        }
    }
    kept
}

#[test]
fn a_one_way_tap_is_told() {
    let name = "clients";
    let both = frames(name);
    let told = lines(&settings(name), &one_direction(&both));
    let one_way = "Tapir::One_Way_Tap".to_string();
    assert!(notices(&told).contains(&one_way), "{:?}", notices(&told));
    let told = lines(&settings(name), &both);
    assert!(!notices(&told).contains(&one_way), "{:?}", notices(&told));
}

#[test]
fn clients_hellos_are_read_from_one_direction() {
    let name = "clients";
    let both = lines(&settings(name), &frames(name));
    let half = lines(&settings(name), &one_direction(&frames(name)));
    let names = |told: &[(Timestamp, Line)]| {
        let mut names = column(told, "ssl", "server_name");
        names.retain(|name| name != "Unset");
        names.sort();
        names
    };
    assert_eq!(names(&both), names(&half));
}

/// The value of a column in each row of a log.
fn column(told: &[(Timestamp, Line)], log: &str, name: &str) -> Vec<String> {
    let mut values = Vec::new();
    for (_, line) in told {
        let Line::Row(record) = line else { continue };
        if record.path() != log {
            continue;
        }
        let mut columns = record.row().schema().columns.iter();
        record.row().values(&mut |value| {
            if columns.next().is_some_and(|column| column.name == name) {
                values.push(format!("{value:?}"));
            }
        });
    }
    values
}

#[test]
fn segments_with_bad_checksums_are_missing_bytes_and_end_nothing() {
    let name = "close";
    let mut frames = frames(name);
    let once = lines(&settings(name), &frames);
    let mut damaged = 0;
    for frame in &mut frames {
        let Ok(packet) = tapir::packet::decode(&frame.frame()) else {
            continue;
        };
        // Application data of servers: neither hellos nor what ends a flow.
        let tcp = matches!(packet.transport, tapir::packet::Transport::Tcp(tcp) if tcp.src == 443);
        let payload = packet.payload.clone();
        if tcp && frame.bytes.get(payload.start) == Some(&23) && damaged < 20 {
            frame.bytes[payload.end - 1] ^= 0xff;
            damaged += 1;
        }
    }
    let told = lines(&settings(name), &frames);
    let count = |told, column_name| column(told, "conn", column_name).len();
    assert_eq!(count(&once, "uid"), count(&told, "uid"));
    let names = |told| column(told, "ssl", "server_name");
    assert_eq!(names(&once), names(&told));
    let missed = column(&told, "conn", "missed_bytes");
    assert!(missed.iter().any(|bytes| bytes != "Count(0)"), "{damaged}");
}

/// A spread of delays below `most`: any will do, as long as it is the same again (Xorshift).
fn delays(most: Span, seed: u64) -> impl FnMut() -> Span {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Span::from_nanos((state % most.as_nanos().unsigned_abs()) as i64)
    }
}

fn in_order(mut order: Vec<(Timestamp, &Owned)>) -> Vec<Owned> {
    order.sort_by_key(|(at, _)| *at);
    order.into_iter().map(|(_, frame)| frame.clone()).collect()
}

/// Frames delivered late by up to `most`, as by a mirror that balances over several queues.
fn reordered(frames: &[Owned], most: Span, seed: u64) -> Vec<Owned> {
    let mut late = delays(most, seed);
    in_order(frames.iter().map(|f| (f.at + late(), f)).collect())
}

/// The same where the frames get their moments only behind the queues.
fn stamped_late(frames: &[Owned], most: Span, seed: u64) -> Vec<Owned> {
    let mut late = delays(most, seed);
    let mut stamped: Vec<Owned> = frames.iter().map(|f| moved(f, late())).collect();
    stamped.sort_by_key(|frame| frame.at);
    stamped
}

/// What a session's row tells of the order of its packets: which letter came first, the moments of
/// packets that lengthen the flow or make a message whole, the packet that came first, after which
/// a flow is named, and whether the name server had answered before a hello with ECH.
const DISORDER: [&str; 6] = ["history", "duration", "ts", "rtt", "uid", "ech"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn doubling_is_undone_whatever_the_gap(gap in 0i64..4_000_000) {
        let name = "webhook";
        let frames = frames(name);
        let once = lines(&with(name, Dedup::Off), &frames);
        let twice = lines(&with(name, Dedup::On), &doubled(&frames, Span::from_nanos(gap)));
        let of = |told| rows(told, &SESSIONS, &[]);
        prop_assert_eq!(of(&once), of(&twice));
    }

    #[test]
    fn packets_in_any_order_change_no_session(seed in any::<u64>()) {
        for name in &names() {
            let frames = frames(name);
            let of = |frames| rows(&lines(&settings(name), frames), &SESSIONS, &DISORDER);
            let once = of(&frames);
            let late = reordered(&frames, Span::from_millis(50), seed);
            prop_assert_eq!(difference(&once, &of(&late)), None, "{}", name);
            let stamped = stamped_late(&frames, Span::from_millis(50), seed);
            prop_assert_eq!(difference(&once, &of(&stamped)), None, "{}, stamped late", name);
        }
    }
}
