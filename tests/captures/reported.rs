//! Our captures with what agents and gateways report of their flows.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // For tests.

use super::{Owned, drain};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tapir::endpoint::report::Report;
use tapir::run::replay::Replay;
use tapir::run::reports::Reports;
use tapir::sensor::settings::Settings;
use tapir::sensor::{Line, Sensor};
use tapir::sink::Format;
use tapir::time::{Span, Timestamp};

/// The settings of a sensor to which agents report.
pub fn with_reports(mut settings: Settings) -> Settings {
    settings.detect = settings.detect.with_reports(Span::from_secs(60));
    settings
}

/// The reports of a fixture, each of which can be read.
pub fn reports(fixture: &Path) -> Vec<Report> {
    let read = Reports::read(&[fixture.join("reports.ndjson")]).unwrap();
    assert_eq!((read.refused, read.idle), (0, 0));
    read.reports
}

/// Every log of a replay with the reports, in JSON.
pub fn logs(
    capture: PathBuf,
    settings: &Settings,
    reports: &[Report],
    workers: usize,
) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let replay = Replay {
        captures: vec![capture],
        log_dir: folder.path().to_owned(),
        format: Format::Json,
        workers,
        filter: None,
    };
    let reports = reports.to_vec();
    replay.run_from(settings.clone(), None, reports).unwrap();
    let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// The lines of a sensor that is saved and restored after every `every`th frame.
pub fn lines(
    settings: &Settings,
    frames: &[Owned],
    reports: &[Report],
    every: usize,
) -> Vec<(Timestamp, Line)> {
    let mut sensor = Sensor::new(settings.clone());
    sensor.handle_reports(reports.iter().cloned());
    let mut lines = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        sensor.handle_frame(&frame.frame());
        if (number + 1) % every == 0 {
            sensor.flush();
            drain(&mut sensor, &mut lines);
            sensor = Sensor::restore(settings.clone(), &sensor.save()).unwrap();
        }
    }
    sensor.finish();
    drain(&mut sensor, &mut lines);
    lines
}

/// Compares logs with those in the fixture; `BLESS=1` rewrites these.
pub fn check_golden(fixture: &Path, names: &[&str], logs: &BTreeMap<String, String>) {
    for name in names {
        let golden = fixture.join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &logs[*name]).unwrap();
        }
        assert_eq!(fs::read_to_string(&golden).unwrap(), logs[*name], "{name}");
    }
}
