//! Segments out of order, twice and at odds with each other: the stream that comes of them.

use super::*;

/// A segment of a script: when, who, flags, numbers, payload.
#[derive(Clone, Debug)]
struct Sent {
    millis: i64,
    from_client: bool,
    flags: &'static str,
    seq: u32,
    ack: u32,
    payload: Vec<u8>,
}

/// What a flow told of its segments.
#[derive(Debug, Default, PartialEq)]
struct Account {
    /// Each side's bytes; a missing one is `None`.
    streams: [Vec<Option<u8>>; 2],
    ended: [bool; 2],
    gaps: u64,
    missed_bytes: u64,
    weirds: Vec<&'static str>,
    /// Bytes of both streams when the last segment had come, before the flow was over.
    before_end: usize,
}

fn client(millis: i64, flags: &'static str, seq: u32, ack: u32, payload: &[u8]) -> Sent {
    let payload = payload.to_vec();
    Sent {
        millis,
        from_client: true,
        flags,
        seq,
        ack,
        payload,
    }
}

fn server(millis: i64, flags: &'static str, seq: u32, ack: u32, payload: &[u8]) -> Sent {
    Sent {
        from_client: false,
        ..client(millis, flags, seq, ack, payload)
    }
}

fn with_handshake(rest: Vec<Sent>) -> Vec<Sent> {
    let handshake = [
        client(0, "S", 100, 0, b""),
        server(1, "SA", 500, 101, b""),
        client(2, "A", 101, 501, b""),
    ];
    handshake.into_iter().chain(rest).collect()
}

/// Delivers the segments as they stand; the clock never goes back.
fn account(segments: &[Sent]) -> Account {
    let mut account = Account::default();
    let mut flow: Option<Flow> = None;
    let mut held = 0;
    let mut clock = Timestamp::MIN;
    for sent in segments {
        let len = sent.payload.len() as u32;
        let mut packet = segment(sent.from_client, sent.flags, sent.seq, sent.ack, len, 0);
        packet.at = Timestamp::from_parts(0, 0) + Span::from_millis(sent.millis);
        clock = clock.max(packet.at);
        let keyed = FlowKey::of(&packet);
        let flow = flow.get_or_insert_with(|| Flow::open(&keyed, &packet, false, 0, clock));
        let limits = &Limits::DEFAULT;
        let ingress = Ingress {
            clock,
            limits,
            keep: true,
            ttl: None,
            spare_bytes: 1 << 20,
        };
        let mut weirds = Weirds::default();
        let told = &mut account;
        let outcome = flow.handle_packet(
            ingress,
            keyed.src,
            &packet,
            &sent.payload,
            &mut weirds,
            &mut |event| note(told, event),
        );
        held += outcome.held_delta;
        account.gaps += outcome.gaps;
        account
            .weirds
            .extend(weirds.into_iter().map(|(weird, _)| weird.name()));
    }
    account.before_end = account.streams.iter().map(Vec::len).sum();
    let mut flow = flow.expect("a script has segments");
    let told = &mut account;
    let outcome = flow.finish_streams(&mut |event| note(told, event));
    assert_eq!(held + outcome.held_delta, 0, "all that was held is let go");
    account.gaps += outcome.gaps;
    account.missed_bytes = flow.summary(Vec::new()).missed_bytes;
    account
}

fn note(account: &mut Account, event: StreamEvent<'_>) {
    let (StreamEvent::Data { side, .. }
    | StreamEvent::Gap { side, .. }
    | StreamEvent::End { side }) = event;
    let index = side.index();
    assert!(
        !account.ended[index],
        "nothing comes after the end: {event:?}"
    );
    match event {
        StreamEvent::Data { bytes, .. } => {
            account.streams[index].extend(bytes.iter().copied().map(Some));
        }
        StreamEvent::Gap { bytes, .. } => {
            account.streams[index].extend(std::iter::repeat_n(None, bytes as usize));
        }
        StreamEvent::End { .. } => account.ended[index] = true,
    }
}

fn seen(bytes: &[u8]) -> Vec<Option<u8>> {
    bytes.iter().copied().map(Some).collect()
}

#[test]
fn data_that_its_acknowledgement_overtook_is_read() {
    let told = account(&with_handshake(vec![
        server(10, "A", 501, 111, b""),
        client(60, "A", 101, 501, b"0123456789"),
    ]));
    assert_eq!(told.streams[0], seen(b"0123456789"));
    assert_eq!((told.gaps, told.missed_bytes), (0, 0));
}

#[test]
fn what_was_lost_is_given_up_after_the_delay_and_the_rest_is_read() {
    let lost = vec![
        client(5, "A", 111, 501, b"after"),
        server(10, "A", 501, 116, b""),
    ];
    let told = account(&with_handshake(lost.clone()));
    assert_eq!(told.before_end, 0, "it may still come");
    let mut later = lost;
    later.push(client(110, "A", 116, 501, b"!"));
    let told = account(&with_handshake(later));
    assert_eq!((told.gaps, told.missed_bytes, told.before_end), (1, 10, 16));
    let expected: Vec<_> = std::iter::repeat_n(None, 10)
        .chain(seen(b"after!"))
        .collect();
    assert_eq!(told.streams[0], expected);
}

#[test]
fn the_end_of_a_flow_gives_up_what_it_waits_for_in_order() {
    let told = account(&with_handshake(vec![
        client(5, "A", 103, 501, b"cd"),
        client(6, "FA", 107, 501, b"g"),
        server(7, "FA", 501, 109, b""),
    ]));
    let expected = [None, None, Some(b'c'), Some(b'd'), None, None, Some(b'g')];
    assert_eq!(told.streams[0], expected);
    assert_eq!(
        (told.gaps, told.missed_bytes, told.ended),
        (1, 4, [true, true])
    );
}

#[test]
fn a_reset_that_overtook_data_does_not_end_the_stream_before_it() {
    let told = account(&with_handshake(vec![
        client(5, "R", 103, 0, b""),
        client(5, "A", 101, 501, b"ab"),
    ]));
    assert_eq!(
        (told.streams[0].clone(), told.ended),
        (seen(b"ab"), [true, true])
    );
}

#[test]
fn overlaps_with_other_content_are_told_and_the_first_one_counts() {
    let cases = [
        (
            "in a hole",
            [(105, "EFGH"), (103, "cdxx"), (101, "ab")],
            "abcdEFGH",
            true,
        ),
        (
            "the same content",
            [(105, "EFGH"), (103, "cdEF"), (101, "ab")],
            "abcdEFGH",
            false,
        ),
        (
            "around a piece",
            [(103, "CD"), (102, "bxxe"), (101, "a")],
            "abCDe",
            true,
        ),
        (
            "at the end",
            [(101, "ab"), (104, "de"), (103, "cxy")],
            "abcde",
            true,
        ),
    ];
    for (name, segments, expected, inconsistent) in cases {
        let sent = segments.iter().enumerate();
        let sent =
            sent.map(|(at, (seq, text))| client(5 + at as i64, "A", *seq, 501, text.as_bytes()));
        let told = account(&with_handshake(sent.collect()));
        assert_eq!(told.streams[0], seen(expected.as_bytes()), "{name}");
        let weird = told.weirds.contains(&Weird::InconsistentOverlap.name());
        assert_eq!(weird, inconsistent, "{name}: {:?}", told.weirds);
    }
}

#[test]
fn segments_of_64_kib_from_offloading_are_put_in_order() {
    let bytes: Vec<u8> = (0..4u32 * 65_000).map(|at| (at / 7) as u8).collect();
    let mut segments: Vec<Sent> = (0u32..)
        .zip(bytes.chunks(65_000))
        .map(|(at, chunk)| client(5 + i64::from(at), "A", 101 + at * 65_000, 501, chunk))
        .collect();
    segments.swap(1, 2);
    let told = account(&with_handshake(segments));
    assert_eq!(
        (told.streams[0] == seen(&bytes), told.before_end),
        (true, bytes.len())
    );
}

#[test]
fn both_sides_of_a_simultaneous_open_are_read() {
    let told = account(&[
        client(0, "S", 100, 0, b""),
        server(0, "S", 500, 0, b""),
        client(1, "SA", 100, 501, b""),
        server(1, "SA", 500, 101, b""),
        client(2, "A", 101, 501, b"ping"),
        server(3, "A", 501, 105, b"pong"),
    ]);
    assert_eq!(told.streams, [seen(b"ping"), seen(b"pong")]);
    assert_eq!(told.weirds, [Weird::SimultaneousOpen.name()]);
}

#[test]
fn a_side_that_acknowledges_what_nobody_sends_holds_little() {
    let acks = (0..2000).map(|at| server(5 + at / 50, "A", 501, 1000 + 10 * at as u32, b""));
    let told = account(&with_handshake(acks.collect()));
    assert!(told.gaps >= 1900, "{}", told.gaps);
}

proptest! {
    #[test]
    fn any_reordering_within_50_ms_gives_the_same_streams(
        turns in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 1..40), 0i64..80),
            1..40,
        ),
        late in prop::collection::vec(0i64..50, 40),
    ) {
        let (mut at, mut next) = (60, [101u32, 501]);
        let mut segments = Vec::new();
        for (from_client, payload, pause) in turns {
            let len = payload.len() as u32;
            let (from, to) = if from_client { (0, 1) } else { (1, 0) };
            at += pause;
            segments.push(Sent {
                millis: at, from_client, flags: "A", seq: next[from], ack: next[to], payload,
            });
            next[from] += len;
        }
        let straight = account(&with_handshake(segments.clone()));
        let mut order: Vec<(i64, Sent)> = segments
            .into_iter()
            .zip(late)
            .map(|(sent, late)| (sent.millis + late, sent))
            .collect();
        order.sort_by_key(|(at, _)| *at);
        let bent: Vec<Sent> = order.into_iter().map(|(_, sent)| sent).collect();
        prop_assert_eq!(account(&with_handshake(bent)), straight);
    }
}
