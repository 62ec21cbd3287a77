//! Days on which nothing hostile happens.

use super::watch::{Watched, seconds, watch};
use crate::dissected::settings;
use crate::report::{Report, table};
use std::collections::BTreeMap;
use tapir::detect::evidence::Tier;
use tapir::scenario::Options;
use tapir::time::Span;

const HOSTS: u32 = 200;
/// Days in which the baselines learn, and those that count.
const LEARNING_DAYS: i64 = 7;
const DAYS: i64 = 3;
const DAY: i64 = 86_400;

/// Alerts a host and day: all, and medium or high ones. What is to be reached.
const BARS: [f64; 2] = [0.1, 0.02];

pub fn run(report: &Report) {
    let options = Options {
        seed: report.seed(),
        hosts: HOSTS,
        duration: Span::from_secs((LEARNING_DAYS + DAYS) * DAY),
        full: true,
        ..Options::default()
    };
    let watched = watch("benign-day", &options, settings(""));
    let from = seconds(options.start + Span::from_secs(LEARNING_DAYS * DAY));
    let [learning, counted] = [false, true].map(|late| {
        let alerts = watched.alerts.iter();
        let of: Vec<_> = alerts
            .filter(|(alert, _)| (seconds(alert.at) >= from) == late)
            .collect();
        of
    });
    let mut text = format!(
        "# Benign days\n\n{HOSTS} simulated hosts, {} days, {} flows ({:.0} a host and day), {} frames. \
         The first {LEARNING_DAYS} days are for learning; the others count.\n\n",
        LEARNING_DAYS + DAYS,
        watched.flows,
        rate(watched.flows, LEARNING_DAYS + DAYS),
        watched.frames,
    );
    let mut rows = Vec::new();
    for (name, alerts, days) in [
        ("learning", &learning, LEARNING_DAYS),
        ("counted", &counted, DAYS),
    ] {
        let loud = alerts
            .iter()
            .filter(|(alert, _)| alert.tier >= Tier::Medium);
        let (all, loud) = (alerts.len() as u64, loud.count() as u64);
        rows.push(vec![
            name.to_owned(),
            all.to_string(),
            format!("{:.4}", rate(all, days)),
            loud.to_string(),
            format!("{:.4}", rate(loud, days)),
        ]);
    }
    let head = [
        "days",
        "alerts",
        "a host-day",
        "medium and above",
        "a host-day",
    ];
    text += &table(&head, &rows);
    text += &format!(
        "\nTo be reached on days that count: at most {} and {} a host-day.\n\n",
        BARS[0], BARS[1]
    );
    text += &by_class(&watched, from);
    report.text("benign", &text);
}

fn rate(count: u64, days: i64) -> f64 {
    count as f64 / f64::from(HOSTS) / days as f64
}

/// Alerts of the days that count, by analytic and class of traffic.
fn by_class(watched: &Watched, from: f64) -> String {
    let mut counts: BTreeMap<(&str, &str), [u64; 2]> = BTreeMap::new();
    for (alert, label) in &watched.alerts {
        let when = usize::from(seconds(alert.at) >= from);
        let key = (alert.analytic.name(), label.as_str());
        counts.entry(key).or_default()[when] += 1;
    }
    let rows = counts
        .into_iter()
        .map(|((analytic, label), [before, since])| {
            let cells = [analytic, label].map(str::to_owned).into_iter();
            cells
                .chain([before, since].map(|n| n.to_string()))
                .collect()
        });
    let rows: Vec<Vec<String>> = rows.collect();
    table(&["analytic", "class", "while learning", "counted"], &rows)
}
