use super::templates::oracle;
use super::*;
use crate::time::{Span, Timestamp};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(Templates::default);

const GAPS: &str = include_str!("../../../tests/vectors/glr_gaps.json");
const SINGLE: &str = include_str!("../../../tests/vectors/glr_templates.json");

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn histogram(series: &Value) -> Gaps {
    let mut gaps = Gaps::default();
    for gap in series["gaps_s"].as_array().unwrap() {
        let nanos = (gap.as_f64().unwrap() * 1e9).round() as i64;
        gaps.add(bin(Span::from_nanos(nanos)));
    }
    gaps
}

#[test]
fn every_list_of_gaps_has_the_expected_histogram_timer_and_bits() {
    for series in parsed(GAPS)["series"].as_array().unwrap() {
        let (name, expected) = (&series["name"], &series["expected"]);
        let gaps = histogram(series);
        let cells = gaps.cells().map(|(b, count)| (b.to_string(), count.into()));
        let cells: serde_json::Map<String, Value> = cells.collect();
        assert_eq!(Value::Object(cells), series["hist"], "{name}");
        let fit = TEMPLATES.fit(&gaps).unwrap();
        let near = |ours: f64, theirs: &Value, by: f64| {
            let theirs = theirs.as_f64().unwrap();
            assert!((ours - theirs).abs() <= by, "{name}: {ours} for {theirs}");
        };
        near(fit.bits, &expected["bits"], 0.000_51);
        near(fit.centre_s, &expected["T_s"], 0.000_051);
        near(fit.width, &expected["w"], 0.0);
        near(fit.missed, &expected["q"], 0.0);
        near(fit.contamination, &expected["eps"], 0.0);
        near(fit.log_likelihood[0], &expected["h1_logp_nats"], 0.000_051);
        near(fit.log_likelihood[1], &expected["h0_logp_nats"], 0.000_051);
        assert_eq!(u64::from(fit.n), series["n"].as_u64().unwrap());
        assert_eq!(
            TEMPLATES.full_scan(&gaps).1,
            fit.log_likelihood[0],
            "{name}"
        );
    }
}

#[test]
fn single_templates_have_the_expected_bins() {
    assert_eq!(oracle::counts(), [7830, 1473]);
    let vectors = parsed(SINGLE);
    for (family, template) in [
        ("h1", oracle::timer as fn(usize) -> _),
        ("h0", oracle::null),
    ] {
        for expected in vectors[family].as_array().unwrap() {
            let bins = template(expected["index"].as_u64().unwrap() as usize);
            assert!((bins.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for top in expected["top_bins"].as_array().unwrap() {
                let (b, p) = (top[0].as_u64().unwrap(), top[1].as_f64().unwrap());
                let ours = bins[b as usize];
                assert!(
                    (ours / p - 1.0).abs() < 1e-6,
                    "{expected}: bin {b} has {ours}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn leaving_templates_out_changes_nothing(
        counts in prop::collection::vec((0u8..=136, 1u16..40), 3..80),
    ) {
        let mut gaps = Gaps::default();
        counts.iter().for_each(|(b, count)| (0..*count).for_each(|_| gaps.add(*b)));
        let (index, best) = TEMPLATES.full_scan(&gaps);
        let fit = TEMPLATES.fit(&gaps).unwrap();
        prop_assert_eq!(fit.log_likelihood[0], best);
        let centre = libm::exp2(3.0 + (index / 45) as f64 / 16.0);
        prop_assert_eq!(fit.centre_s, centre);
    }

    #[test]
    fn any_events_keep_the_bounds_and_survive_being_saved(
        steps in prop::collection::vec((0u64..40, 0u64..40, any::<bool>()), 0..600),
    ) {
        let mut series = Series::default();
        let mut at = Timestamp::MIN;
        for (step, bytes, host_idle) in steps {
            // From milliseconds to more than a century.
            at = at + Span::from_nanos(1_000_000 << step);
            let event = Event { at, upload_bytes: Some(1 << bytes), host_idle };
            series.handle_event(event);
            prop_assert!(series.bytes() <= SERIES_BYTES_MAX + BRISK_BYTES_MAX);
        }
        let _ = (series.reading(&TEMPLATES), series.persistence());
        let saved = postcard::to_allocvec(&series).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Series>(&saved).unwrap(), series);
    }
}

/// A generator of numbers that differ and are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.next()).ln()
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// Moments of a beacon in `[from, until)` seconds: downward jitter, missed beats.
fn beacon(random: &mut Random, sleep: f64, jitter: f64, missed: f64, hours: [f64; 2]) -> Vec<f64> {
    let mut moments = Vec::new();
    let mut at = hours[0] * 3600.0 + random.next() * sleep;
    while at < hours[1] * 3600.0 {
        if random.next() >= missed {
            moments.push(at);
        }
        at += sleep * (1.0 - jitter * random.next());
    }
    moments
}

/// Moments of a person's visits: sessions with think times, in working hours.
fn browsing(random: &mut Random, hours: [f64; 2]) -> Vec<f64> {
    let mut moments = Vec::new();
    let mut at = hours[0] * 3600.0;
    while at < hours[1] * 3600.0 {
        at += random.exponential(1500.0);
        let pages = 1.0 + random.exponential(8.0);
        for _ in 0..pages as usize {
            moments.push(at);
            at += (12f64.ln() + 1.1 * random.normal()).exp();
        }
    }
    moments
}

fn series(events: &[(f64, u64)]) -> Series {
    let mut series = Series::default();
    for (at, bytes) in events {
        let at = Timestamp::from_nanos((at * 1e9) as i64);
        series.handle_event(Event {
            at,
            upload_bytes: Some(*bytes),
            host_idle: false,
        });
    }
    series
}

/// The gaps that end in quiet hours, as the definition has it: every event is known.
fn quiet_exactly(events: &[(f64, u64)]) -> Gaps {
    let mut gaps = Vec::new();
    let (mut last, mut kept) = (events[0].0, events[0].0);
    for (at, _) in &events[1..] {
        if at - last > 2.0 {
            gaps.push((at - kept, (at / 3600.0) as usize));
            kept = *at;
        }
        last = *at;
    }
    let mut counts = vec![0; 24 * 40];
    gaps.iter().for_each(|(_, hour)| counts[*hour] += 1);
    let mut filled: Vec<usize> = counts.iter().copied().filter(|count| *count > 0).collect();
    filled.sort_unstable();
    let median = filled[(filled.len() - 1) / 2];
    let mut quiet = Gaps::default();
    for (gap, hour) in gaps {
        if counts[hour] <= median {
            quiet.add(bin(Span::from_nanos((gap * 1e9) as i64)));
        }
    }
    quiet
}

/// A beacon and a person at the same destination.
fn mixture(random: &mut Random, sleep: f64, jitter: f64, hours: [f64; 2]) -> Vec<(f64, u64)> {
    let implant = beacon(random, sleep, jitter, 0.1, hours);
    let mut events: Vec<(f64, u64)> = implant.into_iter().map(|at| (at, 412)).collect();
    for at in browsing(random, [8.0, 18.0]) {
        events.push((at, 600 + (random.next() * 3000.0) as u64));
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    events
}

#[test]
fn quiet_hours_from_bounded_state_lose_little_against_all_events() {
    let mut random = Random(7);
    let (mut losses, mut found, mut found_exactly) = (Vec::new(), 0, 0);
    for (jitter, hours) in [(0.2, [0.0, 24.0]), (0.3, [7.0, 20.0]), (0.5, [0.0, 24.0])] {
        for round in 0..60 {
            let sleep = 60.0 * libm::exp2(f64::from(round % 6));
            let events = mixture(&mut random, sleep, jitter, hours);
            let bits = |gaps: &Gaps| TEMPLATES.fit(gaps).map_or(0.0, |fit| fit.bits);
            let exact = bits(&quiet_exactly(&events));
            let ours = bits(&series(&events).quiet());
            found_exactly += u32::from(exact >= 22.0);
            found += u32::from(ours >= 22.0);
            losses.push(exact - ours);
        }
    }
    losses.sort_by(f64::total_cmp);
    let quantile = |share: f64| losses[(share * (losses.len() - 1) as f64) as usize];
    let spread = [0.0, 0.1, 0.5, 0.9, 1.0].map(quantile);
    println!("bits lost at 0, 10, 50, 90, 100 %: {spread:.1?}; {found} of {found_exactly} found");
    assert!(quantile(0.5).abs() < 3.0, "{spread:?}");
    // Most of these the calm gaps show too.
    assert!(found + 4 >= found_exactly, "{found} of {found_exactly}");
}

#[test]
fn a_beacon_is_found_beside_a_person_and_a_person_alone_is_not() {
    let mut random = Random(11);
    let (mut found, mut worst, mut idle, mut most) = (0, f64::NEG_INFINITY, 0, 0);
    for round in 0..40 {
        let sleep = 60.0 * libm::exp2(f64::from(round % 5));
        let mixed = series(&mixture(&mut random, sleep, 0.3, [0.0, 24.0]));
        found += u32::from(mixed.reading(&TEMPLATES).is_some_and(|r| r.bits >= 20.0));
        most = most.max(mixed.bytes());
        let alone = browsing(&mut random, [8.0, 18.0]);
        let alone: Vec<(f64, u64)> = alone.into_iter().map(|at| (at, 700)).collect();
        let bits = series(&alone).reading(&TEMPLATES).map_or(0.0, |r| r.bits);
        worst = worst.max(bits);
        idle = idle.max(series(&alone[..5]).bytes());
    }
    println!("{found} of 40 found; person at most {worst:.1} bits; {idle} B idle, {most} B full");
    assert!(found >= 38, "{found}");
    assert!(worst < 20.0, "{worst}");
    assert!(idle <= 450, "{idle}");
    assert!(most <= 1500, "{most}");
}

#[test]
fn gaps_between_two_pauses_are_calm_and_their_neighbours_are_not() {
    let mut calm = super::calm::Calm::default();
    for b in [60, 20, 60, 60, 10, 60, 57, 80] {
        calm.handle(b);
    }
    let cells: Vec<(u8, u16)> = calm.gaps().cells().collect();
    assert_eq!(cells, [(10, 1), (20, 1), (57, 1)]);
}

#[test]
fn a_beacon_is_found_among_the_sittings_of_a_day_whose_sizes_it_shares() {
    let mut random = Random(5);
    let mut found = 0;
    for _ in 0..20 {
        let hours = [8.0, 18.0];
        let mut moments = beacon(&mut random, 300.0, 0.3, 0.0, hours);
        moments.extend(browsing(&mut random, hours));
        moments.sort_by(f64::total_cmp);
        let sized = |at| (at, 400 + (random.next() * 2500.0) as u64);
        let events: Vec<(f64, u64)> = moments.into_iter().map(sized).collect();
        let reading = series(&events).reading(&TEMPLATES);
        found += u32::from(reading.is_some_and(|reading| reading.bits >= 20.0));
    }
    assert!(found >= 18, "{found}");
}

#[test]
fn looks_are_due_at_growing_numbers_of_gaps_and_once_an_hour() {
    let mut series = Series::default();
    let mut looks = Vec::new();
    for beat in 0..100 {
        let at = Timestamp::from_parts(beat * 20, 0);
        if series.handle_event(Event {
            at,
            upload_bytes: None,
            host_idle: false,
        }) {
            looks.push(series.n());
        }
    }
    assert_eq!(looks, [6, 8, 12, 16, 24, 32, 48, 64, 96]);
    for hour in [1, 2, 2, 5] {
        let at = Timestamp::from_parts(hour * 3600 + 100, 0);
        let due = series.handle_event(Event {
            at,
            upload_bytes: None,
            host_idle: false,
        });
        looks.push(u32::from(due));
    }
    assert_eq!(looks[9..], [1, 1, 0, 1]);
}

#[test]
fn halving_keeps_half_of_a_histogram_of_ones() {
    let mut gaps = Gaps::default();
    (0..40).for_each(|b| gaps.add(b));
    gaps.halve();
    assert_eq!((gaps.n(), gaps.filled()), (20, 20));
    (0..5).for_each(|_| gaps.halve());
    assert!(gaps.is_empty());
}

#[test]
fn evidence_halves_every_third_day() {
    let mut series = Series::default();
    let mut at = Timestamp::from_parts(0, 0);
    let beat = |series: &mut Series, at| {
        series.handle_event(Event {
            at,
            upload_bytes: Some(100),
            host_idle: false,
        })
    };
    for _ in 0..101 {
        beat(&mut series, at);
        at = at + Span::from_secs(60);
    }
    beat(&mut series, Timestamp::from_parts(3 * 86_400, 0));
    let reading = series.reading(&TEMPLATES).unwrap();
    // Of 59 gaps in the first hour and 41 in the second half stay, then comes one more.
    assert_eq!(reading.fit.n, 29 + 20 + 1);
}

#[test]
fn a_busy_key_has_a_view_with_a_shorter_merge() {
    let mut series = Series::default();
    for second in 0..1300 {
        // A chain of which no part is two seconds from the next.
        let at = Timestamp::from_parts(second, 0);
        series.handle_event(Event {
            at,
            upload_bytes: None,
            host_idle: false,
        });
    }
    for beat in 0..60 {
        let at = Timestamp::from_parts(1300 + beat * 30, 0);
        series.handle_event(Event {
            at,
            upload_bytes: None,
            host_idle: false,
        });
    }
    assert!(series.n() > 600);
    assert!(series.bytes() <= SERIES_BYTES_MAX + BRISK_BYTES_MAX);
}

#[test]
fn a_memoryless_program_at_all_hours_persists_and_a_person_does_not() {
    let mut random = Random(3);
    let (mut at, mut program) = (0.0, Series::default());
    while at < 24.0 * 3600.0 {
        let moment = Timestamp::from_nanos((at * 1e9) as i64);
        let host_idle = !(8.0..18.0).contains(&(at / 3600.0));
        program.handle_event(Event {
            at: moment,
            upload_bytes: Some(512),
            host_idle,
        });
        at += random.exponential(300.0);
    }
    let program = program.persistence().unwrap();
    assert!(program.bits() > 4.0, "{program:?}");
    let visits = browsing(&mut random, [8.0, 18.0]);
    let visits: Vec<(f64, u64)> = visits
        .into_iter()
        .map(|at| (at, 600 + (random.next() * 9000.0) as u64))
        .collect();
    let person = series(&visits).persistence().unwrap();
    assert!(person.bits() < 2.0, "{person:?}");
    assert!(series(&visits[..8]).persistence().is_none());
}
