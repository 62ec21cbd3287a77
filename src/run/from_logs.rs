//! From Zeek's logs to alerts: the detector alone, fed by rows in place of packets.
//!
//! Writes alerts and notices and no log of flows: those are there.

use super::output::{Output, Told};
use super::progress;
use super::summary::listed;
use crate::record::Record;
use crate::sensor::Line;
use crate::sensor::detector::Detector;
use crate::sensor::settings::Settings;
use crate::sink::{ALERTS, Format, LogDir, SUPPRESSED};
use crate::time::Timestamp;
use crate::zeeklogs::{Counts, Faults, Kind, Logs};
use anyhow::{Context, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to read, and where to write.
#[derive(Debug)]
pub struct FromLogs {
    /// The folders of logs, read as one.
    pub folders: Vec<PathBuf>,
    /// The folder for alerts; made if it is not there.
    pub log_dir: PathBuf,
    /// What `notice.log` looks like.
    pub format: Format,
}

/// What became of the logs.
#[derive(Debug)]
pub struct Read {
    /// What was read.
    pub counts: Counts,
    /// What could not be read.
    pub faults: Faults,
    /// What was alerted.
    pub told: Told,
    /// The first and the last moment.
    pub range: [Timestamp; 2],
}

/// How many rows pass between two looks at the bar.
const ROWS_A_LOOK: u64 = 4096;

impl FromLogs {
    /// Reads every log.
    ///
    /// # Errors
    /// A folder that cannot be listed, no row that can be read, a folder for alerts that is one of
    /// those read, a log that cannot be written.
    pub fn run(&self, settings: &Settings) -> anyhow::Result<Read> {
        let mut logs = Logs::open(&self.folders)?;
        self.check_log_dir()?;
        let written = [ALERTS, SUPPRESSED, "notice"];
        let log_dir = LogDir::create_only(&self.log_dir, self.format, &written)?;
        let mut output = Output::new(log_dir);
        let mut detector = Detector::default();
        let bar = progress::bar(Some(logs.progress().0));
        let (mut rows, mut range) = (0u64, None);
        while let Some(observation) = logs.next_observation() {
            let at = observation.at;
            range = Some([range.map_or(at, |[first, _]: [Timestamp; 2]| first), at]);
            let mut put = |at, line| {
                // What else the detector tells, the logs that are read tell already.
                if matches!(line, Line::Alert(_) | Line::Row(Record::Notice(_))) {
                    output.write(at, line);
                }
            };
            detector.handle_observation(settings, observation, &mut put);
            rows += 1;
            if rows.is_multiple_of(ROWS_A_LOOK) {
                bar.set_position(logs.progress().1);
                if output.has_failed() {
                    break;
                }
            }
        }
        bar.finish_and_clear();
        let range = range.unwrap_or_default();
        let told = output.close(range[1]).context("the logs are incomplete")?;
        Ok(Read {
            counts: logs.counts().clone(),
            faults: logs.faults().clone(),
            told,
            range,
        })
    }

    /// Alerts beside the logs they are made of would replace Zeek's own notices.
    fn check_log_dir(&self) -> anyhow::Result<()> {
        let Ok(log_dir) = self.log_dir.canonicalize() else {
            return Ok(());
        };
        let same = |folder: &&PathBuf| folder.canonicalize().is_ok_and(|path| path == log_dir);
        match self.folders.iter().find(same) {
            Some(folder) => bail!(
                "{} is read: name another folder for the alerts with --log-dir",
                folder.display()
            ),
            None => Ok(()),
        }
    }
}

/// The closing table.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Files, by log.
    pub files: BTreeMap<&'static str, u64>,
    /// Rows that were read, by log.
    pub rows: BTreeMap<&'static str, u64>,
    /// From the first to the last moment, in days.
    pub days: f64,
    /// What was left out, by cause; causes that never occurred are left out too.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Alerts.
    pub alerts: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Rows a second.
    pub rows_per_second: f64,
    /// Where the alerts are.
    pub log_dir: PathBuf,
}

impl Summary {
    /// The summary of a run that took `took`.
    pub fn new(read: &Read, took: Duration, log_dir: &Path) -> Summary {
        let named = |counts: &BTreeMap<Kind, u64>| {
            let named = counts.iter().map(|(kind, count)| (kind.path(), *count));
            named.collect::<BTreeMap<_, _>>()
        };
        let Read { counts, faults, .. } = read;
        let causes = [
            ("bad rows", faults.bad_rows),
            ("bad files", faults.bad_files),
            ("rows that came late", counts.late),
        ];
        let [first, last] = read.range;
        let seconds = took.as_secs_f64();
        let rows: u64 = counts.rows.values().sum();
        Summary {
            files: named(&counts.files),
            rows: named(&counts.rows),
            days: (last - first).as_secs_f64() / 86_400.0,
            left_out: causes.into_iter().filter(|(_, count)| *count > 0).collect(),
            alerts: read.told.alerts_count,
            seconds,
            rows_per_second: rows as f64 / seconds.max(1e-9),
            log_dir: log_dir.to_owned(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<10} {value}");
        line("files", listed(&self.files))?;
        line("rows", listed(&self.rows))?;
        line("days", format!("{:.3}", self.days))?;
        line("left out", listed(&self.left_out))?;
        line("alerts", self.alerts.to_string())?;
        let rate = format!("{:.2} s, {:.0} rows/s", self.seconds, self.rows_per_second);
        line("time", rate)?;
        line("logs", self.log_dir.display().to_string())
    }
}
