//! Frames built by etherparse, read back by the decoder.

use super::frame::LinkType;
use super::*;
use etherparse::PacketBuilder;
use proptest::prelude::*;

fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    Frame {
        at: Timestamp::from_nanos(5),
        link,
        bytes,
        wire_len: bytes.len() as u32,
    }
}

fn tcp_over(builder: etherparse::PacketBuilderStep<etherparse::IpHeaders>) -> Vec<u8> {
    let builder = builder.tcp(1000, 443, 7, 1024).syn();
    let mut bytes = Vec::new();
    builder
        .write(&mut bytes, b"hello")
        .expect("a vector takes it");
    bytes
}

fn ethernet_v4() -> Vec<u8> {
    tcp_over(PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64))
}

#[test]
fn a_tcp_packet_is_found_under_every_link_layer() {
    let ip = &ethernet_v4()[14..];
    let with = |head: &[u8]| [head, ip].concat();
    let tag = [0x81, 0, 0, 5, 0x88, 0xa8, 0, 6, 0x08, 0];
    let cases = [
        (
            LinkType::ETHERNET,
            with(&[[0; 12].as_slice(), &[8, 0]].concat()),
            [None, None],
        ),
        (
            LinkType::ETHERNET,
            with(&[[0; 12].as_slice(), &tag].concat()),
            [Some(5), Some(6)],
        ),
        (LinkType::RAW, with(&[]), [None, None]),
        (LinkType::IPV4, with(&[]), [None, None]),
        (LinkType::NULL, with(&[2, 0, 0, 0]), [None, None]),
        (LinkType::LOOP, with(&[0, 0, 0, 2]), [None, None]),
        (LinkType::PPP, with(&[0xff, 3, 0, 0x21]), [None, None]),
        (LinkType::PPP, with(&[0x21]), [None, None]),
        (
            LinkType::PPP_ETHER,
            with(&[0x11, 0, 0, 1, 0, 9, 0, 0x21]),
            [None, None],
        ),
        (
            LinkType::LINUX_SLL,
            with(&[[0; 14].as_slice(), &[8, 0]].concat()),
            [None, None],
        ),
        (
            LinkType::LINUX_SLL2,
            with(&[[8, 0].as_slice(), &[0; 18]].concat()),
            [None, None],
        ),
    ];
    for (link, bytes, vlan) in cases {
        let packet = decode(&frame(link, &bytes)).expect("it decodes");
        assert_eq!(packet.link.vlan, vlan, "{link:?}");
        assert_eq!(&bytes[packet.payload.clone()], b"hello", "{link:?}");
        assert_eq!(packet.payload_len, 5);
        assert!(matches!(packet.transport, Transport::Tcp(tcp) if tcp.seq == 7 && tcp.flags.syn));
    }
}

#[test]
fn padding_behind_the_packet_is_no_payload() {
    let mut bytes = ethernet_v4();
    bytes.extend([0xee; 7]);
    let packet = decode(&frame(LinkType::ETHERNET, &bytes)).expect("it decodes");
    assert_eq!(&bytes[packet.payload], b"hello");
}

#[test]
fn a_packet_that_the_snaplen_cut_keeps_its_length() {
    let bytes = ethernet_v4();
    let cut = &bytes[..bytes.len() - 3];
    let mut frame = frame(LinkType::ETHERNET, cut);
    frame.wire_len = bytes.len() as u32;
    let packet = decode(&frame).expect("it decodes");
    assert_eq!((packet.payload.len(), packet.payload_len), (2, 5));
    assert_eq!(
        checksum::mismatch(&packet, cut),
        None,
        "what is not whole cannot be judged"
    );
}

#[test]
fn an_offloaded_packet_without_a_length_ends_with_its_frame() {
    let mut bytes = ethernet_v4();
    bytes[16..18].fill(0);
    let packet = decode(&frame(LinkType::ETHERNET, &bytes)).expect("it decodes");
    assert_eq!(&bytes[packet.payload.clone()], b"hello");
    assert_eq!(packet.ip.total_len, 45);
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    let v6 = PacketBuilder::ipv6([1; 16], [2; 16], 64);
    let whole = tcp_over(v6);
    let mut bytes = whole[..40].to_vec();
    bytes[6] = 0;
    let length = u16::from_be_bytes([bytes[4], bytes[5]]) + 16;
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes.extend([60, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([6, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(&whole[40..]);
    let packet = decode(&frame(LinkType::IPV6, &bytes)).expect("it decodes");
    assert_eq!(&bytes[packet.payload.clone()], b"hello");
    assert_eq!(checksum::mismatch(&packet, &bytes), None);
}

#[test]
fn a_flipped_bit_breaks_the_checksum_that_covers_it() {
    let bytes = ethernet_v4();
    let judge = |bytes: &[u8]| {
        let packet = decode(&frame(LinkType::ETHERNET, bytes)).expect("it decodes");
        checksum::mismatch(&packet, bytes)
    };
    assert_eq!(judge(&bytes), None);
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        judge(&bytes)
    };
    assert_eq!(flipped(22), Some(Weird::BadIpChecksum));
    assert_eq!(flipped(bytes.len() - 1), Some(Weird::BadTcpChecksum));
}

#[test]
fn fragments_and_foreign_protocols_are_told_apart_from_damage() {
    let mut fragment = ethernet_v4();
    fragment[20] = 0x20;
    let why = decode(&frame(LinkType::ETHERNET, &fragment)).err();
    assert!(matches!(why, Some(Undecoded::Fragment(fragment)) if fragment.more));
    let arp = [[0; 12].as_slice(), &[8, 6], &[0; 28]].concat();
    let cases: [(LinkType, &[u8], Undecoded); 3] = [
        (LinkType::ETHERNET, &arp, Undecoded::NotIp),
        (
            LinkType::ETHERNET,
            &[0; 9],
            Undecoded::Weird(Weird::TruncatedLink),
        ),
        (
            LinkType(9999),
            &[0; 9],
            Undecoded::UnknownLink(LinkType(9999)),
        ),
    ];
    for (link, bytes, why) in cases {
        assert_eq!(decode(&frame(link, bytes)).err(), Some(why));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_fail(
        link in prop::sample::select(vec![0u16, 1, 9, 12, 50, 51, 101, 108, 113, 228, 229, 276]),
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        wire_len in any::<u32>(),
    ) {
        let frame = Frame { at: Timestamp::MIN, link: LinkType(link), bytes: &bytes, wire_len };
        if let Ok(packet) = decode(&frame) {
            prop_assert!(packet.payload.end <= bytes.len());
            checksum::mismatch(&packet, &bytes);
        }
    }

    #[test]
    fn a_damaged_packet_never_makes_the_decoder_fail(at in 0usize..59, value in any::<u8>()) {
        let mut bytes = ethernet_v4();
        bytes[at] = value;
        if let Ok(packet) = decode(&frame(LinkType::ETHERNET, &bytes)) {
            checksum::mismatch(&packet, &bytes);
        }
    }
}
