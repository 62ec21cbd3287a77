//! From what happened to lines: one JSON object each, in Tapir's own format, to a file, to standard
//! output, or to the spool from which they are delivered.
//!
//! Decides nothing about what is told. Holds what one turn of the agent writes, at most
//! [`HELD_BYTES`], until it is flushed.
#![allow(clippy::disallowed_methods)] // The shell opens the file that was named.

use crate::endpoint::report::{Deed, Format, Method, Report, Window};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What is held until it is flushed.
const HELD_BYTES: usize = 64 * 1024;

/// What happened, and how that is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub window: Window,
    pub method: Method,
    pub deed: Deed,
}

/// Who tells.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    pub agent: Box<str>,
    pub boot: Option<Box<str>>,
}

/// The lines of one agent.
pub(super) struct Lines {
    out: BufWriter<Box<dyn Write>>,
    /// None where there is nothing to open anew.
    path: Option<PathBuf>,
    teller: Teller,
    written: u64,
}

impl Lines {
    /// Lines for the end of `path`; `-` is standard output.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(path: &Path, teller: Teller) -> io::Result<Lines> {
        let path = (path != Path::new("-")).then(|| path.to_owned());
        let out = open(path.as_deref())?;
        Ok(Lines {
            path,
            ..Lines::to(out, teller)
        })
    }

    /// Lines for `out`.
    pub fn to(out: Box<dyn Write>, teller: Teller) -> Lines {
        Lines {
            out: BufWriter::with_capacity(HELD_BYTES, out),
            path: None,
            teller,
            written: 0,
        }
    }

    /// Opens the file of this name anew: somebody took the old one away.
    ///
    /// # Errors
    /// What was written before cannot be flushed, or the file not be opened: the old one stays.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.out.flush()?;
        if let Some(path) = &self.path {
            self.out = BufWriter::with_capacity(HELD_BYTES, open(Some(path))?);
        }
        Ok(())
    }

    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, told: Told) -> io::Result<()> {
        let report = Report {
            agent: self.teller.agent.clone(),
            received_at: told.window.to,
            window: told.window,
            method: told.method,
            format: Format::Tapir,
            sequence: Some(self.written),
            boot: self.teller.boot.clone(),
            deed: told.deed,
        };
        self.written += 1;
        serde_json::to_writer(&mut self.out, &brief(serde_json::to_value(report)?))?;
        self.out.write_all(b"\n")
    }

    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// How many were written.
    pub fn written(&self) -> u64 {
        self.written
    }
}

fn open(path: Option<&Path>) -> io::Result<Box<dyn Write>> {
    Ok(match path {
        Some(path) => Box::new(File::options().create(true).append(true).open(path)?),
        None => Box::new(io::stdout()),
    })
}

/// Without what is not known.
fn brief(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let known = members.into_iter().filter(|(_, value)| !value.is_null());
            known.map(|(key, value)| (key, brief(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(brief).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests;
