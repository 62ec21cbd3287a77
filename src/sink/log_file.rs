//! From lines to a file that ends at the end of a line.
//!
//! Only whole lines are handed to each write(2), a page at most, so that a run that is killed
//! leaves whole lines; the one exception is a kill while a line is written that reaches into the
//! next page. What a full disk does not take stays in the buffer, of at most [`FLUSH_AT`] bytes and
//! one line.

use super::SinkError;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes in the buffer at which it is written: some hundred lines.
const FLUSH_AT: usize = 64 << 10;

/// Bytes of a page. The system looks for a fatal signal before each page that a write(2) fills,
/// and then leaves it at that: of 25 runs that did nothing but write 64 KiB at a time, 6 left half
/// a line when they were killed; of 60 that wrote by pages, 3 did.
const PAGE: usize = 4096;

/// Where a log's bytes go.
pub trait Output: Write {
    /// Takes back what was written beyond `len` bytes in all.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The file is opened to append, so the next write goes to its new end.
impl Output for File {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// One log.
#[derive(Debug)]
pub struct LogFile<O: Output = File> {
    path: PathBuf,
    output: O,
    /// Lines not yet written.
    buffer: Vec<u8>,
    /// Bytes the output has taken.
    written: u64,
}

impl<O: Output> LogFile<O> {
    /// A log at `path`, which is what errors name.
    pub fn new(path: PathBuf, output: O) -> LogFile<O> {
        LogFile {
            path,
            output,
            buffer: Vec::with_capacity(FLUSH_AT + 4096),
            written: 0,
        }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the whole lines that `write` appends to the buffer.
    ///
    /// # Errors
    /// [`SinkError::Write`] where the buffer had to be written and was not. As long as earlier
    /// lines still wait, `write` is not called and nothing is appended.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), SinkError> {
        self.make_room()?;
        write(&mut self.buffer);
        self.make_room()
    }

    /// Appends `object` as one line of JSON.
    ///
    /// # Errors
    /// As [`LogFile::append`]; [`SinkError::Object`] where `object` does not serialise.
    pub fn append_json(&mut self, object: &impl serde::Serialize) -> Result<(), SinkError> {
        self.make_room()?;
        let start = self.buffer.len();
        if let Err(source) = serde_json::to_writer(&mut self.buffer, object) {
            self.buffer.truncate(start);
            let path = self.path.clone();
            return Err(SinkError::Object { path, source });
        }
        self.buffer.push(b'\n');
        self.make_room()
    }

    /// Writes every line that waits.
    ///
    /// # Errors
    /// [`SinkError::Write`]; what was not written still waits.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        let (taken, result) = write_all(&mut self.output, &self.buffer, self.written);
        // Up to where the output took whole lines.
        let lines = match self.buffer.get(..taken) {
            Some(taken) => taken
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1),
            None => 0,
        };
        let whole = self.written.saturating_add(lines as u64);
        // A pipe cannot take back the line that was cut: then the rest of it follows with the next
        // attempt.
        let done = match taken > lines && self.output.truncate(whole).is_ok() {
            true => lines,
            false => taken,
        };
        self.written = self.written.saturating_add(done as u64);
        self.buffer.drain(..done);
        result.map_err(|source| SinkError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn make_room(&mut self) -> Result<(), SinkError> {
        match self.buffer.len() >= FLUSH_AT {
            true => self.flush(),
            false => Ok(()),
        }
    }
}

/// Lines that wait are written as far as possible, also where a run ends with an error.
impl<O: Output> Drop for LogFile<O> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Writes all of `bytes` at `offset` of the file, and says how many the output took.
fn write_all(output: &mut impl Write, bytes: &[u8], offset: u64) -> (usize, io::Result<()>) {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match output.write(one_write(rest, offset.saturating_add(taken as u64))) {
            Ok(0) => return (taken, Err(io::ErrorKind::WriteZero.into())),
            Ok(len) => taken += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (taken, Err(error)),
        }
    }
    (taken, output.flush())
}

/// What of `lines` goes into one write at `offset`: the whole lines within the page, or else the
/// one line that reaches into the next.
fn one_write(lines: &[u8], offset: u64) -> &[u8] {
    let room = PAGE - (offset % PAGE as u64) as usize;
    let Some((within, beyond)) = lines.split_at_checked(room) else {
        return lines;
    };
    let newline = |byte: &u8| *byte == b'\n';
    let len = match within.iter().rposition(newline) {
        Some(last) => last + 1,
        None => beyond
            .iter()
            .position(newline)
            .map_or(lines.len(), |first| room + first + 1),
    };
    lines.get(..len).unwrap_or(lines)
}
