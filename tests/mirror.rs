//! What bad mirrors make of traffic: everything twice, one direction, reordered. The same sessions
//! come out, or a notice says what is missing.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod captures;

use captures::{Owned, frames, lines, names, settings};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tapir::record::{Record, Value};
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
        false => Some(format!("{:?}\n{:?}", of(left, right), of(right, left))),
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
        let mut names = Vec::new();
        for (_, line) in told {
            let Line::Row(record) = line else { continue };
            let mut columns = record.row().schema().columns.iter();
            record.row().values(&mut |value| {
                let column = columns.next().map_or("", |column| column.name);
                if record.path() == "ssl" && column == "server_name" && value != Value::Unset {
                    names.push(format!("{value:?}"));
                }
            });
        }
        names.sort();
        names
    };
    assert_eq!(names(&both), names(&half));
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

/// What one flow's later frames may not overtake.
#[derive(Clone, Copy)]
struct Floor {
    /// The latest delivery of all, and of payload.
    all: Timestamp,
    payload: Timestamp,
    /// The latest delivery before the last SYN, FIN or RST, and of payload before its sender last
    /// changed.
    control: Timestamp,
    turn: Timestamp,
    sender: Option<tapir::net::Endpoint>,
}

/// The same for TCP alone, except that SYN, FIN and RST keep their places, and so do the turns of
/// the two sides. Within a turn segments come in any order, and acknowledgements before what they
/// acknowledge.
fn reordered_within_turns(frames: &[Owned], most: Span, seed: u64) -> Vec<Owned> {
    let mut late = delays(most, seed);
    let mut floors = BTreeMap::new();
    let mut order = Vec::new();
    let first = Floor {
        all: Timestamp::MIN,
        payload: Timestamp::MIN,
        control: Timestamp::MIN,
        turn: Timestamp::MIN,
        sender: None,
    };
    for frame in frames {
        let packet = tapir::packet::decode(&frame.frame()).ok();
        let tcp = packet.and_then(|packet| match packet.transport {
            tapir::packet::Transport::Tcp(tcp) => Some((packet, tcp)),
            _ => None,
        });
        let Some((packet, tcp)) = tcp else {
            order.push((frame.at, frame));
            continue;
        };
        let keyed = tapir::flow::key::FlowKey::of(&packet);
        let floor = floors.entry(keyed.key).or_insert(first);
        let at = if tcp.flags.syn || tcp.flags.fin || tcp.flags.rst {
            floor.control = frame.at.max(floor.all);
            (floor.turn, floor.payload) = (floor.control, floor.control);
            floor.control
        } else if packet.payload_len > 0 {
            if floor.sender.replace(keyed.src) != Some(keyed.src) {
                floor.turn = floor.payload;
            }
            let at = (frame.at + late()).max(floor.turn).max(floor.control);
            floor.payload = floor.payload.max(at);
            at
        } else {
            (frame.at + late()).max(floor.control)
        };
        floor.all = floor.all.max(at);
        order.push((at, frame));
    }
    in_order(order)
}

/// What a session's row tells of the order of its packets: which letter came first, whether the
/// last packet was one that lengthens the flow, and the moment of the packet that made a message
/// whole.
const ORDER: [&str; 4] = ["history", "duration", "ts", "rtt"];

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
    fn segments_and_acknowledgements_out_of_order_change_no_session(seed in any::<u64>()) {
        for name in ["close", "dns", "webhook"] {
            let frames = frames(name);
            let late = reordered_within_turns(&frames, Span::from_millis(50), seed);
            let of = |frames| rows(&lines(&settings(name), frames), &SESSIONS, &ORDER);
            prop_assert_eq!(difference(&of(&frames), &of(&late)), None, "{}", name);
        }
    }

    #[test]
    fn datagrams_out_of_order_change_no_session(seed in any::<u64>()) {
        for name in ["close", "webhook"] {
            let frames = frames(name);
            let late = reordered(&frames, Span::from_millis(50), seed);
            let moments = ["ts", "uid", "rtt"];
            let of = |frames| rows(&lines(&settings(name), frames), &["dns"], &moments);
            prop_assert_eq!(difference(&of(&frames), &of(&late)), None, "{}", name);
        }
    }
}
