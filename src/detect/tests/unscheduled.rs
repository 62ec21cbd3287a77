//! Calls that nobody agreed to, calls that did not come, and large uploads, as an engine is told.

use super::super::attack::Analytic;
use super::super::note::Note;
use super::super::schedules::{Hours, Pattern, Schedule, Schedules, Weekday, Whom};
use super::*;

/// Twenty weekday mornings on which hosts 1 to 24 fetch updates each working hour.
fn weeks(hosts: u8) -> Vec<Call> {
    let days = (0..28).filter(|day| !matches!(weekday(*day), Weekday::Sat | Weekday::Sun));
    let hours = days.flat_map(|day| (9..17).map(move |hour| day * 24 + hour));
    hours.flat_map(|hour| usual(hosts, hour)).collect()
}

/// The weekday of the `day`th day after the start.
fn weekday(day: i64) -> Weekday {
    // 1970-01-01 was a Thursday.
    Weekday::ALL[(START / DAY + day + 3).rem_euclid(7) as usize]
}

fn shaped(calls: Vec<Call>) -> Vec<(Call, FlowProfile)> {
    let shape = |call: Call| (call, shape_of(call.up as u32, call.down as u32));
    calls.into_iter().map(shape).collect()
}

/// The database server's agent calls a service by night, when it is 03:00 on days 22 to 24.
fn nightly() -> Vec<Call> {
    let at = |n: i64| (22 + n) * DAY + 3 * HOUR;
    (0..3)
        .map(|n| call(DATABASE, at(n), "api.notion.com", Client::Script))
        .collect()
}

fn of(analytic: Analytic, alerts: &[Alert]) -> Vec<&Alert> {
    let found = alerts.iter().filter(|alert| alert.analytic == analytic);
    found.collect()
}

#[test]
fn the_third_call_that_nobody_agreed_to_is_alerted_on_and_a_restart_changes_nothing() {
    let calls = [weeks(40), nightly()].concat();
    let observations = observe_shaped(SERVERS, &shaped(calls));
    let alerts = run(&mut Engine::new(), &observations);
    let found = of(Analytic::An1191, &alerts);
    let [alert] = &found[..] else {
        panic!("{} alerts", found.len())
    };
    assert_eq!((alert.n, alert.flows.len()), (3, 3));
    assert!(ids(alert).iter().any(|(id, _)| *id == "role.unauthorised"));
    assert_eq!(alert.mitre.technique, "T1102");
    assert!(alert.evidence.items().all(|item| !item.expected.is_empty()));
    // Saved and restored between the second and the third of them.
    let third = Timestamp::from_parts(START + 24 * DAY, 0);
    let (before, after) = observations.split_at(observations.partition_point(|o| o.at < third));
    let mut engine = Engine::new();
    let mut pieces = run(&mut engine, before);
    let saved = postcard::to_stdvec(&engine).unwrap();
    let mut restored: Engine = postcard::from_bytes(&saved).unwrap();
    assert_eq!(engine, restored);
    pieces.extend(run(&mut restored, after));
    assert_eq!(pieces, alerts);
}

#[test]
fn what_two_hosts_do_is_no_news_but_for_the_hours() {
    let both = nightly().into_iter().flat_map(|call| {
        let other = Call {
            host: 8,
            at: call.at + 7200 - DAY,
            ..call
        };
        [other, call]
    });
    let mut calls = [weeks(24), both.collect()].concat();
    calls.sort_by_key(|call| call.at);
    let alerts = run(&mut Engine::new(), &observe_shaped(SERVERS, &shaped(calls)));
    let unauthorised = |alert: &&Alert| {
        let mut items = alert.evidence.items();
        items.any(|item| item.id == "role.unauthorised")
    };
    let found = of(Analytic::An1191, &alerts);
    assert!(
        !found
            .iter()
            .any(|alert| alert.subject.host == "10.0.1.8" && unauthorised(alert))
    );
}

/// The agent of the database server calls by noon, on every weekday.
fn noon(expected: bool) -> Settings {
    let schedule = Schedule {
        id: "noon".into(),
        owner: "it".into(),
        whom: Whom::Role("servers".into()),
        client: None,
        process: None,
        destinations: vec![Pattern::new("api.notion.com").unwrap()],
        hours: Hours {
            days: Weekday::ALL[..5].to_vec(),
            from_s: 12 * 3600,
            to_s: 13 * 3600,
            offset_s: 0,
        },
        beat: None,
        upload_bytes_max: None,
        expected,
        tolerance: Span::from_secs(600),
        expires_at: Timestamp::from_parts(START + 100 * DAY, 0),
    };
    let rules = Rules {
        schedules: Schedules(vec![schedule]),
        ..Rules::shipped()
    };
    let roles = fresh_settings().roles().to_vec();
    Settings::new(roles, Catalogue::shipped(), rules, Tiers::DEFAULT)
}

#[test]
fn a_call_that_a_schedule_expects_is_missed_where_its_host_is_awake() {
    let agent = |day: i64| {
        let at = day * DAY + 12 * HOUR + 1800;
        call(DATABASE, at, "api.notion.com", Client::Script)
    };
    let working = (0..7).filter(|day| !matches!(weekday(*day), Weekday::Sat | Weekday::Sun));
    let working: Vec<i64> = working.collect();
    let calls = [weeks(8), vec![agent(working[0])]].concat();
    let mut calls: Vec<Call> = calls
        .into_iter()
        .filter(|call| call.at < START + (working[1] + 1) * DAY)
        .collect();
    calls.sort_by_key(|call| call.at);
    for (expected, told) in [(true, 1), (false, 0)] {
        let settings = noon(expected);
        let mut engine = Engine::new();
        let alerts = run_with(
            &settings,
            &mut engine,
            &observe_shaped(SERVERS, &shaped(calls.clone())),
        );
        assert!(of(Analytic::An1191, &alerts).is_empty());
        let notes = engine.take_notes();
        assert_eq!(notes.len(), told, "{notes:?}");
        if let [note @ Note::Missed(missed)] = &notes[..] {
            assert_eq!((missed.misses, &*missed.schedule), (1, "noon"));
            assert!(
                note.message()
                    .contains("10.0.1.7 made no call of schedule noon")
            );
        }
    }
}

/// A backup of the database server that goes somewhere new, by a tool, in `parts` flows.
fn upload(bytes: u64, parts: i64) -> Vec<Call> {
    let part = |n| Call {
        up: bytes / parts as u64,
        down: 4000,
        ..call(
            DATABASE,
            25 * DAY + n * 120,
            "drop.example.org",
            Client::Script,
        )
    };
    (0..parts).map(part).collect()
}

#[test]
fn a_large_upload_to_a_new_destination_is_alerted_on_in_one_piece_or_in_ten() {
    for parts in [1, 10] {
        let calls = [weeks(24), upload(80_000_000, parts)].concat();
        let alerts = run(&mut Engine::new(), &observe_shaped(SERVERS, &shaped(calls)));
        let found = of(Analytic::An1415, &alerts);
        assert!(!found.is_empty(), "{parts} flows");
        let last = found.last().unwrap();
        assert_eq!(last.mitre.tactic, "exfiltration");
        assert_eq!(last.object.name, "drop.example.org");
        assert!(last.evidence.groups() >= 2 && last.tier <= Tier::Medium);
        assert!(last.message.contains("unusual encrypted upload"));
        let all = ids(last);
        assert!(
            all.iter().any(|(id, _)| *id == "destination.new"),
            "{all:?}"
        );
    }
}

#[test]
fn small_uploads_and_those_of_every_week_raise_nothing() {
    let small = [weeks(24), upload(900_000, 1)].concat();
    let weekly = (0..4).map(|week| Call {
        up: 80_000_000,
        down: 4000,
        ..call(
            DATABASE,
            week * 7 * DAY + 2 * HOUR,
            "backup.example.net",
            Client::Updater,
        )
    });
    let mut usual = [weeks(24), weekly.collect()].concat();
    usual.sort_by_key(|call| call.at);
    let alerts = |calls| run(&mut Engine::new(), &observe_shaped(SERVERS, &shaped(calls)));
    assert!(of(Analytic::An1415, &alerts(small)).is_empty());
    let usual = alerts(usual);
    let late = of(Analytic::An1415, &usual);
    let second_week = Timestamp::from_parts(START + 14 * DAY, 0);
    assert!(late.iter().all(|alert| alert.at < second_week), "{late:?}");
}
