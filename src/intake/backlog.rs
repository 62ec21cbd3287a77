//! From what the journal holds to the sensor, before what comes in now.
//!
//! A sensor that starts again is handed what its saved state has not seen. Meanwhile agents are
//! acknowledged as ever: what they bring is in the journal, and is read from there in its turn,
//! until the reader has caught up with the writer. Holds [`TOGETHER`] reports.

use super::journal::{Arrived, Journaled, moment, received_at, segment_name, segments};
use super::room::Held;
use crate::endpoint::report::Report;
use crate::time::{Span, Timestamp};
use crossbeam_channel::Sender;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Without a saved state the sensor is handed what came in within this: a flow may still be
/// attributed for so long.
const REREAD: Span = Span::from_secs(3600);
/// Reports that are handed over together.
const TOGETHER: usize = 1000;

/// Who hands reports to the sensor: the reader of the journal, and once that has caught up, the
/// writer.
#[derive(Clone, Debug, Default)]
pub(super) struct Handing(Arc<Mutex<Turn>>);

#[derive(Debug, Default)]
struct Turn {
    /// None before there is a sensor.
    sensor: Option<Sender<Arrived>>,
    /// The number of the journal's next line.
    next: u64,
    is_caught_up: bool,
}

impl Handing {
    /// Hands to `sensor` what comes after the line before `next`.
    pub fn new(sensor: Sender<Arrived>, next: u64) -> Handing {
        Handing(Arc::new(Mutex::new(Turn {
            sensor: Some(sensor),
            next,
            is_caught_up: false,
        })))
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written up to the line before `next`; the reader hands it over where it has not
    /// caught up. Waits until the sensor has room; it may be gone.
    pub fn hand_over(&self, reports: Vec<Report>, held: Option<Held>, next: u64) {
        let sensor = {
            let mut turn = self.turn();
            turn.next = next;
            turn.sensor.clone().filter(|_| turn.is_caught_up)
        };
        if let Some(sensor) = sensor.filter(|_| !reports.is_empty()) {
            let _ = sensor.send(Arrived {
                reports,
                next,
                _held: held,
            });
        }
    }

    /// Whether there is no line `number` yet; then the writer goes on.
    fn catches_up(&self, number: u64) -> bool {
        let mut turn = self.turn();
        turn.is_caught_up = number >= turn.next;
        turn.is_caught_up
    }

    /// Whether the sensor is gone.
    fn send(&self, reports: Vec<Report>, next: u64) -> bool {
        let sensor = self.turn().sensor.clone();
        let arrived = Arrived {
            reports,
            next,
            _held: None,
        };
        arrived.reports.is_empty() || sensor.is_some_and(|sensor| sensor.send(arrived).is_ok())
    }
}

/// Reads the journal, on a thread of its own.
#[derive(Debug)]
pub(super) struct Backlog {
    dir: PathBuf,
    /// The first line that the sensor's saved state has not seen.
    from: Option<u64>,
    handing: Handing,
}

impl Backlog {
    pub fn new(dir: &Path, from: Option<u64>, handing: Handing) -> Backlog {
        Backlog {
            dir: dir.to_owned(),
            from,
            handing,
        }
    }

    /// Reads until it has caught up, or the sensor is gone.
    pub fn run(self) {
        if let Err(error) = self.read() {
            tracing::error!("{}: {error:#}", self.dir.display());
            // What the journal cannot give is lost to the sensor; what comes in is not.
            self.handing.catches_up(u64::MAX);
        }
    }

    fn read(&self) -> anyhow::Result<()> {
        let since = moment(received_at() - REREAD.as_secs_f64());
        // The first line that was not looked at.
        let mut number = self.from.unwrap_or(0);
        while !self.handing.catches_up(number) {
            let known = segments(&self.dir)?;
            let firsts = || known.iter().map(|(first, _)| *first);
            let Some(first) = firsts().filter(|first| *first <= number).max() else {
                // It had to leave; the oldest that is left is next.
                number = firsts().min().unwrap_or(u64::MAX);
                continue;
            };
            // A crash may have left more lines than were acknowledged.
            let end = firsts().filter(|other| *other > first).min();
            let mut input = BufReader::new(File::open(self.dir.join(segment_name(first)))?);
            for _ in first..number {
                input.skip_until(b'\n')?;
            }
            let (mut line, mut reports) = (Vec::new(), Vec::new());
            let mut is_short = false;
            while end.is_none_or(|end| number < end) && !self.is_at_end(number) {
                is_short = input.read_until(b'\n', &mut line)? == 0;
                if is_short {
                    break;
                }
                number += 1;
                reports.extend(self.reports_of(&line, since));
                line.clear();
                if reports.len() >= TOGETHER
                    && !self.handing.send(std::mem::take(&mut reports), number)
                {
                    return Ok(());
                }
            }
            if !self.handing.send(reports, number) {
                return Ok(());
            }
            if is_short {
                // The writer went on in another segment. Where there is none, lines were lost.
                let known = segments(&self.dir)?;
                let later = known.iter().map(|(other, _)| *other);
                let later = later.filter(|other| *other > first).min();
                number = later.unwrap_or_else(|| self.handing.turn().next);
            }
        }
        Ok(())
    }

    /// Whether the line `number` is not acknowledged yet.
    fn is_at_end(&self, number: u64) -> bool {
        number >= self.handing.turn().next
    }

    fn reports_of(&self, line: &[u8], since: Timestamp) -> Vec<Report> {
        let Ok(journaled) = serde_json::from_slice::<Journaled<'_>>(line) else {
            return Vec::new();
        };
        if self.from.is_none() && moment(journaled.received_at) < since {
            return Vec::new();
        }
        journaled.read().unwrap_or_default()
    }
}
