//! From lines to the log folder, and to what is told at the end.

use crate::detect::Alert;
use crate::sensor::Line;
use crate::sink::{ALERTS, LogDir, SUPPRESSED, SinkError};
use crate::time::Timestamp;

/// Where lines go.
#[derive(Debug)]
pub struct Output {
    logs: LogDir,
    /// The alerts so far, at most [`ALERTS_KEPT`]: the first ones, for the closing table.
    pub alerts: Vec<Alert>,
    /// How many alerts there were.
    pub alerts_count: u64,
    /// The first failure; nothing is written after it.
    failure: Option<SinkError>,
}

/// How many alerts the closing table can show.
const ALERTS_KEPT: usize = 1000;

impl Output {
    /// Lines go to `logs`.
    pub fn new(logs: LogDir) -> Output {
        Output {
            logs,
            alerts: Vec::new(),
            alerts_count: 0,
            failure: None,
        }
    }

    /// Writes a line that was known at `at`.
    pub fn write(&mut self, at: Timestamp, line: Line) {
        if self.failure.is_some() {
            return;
        }
        let written = match line {
            Line::Alert(alert) if alert.suppressed_by.is_some() => {
                self.logs.write_json(SUPPRESSED, &*alert)
            }
            Line::Alert(alert) => {
                let written = self.logs.write_json(ALERTS, &*alert);
                self.alerts_count += 1;
                if self.alerts.len() < ALERTS_KEPT {
                    self.alerts.push(*alert);
                }
                written
            }
            Line::Row(record) => self.logs.write(at, &record),
        };
        self.failure = written.err();
    }

    /// Whether writing has failed.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Puts everything written so far into the files.
    pub fn flush(&mut self) {
        if self.failure.is_none() {
            self.failure = self.logs.flush().err();
        }
    }

    /// Ends the logs at `clock`.
    ///
    /// # Errors
    /// The first failure to write, with its file.
    pub fn close(self, clock: Timestamp) -> Result<Told, SinkError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => {
                self.logs.close(clock)?;
                Ok(Told {
                    alerts: self.alerts,
                    alerts_count: self.alerts_count,
                })
            }
        }
    }
}

/// What the output says at the end.
#[derive(Debug)]
pub struct Told {
    /// The first alerts.
    pub alerts: Vec<Alert>,
    /// How many there were.
    pub alerts_count: u64,
}
