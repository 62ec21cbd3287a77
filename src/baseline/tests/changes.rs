use super::*;
use crate::baseline::drift::{Cause, KINDS, psi};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// A Monday, 00:00 UTC.
const MONDAY: i64 = 4 * DAY;

/// Days of about `events` events, spread over kinds 0 to 4, shifted by `kinds`.
fn days(drift: &mut Drift, range: std::ops::Range<i64>, events: f64, kinds: usize) -> Vec<Restart> {
    let mut random = Random(range.start as u64 * 77 + 5);
    let mut found = Vec::new();
    for day in range {
        let n = (events.ln() + 0.2 * random.normal()).exp() as i64;
        for event in 0..n {
            let kind = (event as usize % 5 + kinds) % KINDS;
            found.extend(drift.handle_event(kind, at(MONDAY + day * DAY + event)));
        }
    }
    found
}

#[test]
fn four_months_of_the_same_are_no_change() {
    let mut drift = Drift::default();
    assert_eq!(days(&mut drift, 0..120, 60.0, 0), []);
}

#[test]
fn ten_times_as_much_is_a_change_since_that_day() {
    let mut drift = Drift::default();
    assert_eq!(days(&mut drift, 0..20, 50.0, 0), []);
    let found = days(&mut drift, 20..30, 500.0, 0);
    let [first] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(first.since, at(MONDAY + 20 * DAY));
    assert!(matches!(first.cause, Cause::Level { rise, limit } if rise > limit));
    assert_eq!(days(&mut drift, 30..60, 500.0, 0), [], "learnt anew");
}

#[test]
fn other_kinds_are_a_change_since_the_week_they_came() {
    let mut drift = Drift::default();
    assert_eq!(days(&mut drift, 0..35, 50.0, 0), []);
    let found = days(&mut drift, 35..56, 50.0, 3);
    assert!(
        matches!(found.as_slice(), [Restart { cause: Cause::Kinds { psi }, .. }] if *psi > 0.25)
    );
    assert!(found[0].since >= at(MONDAY + 28 * DAY) && found[0].since <= at(MONDAY + 42 * DAY));
}

#[test]
fn the_index_is_told_of_a_hundred_events_on_either_side() {
    let (a, b) = ([50, 49, 0], [0, 50, 50]);
    assert_eq!(psi(&a, &b), None);
    assert!(psi(&[50, 50, 0], &b).unwrap() > 0.25);
    assert!(
        psi(&b, &b).unwrap() < 0.0,
        "less what chance makes of equals"
    );
}

#[test]
fn chance_alone_makes_no_index() {
    let mut random = Random(9);
    let mut sample = |n: usize| {
        let mut counts = [0u32; KINDS];
        (0..n).for_each(|_| counts[(random.next() * 10.0) as usize] += 1);
        counts
    };
    let above = (0..300)
        .filter(|_| psi(&sample(100), &sample(150)).unwrap() > 0.25)
        .count();
    assert!(above <= 3, "{above} of 300");
}

proptest! {
    #[test]
    fn no_history_makes_drift_panic_and_it_can_be_saved(
        events in proptest::collection::vec((any::<usize>(), any::<i64>()), 0..80),
        near in proptest::collection::vec(0i64..100 * DAY, 0..80),
    ) {
        let mut drift = Drift::default();
        for (kind, t) in events {
            drift.handle_event(kind, Timestamp::from_nanos(t));
        }
        for t in near {
            drift.handle_event(3, at(t));
        }
        saved(&drift);
    }
}
