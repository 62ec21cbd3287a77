//! What the messages of a flow are to each other.

use super::*;
use crate::time::Span;

#[test]
fn ports_are_those_that_zeek_registers() {
    let udp: Vec<u16> = (0..=u16::MAX)
        .filter(|&port| is_dns_port(true, port))
        .collect();
    let tcp: Vec<u16> = (0..=u16::MAX)
        .filter(|&port| is_dns_port(false, port))
        .collect();
    assert_eq!(udp, [53, 137, 5353, 5355]);
    assert_eq!(tcp, [53]);
}

#[test]
fn a_query_and_its_answer_are_one_transaction() {
    let query = Build::query(7, "Host.Example", 1);
    let reply = Build::reply(7, "Host.Example", 1).answer(1, &[192, 0, 2, 1]);
    let told = over_udp(resolver(), &[&query, &reply]).only();
    let want = DnsTransaction {
        at: ms(10),
        id: 7,
        rtt: Some(Span::from_millis(10)),
        query: Some("host.example".into()),
        qclass: Some(1),
        qtype: Some(1),
        rcode: Some(0),
        rd: true,
        ra: true,
        answers: Some(vec!["192.0.2.1".into()]),
        ttls: Some(vec![60]),
        addresses: vec![(IpAddr::from([192, 0, 2, 1]), 60)],
        ..Default::default()
    };
    assert_eq!(told, want);
}

#[test]
fn an_answer_goes_to_the_oldest_query_with_its_id() {
    let first = Build::query(1, "one.example", 1);
    let second = Build::query(2, "two.example", 1);
    let answer = |id, name| Build::reply(id, name, 1).answer(1, &[192, 0, 2, 1]);
    let (one, two) = (answer(1, "one.example"), answer(2, "two.example"));
    let told = over_udp(resolver(), &[&first, &second, &first, &two, &one]);
    assert_eq!(
        told.queries(),
        ["two.example", "one.example", "one.example"]
    );
    let rtts: Vec<_> = told.transactions.iter().map(|told| told.rtt).collect();
    assert_eq!(
        rtts,
        [
            Some(Span::from_millis(20)),
            Some(Span::from_millis(40)),
            None
        ]
    );
    assert_eq!(told.weirds, []);
}

#[test]
fn an_answer_before_its_query_waits_for_it() {
    let reply = Build::reply(1, "one.example", 1).answer(1, &[192, 0, 2, 1]);
    let told = over_udp(resolver(), &[&reply, &Build::query(1, "one.example", 1)]);
    assert_eq!(told.weirds, []);
    let told = told.only();
    assert_eq!(
        (told.at, told.rtt, told.qtype, told.rd),
        (ms(10), None, Some(1), true)
    );
}

#[test]
fn what_stays_alone_is_told_in_order_of_its_moment() {
    let reply = Build::reply(3, "lost.example", 1).answer(1, &[192, 0, 2, 1]);
    let bare = Build::reply(4, "bare.example", 1);
    let (a, b) = (
        Build::query(1, "a.example", 1),
        Build::query(2, "b.example", 28),
    );
    let told = over_udp(resolver(), &[&a, &reply, &b, &bare]);
    // A reply without a record names no query, as in Zeek.
    assert_eq!(
        told.queries(),
        ["a.example", "lost.example", "b.example", "#4"]
    );
    assert_eq!(told.weirds.len(), 2);
    assert!(
        told.weirds
            .iter()
            .all(|(weird, _)| *weird == Weird::DnsUnmatchedReply)
    );
    let lost = &told.transactions[1];
    assert_eq!((lost.qtype, lost.rtt, lost.rcode), (None, None, Some(0)));
}

#[test]
fn the_oldest_is_pushed_out_where_too_many_wait() {
    let limits = Limits {
        dns_pending_max: 2,
        ..Limits::DEFAULT
    };
    let mut inspector = DnsInspector::new(resolver());
    let mut found = Vec::new();
    for id in 0..4 {
        let context = Context {
            at: ms(i64::from(id)),
            limits: &limits,
        };
        let query = Build::query(id, &format!("q{id}.example"), 1);
        inspector.handle_datagram(context, Side::Originator, &query.bytes, true, &mut found);
    }
    let early = Told::of(std::mem::take(&mut found));
    assert_eq!(early.queries(), ["q0.example", "q1.example"]);
    assert!(
        early
            .weirds
            .iter()
            .all(|(weird, _)| *weird == Weird::DnsUnmatchedMessage)
    );
    inspector.finish(at(9), &mut found);
    assert_eq!(Told::of(found).queries(), ["q2.example", "q3.example"]);
}

#[test]
fn large_answers_that_wait_are_bounded_by_their_bytes() {
    let text: Vec<u8> = [&[255][..], &[b'x'; 255]].concat().repeat(16);
    let mut inspector = DnsInspector::new(resolver());
    let mut found = Vec::new();
    for id in 0..40 {
        let reply = Build::reply(id, "a.example", 16).answer(16, &text);
        let millis = i64::from(id);
        inspector.handle_datagram(at(millis), Side::Responder, &reply.bytes, true, &mut found);
    }
    let waiting = postcard::to_stdvec(&inspector).unwrap().len();
    assert!(waiting < 80 * 1024, "{waiting} bytes wait");
    inspector.finish(at(50), &mut found);
    assert_eq!(Told::of(found).transactions.len(), 40);
}

#[test]
fn to_a_group_every_message_is_told_alone_and_at_once() {
    let query = Build::new(0, 0).question("tv.local", 1, 0x8001);
    let reply =
        Build::new(0, 0x8400).record(1, &labels("TV.local"), 1, 0x8001, 120, &[192, 0, 2, 7]);
    let mut inspector = DnsInspector::new(group());
    let mut found = Vec::new();
    for (millis, message) in [(1, &query), (2, &reply)] {
        inspector.handle_datagram(
            at(millis),
            Side::Originator,
            &message.bytes,
            true,
            &mut found,
        );
        assert_eq!(found.len() as i64, millis);
    }
    let told = Told::of(found);
    let [question, said] = &told.transactions[..] else {
        panic!()
    };
    assert_eq!(
        (question.qclass, question.rcode, question.rtt),
        (Some(0x8001), None, None)
    );
    assert_eq!((said.qclass, said.rcode, said.rtt), (None, Some(0), None));
    assert_eq!(asked(said), b"tv.local");
    assert!(said.aa);
    assert_eq!(answers(said), ["192.0.2.7"]);
}

#[test]
fn the_last_of_several_questions_counts() {
    let query = Build::query(1, "a.example", 1).question("b.example", 28, 3);
    let told = over_udp(resolver(), &[&query]).only();
    assert_eq!(told.query.unwrap(), "b.example");
    assert_eq!((told.qtype, told.qclass), (Some(28), Some(3)));
}

#[test]
fn netbios_names_are_decoded_and_node_status_is_passed_over() {
    let encoded = "ABACFPFPENFDECFCEPFHFDEFFPFPACAB";
    let told = over_udp(
        name_server(),
        &[&Build::new(5, 0x0110).question(encoded, 32, 1)],
    )
    .only();
    assert_eq!(told.query.unwrap(), "\u{1}\u{2}__MSBROWSE__\u{2}");
    assert_eq!(told.z, 1);
    let status = Build::new(6, 0).question("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 33, 1);
    let reply = Build::new(6, 0x8400).record(1, &labels("x"), 33, 1, 0, &[1; 40]);
    let told = over_udp(name_server(), &[&status, &reply]).only();
    assert_eq!(asked(&told), b"*");
    assert_eq!((told.answers, told.rcode), (None, Some(0)));
    // Elsewhere the same bytes are a name like any other.
    let told = over_udp(resolver(), &[&Build::query(5, encoded, 32)]).only();
    assert_eq!(told.query.unwrap(), encoded.to_ascii_lowercase());
    // A label of more than 63 bytes occurs only there.
    let long = [&[100][..], &[b'x'; 100], &[0, 0, 32, 0, 1]].concat();
    let query = Build::new(7, 0).count(0).raw(&long);
    assert_eq!(
        over_udp(name_server(), &[&query])
            .only()
            .query
            .unwrap()
            .len(),
        100
    );
    assert_eq!(
        over_udp(resolver(), &[&query]).details(),
        ["DNS_label_too_long"]
    );
}

#[test]
fn a_dynamic_update_is_told_from_its_answer() {
    let update = |flags| {
        Build::new(9, flags)
            .question("zone.example", 6, 1)
            .record(1, &labels("host.zone.example"), 5, 254, 0, &[])
            .record(1, &labels("host.zone.example"), 255, 255, 0, &[])
            .record(2, &labels("host.zone.example"), 28, 255, 0, &[])
            .record(2, &labels("old.zone.example"), 1, 254, 0, &[192, 0, 2, 1])
            .record(2, &labels("host.zone.example"), 1, 1, 1200, &[192, 0, 2, 2])
            .record(2, &labels("host.zone.example"), 16, 1, 60, b"\x02hi")
    };
    let told = over_udp(resolver(), &[&update(0x2800), &update(0xa805)]);
    assert_eq!(told.weirds, []);
    let told = told.only();
    assert_eq!(
        answers(&told),
        [
            "pre: NoRRSet CNAME host.zone.example",
            "pre: NameInUse host.zone.example",
            "del: RRSet AAAA",
            "del: RR A old.zone.example",
            "add: A host.zone.example 192.0.2.2",
            "add: TXT 2 hi",
        ]
    );
    assert_eq!((told.qtype, told.rcode, told.opcode), (None, Some(5), 5));
    assert_eq!(told.query.unwrap(), "host.zone.example");
    assert_eq!(told.ttls.unwrap(), [0, 0, 0, 0, 1200, 60]);
    assert_eq!(told.addresses, []);
}

#[test]
fn operations_that_zeek_does_not_log_are_not_told() {
    for opcode in 0..16u16 {
        let query = Build::new(1, opcode << 11).question("a.example", 6, 1);
        let told = over_udp(resolver(), &[&query]);
        assert_eq!(
            told.transactions.len(),
            usize::from([0, 4, 5].contains(&opcode)),
            "{opcode}"
        );
        assert_eq!(told.weirds, []);
    }
}

#[test]
fn what_is_not_dns_is_given_up() {
    let junk: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and more of the hello",
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        &[0xff; 64],
    ];
    for bytes in junk {
        let mut inspector = DnsInspector::new(resolver());
        let mut found = Vec::new();
        let verdicts = [1, 2, 3]
            .map(|ms| inspector.handle_datagram(at(ms), Side::Originator, bytes, true, &mut found));
        assert_eq!(verdicts, [Verdict::More, Verdict::More, Verdict::NotMine]);
        assert!(!inspector.is_confirmed());
        assert_eq!(Told::of(found).transactions, []);

        let mut stream = DnsStreamInspector::new(resolver());
        let mut found = Vec::new();
        let event = StreamEvent::Data {
            side: Side::Originator,
            bytes,
        };
        let verdict = stream.handle_stream(at(1), event, &mut found);
        // The hello's length and counts could be those of a message that is not whole yet.
        let maybe = bytes.starts_with(b"\x16\x03");
        assert_eq!(
            verdict,
            if maybe {
                Verdict::More
            } else {
                Verdict::NotMine
            }
        );
        assert!(!stream.is_confirmed());
        assert_eq!(Told::of(found).weirds.len(), usize::from(!maybe));
    }
}

#[test]
fn one_datagram_of_junk_does_not_hide_what_follows() {
    let junk = Build {
        bytes: vec![0xff; 40],
    };
    let told = over_udp(resolver(), &[&junk, &Build::query(1, "a.example", 1)]);
    assert_eq!(told.queries(), ["a.example"]);
    assert_eq!(told.details(), ["DNS_Conn_count_too_large"]);
}

#[test]
fn a_flow_is_dns_once_a_whole_message_was_read() {
    let query = Build::query(1, "a.example", 1);
    let broken = Build::reply(1, "a.example", 1).answer(1, &[1]);
    for (message, confirmed) in [(&query, true), (&broken, false)] {
        let mut inspector = DnsInspector::new(resolver());
        let mut found = Vec::new();
        inspector.handle_datagram(at(1), Side::Originator, &message.bytes, true, &mut found);
        assert_eq!(inspector.is_confirmed(), confirmed);
    }
    assert!(is_answer(&broken.bytes));
    assert!(!is_answer(&query.bytes));
    assert!(!is_answer(b"\x00\x01\x80"));
}

/// What a TCP flow tells of `events`.
fn over_tcp(events: &[StreamEvent<'_>]) -> (Vec<Verdict>, Told) {
    let mut inspector = DnsStreamInspector::new(resolver());
    let mut found = Vec::new();
    let mut verdicts = Vec::new();
    for &event in events {
        verdicts.push(inspector.handle_stream(at(1), event, &mut found));
    }
    inspector.finish(at(2), &mut found);
    (verdicts, Told::of(found))
}

#[test]
fn several_messages_may_share_a_segment_and_one_may_span_many() {
    let both: Vec<u8> = [
        Build::query(1, "a.example", 1),
        Build::query(2, "b.example", 1),
    ]
    .map(|b| b.framed())
    .concat();
    let reply = Build::reply(2, "b.example", 1)
        .answer(1, &[192, 0, 2, 1])
        .framed();
    let mut events = vec![StreamEvent::Data {
        side: Side::Originator,
        bytes: &both,
    }];
    events.extend(reply.chunks(1).map(|bytes| StreamEvent::Data {
        side: Side::Responder,
        bytes,
    }));
    let (_, told) = over_tcp(&events);
    assert_eq!(told.queries(), ["b.example", "a.example"]);
    assert_eq!(told.weirds, []);
}

#[test]
fn a_gap_ends_its_direction_and_no_other() {
    let query = Build::query(1, "a.example", 1).framed();
    let reply = Build::reply(1, "a.example", 1)
        .answer(1, &[192, 0, 2, 1])
        .framed();
    let (asked, said) = (Side::Originator, Side::Responder);
    let (verdicts, told) = over_tcp(&[
        StreamEvent::Data {
            side: asked,
            bytes: &query,
        },
        StreamEvent::Gap {
            side: asked,
            bytes: 3,
        },
        StreamEvent::Data {
            side: asked,
            bytes: &query,
        },
        StreamEvent::Data {
            side: said,
            bytes: &reply,
        },
        StreamEvent::Gap {
            side: said,
            bytes: 1,
        },
    ]);
    assert_eq!(answers(&told.only()), ["192.0.2.1"]);
    assert_eq!(
        verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::Done)
            .count(),
        1
    );
    assert_eq!(verdicts.last(), Some(&Verdict::Done));
}

#[test]
fn a_message_cut_by_the_end_of_its_stream_tells_what_is_whole() {
    let query = Build::query(1, "a.example", 1).framed();
    let reply = Build::reply(1, "a.example", 1)
        .answer(1, &[192, 0, 2, 1])
        .answer(1, &[192, 0, 2, 2])
        .framed();
    let (verdicts, told) = over_tcp(&[
        StreamEvent::Data {
            side: Side::Originator,
            bytes: &query,
        },
        StreamEvent::Data {
            side: Side::Responder,
            bytes: &reply[..reply.len() - 1],
        },
        StreamEvent::End {
            side: Side::Responder,
        },
        StreamEvent::End {
            side: Side::Originator,
        },
    ]);
    assert_eq!(verdicts.last(), Some(&Verdict::Done));
    assert_eq!(told.weirds, []);
    assert_eq!(answers(&told.only()), ["192.0.2.1"]);
}
