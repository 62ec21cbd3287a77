//! From records to a directory of logs, one file for each.
//!
//! Does not rotate. A log without rows does not exist, as with Zeek; a log of an earlier run is
//! replaced. Holds one file and one buffer for each log that has rows.

use super::{Format, LogFile, SinkError};
use crate::record::{Record, Row};
use crate::time::Timestamp;
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

/// The log of whole alerts, always JSON.
pub const ALERTS: &str = "alerts";
/// The log of alerts that an allow entry suppressed, always JSON.
pub const SUPPRESSED: &str = "suppressed";

/// The logs of one run.
#[derive(Debug)]
pub struct LogDir {
    dir: PathBuf,
    format: Format,
    logs: Vec<Log>,
}

/// A log that has rows.
#[derive(Debug)]
struct Log {
    name: &'static str,
    /// None for a log that is JSON whatever the others are.
    format: Option<Format>,
    file: LogFile,
}

impl LogDir {
    /// Makes `dir` where it does not exist, and removes the logs of an earlier run from it: a log
    /// that has no rows this time must not stay beside the others. Files that are not ours are left
    /// alone.
    ///
    /// # Errors
    /// [`SinkError::Create`] where the directory cannot be made or an old log cannot be removed.
    pub fn create(dir: impl Into<PathBuf>, format: Format) -> Result<LogDir, SinkError> {
        let names = Record::SCHEMAS.iter().map(|schema| schema.path);
        let names: Vec<&str> = names.chain([ALERTS, SUPPRESSED]).collect();
        LogDir::create_only(dir, format, &names)
    }

    /// As [`LogDir::create`], for a run that writes none but the logs `names`: others stay.
    ///
    /// # Errors
    /// As [`LogDir::create`].
    pub fn create_only(
        dir: impl Into<PathBuf>,
        format: Format,
        names: &[&str],
    ) -> Result<LogDir, SinkError> {
        let dir = dir.into();
        if let Err(source) = fs::create_dir_all(&dir) {
            return Err(SinkError::Create { path: dir, source });
        }
        for name in names {
            let path = file_path(&dir, name);
            // A link or a device was put there by the operator, to be written to.
            if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            if let Err(source) = fs::remove_file(&path) {
                return Err(SinkError::Create { path, source });
            }
        }
        Ok(LogDir {
            dir,
            format,
            logs: Vec::new(),
        })
    }

    /// Writes `record` to its log. `clock` is the capture's, and the log's `#open` if this is its
    /// first row.
    ///
    /// # Errors
    /// [`SinkError`]; the log's lines before are whole.
    pub fn write(&mut self, clock: Timestamp, record: &Record) -> Result<(), SinkError> {
        self.write_row(clock, record.row())
    }

    /// Writes `row` to its log, as [`LogDir::write`] does.
    ///
    /// # Errors
    /// As [`LogDir::write`].
    pub fn write_row(&mut self, clock: Timestamp, row: &dyn Row) -> Result<(), SinkError> {
        let format = self.format;
        let schema = row.schema();
        let begin = |out: &mut Vec<u8>| format.write_header(schema, clock, out);
        self.log(schema.path, Some(format), begin)?
            .append(|out| format.write_row(row, out))
    }

    /// Writes `object` as one line of JSON to the log `name`, whatever the other logs are.
    ///
    /// # Errors
    /// As [`LogDir::write`], and [`SinkError::Object`] where `object` does not serialise.
    pub fn write_json(
        &mut self,
        name: &'static str,
        object: &impl Serialize,
    ) -> Result<(), SinkError> {
        self.log(name, None, |_| {})?.append_json(object)
    }

    /// Writes every line that waits in any log.
    ///
    /// # Errors
    /// The first that occurred; the other logs are written all the same.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        let mut result = Ok(());
        for log in &mut self.logs {
            result = result.and(log.file.flush());
        }
        result
    }

    /// Ends every log; `last_at` is the capture's clock, for `#close`.
    ///
    /// # Errors
    /// As [`LogDir::flush`].
    pub fn close(mut self, last_at: Timestamp) -> Result<(), SinkError> {
        let mut result = Ok(());
        for log in &mut self.logs {
            if let Some(format) = log.format {
                let trailer = |out: &mut Vec<u8>| format.write_trailer(last_at, out);
                result = result.and(log.file.append(trailer));
            }
        }
        result.and(self.flush())
    }

    /// The log `name`, which is opened if it is not, and then begins with what `begin` appends.
    fn log(
        &mut self,
        name: &'static str,
        format: Option<Format>,
        begin: impl FnOnce(&mut Vec<u8>),
    ) -> Result<&mut LogFile, SinkError> {
        let index = match self.logs.iter().position(|log| log.name == name) {
            Some(index) => index,
            None => {
                let mut file = open(file_path(&self.dir, name))?;
                file.append(begin)?;
                self.logs.push(Log { name, format, file });
                self.logs.len() - 1
            }
        };
        Ok(&mut self.logs[index].file)
    }
}

/// An empty file, written at its end: what a line that was cut off is taken back from leaves no
/// hole.
fn open(path: PathBuf) -> Result<LogFile, SinkError> {
    let opened = OpenOptions::new().append(true).create(true).open(&path);
    let emptied = opened.and_then(|file| match file.metadata()?.is_file() {
        true => file.set_len(0).map(|()| file),
        false => Ok(file),
    });
    match emptied {
        Ok(file) => Ok(LogFile::new(path, file)),
        Err(source) => Err(SinkError::Create { path, source }),
    }
}

fn file_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}
