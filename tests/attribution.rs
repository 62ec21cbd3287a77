//! Alerts name the process behind a flow once an agent has told it, and are told again when it
//! does: `pcaps/webhook.pcap` with `fixtures/webhook-process/reports.ndjson`. `BLESS=1` rewrites
//! the golden logs.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod captures;

use captures::reported::{self, check_golden, reports, with_reports};
use captures::{path, settings, top};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tapir::sensor::Line;
use tapir::sensor::settings::Settings;
use tapir::time::Timestamp;

const GOLDEN: [&str; 4] = [
    "alerts.log",
    "attribution.log",
    "coverage.log",
    "notice.log",
];

fn fixture() -> PathBuf {
    top().join("fixtures/webhook-process")
}

fn with_agents() -> Settings {
    with_reports(settings("webhook"))
}

/// Every log of a replay with the reports.
fn logs(workers: usize) -> BTreeMap<String, String> {
    let reports = reports(&fixture());
    reported::logs(path("webhook"), &with_agents(), &reports, workers)
}

#[test]
fn alerts_name_the_process_and_say_how_sure_that_is() {
    let logs = logs(1);
    let alerts: Vec<Value> = logs["alerts.log"]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(alerts.len(), 4, "two alerts, each told twice");
    for pair in alerts.chunks(2) {
        let [first, again] = pair else {
            panic!("pairs")
        };
        assert_eq!(first["alert_id"], again["alert_id"]);
        assert_eq!(
            (&first["revision"], &again["revision"]),
            (&0.into(), &1.into())
        );
        assert_eq!(first["attribution"]["status"], "pending");
        assert_eq!(first["subject"]["process"], Value::Null);
        assert_eq!(again["attribution"]["status"], "matched");
        let process = &again["subject"]["process"];
        assert_eq!(process["path"], "/usr/bin/curl");
        assert_eq!(process["parent"]["path"], "/bin/sh");
        assert!(again["confidence"].as_f64() > first["confidence"].as_f64());
        assert!(again["bits"].as_f64() > first["bits"].as_f64());
    }
    check_golden(&fixture(), &GOLDEN, &logs);
}

#[test]
fn reports_change_no_line_with_the_number_of_workers() {
    let one = logs(1);
    for workers in [2, 4, 8] {
        assert_eq!(one, logs(workers), "{workers} workers");
    }
}

/// The lines of a sensor that is saved and restored after every `every`th frame.
fn lines(every: usize) -> Vec<(Timestamp, Line)> {
    let (frames, reports) = (captures::frames("webhook"), reports(&fixture()));
    reported::lines(&with_agents(), &frames, &reports, every)
}

#[test]
fn a_restart_between_an_alert_and_its_process_changes_no_line() {
    let whole = lines(usize::MAX);
    for every in [97, 1000] {
        assert_eq!(whole, lines(every), "every {every} frames");
    }
}
