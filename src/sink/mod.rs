//! From records to the log files that tools built for Zeek read.
//!
//! Decides nothing about content: a record says what is told, a [`Format`] what it looks like, and
//! a [`LogDir`] where it goes. Holds one buffer per open log and nothing of rows already written.
#![allow(clippy::disallowed_methods)] // The shell writes files.

mod calendar;
mod cut;
mod digits;
pub mod json;
mod log_dir;
mod log_file;
pub mod tsv;

#[cfg(test)]
mod tests;

pub use log_dir::{ALERTS, LogDir, SUPPRESSED};
pub use log_file::{LogFile, Output};

use crate::record::{Row, Schema};
use crate::time::Timestamp;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What a log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tab-separated, with a header: see [`tsv`].
    Zeek,
    /// One object a line: see [`json`].
    Json,
}

impl Format {
    /// Appends what a log begins with; `opened_at` is the capture's clock.
    pub fn write_header(self, schema: &Schema, opened_at: Timestamp, out: &mut Vec<u8>) {
        match self {
            Format::Zeek => tsv::write_header(schema, opened_at, out),
            Format::Json => {}
        }
    }

    /// Appends `row` as one line.
    pub fn write_row(self, row: &dyn Row, out: &mut Vec<u8>) {
        match self {
            Format::Zeek => tsv::write_row(row, out),
            Format::Json => json::write_row(row, out),
        }
    }

    /// Appends what a log ends with; `closed_at` is the capture's clock.
    pub fn write_trailer(self, closed_at: Timestamp, out: &mut Vec<u8>) {
        match self {
            Format::Zeek => tsv::write_trailer(closed_at, out),
            Format::Json => {}
        }
    }
}

/// Why a log could not be written.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The directory or the file could not be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file took no more bytes. Lines before are whole, and the rest is kept for the next
    /// attempt.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An object could not be expressed in JSON; nothing of it was written.
    #[error("cannot express a line of {} in JSON: {source}", path.display())]
    Object {
        /// The file it was meant for.
        path: PathBuf,
        /// What it stumbled on.
        source: serde_json::Error,
    },
}
