//! What firewalls and proxies log names who is behind a translated flow, and alerts carry it:
//! `pcaps/webhook.pcap` with `fixtures/webhook-gateway/reports.ndjson`. `BLESS=1` rewrites the
//! golden logs.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod captures;

use captures::reported::{self, check_golden, reports, with_reports};
use captures::{path, settings, top};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tapir::intake::Gateways;
use tapir::run::reports::Reports;
use tapir::sensor::Line;
use tapir::sensor::settings::Settings;
use tapir::time::Timestamp;

const GOLDEN: [&str; 3] = ["alerts.log", "attribution.log", "gateway.log"];

fn fixture() -> PathBuf {
    top().join("fixtures/webhook-gateway")
}

fn with_agents() -> Settings {
    with_reports(settings("webhook"))
}

/// Every log of a replay with the reports.
fn logs(workers: usize) -> BTreeMap<String, String> {
    let reports = reports(&fixture());
    reported::logs(path("webhook"), &with_agents(), &reports, workers)
}

fn rows(log: &str) -> Vec<Value> {
    let rows = log.lines().map(|line| serde_json::from_str(line).unwrap());
    rows.collect()
}

#[test]
fn a_process_behind_a_translation_is_named_and_alerts_say_who_and_through_what() {
    let logs = logs(1);
    let matched: Vec<Value> = rows(&logs["attribution.log"])
        .into_iter()
        .filter(|row| row["status"] == "matched")
        .collect();
    assert_eq!(matched.len(), 6, "the agent told of six flows");
    for row in &matched {
        assert_eq!(row["id.orig_h"], "10.20.0.17", "as the sensor sees it");
        assert_eq!(row["path"], "/usr/bin/curl");
    }
    let told = rows(&logs["gateway.log"]);
    assert!(told.iter().all(|row| row["status"] == "matched"));
    assert!(told.iter().any(|row| row["client"] == "192.168.7.17"));
    let alerts = rows(&logs["alerts.log"]);
    let last: BTreeMap<&str, &Value> = alerts
        .iter()
        .map(|alert| (alert["alert_id"].as_str().unwrap(), alert))
        .collect();
    assert_eq!(last.len(), 2);
    for alert in last.values() {
        let gateway = &alert["attribution"]["gateway"];
        assert_eq!(gateway["status"], "matched");
        assert_eq!(gateway["user"], "svc-report");
        assert_eq!(gateway["action"], "allowed");
        assert_eq!(alert["subject"]["process"]["path"], "/usr/bin/curl");
    }
    let other_client = |alert: &&&Value| alert["evidence"].to_string().contains("gateway.other");
    assert_eq!(
        last.values().filter(other_client).count(),
        1,
        "one says that it is a browser"
    );
    check_golden(&fixture(), &GOLDEN, &logs);
}

#[test]
fn lines_of_gateways_change_no_line_with_the_number_of_workers() {
    let one = logs(1);
    for workers in [2, 4] {
        assert_eq!(one, logs(workers), "{workers} workers");
    }
}

/// The lines of a sensor that is saved and restored after every `every`th frame.
fn lines(every: usize) -> Vec<(Timestamp, Line)> {
    let (frames, reports) = (captures::frames("webhook"), reports(&fixture()));
    reported::lines(&with_agents(), &frames, &reports, every)
}

#[test]
fn a_restart_between_a_flow_and_its_line_changes_no_line() {
    assert_eq!(lines(usize::MAX), lines(1000));
}

/// What a file of lines may say where these are gateways.
fn read(lines: &str, gateways: &[&str]) -> Reports {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("squid-1.log");
    fs::write(&file, lines).unwrap();
    let gateways = Gateways::new(gateways.iter().map(|name| (*name).to_owned()));
    Reports::read_with(&[file], &gateways).unwrap()
}

#[test]
fn a_file_speaks_of_others_only_where_the_operator_says_so() {
    let line = "1790000000.212 1234 192.0.2.5 TCP_TUNNEL/200 5120 CONNECT a.example:443 alice \
                HIER_DIRECT/198.51.100.7 -\n";
    let refused = read(line, &[]);
    assert_eq!((refused.refused, refused.reports.len()), (1, 0));
    let fault = &refused.faults[0];
    assert!(
        fault.ends_with(
            "tells of other hosts, and squid-1 is no gateway: enrol it with `--gateway`, or name \
             it in intake.gateways"
        ),
        "{fault}"
    );
    let taken = read(line, &["squid-1"]);
    assert_eq!((taken.refused, taken.reports.len()), (0, 1));
    // The line cannot choose for whom it is taken.
    let named = line.replace(
        "1790000000.212",
        "CEF:0|a|b|c|d|e|f|dvchost=squid-2 1790000000.212",
    );
    assert_eq!(read(&named, &["squid-1"]).reports.len(), 0);
}
