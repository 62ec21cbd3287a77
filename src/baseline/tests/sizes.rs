use super::*;
use crate::baseline::conformal::{Level, Place};
use crate::baseline::sketch::{BINS_MAX, Bin, Sketch};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
type Uploads = Conformal<u32, u8>;

fn place(host: &u32, class: u8) -> Place<'_, u32, u8> {
    Place {
        host,
        role: "macs",
        class,
    }
}

#[test]
fn a_bin_is_within_a_thirty_second_of_its_values() {
    let mut last = Bin::of(0);
    for value in (0..4000).chain((12..44).flat_map(|b| [(1u64 << b) - 1, 1 << b, 3 << (b - 1)])) {
        let (bin, middle) = (Bin::of(value), Bin::of(value).middle());
        assert!(middle.abs_diff(value) * 32 <= value, "{value} is {middle}");
        if value < 4000 {
            assert!(bin >= last, "{value}");
            last = bin;
        }
    }
    assert_eq!(Bin::of(u64::MAX), Bin::of((1 << 44) - 1));
    assert!(Bin::of(u64::MAX).middle() < 1 << 44);
}

#[test]
fn quantiles_and_deviations_are_those_of_the_values() {
    let mut sketch = Sketch::default();
    (1..=1000).for_each(|n| sketch.add(n * 100));
    for (share, value) in [
        (0.01, 1000.0),
        (0.5, 50_000.0),
        (0.995, 99_500.0),
        (1.0, 100_000.0),
    ] {
        let told = sketch.quantile(share).unwrap() as f64;
        assert!(
            (told / value - 1.0f64).abs() < 1.0 / 16.0,
            "{share}: {told}"
        );
    }
    assert_eq!(Sketch::default().quantile(0.5), None);
    let spread = sketch.spread().unwrap();
    assert!((spread.median - 50_000f64.ln()).abs() < 0.04, "{spread:?}");
    // Half of the values lie between 25,000 and 75,000, and as far in logarithms on either side.
    assert!((0.4..0.75).contains(&spread.mad), "{spread:?}");
}

#[test]
fn halving_keeps_sparse_counts_in_their_place() {
    let mut sketch = Sketch::default();
    (0..40).for_each(|n| sketch.add(1000 * (n + 1)));
    let before = sketch.quantile(0.5).unwrap();
    sketch.halve();
    assert_eq!(sketch.n(), 20);
    let after = sketch.quantile(0.5).unwrap();
    assert!(after.abs_diff(before) * 10 < before, "{before} {after}");
    (0..6).for_each(|_| sketch.halve());
    assert_eq!(sketch.n(), 0);
}

#[test]
fn one_large_value_does_not_move_what_is_usual() {
    let mut sketch = Sketch::default();
    (0..200).for_each(|n| sketch.add(1000 + n));
    (0..100).for_each(|_| sketch.add_winsorised(1 << 40, 0.995));
    assert!(sketch.quantile(1.0).unwrap() < 1300);
}

/// A world of hosts with their own medians and spreads, and heavy tails.
struct World {
    random: Random,
    hosts: Vec<(f64, f64)>,
}

impl World {
    fn new(seed: u64, hosts: usize) -> World {
        let mut random = Random(seed);
        let host = |_| (9.0 + 2.0 * random.normal(), 0.4 + 1.2 * random.next());
        let hosts = (0..hosts).map(host).collect();
        World { random, hosts }
    }

    /// Lognormal, one in twenty three times as wide.
    fn upload(&mut self, host: u32) -> u64 {
        let (middle, width) = self.hosts[host as usize];
        let tail = if self.random.next() < 0.05 { 3.0 } else { 1.0 };
        (middle + width * tail * self.random.normal())
            .exp()
            .min(1e12) as u64
    }
}

/// Shares of fresh values that are told p ≤ 0.01 and p ≤ 0.001.
fn false_positives(seed: u64) -> [f64; 2] {
    let mut world = World::new(seed, 60);
    let mut uploads = Uploads::default();
    let (mut asked, mut found) = (0u32, [0u32; 2]);
    for day in 0..28 {
        for hour in [9, 12, 15, 18] {
            let t = at(day * DAY + hour * HOUR);
            for host in 0..60 {
                for _ in 0..6 {
                    let value = world.upload(host);
                    if day >= 14 {
                        let told = uploads.ask(place(&host, 0), value).ready().unwrap();
                        asked += 1;
                        found[0] += u32::from(told.p <= 0.01);
                        found[1] += u32::from(told.p <= 0.001);
                    }
                    uploads.learn(place(&host, 0), value, t, 1000);
                }
            }
            let epoch = t.hour();
            uploads.close_epoch(epoch, epoch + 1);
        }
    }
    found.map(|found| f64::from(found) / f64::from(asked))
}

#[test]
fn false_positives_are_as_many_as_the_p_value_says() {
    let worlds: Vec<[f64; 2]> = (1..=4).map(false_positives).collect();
    println!("shares of p <= 0.01 and p <= 0.001, by world: {worlds:?}");
    for (index, nominal) in [(0, 0.01), (1, 0.001)] {
        let share = worlds.iter().map(|shares| shares[index]).sum::<f64>() / worlds.len() as f64;
        assert!(
            (0.5..=1.5).contains(&(share / nominal)),
            "{share} at {nominal}: {worlds:?}"
        );
    }
}

/// Hosts that upload about `middle` bytes, five times on each of `days` days.
fn train(uploads: &mut Uploads, hosts: std::ops::Range<u32>, class: u8, days: i64, middle: f64) {
    let mut random = Random(7 + u64::from(class));
    for day in 0..days {
        for host in hosts.clone() {
            for _ in 0..5 {
                let value = (middle.ln() + 0.5 * random.normal()).exp() as u64;
                uploads.learn(place(&host, class), value, at(day * DAY), 1000);
            }
        }
        uploads.close_epoch(day * 24, day * 24 + 24);
    }
}

#[test]
fn a_thin_cell_falls_back_to_the_host_then_the_role_then_the_site() {
    let mut uploads = Uploads::default();
    train(&mut uploads, 0..20, 0, 8, 10_000.0);
    let level = |uploads: &Uploads, host: u32, role: &str, class| {
        let place = Place {
            host: &host,
            role,
            class,
        };
        uploads.ask(place, 10_000).ready().map(|told| told.level)
    };
    assert_eq!(level(&uploads, 1, "macs", 0), Some(Level::HostClass));
    assert_eq!(level(&uploads, 1, "macs", 1), Some(Level::Host));
    assert_eq!(level(&uploads, 99, "macs", 0), Some(Level::Role));
    assert_eq!(level(&uploads, 99, "servers", 0), Some(Level::Site));
    assert_eq!(level(&uploads, 99, "servers", 1), None);
    uploads.restart(&1, [0, 1]);
    assert_eq!(
        level(&uploads, 1, "macs", 0),
        Some(Level::Role),
        "learning again"
    );
    assert!(matches!(uploads.ask(place(&99, 1), 1), Baseline::Learning(l) if l.samples == 0));
}

#[test]
fn nineteen_values_are_too_few_and_so_are_four_days() {
    for (days, each, ready) in [(5, 4, true), (4, 40, false), (6, 3, false)] {
        let mut uploads = Uploads::default();
        train(&mut uploads, 1..20, 0, 8, 10_000.0);
        for n in 0..days * each {
            uploads.learn(place(&50, 5), 9_000, at(n / each * DAY), 1000);
        }
        let level = uploads
            .ask(place(&50, 5), 9_000)
            .ready()
            .map(|told| told.level);
        assert_eq!(
            level,
            ready.then_some(Level::HostClass),
            "{days} days of {each}"
        );
    }
}

#[test]
fn a_far_larger_upload_is_unusual_and_a_common_one_is_not() {
    let mut uploads = Uploads::default();
    train(&mut uploads, 0..40, 0, 20, 10_000.0);
    let p = |value| uploads.ask(place(&3, 0), value).ready().unwrap().p;
    assert!(p(10_000) > 0.3);
    assert!(p(50_000_000) < 0.001);
    assert!(p(50_000_000) <= p(200_000) && p(200_000) < p(20_000));
}

#[test]
fn what_a_cell_takes_is_bounded() {
    let mut sketch = Sketch::default();
    let mut random = Random(3);
    (0..20_000).for_each(|_| sketch.add((random.next() * 44.0).exp2() as u64));
    assert!(sketch.filled() <= BINS_MAX);
    let mut cell = Sketch::default();
    (0..500).for_each(|_| cell.add((9.0 + random.normal()).exp() as u64));
    assert!(cell.filled() <= 110, "{} bins of 8 bytes", cell.filled());
}

proptest! {
    #[test]
    fn sketches_merge_in_any_order(
        a in proptest::collection::vec(any::<u64>(), 0..60),
        b in proptest::collection::vec(any::<u64>(), 0..60),
    ) {
        let sketch = |values: &[u64]| {
            let mut sketch = Sketch::default();
            values.iter().for_each(|v| sketch.add(*v));
            sketch
        };
        let (mut one, mut other) = (sketch(&a), sketch(&b));
        one.merge(&sketch(&b));
        other.merge(&sketch(&a));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one, sketch(&[a, b].concat()));
    }

    #[test]
    fn hosts_of_one_epoch_may_come_in_any_order(
        values in proptest::collection::vec((0u32..6, 0u64..100_000), 0..80),
        seed in any::<u64>(),
    ) {
        // Each host's own values keep their order.
        let mut shuffled = values.clone();
        shuffled.sort_by_key(|(host, _)| (u64::from(*host) + 1).wrapping_mul(seed | 1));
        let fill = |values: &[(u32, u64)]| {
            let mut uploads = Uploads::default();
            train(&mut uploads, 0..6, 0, 6, 10_000.0);
            for (host, value) in values {
                uploads.learn(place(host, 0), *value, at(6 * DAY), 1000);
            }
            uploads.close_epoch(6 * 24, 6 * 24 + 1);
            (0..7).map(|host| uploads.ask(place(&host, 0), 77_777)).collect::<Vec<_>>()
        };
        let (one, other) = (fill(&values), fill(&shuffled));
        prop_assert_eq!(&one[6], &other[6], "the role");
        prop_assert_eq!(one, other);
    }

    #[test]
    fn nothing_about_sizes_panics_and_all_of_it_can_be_saved(
        values in proptest::collection::vec((any::<u32>(), any::<u64>(), any::<i64>()), 0..60),
    ) {
        let mut uploads = Uploads::default();
        for (host, value, t) in values {
            let t = Timestamp::from_nanos(t);
            uploads.learn(place(&(host % 5), (host % 3) as u8), value, t, 8);
            uploads.ask(place(&(host % 7), 1), value);
            uploads.close_epoch(t.hour(), t.hour().saturating_add(1));
        }
        saved(&uploads);
    }
}
