//! The formulas of others that the evaluation compares with give what they should.
#![allow(dead_code, clippy::unwrap_used)] // What the evaluation alone uses; a test.

#[path = "../benches/evaluate/rivals/mod.rs"]
mod rivals;

use rivals::{Contact, elastic, fourier::Fourier, rita};
use serde_json::Value;
use tapir::scenario::random::Random;

const RITA: &str = include_str!("vectors/rita_formula.json");
const ELASTIC: &str = include_str!("vectors/elastic_formula.json");

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn near(name: &Value, ours: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (ours - expected).abs() <= 0.001_01,
        "{name}: {ours} for {expected}"
    );
}

/// A contact at each moment, all of one size.
fn contacts(moments: impl IntoIterator<Item = u32>) -> Vec<Contact> {
    let moments = moments.into_iter().map(f64::from);
    let of = |at| Contact {
        at,
        up: 1000.0,
        down: 2000.0,
    };
    moments.map(of).collect()
}

#[test]
fn a_list_of_numbers_has_ritas_statistic() {
    for case in parsed(RITA)["statistic"].as_array().unwrap() {
        let input = case["input"].as_array().unwrap();
        let input = input.iter().map(|value| value.as_f64().unwrap()).collect();
        let ours = rita::statistic(input, case["default"].as_f64().unwrap());
        near(&case["name"], ours, &case["expected"]);
    }
}

#[test]
fn a_day_of_contacts_has_ritas_four_scores() {
    for case in parsed(RITA)["beacon"].as_array().unwrap() {
        let day = match case["name"].as_str().unwrap() {
            "every_300_s" => contacts((0..=86_100).step_by(300)),
            "workday_300_s" => contacts((32_400..=61_200).step_by(300)),
            "hourly" => contacts((0..=82_800).step_by(3600)),
            "four_points" => contacts([0, 10, 20, 40]),
            _ => {
                let mut day = contacts((0..=120).map(|i| i * (i + 1) / 2 * 10));
                for (i, contact) in day.iter_mut().enumerate() {
                    contact.up = 500.0 + 37.0 * (i % 11) as f64;
                }
                day
            }
        };
        let (ours, expected) = (rita::beacon(&day, 0.0), &case["expected"]);
        near(&case["name"], ours.timestamps, &expected["ts"]);
        near(&case["name"], ours.sizes, &expected["ds"]);
        near(&case["name"], ours.histogram, &expected["hist"]);
        near(&case["name"], ours.duration, &expected["dur"]);
        near(&case["name"], ours.score, &expected["score"]);
    }
}

#[test]
fn a_day_of_contacts_has_elastics_score_and_flag() {
    for case in parsed(ELASTIC)["cases"].as_array().unwrap() {
        let day = match case["name"].as_str().unwrap() {
            "every_300_s" => contacts((0..=86_100).step_by(300)),
            "hourly" => contacts((0..=82_800).step_by(3600)),
            _ => {
                let mut day = contacts((0..1440).map(|i| 60 * i));
                for (i, contact) in day.iter_mut().enumerate() {
                    contact.up = 1000.0 + 700.0 * (37 * i % 11) as f64;
                    contact.down = 2000.0 + 900.0 * (53 * i % 13) as f64;
                }
                day
            }
        };
        let (ours, expected) = (elastic::beaconing(&day), &case["expected"]);
        let name = &case["name"];
        assert_eq!(Value::from(ours.score), expected["score_int"], "{name}");
        assert_eq!(Value::from(ours.is_flagged()), expected["flag"], "{name}");
        near(name, ours.rank, &expected["rank_score"]);
    }
}

#[test]
fn an_exact_timer_stands_out_of_permutations_and_noise_does_not() {
    let fourier = Fourier::default();
    let mut random = Random::of(1, "fourier");
    let timer = contacts((0..86_400).step_by(300));
    assert!(fourier.score(&timer, &mut random) > 4.0);
    let noise = contacts((0..288).map(|_| random.below(86_400) as u32));
    let score = fourier.score(&noise, &mut random);
    assert!((0.4..1.6).contains(&score), "{score}");
}
