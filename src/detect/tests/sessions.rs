//! AN0146: long sessions; and what the operator allows.

use super::super::allow::{Allow, Stale, Who};
use super::*;
use std::collections::BTreeSet;

const OUTSIDE: &str = "relay.example.org";

/// An interactive shell of so many minutes: the server asks, the client answers.
fn shell(minutes: i64) -> FlowProfile {
    FlowProfile {
        age: Span::from_secs(minutes * 60),
        open: true,
        exchanges: 60,
        by_responder: 55,
        inverted: 50,
        inverted_share: Some(0.98),
        pcr: Some(0.9),
        irregularity: Some(0.6),
        gap_log_sd: Some(1.2),
        pings: 20,
        ping_gaps: vec![(39, 19)],
        ..shape_of(40_000, 3000)
    }
}

fn held(profile: FlowProfile, to: &'static str, client: Client) -> Vec<(Call, FlowProfile)> {
    vec![(call(DATABASE, HOUR + 600, to, client), profile)]
}

fn told(sessions: &[(Call, FlowProfile)]) -> Vec<Alert> {
    let mut all = observe_shaped(SERVERS, &usual_shaped(24, 0));
    all.extend(observe_shaped(SERVERS, sessions));
    run(&mut Engine::new(), &all)
}

/// Whether the session is alerted on.
fn alerts_on(profile: FlowProfile) -> bool {
    !told(&held(profile, OUTSIDE, Client::Script)).is_empty()
}

#[test]
fn a_long_session_that_answers_its_server_is_alerted_on_while_it_is_open() {
    let mut all = observe_shaped(SERVERS, &usual_shaped(24, 0));
    all.extend(observe_shaped(
        SERVERS,
        &held(shell(10), OUTSIDE, Client::Script),
    ));
    let alerts = alerts_across_restarts(&all);
    let [alert] = &alerts[..] else {
        panic!("{} alerts", alerts.len())
    };
    let found: Vec<_> = ids(alert).iter().map(|(id, _)| *id).collect();
    let expected = [
        "session.shape",
        "role.destination_rarity",
        "role.long_session_rarity",
        "fp.role_rarity",
        "session.duration",
    ];
    assert_eq!(found, expected);
    assert_eq!(alert.analytic, attack::Analytic::An0146);
    assert_eq!(alert.mitre.technique, "T1001");
    assert_eq!(&*alert.object.service, "example.org");
    // 10 for the shape, 0 of 23 peers, and their 4.64 less 2 % for the client.
    assert_eq!((alert.bits, alert.tier), (Bits::new(19.19), Tier::Medium));
    assert_eq!((alert.n, alert.flows.len()), (60, 1));
    assert!(alert.message.contains("has held an unexpected session"));
    assert!(
        alert
            .against
            .iter()
            .any(|item| item.id == "session.keep_alives")
    );
    // The same session is judged again at its next check-point and not told again.
    let later: Vec<_> = [10, 30, 60]
        .into_iter()
        .flat_map(|minutes| held(shell(minutes), OUTSIDE, Client::Script))
        .collect();
    assert_eq!(told(&later).len(), 1);
}

#[test]
fn each_condition_of_a_long_session_has_two_sides() {
    assert!(alerts_on(shell(10)));
    let with = |change: fn(&mut FlowProfile)| {
        let mut profile = shell(10);
        change(&mut profile);
        alerts_on(profile)
    };
    assert!(!with(|profile| profile.age = Span::from_millis(599_999)));
    assert!(with(|profile| profile.exchanges = 8));
    assert!(!with(|profile| profile.exchanges = 7));
    // Ordinary web traffic of the same length, and a session that nothing can be told of.
    assert!(!with(|profile| {
        (profile.inverted, profile.inverted_share) = (0, Some(0.0));
        profile.pcr = Some(-0.9);
    }));
    assert!(!with(|profile| profile.irregularity = None));
    // Telemetry: pure upload, like clockwork. A slow drip is as pure and is not.
    let drip = |profile: &mut FlowProfile, irregularity| {
        (profile.by_responder, profile.inverted) = (0, 0);
        (profile.inverted_share, profile.pcr) = (Some(0.0), Some(0.99));
        (profile.irregularity, profile.gap_log_sd) = (Some(irregularity), Some(0.5));
    };
    let mut telemetry = shell(10);
    drip(&mut telemetry, 0.0);
    assert!(!alerts_on(telemetry));
    let mut slow = shell(10);
    drip(&mut slow, 0.8);
    assert!(alerts_on(slow));
}

#[test]
fn a_session_is_judged_where_it_is_longer_than_most_or_alone_in_being_long() {
    let against = |hosts: u8, age: i64| {
        let mut others = usual_shaped(hosts, 0);
        for (_, profile) in &mut others {
            profile.age = Span::from_secs(age);
        }
        let mut all = observe_shaped(SERVERS, &others);
        let held = held(shell(60), OUTSIDE, Client::Script);
        all.extend(observe_shaped(SERVERS, &held));
        run(&mut Engine::new(), &all).len()
    };
    // One in twenty-one is few enough; nineteen sessions of the role are too few to tell.
    assert_eq!(against(20, 5), 1);
    assert_eq!(against(19, 5), 0);
    // Sessions of other destinations make none usual where nobody else has long ones.
    assert_eq!(against(24, 3500), 1);
}

#[test]
fn sessions_that_a_role_or_an_application_is_known_for_are_expected() {
    assert_eq!(told(&held(shell(10), OUTSIDE, Client::Browser)), []);
    // A browser at a host that is made for long sessions; a script at the same.
    let gateway = "gateway.discord.gg";
    assert_eq!(told(&held(shell(10), gateway, Client::Browser)), []);
    assert_eq!(told(&held(shell(10), gateway, Client::Script)).len(), 1);
    // Most of the role holds such sessions.
    let calm = FlowProfile {
        open: false,
        ..shape_of(500, 3000)
    };
    let holding = |hosts: u8| {
        let hold = |host| {
            let calm = FlowProfile {
                age: Span::from_secs(700),
                ..calm.clone()
            };
            (call(host, i64::from(host), OUTSIDE, Client::Script), calm)
        };
        let mut all: Vec<_> = (8..8 + hosts).map(hold).collect();
        all.extend((0..20).flat_map(|n| {
            let mut usual = usual_shaped(24, 0);
            usual.iter_mut().for_each(|(call, _)| call.at += n * 3);
            usual
        }));
        let mut all = observe_shaped(SERVERS, &all);
        all.extend(observe_shaped(
            SERVERS,
            &held(shell(60), OUTSIDE, Client::Script),
        ));
        run(&mut Engine::new(), &all).len()
    };
    assert_eq!((holding(2), holding(16)), (1, 0));
}

fn allowed(change: impl FnOnce(&mut Allow)) -> Settings {
    let day = |day| Timestamp::from_parts(START + day * DAY, 0);
    let mut entry = Allow {
        id: "allow-1".into(),
        who: Who::Network("10.0.1.7/32".parse().unwrap()),
        domain: "slack.com".into(),
        client_class: None,
        analytics: BTreeSet::new(),
        owner: "ops".into(),
        ticket: "T-1".into(),
        reason: "notices".into(),
        created: day(-1),
        expires: day(100),
    };
    change(&mut entry);
    settings().with_allow(vec![entry])
}

#[test]
fn an_alert_that_an_entry_covers_is_suppressed_and_no_other() {
    let observations = observe(SERVERS, &[usual(24, 0), script(3)].concat());
    let by = |settings: &Settings| {
        let alerts = run_with(settings, &mut Engine::new(), &observations);
        let [alert] = &alerts[..] else {
            panic!("{} alerts", alerts.len())
        };
        let results = alert.suppressions_checked.iter();
        let results: Vec<String> = results.map(|checked| checked.result.clone()).collect();
        (alert.suppressed_by.is_some(), results.join(";"))
    };
    type Change = fn(&mut Allow);
    let (covered, elsewhere) = ((true, "suppresses"), (false, ""));
    for (change, expected) in [
        ((|_| ()) as Change, covered),
        (|entry| entry.who = Who::Role("servers".into()), covered),
        (|entry| entry.domain = "hooks.slack.com".into(), covered),
        (
            |entry| entry.client_class = Some(client::Kind::ToolOrLibrary),
            covered,
        ),
        (
            |entry| entry.analytics = [attack::Analytic::An1190].into(),
            covered,
        ),
        (
            |entry| entry.who = Who::Role("workstations".into()),
            elsewhere,
        ),
        (
            |entry| entry.who = Who::Network("10.0.1.8/32".parse().unwrap()),
            elsewhere,
        ),
        (|entry| entry.domain = "ooks.slack.com".into(), elsewhere),
        (
            |entry| entry.client_class = Some(client::Kind::Browser),
            elsewhere,
        ),
        (
            |entry| entry.analytics = [attack::Analytic::An0146].into(),
            elsewhere,
        ),
        (
            |entry| entry.expires = Timestamp::from_parts(START, 0),
            (false, "expired 2027-01-15"),
        ),
        (
            |entry| entry.created = entry.expires,
            (false, "begins 2027-04-25"),
        ),
    ] {
        let (suppressed, result) = by(&allowed(change));
        assert_eq!((suppressed, result.as_str()), expected);
    }
}

#[test]
fn direction_evidence_above_ten_bits_breaks_through_and_an_expired_entry_lets_go() {
    let mut all = observe_shaped(SERVERS, &usual_shaped(24, 0));
    all.extend(observe_shaped(
        SERVERS,
        &held(shell(10), OUTSIDE, Client::Script),
    ));
    let covering = allowed(|entry| entry.domain = "example.org".into());
    let alerts = run_with(&covering, &mut Engine::new(), &all);
    assert_eq!(alerts[0].suppressed_by, None);
    let result = &alerts[0].suppressions_checked[0].result;
    assert!(
        result.starts_with("broken through by session.shape"),
        "{result}"
    );
    // Suppressed while the entry counts, told as soon as it does not.
    let mut calls = script(3);
    calls[2].at += 2 * HOUR;
    let observations = observe(SERVERS, &[usual(24, 0), calls].concat());
    let until = |entry: &mut Allow| entry.expires = Timestamp::from_parts(START + 2 * HOUR, 0);
    let alerts = run_with(&allowed(until), &mut Engine::new(), &observations);
    let told = alerts
        .iter()
        .map(|alert| (alert.revision, alert.suppressed_by.is_some()));
    assert_eq!(told.collect::<Vec<_>>(), [(0, true), (1, false)]);
}

#[test]
fn entries_that_expired_are_told_once() {
    let settings = allowed(|_| ());
    let mut stale = Stale::default();
    let mut digest = |days| {
        let at = Timestamp::from_parts(START + days * DAY, 0);
        stale.digest(settings.allow(), at)
    };
    assert_eq!(digest(99), None);
    assert!(digest(100).is_some_and(|text| text.contains("allow-1 of ops")));
    assert_eq!(digest(101), None);
}
