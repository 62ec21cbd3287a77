//! From lines to batches in a folder, where they stay until the sensor has acknowledged them.
//!
//! A batch is a file, named by its number. It is closed once [`BATCH_AGE`] old or [`BATCH_BYTES`]
//! long; the folder holds at most [`SPOOL_BYTES_MAX`], of which the oldest leave and are counted.
#![allow(clippy::disallowed_methods)] // The shell writes files and reads clocks.

use super::batches;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A batch is closed at this age, when next something is written or flushed.
const BATCH_AGE: Duration = Duration::from_millis(250);
/// Or at this length.
const BATCH_BYTES: usize = 512 << 10;
/// What the folder holds: at 500 bytes a line, half a million lines.
const SPOOL_BYTES_MAX: u64 = 256 << 20;

/// Writes batches.
#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    batch: Vec<u8>,
    begun_at: Instant,
    /// The number of the next batch.
    next: u64,
    bytes: u64,
    /// Batches that had to leave unsent.
    dropped: Arc<AtomicU64>,
}

impl Spool {
    /// Goes on in `dir` after the batches that are there.
    ///
    /// # Errors
    /// A folder that cannot be made or read.
    pub fn open(dir: &Path, dropped: Arc<AtomicU64>) -> io::Result<Spool> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let batches = batches::list(dir)?;
        Ok(Spool {
            dir: dir.to_owned(),
            batch: Vec::new(),
            begun_at: Instant::now(),
            next: batches.last().map_or(0, |batch| batch.number + 1),
            bytes: batches.iter().map(|batch| batch.bytes).sum(),
            dropped,
        })
    }

    fn close_batch(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let path = self.dir.join(batches::name(self.next));
        let part = path.with_extension("part");
        fs::write(&part, &self.batch)?;
        fs::rename(&part, &path)?;
        self.next += 1;
        self.bytes += self.batch.len() as u64;
        self.batch.clear();
        if self.bytes > SPOOL_BYTES_MAX {
            self.make_room()?;
        }
        Ok(())
    }

    /// Counts what is there still, and lets the oldest go.
    fn make_room(&mut self) -> io::Result<()> {
        let batches = batches::list(&self.dir)?;
        self.bytes = batches.iter().map(|batch| batch.bytes).sum();
        for batch in batches {
            if self.bytes <= SPOOL_BYTES_MAX {
                break;
            }
            // It may have been sent just now.
            if fs::remove_file(self.dir.join(batches::name(batch.number))).is_ok() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            self.bytes = self.bytes.saturating_sub(batch.bytes);
        }
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.batch.is_empty() {
            self.begun_at = Instant::now();
        }
        self.batch.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Closes a batch that is due. Whole lines are flushed, so a batch ends with one.
    fn flush(&mut self) -> io::Result<()> {
        let is_due = self.batch.len() >= BATCH_BYTES || self.begun_at.elapsed() >= BATCH_AGE;
        if is_due { self.close_batch() } else { Ok(()) }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // The folder is gone or full: nobody is left to be told.
        let _ = self.close_batch();
    }
}
