use super::*;
use crate::baseline::admission::{AGE_AFTER, places};
use crate::baseline::crowd::{Crowds, FEW_MAX};
use crate::time::Span;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn caller(host: &u32) -> Caller<'_, u32> {
    Caller { host, role: "macs" }
}

#[test]
fn a_destination_is_new_for_a_day_then_for_a_week() {
    for (after, expected) in [
        (-5, Age::Day),
        (DAY, Age::Day),
        (DAY + 1, Age::Week),
        (7 * DAY, Age::Week),
        (7 * DAY + 1, Age::Old),
    ] {
        assert_eq!(Age::of(Span::from_secs(after)), expected, "{after}");
    }
}

#[test]
fn one_host_alone_makes_no_pair_usual() {
    let mut seen = Pairs::default();
    (0..500).for_each(|n| seen.record(caller(&1u32), ("drive", "go"), at(n * HOUR), 1000));
    assert_eq!(seen.standing("macs", "drive", "go"), Standing::Unknown);
    seen.close_epoch(501, 1000);
    assert_eq!(seen.standing("macs", "drive", "go"), Standing::Pending);
    seen.record(caller(&2), ("drive", "go"), at(501 * HOUR), 1000);
    assert_eq!(seen.standing("macs", "drive", "go"), Standing::Pending);
    seen.close_epoch(502, 1000);
    assert_eq!(seen.standing("macs", "drive", "go"), Standing::Usual(2));
    assert_eq!(seen.others(caller(&1), "drive", "go"), 1);
    assert_eq!(seen.others(caller(&9), "drive", "go"), 2);
    let other = Caller {
        host: &9,
        role: "servers",
    };
    assert_eq!(seen.others(other, "drive", "go"), 0);
    assert_eq!(seen.standing("servers", "drive", "go"), Standing::Unknown);
    assert_eq!(seen.standing("macs", "drive", "curl"), Standing::Unknown);
    seen.close_epoch(502 + 30 * 24, 1000);
    assert_eq!(
        seen.standing("macs", "drive", "go"),
        Standing::Unknown,
        "forgotten after thirty days"
    );
}

#[test]
fn hosts_are_counted_exactly_up_to_thirty_two_and_well_beyond() {
    for n in [1u32, 5, 31] {
        assert_eq!(count_of(n), u64::from(n));
    }
    let worst = [100u32, 300, 1000, 3000, 10_000].map(|n| count_of(n) as f64 / f64::from(n));
    assert!(
        worst.iter().all(|share| (0.5..1.6).contains(share)),
        "{worst:?}"
    );
}

fn count_of(n: u32) -> u64 {
    let mut crowds = Crowds::default();
    (0..n).for_each(|host| crowds.record("a", "b", &host, at(0), 10));
    crowds.close_epoch(1, 10);
    crowds.get("a", "b").unwrap().hosts()
}

#[test]
fn frequencies_are_never_too_low_and_are_halved() {
    let mut counts = Frequencies::default();
    for n in 0u32..5000 {
        (0..1 + n % 3).for_each(|_| counts.count(places(7, &n)));
    }
    assert!((0u32..5000).all(|n| u32::from(counts.of(places(7, &n))) > n % 3));
    let too_high = (0u32..5000)
        .filter(|n| u32::from(counts.of(places(7, n))) > 1 + n % 3)
        .count();
    assert!(too_high < 50, "{too_high} of 5000");
    let mut one = Frequencies::default();
    assert_eq!(one.of(places(0, &1)), 0);
    (0..200).for_each(|_| one.count(places(0, &1)));
    (0..AGE_AFTER - 200).for_each(|n| one.count(places(0, &(n % 997 + 10))));
    assert!(
        (100..140).contains(&one.of(places(0, &1))),
        "{}",
        one.of(places(0, &1))
    );
}

#[test]
fn a_scan_does_not_push_out_what_is_watched() {
    let mut table: Admitted<u32, ()> = Admitted::default();
    for round in 0..5 {
        (0..100).for_each(|key| {
            table.touch(0, &key, at(round), 100, || ());
        });
    }
    (1000..20_000).for_each(|key| {
        table.touch(0, &key, at(10), 100, || ());
    });
    let kept = (0..100).filter(|key| table.get(key).is_some()).count();
    assert!(kept >= 99, "{kept}");
    assert!(table.refused() > 18_000);
    (0..9).for_each(|_| {
        table.touch(0, &77_777, at(11), 100, || ());
    });
    assert!(table.get(&77_777).is_some(), "what comes back is let in");
    assert_eq!(table.len(), 100);
}

proptest! {
    #[test]
    fn crowds_are_the_same_in_every_order(
        marks in proptest::collection::vec((0u8..30, 0u32..200, 0i64..3000), 0..150),
        seed in any::<u64>(),
    ) {
        let mut shuffled = marks.clone();
        shuffled.sort_by_key(|(a, b, c)| {
            (u64::from(*a) + u64::from(*b) * 31 + *c as u64 * 7 + 1).wrapping_mul(seed | 1)
        });
        let fill = |marks: &[(u8, u32, i64)]| {
            let mut crowds = Crowds::default();
            for (thing, host, t) in marks {
                crowds.record("macs", &thing.to_string(), host, at(*t), 16);
            }
            crowds.close_epoch(1, 16);
            (0u8..30)
                .map(|thing| crowds.get("macs", &thing.to_string()).cloned())
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(fill(&marks), fill(&shuffled));
    }

    #[test]
    fn crowds_stay_small_and_all_of_it_can_be_saved(
        hosts in proptest::collection::vec((any::<u32>(), any::<i64>()), 0..120),
    ) {
        let mut seen = Pairs::default();
        for (host, t) in &hosts {
            let t = Timestamp::from_nanos(*t);
            seen.record(caller(&(host % 50)), ("a", "b"), t, 16);
            seen.close_epoch(t.hour(), 16);
        }
        saved(&seen);
        let mut crowds = Crowds::default();
        hosts.iter().for_each(|(host, _)| crowds.record("a", "b", host, at(0), 4));
        crowds.close_epoch(0, 4);
        let bytes = postcard::to_stdvec(&crowds).unwrap().len();
        prop_assert!(bytes <= FEW_MAX * 10 + 40, "{bytes}");
    }
}
