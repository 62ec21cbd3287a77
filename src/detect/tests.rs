use super::called::NamedBy;
use super::catalogue::Catalogue;
use super::evidence::{Bits, Evidence, Group, Item, Tier, Tiers};
use super::settings::{Role, RoleKind, Rules};
use super::*;
use crate::limits::Limits;
use crate::net::{Endpoint, Side, Transport, Uid};
use crate::observe::profile::{Exchange, FlowProfile, SideProfile};
use crate::observe::*;
use crate::time::{Span, Timestamp};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

mod budgeted;
mod cadence;
mod inventory;
mod packed;
mod replies;
mod sessions;
mod unscheduled;
mod watching;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_800_000_000 / DAY * DAY;

/// A program with its hello.
#[derive(Clone, Copy, PartialEq)]
enum Client {
    Updater,
    Script,
    Browser,
}

impl Client {
    fn ja4(self) -> &'static str {
        match self {
            Client::Updater => "t13d3112h1_e8f1e7e78f70_b26ce05bbdd6",
            Client::Script => "t13d1812h1_85036bcba153_d41ae481755e",
            Client::Browser => "t13d1516h2_8daaf6152771_02713d6af862",
        }
    }

    fn hello(self) -> HelloTraits {
        let browser = self == Client::Browser;
        HelloTraits {
            grease: browser,
            ech: browser,
            compress_certificate: browser,
            application_settings: browser,
            ciphers: 15,
            extensions: if browser { 16 } else { 12 },
        }
    }
}

/// One HTTPS call of a host of the site.
#[derive(Clone, Copy)]
struct Call {
    host: u8,
    at: i64,
    to: &'static str,
    client: Client,
    up: u64,
    down: u64,
    exchanges: u32,
}

fn call(host: u8, at: i64, to: &'static str, client: Client) -> Call {
    Call {
        host,
        at: START + at,
        to,
        client,
        up: 1200,
        down: 3000,
        exchanges: 1,
    }
}

fn local(network: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, network, host))
}

fn outside(name: &str) -> IpAddr {
    let low = name.bytes().fold(0u8, u8::wrapping_add);
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, low))
}

fn flow_id(network: u8, call: &Call, to: IpAddr) -> FlowId {
    let port = 40_000 + (call.at % 20_000) as u16;
    FlowId {
        uid: Uid::from_words(u32::from(call.host), call.at as u64),
        first_at: Timestamp::from_parts(call.at, 0),
        originator: Endpoint {
            addr: local(network, call.host),
            port,
        },
        responder: Endpoint {
            addr: to,
            port: 443,
        },
        transport: Transport::Tcp,
    }
}

fn observation(seconds: i64, flow: FlowId, fact: Fact) -> Observation {
    Observation {
        at: Timestamp::from_parts(seconds, 0),
        flow: Some(flow),
        fact,
    }
}

fn session(call: &Call) -> TlsSession {
    TlsSession {
        server_name: Some(call.to.into()),
        client_alpn: vec!["h2".into(), "http/1.1".into()],
        established: true,
        ja3: Some("0".repeat(32).into()),
        ja4: Some(call.client.ja4().into()),
        hello: Some(call.client.hello()),
        ..TlsSession::default()
    }
}

fn summary(call: &Call) -> FlowSummary {
    let side = |bytes| SideTally {
        bytes,
        packets: 9,
        ip_bytes: bytes.saturating_add(360),
    };
    FlowSummary {
        duration: Some(Span::from_secs(1)),
        tally: [side(call.up), side(call.down)],
        state: ConnState::Sf,
        history: "ShADadFf".into(),
        missed_bytes: 0,
        services: vec!["ssl".into()],
        ip_proto: 6,
        vlan: [None; 2],
        macs: [None; 2],
        tunnel_parents: Vec::new(),
        exchanges: call.exchanges,
    }
}

/// The observations of `calls` in capture order, from hosts of `network`.
fn observe(network: u8, calls: &[Call]) -> Vec<Observation> {
    let each = calls.iter().flat_map(|call| {
        let flow = flow_id(network, call, outside(call.to));
        let tls = observation(call.at, flow, Fact::Tls(Box::new(session(call))));
        [
            tls,
            observation(call.at + 1, flow, Fact::Flow(Box::new(summary(call)))),
        ]
    });
    let mut all: Vec<_> = each.collect();
    all.sort_by_key(|observation| observation.at);
    all
}

const SERVERS: u8 = 1;
const WORKSTATIONS: u8 = 2;
const DATABASE: u8 = 7;

/// The templates are built once.
static SETTINGS: LazyLock<Settings> = LazyLock::new(fresh_settings);

fn settings() -> Settings {
    SETTINGS.clone()
}

fn fresh_settings() -> Settings {
    let role = |name: &str, kind, network: &str| Role {
        name: name.into(),
        kind,
        networks: vec![network.parse().unwrap()],
    };
    let roles = vec![
        role("workstations", RoleKind::Workstation, "10.0.2.0/24"),
        role("site", RoleKind::Unspecified, "10.0.0.0/8"),
        role("servers", RoleKind::Server, "10.0.1.0/24"),
    ];
    Settings::new(
        roles,
        Catalogue::shipped(),
        Rules::shipped(),
        Tiers::DEFAULT,
    )
}

fn run(engine: &mut Engine, observations: &[Observation]) -> Vec<Alert> {
    run_with(&settings(), engine, observations)
}

fn run_with(settings: &Settings, engine: &mut Engine, observations: &[Observation]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for observation in observations {
        engine.handle_observation(settings, &Limits::DEFAULT, observation, &mut alerts);
    }
    alerts
}

/// The alerts of `observations`, which are the same where the engine is saved and restored between
/// any two of them.
fn alerts_across_restarts(observations: &[Observation]) -> Vec<Alert> {
    let whole = run(&mut Engine::new(), observations);
    let (mut engine, mut pieces) = (Engine::new(), Vec::new());
    for observation in observations {
        pieces.extend(run(&mut engine, std::slice::from_ref(observation)));
        let saved = postcard::to_stdvec(&engine).unwrap();
        let restored = postcard::from_bytes(&saved).unwrap();
        assert_eq!(engine, restored);
        engine = restored;
    }
    assert_eq!(pieces, whole);
    whole
}

/// The observations of calls in capture order, each with an exchange, a shape and an account.
fn observe_shaped(network: u8, calls: &[(Call, FlowProfile)]) -> Vec<Observation> {
    let each = calls.iter().flat_map(|(call, profile)| {
        let flow = flow_id(network, call, outside(call.to));
        let end = call.at + profile.age.as_secs_f64() as i64;
        let exchange = Exchange {
            at: flow.first_at,
            by: Side::Originator,
            upload_bytes: profile.sides[0].application_bytes,
        };
        [
            observation(call.at, flow, Fact::Tls(Box::new(session(call)))),
            observation(call.at, flow, Fact::Exchange(Box::new(exchange))),
            observation(end, flow, Fact::Profile(Box::new(profile.clone()))),
            observation(end, flow, Fact::Flow(Box::new(summary(call)))),
        ]
    });
    let mut all: Vec<_> = each.collect();
    all.sort_by_key(|observation| observation.at);
    all
}

/// The shape of a flow of one request that is read.
fn shape_of(request: u32, reply: u32) -> FlowProfile {
    let side = |bytes: u32| SideProfile {
        bytes: u64::from(bytes) + 1000,
        application_bytes: bytes.into(),
        ..SideProfile::default()
    };
    FlowProfile {
        age: Span::from_secs(1),
        tls: true,
        sides: [side(request), side(reply)],
        exchanges: 1,
        requests: 1,
        request_sizes: vec![(request, 1)],
        reply_sizes: vec![(reply, 1)],
        ..FlowProfile::default()
    }
}

/// What `usual` calls, each with its shape.
fn usual_shaped(hosts: u8, hour: i64) -> Vec<(Call, FlowProfile)> {
    let shaped = |call| (call, shape_of(500, 3000));
    usual(hosts, hour).into_iter().map(shaped).collect()
}

fn alerts(network: u8, calls: &[Call]) -> Vec<Alert> {
    run(&mut Engine::new(), &observe(network, calls))
}

/// An hour in which hosts 1 to `hosts` fetch updates.
fn usual(hosts: u8, hour: i64) -> Vec<Call> {
    let fetch = |host| {
        let at = hour * HOUR + i64::from(host) * 60;
        call(host, at, "updates.example.net", Client::Updater)
    };
    (1..=hosts).map(fetch).collect()
}

/// A script on the database server posts to a webhook, `posts` times from the second hour on.
fn script(posts: i64) -> Vec<Call> {
    let post = |n| {
        call(
            DATABASE,
            HOUR + 600 + n * 300,
            "hooks.slack.com",
            Client::Script,
        )
    };
    (0..posts).map(post).collect()
}

fn ids(alert: &Alert) -> Vec<(&str, f64)> {
    alert
        .evidence
        .items()
        .map(|item| (&*item.id, item.bits.as_f64()))
        .collect()
}

#[test]
fn a_script_on_one_of_many_servers_that_never_chat_is_alerted_on_with_its_evidence() {
    let alerts = alerts(SERVERS, &[usual(24, 0), script(5)].concat());
    let [alert] = &alerts[..] else {
        panic!("{} alerts", alerts.len())
    };
    // 0 of 23 peers: log2 25 = 4.64; a tool is 2 % browser: 4.55.
    let expected = [
        ("role.service_rarity", 4.64),
        ("fp.role_rarity", 4.55),
        ("context.server_to_chat", 4.0),
        ("context.webhook_or_bot_api", 2.88),
    ];
    assert_eq!(ids(alert), expected);
    assert_eq!(
        (alert.bits, alert.tier, alert.score),
        (Bits::new(13.19), Tier::Low, 57)
    );
    assert_eq!((alert.n, alert.flows.len(), alert.revision), (2, 2, 0));
    // 0.6 × (1 − 2^(−23/20))
    assert_eq!(alert.confidence, 0.33);
    assert_eq!(alert.object.named_by, NamedBy::Sni);
    assert_eq!(&*alert.subject.role, "servers");
    assert_eq!(alert.note, "Tapir::AN1190");
    assert!(
        alert
            .counterfactual
            .starts_with("would not alert without role.service_rarity or fp.role_rarity;")
    );
}

#[test]
fn an_alert_is_one_json_line_with_everything_it_needs_to_explain_itself() {
    let alerts = alerts(SERVERS, &[usual(24, 0), script(2)].concat());
    let line = serde_json::to_string(&alerts[0]).unwrap();
    assert!(!line.contains('\n'));
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    for key in [
        "ts",
        "alert_id",
        "revision",
        "analytic",
        "mitre",
        "subject",
        "object",
        "score",
        "bits",
        "tier",
        "confidence",
        "confidence_reasons",
        "evidence",
        "against",
        "missing",
        "suppressions_checked",
        "counterfactual",
        "triage",
        "flows",
        "config_hash",
        "baseline_hash",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["analytic"], "AN1190");
    assert_eq!(json["mitre"]["technique"], "T1102");
    assert_eq!(json["mitre"]["attack_version"], "18.1");
    assert_eq!(json["alert_id"].as_str().unwrap().len(), 32);
    assert_eq!(json["object"]["sni"], "hooks.slack.com");
    for item in json["evidence"].as_array().unwrap() {
        for key in [
            "id",
            "group",
            "bits",
            "cap",
            "observed",
            "expected",
            "baseline_n",
            "why",
        ] {
            assert!(
                item.get(key).is_some_and(|value| *value != ""),
                "{key} of {item}"
            );
        }
    }
}

#[test]
fn a_recorded_fingerprint_decides_and_otherwise_the_structure_of_the_hello() {
    let clients = client::Clients::shipped();
    let (browser, script) = (Client::Browser.hello(), Client::Script.hello());
    let class = |ja4, hello| clients.classify(ja4, hello, &["h2"]);
    let curl = Some("t13d3112h2_e8f1e7e78f70_b26ce05bbdd6");
    let chromium = Some("t13d1517h2_8daaf6152771_cb7bf5808d99");
    assert!(class(curl, Some(&browser)).is_tool());
    assert!(class(chromium, Some(&script)).is_application());
    assert!(class(None, Some(&browser)).is_application());
    assert!(class(Some("unheard of"), Some(&script)).is_tool());
    let unknown = class(None, None);
    assert_eq!(unknown, client::ClientClass::UNKNOWN);
    assert!(!unknown.is_tool() && !unknown.is_application());
    for class in [
        class(curl, None),
        class(chromium, None),
        class(None, Some(&browser)),
    ] {
        let known = class.browser() + class.native_app() + class.tool_or_library();
        assert!((known + class.unknown() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_browser_on_a_workstation_using_the_same_service_is_not() {
    let browse = |host| {
        let at = i64::from(host) * 70;
        (0..3).map(move |n| call(host, at + n * HOUR, "app.slack.com", Client::Browser))
    };
    let everybody: Vec<_> = (1..=24).flat_map(browse).collect();
    assert_eq!(alerts(WORKSTATIONS, &everybody), []);
    // Nor is the only one who uses it.
    let alone: Vec<_> = browse(7).collect();
    let others: Vec<_> = (1..=24)
        .flat_map(|host| (0..3).map(move |n| (host, n)))
        .map(|(host, n)| call(host, n * HOUR + 5, "www.example.org", Client::Browser))
        .collect();
    assert_eq!(alerts(WORKSTATIONS, &[others, alone].concat()), []);
}

#[test]
fn without_peers_nothing_is_alerted_on() {
    let mut calls = [usual(0, 0), script(9)].concat();
    calls
        .iter_mut()
        .for_each(|call| (call.up, call.down) = (50_000_000, 1000));
    assert_eq!(alerts(SERVERS, &calls), []);
    // Peers of another role are none.
    let mut engine = Engine::new();
    assert_eq!(run(&mut engine, &observe(WORKSTATIONS, &usual(24, 0))), []);
    assert_eq!(run(&mut engine, &observe(SERVERS, &calls)), []);
}

#[test]
fn what_is_common_among_peers_is_not_alerted_on() {
    let notify = |host, hour| {
        let at = hour * HOUR + i64::from(host) * 60 + 7;
        call(host, at, "hooks.slack.com", Client::Script)
    };
    let others = (1..=24)
        .filter(|host| *host != DATABASE)
        .map(|host| notify(host, 0));
    let mut late = script(9);
    late.iter_mut()
        .for_each(|call| (call.up, call.down) = (2_000_000, 1000));
    let calls = [usual(24, 0), others.collect(), late].concat();
    assert_eq!(alerts(SERVERS, &calls), []);
}

#[test]
fn a_single_post_raises_nothing_unless_it_carries_much() {
    assert_eq!(alerts(SERVERS, &[usual(24, 0), script(1)].concat()), []);
    let mut post = script(1);
    post[0].up = 100_000;
    assert_eq!(
        alerts(SERVERS, &[usual(24, 0), post.clone()].concat()).len(),
        1
    );
    post[0].up = 99_999;
    assert_eq!(alerts(SERVERS, &[usual(24, 0), post].concat()), []);
    let mut far_apart = script(2);
    far_apart[1].at += DAY;
    assert_eq!(alerts(SERVERS, &[usual(24, 0), far_apart].concat()), []);
}

#[test]
fn a_louder_alert_amends_the_first_and_a_day_later_it_is_told_anew() {
    let mut calls = script(3);
    calls[2].up = 5_000_000;
    let again = script(2).into_iter().map(|mut call| {
        call.at += DAY + HOUR;
        call.up = 5_000_000;
        call
    });
    let calls = [usual(24, 0), calls, again.collect()].concat();
    let alerts = alerts(SERVERS, &calls);
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.revision, alert.tier))
        .collect();
    let expected = [(0, Tier::Low), (1, Tier::Medium), (0, Tier::Medium)];
    assert_eq!(told, expected);
    assert_eq!(alerts[0].alert_id, alerts[1].alert_id);
    assert_ne!(alerts[0].alert_id, alerts[2].alert_id);
    assert!(ids(&alerts[1]).contains(&("direction.upload_skew", 4.0)));
}

#[test]
fn what_was_alerted_on_teaches_the_baseline_nothing() {
    let second = |n: i64| call(8, 3 * HOUR + n * 300, "hooks.slack.com", Client::Script);
    let calls = [usual(24, 0), script(6), vec![second(0), second(1)]].concat();
    let alerts = alerts(SERVERS, &calls);
    assert_eq!(alerts.len(), 2);
    assert_eq!(alerts[1].evidence.first().observed["hosts_role_using"], 0);
}

#[test]
fn what_many_hosts_of_a_role_are_alerted_on_for_becomes_what_the_role_does() {
    let by = |host: u8, at: i64| (0..6).map(move |n| (host, at + n * 300));
    let posts = |hosts: std::ops::Range<u8>, at: i64| {
        let each = hosts.flat_map(move |host| by(host, at));
        each.map(|(host, at)| call(host, at, "hooks.slack.com", Client::Script))
    };
    let found = |first: u8| {
        // In the third hour some begin, in the fourth they go on, in the fifth another one begins.
        let mut calls = usual(40, 0);
        calls.extend(posts(1..1 + first, 3 * HOUR));
        calls.extend(posts(1..1 + first, 4 * HOUR));
        calls.extend(posts(30..31, 5 * HOUR + 60));
        calls.sort_by_key(|call| call.at);
        let alerts = alerts(SERVERS, &calls);
        alerts
            .iter()
            .filter(|alert| alert.subject.host == "10.0.1.30")
            .map(|alert| alert.bits)
            .next()
    };
    assert!(found(1).is_some(), "one other host makes nothing usual");
    assert_eq!(found(6), None);
}

#[test]
fn a_first_use_counts_once_the_host_has_a_history() {
    let history: Vec<_> = (0..6).flat_map(|day| usual(24, day * 24)).collect();
    let mut late = script(2);
    late.iter_mut().for_each(|call| call.at += 6 * DAY);
    let alerts = alerts(SERVERS, &[history, late].concat());
    // min(3, log2(6 + 2)) × (1 − 1/25) and the 4.64 of the rarity are above the group's cap of 6.
    assert!(
        ids(&alerts[0]).contains(&("host.first_use", 6.0)),
        "{:?}",
        ids(&alerts[0])
    );
    assert_eq!(alerts[0].bits, Bits::new(13.19 + 1.36));
}

#[test]
fn a_flow_without_a_name_of_its_own_is_named_by_dns_else_by_the_certificate() {
    let addr = outside("hooks.slack.com");
    for (by_dns, certificate, expected) in [
        (true, &[][..], Some(NamedBy::Dns)),
        (true, &["*.example.org"][..], Some(NamedBy::Dns)),
        (
            false,
            &["slack.com", "*.slack.com"][..],
            Some(NamedBy::Certificate),
        ),
        (false, &["slack.com", "example.org"][..], None),
        (false, &[][..], None),
    ] {
        let mut observations = observe(SERVERS, &usual(24, 0));
        for call in script(2) {
            let flow = flow_id(SERVERS, &call, addr);
            if by_dns {
                let dns = DnsTransaction {
                    query: Some("hooks.slack.com".into()),
                    addresses: vec![(addr, 60)],
                    ..DnsTransaction::default()
                };
                let mut asked = flow;
                asked.responder = Endpoint {
                    addr: local(0, 53),
                    port: 53,
                };
                observations.push(observation(call.at - 1, asked, Fact::Dns(Box::new(dns))));
            }
            let mut tls = session(&call);
            tls.server_name = None;
            tls.certificate_names = certificate.iter().map(|name| (*name).into()).collect();
            observations.push(observation(call.at, flow, Fact::Tls(Box::new(tls))));
            let summary = Fact::Flow(Box::new(summary(&call)));
            observations.push(observation(call.at + 1, flow, summary));
        }
        let alerts = run(&mut Engine::new(), &observations);
        let named_by = alerts.first().map(|alert| alert.object.named_by);
        assert_eq!(named_by, expected, "{certificate:?}");
        assert!(alerts.iter().all(|alert| alert.object.sni.is_none()));
    }
}

#[test]
fn calls_that_stay_inside_or_come_from_outside_or_get_no_answer_are_not_judged() {
    let quiet = |change: fn(&mut Observation)| {
        let mut observations = observe(SERVERS, &script(4));
        observations.iter_mut().for_each(change);
        run(
            &mut Engine::new(),
            &[observe(SERVERS, &usual(24, 0)), observations].concat(),
        )
    };
    assert_eq!(
        quiet(|o| o.flow.as_mut().unwrap().responder.addr = local(3, 3)),
        []
    );
    assert_eq!(
        quiet(|o| o.flow.as_mut().unwrap().originator.addr = outside("x")),
        []
    );
    assert_eq!(quiet(|o| o.flow = None), []);
    let unanswered = |o: &mut Observation| {
        if let Fact::Flow(summary) = &mut o.fact {
            summary.tally[1].bytes = 0;
        }
    };
    assert_eq!(quiet(unanswered), []);
    assert_eq!(quiet(|_| ()).len(), 1);
}

#[test]
fn saving_and_restoring_between_any_two_observations_changes_no_alert() {
    let mut posts = script(4);
    posts[3].up = 5_000_000;
    let observations = observe(SERVERS, &[usual(24, 0), usual(24, 1), posts].concat());
    let whole = run(&mut Engine::new(), &observations);
    assert_eq!(whole.len(), 2);
    let mut engine = Engine::new();
    let mut pieces = Vec::new();
    for observation in &observations {
        let saved = postcard::to_stdvec(&engine).unwrap();
        let mut restored: Engine = postcard::from_bytes(&saved).unwrap();
        assert_eq!(restored, engine);
        pieces.extend(run(&mut restored, std::slice::from_ref(observation)));
        engine = restored;
    }
    assert_eq!(pieces, whole);
}

#[test]
fn the_most_specific_network_decides_the_role() {
    let settings = settings();
    let name = |addr| settings.role_of(addr).map(|role| &*role.name);
    assert_eq!(name(local(1, 1)), Some("servers"));
    assert_eq!(name(local(2, 1)), Some("workstations"));
    assert_eq!(name(local(3, 1)), Some("site"));
    assert_eq!(name(outside("x")), None);
}

#[test]
fn groups_are_capped_and_one_alone_is_no_evidence() {
    let item = |id, group, bits| Item::new(id, group, Bits::whole(bits));
    let timing = item("a", Group::Timing, 40);
    assert_eq!(
        Evidence::weigh(vec![timing.clone(), item("b", Group::Timing, 3)]),
        None
    );
    assert_eq!(
        Evidence::weigh(vec![timing.clone(), item("b", Group::Context, -3)]),
        None
    );
    let items = vec![
        item("c", Group::Context, 3),
        item("d", Group::Context, 2),
        timing,
        item("e", Group::Endpoint, -6),
        item("f", Group::Context, -9),
    ];
    let evidence = Evidence::weigh(items).unwrap();
    assert_eq!(evidence.total(), Bits::whole(12 + 3 - 6));
    assert_eq!(evidence.total_without("c"), Bits::whole(12 + 2 - 6));
    let ids: Vec<_> = evidence.items().map(|item| &*item.id).collect();
    assert_eq!(ids, ["a", "f", "e", "c", "d"]);
}

#[test]
fn tiers_and_scores_are_those_of_their_table() {
    let tiers = Tiers::DEFAULT;
    for (bits, groups, endpoint, tier, score) in [
        (9.99, 3, false, None, 39),
        (10.0, 2, false, Some(Tier::Low), 39),
        (10.0, 1, false, None, 39),
        (16.0, 2, false, Some(Tier::Medium), 72),
        (22.0, 2, false, Some(Tier::Medium), 91),
        (22.0, 3, false, Some(Tier::High), 91),
        (22.0, 2, true, Some(Tier::High), 91),
        (12.0, 2, false, Some(Tier::Low), 50),
    ] {
        let bits = Bits::new(bits);
        assert_eq!(
            tiers.tier(bits, groups, endpoint),
            tier,
            "{bits:?} {groups} {endpoint}"
        );
        assert_eq!(tiers.score(bits), score, "{bits:?}");
    }
    assert_eq!(Bits::rarity(0, 37), Bits::new(5.29));
    assert_eq!(Bits::rarity(0, 0), Bits::whole(1));
    assert_eq!(Bits::new(f64::NAN), Bits::ZERO);
}

/// Any call, odd ones included.
fn any_observation() -> impl Strategy<Value = Observation> {
    let names = [
        "hooks.slack.com",
        "a.workers.dev",
        "discord.com",
        "",
        "x",
        "..",
        "api.box.com",
    ];
    let clients = [Client::Updater, Client::Script, Client::Browser];
    let sizes = prop_oneof![Just(0), 0..5_000_000u64, Just(u64::MAX)];
    let parts = (
        0u8..4,
        0u8..5,
        any::<u16>(),
        0..names.len(),
        0..clients.len(),
        0u8..7,
        sizes,
    );
    parts.prop_map(move |(network, host, at, name, client, kind, bytes)| {
        let mut call = call(host, i64::from(at) * 20, names[name], clients[client]);
        (call.up, call.down, call.exchanges) = (bytes, bytes / 2, at.into());
        let flow = flow_id(network, &call, outside(call.to));
        let dns = || DnsTransaction {
            query: Some(call.to.into()),
            addresses: vec![(outside(call.to), u32::from(at) << 16)],
            ..DnsTransaction::default()
        };
        let small = at % 9;
        let share = f64::from(at) / 30_000.0 - 1.0;
        let fact = match kind {
            0 => Fact::Dns(Box::new(dns())),
            1 => Fact::Tls(Box::new(session(&call))),
            2 => Fact::Exchange(Box::new(Exchange {
                at: flow.first_at,
                by: if small == 0 {
                    Side::Responder
                } else {
                    Side::Originator
                },
                upload_bytes: bytes,
            })),
            3 => Fact::Profile(Box::new(FlowProfile {
                age: Span::from_nanos(bytes as i64),
                open: small == 0,
                exchanges: at.into(),
                by_responder: small.into(),
                inverted: at.into(),
                inverted_share: Some(share),
                pcr: (small > 1).then_some(share),
                irregularity: Some(if small == 7 { f64::NAN } else { share }),
                ping_gaps: vec![(small as u8 * 30, at)],
                unread: small % 2 == 0,
                empty: small.into(),
                ..shape_of(at.into(), u32::from(small) * 100)
            })),
            4 => Fact::Http(Box::new(HttpTransaction {
                host: Some(call.to.into()),
                uri: Some(format!("/{bytes:x}").repeat(small.into()).into()),
                ..HttpTransaction::default()
            })),
            _ => Fact::Flow(Box::new(summary(&call))),
        };
        let mut observation = observation(call.at, flow, fact);
        if bytes == u64::MAX {
            observation.at = Timestamp::from_nanos(i64::MIN + i64::from(at));
        }
        observation
    })
}

proptest! {
    #[test]
    fn any_observations_are_taken_within_the_bounds(
        observations in proptest::collection::vec(any_observation(), 0..150),
    ) {
        let limits = Limits {
            dns_memory_max: 2,
            baseline_keys_max: 3,
            calls_max: 2,
            hosts_max: 2,
            alerts_max: 1,
            ..Limits::DEFAULT
        };
        let (settings, mut alerts, mut engine) = (settings(), Vec::new(), Engine::new());
        for observation in &observations {
            engine.handle_observation(&settings, &limits, observation, &mut alerts);
        }
        for alert in &alerts {
            prop_assert!(alert.evidence.groups() >= 2);
            prop_assert!(serde_json::to_string(alert).is_ok());
        }
    }

    #[test]
    fn the_order_of_other_hosts_within_an_epoch_does_not_matter(seed in any::<u64>()) {
        let notify = |host| call(host, i64::from(host) * 60 + 9, "discord.com", Client::Updater);
        let others = (1..=24).filter(|host| *host != DATABASE);
        let notified = others.step_by(5).map(notify);
        let others: Vec<_> = usual(24, 0).into_iter().chain(notified).collect();
        let expected = alerts(SERVERS, &[others.clone(), script(3)].concat());
        prop_assert_eq!(expected.len(), 1);
        let mut shuffled = others;
        shuffled.sort_by_key(|call| (call.at as u64).wrapping_mul(seed | 1));
        for (n, call) in shuffled.iter_mut().enumerate() {
            call.at = START + n as i64 * 50;
        }
        let found = alerts(SERVERS, &[shuffled, script(3)].concat());
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_p_value_is_worth_half_its_bits_less_one() {
    for (p, bits) in [(1e-3, 3.98), (1e-5, 7.3), (0.25, 0.0), (1.0, -1.0)] {
        assert_eq!(Bits::calibrated(p).as_f64(), bits, "{p}");
    }
    assert!(Bits::calibrated(0.0) > Bits::whole(500) && Bits::calibrated(f64::NAN) > Bits::ZERO);
}
