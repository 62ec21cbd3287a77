//! From the first beat on: how many it takes until the detector's looks reach 20 and 30 bits.

use super::beacons::{Habits, Shape};
use super::ours::Key;
use super::{CANDIDATE, STRONG};
use crate::report::{Axis, Plot, Report, table};
use crate::rivals::{Contact, rita};
use crate::{crowd, roc};
use tapir::profile::cadence::Templates;
use tapir::scenario::random::Random;

/// Runs of each cell, three days each.
const RUNS: usize = 101;
const DAYS: f64 = 3.0;

/// When a run passed: beats and hours to 20 bits, the same to 30, hours until RITA says .7.
#[derive(Clone, Copy, Default)]
struct Passed {
    beats: [Option<f64>; 2],
    hours: [Option<f64>; 2],
    rita_hours: Option<f64>,
}

/// The table, as text.
pub fn run(report: &Report, templates: &Templates) -> String {
    let mut rows = Vec::new();
    let mut worst: [f64; 2] = [0.0; 2];
    for sleep_s in [60.0, 300.0, 900.0, 3600.0] {
        for (jitter, miss) in [(0.0, 0.0), (0.2, 0.0), (0.5, 0.0), (0.2, 0.2), (0.5, 0.2)] {
            let runs = runs(report, templates, [sleep_s, jitter, miss], true);
            let told = |values: Vec<Option<f64>>, places: usize| {
                let median = roc::median(&values);
                median.map_or("none".to_string(), |value| format!("{value:.places$}"))
            };
            let mut row = vec![format!("{sleep_s}"), format!("{jitter}, {miss}")];
            for at in [0, 1] {
                row.push(told(runs.iter().map(|run| run.beats[at]).collect(), 0));
                row.push(told(runs.iter().map(|run| run.hours[at]).collect(), 2));
            }
            row.push(told(runs.iter().map(|run| run.rita_hours).collect(), 1));
            rows.push(row);
            let candidate: Vec<_> = runs.iter().map(|run| run.beats[0]).collect();
            for (worst, of) in worst.iter_mut().zip([0.2, 0.5]) {
                if jitter == of && miss == 0.0 {
                    *worst = worst.max(roc::median(&candidate).unwrap_or(f64::INFINITY));
                }
            }
        }
    }
    plot(report, templates);
    format!(
        "\n## Beats to detect\n\nMedian of {RUNS} runs, downward jitter, over at most {DAYS} days: \
         beats that were seen, and hours, until a look of the detector gave 20 bits (a candidate) \
         and 30 (strong); RITA at the first full hour at which the last 24 h scored .7. At most \
         {:.0} beats to 20 bits with 20 % jitter, {:.0} with 50 % (no beat missed).\n\n",
        worst[0], worst[1]
    ) + &table(
        &[
            "sleep, s",
            "jitter, missed",
            "beats to 20",
            "hours",
            "beats to 30",
            "hours",
            "RITA, hours",
        ],
        &rows,
    )
}

fn runs(
    report: &Report,
    templates: &Templates,
    [sleep_s, jitter, miss]: [f64; 3],
    rita_too: bool,
) -> Vec<Passed> {
    let habits = Habits {
        miss,
        ..Habits::new(Shape::Downward, jitter)
    };
    let name = format!("delay {sleep_s} {jitter} {miss}");
    crowd::map(RUNS, |number| {
        let mut random = Random::of(report.seed() + number as u64, &name);
        let moments = habits.moments(sleep_s, [0.0, 24.0 * DAYS], &mut random);
        let contact = |at| Contact {
            at,
            up: 600.0,
            down: 420.0,
        };
        let contacts: Vec<Contact> = moments.into_iter().map(contact).collect();
        let mut passed = ours(templates, &contacts);
        if rita_too {
            passed.rita_hours = rita_hours(&contacts);
        }
        passed
    })
}

fn ours(templates: &Templates, contacts: &[Contact]) -> Passed {
    let mut passed = Passed::default();
    let mut key = Key::new(templates);
    let first = contacts.first().map_or(0.0, |contact| contact.at);
    for (number, contact) in contacts.iter().enumerate() {
        let bits = key.take(*contact, false).unwrap_or(f64::NEG_INFINITY);
        for (at, threshold) in [CANDIDATE, STRONG].into_iter().enumerate() {
            if bits >= threshold && passed.beats[at].is_none() {
                passed.beats[at] = Some(number as f64 + 1.0);
                passed.hours[at] = Some((contact.at - first) / 3600.0);
            }
        }
        if passed.beats[1].is_some() {
            break;
        }
    }
    passed
}

fn rita_hours(contacts: &[Contact]) -> Option<f64> {
    let scored = (1..=(24.0 * DAYS) as i32).find(|hour| {
        let until = f64::from(*hour) * 3600.0;
        let within = |contact: &&Contact| (until - 86_400.0..until).contains(&contact.at);
        let window: Vec<Contact> = contacts.iter().filter(within).copied().collect();
        rita::beacon(&window, until - 86_400.0).score >= rita::MEDIUM
    });
    scored.map(f64::from)
}

fn plot(report: &Report, templates: &Templates) {
    let jitters = || (0..=7).map(|tenths| f64::from(tenths) / 10.0);
    let line = |miss: f64, at: usize| {
        let points = jitters().filter_map(|jitter| {
            let runs = runs(report, templates, [300.0, jitter, miss], false);
            let beats: Vec<_> = runs.iter().map(|run| run.beats[at]).collect();
            roc::median(&beats).map(|beats| (jitter, beats.min(200.0)))
        });
        points.collect()
    };
    let lines = vec![
        ("20 bits".to_string(), line(0.0, 0)),
        ("30 bits".to_string(), line(0.0, 1)),
        ("20 bits, 20 % missed".to_string(), line(0.2, 0)),
        ("30 bits, 20 % missed".to_string(), line(0.2, 1)),
    ];
    let plot = Plot {
        title: "beats until a 300 s beacon is told".to_string(),
        axes: [
            Axis {
                title: "downward jitter, share of the sleep",
                ends: [0.0, 0.7],
                log: false,
            },
            Axis {
                title: "beats (median; 200 is 200 and more)",
                ends: [0.0, 200.0],
                log: false,
            },
        ],
        lines,
    };
    report.plot("cadence-beats", &plot);
}
