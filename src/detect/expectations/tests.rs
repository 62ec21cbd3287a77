use super::*;
use crate::detect::schedules::Schedule;
use crate::detect::schedules::tests::{DAY, HOUR, MONDAY, at, backup};
use proptest::prelude::*;

/// A host on which time passes.
struct Site {
    schedules: Schedules,
    awake: Option<Awake>,
    expectations: Expectations,
    host: IpAddr,
}

impl Site {
    fn new(schedule: Schedule) -> Site {
        Site {
            schedules: Schedules(vec![schedule]),
            awake: None,
            expectations: Expectations::default(),
            host: "10.0.0.7".parse().unwrap(),
        }
    }

    fn call(&mut self, t: i64) {
        self.seen(t);
        self.expectations
            .handle_call(&self.schedules, "backup", self.host, at(t), 10);
    }

    fn seen(&mut self, t: i64) {
        let awake = self.awake.get_or_insert_with(|| Awake::since(at(t)));
        awake.handle_sight(at(t));
    }

    /// Seen every ten minutes.
    fn awake(&mut self, range: std::ops::Range<i64>) {
        range.step_by(600).for_each(|t| self.seen(t));
    }

    fn due(&mut self, clock: i64) -> Option<(i64, u8)> {
        let missed = self
            .expectations
            .pop_due(&self.schedules, |_| self.awake, at(clock), 10)?;
        Some((missed.at.as_nanos() / 1_000_000_000, missed.misses))
    }
}

const NIGHT: i64 = MONDAY + 22 * HOUR;
/// The end of Tuesday's window, and ten minutes.
const TUESDAY_DUE: i64 = NIGHT + DAY + 4 * HOUR + 600;

#[test]
fn a_call_that_did_not_come_is_told_as_of_the_end_of_its_window() {
    let mut site = Site::new(backup());
    site.call(NIGHT + 60);
    site.awake(NIGHT..NIGHT + 3 * DAY);
    assert_eq!(site.due(TUESDAY_DUE - 1), None);
    assert_eq!(site.due(TUESDAY_DUE + 5000), Some((TUESDAY_DUE, 1)));
    assert_eq!(site.due(TUESDAY_DUE + 5000), None, "once a window");
}

#[test]
fn a_call_in_time_is_not_missed() {
    let mut site = Site::new(backup());
    site.call(NIGHT + 60);
    site.awake(NIGHT..NIGHT + 3 * DAY);
    // Ten minutes early, and ten minutes late.
    site.call(NIGHT + DAY - 600);
    assert_eq!(site.due(TUESDAY_DUE + 1), None);
    site.call(NIGHT + 2 * DAY + 4 * HOUR + 600);
    assert_eq!(site.due(TUESDAY_DUE + DAY + 1), None);
}

#[test]
fn nobody_waits_for_a_host_that_never_called_or_a_schedule_that_expects_nothing() {
    let mut site = Site::new(backup());
    site.awake(NIGHT..NIGHT + 2 * DAY);
    assert_eq!(site.expectations.deadline(), None);
    let mut site = Site::new(Schedule {
        expected: false,
        ..backup()
    });
    site.call(NIGHT);
    assert_eq!(site.expectations.deadline(), None);
    let mut site = Site::new(Schedule {
        expires_at: at(TUESDAY_DUE),
        ..backup()
    });
    site.call(NIGHT);
    assert_eq!(site.expectations.deadline(), None, "it ends before that");
}

#[test]
fn a_host_that_sleeps_through_its_window_owes_nothing() {
    let mut site = Site::new(backup());
    site.call(NIGHT + 60);
    site.awake(NIGHT + 60..NIGHT + 20 * HOUR);
    site.seen(TUESDAY_DUE + HOUR);
    assert_eq!(site.due(TUESDAY_DUE + HOUR), None);
    assert!(
        site.expectations.deadline().is_some(),
        "the next night counts again"
    );
}

#[test]
fn a_host_that_wakes_in_its_window_has_thirty_minutes() {
    let mut site = Site::new(backup());
    site.call(NIGHT + 60);
    site.awake(NIGHT + 60..NIGHT + 20 * HOUR);
    let woke = TUESDAY_DUE - 300;
    site.awake(woke..woke + 2 * HOUR);
    assert_eq!(site.due(woke + 1799), None);
    assert_eq!(site.due(woke + 1800), Some((woke + 1800, 1)));
}

#[test]
fn after_three_nights_nobody_waits_any_more() {
    let mut site = Site::new(backup());
    site.call(NIGHT + 60);
    site.awake(NIGHT..NIGHT + 9 * DAY);
    let mut found = Vec::new();
    while let Some((_, misses)) = site.due(NIGHT + 9 * DAY) {
        found.push(misses);
    }
    assert_eq!(found, [1, 2, 3]);
    site.call(NIGHT + 9 * DAY);
    assert!(site.expectations.deadline().is_some());
}

#[test]
fn thirty_minutes_of_silence_are_sleep_and_excuse_what_follows_for_thirty() {
    let mut site = Site::new(backup());
    site.seen(0);
    site.seen(1799);
    let awake = |site: &Site| site.awake.unwrap();
    assert!(!awake(&site).is_fresh(at(1799)));
    site.seen(1799 + 1800);
    let woke = 1799 + 1800;
    for (after, fresh) in [(-1, false), (0, true), (1800, true), (1801, false)] {
        assert_eq!(awake(&site).is_fresh(at(woke + after)), fresh, "{after}");
    }
}

proptest! {
    #[test]
    fn expectations_end_and_are_the_same_after_being_saved(
        steps in proptest::collection::vec((0u8..3, 0i64..2 * DAY), 0..60),
    ) {
        let mut site = Site::new(backup());
        let mut t = MONDAY;
        for (step, passed) in steps {
            t += passed;
            let saved = postcard::to_stdvec(&site.expectations).unwrap();
            site.expectations = postcard::from_bytes(&saved).unwrap();
            while let Some((due, misses)) = site.due(t) {
                prop_assert!(due <= t && misses <= MISSES_MAX);
            }
            match step {
                0 => site.call(t),
                1 => site.seen(t),
                _ => {}
            }
        }
    }
}
