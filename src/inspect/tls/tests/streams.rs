use super::*;
use proptest::prelude::*;

#[test]
fn what_is_not_tls_is_not_mine() {
    let streams: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        &[22, 2, 0, 0, 5, 1, 2, 3],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[22, 3, 1, 0xff, 0xff, 1],
    ];
    for bytes in streams {
        assert_eq!(
            TlsInspector::probe(Originator, bytes),
            Probe::NotMine,
            "{bytes:?}"
        );
        let outcome = inspect(&vec![(Originator, bytes.to_vec())]);
        assert_eq!(outcome.verdict, Some(Verdict::NotMine), "{bytes:?}");
        assert_eq!(outcome.order, "w");
    }
}

#[test]
fn probing_needs_few_bytes_and_never_takes_back_a_no() {
    let hello = handshake(1, &usual_client_hello());
    for len in 0..TlsInspector::PROBE_BYTES {
        assert_eq!(TlsInspector::probe(Originator, &hello[..len]), Probe::Open);
    }
    assert_eq!(TlsInspector::probe(Originator, &hello), Probe::Mine);
    let midstream = record(23, &[0xee; 100]);
    assert_eq!(TlsInspector::probe(Responder, &midstream), Probe::Mine);
}

#[test]
fn a_client_hello_in_midstream_opens_a_session() {
    let hello = handshake(1, &usual_client_hello());
    assert!(TlsInspector::opens_session(&hello));
    assert!(!TlsInspector::opens_session(&hello[..10]));
    assert!(!TlsInspector::opens_session(&record(
        22,
        &message(2, &[3, 3])
    )));
    assert!(!TlsInspector::opens_session(b"220 ready for tls\r\n"));
}

#[test]
fn a_reply_in_another_protocol_ends_the_session_and_tells_it() {
    let script = vec![
        (Originator, handshake(1, &usual_client_hello())),
        (Responder, b"HTTP/1.1 400 Bad Request\r\n".to_vec()),
        (Originator, record(21, &[2, 40])),
    ];
    let outcome = inspect(&script);
    assert_eq!(outcome.order, "ws");
    assert_eq!(outcome.verdict, Some(Verdict::Done));
    assert_eq!(&*outcome.session().history, "C");
}

#[test]
fn data_in_the_middle_of_a_session_is_nothing_to_tell() {
    let data = record(23, &[0xee; 100]);
    let script = vec![(Originator, data.clone()), (Responder, data)];
    let outcome = inspect(&script);
    assert_eq!(outcome.order, "");
    assert_eq!(outcome.verdict, Some(Verdict::Done));
}

#[test]
fn a_lone_direction_is_told_at_the_end() {
    let script = tls12_script();
    let outcome = inspect(&vec![script[1].clone()]);
    assert_eq!(&*outcome.session().history, "sxkn");
    assert_eq!(outcome.session().cipher, Some(0xc02f));
    let outcome = inspect(&vec![script[0].clone()]);
    assert_eq!(&*outcome.session().history, "C");
}

#[test]
fn messages_may_span_records() {
    let whole = message(1, &usual_client_hello());
    let pieces: Vec<u8> = whole
        .chunks(7)
        .flat_map(|piece| record(22, piece))
        .collect();
    let mut script = tls12_script();
    let expected = inspect(&script);
    script[0].1 = pieces;
    assert_eq!(inspect(&script).sessions, expected.sessions);
}

#[test]
fn a_message_beyond_the_bound_ends_the_inspection() {
    let limits = Limits {
        tls_handshake_bytes_max: 1000,
        ..Limits::DEFAULT
    };
    let hello = handshake(1, &usual_client_hello());
    let long = record(22, &[11, 0, 3, 233]);
    let events = [
        StreamEvent::Data {
            side: Originator,
            bytes: &hello,
        },
        StreamEvent::Data {
            side: Responder,
            bytes: &long,
        },
    ];
    let outcome = inspect_with(&limits, &events);
    assert_eq!(outcome.weirds, [Weird::TlsHandshakeTooLong]);
    assert_eq!(outcome.verdict, Some(Verdict::Done));
    assert_eq!(&*outcome.session().history, "C");
}

#[test]
fn a_cut_hello_has_no_fingerprint() {
    let hello = handshake(1, &usual_client_hello());
    let cut = &hello[..hello.len() - 1];
    assert_eq!(inspect(&vec![(Originator, cut.to_vec())]).order, "");
    let events = [
        StreamEvent::Data {
            side: Originator,
            bytes: cut,
        },
        StreamEvent::Gap {
            side: Originator,
            bytes: 1,
        },
        StreamEvent::Data {
            side: Originator,
            bytes: &hello,
        },
    ];
    assert_eq!(inspect_with(&Limits::DEFAULT, &events).order, "");
}

#[test]
fn a_gap_within_encrypted_bytes_loses_nothing() {
    let mut script = tls12_script();
    let (_, last) = script.remove(3);
    let (_, client) = script.remove(2);
    let mut events: Vec<_> = script[..2]
        .iter()
        .map(|(side, bytes)| StreamEvent::Data { side: *side, bytes })
        .collect();
    let cut = client.len() - 20;
    events.push(StreamEvent::Data {
        side: Originator,
        bytes: &client[..cut],
    });
    events.push(StreamEvent::Gap {
        side: Originator,
        bytes: 20,
    });
    let end = last.len() - 40;
    events.push(StreamEvent::Data {
        side: Responder,
        bytes: &last[..end],
    });
    events.push(StreamEvent::Gap {
        side: Responder,
        bytes: 40,
    });
    let outcome = inspect_with(&Limits::DEFAULT, &events);
    assert!(outcome.session().established);
    assert_eq!(
        outcome.sessions[0].history,
        inspect(&tls12_script()).sessions[0].history
    );
}

#[test]
fn a_gap_beyond_encrypted_bytes_loses_the_direction() {
    // Application data in clear, as TLS 1.2 has it before a cipher change.
    let hello = handshake(2, &server_hello([9; 32], &[], 5, &[]));
    let data = record(23, &[0xee; 100]);
    let alert = record(21, &[2, 40]);
    let cases = [
        (99, "s"),
        (100, "sl"),
        (101, "s"),
        (100 + alert.len() as u64, "s"),
    ];
    for (bytes, expected) in cases {
        let side = Responder;
        let events = [
            StreamEvent::Data {
                side: Responder,
                bytes: &hello,
            },
            StreamEvent::Data {
                side,
                bytes: &data[..5],
            },
            StreamEvent::Gap { side, bytes },
            StreamEvent::Data {
                side,
                bytes: &alert,
            },
        ];
        let outcome = inspect_with(&Limits::DEFAULT, &events);
        assert_eq!(&*outcome.session().history, expected, "{bytes}");
    }
}

#[test]
fn once_both_sides_are_spent_the_session_is_told() {
    let script = tls12_script();
    let events = [
        StreamEvent::Data {
            side: Originator,
            bytes: &script[0].1,
        },
        StreamEvent::Gap {
            side: Responder,
            bytes: 9,
        },
        StreamEvent::End { side: Originator },
    ];
    let outcome = inspect_with(&Limits::DEFAULT, &events);
    assert_eq!(outcome.verdict, Some(Verdict::Done));
    assert_eq!(&*outcome.session().history, "C");
}

/// Cuts the pieces of a script further, without changing whose bytes come when.
fn recut(script: &Script, seed: u64) -> Script {
    let mut state = seed | 1;
    let mut pieces = Vec::new();
    for (side, bytes) in script {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let len = 1 + (state >> 33) as usize % (1 << (state >> 60));
            let (piece, tail) = rest.split_at(len.min(rest.len()));
            pieces.push((*side, piece.to_vec()));
            rest = tail;
        }
    }
    pieces
}

/// What does not depend on when each packet came.
fn timeless(mut outcome: Outcome) -> Outcome {
    for session in &mut outcome.sessions {
        session.at = Timestamp::MIN;
    }
    for certificate in &mut outcome.certificates {
        certificate.at = Timestamp::MIN;
    }
    outcome
}

/// Whether `letters` can be had from `all` by leaving some out.
fn is_subsequence(letters: &str, all: &str) -> bool {
    let mut all = all.chars();
    letters
        .chars()
        .all(|letter| all.any(|other| other == letter))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_segmentation_gives_the_same_session(seed: u64) {
        let script = tls12_script();
        let expected = timeless(inspect(&script));
        prop_assert_eq!(timeless(inspect(&recut(&script, seed))), expected);
    }

    #[test]
    fn a_gap_anywhere_never_invents(piece in 0usize..4, from: prop::sample::Index, len in 1usize..2000) {
        let script = tls12_script();
        let whole = inspect(&script);
        let mut events = Vec::new();
        for (index, (side, bytes)) in script.iter().enumerate() {
            let side = *side;
            if index != piece {
                events.push(StreamEvent::Data { side, bytes });
                continue;
            }
            let from = from.index(bytes.len());
            let to = (from + len).min(bytes.len());
            let (head, tail) = (&bytes[..from], &bytes[to..]);
            if !head.is_empty() {
                events.push(StreamEvent::Data { side, bytes: head });
            }
            events.push(StreamEvent::Gap { side, bytes: (to - from) as u64 });
            if !tail.is_empty() {
                events.push(StreamEvent::Data { side, bytes: tail });
            }
        }
        let outcome = inspect_with(&Limits::DEFAULT, &events);
        prop_assert!(outcome.weirds.is_empty());
        prop_assert!(outcome.certificates.len() <= whole.certificates.len());
        let known = whole.session();
        for session in &outcome.sessions {
            prop_assert!(is_subsequence(&session.history, &known.history));
            prop_assert!(session.ja3.is_none() || session.ja3 == known.ja3);
            prop_assert!(session.ja3s.is_none() || session.ja3s == known.ja3s);
            prop_assert!(session.version.is_none() || session.version == known.version);
            prop_assert!(session.curve.is_none() || session.curve == known.curve);
            prop_assert!(session.subject.is_none() || session.subject == known.subject);
            prop_assert!(!session.established || session.history == known.history);
            prop_assert!(!session.resumed && session.last_alert.is_none());
        }
    }

    #[test]
    fn no_stream_breaks_the_inspector(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        noise in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 1..60)), 0..6),
        seed: u64,
    ) {
        let mut script = tls12_script();
        for (at, value) in flips {
            let piece = at.index(script.len());
            let byte = at.index(script[piece].1.len());
            script[piece].1[byte] = value;
        }
        let expected = timeless(inspect(&script));
        prop_assert_eq!(timeless(inspect(&recut(&script, seed))), expected);
        let noise: Script = noise
            .into_iter()
            .map(|(client, bytes)| (if client { Originator } else { Responder }, bytes))
            .collect();
        let expected = timeless(inspect(&noise));
        prop_assert_eq!(timeless(inspect(&recut(&noise, seed))), expected);
    }
}
