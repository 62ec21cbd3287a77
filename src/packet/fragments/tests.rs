//! Fragments made by hand, in every order and with every contradiction.

use super::*;
use crate::packet::frame::{Frame, LinkType};
use crate::packet::{self, Packet, Transport, Undecoded, checksum, decode};
use proptest::prelude::*;

/// Part of a datagram: offset in bytes, whether more follow, and content.
type Part<'a> = (usize, bool, &'a [u8]);

fn v4(id: u16, (at, more, body): Part<'_>) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + body.len() as u16).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(((at as u16 / 8) | (u16::from(more) << 13)).to_be_bytes());
    bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(body);
    bytes
}

fn v6(id: u16, (at, more, body): Part<'_>) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((8 + body.len() as u16).to_be_bytes());
    bytes.extend([44, 64]);
    bytes.extend([1; 16]);
    bytes.extend([2; 16]);
    bytes.extend([17, 0]);
    bytes.extend((at as u16 | u16::from(more)).to_be_bytes());
    bytes.extend(u32::from(id).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A UDP datagram from port 1000 to 2000 whose content counts up.
fn udp(len: usize) -> Vec<u8> {
    let mut bytes = [1000u16.to_be_bytes(), 2000u16.to_be_bytes()].concat();
    bytes.extend((8 + len as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend((0..len).map(|n| n as u8));
    bytes
}

fn frame(bytes: &[u8], second: i64) -> Frame<'_> {
    Frame {
        at: Timestamp::from_parts(second, 0),
        link: LinkType::RAW,
        bytes,
        wire_len: bytes.len() as u32,
    }
}

/// The packet of what was joined.
fn decoded(whole: &Frame<'_>, datagram: &Datagram) -> Result<Packet, Undecoded> {
    let ip = packet::ip(whole, 0, datagram.network)?;
    packet::packet(whole, Link::default(), ip)
}

/// What fragments came to.
struct Outcome {
    limits: Limits,
    fragments: Fragments,
    weirds: Vec<Weird>,
    datagrams: Vec<Datagram>,
}

impl Outcome {
    fn new(limits: Limits) -> Outcome {
        Outcome {
            limits,
            fragments: Fragments::default(),
            weirds: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    fn feed(&mut self, second: i64, bytes: &[u8]) {
        self.feed_frame(&frame(bytes, second));
    }

    fn feed_frame(&mut self, frame: &Frame<'_>) {
        let Err(Undecoded::Fragment(fragment)) = decode(frame) else {
            return;
        };
        let whole = self.fragments.handle_fragment(
            &self.limits,
            frame.at,
            &fragment,
            frame.bytes,
            &mut self.weirds,
        );
        self.datagrams.extend(whole);
    }

    /// The only datagram's packet.
    fn packet(&self) -> (Packet, &[u8]) {
        let [datagram] = &self.datagrams[..] else {
            panic!("one datagram, not {}", self.datagrams.len());
        };
        let whole = Frame {
            wire_len: datagram.wire_len,
            ..frame(&datagram.bytes, 0)
        };
        let packet = decoded(&whole, datagram).expect("it decodes");
        (packet, &datagram.bytes)
    }
}

fn run(frames: impl IntoIterator<Item = Vec<u8>>) -> Outcome {
    let mut outcome = Outcome::new(Limits::DEFAULT);
    frames.into_iter().for_each(|bytes| outcome.feed(0, &bytes));
    outcome
}

/// `body` in parts of `len` bytes.
fn parts(body: &[u8], len: usize) -> Vec<Part<'_>> {
    let starts = (0..body.len()).step_by(len);
    let part = |at: usize| {
        let end = (at + len).min(body.len());
        (at, end < body.len(), &body[at..end])
    };
    starts.map(part).collect()
}

#[test]
fn a_datagram_is_whole_when_its_last_hole_is_filled() {
    let body = udp(200);
    for make in [v4, v6] {
        let mut frames: Vec<Vec<u8>> = parts(&body, 64).into_iter().map(|p| make(7, p)).collect();
        frames.rotate_left(2);
        let outcome = run(frames);
        let (packet, bytes) = outcome.packet();
        assert_eq!(&bytes[packet.ip.body.clone()], body);
        assert!(matches!(packet.transport, Transport::Udp { src: 1000, .. }));
        assert_eq!(packet.ip.total_len as usize, bytes.len());
        assert_eq!(checksum::mismatch(&packet, bytes), None);
        let tally = outcome.fragments.tally;
        assert_eq!((tally.seen, tally.joined, tally.datagrams), (4, 4, 1));
        assert_eq!(tally.held_bytes, 0);
        assert_eq!(outcome.weirds, []);
    }
}

#[test]
fn fragments_of_other_datagrams_fill_no_hole() {
    let body = udp(120);
    let [first, last] = parts(&body, 64)[..] else {
        panic!("two parts");
    };
    assert!(run([v4(1, first), v4(2, last)]).datagrams.is_empty());
    let mut other_protocol = v4(1, last);
    other_protocol[9] = 6;
    assert!(run([v4(1, first), other_protocol]).datagrams.is_empty());
    let mut other_host = v6(1, last);
    other_host[39] = 9;
    assert!(run([v6(1, first), other_host]).datagrams.is_empty());
}

#[test]
fn where_ipv4_fragments_overlap_the_first_to_arrive_keeps_its_bytes() {
    let outcome = run([
        v4(1, (0, true, &[b'a'; 64])),
        v4(1, (128, false, &[b'c'; 8])),
        v4(1, (48, true, &[b'b'; 88])),
    ]);
    let (packet, bytes) = outcome.packet();
    let body = [vec![b'a'; 64], vec![b'b'; 64], vec![b'c'; 8]].concat();
    assert_eq!(&bytes[packet.ip.body], body);
    assert_eq!(outcome.weirds, [Weird::FragmentInconsistency]);
}

#[test]
fn where_ipv6_fragments_overlap_the_datagram_is_void() {
    let body = [b'a'; 136];
    let outcome = run([
        v6(1, (0, true, &body[..64])),
        v6(1, (48, true, &body[48..128])),
        v6(1, (0, true, &body[..64])),
        v6(1, (64, true, &body[64..128])),
        v6(1, (128, false, &body[128..])),
    ]);
    assert!(outcome.datagrams.is_empty());
    assert_eq!(outcome.weirds, [Weird::FragmentOverlap]);
    let tally = outcome.fragments.tally;
    assert_eq!((tally.seen, tally.joined), (5, 0));
}

#[test]
fn a_doubled_fragment_does_no_harm() {
    let body = udp(120);
    for make in [v4, v6] {
        let [first, last] = parts(&body, 64)[..] else {
            panic!("two parts");
        };
        let outcome = run([make(1, first), make(1, first), make(1, last)]);
        assert_eq!(outcome.packet().0.payload_len, 120);
        assert_eq!(outcome.weirds, [Weird::FragmentOverlap]);
        assert_eq!(outcome.fragments.tally.joined, 3);
    }
}

#[test]
fn where_fragments_disagree_on_the_end_the_farthest_stands() {
    let body = [b'a'; 144];
    let whole = |frames| {
        let outcome = run(frames);
        assert_eq!(outcome.weirds, [Weird::FragmentSizeInconsistency]);
        outcome.packet().0.ip.body_len
    };
    // A second end beyond the first; a part beyond the end; an end before a part.
    let ends = [
        v4(1, (64, false, &body[64..128])),
        v4(1, (128, false, &body[128..])),
    ];
    assert_eq!(
        whole([&ends[..], &[v4(1, (0, true, &body[..64]))]].concat()),
        144
    );
    let beyond = [
        v4(1, (64, false, &body[64..128])),
        v4(1, (128, true, &body[128..136])),
    ];
    let beyond = beyond.map(|mut bytes| {
        // Long enough to be none of the small ones.
        bytes[1] = 0;
        bytes
    });
    let outcome = run([&beyond[..], &[v4(1, (0, true, &body[..64]))]].concat());
    assert!(outcome.weirds.contains(&Weird::FragmentSizeInconsistency));
    assert_eq!(outcome.packet().0.ip.body_len, 136);
    let before = [
        v4(1, (64, true, &body[64..128])),
        v4(1, (56, false, &body[56..64])),
    ];
    let outcome = run([&before[..], &[v4(1, (0, true, &body[..56]))]].concat());
    assert_eq!(outcome.weirds, [Weird::FragmentSizeInconsistency]);
    assert_eq!(outcome.packet().0.ip.body_len, 128);
}

#[test]
fn a_fragment_that_is_odd_alone_is_told() {
    let mut forbidden = v4(1, (0, true, &[0; 64]));
    forbidden[6] |= 0x40;
    let cases = [
        (forbidden, Weird::FragmentWithDf),
        (v4(1, (0, true, &[0; 40])), Weird::ExcessivelySmallFragment),
        (
            v4(1, (65_528, false, &[0; 64])),
            Weird::ExcessivelyLargeFragment,
        ),
        (
            v6(1, (65_528, false, &[0; 64])),
            Weird::ExcessivelyLargeFragment,
        ),
        (v4(1, (0, true, &[0; 61])), Weird::FragmentSizeInconsistency),
        (v6(1, (0, true, &[0; 61])), Weird::FragmentSizeInconsistency),
    ];
    for (bytes, weird) in cases {
        assert_eq!(run([bytes]).weirds, [weird]);
    }
    let mut longer = v4(1, (64, true, &[0; 64]));
    longer[0] = 0x46;
    longer.splice(20..20, [1; 4]);
    longer[3] += 4;
    let outcome = run([v4(1, (0, true, &[0; 64])), longer]);
    assert_eq!(outcome.weirds, [Weird::FragmentProtocolInconsistency]);
}

#[test]
fn a_length_that_the_next_fragment_cannot_meet_is_rounded_down_in_ipv4() {
    let body = udp(120);
    let outcome = run([
        v4(1, (0, true, &body[..69])),
        v4(1, (64, false, &body[64..])),
    ]);
    let (packet, bytes) = outcome.packet();
    assert_eq!(&bytes[packet.ip.body], body);
}

#[test]
fn time_is_up_thirty_seconds_after_the_first_fragment() {
    let body = udp(120);
    let [first, last] = parts(&body, 64)[..] else {
        panic!("two parts");
    };
    let mut outcome = Outcome::new(Limits::DEFAULT);
    outcome.feed(100, &v4(1, first));
    outcome.feed(110, &v4(1, first));
    outcome.feed(130, &v4(1, last));
    assert!(outcome.datagrams.is_empty(), "its first half is gone");
    assert_eq!(outcome.fragments.tally.expired, 1);
    outcome.feed(159, &v4(1, first));
    assert_eq!(outcome.datagrams.len(), 1, "the second half came at 130");
    outcome.feed(200, &v4(2, first));
    let clock = Timestamp::from_parts(230, 0);
    outcome.fragments.handle_clock(&outcome.limits, clock);
    assert_eq!(outcome.fragments.tally.expired, 2);
    assert_eq!(outcome.fragments.tally.held_bytes, 0);
}

#[test]
fn a_flood_of_unfinished_datagrams_stays_within_its_bound() {
    let limits = Limits {
        fragment_trains_max: 1000,
        fragment_bytes_max: 1 << 20,
        ..Limits::DEFAULT
    };
    for make in [v4, v6] {
        let mut outcome = Outcome::new(limits.clone());
        let body = [0; 1400];
        for number in 0..100_000u32 {
            let mut bytes = make(number as u16, (8, true, &body));
            let sender = if bytes[0] == 0x45 { 12 } else { 8 };
            bytes[sender..sender + 4].copy_from_slice(&(number >> 8).to_be_bytes());
            outcome.feed(0, &bytes);
            bytes[sender + 30] ^= 1;
            outcome.feed(0, &bytes);
        }
        let tally = outcome.fragments.tally;
        assert!(tally.held_bytes <= 1 << 20);
        assert!(outcome.fragments.trains.len() <= 1000);
        assert_eq!(
            outcome.fragments.trains.len(),
            outcome.fragments.by_age.len()
        );
        assert!(tally.evicted > 90_000, "the oldest left");
        assert!(outcome.datagrams.is_empty());
    }
}

#[test]
fn a_datagram_in_too_many_pieces_is_given_up() {
    let every_other = (0..4000).map(|n| v4(1, (n * 16, true, &[0; 8])));
    let outcome = run(every_other);
    assert!(outcome.fragments.tally.held_bytes < 1000);
}

#[test]
fn what_the_snaplen_cut_is_missing_and_still_counted() {
    let body = udp(120);
    let mut outcome = Outcome::new(Limits::DEFAULT);
    for part in parts(&body, 64) {
        let bytes = v4(1, part);
        let cut = Frame {
            bytes: &bytes[..50],
            ..frame(&bytes, 0)
        };
        outcome.feed_frame(&cut);
    }
    let (packet, bytes) = outcome.packet();
    assert_eq!(packet.payload_len, 120);
    assert_eq!(&bytes[packet.payload], &body[8..30]);
    let mut outcome = Outcome::new(Limits::DEFAULT);
    for part in parts(&body, 64) {
        let bytes = v4(1, part);
        let headless = Frame {
            bytes: &bytes[..20],
            ..frame(&bytes, 0)
        };
        outcome.feed_frame(&headless);
    }
    let [datagram] = &outcome.datagrams[..] else {
        panic!("one datagram");
    };
    let whole = Frame {
        wire_len: datagram.wire_len,
        ..frame(&datagram.bytes, 0)
    };
    let why = decoded(&whole, datagram).err();
    let hosts = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
    assert_eq!(
        why,
        Some(Undecoded::Between(Weird::InternallyTruncated, hosts))
    );
}

#[test]
fn a_saved_train_goes_on() {
    let body = udp(120);
    let [first, last] = parts(&body, 64)[..] else {
        panic!("two parts");
    };
    let mut outcome = run([v6(1, first)]);
    let saved = postcard::to_stdvec(&outcome.fragments).expect("it is written");
    outcome.fragments = postcard::from_bytes(&saved).expect("it is read");
    outcome.feed(0, &v6(1, last));
    assert_eq!(outcome.datagrams.len(), 1);
}

proptest! {
    #[test]
    fn any_cut_and_any_order_give_the_datagram(
        len in 9usize..3000,
        units in 1usize..100,
        order in any::<u64>(),
        is_v6 in any::<bool>(),
    ) {
        let body = udp(len);
        let make = if is_v6 { v6 } else { v4 };
        let mut frames: Vec<(u64, Vec<u8>)> = parts(&body, units * 8)
            .into_iter()
            .enumerate()
            .map(|(n, part)| (order.rotate_left(n as u32 * 7), make(3, part)))
            .collect();
        prop_assume!(frames.len() > 1);
        frames.sort();
        let outcome = run(frames.into_iter().map(|(_, bytes)| bytes));
        let (packet, bytes) = outcome.packet();
        prop_assert_eq!(&bytes[packet.ip.body], &body[..]);
    }

    #[test]
    fn no_fragments_break_the_account(
        parts in prop::collection::vec(
            (0u16..4, any::<bool>(), 0usize..12, any::<bool>(), 0usize..80, any::<u8>()),
            0..60,
        ),
    ) {
        let limits = Limits {
            fragment_trains_max: 3,
            fragment_bytes_max: 3000,
            ..Limits::DEFAULT
        };
        let mut outcome = Outcome::new(limits);
        for (id, is_v6, at, more, len, value) in parts {
            let make = if is_v6 { v6 } else { v4 };
            outcome.feed(i64::from(value), &make(id, (at * 8, more, &vec![value; len])));
            let fragments = &outcome.fragments;
            let costs: usize = fragments.trains.values().map(Train::cost).sum();
            prop_assert_eq!(costs, fragments.tally.held_bytes);
            prop_assert!(costs <= 3000 && fragments.trains.len() <= 3);
            prop_assert_eq!(fragments.trains.len(), fragments.by_age.len());
        }
    }
}
