//! From lines that were taken to a journal on disk, and from there to the sensor.
//!
//! A line of the journal is `{"received_at": SECONDS, "agent": NAME or null, "line": TEXT}`, which
//! `tapir replay --reports` reads; the first of a batch has its [name](super::batches) besides.
//! Lines have numbers that go on over restarts; a segment is named for its first. What waits is
//! written and synced at once (one sync for all), then acknowledged, then handed to the sensor.
//! Holds what waits: at most [`WAITING_MAX`] batches, within what there is [room](super::room) for.

use super::backlog::{Backlog, Handing};
use super::batches::Named;
use super::room::Held;
use super::settings::Settings;
use crate::endpoint::format::{Refused, Source, read_line};
use crate::endpoint::report::Report;
use crate::time::{Span, Timestamp};
use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// A report counts so long after it came in: by then the sensor has it, so that a replay of capture
/// and journal gives the same lines.
const HANDOVER: Span = Span::from_secs(1);
/// Batches that wait to be written, and to be taken by the sensor.
const WAITING_MAX: usize = 256;
/// A segment is closed at this length.
const SEGMENT_BYTES: u64 = 64 << 20;
/// What one sync covers at most.
const SYNC_BYTES: usize = 8 << 20;

/// One line of the journal.
#[derive(Debug, Serialize, Deserialize)]
pub struct Journaled<'a> {
    /// Of the first line of a batch: which it is, where the agent names it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Named<'a>>,
    /// When it counts, in seconds since 1970.
    pub received_at: f64,
    /// Who was authenticated; none where the line itself says whose it is.
    #[serde(borrow)]
    pub agent: Option<Cow<'a, str>>,
    /// What the agent wrote.
    #[serde(borrow)]
    pub line: Cow<'a, str>,
}

impl Journaled<'_> {
    /// What the line says.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub fn read(&self) -> Result<Vec<Report>, Refused> {
        let source = Source {
            agent: self.agent.as_deref(),
            received_at: moment(self.received_at),
        };
        read_line(self.line.as_bytes(), &source)
    }
}

/// Seconds since 1970 as every reader of the journal has them.
pub(super) fn moment(seconds: f64) -> Timestamp {
    Timestamp::from_nanos((seconds * 1e9).round() as i64)
}

/// When a report that comes in now counts: in whole microseconds, which the journal's numbers hold.
pub(super) fn received_at() -> f64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    ((since.as_secs_f64() + HANDOVER.as_secs_f64()) * 1e6).round() / 1e6
}

/// Reports that are in the journal.
#[derive(Debug)]
pub struct Arrived {
    /// What they say.
    pub reports: Vec<Report>,
    /// The number of the journal's line after the last of them.
    pub next: u64,
    pub(super) _held: Option<Held>,
}

/// Lines that were taken together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Lines of the journal, each with its end.
    pub lines: Vec<u8>,
    pub lines_n: u64,
    pub reports: Vec<Report>,
    /// The room that they take, until the sensor has them.
    pub held: Option<Held>,
}

/// Why lines could not be journaled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unjournaled {
    /// Too many wait.
    Busy,
    /// The disk does not take them.
    Failed,
}

/// Hands batches to the writer.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    queue: Sender<(Batch, oneshot::Sender<bool>)>,
}

impl Journal {
    /// Opens the journal in the settings' folder; hands on who writes it, who hands over what it
    /// holds already, and where that comes out.
    pub fn open(settings: &Settings, from: Option<u64>) -> anyhow::Result<Opened> {
        let dir = settings.dir.join("journal");
        fs::create_dir_all(&dir)
            .with_context(|| format!("{}: cannot be made; name another folder", dir.display()))?;
        let (queue, batches) = bounded(WAITING_MAX);
        let (hand_over, arrived) = bounded(WAITING_MAX);
        let mut writer = Writer {
            segments: segments(&dir)?,
            dir,
            bytes_max: settings.journal_bytes_max,
            file: None,
            next: 0,
            batches,
            handing: Handing::default(),
        };
        let counted = writer.count();
        counted.with_context(|| format!("{}: cannot be read", writer.dir.display()))?;
        writer.handing = Handing::new(hand_over, writer.next);
        let backlog = Backlog::new(&writer.dir, from, writer.handing.clone());
        Ok((Journal { queue }, writer, backlog, arrived))
    }

    /// Resolves once the batch is on disk.
    pub async fn commit(&self, batch: Batch) -> Result<(), Unjournaled> {
        let written = self.submit(batch)?;
        match written.await {
            Ok(true) => Ok(()),
            _ => Err(Unjournaled::Failed),
        }
    }

    /// As [`Journal::commit`], for a thread that may wait.
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), Unjournaled> {
        match self.submit(batch)?.blocking_recv() {
            Ok(true) => Ok(()),
            _ => Err(Unjournaled::Failed),
        }
    }

    fn submit(&self, batch: Batch) -> Result<oneshot::Receiver<bool>, Unjournaled> {
        let (done, written) = oneshot::channel();
        match self.queue.try_send((batch, done)) {
            Ok(()) => Ok(written),
            Err(TrySendError::Full(_)) => Err(Unjournaled::Busy),
            Err(TrySendError::Disconnected(_)) => Err(Unjournaled::Failed),
        }
    }
}

type Opened = (Journal, Writer, Backlog, Receiver<Arrived>);

/// Writes the journal, on a thread of its own.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    bytes_max: u64,
    /// Numbers of the first lines of segments, in order, with their lengths.
    segments: Vec<(u64, u64)>,
    file: Option<File>,
    /// The next line's number.
    next: u64,
    batches: Receiver<(Batch, oneshot::Sender<bool>)>,
    handing: Handing,
}

impl Writer {
    /// Writes until nobody can bring more.
    pub fn run(mut self) {
        while let Ok(first) = self.batches.recv() {
            let mut together = vec![first];
            let bytes = |batches: &[(Batch, _)]| -> usize {
                batches.iter().map(|(batch, _)| batch.lines.len()).sum()
            };
            while bytes(&together) < SYNC_BYTES
                && let Ok(next) = self.batches.try_recv()
            {
                together.push(next);
            }
            let written = self.write(&together);
            if let Err(error) = &written {
                tracing::error!("{}: {error}", self.dir.display());
                // A half-written line must not become the beginning of the next.
                self.file = None;
            }
            for (batch, done) in together {
                // Who asked may be gone; the line counts all the same.
                let _ = done.send(written.is_ok());
                if written.is_ok() {
                    self.handing.hand_over(batch.reports, batch.held, self.next);
                }
            }
        }
    }

    fn write(&mut self, batches: &[(Batch, oneshot::Sender<bool>)]) -> io::Result<()> {
        let is_full = self
            .segments
            .last()
            .is_some_and(|(_, len)| *len >= SEGMENT_BYTES);
        if self.file.is_none() || is_full {
            self.file = Some(self.begin()?);
        }
        let (Some(file), Some((_, len))) = (&mut self.file, self.segments.last_mut()) else {
            return Ok(());
        };
        for (batch, _) in batches {
            file.write_all(&batch.lines)?;
            *len += batch.lines.len() as u64;
        }
        file.sync_data()?;
        self.next += batches.iter().map(|(batch, _)| batch.lines_n).sum::<u64>();
        Ok(())
    }

    /// Begins a segment, and lets the oldest go.
    fn begin(&mut self) -> io::Result<File> {
        let path = self.dir.join(segment_name(self.next));
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)?;
        // The name must outlive a crash too.
        File::open(&self.dir)?.sync_all()?;
        self.segments.retain(|(first, _)| *first != self.next);
        self.segments.push((self.next, 0));
        let kept = |segments: &[(u64, u64)]| segments.iter().map(|(_, len)| len).sum::<u64>();
        while self.segments.len() > 1 && kept(&self.segments) > self.bytes_max {
            let (first, _) = self.segments.remove(0);
            fs::remove_file(self.dir.join(segment_name(first)))?;
        }
        Ok(file)
    }

    /// Finds the number of the next line: what a crash left without its end was not acknowledged.
    fn count(&mut self) -> io::Result<()> {
        if let Some((first, _)) = self.segments.last() {
            self.next = *first;
            let mut input = BufReader::new(File::open(self.dir.join(segment_name(*first)))?);
            while let read = input.skip_until(b'\n')?
                && read > 0
            {
                self.next += 1;
            }
        }
        Ok(())
    }
}

pub(super) fn segment_name(first: u64) -> String {
    format!("reports-{first:020}.ndjson")
}

/// The segments in `dir`, in order.
pub(super) fn segments(dir: &Path) -> anyhow::Result<Vec<(u64, u64)>> {
    let mut segments = Vec::new();
    let listing = fs::read_dir(dir).with_context(|| format!("{}", dir.display()))?;
    for entry in listing {
        let entry = entry?;
        let name = entry.file_name();
        let first = name.to_str().and_then(|name| {
            let number = name.strip_prefix("reports-")?.strip_suffix(".ndjson")?;
            number.parse().ok()
        });
        if let Some(first) = first {
            segments.push((first, entry.metadata()?.len()));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}
