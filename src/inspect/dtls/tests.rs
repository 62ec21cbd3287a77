//! Sessions made of records that the tests write themselves.

use super::*;
use crate::inspect::tls::tests::{client_hello, extension, server_hello, vector, words};
use crate::limits::Limits;
use crate::observe::TlsSession;
use crate::time::Timestamp;
use Side::{Originator, Responder};
use proptest::prelude::*;

type Script = Vec<(Side, Vec<u8>)>;

fn record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
    let epoch = epoch.to_be_bytes();
    [&[kind, 0xfe, 0xfd], &epoch[..], &[0; 6], &vector(2, body)].concat()
}

/// The bytes of `range` of a message, behind the fragment's header.
fn fragment(kind: u8, number: u8, body: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
    let triple = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    [
        &[kind][..],
        &triple(body.len()),
        &[0, number],
        &triple(range.start),
        &triple(range.len()),
        &body[range],
    ]
    .concat()
}

fn message(kind: u8, number: u8, body: &[u8]) -> Vec<u8> {
    record(22, 0, &fragment(kind, number, body, 0..body.len()))
}

/// The same in pieces of `size` bytes, each a datagram.
fn pieces(side: Side, kind: u8, number: u8, body: &[u8], size: usize) -> Script {
    let starts = (0..body.len()).step_by(size);
    let range = |start: usize| start..(start + size).min(body.len());
    starts
        .map(|start| {
            (
                side,
                record(22, 0, &fragment(kind, number, body, range(start))),
            )
        })
        .collect()
}

/// A hello of DTLS: that of TLS with another version and a cookie.
fn datagram_hello(cookie: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let tls = client_hello(&[], &[0xc02f, 0xc030], extensions);
    [
        &[0xfe, 0xfd][..],
        &tls[2..35],
        &vector(1, cookie),
        &tls[35..],
    ]
    .concat()
}

fn answer(version: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let tls = server_hello([7; 32], &[], 0xc02f, extensions);
    [&version.to_be_bytes()[..], &tls[2..]].concat()
}

/// Inspects `script`, saving and restoring the inspector between any two datagrams.
fn inspect(script: &Script) -> (Vec<TlsSession>, Vec<Weird>) {
    let limits = Limits::DEFAULT;
    let context = Context {
        at: Timestamp::from_nanos(7),
        limits: &limits,
    };
    let (mut found, mut inspector) = (Vec::new(), DtlsInspector::default());
    for (side, datagram) in script {
        inspector.handle_datagram(context, *side, datagram, true, &mut found);
        let saved = postcard::to_allocvec(&inspector).unwrap();
        inspector = postcard::from_bytes(&saved).unwrap();
    }
    inspector.finish(context, &mut found);
    let (mut sessions, mut weirds) = (Vec::new(), Vec::new());
    for item in found {
        match item {
            Found::Tls(session) => sessions.push(*session),
            Found::Weird(weird, _) => weirds.push(weird),
            Found::Certificate(_) => {}
            other => panic!("not DTLS: {other:?}"),
        }
    }
    (sessions, weirds)
}

fn told(script: &Script) -> TlsSession {
    let (mut sessions, weirds) = inspect(script);
    assert_eq!((sessions.len(), weirds), (1, Vec::new()));
    sessions.remove(0)
}

/// A handshake of DTLS 1.2 with a verify request.
fn dtls12() -> Script {
    let verify = [&[0xfe, 0xff][..], &vector(1, &[9; 20])].concat();
    vec![
        (Originator, message(1, 0, &datagram_hello(&[], &[]))),
        (Responder, message(3, 0, &verify)),
        (Originator, message(1, 1, &datagram_hello(&[9; 20], &[]))),
        (Responder, message(2, 1, &answer(0xfefd, &[]))),
        (Responder, message(12, 2, &[3, 0, 29, 1, 7])),
        (Responder, message(14, 3, &[])),
        (
            Originator,
            [
                message(16, 2, &[1, 7]),
                record(20, 0, &[1]),
                record(22, 1, &[0; 40]),
            ]
            .concat(),
        ),
        (
            Responder,
            [record(20, 0, &[1]), record(22, 1, &[0; 40])].concat(),
        ),
        (Originator, record(23, 1, &[0; 40])),
    ]
}

#[test]
fn a_dtls12_session_is_told_with_its_verify_request() {
    let session = told(&dtls12());
    assert_eq!(&*session.history, "CvCsknGIi");
    assert_eq!(session.version, Some(0xfefd));
    assert_eq!((session.cipher, session.curve), (Some(0xc02f), Some(29)));
    assert!(session.established);
    assert!(session.ja4.unwrap().starts_with("dd2i0200"));
    assert!(session.ja3.is_some() && session.ja3s.is_some());
}

#[test]
fn a_dtls13_session_is_established_by_unified_headers_with_connection_ids_or_without() {
    let version = extension(43, &words(&[0xfefc]));
    let group = extension(51, &words(&[29]));
    let script = |sealed: [&[u8]; 2]| -> Script {
        let offer = extension(43, &vector(1, &words(&[0xfefc])));
        let hello = datagram_hello(&[], &[offer, extension(54, &vector(1, b"id"))]);
        let answer = answer(0xfefd, &[version.clone(), group.clone()]);
        vec![
            (Originator, message(1, 0, &hello)),
            (Responder, [&message(2, 0, &answer)[..], sealed[1]].concat()),
            (Originator, sealed[0].to_vec()),
        ]
    };
    for sealed in [&[0x2e, 1, 1, 0, 3, 7, 7, 7][..], &[0x3e, b'i', b'd', 1, 1]] {
        let session = told(&script([sealed, sealed]));
        assert_eq!((&*session.history, session.version), ("Cs", Some(0xfefc)));
        assert!(session.established);
        assert!(session.ja4.unwrap().starts_with("dd3"));
    }
    // Application data of DTLS 1.2 with a connection identifier (RFC 9146).
    let sealed = [
        &[25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1][..],
        b"id",
        &[0, 1, 7],
    ]
    .concat();
    assert!(told(&script([&sealed, &sealed])).established);
}

#[test]
fn fragments_may_overtake_each_other_overlap_and_come_twice() {
    let hello = datagram_hello(
        &[],
        &[crate::inspect::tls::tests::server_name(b"a.example")],
    );
    let mut script = pieces(Originator, 1, 0, &hello, 40);
    script.reverse();
    script.extend(pieces(Originator, 1, 0, &hello, 33));
    script.push((Originator, record(22, 0, &fragment(1, 0, &hello, 10..50))));
    let session = told(&script);
    assert_eq!(session.server_name, Some("a.example".into()));
    assert_eq!(&*session.history, "C");
}

#[test]
fn a_repeated_message_shows_in_the_history_alone() {
    let mut twice = Script::new();
    for datagram in dtls12() {
        twice.extend([datagram.clone(), datagram]);
    }
    let (once, mut twice) = (told(&dtls12()), told(&twice));
    assert_eq!(&*twice.history, "CCvvCCsskknnGIGIi");
    twice.history = once.history.clone();
    assert_eq!(twice, once);
}

#[test]
fn an_unanswered_hello_is_told_at_the_end() {
    let hello = message(1, 0, &datagram_hello(&[], &[]));
    let session = told(&vec![(Originator, hello); 3]);
    assert_eq!((&*session.history, session.established), ("CCC", false));
}

#[test]
fn other_protocols_of_the_same_flow_are_passed_over() {
    let mut script = dtls12();
    script.insert(1, (Responder, vec![1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]));
    script.insert(3, (Originator, vec![0x80, 0x60, 0, 1]));
    assert_eq!(told(&script), told(&dtls12()));
}

#[test]
fn an_odd_datagram_ends_with_itself() {
    let mut script = dtls12();
    script.insert(1, (Responder, message(2, 0, &[0xfe; 3])));
    script.insert(1, (Responder, record(22, 0, &[2, 0, 0, 9])));
    script.insert(
        1,
        (
            Originator,
            record(22, 0, &fragment(1, 9, &[0; 200_000], 0..9)),
        ),
    );
    let (sessions, weirds) = inspect(&script);
    let (long, odd) = (Weird::TlsHandshakeTooLong, Weird::TlsMalformed);
    assert_eq!(weirds, [long, odd, odd]);
    assert!(sessions[0].established);
}

#[test]
fn only_a_hello_opens() {
    let hello = datagram_hello(&[], &[]);
    let cut = fragment(1, 0, &hello, 20..40);
    for (opened, datagram) in [
        (true, message(1, 0, &hello)),
        (true, record(22, 0, &cut)),
        (true, message(3, 0, &[0xfe, 0xff, 0])),
        (false, message(1, 0, &hello)[..40].to_vec()),
        (false, message(11, 0, &hello)),
        (false, record(22, 1, &cut)),
        (false, record(23, 0, &cut)),
        (false, message(1, 0, &hello[2..])),
        (false, vec![0x2e; 60]),
        (false, Vec::new()),
    ] {
        assert_eq!(opens(&datagram), opened, "{datagram:?}");
    }
}

#[test]
fn open_messages_hold_no_more_than_their_bounds() {
    let mut fragments = Fragments::default();
    for number in 0..5000 {
        let fragment = Fragment {
            kind: 11,
            len: 60_000,
            number,
            offset: usize::from(number) * 7 % 50_000,
            bytes: &[7; 9_000],
        };
        assert_eq!(fragments.insert(&fragment, 1 << 17), Outcome::Open);
    }
    let saved = postcard::to_allocvec(&fragments).unwrap().len();
    assert!(saved < (1 << 17) + 500, "{saved}");
}

proptest! {
    #[test]
    fn no_datagrams_make_it_panic(
        script in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
        kinds in prop::collection::vec(0u8..30, 20),
        plain in any::<bool>(),
    ) {
        let script: Script = script
            .into_iter()
            .zip(kinds)
            .map(|((responder, bytes), kind)| {
                let side = if responder { Responder } else { Originator };
                let bytes = if plain {
                    bytes
                } else {
                    message(kind, kind, &[&[0xfe, 0xfd], &bytes[..]].concat())
                };
                opens(&bytes);
                (side, bytes)
            })
            .collect();
        inspect(&script);
    }

    #[test]
    fn a_hello_is_read_however_it_is_cut_and_ordered(
        size in 1usize..120,
        order in any::<prop::sample::Index>(),
        reverse in any::<bool>(),
    ) {
        let hello = datagram_hello(&[], &[extension(43, &vector(1, &words(&[0xfefd])))]);
        let mut script = pieces(Originator, 1, 0, &hello, size);
        let middle = order.index(script.len());
        script.rotate_left(middle);
        if reverse {
            script.reverse();
        }
        let whole = vec![(Originator, message(1, 0, &hello))];
        prop_assert_eq!(told(&script), told(&whole));
    }
}
