use super::*;
use crate::baseline::Standing;
use crate::detect::evidence::Tier;
use crate::detect::hours::Hours;
use crate::detect::presence::Presence;
use crate::detect::schedules::tests::{DAY, HOUR, MONDAY, at, backup, call, tool};
use crate::detect::schedules::{Beat, Schedule, Schedules};
use crate::net::Uid;
use crate::profile::cadence::{Event, Series, Templates};

/// Five weeks of hourly calls in office hours, learnt.
fn office() -> Habit {
    let mut calls = Habit::default();
    for day in (0..35).filter(|day| day % 7 < 5) {
        for hour in 9..17 {
            let t = at(MONDAY + day * DAY + hour * HOUR);
            calls.handle_call(t);
            calls.learn(t);
        }
    }
    calls
}

/// One call of a host, and what is known around it.
struct Scene {
    calls: Habit,
    schedules: Schedules,
    standing: Standing,
    familiar: bool,
    host_days: u32,
    others: Others,
    class: ClientClass,
    presence: Presence,
    upload_bytes: u64,
    pushed_at: Option<Timestamp>,
    cadence: Option<Reading>,
    shift: i8,
}

impl Scene {
    /// A tool that nobody else has calls a service that nobody else calls.
    fn new(calls: Habit) -> Scene {
        Scene {
            calls,
            schedules: Schedules::default(),
            standing: Standing::Pending,
            familiar: true,
            host_days: 30,
            others: Others {
                members: 60,
                fingerprinted: 60,
                ..Others::default()
            },
            class: tool(),
            presence: Presence::default(),
            upload_bytes: 2000,
            pushed_at: None,
            cadence: None,
            shift: 0,
        }
    }

    fn moment(&self, t: i64) -> Moment<'_> {
        let call = call(t);
        Moment {
            hours: Hours {
                at: call.at,
                among: self.calls.among(call.at, self.shift, None),
                awake: self.presence.awake(),
                shift: self.shift,
            },
            approval: self.schedules.approval(&call),
            standing: self.standing,
            familiar: self.familiar,
            host_days: self.host_days,
            upload_bytes: self.upload_bytes,
        }
    }

    /// What becomes of a call at `t`, as a detector does it.
    fn call(&mut self, t: i64) -> Option<Verdict> {
        let moment = self.moment(t);
        let odd = moment.is_odd();
        let hours = moment.hours;
        if odd {
            let off_schedule = moment.is_off_schedule();
            self.calls
                .handle_odd(at(t), Uid::from_words(7, t as u64), off_schedule);
        }
        let moment = Moment {
            hours,
            ..self.moment(t)
        };
        let verdict = judge(&Case {
            rules: &An1191::SHIPPED,
            tiers: &Tiers::DEFAULT,
            moment,
            role: "macs",
            object: "drive",
            calls: &self.calls,
            class: self.class,
            ja4: Some("t13d1812h1_85036bcba153_d41ae481755e"),
            others: self.others,
            cadence: self.cadence,
            pushed_at: self.pushed_at,
            user_at: None,
        });
        self.calls.handle_call(at(t));
        if verdict.is_none() {
            self.calls.learn(at(t));
        }
        verdict
    }
}

fn ids(verdict: &Verdict) -> Vec<&str> {
    let mut ids: Vec<_> = verdict.evidence.items().map(|item| &*item.id).collect();
    ids.sort_unstable();
    ids
}

/// The Sunday after the five weeks, at 03:00.
const NIGHT: i64 = MONDAY + 41 * DAY + 3 * HOUR;

#[test]
fn calls_at_other_hours_are_alerted_on_with_the_second_occasion() {
    let mut scene = Scene::new(office());
    assert!(scene.call(NIGHT).is_none());
    assert!(scene.call(NIGHT + 60).is_none());
    assert!(
        scene.call(NIGHT + 120).is_none(),
        "three calls, one occasion"
    );
    let verdict = scene.call(NIGHT + 2 * HOUR).unwrap();
    assert_eq!(
        ids(&verdict),
        [
            "fp.role_rarity",
            "role.pair_rarity",
            "role.unauthorised",
            "schedule.surprise"
        ]
    );
    assert_eq!(verdict.n, 4);
    assert_eq!(
        verdict.deed,
        "calls drive unauthorised and outside its usual hours"
    );
    assert!(verdict.tier >= Tier::Low);
}

#[test]
fn the_same_calls_in_usual_hours_by_usual_clients_raise_nothing() {
    let mut scene = Scene::new(office());
    scene.standing = Standing::Usual(2);
    for day in 0..4 {
        let t = MONDAY + (42 + day) * DAY + 11 * HOUR;
        assert!(!scene.moment(t).is_odd());
        assert!(scene.call(t).is_none() && scene.call(t + 60).is_none());
    }
}

#[test]
fn one_host_alone_is_unauthorised_and_two_are_not() {
    for (standing, host_days, odd) in [
        (Standing::Pending, 5, true),
        (Standing::Pending, 4, false),
        (Standing::Unknown, 5, true),
        (Standing::Usual(2), 5, false),
    ] {
        let mut scene = Scene::new(Habit::default());
        (scene.standing, scene.host_days) = (standing, host_days);
        assert_eq!(
            scene.moment(NIGHT).is_odd(),
            odd,
            "{standing:?} {host_days}"
        );
    }
}

#[test]
fn what_is_new_to_a_host_and_rare_in_its_role_is_unauthorised_until_it_is_known() {
    let mut scene = Scene::new(Habit::default());
    (scene.standing, scene.familiar) = (Standing::Usual(3), false);
    scene.others.same_client = 3;
    scene.cadence = timer(60);
    let found = (0..4)
        .filter_map(|n| scene.call(NIGHT + n * 2 * HOUR))
        .next();
    let found = found.expect("a timer that is new and rare");
    assert_eq!(
        ids(&found),
        ["fp.role_rarity", "role.pair_rarity", "timing.cadence"]
    );
    scene.familiar = true;
    assert!(!scene.moment(NIGHT).is_odd());
}

#[test]
fn the_four_cells_of_authorised_and_in_window() {
    let in_window = MONDAY + 42 * DAY + 23 * HOUR;
    let out = MONDAY + 42 * DAY + 12 * HOUR;
    for (agreed, t, expected) in [
        (true, in_window, None),
        (
            true,
            out,
            Some(["fp.role_rarity", "schedule.out_of_window"].as_slice()),
        ),
        (
            false,
            in_window,
            Some(&["fp.role_rarity", "role.pair_rarity", "role.unauthorised"]),
        ),
    ] {
        let mut scene = Scene::new(Habit::default());
        if agreed {
            scene.schedules = Schedules(vec![backup()]);
        }
        scene.call(t);
        scene.call(t + 60);
        let verdict = scene.call(t + DAY);
        assert_eq!(
            verdict.as_ref().map(ids).as_deref(),
            expected,
            "{agreed} {t}"
        );
    }
}

#[test]
fn a_usual_client_out_of_the_agreed_hours_is_alerted_on_at_the_second_occasion() {
    // A backup that every host has, at eleven in the night of working days.
    let nightly = |calls: &mut Habit| {
        for day in (0..35).filter(|day| day % 7 < 5) {
            for n in 0..4 {
                let t = at(MONDAY + day * DAY + 23 * HOUR + n * 60);
                calls.handle_call(t);
                calls.learn(t);
            }
        }
    };
    let noon = MONDAY + 42 * DAY + 12 * HOUR;
    for (agreed, learnt, alerts) in [
        (true, true, true),
        (true, false, true),
        (false, true, false),
    ] {
        let mut calls = Habit::default();
        if learnt {
            nightly(&mut calls);
        }
        let mut scene = Scene::new(calls);
        scene.standing = Standing::Usual(50);
        (scene.others.same_client, scene.others.fingerprint) = (60, 60);
        if agreed {
            scene.schedules = Schedules(vec![backup()]);
        }
        assert!(scene.call(noon).is_none() && scene.call(noon + 60).is_none());
        let verdict = scene.call(noon + DAY);
        assert_eq!(verdict.is_some(), alerts, "{agreed} {learnt} {verdict:?}");
        let Some(verdict) = verdict else { continue };
        let breach = |id: &str| verdict.evidence.items().find(|item| item.id == id).cloned();
        let agreed = breach("schedule.out_of_window").unwrap();
        assert_eq!(
            (agreed.bits, agreed.group),
            (Bits::whole(10), Group::Agreement)
        );
        assert_eq!(agreed.observed["occasions"], 2);
        assert_eq!(breach("schedule.surprise").is_some(), learnt);
    }
}

#[test]
fn a_schedule_that_expired_authorises_nothing_and_is_named() {
    let mut scene = Scene::new(Habit::default());
    scene.schedules = Schedules(vec![Schedule {
        expires_at: at(MONDAY),
        ..backup()
    }]);
    let t = MONDAY + DAY + 23 * HOUR;
    (0..3).for_each(|n| {
        scene.call(t + n * 2 * HOUR);
    });
    let verdict = scene.call(t + DAY).unwrap();
    let item = verdict
        .evidence
        .items()
        .find(|item| item.id == "role.unauthorised")
        .unwrap();
    assert_eq!(item.observed["expired_schedule"], "backup");
}

#[test]
fn a_host_that_just_woke_may_do_what_it_slept_through() {
    let night = |woke_ago: i64| {
        let mut scene = Scene::new(office());
        scene.standing = Standing::Usual(3);
        scene.presence.handle_sight(at(NIGHT - DAY));
        scene.presence.handle_sight(at(NIGHT - woke_ago));
        scene.moment(NIGHT).is_odd()
    };
    assert!(!night(1800));
    assert!(night(1801));
}

#[test]
fn a_push_takes_three_bits_and_comes_too_late_after_a_minute() {
    let total = |ago: Option<i64>| {
        let mut scene = Scene::new(office());
        for t in [NIGHT, NIGHT + 60, NIGHT + 2 * HOUR] {
            scene.pushed_at = ago.map(|ago| at(t - ago));
            if let Some(verdict) = scene.call(t) {
                return verdict.evidence.total().as_f64();
            }
        }
        0.0
    };
    let without = total(None);
    assert!((without - total(Some(60)) - 3.0).abs() < 0.01 || total(Some(60)) == 0.0);
    assert!((without - total(Some(61))).abs() < 0.01);
    assert!(without > 10.0, "{without}");
}

#[test]
fn a_browser_is_not_judged() {
    let mut scene = Scene::new(office());
    let hello = crate::observe::HelloTraits {
        grease: true,
        ech: true,
        compress_certificate: true,
        application_settings: true,
        ciphers: 15,
        extensions: 16,
    };
    let clients = crate::detect::client::Clients::shipped();
    scene.class = clients.classify(None, Some(&hello), &[b"h2"]);
    assert!((0..6).all(|n| scene.call(NIGHT + n * 2 * HOUR).is_none()));
    // What Safari has in common with every application of its platform.
    let hello = crate::observe::HelloTraits {
        application_settings: false,
        ..hello
    };
    scene.class = clients.classify(None, Some(&hello), &[b"h2"]);
    assert!(!scene.class.is_surely_browser() && scene.class.browser() > 0.5);
    assert!((0..6).any(|n| scene.call(NIGHT + n * 2 * HOUR).is_some()));
}

#[test]
fn a_traveller_calls_at_the_usual_hours_of_another_clock() {
    let mut scene = Scene::new(office());
    scene.standing = Standing::Usual(3);
    // 11:00 at home is 19:00 there.
    let evening = MONDAY + 43 * DAY + 19 * HOUR;
    assert!(scene.moment(evening + 3 * HOUR).is_odd());
    scene.shift = 8;
    assert!(!scene.moment(evening).is_odd());
}

#[test]
fn too_soon_and_too_much_break_a_schedule() {
    let beat = Beat {
        period: Span::from_secs(DAY),
        jitter: Span::from_secs(HOUR),
    };
    let schedule = Schedule {
        beat: Some(beat),
        upload_bytes_max: Some(5000),
        ..backup()
    };
    let mut scene = Scene::new(Habit::default());
    scene.schedules = Schedules(vec![schedule]);
    let night = MONDAY + 42 * DAY + 22 * HOUR;
    scene.call(night);
    for (after, odd) in [(DAY - HOUR, false), (DAY - HOUR - 1, true)] {
        // Within the window of the next day only where that is not too early.
        let moment = scene.moment(night + after);
        let off_window = matches!(moment.approval, Approval::OutOfWindow(_));
        assert_eq!(moment.is_off_beat(), odd, "{after}");
        assert!(off_window);
    }
    assert!(
        scene.moment(night + 600).is_odd(),
        "ten minutes after the last"
    );
    assert!(!scene.moment(night + DAY).is_odd());
    scene.upload_bytes = 5000;
    assert!(!scene.moment(night + DAY).is_odd());
    scene.upload_bytes = 5001;
    assert!(scene.moment(night + DAY).is_odd());
}

/// A timer of 300 s with 20 % jitter, `n` times.
fn timer(n: u64) -> Option<Reading> {
    let templates = Templates::default();
    let mut series = Series::default();
    let mut t = MONDAY;
    for beat in 0..n {
        t += 240 + (beat * 7919 % 61) as i64;
        series.handle_event(Event {
            at: at(t),
            upload_bytes: Some(900),
            host_idle: false,
        });
    }
    series.reading(&templates)
}

#[test]
fn a_timer_counts_only_where_nobody_agreed_to_the_calls() {
    let cadence = timer(60);
    assert!(
        cadence.is_some_and(|reading| reading.bits >= 20.0),
        "{cadence:?}"
    );
    for (standing, counts) in [(Standing::Pending, true), (Standing::Usual(2), false)] {
        let mut scene = Scene::new(office());
        (scene.standing, scene.cadence) = (standing, cadence);
        let found = (0..4)
            .filter_map(|n| scene.call(NIGHT + n * 2 * HOUR))
            .next();
        let found = found.as_ref().map(ids).unwrap_or_default();
        assert_eq!(found.contains(&"timing.cadence"), counts, "{found:?}");
    }
}

#[test]
fn what_polls_has_an_occasion_every_hour_and_pushes_out_no_others() {
    let mut calls = Habit::default();
    (0..360).for_each(|n| calls.handle_odd(at(n * 60), Uid::from_words(1, n as u64), n >= 240));
    let odd = calls.odd(at(6 * 3600));
    // Sixteen calls, three of each hour.
    assert_eq!((odd.calls, odd.occasions, odd.off_schedule), (16, 6, 2));
}

#[test]
fn odd_calls_are_forgotten_after_fifteen_days() {
    let mut calls = Habit::default();
    calls.handle_odd(at(0), Uid::from_words(1, 1), true);
    calls.handle_odd(at(3599), Uid::from_words(1, 1), false);
    calls.handle_odd(at(3599 + 3600), Uid::from_words(1, 2), true);
    let odd = calls.odd(at(15 * DAY));
    assert_eq!((odd.calls, odd.occasions, odd.off_schedule), (3, 2, 2));
    assert_eq!(calls.odd_flows(at(15 * DAY)).len(), 2);
    assert_eq!(calls.odd(at(15 * DAY + 1)).calls, 2);
}
