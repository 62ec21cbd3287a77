//! Flows driven by hand-made segments; reassembly against a model that keeps everything.

use super::reassembly::{Piecewise, Reassembler, Segment};
use super::stream::StreamEvent;
use super::*;
use crate::packet::{Ip, TcpFlags, Transport as Header};
use crate::weird::Weirds;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// Runs a script of segments, each `DIR FLAGS SEQ ACK PAYLOAD-LENGTH`, one a second; gives the
/// account.
fn run(script: &str) -> FlowSummary {
    told(script).0
}

/// The same with the anomalies, each once and in order. A sixth word is the segment's TTL.
fn told(script: &str) -> (FlowSummary, Vec<&'static str>) {
    let mut odd: Vec<&'static str> = Vec::new();
    let mut flow: Option<Flow> = None;
    for (second, line) in script.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].parse::<u32>().expect("a number");
        let (seq, ack, len) = (number(2), number(3), number(4));
        let packet = segment(words[0] == ">", words[1], seq, ack, len, second as i64);
        let keyed = FlowKey::of(&packet);
        let flow = flow.get_or_insert_with(|| Flow::open(&keyed, &packet, false, 0, packet.at));
        let ingress = Ingress {
            clock: packet.at,
            limits: &Limits::DEFAULT,
            keep: true,
            ttl: words.get(5).map(|ttl| ttl.parse().expect("a TTL")),
            spare_bytes: 1 << 20,
        };
        let mut weirds = Weirds::default();
        let payload = vec![b'x'; len as usize];
        flow.handle_packet(
            ingress,
            keyed.src,
            &packet,
            &payload,
            &mut weirds,
            &mut |_| {},
        );
        for (weird, _) in weirds {
            if !odd.contains(&weird.name()) {
                odd.push(weird.name());
            }
        }
    }
    let flow = flow.expect("a script has segments");
    (flow.summary(Vec::new()), odd)
}

fn segment(from_client: bool, flags: &str, seq: u32, ack: u32, len: u32, second: i64) -> Packet {
    let (src, dst, ports) = match from_client {
        true => (CLIENT, SERVER, (40000, 4444)),
        false => (SERVER, CLIENT, (4444, 40000)),
    };
    Packet {
        at: Timestamp::from_parts(second, 0),
        link: Link::default(),
        within: None,
        ip: Ip {
            src,
            dst,
            proto: 6,
            total_len: 40 + len,
            header: 0..20,
            body: 20..40 + len as usize,
            body_len: 20 + len,
        },
        transport: Header::Tcp(Tcp {
            src: ports.0,
            dst: ports.1,
            seq,
            ack,
            flags: TcpFlags {
                syn: flags.contains('S'),
                ack: flags.contains('A'),
                fin: flags.contains('F'),
                rst: flags.contains('R'),
                urg: flags.contains('U'),
            },
            window: 1000,
            scale: None,
            bad_options: false,
        }),
        payload: 40..40 + len as usize,
        payload_len: len,
    }
}

mod reordering;

const HANDSHAKE: &str = "> S 100 0 0\n< SA 500 101 0\n> A 101 501 0\n";

#[test]
fn states_and_histories_are_zeeks() {
    let after = |rest: &str| format!("{HANDSHAKE}{rest}");
    let cases = [
        ("> S 100 0 0".to_string(), "S0", "S"),
        ("> S 100 0 0\n< RA 0 101 0".to_string(), "REJ", "Sr"),
        ("> S 100 0 0\n> R 101 0 0".to_string(), "RSTOS0", "SR"),
        ("> S 100 0 0\n> F 101 0 0".to_string(), "SH", "SF"),
        ("< SA 500 101 0\n< R 501 0 0".to_string(), "RSTRH", "^hr"),
        ("< SA 500 101 0\n< F 501 101 0".to_string(), "SHR", "^hf"),
        (after(""), "S1", "ShA"),
        (after("> A 101 501 10\n< A 501 111 20"), "S1", "ShADd"),
        (after("> FA 101 501 0"), "S2", "ShAF"),
        (after("< FA 501 101 0"), "S3", "ShAf"),
        (
            after("> FA 101 501 0\n< FA 501 102 0\n> A 102 502 0"),
            "SF",
            "ShAFf",
        ),
        (
            after("> FA 101 501 0\n< FA 501 102 0\n> R 102 502 0"),
            "SF",
            "ShAFfR",
        ),
        (after("> RA 101 501 0"), "RSTO", "ShAR"),
        (after("< RA 501 101 0"), "RSTR", "ShAr"),
        ("> A 100 500 5\n< A 500 105 5".to_string(), "OTH", "Dd"),
    ];
    for (script, state, history) in cases {
        let summary = run(&script);
        assert_eq!(
            (summary.state.name(), &*summary.history),
            (state, history),
            "{script}"
        );
    }
}

#[test]
fn bytes_are_counted_by_sequence_numbers() {
    let script =
        format!("{HANDSHAKE}> A 101 501 10\n> A 101 501 10\n> FA 111 501 0\n< FA 501 112 7");
    let summary = run(&script);
    assert_eq!((summary.tally[0].bytes, summary.tally[1].bytes), (10, 7));
    assert_eq!((summary.tally[0].packets, summary.tally[1].packets), (5, 2));
    assert_eq!(&*summary.history, "ShADTFf");
}

#[test]
fn a_bare_acknowledgement_after_the_close_does_not_lengthen_the_flow() {
    let closed = format!("{HANDSHAKE}> FA 101 501 0\n< FA 501 102 0");
    let acknowledged = format!("{closed}\n> A 102 502 0");
    assert_eq!(run(&closed).duration, Some(Span::from_secs(4)));
    assert_eq!(run(&acknowledged).duration, run(&closed).duration);
}

#[test]
fn acknowledged_bytes_that_were_never_seen_are_a_gap() {
    let script = format!("{HANDSHAKE}> A 101 501 10\n> A 121 501 10\n< A 501 131 0");
    let summary = run(&format!("{script}\n< A 501 131 5"));
    assert_eq!((summary.missed_bytes, &*summary.history), (10, "ShADaGd"));
}

#[test]
fn sequence_numbers_may_wrap() {
    let script = "> S 4294967290 0 0\n< SA 500 4294967291 0\n> A 4294967291 501 10\n> A 5 501 10";
    let summary = run(script);
    assert_eq!((summary.tally[0].bytes, summary.missed_bytes), (20, 0));
}

#[test]
fn a_syn_ack_in_front_of_its_syn_turns_the_flow_round() {
    let summary = run("< SA 500 101 0\n> S 100 0 0\n> A 101 501 3");
    assert_eq!((summary.state.name(), summary.tally[0].bytes), ("S1", 3));
}

#[test]
fn attackers_tricks_are_told_and_change_no_more_than_they_should() {
    let after = |rest: &str| format!("{HANDSHAKE}{rest}");
    // Script; anomalies; state; history.
    let cases: [(&str, String, &[&str], &str, &str); 16] = [
        (
            "data in the SYN",
            "> S 100 0 5\n< SA 500 106 0\n> A 106 501 5".into(),
            &["SYN_with_data"],
            "S1",
            "ShD",
        ),
        (
            "an urgent SYN",
            "> SU 100 0 0".into(),
            &["baroque_SYN"],
            "S0",
            "S",
        ),
        (
            "a SYN that resets",
            "> SR 100 0 0".into(),
            &["TCP_christmas"],
            "OTH",
            "Q",
        ),
        (
            "urgent data is data",
            after("> AU 101 501 5\n< A 501 106 0"),
            &[],
            "S1",
            "ShADa",
        ),
        (
            "a blind reset does not end the flow",
            after("> R 300000000 0 0\n> A 101 501 5"),
            &["TCP_RST_outside_window"],
            "S1",
            "ShARD",
        ),
        (
            "a reset in the window does",
            after("> A 101 501 5\n> R 106 0 0"),
            &[],
            "RSTO",
            "ShADR",
        ),
        (
            "payload after a reset",
            after("< R 501 0 0\n< A 501 101 9"),
            &["data_after_reset"],
            "RSTR",
            "ShArd",
        ),
        (
            "a split handshake",
            "> S 100 0 0\n< S 500 0 0\n> SA 100 501 0\n< A 501 101 0".into(),
            &["TCP_simultaneous_open"],
            "S1",
            "SsHa",
        ),
        (
            "simultaneous open",
            "> S 100 0 0\n< S 500 0 0\n> SA 100 501 0\n< SA 500 101 0".into(),
            &["TCP_simultaneous_open"],
            "S1",
            "SsHh",
        ),
        (
            "a reordered handshake",
            "< SA 500 101 0\n> S 100 0 0\n> A 101 501 5".into(),
            &["unsolicited_SYN_response"],
            "S1",
            "^hSD",
        ),
        (
            "a FIN before the answer",
            "> S 100 0 0\n> F 101 0 0".into(),
            &["inappropriate_FIN"],
            "SH",
            "SF",
        ),
        (
            "half of a flow",
            "> S 100 0 0\n> A 101 501 0\n> A 101 501 5\n> A 106 601 0".into(),
            &["possible_split_routing", "data_before_established"],
            "S0",
            "SAD",
        ),
        (
            "a segment that does not reach its receiver",
            "> S 100 0 0 64\n< SA 500 101 0 60\n> A 101 501 0 64\n> A 101 501 5 3".into(),
            &["TCP_TTL_jump"],
            "S1",
            "ShAD",
        ),
        (
            "a route that changes is none",
            "> S 100 0 0 64\n< SA 500 101 0 60\n> A 101 501 5 61".into(),
            &[],
            "S1",
            "ShD",
        ),
        (
            "an acknowledgement of what lies before the start",
            after("> A 101 400 5"),
            &["TCP_ack_underflow_or_misorder"],
            "S1",
            "ShAD",
        ),
        (
            "an acknowledgement long before its data",
            after("< A 501 111 0\n> A 101 501 10"),
            &[],
            "S1",
            "ShAaGD",
        ),
    ];
    for (name, script, odd, state, history) in cases {
        let (summary, told) = told(&script);
        let got = (told.as_slice(), summary.state.name(), &*summary.history);
        assert_eq!(got, (odd, state, history), "{name}");
    }
}

#[test]
fn what_a_silent_side_is_said_to_have_sent_does_not_count() {
    let summary = run("> S 100 0 0\n> A 101 501 0\n> A 101 601 5\n> A 106 701 5");
    assert_eq!((summary.tally[0].bytes, summary.tally[1].bytes), (10, 0));
}

#[test]
fn an_attempt_that_goes_on_without_an_answer_ends_like_zeeks() {
    let at = |second| Timestamp::from_parts(second, 0);
    let mut attempt = tcp::Attempt::since(at(0));
    attempt = attempt.continued(at(1), false).continued(at(4), false);
    assert_eq!(attempt.deadline(Limits::DEFAULT.tcp_attempt), at(5));
    let repeated = tcp::Attempt::since(at(0)).continued(at(3), true);
    assert!(repeated.deadline(Limits::DEFAULT.tcp_attempt) > at(9));
}

/// The stream as a model sees it: the first segment to claim a byte has it.
fn model(segments: &[(u64, Vec<u8>)]) -> Vec<Option<u8>> {
    let end = segments
        .iter()
        .map(|(at, bytes)| at + bytes.len() as u64)
        .max()
        .unwrap_or(1);
    let mut stream = vec![None; end as usize];
    for (at, bytes) in segments {
        for (offset, byte) in bytes.iter().enumerate() {
            stream[*at as usize + offset].get_or_insert(*byte);
        }
    }
    stream.split_off(1)
}

fn reassembled(segments: &[(u64, Vec<u8>)]) -> (Vec<Option<u8>>, usize) {
    let mut stream = Vec::new();
    let mut put = |piece: Piecewise<'_>| match piece {
        Piecewise::Data(bytes) => stream.extend(bytes.iter().copied().map(Some)),
        Piecewise::Uncaptured(count) | Piecewise::Missing(count) => {
            stream.extend(std::iter::repeat_n(None, count as usize));
        }
    };
    let mut reassembler = Reassembler::default();
    let mut held = 0;
    for (offset, bytes) in segments {
        let segment = Segment {
            offset: *offset,
            len: bytes.len() as u64,
            bytes,
        };
        held += reassembler
            .handle_segment(segment, true, &mut put)
            .held_delta;
        assert_eq!(held, reassembler.held_bytes() as isize);
    }
    while reassembler.above_hole() > 0 {
        reassembler.skip_hole(&mut put);
    }
    (stream, reassembler.held_bytes())
}

#[test]
fn a_full_table_of_flows_that_wait_for_a_look_gives_way_by_deadline() {
    let (mut table, limits) = (table::Table::default(), Limits::DEFAULT);
    for second in [3, 1, 2] {
        let packet = segment(true, "S", 1, 0, 0, second);
        let keyed = FlowKey::of(&packet);
        let flow = Flow::open(&keyed, &packet, false, 0, packet.at);
        let slot = table.insert(flow, second as u64, ());
        table.get_mut(slot).look_at = Some(packet.at);
        table.reschedule(slot, &limits);
    }
    let evicted = std::iter::from_fn(|| table.evict(&limits));
    let seconds = evicted.map(|entry| entry.flow.id.first_at.as_nanos() / 1_000_000_000);
    assert_eq!(seconds.collect::<Vec<_>>(), [1, 2, 3]);
    assert!(table.is_empty());
}

proptest! {
    #[test]
    fn reassembly_equals_the_model(
        segments in prop::collection::vec(
            (1u64..60, prop::collection::vec(any::<u8>(), 1..20)),
            1..30,
        ),
    ) {
        let (stream, held) = reassembled(&segments);
        let mut expected = model(&segments);
        // What was passed on in order is gone when an overlap comes: only the first claim counts,
        // as in the model; holes at the end are never told.
        while expected.last() == Some(&None) {
            expected.pop();
        }
        prop_assert_eq!(stream, expected);
        prop_assert_eq!(held, 0);
    }

    #[test]
    fn no_segments_make_a_flow_fail(
        segments in prop::collection::vec((any::<bool>(), 0u8..16, any::<u32>(), any::<u32>(), 0u32..99), 1..40),
    ) {
        let mut flow: Option<Flow> = None;
        for (second, (client, bits, seq, ack, len)) in segments.into_iter().enumerate() {
            let flags: String = "SAFR".chars().enumerate()
                .filter(|(at, _)| bits >> at & 1 == 1).map(|(_, flag)| flag).collect();
            let packet = segment(client, &flags, seq, ack, len, second as i64);
            let keyed = FlowKey::of(&packet);
            let flow = flow.get_or_insert_with(|| Flow::open(&keyed, &packet, false, 0, packet.at));
            let limits = Limits::DEFAULT;
            let ingress = Ingress { clock: packet.at, limits: &limits, keep: true, ttl: None, spare_bytes: 50 };
            let payload = vec![0; len as usize];
            flow.handle_packet(ingress, keyed.src, &packet, &payload, &mut Weirds::default(), &mut |_| {});
            flow.deadline(&limits);
        }
        if let Some(mut flow) = flow {
            flow.finish_streams(&mut |_| {});
            flow.summary(Vec::new());
        }
    }
}
