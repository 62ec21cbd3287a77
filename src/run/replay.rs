//! From capture files to logs: one shared state over all files, as if they were one capture.

use super::engine::{Engine, Outcome};
use super::output::Output;
use super::progress;
use super::saving::State;
use crate::capture::{CaptureError, Filter, Reader};
use crate::endpoint::report::Report;
use crate::sensor::settings::Settings;
use crate::sink::{Format, LogDir};
use anyhow::Context;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

/// What to replay, and where to.
#[derive(Debug)]
pub struct Replay {
    /// The captures, in order; `-` is standard input.
    pub captures: Vec<PathBuf>,
    /// The folder of logs; made if it is not there.
    pub log_dir: PathBuf,
    /// What the logs look like.
    pub format: Format,
    /// How many threads own shards.
    pub workers: usize,
    /// A BPF expression; frames that it does not match are left out.
    pub filter: Option<String>,
}

/// What became of the captures.
#[derive(Debug)]
pub struct Replayed {
    /// What the sensor saw.
    pub outcome: Outcome,
    /// What was damaged; everything before the damage was handled.
    pub damaged: Vec<CaptureError>,
    /// Frames that the filter left out.
    pub filtered: u64,
}

/// How many frames pass between two looks at the bar: often enough to move, too seldom to cost.
const FRAMES_A_LOOK: u64 = 4096;

impl Replay {
    /// Replays every capture.
    ///
    /// # Errors
    /// A file that cannot be read or is no capture (nothing is written then), a filter that does
    /// not compile, a log that cannot be written.
    pub fn run(&self, settings: Settings) -> anyhow::Result<Replayed> {
        self.run_from(settings, None, Vec::new())
    }

    /// Replays every capture, with the reports of endpoint agents as they were received, on top of
    /// `state`, if there is one: then flows that are open at the end stay open, and all that is
    /// known is saved there.
    ///
    /// # Errors
    /// As [`Replay::run`]; a state that cannot be restored or saved.
    pub fn run_from(
        &self,
        settings: Settings,
        state: Option<State>,
        reports: Vec<Report>,
    ) -> anyhow::Result<Replayed> {
        let mut filter = match &self.filter {
            Some(expression) => Some(Filter::compile(expression)?),
            None => None,
        };
        let total = self.check_captures()?;
        let state = state.map(|state| state.begin(&settings)).transpose()?;
        let logs = Output::new(LogDir::create(&self.log_dir, self.format)?);
        let (mut engine, saver) = Engine::begin(settings, state, reports, self.workers, logs);
        let bar = progress::bar(total);
        let (mut damaged, mut failure) = (Vec::new(), None);
        let (mut filtered, mut done) = (0, 0);
        for capture in &self.captures {
            let read = Reader::open(capture).and_then(|mut reader| {
                let read = read(&mut reader, &mut engine, &mut filter, &bar, done);
                done += reader.bytes_read();
                read
            });
            match read {
                Ok(left_out) => filtered += left_out,
                Err(error) if error.exit_code() == 3 => damaged.push(error),
                Err(error) => failure = Some(error),
            }
            if engine.has_failed() || failure.is_some() {
                break;
            }
        }
        bar.finish_and_clear();
        // Whatever ended the reading, what was read until then is written.
        let outcome = match saver.filter(|_| failure.is_none()) {
            Some(saver) => saver.stop(engine)?,
            None => engine.finish().context("the logs are incomplete")?,
        };
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        Ok(Replayed {
            outcome,
            damaged,
            filtered,
        })
    }

    /// Opens every file once, so that a wrong name is told before any log is touched; gives their
    /// size.
    fn check_captures(&self) -> Result<Option<u64>, CaptureError> {
        let mut total = Some(0);
        for capture in &self.captures {
            let size = match capture.as_path() == Path::new("-") {
                true => None,
                false => Reader::open(capture)?.size(),
            };
            total = total.zip(size).map(|(total, size)| total + size);
        }
        Ok(total)
    }
}

/// Hands every frame of `reader` to `engine`; gives how many the filter left out.
fn read(
    reader: &mut Reader,
    engine: &mut Engine,
    filter: &mut Option<Filter>,
    bar: &ProgressBar,
    done: u64,
) -> Result<u64, CaptureError> {
    let (mut frames, mut filtered) = (0u64, 0);
    loop {
        frames += 1;
        if frames.is_multiple_of(FRAMES_A_LOOK) {
            bar.set_position(done + reader.bytes_read());
            if engine.has_failed() {
                return Ok(filtered);
            }
        }
        let Some(frame) = reader.next_frame()? else {
            return Ok(filtered);
        };
        match filter.as_mut().is_none_or(|filter| filter.matches(&frame)) {
            true => engine.handle_frame(&frame),
            false => filtered += 1,
        }
    }
}
