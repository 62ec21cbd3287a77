//! AN1601: replies that nobody handles.

use super::*;

const COLLECTOR: &str = "collector.example.org";

fn an1601(alerts: &[Alert]) -> Vec<&Alert> {
    let of = |alert: &&Alert| alert.analytic == attack::Analytic::An1601;
    alerts.iter().filter(of).collect()
}

/// A flow that leaves its reply unread.
fn unread() -> FlowProfile {
    FlowProfile {
        unread: true,
        ..shape_of(500, 3000)
    }
}

/// `n` flows of the database server to the collector, irregularly from the second hour on.
fn posts(n: i64, profile: impl Fn(i64) -> FlowProfile) -> Vec<(Call, FlowProfile)> {
    let post = |n| {
        let at = HOUR + 600 + n * 40 + (1i64 << (n % 7));
        (call(DATABASE, at, COLLECTOR, Client::Script), profile(n))
    };
    (0..n).map(post).collect()
}

fn told(others: &[(Call, FlowProfile)], posts: &[(Call, FlowProfile)]) -> Vec<Alert> {
    let mut all = observe_shaped(SERVERS, others);
    all.extend(observe_shaped(SERVERS, posts));
    run(&mut Engine::new(), &all)
}

#[test]
fn replies_that_are_never_read_are_alerted_on_with_the_fifth() {
    let others = usual_shaped(24, 0);
    let mut all = observe_shaped(SERVERS, &others);
    all.extend(observe_shaped(SERVERS, &posts(8, |_| unread())));
    let alerts = alerts_across_restarts(&all);
    let [alert] = an1601(&alerts)[..] else {
        panic!("{} alerts", alerts.len())
    };
    let expected = [
        ("replies.unread", 10.0),
        ("role.destination_rarity", 4.64),
        ("fp.role_rarity", 4.55),
    ];
    assert_eq!(ids(alert), expected);
    assert_eq!((alert.tier, alert.n), (Tier::Medium, 5));
    assert_eq!(alert.flows.len(), 5);
    assert_eq!(alert.mitre.technique, "T1102.003");
    // 0.6 × (1 − 2^(−5/12))
    assert_eq!(alert.confidence, 0.15);
    assert!(alert.message.contains("does not read the replies"));
    assert!(an1601(&told(&others, &posts(4, |_| unread()))).is_empty());
    // Five requests in one flow leave one reply unread: nothing to count.
    let one = FlowProfile {
        requests: 5,
        ..unread()
    };
    assert!(an1601(&told(&others, &posts(1, |_| one.clone()))).is_empty());
}

#[test]
fn a_server_whose_replies_nobody_reads_is_not_suspicious() {
    let mut others = usual_shaped(24, 0);
    let mut reset = usual_shaped(24, 0);
    for (call, profile) in &mut reset {
        (call.to, call.at, *profile) = (COLLECTOR, call.at + 1200, unread());
    }
    others.retain(|(call, _)| call.host != DATABASE);
    reset.retain(|(call, _)| call.host != DATABASE);
    let with =
        |others: &[(Call, FlowProfile)]| an1601(&told(others, &posts(12, |_| unread()))).len();
    assert_eq!(with(&others), 1);
    assert_eq!(with(&[others, reset].concat()), 0);
}

#[test]
fn without_twenty_samples_of_others_no_rate_is_known() {
    let with = |hosts| an1601(&told(&usual_shaped(hosts, 0), &posts(9, |_| unread()))).len();
    // The server itself is one of them, with another object.
    assert_eq!((with(19), with(20)), (0, 1));
}

#[test]
fn a_browser_that_cancels_is_not_alerted_on() {
    let mut posts = posts(9, |_| unread());
    posts
        .iter_mut()
        .for_each(|(call, _)| call.client = Client::Browser);
    let others = usual_shaped(24, 0);
    let alerts = told(&others, &posts);
    assert!(
        an1601(&alerts)
            .iter()
            .all(|alert| alert.tier == Tier::Low && ids(alert).contains(&("fp.browser", -4.0)))
    );
}

#[test]
fn empty_replies_are_one_way_unless_they_are_usual() {
    let empty = |_| FlowProfile {
        empty: 1,
        ..shape_of(500, 27)
    };
    let others = usual_shaped(24, 0);
    let alerts = told(&others, &posts(20, empty));
    let [alert] = an1601(&alerts)[..] else {
        panic!("{} alerts", alerts.len())
    };
    assert!(ids(alert).contains(&("replies.empty", 6.0)));
    assert!(alert.message.contains("one way"));
    let mut telemetry = usual_shaped(24, 0);
    telemetry
        .iter_mut()
        .for_each(|(_, shape)| *shape = empty(0));
    assert!(an1601(&told(&telemetry, &posts(20, empty))).is_empty());
}

#[test]
fn the_same_reply_to_whatever_is_asked_is_one_way() {
    // Every host asks twelve times, and what comes back varies.
    let mut others = Vec::new();
    for n in 0..12 {
        let vary = usual_shaped(24, 0).into_iter().map(|(mut call, _)| {
            call.at += n * 5;
            (call, shape_of(500, 1000 + n as u32 % 8 * 100))
        });
        others.extend(vary);
    }
    let upload = |reply: fn(i64) -> u32| {
        let posts = posts(30, |n| shape_of(400 + n as u32 % 5 * 90, reply(n)));
        let alerts = told(&others, &posts);
        let bits = an1601(&alerts).iter().map(|alert| ids(alert)).next_back();
        bits.is_some_and(|ids| ids.contains(&("replies.constant", 6.0)))
    };
    assert!(upload(|_| 180));
    assert!(!upload(|n| 180 + n as u32 % 2 * 50));
}

#[test]
fn a_poll_whose_changed_reply_is_followed_by_something_new_fetched_it() {
    let mut random = 5u64;
    let mut at = HOUR;
    let mut polls = Vec::new();
    for n in 0..50 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        at += 50 + (random >> 33) as i64 % 20;
        let reply = if n == 40 { 1900 } else { 700 };
        let call = call(DATABASE, at, COLLECTOR, Client::Script);
        polls.push((call, shape_of(150, reply)));
    }
    let (changed, _) = polls[40];
    let fetched = |after: i64| {
        let mut polls = polls.clone();
        let mut next = changed;
        (next.at, next.to) = (changed.at + after, "download.example.com");
        polls.push((next, shape_of(200, 90_000)));
        let alerts = told(&usual_shaped(24, 0), &polls);
        let ids = an1601(&alerts).iter().map(|alert| ids(alert)).next_back();
        ids.is_some_and(|ids| ids.contains(&("replies.fetched", 8.0)))
    };
    assert!(fetched(100));
    assert!(!fetched(130));
}

#[test]
fn a_random_uri_in_clear_is_context() {
    let uri_of = |uri: &str| {
        let mut all = observe_shaped(SERVERS, &usual_shaped(24, 0));
        let posts = posts(6, |_| unread());
        for (call, profile) in &posts {
            let flow = flow_id(SERVERS, call, outside(call.to));
            let http = HttpTransaction {
                host: Some(COLLECTOR.into()),
                uri: Some(uri.into()),
                ..HttpTransaction::default()
            };
            let shaped = observe_shaped(SERVERS, &[(*call, profile.clone())]);
            all.push(observation(call.at, flow, Fact::Http(Box::new(http))));
            all.extend(shaped);
        }
        let alerts = run(&mut Engine::new(), &all);
        let alert = an1601(&alerts).into_iter().next().map(ids);
        alert.is_some_and(|ids| ids.contains(&("context.uri_entropy", 2.0)))
    };
    assert!(uri_of("/Zx9qLw2Tn7RkV4bYc6HdJ0mPs3GfA8eU1iOoXjBt"));
    assert!(!uri_of("/api/api/api/api/api/api/api/api/api/api"));
    assert!(!uri_of("/Zx9qLw2Tn7RkV4bYc6HdJ0"));
}

#[test]
fn what_was_alerted_on_teaches_the_answers_nothing() {
    let mut second = posts(8, |_| unread());
    for (call, _) in &mut second {
        (call.host, call.at) = (8, call.at + 3 * HOUR);
    }
    let all = [posts(30, |_| unread()), second].concat();
    let alerts = told(&usual_shaped(24, 0), &all);
    let found = an1601(&alerts);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].evidence.first().id, "replies.unread");
    assert_eq!(ids(found[0]), ids(found[1]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_of_other_hosts_answers_within_an_epoch_does_not_matter(seed in any::<u64>()) {
        let mut others = usual_shaped(24, 0);
        for (n, (_, profile)) in others.iter_mut().enumerate() {
            profile.unread = n % 9 == 0;
            profile.empty = u32::from(n % 5 == 0);
        }
        let posts = posts(9, |_| unread());
        let expected = told(&others, &posts);
        prop_assert_eq!(an1601(&expected).len(), 1);
        others.sort_by_key(|(call, _)| (call.at as u64).wrapping_mul(seed | 1));
        for (n, (call, _)) in others.iter_mut().enumerate() {
            call.at = START + n as i64 * 50;
        }
        prop_assert_eq!(told(&others, &posts), expected);
    }
}
