//! Alerts name the process behind a flow once an agent has told it, and are told again when it
//! does: `pcaps/webhook.pcap` with `fixtures/webhook-process/reports.ndjson`. `BLESS=1` rewrites
//! the golden logs.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod captures;

use captures::{path, settings, top};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tapir::run::replay::Replay;
use tapir::run::reports::Reports;
use tapir::sensor::Sensor;
use tapir::sink::Format;
use tapir::time::Span;

const GOLDEN: [&str; 4] = [
    "alerts.log",
    "attribution.log",
    "coverage.log",
    "notice.log",
];

fn fixture() -> PathBuf {
    top().join("fixtures/webhook-process")
}

fn reports() -> Reports {
    let read = Reports::read(&[fixture().join("reports.ndjson")]).unwrap();
    assert_eq!((read.refused, read.idle), (0, 0));
    read
}

/// Every log of a replay with the reports.
fn logs(workers: usize, folder: &Path) -> BTreeMap<String, String> {
    let mut settings = settings("webhook");
    settings.detect = settings.detect.with_reports(Span::from_secs(60));
    let replay = Replay {
        captures: vec![path("webhook")],
        log_dir: folder.to_owned(),
        format: Format::Json,
        workers,
        filter: None,
    };
    replay.run_from(settings, None, reports().reports).unwrap();
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn alerts_name_the_process_and_say_how_sure_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let logs = logs(1, folder.path());
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
    for name in GOLDEN {
        let golden = fixture().join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &logs[name]).unwrap();
        }
        assert_eq!(fs::read_to_string(&golden).unwrap(), logs[name], "{name}");
    }
}

#[test]
fn reports_change_no_line_with_the_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let one = logs(1, folder.path());
    for workers in [2, 4, 8] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(one, logs(workers, folder.path()), "{workers} workers");
    }
}

/// The lines of a sensor that is saved and restored after every `every`th frame.
fn lines(every: usize) -> Vec<String> {
    let mut settings = settings("webhook");
    settings.detect = settings.detect.with_reports(Span::from_secs(60));
    let mut sensor = Sensor::new(settings.clone());
    sensor.handle_reports(reports().reports);
    let mut lines = Vec::new();
    let mut drain = |sensor: &mut Sensor| {
        while let Some((at, line)) = sensor.poll_line() {
            lines.push(format!("{at:?} {line:?}"));
        }
    };
    for (number, frame) in captures::frames("webhook").iter().enumerate() {
        sensor.handle_frame(&frame.frame());
        if (number + 1) % every == 0 {
            sensor.flush();
            drain(&mut sensor);
            sensor = Sensor::restore(settings.clone(), &sensor.save()).unwrap();
        }
    }
    sensor.finish();
    drain(&mut sensor);
    lines
}

#[test]
fn a_restart_between_an_alert_and_its_process_changes_no_line() {
    let whole = lines(usize::MAX);
    for every in [97, 1000] {
        assert_eq!(whole, lines(every), "every {every} frames");
    }
}
