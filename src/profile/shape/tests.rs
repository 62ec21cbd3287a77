use super::*;
use proptest::prelude::*;
use serde_json::Value;

use Side::{Originator, Responder};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_nanos(1_800_000_000_000_000_000 + micros * 1000)
}

fn segment(micros: i64, side: Side) -> Segment {
    Segment {
        at: at(micros),
        side,
        syn: false,
        fin: false,
        rst: false,
        window: 500,
        hops: None,
    }
}

/// Records of these kinds and lengths as a stream's bytes.
fn records(list: &[(u8, u16)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, len) in list {
        bytes.extend([*kind, 3, 3]);
        bytes.extend(len.to_be_bytes());
        bytes.extend(std::iter::repeat_n(
            if *kind == 22 { 2 } else { 0xaa },
            usize::from(*len),
        ));
    }
    bytes
}

fn data(shape: &mut Shape, micros: i64, side: Side, bytes: &[u8]) {
    if !bytes.is_empty() {
        shape.handle_stream(at(micros), StreamEvent::Data { side, bytes });
    }
    shape.handle_segment(&segment(micros, side));
}

const MATRIX: &str = include_str!("../../../tests/vectors/tls_close_matrix.json");

fn matrix() -> Vec<Value> {
    let matrix: Value = serde_json::from_str(MATRIX).unwrap();
    matrix["cases"].as_array().unwrap().clone()
}

fn pairs(list: &Value) -> Vec<(u8, u16)> {
    let pair = |pair: &Value| {
        (
            pair[0].as_u64().unwrap() as u8,
            pair[1].as_u64().unwrap() as u16,
        )
    };
    list.as_array().unwrap().iter().map(pair).collect()
}

fn expects_unread(case: &Value) -> bool {
    case["response_handling"] == "U"
}

#[test]
fn resets_alone_tell_unread_replies_from_read_ones_in_the_close_matrix() {
    let cases = matrix();
    assert_eq!(cases.len(), 32);
    for case in &cases {
        let mut fin = None;
        let mut unread = false;
        for event in case["close"].as_array().unwrap() {
            let sent = event["server_bytes"].as_u64().unwrap();
            match (event["ev"].as_str().unwrap(), event["by"].as_str().unwrap()) {
                ("FIN", "c") => fin = Some(sent),
                ("RST", "c") => unread = fin.is_none_or(|fin| sent - fin > 31),
                _ => {}
            }
        }
        assert_eq!(unread, expects_unread(case), "{case}");
    }
}

/// Plays a case of the close matrix: handshake, request, replies, close. Records that the recording
/// cut off are made up so that the byte counts fit.
fn play(case: &Value) -> Shape {
    let mut shape = Shape::default();
    let tls13 = case["tls"] == "1.3";
    let mut server = pairs(&case["server_records"]);
    let total = case["server_bytes"].as_u64().unwrap();
    let known: u64 = server.iter().map(|(_, len)| u64::from(*len) + 5).sum();
    // Handshake: in TLS 1.3 all that comes before tickets, in TLS 1.2 all that is not sealed.
    let is_handshake = |(kind, len): &(u8, u16)| match tls13 {
        true => *kind != 23 || *len == 23 || *len == 38 || *len == 811,
        false => *kind != 23,
    };
    let handshake = server
        .iter()
        .take_while(|record| is_handshake(record))
        .count();
    let tickets = server[handshake..]
        .iter()
        .filter(|record| tls13 && matches!(record.1, 250 | 266))
        .count();
    // What is missing is of the handshake first: with TLS 1.3 the proof of the certificate and the
    // Finished, with TLS 1.2 the key exchange. The rest is of the reply.
    let mut missing = total - known;
    let proof = missing.min(if tls13 { 360 } else { 314 });
    if proof > 5 {
        missing -= proof;
        let place = if tls13 { handshake } else { 2 };
        server.insert(place, (if tls13 { 23 } else { 22 }, (proof - 5) as u16));
    }
    let handshake = handshake + usize::from(proof > 5);
    let reply_at = handshake + tickets;
    while missing > 5 {
        let len = (missing - 5).min(16_401);
        server.insert(reply_at, (23, len as u16));
        missing -= len + 5;
    }
    let client = pairs(&case["client_records"]);
    let closes_with_alert = matches!(client.last(), Some((21, _) | (23, 19)));
    let request = client.len() - 1 - usize::from(closes_with_alert);
    for (micros, side, syn) in [(0, Originator, true), (40, Responder, true)] {
        let opening = Segment {
            syn,
            hops: Some(64),
            ..segment(micros, side)
        };
        shape.handle_segment(&opening);
    }
    shape.handle_segment(&segment(80, Originator));
    data(&mut shape, 100, Originator, &records(&client[..1]));
    data(&mut shape, 200, Responder, &records(&server[..handshake]));
    data(&mut shape, 300, Originator, &records(&client[1..request]));
    data(
        &mut shape,
        310,
        Originator,
        &records(&client[request..=request]),
    );
    let mut close: Vec<(u64, String, Side)> = Vec::new();
    for event in case["close"].as_array().unwrap() {
        let side = if event["by"] == "c" {
            Originator
        } else {
            Responder
        };
        let sent = event["server_bytes"].as_u64().unwrap();
        close.push((sent, event["ev"].as_str().unwrap().to_owned(), side));
    }
    let end = |shape: &mut Shape, micros: i64, (_, what, side): &(u64, String, Side)| {
        if closes_with_alert && *side == Originator {
            data(shape, micros, Originator, &records(&client[request + 1..]));
        }
        let (fin, rst) = (what == "FIN", what == "RST");
        shape.handle_segment(&Segment {
            fin,
            rst,
            hops: Some(64),
            ..segment(micros, *side)
        });
    };
    let mut micros = 340;
    let mut next = close.into_iter().peekable();
    // Records that the last events saw, counted from the end: what is made up lies before them.
    for index in handshake..server.len() {
        micros = if index == reply_at { 5000 } else { micros };
        let rest: u64 = server[index..]
            .iter()
            .map(|(_, len)| u64::from(*len) + 5)
            .sum();
        while let Some(event) = next.next_if(|(sent, ..)| *sent + rest <= total) {
            end(&mut shape, micros, &event);
            micros += 100;
        }
        data(
            &mut shape,
            micros,
            Responder,
            &records(&server[index..=index]),
        );
        micros += 100;
    }
    for _ in 0..case["zero_window_acks"].as_u64().unwrap() {
        shape.handle_segment(&Segment {
            window: 0,
            ..segment(micros, Originator)
        });
        micros += 100;
    }
    next.for_each(|event| end(&mut shape, micros + 200, &event));
    shape
}

#[test]
fn the_whole_rule_tells_unread_replies_from_read_ones_in_the_close_matrix() {
    for case in matrix() {
        let shape = play(&case);
        let profile = shape.profile(at(0), at(10_000_000), false);
        assert_eq!(profile.unread, expects_unread(&case), "{case}: {profile:?}");
        assert_eq!(profile.requests, 1, "{case}: {profile:?}");
        assert!(profile.tls && profile.record_losses == 0, "{case}");
        let reply = profile.sides[1].application_bytes;
        let expected = match case["reply"].as_str().unwrap() {
            "204" => 27..=60,
            "300 B" => 340..=400,
            "200000 B" => 80_000..=202_000,
            "900000 B" => 5000..=9000,
            _ => 3041..=3100,
        };
        let fires = case["case"] == "fire_close" && case["tls"] == "1.3";
        let none = fires && reply == 0;
        assert!(
            none || expected.contains(&reply),
            "{case}: {reply}, {profile:?}"
        );
    }
}

fn following(pieces: &[&[u8]]) -> (Vec<Record>, Records, u32) {
    let (mut found, mut records, mut losses) = (Vec::new(), Records::default(), 0);
    for piece in pieces {
        losses += u32::from(records.handle(piece, &mut |record| found.push(record)));
    }
    (found, records, losses)
}

#[test]
fn records_are_found_again_after_missing_bytes() {
    let whole = records(&[(22, 200), (23, 1000), (23, 30)]);
    let (found, mut walker, _) = following(&[&whole[..500]]);
    assert_eq!(found.len(), 2);
    assert!(!walker.skip(710), "within one body");
    let mut more = Vec::new();
    walker.handle(&records(&[(23, 60)]), &mut |record| more.push(record));
    assert_eq!(more, [Record { kind: 23, len: 60 }]);
    assert!(walker.skip(1), "a header is missing");
    let mut after = Vec::new();
    walker.handle(&[0; 100], &mut |record| after.push(record));
    assert_eq!(after, []);
    walker.handle(&records(&[(23, 77)]), &mut |record| after.push(record));
    assert_eq!(after, [Record { kind: 23, len: 77 }]);
}

#[test]
fn tls_is_found_after_another_protocol_and_not_in_text() {
    let hello = records(&[(22, 300)]);
    let mut tls = hello.clone();
    tls[5] = 1;
    tls[6] = 0;
    let (found, ..) = following(&[b"220 ready\r\n", b"220 go\r\n", &tls]);
    assert_eq!(found, [Record { kind: 22, len: 300 }]);
    let (found, walker, _) = following(&[b"GET / HTTP/1.1\r\n\r\n".as_slice(); 100]);
    assert!(found.is_empty() && !walker.is_tls());
}

#[test]
fn tickets_and_upkeep_are_no_replies() {
    let mut shape = Shape::default();
    shape.handle_segment(&Segment {
        syn: true,
        ..segment(0, Originator)
    });
    shape.handle_segment(&segment(30_000, Originator));
    data(&mut shape, 30_100, Originator, &records(&[(22, 512)]));
    data(
        &mut shape,
        60_000,
        Responder,
        &records(&[(22, 122), (20, 1), (23, 38), (23, 900)]),
    );
    data(
        &mut shape,
        60_100,
        Originator,
        &records(&[(20, 1), (23, 69), (23, 110)]),
    );
    data(
        &mut shape,
        90_000,
        Responder,
        &records(&[(23, 250), (23, 250), (23, 40), (23, 26)]),
    );
    let profile = shape.profile(at(0), at(95_000), true);
    assert_eq!(
        (profile.tickets, profile.requests, profile.empty),
        (2, 1, 0)
    );
    assert_eq!(
        profile.sides.map(|side| side.application_bytes),
        [93, 23 + 9]
    );
    data(&mut shape, 120_000, Responder, &records(&[(23, 5000)]));
    data(&mut shape, 121_000, Originator, &records(&[(23, 30)]));
    let profile = shape.profile(at(0), at(130_000), true);
    assert_eq!(
        (profile.requests, profile.empty, profile.unanswered),
        (1, 0, 0)
    );
}

/// A WebSocket after its upgrade: small questions from the server, large answers.
#[test]
fn a_server_that_asks_makes_inverted_exchanges_and_pings_are_left_out() {
    let mut shape = Shape::default();
    let second = 1_000_000;
    let datagram = |shape: &mut Shape, s: f64, side, bytes| {
        shape.handle_datagram(at((s * second as f64) as i64), side, bytes)
    };
    datagram(&mut shape, 0.0, Originator, 400);
    datagram(&mut shape, 0.1, Responder, 200);
    for ask in 0..10 {
        let begins = 60.0 + 47.0 * f64::from(ask);
        datagram(&mut shape, begins, Responder, 90);
        datagram(&mut shape, begins + 0.3, Originator, 9000);
        for ping in 0..4 {
            let begins = begins + 5.0 + 10.0 * f64::from(ping);
            datagram(&mut shape, begins, Originator, 6);
            datagram(&mut shape, begins + 0.1, Responder, 2);
        }
    }
    let profile = shape.profile(at(0), at(600 * second), true);
    assert_eq!(profile.exchanges, 11);
    assert_eq!((profile.by_responder, profile.inverted), (10, 10));
    assert!(profile.inverted_share.unwrap() > 0.99);
    assert!(profile.pcr.unwrap() > 0.9, "{profile:?}");
    assert_eq!(profile.pings, 40);
    let cadence: u32 = profile
        .ping_gaps
        .iter()
        .map(|(_, count)| u32::from(*count))
        .sum();
    assert_eq!(cadence, 39);
    assert_eq!(profile.irregularity, Some(0.0));
}

#[test]
fn events_begin_after_silence_and_are_told_when_answered() {
    let mut events = Events::default();
    let rtt = Some(Span::from_millis(20));
    let mut told = Vec::new();
    for (millis, side, bytes) in [
        (0, Originator, 100),
        (10, Originator, 50),
        (300, Responder, 1000),
        (1000, Originator, 10),
        (60_000, Originator, 70),
        (120_000, Originator, 80),
        (120_100, Responder, 5),
        (200_000, Responder, 90),
        (200_100, Responder, 90),
    ] {
        told.extend(events.handle(at(millis * 1000), side, bytes, rtt));
    }
    let begun = |millis: i64, by, upload_bytes| Begun {
        at: at(millis * 1000),
        by,
        upload_bytes,
    };
    let own = |millis, upload_bytes| begun(millis, Originator, upload_bytes);
    let push = begun(200_000, Responder, 0);
    assert_eq!(told, [own(0, 150), own(60_000, 70), own(120_000, 80), push]);
    assert_eq!(events.finish(), None);
}

#[test]
fn a_reset_in_the_originators_name_or_after_a_long_silence_leaves_nothing_unread() {
    let reset = |micros, hops| {
        let mut shape = Shape::default();
        shape.handle_segment(&Segment {
            syn: true,
            hops: Some(64),
            ..segment(0, Originator)
        });
        data(&mut shape, 1000, Originator, b"GET / HTTP/1.1\r\n\r\n");
        data(&mut shape, 2000, Responder, &[b'x'; 500]);
        let rst = Segment {
            rst: true,
            hops: Some(hops),
            ..segment(micros, Originator)
        };
        shape.handle_segment(&rst);
        shape.profile(at(0), at(micros), false).unread
    };
    assert!(reset(3000, 64));
    assert!(!reset(3000, 50));
    assert!(!reset(9_000_000, 64));
}

#[test]
fn a_reset_after_leave_was_taken_of_an_unanswered_request_leaves_the_reply_unread_seen_or_not() {
    for answered in [false, true] {
        let mut shape = Shape::default();
        data(&mut shape, 0, Originator, b"GET / HTTP/1.1\r\n\r\n");
        if answered {
            data(&mut shape, 5, Responder, &[b'x'; 500]);
        }
        shape.handle_segment(&Segment {
            fin: true,
            ..segment(10, Originator)
        });
        shape.handle_segment(&Segment {
            rst: true,
            ..segment(20, Originator)
        });
        let profile = shape.profile(at(0), at(30), false);
        assert_eq!(profile.unread, !answered);
    }
}

#[test]
fn a_window_that_stays_shut_is_a_reply_unread() {
    let mut shape = Shape::default();
    data(&mut shape, 0, Originator, b"GET / HTTP/1.1\r\n\r\n");
    data(&mut shape, 10, Responder, &[b'x'; 1400]);
    let unread = |shape: &Shape| shape.profile(at(0), at(1000), true).unread;
    for shut in 0..3 {
        assert!(!unread(&shape), "{shut}");
        shape.handle_segment(&Segment {
            window: 0,
            ..segment(20 + shut, Originator)
        });
    }
    assert!(unread(&shape));
    shape.handle_segment(&segment(50, Originator));
    assert!(!unread(&shape), "it opened again");
}

#[test]
fn checkpoints_come_at_growing_ages_and_sooner_for_large_uploads() {
    let minutes = |side: Side, mebibytes: u64| {
        let mut shape = Shape::default();
        shape.handle_datagram(at(0), side, mebibytes << 20);
        let mut ages = Vec::new();
        while let Some(due) = shape.next_checkpoint(at(0)) {
            ages.push((due - at(0)).as_secs_f64() as u32 / 60);
            shape.pass_checkpoint();
        }
        ages.dedup();
        ages
    };
    let all = [2, 5, 10, 30, 60, 120, 240, 480, 720, 1440];
    assert_eq!(minutes(Originator, 16), all);
    assert_eq!(minutes(Originator, 15), all[2..]);
    assert_eq!(minutes(Responder, 100), all[2..]);
}

fn any_side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Originator), Just(Responder)]
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces_gives_the_same_records(
        list in prop::collection::vec((20u8..=24, 0u16..3000), 1..12),
        cuts in prop::collection::vec(1usize..700, 1..40),
    ) {
        let list: Vec<(u8, u16)> = std::iter::once((22, 100)).chain(list).collect();
        let whole = records(&list);
        let mut pieces = Vec::new();
        let mut rest = whole.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let (found, walker, losses) = following(&pieces);
        let expected: Vec<Record> = list.iter().map(|(kind, len)| Record { kind: *kind, len: *len }).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(!walker.is_within() && losses == 0);
    }

    #[test]
    fn any_flow_keeps_the_bound_and_survives_being_saved(
        steps in prop::collection::vec(
            (0i64..5_000_000_000, any_side(), 0u8..8, prop::collection::vec(any::<u8>(), 0..40), 0u64..100_000),
            0..200,
        ),
    ) {
        let mut shape = Shape::default();
        let mut now = 0;
        for (step, side, what, bytes, number) in steps {
            now += step;
            let tls = [&[23u8, 3, 3, 0, 20][..], &bytes].concat();
            match what {
                0 => _ = shape.handle_datagram(at(now), side, number),
                1 if number > 0 => _ = shape.handle_stream(at(now), StreamEvent::Gap { side, bytes: number }),
                2 | 3 => data(&mut shape, now, side, &tls),
                4 => data(&mut shape, now, side, &bytes),
                _ => shape.handle_segment(&Segment {
                    syn: what == 5, fin: what == 6, rst: what == 7,
                    window: (number % 3) as u16, hops: Some(number as u8), ..segment(now, side)
                }),
            }
            prop_assert!(shape.bytes() <= SHAPE_BYTES_MAX);
        }
        let _ = shape.profile(at(0), at(now), false);
        let saved = postcard::to_allocvec(&shape).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Shape>(&saved).unwrap(), shape);
    }
}
