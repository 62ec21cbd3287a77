use super::*;
use crate::baseline::schedule::HOUR_EVENTS_MAX;
use crate::baseline::windows::OCCASIONS_MAX;
use crate::time::Span;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// A Monday, 00:00 UTC.
const MONDAY: i64 = 1_799_971_200 / (7 * DAY) * 7 * DAY + 4 * DAY;

fn week_of_events(times: impl IntoIterator<Item = i64>) -> Week {
    let mut week = Week::default();
    times.into_iter().for_each(|t| {
        week.handle_event(at(t));
    });
    week
}

/// One event an hour from nine to five, Monday to Friday.
fn office(weeks: i64) -> impl Iterator<Item = i64> {
    let days = (0..weeks * 7).filter(|day| day % 7 < 5);
    days.flat_map(|day| (9..17).map(move |hour| MONDAY + day * DAY + hour * HOUR))
}

#[test]
fn the_week_begins_on_monday() {
    assert_eq!(Slot::of(at(MONDAY)).index(), 0);
    assert_eq!(Slot::of(at(MONDAY - 1)).index(), 167);
    assert_eq!(Slot::of(at(0)).index(), 72, "1970 began on a Thursday");
    assert_eq!(Slot::of(at(MONDAY)).later(-1).index(), 167);
    assert_eq!(
        Slot::of(at(MONDAY)).distance(Slot::of(at(MONDAY - HOUR))),
        1
    );
}

#[test]
fn a_schedule_is_told_after_five_days_and_twenty_samples_only() {
    let slot = Slot::of(at(MONDAY));
    let days = |days: i64, each: i64| {
        let times = (0..days).flat_map(|d| (0..each).map(move |i| MONDAY + d * DAY + i * HOUR));
        week_of_events(times).surprise(slot, None)
    };
    assert!(matches!(days(4, 10), Baseline::Learning(l) if l.active_days == 4 && l.samples == 40));
    assert!(matches!(days(5, 3), Baseline::Learning(l) if l.samples == 15));
    assert!(matches!(days(5, 4), Baseline::Ready(_)));
}

#[test]
fn an_hour_that_was_never_used_is_a_surprise_and_a_usual_one_is_none() {
    let week = week_of_events(office(4));
    let surprise = |t| week.surprise(Slot::of(at(t)), None).ready().unwrap();
    let usual = surprise(MONDAY + 28 * DAY + 10 * HOUR);
    let night = surprise(MONDAY + 33 * DAY + 3 * HOUR);
    assert!(usual.p > 0.3, "{usual:?}");
    assert!(night.p < 0.06, "{night:?}");
    assert!(
        surprise(MONDAY + 17 * HOUR).p > night.p,
        "the hour after the last one is nearer"
    );
}

#[test]
fn peers_stand_in_for_a_host_that_still_learns() {
    let mut peers = Rhythms::default();
    for t in office(3) {
        peers.handle_event("macs", "drive", at(t), 4);
    }
    let own = week_of_events([MONDAY]);
    let slot = Slot::of(at(MONDAY + 6 * DAY));
    assert!(
        own.surprise(slot, peers.of("macs", "drive"))
            .ready()
            .is_none()
    );
    peers.close_epoch(4);
    let told = own
        .surprise(slot, peers.of("macs", "drive"))
        .ready()
        .unwrap();
    assert!(told.by_peers && told.n == 1 && told.p < 0.1, "{told:?}");
    assert!(peers.of("others", "drive").is_none());
}

#[test]
fn a_burst_is_no_habit() {
    let mut week = Week::default();
    let counted = (0..100)
        .filter(|second| week.handle_event(at(MONDAY + second)))
        .count();
    assert_eq!(counted, 1, "the role learns it once an hour");
    assert_eq!(week.maturity().so_far().samples, u32::from(HOUR_EVENTS_MAX));
}

#[test]
fn what_is_not_used_for_two_weeks_weighs_half() {
    // The share of an hour falls against one that goes on; at the end all is forgotten.
    let busy = |t: i64| (0..4).map(move |i| t + i);
    let mut week = week_of_events((0..8).flat_map(|d| busy(MONDAY + d * DAY)));
    let slot = Slot::of(at(MONDAY + DAY));
    let share = |week: &Week| week.surprise(slot, None).ready().unwrap().share;
    let before = share(&week);
    busy(MONDAY + 22 * DAY).for_each(|t| {
        week.handle_event(at(t));
    });
    assert!(share(&week) > 0.0 && (share(&week) - before).abs() < 0.1);
    week.age(at(MONDAY + 400 * DAY));
    assert!(!week.maturity().is_ready());
    assert_eq!(week.maturity().so_far().samples, 0);
}

#[test]
fn a_surprise_is_calibrated_on_its_own_schedule() {
    // Events at random hours of one distribution: of those that come, at most a share of p is told
    // a p or less, but for what the estimate is off by.
    let mut random = Random(11);
    let mut week = Week::default();
    let mut hours: Vec<i64> = Vec::new();
    for day in 0..140 {
        for _ in 0..6 {
            let hour = (13.0 + 3.0 * random.normal()).round().clamp(0.0, 23.0) as i64;
            hours.push(MONDAY + day * DAY + hour * HOUR);
        }
    }
    let (train, test) = hours.split_at(6 * 120);
    train.iter().for_each(|t| {
        week.handle_event(at(*t));
    });
    for limit in [0.1, 0.05] {
        let told = |t: &&i64| week.surprise(Slot::of(at(**t)), None).ready().unwrap().p <= limit;
        let share = test.iter().filter(told).count() as f64 / test.len() as f64;
        assert!(share <= 1.8 * limit, "{share} at {limit}");
    }
}

#[test]
fn a_nightly_job_has_its_window_and_other_hours_do_not() {
    let mut job = Occasions::default();
    // 02:30, up to four minutes late.
    for day in 0..10 {
        let start = MONDAY + day * DAY + 2 * HOUR + 1800 + (day * 97) % 240;
        assert!(job.handle_event(at(start)));
        assert!(!job.handle_event(at(start + 60)), "the same occasion");
    }
    let windows = job.windows();
    let [window] = windows.as_slice() else {
        panic!("{windows:?}")
    };
    assert_eq!((window.period, window.n), (Span::from_secs(DAY), 10));
    assert_eq!(window.tolerance(), Span::from_secs(600));
    let day = MONDAY + 20 * DAY;
    let start = window.start.as_nanos() / 1_000_000_000;
    for (t, holds) in [
        (-601, false),
        (-600, true),
        (0, true),
        (600, true),
        (601, false),
    ] {
        assert_eq!(window.holds(at(day + start + t)), holds, "{t}");
    }
}

#[test]
fn a_window_may_pass_midnight_and_come_once_a_week() {
    let mut job = Occasions::default();
    for week in 0..6 {
        let late = if week % 2 == 0 { -120 } else { 120 };
        job.handle_event(at(MONDAY + 7 * DAY * week + late));
    }
    let windows = job.windows();
    let [window] = windows.as_slice() else {
        panic!("{windows:?}")
    };
    assert_eq!(window.period, Span::from_secs(7 * DAY));
    assert!(window.holds(at(MONDAY + 70 * DAY)));
    assert!(window.holds(at(MONDAY + 70 * DAY - 400)));
    assert!(!window.holds(at(MONDAY + 71 * DAY)), "a Tuesday");
}

#[test]
fn what_comes_at_any_time_has_no_window_and_four_days_are_too_few() {
    let mut random = Random(5);
    let mut anytime = Occasions::default();
    for day in 0..30 {
        anytime.handle_event(at(MONDAY + day * DAY + (random.next() * 86_400.0) as i64));
    }
    assert_eq!(anytime.windows(), []);
    let mut few = Occasions::default();
    (0..4).for_each(|day| {
        few.handle_event(at(MONDAY + day * DAY));
    });
    assert_eq!(few.windows(), []);
    few.handle_event(at(MONDAY + 4 * DAY));
    assert_eq!(few.windows().len(), 1);
}

/// A host that is active from eight to six, `hours` later on the clock.
fn live(activity: &mut Activity, days: std::ops::Range<i64>, hours: i64) {
    for day in days {
        for hour in 8..18 {
            for minute in 0..3 + hour % 4 {
                activity.handle_event(at(MONDAY + day * DAY + (hour + hours) * HOUR + minute));
            }
        }
    }
}

#[test]
fn a_traveller_takes_the_clock_along() {
    for hours in [-9, -6, 3, 8, 11] {
        let mut activity = Activity::default();
        live(&mut activity, 0..14, 0);
        assert_eq!(activity.shift(), 0);
        live(&mut activity, 15..18, hours);
        assert_eq!(i64::from(activity.shift()), hours);
        live(&mut activity, 18..40, hours);
        assert_eq!(i64::from(activity.shift()), hours, "home stays home");
        live(&mut activity, 41..44, 0);
        assert_eq!(activity.shift(), 0, "and back");
    }
}

#[test]
fn one_hour_of_summer_time_and_odd_days_are_no_journey() {
    let mut activity = Activity::default();
    live(&mut activity, 0..14, 0);
    live(&mut activity, 15..18, 1);
    assert_eq!(activity.shift(), 0);
    let mut short = Activity::default();
    live(&mut short, 0..3, 0);
    live(&mut short, 4..6, 8);
    assert_eq!(short.shift(), 0, "too few days to know");
}

#[test]
fn the_state_of_a_key_is_small() {
    let week = week_of_events((0..2000).map(|n| MONDAY + n * HOUR));
    let bytes = postcard::to_stdvec(&week).unwrap().len();
    assert!(bytes <= 168 * 4 + 48, "{bytes}");
    let mut occasions = Occasions::default();
    (0..100).for_each(|n| {
        occasions.handle_event(at(MONDAY + n * DAY));
    });
    assert_eq!(occasions.n(), OCCASIONS_MAX);
}

proptest! {
    #[test]
    fn rhythms_merge_in_any_order(
        events in proptest::collection::vec((0u8..3, 0i64..60 * DAY), 0..80),
        seed in any::<u64>(),
    ) {
        let mut shuffled = events.clone();
        shuffled.sort_by_key(|(n, t)| (*t as u64 + u64::from(*n) + 1).wrapping_mul(seed | 1));
        let fill = |events: &[(u8, i64)]| {
            let mut rhythms = [Rhythm::default(), Rhythm::default(), Rhythm::default()];
            // Each part takes its own in order of time; the parts are merged in any order.
            let mut sorted = events.to_vec();
            sorted.sort_by_key(|(_, t)| *t);
            for (n, t) in sorted {
                rhythms[usize::from(n)].handle_event(at(MONDAY + t));
            }
            rhythms
        };
        let [a, b, c] = fill(&events);
        let mut one = a.clone();
        one.merge(b.clone());
        one.merge(c.clone());
        let [_, b2, c2] = fill(&shuffled);
        let mut other = c2;
        other.merge(b2);
        other.merge(a);
        prop_assert!(one.events().abs_diff(other.events()) <= 1);
    }

    #[test]
    fn nothing_about_hours_panics_and_all_of_it_can_be_saved(
        times in proptest::collection::vec(any::<i64>(), 0..60),
        close in proptest::collection::vec(0i64..90 * DAY, 0..60),
    ) {
        let times = times.into_iter().map(Timestamp::from_nanos);
        let times = times.chain(close.into_iter().map(|t| at(MONDAY + t)));
        let (mut week, mut rhythm) = (Week::default(), Rhythm::default());
        let (mut occasions, mut activity) = (Occasions::default(), Activity::default());
        for t in times {
            week.handle_event(t);
            rhythm.handle_event(t);
            occasions.handle_event(t);
            activity.handle_event(t);
            if let Baseline::Ready(surprise) = week.surprise(Slot::of(t), Some(&rhythm)) {
                prop_assert!(surprise.p > 0.0 && surprise.p <= 1.0);
            }
            for window in occasions.windows() {
                window.holds(t);
            }
        }
        saved(&week);
        saved(&rhythm);
        saved(&occasions);
        saved(&activity);
    }
}
