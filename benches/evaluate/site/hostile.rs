//! Hostile programs on a site that knows its usual days.

use super::watch::{Program, Watched, programs, seconds, watch};
use crate::dissected::settings;
use crate::report::{Report, table};
use std::collections::BTreeMap;
use tapir::scenario::Options;
use tapir::time::Span;

/// So many that those with hostile programs stay few in each role.
const HOSTS: u32 = 120;
const INFECTED: u32 = 12;
const LEARNING_DAYS: i64 = 7;
const DAYS: i64 = 2;
const DAY: i64 = 86_400;
const NAMES: [&str; 6] = ["an1190", "an1191", "an1415", "an1601", "an0146", "beacon"];

/// Variants of AN1191 that go against what was agreed to; a first use has no agreement.
const AGREED: [&str; 2] = ["off-schedule", "missing"];

pub fn run(report: &Report) {
    let mut rows = Vec::new();
    for name in NAMES {
        let options = Options {
            seed: report.seed(),
            hosts: HOSTS,
            duration: Span::from_secs((LEARNING_DAYS + DAYS) * DAY),
            onset: Some(Span::from_secs(LEARNING_DAYS * DAY)),
            infected: Some(INFECTED),
            ..Options::default()
        };
        judge(name, name, &options, "", &mut rows);
        if name == "an1191" {
            let schedules = schedules(&programs(name, &options));
            judge(
                name,
                "an1191 with schedules",
                &options,
                &schedules,
                &mut rows,
            );
        }
    }
    let mut text = format!(
        "# Hostile programs\n\n{HOSTS} simulated hosts at an eighth of the usual rate of flows, \
         {LEARNING_DAYS} days of learning, {DAYS} days with up to {INFECTED} infected hosts, network \
         evidence alone. Found: an alert of the analytic on the host that is about the program's \
         destination, or of any analytic, or the notice on the host of a call that did not come; such \
         notices on other hosts are benign ones. With schedules: the operator has written down the \
         calls that are off schedule or missing, host by host.\n\n"
    );
    let head = [
        "scenario",
        "variant",
        "programs",
        "found",
        "by any analytic",
    ];
    text += &table(&head, &rows);
    report.text("hostile", &text);
}

/// Plays a scenario to a sensor that was also told `more`, and adds its rows under `title`.
fn judge(name: &str, title: &str, options: &Options, more: &str, rows: &mut Vec<Vec<String>>) {
    let watched = watch(name, options, settings(more));
    rows.extend(by_variant(title, &watched));
    let onset = seconds(options.start + Span::from_secs(LEARNING_DAYS * DAY));
    let others = watched.alerts.iter().filter(|(alert, label)| {
        seconds(alert.at) >= onset && (label.starts_with("benign") || label == "unknown")
    });
    let programs = &watched.programs;
    let missing = |host: &str| {
        let mut of_host = programs.iter().filter(|program| *program.host == *host);
        of_host.any(|program| program.variant == "missing")
    };
    let missed = watched.missed.iter();
    let missed = missed.filter(|(host, at)| *at >= onset && !missing(host));
    for (what, count) in [
        ("alerts", others.count()),
        ("missing calls", missed.count()),
    ] {
        let rate = count as f64 / f64::from(HOSTS) / DAYS as f64;
        let (what, rate) = (format!("benign {what} a host-day"), format!("{rate:.4}"));
        rows.push(cells(title, &what, "", &rate, ""));
    }
}

/// What the operator of the programs' hosts agreed to, as a configuration says it.
fn schedules(programs: &[Program]) -> String {
    let agreed = programs
        .iter()
        .filter(|program| AGREED.contains(&&*program.variant));
    let table = |(n, program): (usize, &Program)| {
        format!(
            "\n[[schedule]]\nid = \"job-{n}\"\nowner = \"it-operations\"\nhosts = [\"{}/32\"]\n\
             destinations = [\"{}\"]\ndays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]\n\
             from = \"08:00\"\nto = \"18:00\"\nexpected = true\nexpires = \"2027-03-31\"\n",
            program.host, program.destination
        )
    };
    agreed.enumerate().map(table).collect()
}

fn cells(name: &str, variant: &str, programs: &str, own: &str, any: &str) -> Vec<String> {
    [name, variant, programs, own, any]
        .map(str::to_owned)
        .into()
}

fn by_variant(name: &str, watched: &Watched) -> Vec<Vec<String>> {
    let mut counts: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    let mut all = [0; 3];
    for program in &watched.programs {
        let found = [
            1,
            u64::from(is_found(watched, program, true)),
            u64::from(is_found(watched, program, false)),
        ];
        let of = counts.entry(&program.variant).or_default();
        for (sum, found) in of.iter_mut().zip(found) {
            *sum += found;
        }
        for (sum, found) in all.iter_mut().zip(found) {
            *sum += found;
        }
    }
    let row = |variant: &str, [programs, own, any]: [u64; 3]| {
        let share = |found: u64| {
            format!(
                "{found} ({:.0} %)",
                100.0 * found as f64 / programs.max(1) as f64
            )
        };
        cells(
            name,
            variant,
            &programs.to_string(),
            &share(own),
            &share(any),
        )
    };
    let mut rows: Vec<_> = counts
        .into_iter()
        .map(|(variant, found)| row(variant, found))
        .collect();
    rows.push(row("all", all));
    rows
}

fn is_found(watched: &Watched, program: &Program, by_own: bool) -> bool {
    let mut missed = watched.missed.iter();
    let missing = |(host, at): &(String, f64)| *host == program.host && *at >= program.from;
    if program.variant == "missing" && missed.any(missing) {
        return true;
    }
    watched.alerts.iter().any(|(alert, label)| {
        let about = alert.subject.host == program.host && label == program.label;
        let own = alert.analytic.name() == program.analytic;
        about && seconds(alert.at) >= program.from && (own || !by_own)
    })
}
