//! Packets in tunnels: what is found, what the tunnels are called, what is left alone.

use super::*;
use crate::observe::TunnelAction;
use crate::packet::frame::LinkType;
use crate::time::Span;
use etherparse::PacketBuilder;
use proptest::prelude::*;

fn settings() -> Settings {
    crate::config::File::default()
        .resolve()
        .expect("the defaults are sound")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_parts(second, 0)
}

fn datagram(src: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(src, [192, 0, 2, 2], 64).udp(ports.0, ports.1);
    let mut bytes = Vec::new();
    builder
        .write(&mut bytes, payload)
        .expect("a vector takes it");
    bytes
}

/// The packet that every tunnel carries.
fn inner() -> Vec<u8> {
    datagram([10, 0, 0, 1], (1000, 9999), b"hello")
}

fn inner_v6() -> Vec<u8> {
    let teredo = [0x20, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1];
    let builder = PacketBuilder::ipv6(teredo, [7; 16], 64).udp(1000, 9999);
    let mut bytes = Vec::new();
    builder
        .write(&mut bytes, b"hello")
        .expect("a vector takes it");
    bytes
}

fn ethernet(ip: &[u8]) -> Vec<u8> {
    [&[2; 6], &[4; 6], &[8, 0][..], ip].concat()
}

/// `payload` within an IPv4 packet of protocol `proto`.
fn over_ip(proto: u8, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64);
    let mut bytes = Vec::new();
    builder
        .write(&mut bytes, proto.into(), payload)
        .expect("a vector takes it");
    bytes
}

fn over_udp(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    datagram([192, 0, 2, 1], (40000, port), &parts.concat())
}

/// Frames into a sequencer, and what comes out.
struct Rig {
    settings: Settings,
    steering: Steering,
    out: Vec<(Steered, Vec<u8>)>,
}

impl Rig {
    fn new() -> Rig {
        Rig {
            settings: settings(),
            steering: Steering::new(0),
            out: Vec::new(),
        }
    }

    fn frame(&mut self, second: i64, bytes: &[u8]) {
        let frame = Frame {
            at: at(second),
            link: LinkType::RAW,
            bytes,
            wire_len: bytes.len() as u32,
        };
        let out = &mut self.out;
        self.steering
            .handle_frame(&self.settings, &frame, &mut |steered, bytes| {
                out.push((steered, bytes.to_vec()));
            });
    }

    fn packets(&self) -> Vec<&Arrival> {
        let contents = self.out.iter().map(|(steered, _)| &steered.content);
        contents
            .filter_map(|content| match content {
                Content::Packet(arrival) => Some(arrival),
                _ => None,
            })
            .collect()
    }

    fn tunnels(&self) -> Vec<(FlowId, TunnelSeen)> {
        let tunnel = |(steered, _): &(Steered, _)| match steered.content {
            Content::Tunnel { id, seen, .. } => Some((id, seen)),
            _ => None,
        };
        self.out.iter().filter_map(tunnel).collect()
    }

    fn weirds(&self) -> Vec<Weird> {
        let weird = |(steered, _): &(Steered, _)| match steered.content {
            Content::Undecoded(Undecoded::Between(weird, _) | Undecoded::Weird(weird)) => {
                Some(weird)
            }
            _ => None,
        };
        self.out.iter().filter_map(weird).collect()
    }
}

/// A frame of each tunnel, what the tunnel is called, and whether a flow carries it.
fn tunnels() -> Vec<(&'static str, Vec<u8>, TunnelKind, bool)> {
    let (ip, ip6, frame) = (inner(), inner_v6(), ethernet(&inner()));
    let gre = |header: &[u8], payload: &[u8]| over_ip(47, &[header, payload].concat());
    let labelled = [&frame[..12], &[0x88, 0x47, 0, 0, 0x11, 0xff], &ip].concat();
    let wlan = [
        &[0x88, 1][..],
        &[0; 24],
        &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
        &ip,
    ]
    .concat();
    let kinds = |kind, carried, cases: Vec<(&'static str, Vec<u8>)>| {
        let case = move |(name, bytes)| (name, bytes, kind, carried);
        cases.into_iter().map(case).collect::<Vec<_>>()
    };
    let plain = vec![
        ("IPv4 in IPv4", over_ip(4, &ip)),
        ("IPv6 in IPv4", over_ip(41, &ip6)),
    ];
    let keyed = [0xa0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let pptp = [
        0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0xff, 3, 0, 0x21,
    ];
    let span3 = [
        0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let span3_sub = [&span3[..19], &[1], &[0; 8]].concat();
    let gres = vec![
        ("GRE", gre(&[0, 0, 8, 0], &ip)),
        ("GRE, checksum and key", gre(&keyed, &ip)),
        ("GRE, Ethernet", gre(&[0, 0, 0x65, 0x58], &frame)),
        ("GRE, MPLS", gre(&[0, 0, 0x65, 0x58], &labelled)),
        ("PPTP", gre(&pptp, &ip)),
        ("ERSPAN I", gre(&[0, 0, 0x88, 0xbe], &frame)),
        (
            "ERSPAN II",
            gre(
                &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 1, 0, 0, 0, 0],
                &frame,
            ),
        ),
        ("ERSPAN III", gre(&span3, &frame)),
        ("ERSPAN III, subheader", gre(&span3_sub, &frame)),
        ("GRE of an access point", gre(&[0, 0, 0x82, 0], &wlan)),
        ("GRE over UDP", over_udp(4754, &[&[0, 0, 8, 0], &ip])),
    ];
    let gtp = [0x34, 255, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0x85, 1, 0x10, 9, 0];
    [
        kinds(TunnelKind::Ip, false, plain),
        kinds(TunnelKind::Gre, false, gres),
        kinds(
            TunnelKind::Vxlan,
            true,
            vec![(
                "VXLAN",
                over_udp(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0], &frame]),
            )],
        ),
        kinds(
            TunnelKind::Geneve,
            true,
            vec![
                (
                    "GENEVE",
                    over_udp(6081, &[&[0, 0, 0x65, 0x58, 0, 0, 5, 0], &frame]),
                ),
                (
                    "GENEVE, an option",
                    over_udp(6081, &[&[1, 0, 8, 0, 0, 0, 5, 0], &[0; 4], &ip]),
                ),
            ],
        ),
        kinds(
            TunnelKind::Gtp,
            true,
            vec![
                (
                    "GTP",
                    over_udp(2152, &[&[0x30, 255, 0, 0, 0, 0, 0, 1], &ip]),
                ),
                ("GTP, an extension", over_udp(2152, &[&gtp, &ip])),
            ],
        ),
        kinds(
            TunnelKind::Teredo,
            true,
            vec![
                ("Teredo", over_udp(3544, &[&ip6])),
                ("Teredo, origin", over_udp(3544, &[&[0; 8], &ip6])),
                (
                    "Teredo, both headers",
                    over_udp(3544, &[&[0, 1, 0, 0], &[9; 9], &[0; 8], &ip6]),
                ),
                ("Teredo on any port", over_udp(5555, &[&ip6])),
            ],
        ),
        kinds(
            TunnelKind::Ayiya,
            true,
            vec![(
                "AYIYA",
                over_udp(5072, &[&[0x41, 0x52, 0x11, 41, 0, 0, 0, 0], &[3; 36], &ip6]),
            )],
        ),
    ]
    .concat()
}

#[test]
fn what_a_tunnel_carries_is_found_within_every_tunnel() {
    for (name, bytes, kind, has_flow) in tunnels() {
        let mut rig = Rig::new();
        rig.frame(1, &bytes);
        let packets = rig.packets();
        let last = *packets.last().expect(name);
        assert_eq!(last.keyed.dst.port, 9999, "{name}: {:?}", rig.weirds());
        assert_eq!(
            &rig.out.last().expect(name).1[last.packet.payload.clone()],
            b"hello"
        );
        let [(id, seen)] = rig.tunnels()[..] else {
            panic!("{name}: {:?}", rig.tunnels());
        };
        assert_eq!(
            (seen.kind, seen.action),
            (kind, TunnelAction::Discover),
            "{name}"
        );
        assert_eq!(last.packet.within, Some(id.uid), "{name}");
        let carrier = packets.iter().find_map(|arrival| arrival.carrier);
        assert_eq!(carrier.is_some(), has_flow, "{name}");
        assert_eq!(
            carrier.map_or(id.uid, |carrier| carrier.uid),
            id.uid,
            "{name}"
        );
        assert_eq!(rig.weirds(), [], "{name}");
    }
}

#[test]
fn a_tunnel_is_told_once_and_keeps_its_identity() {
    for (name, bytes, ..) in tunnels() {
        let mut rig = Rig::new();
        (0..5).for_each(|second| rig.frame(second, &bytes));
        assert_eq!(rig.tunnels().len(), 1, "{name}");
        let within: Vec<_> = rig
            .packets()
            .iter()
            .filter_map(|one| one.packet.within)
            .collect();
        assert_eq!(within.len(), 5, "{name}");
        assert!(within.iter().all(|uid| *uid == within[0]), "{name}");
    }
}

#[test]
fn a_tunnel_over_udp_is_over_when_its_flow_is() {
    let bytes = over_udp(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0], &ethernet(&inner())]);
    let mut rig = Rig::new();
    [0, 59, 118, 178]
        .into_iter()
        .for_each(|second| rig.frame(second, &bytes));
    let outer = rig
        .packets()
        .into_iter()
        .filter_map(|arrival| arrival.carrier);
    let uids: Vec<Uid> = outer.map(|carrier| carrier.uid).collect();
    assert_eq!(uids[0], uids[2], "59 s of silence are no end");
    assert_ne!(uids[2], uids[3], "60 s are");
}

#[test]
fn a_tunnel_over_ip_expires_as_of_its_deadline() {
    let mut rig = Rig::new();
    let bytes = over_ip(4, &inner());
    rig.frame(0, &bytes);
    rig.frame(1000, &bytes);
    rig.frame(9000, &bytes);
    let told: Vec<_> = rig.tunnels().iter().map(|(_, seen)| seen.action).collect();
    use TunnelAction::{Discover, Expire};
    assert_eq!(told, [Discover, Expire, Discover]);
    let expired = rig.out.iter().find(|(steered, _)| {
        matches!(steered.content, Content::Tunnel { seen, .. } if seen.action == Expire)
    });
    let expired_at = expired.map(|(steered, _)| steered.clock);
    assert_eq!(expired_at, Some(at(1000) + Span::from_secs(3600)));
}

#[test]
fn tunnels_are_gone_into_to_a_depth() {
    let nested = |depth| (0..depth).fold(inner(), |inner, _| over_ip(4, &inner));
    let mut rig = Rig::new();
    rig.frame(1, &nested(TUNNELS_MAX));
    assert_eq!((rig.packets().len(), rig.weirds()), (1, vec![]));
    rig.frame(2, &nested(9));
    assert_eq!(rig.packets().len(), 1);
    assert_eq!(rig.weirds(), [Weird::TunnelTooDeep]);
}

#[test]
fn what_is_no_tunnel_or_a_broken_one_is_told_as_such() {
    let ip = inner();
    let broken_header = [&ip[..10], &[0, 0], &ip[12..]].concat();
    let gre = |header: &[u8]| over_ip(47, &[header, &ip].concat());
    let mut bad_checksum = over_udp(4789, &[&[8, 0, 0, 0, 0, 0, 5, 0], &ethernet(&ip)]);
    *bad_checksum.last_mut().expect("it has bytes") ^= 1;
    let bubble = [&[0x60, 0, 0, 0, 0, 0, 59, 1][..], &[3; 32]].concat();
    // The frame, how many packets come out, and what is odd.
    let cases: Vec<(&str, Vec<u8>, usize, Vec<Weird>)> = vec![
        (
            "cut within",
            over_ip(4, &ip[..ip.len() - 1]),
            0,
            vec![Weird::TruncatedInnerIp],
        ),
        (
            "another version",
            over_ip(41, &ip),
            0,
            vec![Weird::InnerIpMismatch],
        ),
        (
            "GRE version 2",
            gre(&[0, 2, 8, 0]),
            0,
            vec![Weird::UnknownGreVersion],
        ),
        (
            "GRE flags",
            gre(&[0, 8, 8, 0]),
            0,
            vec![Weird::UnknownGreFlags],
        ),
        (
            "GRE source route",
            gre(&[0x40, 0, 8, 0]),
            0,
            vec![Weird::GreRouting],
        ),
        (
            "enhanced GRE",
            gre(&[0, 1, 8, 0]),
            0,
            vec![Weird::EnhancedGreProtocol],
        ),
        (
            "GRE cut",
            over_ip(47, &[0, 0, 8]),
            0,
            vec![Weird::TruncatedGre],
        ),
        ("GRE keepalive", gre(&[0, 0, 0, 0]), 0, vec![]),
        (
            "GENEVE, empty",
            over_udp(6081, &[&[0, 0, 8, 0, 0, 0, 5, 0]]),
            1,
            vec![Weird::GeneveEmpty],
        ),
        (
            "GTP signalling",
            over_udp(2152, &[&[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0]]),
            1,
            vec![],
        ),
        (
            "VXLAN without its flag",
            over_udp(4789, &[&[0; 8], &ethernet(&ip)]),
            1,
            vec![],
        ),
        ("Teredo, a bubble", over_udp(3544, &[&bubble]), 1, vec![]),
        (
            "Teredo, a full bubble",
            over_udp(3544, &[&bubble, &[1]]),
            1,
            vec![Weird::TeredoBubbleWithPayload],
        ),
        (
            "Teredo, one byte too many",
            over_udp(3544, &[&inner_v6(), &[1]]),
            1,
            vec![],
        ),
        ("an untrue checksum", bad_checksum, 1, vec![]),
        (
            "an untrue checksum within",
            over_ip(4, &broken_header),
            1,
            vec![],
        ),
    ];
    for (name, bytes, packets, weirds) in cases {
        let mut rig = Rig::new();
        rig.frame(1, &bytes);
        assert_eq!(
            (rig.packets().len(), rig.weirds()),
            (packets, weirds),
            "{name}"
        );
        assert_eq!(rig.tunnels(), [], "{name}");
    }
}

#[test]
fn a_flow_that_turns_to_teredo_is_told_by_its_later_identity() {
    let mut rig = Rig::new();
    rig.frame(1, &over_udp(5555, &[b"something else"]));
    rig.frame(2, &over_udp(5555, &[&inner_v6()]));
    rig.frame(3, &over_udp(5555, &[b"something else"]));
    let outer: Vec<_> = rig
        .packets()
        .into_iter()
        .filter(|one| one.keyed.dst.port == 5555)
        .collect();
    let uids: Vec<_> = outer
        .iter()
        .map(|one| one.carrier.map(|carrier| carrier.uid))
        .collect();
    assert_eq!(uids[0], None);
    assert!(uids[1].is_some() && uids[1] == uids[2]);
}

#[test]
fn teredo_is_a_service_once_both_sides_were_heard() {
    let mut rig = Rig::new();
    rig.frame(1, &over_udp(3544, &[&inner_v6()]));
    let answer = PacketBuilder::ipv4([192, 0, 2, 2], [192, 0, 2, 1], 64).udp(3544, 40000);
    let mut bytes = Vec::new();
    answer
        .write(&mut bytes, &inner_v6())
        .expect("a vector takes it");
    rig.frame(2, &bytes);
    let packets = rig.packets();
    let confirmed = packets
        .iter()
        .filter_map(|one| one.carrier.map(|carrier| carrier.confirmed));
    assert_eq!(
        confirmed.collect::<Vec<_>>(),
        [None, Some(TunnelKind::Teredo)]
    );
}

#[test]
fn the_table_of_tunnels_is_bounded() {
    let mut rig = Rig::new();
    rig.settings.limits.tunnels_max = 3;
    for port in 0..10 {
        let bytes = datagram([192, 0, 2, 1], (port, 4789), &[8, 0, 0, 0, 0, 0, 5, 0]);
        rig.frame(i64::from(port), &bytes);
    }
    assert_eq!(rig.steering.counters.tunnels_evicted, 7);
}

proptest! {
    #[test]
    fn no_damage_makes_the_tunnels_fail(
        which in 0usize..100,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let tunnels = tunnels();
        let mut bytes = tunnels[which % tunnels.len()].1.clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let mut rig = Rig::new();
        rig.settings.ignore_checksums = true;
        rig.frame(1, &bytes);
        for (steered, bytes) in &rig.out {
            if let Content::Packet(arrival) = &steered.content {
                prop_assert!(arrival.packet.payload.end <= bytes.len());
            }
        }
    }
}

/// The two fragments that an IPv6 packet is cut into.
fn halves(packet: &[u8], id: u32) -> [Vec<u8>; 2] {
    let (header, body) = packet.split_at(40);
    let (front, back) = body.split_at(body.len() / 16 * 8);
    [(front, 1), (back, 0)].map(|(part, more): (&[u8], u16)| {
        let at = if more == 1 { 0 } else { front.len() as u16 };
        let mut bytes = header.to_vec();
        bytes[4..6].copy_from_slice(&(8 + part.len() as u16).to_be_bytes());
        bytes[6] = 44;
        bytes.extend([header[6], 0]);
        bytes.extend((at | more).to_be_bytes());
        bytes.extend(id.to_be_bytes());
        bytes.extend(part);
        bytes
    })
}

#[test]
fn fragments_of_fragments_are_joined_up_to_a_depth() {
    for (levels, expected) in [(1, true), (TUNNELS_MAX, true), (TUNNELS_MAX + 1, false)] {
        let mut packets = vec![{
            let mut bytes = Vec::new();
            let builder = PacketBuilder::ipv6([1; 16], [7; 16], 64).udp(1000, 9999);
            builder
                .write(&mut bytes, &[9; 2000])
                .expect("a vector takes it");
            bytes
        }];
        for level in 0..levels {
            let pieces = packets.iter().enumerate();
            packets = pieces
                .flat_map(|(index, packet)| halves(packet, (level * 1000 + index) as u32))
                .collect();
        }
        let mut rig = Rig::new();
        for packet in &packets {
            rig.frame(0, packet);
        }
        assert_eq!(
            rig.packets().len(),
            usize::from(expected),
            "{levels} levels"
        );
        assert_eq!(rig.weirds().contains(&Weird::TunnelTooDeep), !expected);
    }
}
