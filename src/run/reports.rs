//! From files of agents' lines to reports, each with the moment it was received.
//!
//! A line is what an agent wrote, in any format that [`format`](crate::endpoint::format) knows, and
//! counts as received when it says that it happened; or it is a line of a journal:
//! `{"received_at": SECONDS, "agent": NAME, "line": TEXT}`. A line that names no host is of the
//! agent that the file is named for. Holds every report of the files. A line that cannot be read is
//! told, and the others are taken.
#![allow(clippy::disallowed_methods)] // The shell reads the files that were named.

use crate::endpoint::format::{Source, read_line_or_of};
use crate::endpoint::report::Report;
use crate::intake::{Gateways, Journaled};
use crate::time::Timestamp;
use anyhow::Context;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bad lines that are told one by one.
const TOLD_MAX: usize = 20;
/// Bytes of a line of a journal: an agent's line, escaped.
const LINE_BYTES_MAX: usize = 4 << 20;

/// What the files said.
#[derive(Debug, Default)]
pub struct Reports {
    /// The reports.
    pub reports: Vec<Report>,
    /// Lines that could not be read, up to twenty: file, line, and what is wrong.
    pub faults: Vec<String>,
    /// How many could not be read.
    pub refused: u64,
    /// Lines that say nothing that is needed.
    pub idle: u64,
    gateways: Gateways,
}

impl Reports {
    /// Reads the files, in which nobody but a journal may speak of others.
    ///
    /// # Errors
    /// A file that cannot be opened or read.
    pub fn read(files: &[PathBuf]) -> anyhow::Result<Reports> {
        Reports::read_with(files, &Gateways::default())
    }

    /// Reads the files, in which those of `gateways` may speak of others. What is in a journal was
    /// allowed when it came in.
    ///
    /// # Errors
    /// As [`Reports::read`].
    pub fn read_with(files: &[PathBuf], gateways: &Gateways) -> anyhow::Result<Reports> {
        let mut reports = Reports {
            gateways: gateways.clone(),
            ..Reports::default()
        };
        for path in files {
            let file = File::open(path).with_context(|| {
                format!("{}: cannot be read; name a file of reports", path.display())
            })?;
            reports.read_file(path, BufReader::new(file))?;
        }
        Ok(reports)
    }

    fn read_file(&mut self, path: &Path, mut input: impl BufRead) -> anyhow::Result<()> {
        let (mut line, mut number) = (Vec::new(), 0u64);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        loop {
            line.clear();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
            if read.with_context(|| format!("{}: cannot be read", path.display()))? == 0 {
                return Ok(());
            }
            number += 1;
            let whole = line.ends_with(b"\n") || line.len() <= LINE_BYTES_MAX;
            if !whole {
                // What is left of the line.
                input.skip_until(b'\n')?;
            }
            let text = line.trim_ascii();
            if !text.is_empty()
                && let Err(what) = self.take(text, whole, &stem)
            {
                self.refused += 1;
                if self.faults.len() < TOLD_MAX {
                    self.faults
                        .push(format!("{}:{number}: {what}", path.display()));
                }
            }
        }
    }

    fn take(&mut self, line: &[u8], whole: bool, stem: &str) -> Result<(), String> {
        if !whole {
            return Err(format!("longer than {LINE_BYTES_MAX} bytes, left out"));
        }
        let journaled: Option<Journaled<'_>> = serde_json::from_slice(line).ok();
        let read = match &journaled {
            Some(journaled) => journaled.read(),
            None => {
                let (agent, received_at) = (None, Timestamp::default());
                let read = read_line_or_of(line, &Source { agent, received_at }, stem);
                read.map(|(reports, _)| reports)
            }
        };
        let mut read = read.map_err(|refused| refused.to_string())?;
        if journaled.is_none() {
            self.gateways.check(&read)?;
            for report in &mut read {
                report.received_at = report.window.to;
            }
        }
        self.idle += u64::from(read.is_empty());
        self.reports.append(&mut read);
        Ok(())
    }
}
