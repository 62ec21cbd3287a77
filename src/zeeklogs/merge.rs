//! From log files to their rows in the order in which Zeek would have told them.
//!
//! A log is written in the order of its rows' moments, or in that of their ends, which is at most
//! `SILENCE_MAX` later than the last packet. So rows wait until no file can bring an earlier one:
//! what waits is what Zeek had open, at most [`HELD_BYTES_MAX`](super::HELD_BYTES_MAX). A file is
//! opened when its first row's time has come, and closed at its end.

use super::file::LogFile;
use super::join::Join;
use super::row::Row;
use super::{Faults, HELD_BYTES_MAX, Kind, SILENCE_MAX};
use crate::observe::Observation;
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The folder cannot be listed.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No file has a row that can be read.
    #[error(
        "no log in {} can be used: conn.log, ssl.log, http.log, dns.log, x509.log, quic.log and \
         profile.log are read, also as conn.*.log, .gz and .zst{first}", .folders.join(", ")
    )]
    Nothing {
        /// The folders.
        folders: Vec<String>,
        /// What was wrong with the first file, if there was one.
        first: String,
    },
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files, by log.
    pub files: BTreeMap<Kind, u64>,
    /// Rows, by log.
    pub rows: BTreeMap<Kind, u64>,
    /// Rows that came after their moment had passed, and count as of a later one.
    pub late: u64,
}

/// Logs that are read as one.
pub struct Logs {
    /// Not yet opened, the one that begins last first.
    waiting: Vec<Waiting>,
    open: Vec<Open>,
    held: BinaryHeap<Reverse<Held>>,
    held_bytes: usize,
    held_bytes_max: usize,
    join: Join,
    clock: Timestamp,
    counts: Counts,
    faults: Faults,
    bytes_done: u64,
    size: u64,
}

struct Waiting {
    first_at: Timestamp,
    kind: Kind,
    path: PathBuf,
    number: usize,
}

struct Open {
    file: LogFile,
    number: usize,
    /// The latest moment that a row of it bore.
    reached: Timestamp,
}

/// A row that waits for its moment.
struct Held {
    place: (Timestamp, Kind, usize, u64),
    bytes: usize,
    row: Row,
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.place == other.place
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Held) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl Logs {
    /// The logs in `folders`, which are looked at once.
    ///
    /// # Errors
    /// A folder that cannot be listed; nothing that can be read.
    pub fn open(folders: &[PathBuf]) -> Result<Logs, Unusable> {
        let mut found = Vec::new();
        for folder in folders {
            list(folder, &mut found)?;
        }
        found.sort();
        let mut logs = Logs {
            waiting: Vec::new(),
            open: Vec::new(),
            held: BinaryHeap::new(),
            held_bytes: 0,
            held_bytes_max: HELD_BYTES_MAX,
            join: Join::default(),
            clock: Timestamp::MIN,
            counts: Counts::default(),
            faults: Faults::default(),
            bytes_done: 0,
            size: 0,
        };
        for (number, (kind, path)) in found.into_iter().enumerate() {
            logs.look_at(kind, path, number);
        }
        if logs.waiting.is_empty() {
            let first = logs.faults.told.first();
            return Err(Unusable::Nothing {
                folders: folders.iter().map(|f| f.display().to_string()).collect(),
                first: first.map_or_else(String::new, |first| format!(" ({first})")),
            });
        }
        logs.tell_missing(folders);
        logs.waiting
            .sort_by_key(|waiting| Reverse((waiting.first_at, waiting.number)));
        Ok(logs)
    }

    /// With another bound on the bytes of rows that wait.
    #[cfg(test)]
    pub(super) fn with_held_bytes_max(self, held_bytes_max: usize) -> Logs {
        Logs {
            held_bytes_max,
            ..self
        }
    }

    /// What comes next; none at the end.
    pub fn next_observation(&mut self) -> Option<Observation> {
        loop {
            let row = self.next_row()?;
            self.counts.late += u64::from(row.at < self.clock);
            self.clock = self.clock.max(row.at);
            if let Some(observation) = self.join.take(row) {
                return Some(observation);
            }
        }
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What could not be read so far.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Bytes of all files as they are stored, and how many of them were read.
    pub fn progress(&self) -> (u64, u64) {
        let open = self.open.iter().map(|open| open.file.stored_bytes());
        (self.size, self.bytes_done + open.sum::<u64>())
    }

    /// Looks up when the file begins, and forgets it where nothing of it can be read.
    fn look_at(&mut self, kind: Kind, path: PathBuf, number: usize) {
        let mut faults = Faults::default();
        let first = match LogFile::open(kind, &path) {
            Ok(mut file) => file.next_row(&mut faults).map(|(row, _)| row.ts),
            Err(error) => return self.tell_file(&path, &error.to_string()),
        };
        match first {
            // Its faults are told when it is read.
            Some(first_at) => {
                self.size += fs::metadata(&path).map_or(0, |metadata| metadata.len());
                *self.counts.files.entry(kind).or_default() += 1;
                self.waiting.push(Waiting {
                    first_at,
                    kind,
                    path,
                    number,
                });
            }
            // A log without rows is no fault.
            None if faults.is_any_lost() => {
                self.faults.add(faults);
                self.tell_file(&path, "no row of it can be read");
            }
            None => self.faults.add(faults),
        }
    }

    /// Says what is not judged without the logs that are not there.
    fn tell_missing(&mut self, folders: &[PathBuf]) {
        let place = || {
            let folders = folders.iter().map(|folder| folder.display().to_string());
            folders.collect::<Vec<_>>().join(", ")
        };
        for (kind, what) in [
            (Kind::Conn, "no conn.log, so no flow is judged by its bytes"),
            (
                Kind::Ssl,
                "no ssl.log, so clients are unknown and names come from DNS and HTTP",
            ),
            (
                Kind::Dns,
                "no dns.log, so what tells no name of its own is known by its network",
            ),
        ] {
            if !self.counts.files.contains_key(&kind) {
                let of_file = &mut super::faults::OfFile::default();
                self.faults.tell(of_file, place, what);
            }
        }
    }

    fn tell_file(&mut self, path: &Path, what: &str) {
        self.faults.bad_files += 1;
        let of_file = &mut super::faults::OfFile::default();
        self.faults
            .tell(of_file, || path.display().to_string(), what);
    }

    fn next_row(&mut self) -> Option<Row> {
        loop {
            let reached = self.reached();
            let due = |held: &Held| match reached {
                Some(reached) => held.place.0 < reached,
                None => true,
            };
            let first_is_due = self.held.peek().is_some_and(|Reverse(held)| due(held));
            if first_is_due || self.held_bytes > self.held_bytes_max {
                let Reverse(held) = self.held.pop()?;
                self.held_bytes = self.held_bytes.saturating_sub(held.bytes);
                return Some(held.row);
            }
            reached?;
            self.read_one();
        }
    }

    /// The moment before which no file brings another row; none where all are at their end.
    fn reached(&self) -> Option<Timestamp> {
        let open = self.open.iter().map(|open| open.reached);
        let waiting = self.waiting.last().map(|waiting| waiting.first_at);
        let earliest = open.chain(waiting).min()?;
        let nanos = earliest.as_nanos().saturating_sub(SILENCE_MAX.as_nanos());
        Some(Timestamp::from_nanos(nanos))
    }

    /// Reads a row of the file that is furthest behind, or opens the next one.
    fn read_one(&mut self) {
        let furthest = (0..self.open.len()).min_by_key(|index| {
            let open = self.open.get(*index);
            open.map(|open| (open.reached, open.number))
        });
        let behind = furthest.and_then(|index| self.open.get(index));
        let next_at = self.waiting.last().map(|waiting| waiting.first_at);
        let is_turn = next_at.is_some_and(|at| behind.is_none_or(|open| at <= open.reached));
        if is_turn {
            self.open_next();
            return;
        }
        let Some(index) = furthest else { return };
        let Some(open) = self.open.get_mut(index) else {
            return;
        };
        let Some((row, bytes)) = open.file.next_row(&mut self.faults) else {
            self.bytes_done += open.file.stored_bytes();
            self.open.swap_remove(index);
            return;
        };
        open.reached = open.reached.max(row.ts);
        *self.counts.rows.entry(open.file.kind()).or_default() += 1;
        let bytes = 2 * bytes + size_of::<Held>();
        let place = (row.at, open.file.kind(), open.number, open.file.rows());
        self.held_bytes += bytes;
        self.held.push(Reverse(Held { place, bytes, row }));
    }

    fn open_next(&mut self) {
        let Some(Waiting {
            first_at,
            kind,
            path,
            number,
        }) = self.waiting.pop()
        else {
            return;
        };
        match LogFile::open(kind, &path) {
            Ok(file) => self.open.push(Open {
                file,
                number,
                reached: first_at,
            }),
            Err(error) => self.tell_file(&path, &error.to_string()),
        }
    }
}

/// Adds the logs in `folder`.
fn list(folder: &Path, found: &mut Vec<(Kind, PathBuf)>) -> Result<(), Unusable> {
    let unusable = |source| Unusable::Folder {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(unusable)? {
        let path = entry.map_err(unusable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        let kind = name.and_then(|name| Kind::of_file(&name));
        found.extend(kind.filter(|_| path.is_file()).map(|kind| (kind, path)));
    }
    Ok(())
}
