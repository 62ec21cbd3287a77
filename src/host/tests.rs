use super::platform::{Platform, assess};
use super::*;
use crate::net::{Endpoint, Side, Transport, Uid};
use crate::observe::{DnsTransaction, SynTraits, TlsSession};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(1_795_226_400 + seconds, 0)
}

fn addr(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, last])
}

fn flow(from: u8, port: u16) -> FlowId {
    FlowId {
        uid: Uid::from_words(0, 1),
        first_at: at(0),
        originator: Endpoint {
            addr: addr(from),
            port: 40_000,
        },
        responder: Endpoint {
            addr: IpAddr::from([192, 0, 2, 1]),
            port,
        },
        transport: Transport::Udp,
    }
}

fn is_local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V4(v4) if v4.is_private())
}

/// A table that was told `facts`, saved and restored after each.
fn told(facts: &[(i64, Option<FlowId>, Fact)]) -> (Hosts, Vec<Conflict>) {
    let (mut hosts, mut conflicts) = (Hosts::default(), Vec::new());
    for (seconds, flow, fact) in facts.iter().cloned() {
        let observation = Observation {
            at: at(seconds),
            flow,
            fact,
        };
        conflicts.extend(hosts.handle_observation(&Limits::DEFAULT, &is_local, &observation));
        let saved = postcard::to_allocvec(&hosts).unwrap();
        hosts = postcard::from_bytes(&saved).unwrap();
    }
    (hosts, conflicts)
}

fn claim(seconds: i64, last: u8, by: u8) -> (i64, Option<FlowId>, Fact) {
    let neighbour = Neighbour {
        addr: addr(last),
        mac: mac(by),
        kind: NeighbourKind::Arp,
        vlan: None,
    };
    (seconds, None, Fact::Neighbour(neighbour))
}

fn dhcp(seconds: i64, kind: u8, by: u8, last: u8, lease: i64) -> (i64, Option<FlowId>, Fact) {
    let request = kind != 5;
    let v4 = Ipv4Addr::new(10, 0, 0, last);
    let zero = Ipv4Addr::UNSPECIFIED;
    let message = DhcpMessage {
        at: at(seconds),
        side: Side::Originator,
        request,
        xid: 1,
        kind,
        chaddr: Some(mac(by)),
        ciaddr: if request { v4 } else { zero },
        yiaddr: if request { zero } else { v4 },
        host_name: request.then(|| "DESKTOP-1A2B3C4".into()),
        client_fqdn: None,
        domain: None,
        requested_addr: None,
        server_addr: None,
        lease_time: (!request).then(|| Span::from_secs(lease)),
        client_id: None,
        vendor_class: request.then(|| "MSFT 5.0".into()),
        parameters: None,
        message: None,
        circuit_id: None,
    };
    (seconds, Some(flow(0, 67)), Fact::Dhcp(Box::new(message)))
}

#[test]
fn an_address_is_lent_and_each_moment_has_its_host() {
    let (hosts, _) = told(&[
        dhcp(0, 5, 1, 9, HOUR),
        dhcp(1800, 5, 1, 9, HOUR),
        dhcp(5000, 7, 1, 9, 0),
        dhcp(6000, 5, 2, 9, HOUR),
    ]);
    for (seconds, want) in [
        (-1, HostKey::Addr(addr(9))),
        (0, HostKey::Mac(mac(1))),
        (4000, HostKey::Mac(mac(1))),
        (5500, HostKey::Addr(addr(9))),
        (6001, HostKey::Mac(mac(2))),
        (6000 + HOUR + 1, HostKey::Addr(addr(9))),
    ] {
        assert_eq!(
            hosts.identity_at(addr(9), at(seconds)).key,
            want,
            "{seconds}"
        );
    }
}

#[test]
fn a_lease_is_believed_before_a_claim_and_an_agent_before_both() {
    let (mut hosts, _) = told(&[claim(0, 9, 1), dhcp(1, 5, 2, 9, HOUR)]);
    let identity = hosts.identity_at(addr(9), at(2));
    assert_eq!(
        (identity.key, identity.proof),
        (HostKey::Mac(mac(2)), Proof::Lease)
    );
    assert_eq!(identity.evidence.len(), 2);
    hosts.handle_agent(&Limits::DEFAULT, addr(9), "uuid-1", at(3), at(9));
    let identity = hosts.identity_at(addr(9), at(4));
    assert_eq!(identity.key, HostKey::Agent("uuid-1".into()));
    assert_eq!(identity.evidence.len(), 3);
    assert_eq!(hosts.identity_at(addr(9), at(10)).proof, Proof::Lease);
}

#[test]
fn a_router_that_answers_for_many_identifies_none_of_them() {
    let few: Vec<_> = (1..=8).map(|last| claim(0, last, 1)).collect();
    let (hosts, _) = told(&few);
    assert_eq!(hosts.identity_at(addr(3), at(1)).key, HostKey::Mac(mac(1)));
    let many: Vec<_> = (1..=9).map(|last| claim(0, last, 1)).collect();
    let (hosts, _) = told(&many);
    assert_eq!(
        hosts.identity_at(addr(3), at(1)).key,
        HostKey::Addr(addr(3))
    );
}

#[test]
fn two_that_claim_an_address_in_turn_conflict_and_a_successor_does_not() {
    let (_, conflicts) = told(&[claim(0, 9, 1), claim(10, 9, 2), claim(20, 9, 2)]);
    assert_eq!(conflicts, []);
    let turns = [
        claim(0, 9, 1),
        claim(10, 9, 2),
        claim(20, 9, 1),
        claim(30, 9, 2),
    ];
    let (_, conflicts) = told(&turns);
    let macs = [mac(2), mac(1)];
    assert_eq!(
        conflicts,
        [Conflict {
            addr: addr(9),
            macs
        }]
    );
    let (_, conflicts) = told(&[claim(0, 9, 1), claim(10, 9, 2), claim(HOUR, 9, 1)]);
    assert_eq!(conflicts, []);
}

#[test]
fn what_was_known_by_address_goes_to_the_host_that_turns_out_to_have_it() {
    let syn = SynTraits {
        ttl: 63,
        window: 64_240,
        mss: 1460,
        scale: Some(7),
        options: 0x31842,
    };
    let (hosts, _) = told(&[
        (
            0,
            Some(flow(9, 443)),
            Fact::Established(Some(Box::new(syn))),
        ),
        claim(1, 9, 1),
    ]);
    assert_eq!(hosts.profile(&HostKey::Addr(addr(9))), None);
    let key = HostKey::Mac(mac(1));
    assert_eq!(hosts.platform(&key).platform, Some(Platform::Linux));
    assert_eq!(hosts.profile(&key).unwrap().addresses, [addr(9)]);
}

#[test]
fn hosts_of_others_are_not_remembered() {
    let mut flow = flow(9, 443);
    flow.originator.addr = IpAddr::from([198, 51, 100, 9]);
    let tls = TlsSession {
        server_name: Some("captive.apple.com".into()),
        ..TlsSession::default()
    };
    let (mut hosts, _) = told(&[(0, Some(flow), Fact::Tls(Box::new(tls)))]);
    assert_eq!(hosts.pop(), None);
}

#[test]
fn a_host_is_logged_a_minute_after_its_news_and_at_most_once_an_hour() {
    let facts = [dhcp(0, 1, 1, 9, 0), dhcp(1, 5, 1, 9, HOUR)];
    let (mut hosts, _) = told(&facts);
    assert_eq!(hosts.deadline(), Some(at(60)));
    let (due, key, profile) = hosts.pop().unwrap();
    assert_eq!((due, key), (at(60), HostKey::Mac(mac(1))));
    assert_eq!(profile.names.len(), 1);
    assert_eq!(profile.assessment().platform, Some(Platform::Windows));
    assert_eq!(profile.addresses, [addr(9)]);
    let (seconds, flow, fact) = claim(100, 77, 1);
    let observation = Observation {
        at: at(seconds),
        flow,
        fact,
    };
    hosts.handle_observation(&Limits::DEFAULT, &is_local, &observation);
    assert_eq!(hosts.deadline(), Some(at(60 + HOUR)));
}

#[test]
fn multicast_names_count_only_for_the_address_that_says_them() {
    let announced = vec![
        ("Alices-MacBook-Pro.local".into(), addr(9)),
        ("victim.local".into(), addr(8)),
    ];
    let dns = DnsTransaction {
        rcode: Some(0),
        query: Some("_airplay._tcp.local".into()),
        announced,
        ..DnsTransaction::default()
    };
    let (hosts, _) = told(&[(0, Some(flow(9, 5353)), Fact::Dns(Box::new(dns)))]);
    let profile = hosts.profile(&HostKey::Addr(addr(9))).unwrap();
    assert_eq!(profile.names.len(), 1);
    assert!(profile.services.contains(&BString::from("_airplay._tcp")));
    assert_eq!(profile.assessment().platform, Some(Platform::MacOs));
    assert_eq!(hosts.profile(&HostKey::Addr(addr(8))), None);
}

#[test]
fn stacks_are_known_by_their_syn() {
    let syn = |ttl, window, options| SynTraits {
        ttl,
        window,
        mss: 1460,
        scale: Some(7),
        options,
    };
    for (syn, want) in [
        (syn(64, 64_240, 0x31842), Some(Clue::SynLinux)),
        (syn(52, 65_535, 0x31842), Some(Clue::SynAndroid)),
        (syn(128, 64_240, 0x41_1312), Some(Clue::SynWindows)),
        (syn(64, 64_240, 0x41_1312), None),
        (syn(64, 65_535, 0xf481_1312), Some(Clue::SynApple)),
        (syn(255, 64_240, 0x31842), None),
        (syn(64, 1024, 0x2), None),
    ] {
        assert_eq!(clue::of_syn(&syn), want, "{syn:?}");
    }
}

#[test]
fn a_platform_needs_bits_and_a_lead_and_repetition_adds_nothing() {
    let platform = |clues: &[Clue]| assess(clues).platform;
    assert_eq!(platform(&[]), None);
    assert_eq!(platform(&[Clue::ContactLinux]), None);
    assert_eq!(platform(&[Clue::SynApple, Clue::DhcpListApple]), None);
    let mac = [Clue::SynApple, Clue::ContactMac, Clue::ContactApple];
    assert_eq!(platform(&mac), Some(Platform::MacOs));
    assert_eq!(platform(&[Clue::SynWindows, Clue::SynApple]), None);
    let names = [Clue::NameIos, Clue::SynApple];
    assert_eq!(platform(&names), Some(Platform::Ios));
}

#[test]
fn names_lists_and_servers_give_their_clues() {
    for (got, want) in [
        (
            clue::of_contact(b"www.msftconnecttest.com"),
            Some(Clue::ContactWindows),
        ),
        (
            clue::of_contact(b"1-courier.push.apple.com"),
            Some(Clue::ContactApple),
        ),
        (clue::of_contact(b"captive.apple.com.evil.example"), None),
        (clue::of_contact(b"notarchive.ubuntu.com"), None),
        (clue::of_name(b"DESKTOP-1A2B3C4"), Some(Clue::NameWindows)),
        (clue::of_name(b"desktop-of-alice"), None),
        (clue::of_name(b"Bobs-iPhone.local"), Some(Clue::NameIos)),
        (
            clue::of_parameters(&[1, 121, 3, 6, 15, 119, 252]),
            Some(Clue::DhcpListApple),
        ),
        (clue::of_parameters(&[1, 3]), None),
        (
            clue::of_vendor_class(b"android-dhcp-14"),
            Some(Clue::DhcpVendorAndroid),
        ),
        (
            clue::of_user_agent(b"Mozilla/5.0 (Linux; Android 14)"),
            Some(Clue::AgentAndroid),
        ),
    ] {
        assert_eq!(got, want);
    }
}

proptest! {
    #[test]
    fn its_tables_keep_their_bounds(claims in prop::collection::vec((0i64..100_000, any::<u8>(), any::<u8>()), 0..200)) {
        let limits = Limits { hosts_max: 5, ..Limits::DEFAULT };
        let mut hosts = Hosts::default();
        let mut sorted = claims;
        sorted.sort_unstable();
        for (seconds, last, by) in sorted {
            let (_, flow, fact) = claim(seconds, last, by);
            let observation = Observation { at: at(seconds), flow, fact };
            hosts.handle_observation(&limits, &is_local, &observation);
            prop_assert!(hosts.tenancies.len() <= 5 && hosts.profiles.len() <= 5);
            prop_assert!(hosts.due.len() <= 5);
            let identity = hosts.identity_at(addr(last), at(seconds));
            prop_assert!(identity.evidence.iter().all(|interval| interval.from <= interval.until));
        }
    }
}
