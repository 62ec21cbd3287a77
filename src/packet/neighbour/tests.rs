use super::*;
use crate::packet::decode;
use crate::packet::frame::{Frame, LinkType};
use crate::time::Timestamp;
use proptest::prelude::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        at: Timestamp::from_nanos(1),
        link: LinkType::ETHERNET,
        bytes,
        wire_len: bytes.len() as u32,
    }
}

fn ethernet(kind: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &MAC, kind, rest].concat()
}

fn arp(operation: u8, mac: [u8; 6], addr: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    [&head[..], &mac, &addr, &[0; 10]].concat()
}

/// An ICMPv6 message from `fe80::9` in an Ethernet frame; its checksum is not right.
fn icmp6(hop_limit: u8, body: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0, 0, body.len() as u8, 58, hop_limit];
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    header.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    ethernet(&[0x86, 0xdd], &[&header[..], body].concat())
}

fn option(kind: u8) -> Vec<u8> {
    [&[kind, 1][..], &MAC].concat()
}

#[test]
fn arp_claims_the_senders_address_also_within_a_vlan() {
    let whole = arp(1, MAC, [10, 0, 0, 9]);
    let tagged = [&[0, 100, 8, 6][..], &whole].concat();
    for (bytes, vlan) in [
        (ethernet(&[8, 6], &whole), None),
        (ethernet(&[0x81, 0], &tagged), Some(100)),
    ] {
        let Err(Undecoded::Arp(claim)) = decode(&frame(&bytes)) else {
            panic!("no claim");
        };
        assert_eq!(claim.addr, IpAddr::from([10, 0, 0, 9]));
        assert_eq!((claim.mac, claim.vlan), (Mac(MAC), vlan));
    }
}

#[test]
fn what_no_host_can_claim_is_no_claim() {
    for bytes in [
        arp(1, MAC, [0; 4]),
        arp(1, MAC, [255; 4]),
        arp(2, [0; 6], [10, 0, 0, 9]),
        arp(2, [0xff; 6], [10, 0, 0, 9]),
        arp(3, MAC, [10, 0, 0, 9]),
        arp(1, MAC, [10, 0, 0, 9])[..20].to_vec(),
    ] {
        let bytes = ethernet(&[8, 6], &bytes);
        assert_eq!(decode(&frame(&bytes)).err(), Some(Undecoded::NotIp));
    }
}

#[test]
fn neighbour_discovery_claims_what_its_message_says() {
    let target: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let message = |kind, flags, fixed: &[u8], option: &[u8]| {
        [&[kind, 0, 0, 0, flags, 0, 0, 0][..], fixed, option].concat()
    };
    let claims = |bytes: &[u8]| {
        let packet = decode(&frame(bytes)).expect("it decodes");
        let claim = discovered(&packet, bytes);
        claim.map(|claim| (claim.addr.to_string(), claim.kind))
    };
    let (nine, seven) = ("fe80::9".to_owned(), "fe80::7".to_owned());
    for (body, want) in [
        (
            message(135, 0, &target, &option(1)),
            Some((nine.clone(), NeighbourKind::Solicitation)),
        ),
        (
            message(136, 0x60, &target, &option(2)),
            Some((seven.clone(), NeighbourKind::Advertisement)),
        ),
        (
            message(136, 0xe0, &target, &option(2)),
            Some((seven, NeighbourKind::Router)),
        ),
        (
            message(134, 0, &[0; 8], &option(1)),
            Some((nine, NeighbourKind::Router)),
        ),
        (message(136, 0x60, &target, &option(1)), None),
        (message(135, 0, &target, &[1, 0]), None),
        (message(128, 0, &target, &option(1)), None),
    ] {
        assert_eq!(claims(&icmp6(255, &body)), want, "{body:?}");
        assert_eq!(claims(&icmp6(64, &body)), None, "from beyond a router");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 130u8..140) {
        let _ = decode(&frame(&ethernet(&[8, 6], &bytes)));
        let whole = icmp6(255, &[&[kind, 0, 0, 0, 0, 0, 0, 0][..], &bytes].concat());
        if let Ok(packet) = decode(&frame(&whole)) {
            discovered(&packet, &whole);
        }
    }
}
