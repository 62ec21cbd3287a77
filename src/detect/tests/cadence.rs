//! Cadence, and which keys are remembered.

use std::slice;

use super::super::calls::{CallKey, Calls};
use super::super::client::Kind;
use super::super::timing::Timing;
use super::super::track::{EARLY_MAX, Tracks};
use super::*;
use crate::profile::cadence::{Event, Fit, Reading, SERIES_BYTES_MAX, View};

/// Numbers below `below` that look random.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    }
}

fn event(at: i64) -> Event {
    Event {
        at: Timestamp::from_parts(START + at, 0),
        upload_bytes: Some(400),
        host_idle: true,
    }
}

/// A script that posts to a webhook, after gaps of 200 to 300 seconds or of anything between 2 s
/// and two hours.
fn posts(regular: bool) -> Vec<(Call, FlowProfile)> {
    let mut random = random(7);
    let mut at = HOUR + 600;
    let post = |_| {
        let gap = match regular {
            true => 200 + random(100),
            false => (3 << random(12)) + random(5),
        };
        at += gap as i64;
        let call = call(DATABASE, at, "hooks.slack.com", Client::Script);
        (call, shape_of(800, 40))
    };
    (0..40).map(post).collect()
}

fn item<'a>(alert: &'a Alert, id: &str) -> Option<&'a Item> {
    alert.evidence.items().find(|item| item.id == id)
}

#[test]
fn a_timer_and_uploads_alone_are_a_sync_client() {
    let mut posts = posts(true);
    for (call, _) in &mut posts {
        (call.up, call.down) = (2_000_000, 1000);
    }
    let peer = (
        call(1, 7, "hooks.slack.com", Client::Script),
        shape_of(800, 40),
    );
    let mut observations = observe_shaped(WORKSTATIONS, &[peer]);
    observations.extend(observe_shaped(WORKSTATIONS, &posts));
    let alerts = run(&mut Engine::new(), &observations);
    let about = |alert: &Alert| alert.analytic == attack::Analytic::An1190;
    assert!(!alerts.iter().any(about), "{alerts:?}");
}

#[test]
fn a_script_that_posts_by_a_timer_is_told_again_once_the_timer_shows() {
    let observations = |regular| {
        let mut all = observe_shaped(SERVERS, &usual_shaped(24, 0));
        all.extend(observe_shaped(SERVERS, &posts(regular)));
        all
    };
    let alerts = alerts_across_restarts(&observations(true));
    let about = |alert: &&Alert| alert.analytic == attack::Analytic::An1190;
    let [first, second] = &alerts.iter().filter(about).collect::<Vec<_>>()[..] else {
        panic!("{} alerts", alerts.len())
    };
    assert_eq!((first.tier, second.tier), (Tier::Low, Tier::Medium));
    assert_eq!(item(first, "timing.glr"), None);
    assert!(first.missing[1].component.starts_with("request cadence: 2"));
    let timing = item(second, "timing.glr").expect("the timer shows");
    assert_eq!(timing.cap, Bits::whole(6));
    assert!(timing.bits >= Bits::whole(5));
    let sleep = timing.observed["sleep_s"].as_f64().unwrap();
    assert!((200.0..330.0).contains(&sleep), "{sleep}");
    assert!(second.flows.len() > 10);
    assert_eq!(first.alert_id, second.alert_id);
    // Without a timer, that its size never changes on an idle host is what is left.
    let alerts = run(&mut Engine::new(), &observations(false));
    let timing = |alert: &Alert| item(alert, "timing.glr").is_some();
    assert!(!alerts.iter().any(timing));
    let last = alerts.iter().rfind(about).unwrap();
    assert!(item(last, "timing.persistence").is_some_and(|item| item.bits < Bits::whole(5)));
}

#[test]
fn a_timer_is_worth_a_quarter_of_its_bits_from_twenty_on() {
    let timing = |bits| {
        let fit = Fit {
            bits,
            n: 30,
            centre_s: 60.0,
            width: 0.12,
            missed: 0.02,
            contamination: 0.03,
            log_likelihood: [0.0; 2],
        };
        let view = View::All;
        Timing {
            events: 31,
            reading: Some(Reading { bits, view, fit }),
            persistence: None,
        }
    };
    let bits = |bits, cap| {
        let item = timing(bits).periodicity(Bits::whole(cap));
        item.map(|item| item.bits.as_f64())
    };
    assert_eq!(bits(19.99, 12), None);
    assert_eq!(bits(20.0, 12), Some(5.0));
    assert_eq!(bits(47.0, 12), Some(11.75));
    assert_eq!(bits(400.0, 12), Some(12.0));
    assert_eq!(bits(400.0, 6), Some(6.0));
    assert_eq!(bits(f64::NAN, 6), None);
}

#[test]
fn persistence_counts_without_a_timer_and_beside_rarity_and_client_only() {
    let mut tracks = Tracks::new(Kind::ToolOrLibrary);
    let mut random = random(3);
    let mut at = 0;
    for _ in 0..200 {
        // Exponential sleeps of ten minutes: as many an hour at all hours.
        at += 3 + (-600.0 * ((1 + random(9999)) as f64 / 10_000.0).ln()) as i64;
        tracks.handle_event(settings().templates(), Kind::ToolOrLibrary, event(at));
    }
    let timing = tracks.timing(Kind::ToolOrLibrary);
    assert_eq!(timing.periodicity(Bits::whole(12)), None);
    let found = |group, bits| Item::new("x", group, Bits::whole(bits));
    let rare = found(Group::DestinationRarity, 3);
    let client = found(Group::ClientFingerprint, 3);
    let timer = found(Group::Timing, 5);
    let item = timing.persistence(&[rare.clone(), client.clone()]).unwrap();
    assert!(item.bits > Bits::whole(4) && item.bits <= Bits::whole(6));
    for items in [
        slice::from_ref(&rare),
        slice::from_ref(&client),
        &[rare.clone(), found(Group::ClientFingerprint, -4)],
        &[rare.clone(), client.clone(), timer],
    ] {
        assert_eq!(timing.persistence(items), None);
    }
}

#[test]
fn a_young_key_is_small_and_a_known_one_keeps_the_bound_of_its_series() {
    let (limits, mut calls) = (Limits::DEFAULT, Calls::default());
    let key: CallKey = (local(1, 1), "registrable.example".into());
    let kind = Kind::ToolOrLibrary;
    let mut take = |at| {
        let at = event(at);
        let call = calls.entry((&limits, 0), &key, kind, at.at).unwrap();
        let looked = call.tracks.handle_event(settings().templates(), kind, at);
        (looked, call.bytes())
    };
    // The key is held twice, in two trees that are at least half full.
    let held = 2 * (size_of::<CallKey>() + 8 + 20);
    for n in 0..EARLY_MAX as i64 {
        let (looked, bytes) = take(n * 60);
        assert!(!looked && bytes + held <= 450, "{bytes}");
    }
    let mut most = 0;
    for n in EARLY_MAX as i64..3000 {
        let (looked, bytes) = take(n * 60 + n * n % 59);
        assert!(looked || n > EARLY_MAX as i64);
        most = most.max(bytes);
    }
    assert!(most <= SERIES_BYTES_MAX + 450, "{most}");
}

#[test]
fn a_program_is_told_from_a_person_who_calls_the_same_with_another_client() {
    let mut tracks = Tracks::new(Kind::Browser);
    let (templates, mut random) = (settings().templates().clone(), random(11));
    let mut events: Vec<(i64, Kind)> = (0..60)
        .map(|n| (n * 300 + random(40) as i64, Kind::ToolOrLibrary))
        .collect();
    events.extend((0..200).map(|_| (random(18_000) as i64, Kind::Browser)));
    events.sort();
    for (at, kind) in events {
        let size = match kind {
            Kind::Browser => 200 + random(3000),
            _ => 300 + random(2000),
        };
        let event = Event {
            upload_bytes: Some(size),
            ..event(at)
        };
        tracks.handle_event(&templates, kind, event);
    }
    assert!(tracks.timing(Kind::ToolOrLibrary).bits() > 30.0);
    assert!(tracks.timing(Kind::Browser).bits() < 20.0);
}

#[test]
fn keys_that_come_once_never_push_out_one_that_comes_again() {
    let limits = Limits {
        calls_max: 50,
        ..Limits::DEFAULT
    };
    let key = |n: usize| -> CallKey { (local(1, 1), format!("n{n}.example").into()) };
    let mut calls = Calls::default();
    let mut at = 0;
    let mut come = |calls: &mut Calls, n| {
        at += 1;
        let at = event(at).at;
        let call = calls.entry((&limits, 5), &key(n), Kind::Unknown, at);
        call.is_some()
    };
    for n in (0..50).chain(0..50) {
        assert!(come(&mut calls, n));
    }
    // Fewer than what would halve the counts.
    let admitted = (1000..1300).filter(|n| come(&mut calls, *n)).count();
    assert_eq!((admitted, calls.evicted(), calls.refused()), (0, 0, 300));
    assert!(come(&mut calls, 49));
    // One that comes more often than who was seen longest ago gets its place.
    assert!(!come(&mut calls, 2000) && !come(&mut calls, 2000) && come(&mut calls, 2000));
    assert_eq!(calls.evicted(), 1);
    assert!(calls.get(&key(0)).is_none() && calls.get(&key(2000)).is_some());
}

#[test]
fn a_long_flow_to_a_service_is_judged_at_its_check_points() {
    let mut all = observe_shaped(SERVERS, &usual_shaped(24, 0));
    let call = call(DATABASE, HOUR + 600, "hooks.slack.com", Client::Script);
    let flow = flow_id(SERVERS, &call, outside(call.to));
    let exchange = |at| {
        let at = Timestamp::from_parts(call.at + at, 0);
        Fact::Exchange(Box::new(Exchange {
            by: Side::Originator,
            at,
            upload_bytes: 9,
        }))
    };
    let open = FlowProfile {
        age: Span::from_secs(600),
        open: true,
        ..shape_of(800, 40)
    };
    all.push(observation(
        call.at,
        flow,
        Fact::Tls(Box::new(session(&call))),
    ));
    all.push(observation(call.at, flow, exchange(0)));
    let once = all.clone();
    all.push(observation(call.at + 300, flow, exchange(300)));
    let judged = |mut all: Vec<Observation>| {
        let profile = Fact::Profile(Box::new(open.clone()));
        all.push(observation(call.at + 600, flow, profile));
        let alerts = run(&mut Engine::new(), &all);
        alerts.iter().map(|alert| alert.n).collect::<Vec<_>>()
    };
    assert_eq!(judged(all), [2]);
    assert_eq!(judged(once), [0; 0]);
}
