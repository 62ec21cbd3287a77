//! From one log file to its rows, in the order in which they are written.

use super::cells::Cells;
use super::faults::{Faults, OfFile};
use super::header::Header;
use super::lines::{Lines, Next};
use super::row::{self, Row};
use super::{Kind, LINE_BYTES_MAX};
use crate::capture::Bytes;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Keys of JSON that are told as unknown, of one file.
const UNKNOWN_MAX: usize = 64;

/// A log that is read.
pub struct LogFile {
    path: PathBuf,
    kind: Kind,
    lines: Lines<Bytes>,
    line: Vec<u8>,
    header: Header,
    faults: OfFile,
    unknown: BTreeSet<String>,
    rows: u64,
    ended: bool,
}

impl LogFile {
    /// Opens the log.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(kind: Kind, path: &Path) -> io::Result<LogFile> {
        Ok(LogFile::from_bytes(kind, path, Bytes::open(path)?))
    }

    pub fn from_bytes(kind: Kind, path: &Path, bytes: Bytes) -> LogFile {
        LogFile {
            path: path.to_owned(),
            kind,
            lines: Lines::new(bytes),
            line: Vec::new(),
            header: Header::default(),
            faults: OfFile::default(),
            unknown: BTreeSet::new(),
            rows: 0,
            ended: false,
        }
    }

    /// The next row that can be read, and the bytes of its line; none at the end.
    pub fn next_row(&mut self, faults: &mut Faults) -> Option<(Row, usize)> {
        while !self.ended {
            match self.lines.next_line(&mut self.line) {
                Ok(Next::Line) => {
                    let read = self.read_line(faults);
                    match read {
                        Some(Ok(row)) => {
                            self.rows += 1;
                            return Some((row, self.line.len()));
                        }
                        Some(Err(what)) => self.tell_row(&what, faults),
                        None => {}
                    }
                }
                Ok(Next::TooLong) => {
                    let what = format!("the line has more than {LINE_BYTES_MAX} bytes");
                    self.tell_row(&what, faults);
                }
                Ok(Next::End) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    faults.bad_files += 1;
                    self.tell(&format!("read no further: {error}"), faults);
                }
            }
        }
        None
    }

    /// Bytes read so far of the file as it is stored.
    pub fn stored_bytes(&self) -> u64 {
        self.lines.source().stored_bytes()
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Rows that were read.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The row of the line; none where it is a header's or empty.
    fn read_line(&mut self, faults: &mut Faults) -> Option<Result<Row, String>> {
        match self.line.first()? {
            b'#' => {
                let odd = self.header.take(self.kind, &self.line);
                odd.iter().for_each(|what| self.tell(what, faults));
                None
            }
            b'{' => Some(self.read_json(faults)),
            _ => Some(
                Cells::of_tsv(self.kind, &self.header, &self.line)
                    .and_then(|cells| row::read(self.kind, &cells)),
            ),
        }
    }

    fn read_json(&mut self, faults: &mut Faults) -> Result<Row, String> {
        let (cells, unknown) = Cells::of_json(self.kind, &self.line)?;
        for key in unknown {
            if self.unknown.len() < UNKNOWN_MAX && !self.unknown.contains(&key) {
                self.tell(&format!("unknown column, not read: {key}"), faults);
                self.unknown.insert(key);
            }
        }
        row::read(self.kind, &cells)
    }

    fn tell_row(&mut self, what: &str, faults: &mut Faults) {
        faults.bad_rows += 1;
        self.tell(what, faults);
    }

    fn tell(&mut self, what: &str, faults: &mut Faults) {
        let (path, number) = (&self.path, self.lines.number);
        faults.tell(
            &mut self.faults,
            || format!("{}:{number}", path.display()),
            what,
        );
    }
}
