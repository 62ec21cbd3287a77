//! An IPv4 packet behind every link layer that is read.

use super::*;
use crate::packet::decode;
use crate::time::Timestamp;
use proptest::prelude::*;

/// ICMP from 10.0.0.1 to 10.0.0.2, with a payload to be found.
fn packet() -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 33, 0, 0, 0, 0, 64, 1, 0, 0];
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend([8, 0, 0, 0, 0, 1, 0, 1]);
    bytes.extend(b"hello");
    bytes
}

fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    Frame {
        at: Timestamp::MIN,
        link,
        bytes,
        wire_len: bytes.len() as u32,
    }
}

const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
const SOURCE: [u8; 6] = [2, 0, 0, 0, 0, 1];
const DESTINATION: [u8; 6] = [2, 0, 0, 0, 0, 2];
const STATION: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn ethernet_header() -> Vec<u8> {
    [&DESTINATION[..], &SOURCE, &[8, 0]].concat()
}

/// An 802.11 header: control, flags, three or four addresses, and what follows them.
fn dot11_header(control: u8, flags: u8, addresses: [[u8; 6]; 3], rest: &[u8]) -> Vec<u8> {
    let [a, b, c] = addresses;
    [
        &[control, flags, 0, 0][..],
        &a,
        &b,
        &c,
        &[0, 0],
        rest,
        &SNAP,
    ]
    .concat()
}

fn radiotap_header(flags: u8) -> Vec<u8> {
    // Two words of bitmap: TSFT and Flags, and an extension.
    let head = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
    [&head[..], &[0; 8], &[flags]].concat()
}

/// Every link type that is read, by name, with headers before the packet.
fn headers() -> Vec<(LinkType, Vec<u8>)> {
    let plain = dot11_header(8, 2, [DESTINATION, STATION, SOURCE], &[]);
    let qos = dot11_header(0x88, 1, [STATION, SOURCE, DESTINATION], &[0, 0]);
    let relayed = dot11_header(8, 3, [STATION, STATION, DESTINATION], &SOURCE);
    let direct = dot11_header(8, 0, [DESTINATION, SOURCE, STATION], &[]);
    let padded = dot11_header(0x88, 1, [STATION, SOURCE, DESTINATION], &[0, 0, 0, 0]);
    let ethernet = ethernet_header();
    let zeros = |len: usize| vec![0; len];
    let with = |parts: &[&[u8]]| parts.concat();
    let juniper = [0x4d, 0x47, 0x43, 0x80, 0, 2, 1, 1];
    let mut erf = zeros(26);
    (erf[8], erf[16]) = (0x82, 0);
    vec![
        (LinkType::ETHERNET, ethernet.clone()),
        (LinkType::IEEE802_11, plain.clone()),
        (LinkType::IEEE802_11, qos.clone()),
        (LinkType::IEEE802_11, relayed),
        (LinkType::IEEE802_11, direct),
        (
            LinkType::IEEE802_11_RADIO,
            with(&[&radiotap_header(0x10), &qos]),
        ),
        (
            LinkType::IEEE802_11_RADIO,
            with(&[&radiotap_header(0x20), &padded]),
        ),
        (
            LinkType::PRISM,
            with(&[&[0x44, 0, 0, 0, 16, 0, 0, 0], &zeros(8), &plain]),
        ),
        (
            LinkType::PRISM,
            with(&[&[0, 0, 0, 0x44, 0, 0, 0, 16], &zeros(8), &plain]),
        ),
        (
            LinkType::PRISM,
            with(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 8], &plain]),
        ),
        (
            LinkType::IEEE802_11_AVS,
            with(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 8], &plain]),
        ),
        (LinkType::PPI, with(&[&[0, 0, 8, 0, 105, 0, 0, 0], &plain])),
        (
            LinkType::PKTAP,
            with(&[&[12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], &ethernet]),
        ),
        (
            LinkType::NFLOG,
            with(&[&[2, 0, 0, 0], &[5, 0, 10, 0, 7, 0, 0, 0], &[37, 0, 9, 0]]),
        ),
        (
            LinkType::NFLOG,
            with(&[&[2, 0, 0, 0], &[0, 5, 0, 10, 7, 0, 0, 0], &[0, 37, 0, 9]]),
        ),
        (LinkType::PFLOG, with(&[&[61], &zeros(63)])),
        (LinkType::ENC, zeros(12)),
        (LinkType::IPNET, zeros(24)),
        (LinkType::ERF, with(&[&erf, &ethernet])),
        (LinkType::JUNIPER_ETHER, with(&[&juniper, &ethernet])),
        (
            LinkType::JUNIPER_ETHER,
            with(&[&[0x4d, 0x47, 0x43, 2, 0, 0, 0, 2]]),
        ),
        (LinkType::NETANALYZER, with(&[&zeros(4), &ethernet])),
        (
            LinkType::NETANALYZER_TRANSPARENT,
            with(&[&zeros(12), &ethernet]),
        ),
        (
            LinkType::ETHERNET_MPACKET,
            with(&[&[0x55; 7], &[0xd5], &ethernet]),
        ),
        (
            LinkType::DSA_TAG_BRCM,
            with(&[&DESTINATION, &SOURCE, &zeros(4), &[8, 0]]),
        ),
        (
            LinkType::DSA_TAG_BRCM_PREPEND,
            with(&[&zeros(4), &ethernet]),
        ),
        (LinkType::PPP_WITH_DIR, vec![1, 0xff, 3, 0, 0x21]),
        (LinkType::PPP, vec![0xff, 3, 2, 0x81, 0, 0, 0x11, 0xff]),
        (LinkType::PPP_SERIAL, vec![0x0f, 0, 8, 0]),
        (LinkType::PPP_SERIAL, vec![0xff, 3, 0, 0x21]),
        (LinkType::C_HDLC, vec![0x8f, 0, 8, 0]),
        (LinkType::C_HDLC_WITH_DIR, vec![0, 0x0f, 0, 8, 0]),
        (LinkType::FRELAY, vec![0x18, 0x41, 3, 0xcc]),
        (LinkType::FRELAY, vec![0x18, 0x40, 0, 0x41, 3, 0, 0xcc]),
        (LinkType::FRELAY, vec![0x18, 0x41, 8, 0]),
        (
            LinkType::FRELAY,
            with(&[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0]]),
        ),
        (
            LinkType::FRELAY_WITH_DIR,
            with(&[&[1, 0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], &ethernet]),
        ),
        (LinkType::SLIP, zeros(16)),
        (LinkType::FDDI, with(&[&zeros(13), &SNAP])),
        (
            LinkType::IEEE802_5,
            with(&[&[0x10, 0x40], &DESTINATION, &SOURCE, &SNAP]),
        ),
        (
            LinkType::IEEE802_5,
            with(&[
                &[0x10, 0x40],
                &DESTINATION,
                &[0x82],
                &SOURCE[1..],
                &[4, 0, 0, 0],
                &SNAP,
            ]),
        ),
        (LinkType::ARCNET_BSD, vec![1, 2, 0xd4, 0, 0, 1]),
        (LinkType::ARCNET_LINUX, vec![1, 2, 0, 0, 0xd4, 0, 0, 1]),
        (LinkType::ARCNET_LINUX, vec![1, 2, 0, 0, 0xf0]),
        (LinkType::ATM_RFC1483, SNAP.to_vec()),
        (LinkType::ATM_CLIP, SNAP.to_vec()),
        (LinkType::ATM_CLIP, Vec::new()),
        (LinkType::SUNATM, with(&[&[0x82, 0, 0, 1], &SNAP])),
        (LinkType::SUNATM, with(&[&[1, 0, 0, 1, 0, 0], &ethernet])),
        (LinkType::IP_OVER_FC, with(&[&zeros(16), &SNAP])),
        (
            LinkType::APPLE_IP_OVER_IEEE1394,
            with(&[&zeros(16), &[8, 0]]),
        ),
        (LinkType::IPOIB, with(&[&zeros(40), &[8, 0, 0, 0]])),
    ]
}

#[test]
fn a_packet_is_found_under_every_link_layer() {
    for (link, header) in headers() {
        let bytes = [header, packet()].concat();
        let found = decode(&frame(link, &bytes)).unwrap_or_else(|why| panic!("{link}: {why:?}"));
        assert_eq!(&bytes[found.payload], b"hello", "{link}");
        let macs = found.link.macs.map(|mac| mac.map(|mac| mac.0));
        let known = [[None; 2], [Some(SOURCE), Some(DESTINATION)]];
        assert!(known.contains(&macs), "{link}: {macs:?}");
        let is_dot11 = link == LinkType::IEEE802_11 || link == LinkType::ETHERNET;
        assert!(!is_dot11 || macs[0].is_some(), "{link} says addresses");
    }
}

#[test]
fn a_header_cut_anywhere_is_no_packet() {
    for (link, header) in headers() {
        for len in 0..header.len() {
            let why = decode(&frame(link, &header[..len])).err();
            assert!(why.is_some(), "{link} at {len}");
        }
    }
}

#[test]
fn wireless_frames_that_cannot_be_read_are_left() {
    let addresses = [DESTINATION, STATION, SOURCE];
    let cases = [
        ("a beacon", 0x80, 0, [0; 2]),
        ("without data", 0x48, 2, [0; 2]),
        ("encrypted", 0x08, 0x42, [0; 2]),
        ("a first fragment", 0x08, 0x06, [0; 2]),
        ("an aggregate", 0x88, 0x02, [0x80, 0]),
    ];
    for (name, control, flags, qos) in cases {
        let bytes = [dot11_header(control, flags, addresses, &qos), packet()].concat();
        let why = decode(&frame(LinkType::IEEE802_11, &bytes)).err();
        assert_eq!(why, Some(Undecoded::NotIp), "{name}");
    }
    let plain = dot11_header(8, 2, addresses, &[]);
    let damaged = [radiotap_header(0x50), plain, packet()].concat();
    let why = decode(&frame(LinkType::IEEE802_11_RADIO, &damaged)).err();
    assert_eq!(why, Some(Undecoded::NotIp));
}

#[test]
fn a_capture_header_within_one_is_named_and_left() {
    let nested = [[0, 0, 8, 0, 192, 0, 0, 0]; 3].concat();
    let why = decode(&frame(LinkType::PPI, &nested)).err();
    assert_eq!(why, Some(Undecoded::UnknownLink(LinkType::PPI)));
}

proptest! {
    #[test]
    fn no_bytes_make_a_link_layer_fail(
        at in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tail in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let headers = headers();
        let (link, header) = &headers[at.index(headers.len())];
        let mut bytes = [&header[..], &tail].concat();
        for (place, value) in damage {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
        }
        if let Ok(packet) = decode(&frame(*link, &bytes)) {
            prop_assert!(packet.payload.end <= bytes.len());
        }
    }
}
