use super::*;
use crate::endpoint::Join;
use crate::endpoint::Status;
use crate::endpoint::passage::PolicyAction;
use crate::endpoint::report::{Deed, FlowActivity, FlowReport, Place, Process};
use crate::net::Endpoint;
use crate::observe::{Fact, TlsSession};

const CLIENT: &str = "10.0.0.5";
const NAT: &str = "203.0.113.4";
const PROXY: &str = "10.0.0.1";
const SERVER: &str = "198.51.100.7";
const DAY: i64 = 1_795_226_400;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(DAY * 1_000_000_000 + millis * 1_000_000)
}

fn end(addr: &str, port: u16) -> Endpoint {
    let addr = addr.parse().unwrap();
    Endpoint { addr, port }
}

fn place(addr: &str, port: Option<u16>) -> Place {
    let addr = addr.parse().ok();
    Place { addr, port }
}

fn flow(n: u64, from: (&str, u16), to: (&str, u16), millis: i64) -> FlowId {
    FlowId {
        uid: Uid::from_words(9, n),
        first_at: at(millis),
        originator: end(from.0, from.1),
        responder: end(to.0, to.1),
        transport: Transport::Tcp,
    }
}

/// A site that saw the flow for a second, with this server name.
fn see(site: &mut Gateways, flow: FlowId, name: Option<&str>) {
    let session = TlsSession {
        server_name: name.map(Into::into),
        ..TlsSession::default()
    };
    let observation = Observation {
        at: flow.first_at + Span::from_secs(1),
        flow: Some(flow),
        fact: Fact::Tls(Box::new(session)),
    };
    site.handle_observation(&Limits::DEFAULT, &observation);
}

fn web(client: Place, name: &str, user: &str) -> Passage {
    Passage {
        begins: true,
        client,
        name: Some(name.into()),
        user: Some(user.into()),
        action: Some(PolicyAction::Allowed),
        ..Passage::default()
    }
}

fn nat(client: Place, source: Place) -> Passage {
    Passage {
        kind: PassageKind::Flow,
        begins: true,
        client,
        server: place(SERVER, Some(443)),
        source,
        ..Passage::default()
    }
}

fn tell(site: &mut Gateways, gateway: &str, millis: i64, passage: &Passage) -> Vec<Uid> {
    let deed = Deed::Passage(Box::new(passage.clone()));
    let mut report = Report::of_event(gateway, at(millis), deed);
    report.window.to = at(millis + 500);
    site.handle_passage(&Limits::DEFAULT, &report, passage)
}

#[test]
fn a_request_with_the_clients_port_is_about_one_flow_to_the_proxy() {
    let mut site = Gateways::default();
    let flows = [50_000, 50_001].map(|port| {
        let flow = flow(u64::from(port), (CLIENT, port), (PROXY, 3128), 1000);
        see(&mut site, flow, None);
        flow
    });
    let client = place(CLIENT, Some(50_000));
    let about = tell(&mut site, "proxy", 1010, &web(client, "a.example", "alice"));
    assert_eq!(about, [flows[0].uid]);
    let passed = site.passed(&flows[0]).unwrap();
    assert_eq!((passed.status, passed.leg), (Status::Matched, Leg::Client));
    assert_eq!(passed.named, Named::Origin);
    assert_eq!(passed.passage.user.as_deref(), Some("alice"));
    assert!(passed.confidence > 0.5 && passed.confidence < 1.0);
    assert_eq!(site.passed(&flows[1]), None);
}

#[test]
fn it_does_not_matter_which_comes_first() {
    let flow = flow(1, (CLIENT, 50_000), (PROXY, 3128), 1000);
    let told = web(place(CLIENT, Some(50_000)), "a.example", "alice");
    let mut early = Gateways::default();
    tell(&mut early, "proxy", 1010, &told);
    see(&mut early, flow, None);
    let mut late = Gateways::default();
    see(&mut late, flow, None);
    assert_eq!(tell(&mut late, "proxy", 1010, &told), [flow.uid]);
    let [early, late] = [early, late].map(|site| site.passed(&flow).unwrap());
    assert_eq!(early.passage, late.passage);
    assert_eq!(early.status, Status::Matched);
}

#[test]
fn without_a_port_a_request_meets_the_flow_that_asks_for_its_name_then() {
    let mut site = Gateways::default();
    let one = flow(1, (CLIENT, 50_000), (PROXY, 3128), 1000);
    let other = flow(2, (CLIENT, 50_001), (PROXY, 3128), 1000);
    let later = flow(3, (CLIENT, 50_002), (PROXY, 3128), 60_000);
    see(&mut site, one, Some("A.example"));
    see(&mut site, other, Some("b.example"));
    see(&mut site, later, Some("a.example"));
    let told = web(place(CLIENT, None), "a.example", "alice");
    assert_eq!(tell(&mut site, "proxy", 1010, &told), [one.uid]);
    assert_eq!(site.passed(&one).unwrap().named, Named::Name);
    assert_eq!(site.passed(&other), None);
}

#[test]
fn fewer_lines_than_flows_that_they_could_be_about_name_nobody() {
    let mut site = Gateways::default();
    let flows = [1, 2].map(|n| {
        let flow = flow(n, (CLIENT, 50_000 + n as u16), (PROXY, 3128), 1000);
        see(&mut site, flow, Some("a.example"));
        flow
    });
    let told = web(place(CLIENT, None), "a.example", "alice");
    tell(&mut site, "proxy", 1010, &told);
    for flow in &flows {
        let passed = site.passed(flow).unwrap();
        assert_eq!(passed.status, Status::Ambiguous);
        assert_eq!((passed.passage.user, passed.confidence), (None, 0.0));
    }
    // Each flow has its line now, and all say the same.
    tell(&mut site, "proxy", 1020, &told);
    for flow in &flows {
        let passed = site.passed(flow).unwrap();
        assert_eq!(passed.status, Status::Matched);
        assert_eq!(passed.passage.user.as_deref(), Some("alice"));
    }
    let other = web(place(CLIENT, None), "a.example", "bob");
    tell(&mut site, "proxy", 1030, &other);
    let passed = site.passed(&flows[0]).unwrap();
    assert_eq!(passed.status, Status::Ambiguous);
    assert_eq!(passed.passage.user, None, "no guess");
    assert_eq!(passed.passage.name.as_deref(), Some("a.example"));
}

#[test]
fn gateways_that_contradict_each_other_are_a_conflict() {
    let mut site = Gateways::default();
    let flow = flow(1, (CLIENT, 50_000), (SERVER, 443), 1000);
    see(&mut site, flow, Some("a.example"));
    let client = place(CLIENT, Some(50_000));
    tell(&mut site, "proxy", 1010, &web(client, "a.example", "alice"));
    let mut told = nat(client, Place::default());
    tell(&mut site, "firewall", 1010, &told);
    let passed = site.passed(&flow).unwrap();
    assert_eq!(passed.status, Status::Matched, "one is silent of the user");
    assert_eq!(passed.gateways, ["firewall".into(), "proxy".into()]);
    told.user = Some("bob".into());
    tell(&mut site, "firewall", 1020, &told);
    assert_eq!(site.passed(&flow).unwrap().status, Status::Conflict);
}

#[test]
fn a_translated_flow_is_its_clients() {
    let mut site = Gateways::default();
    let outer = flow(1, (NAT, 40_100), (SERVER, 443), 1000);
    see(&mut site, outer, None);
    assert_eq!(site.inner(&outer), None);
    let told = nat(place(CLIENT, Some(50_000)), place(NAT, Some(40_100)));
    assert_eq!(tell(&mut site, "firewall", 1010, &told), [outer.uid]);
    let inner = site.inner(&outer).unwrap();
    assert_eq!(inner.originator, end(CLIENT, 50_000));
    assert_eq!(inner.responder, outer.responder);
    let passed = site.passed(&outer).unwrap();
    assert_eq!((passed.leg, passed.named), (Leg::Onward, Named::Tuple));
    // The same port for somebody else at the same time: it could be either.
    let other = nat(place("10.0.0.6", Some(50_000)), place(NAT, Some(40_100)));
    tell(&mut site, "firewall", 1020, &other);
    assert_eq!(site.inner(&outer), None);
    assert_eq!(site.passed(&outer).unwrap().status, Status::Ambiguous);
}

#[test]
fn a_port_that_is_translated_again_belongs_to_each_in_its_time() {
    let mut site = Gateways::default();
    let [first, second] = [(1, 1000), (2, 120_000)].map(|(n, millis)| {
        let flow = flow(n, (NAT, 40_100), (SERVER, 443), millis);
        see(&mut site, flow, None);
        flow
    });
    for (client, millis) in [(CLIENT, 1010), ("10.0.0.6", 120_010)] {
        let told = nat(place(client, Some(50_000)), place(NAT, Some(40_100)));
        tell(&mut site, "firewall", millis, &told);
    }
    assert_eq!(site.inner(&first).unwrap().originator, end(CLIENT, 50_000));
    let inner = site.inner(&second).unwrap();
    assert_eq!(inner.originator, end("10.0.0.6", 50_000));
}

#[test]
fn a_clock_that_is_off_is_read_off_exact_lines() {
    let mut site = Gateways::default();
    for n in 0..3 {
        let port = 50_000 + n as u16;
        let millis = n as i64 * 10_000;
        see(
            &mut site,
            flow(n, (CLIENT, port), (PROXY, 3128), millis),
            None,
        );
        let told = web(place(CLIENT, Some(port)), "a.example", "alice");
        tell(&mut site, "proxy", millis + 90_000, &told);
    }
    let flow = flow(9, (CLIENT, 50_009), (PROXY, 3128), 60_000);
    see(&mut site, flow, Some("b.example"));
    let told = web(place(CLIENT, None), "b.example", "alice");
    assert_eq!(tell(&mut site, "proxy", 150_000, &told), [flow.uid]);
    let delta = site.passed(&flow).unwrap().delta;
    assert_eq!(delta, Span::ZERO, "the clock is 90 s ahead");
}

#[test]
fn a_dns_servers_log_says_who_asked() {
    let mut site = Gateways::default();
    let mut onward = flow(1, ("10.0.0.53", 33_000), (SERVER, 53), 1000);
    onward.transport = Transport::Udp;
    see(&mut site, onward, Some("a.example"));
    let told = Passage {
        kind: PassageKind::Lookup,
        client: place(CLIENT, Some(40_000)),
        server: place("10.0.0.53", Some(53)),
        name: Some("a.example".into()),
        ..Passage::default()
    };
    assert_eq!(tell(&mut site, "resolver", 1000, &told), [onward.uid]);
    let passed = site.passed(&onward).unwrap();
    assert_eq!((passed.leg, passed.status), (Leg::Onward, Status::Matched));
    assert_eq!(passed.passage.client.addr, CLIENT.parse().ok());
    let other = Passage {
        client: place("10.0.0.6", Some(40_000)),
        ..told
    };
    tell(&mut site, "resolver", 1000, &other);
    let passed = site.passed(&onward).unwrap();
    assert_eq!(passed.status, Status::Ambiguous);
    assert_eq!(passed.passage.client, Place::default());
}

#[test]
fn a_proxys_onward_flow_is_its_clients_once_the_proxys_address_is_known() {
    let mut site = Gateways::default();
    let inner = flow(1, (CLIENT, 50_000), (PROXY, 3128), 1000);
    let onward = flow(2, (PROXY, 33_000), (SERVER, 443), 1050);
    let foreign = flow(3, ("10.0.0.9", 33_000), (SERVER, 443), 1050);
    see(&mut site, inner, None);
    for flow in [onward, foreign] {
        see(&mut site, flow, Some("a.example"));
    }
    let told = Passage {
        method: Some("CONNECT".into()),
        peer: place(SERVER, Some(443)),
        ..web(place(CLIENT, Some(50_000)), "a.example", "alice")
    };
    let about = tell(&mut site, "proxy", 1010, &told);
    assert_eq!(about, [inner.uid, onward.uid]);
    let passed = site.passed(&onward).unwrap();
    assert_eq!((passed.leg, passed.named), (Leg::Onward, Named::Remote));
    assert_eq!(passed.passage.client.addr, CLIENT.parse().ok());
    assert_eq!(site.inner(&onward), None, "its ports were not told");
    let exact = Passage {
        source: place(PROXY, Some(33_000)),
        gateway: place(PROXY, Some(3128)),
        ..told
    };
    let mut site = Gateways::default();
    see(&mut site, onward, Some("a.example"));
    tell(&mut site, "proxy", 1010, &exact);
    let known = site.inner(&onward).unwrap();
    assert_eq!(known.originator, inner.originator);
    assert_eq!(known.responder, inner.responder);
}

#[test]
fn an_agent_behind_a_translation_names_the_process_whichever_line_comes_first() {
    let outer = flow(1, (NAT, 40_100), (SERVER, 443), 1000);
    let inner = FlowId {
        originator: end(CLIENT, 50_000),
        ..outer
    };
    let connect = FlowReport {
        activity: FlowActivity::Open,
        transport: Some(Transport::Tcp),
        direction: None,
        local: place(CLIENT, Some(50_000)),
        remote: place(SERVER, Some(443)),
        remote_name: None,
        bytes: None,
        process: Process {
            pid: Some(7),
            path: Some("/usr/bin/curl".into()),
            ..Process::default()
        },
    };
    let report = Report::of_event("laptop", at(1005), Deed::Flow(Box::new(connect)));
    let status = |join: &Join| join.attribution(&outer, at(9000), Span::ZERO).status;
    for translated_first in [true, false] {
        let mut join = Join::default();
        join.handle_flow(&Limits::DEFAULT, &outer, outer.first_at);
        if translated_first {
            assert!(join.handle_translation(outer.uid, Some(inner)));
        }
        let heard = join.handle_report(&Limits::DEFAULT, &report);
        assert_eq!(heard.about.is_empty(), !translated_first);
        if !translated_first {
            assert_eq!(status(&join), Status::Unobservable);
            assert!(join.handle_translation(outer.uid, Some(inner)));
        }
        assert_eq!(status(&join), Status::Matched);
        // The flow before the translation is seen too, and is the same connection.
        let own = FlowId {
            uid: Uid::from_words(9, 2),
            first_at: at(1002),
            ..inner
        };
        join.handle_flow(&Limits::DEFAULT, &own, own.first_at);
        assert_eq!(status(&join), Status::Matched);
        let before = join.attribution(&own, at(9000), Span::ZERO);
        assert_eq!(before.status, Status::Matched);
        // What is not sure any more is taken back.
        assert!(join.handle_translation(outer.uid, None));
        assert_eq!(status(&join), Status::Unobservable);
    }
}

#[test]
fn tables_are_bounded_and_what_leaves_is_forgotten_whole() {
    let limits = Limits {
        attributed_flows_max: 4,
        reports_max: 4,
        agents_max: 2,
        ..Limits::DEFAULT
    };
    let mut site = Gateways::default();
    for n in 0..20 {
        let flow = flow(n, (CLIENT, n as u16 + 1), (PROXY, 3128), n as i64);
        let observation = Observation {
            at: flow.first_at,
            flow: Some(flow),
            fact: Fact::Tls(Box::default()),
        };
        site.handle_observation(&limits, &observation);
        let told = web(place(CLIENT, Some(n as u16 + 1)), "a.example", "alice");
        let deed = Deed::Passage(Box::new(told.clone()));
        let report = Report::of_event(&format!("g{n}"), at(n as i64), deed);
        site.handle_passage(&limits, &report, &told);
    }
    assert!(site.evicted() >= 3 * 16);
    assert_eq!((site.flows_at.len(), site.passages_at.len()), (12, 4));
    site.expire(at(1_000_000));
    assert_eq!(site.flows_at.len() + site.passages_at.len(), 0);
}
