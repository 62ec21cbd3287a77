//! From files that agents write to the journal: what is added to them, whoever rotates them.
//!
//! A file that is not there yet, was cut, or has another number (inode) than before is read from
//! its beginning. How far each was read is kept beside the journal, after what was read is in it.
//! Holds one chunk of one file.

use super::agents::Kind;
use super::caller::Caller;
use super::desk::read;
use super::journal::{Journal, Unjournaled};
use super::private::{make_dir, write};
use super::settings::Settings;
use crate::endpoint::format::LINE_BYTES_MAX;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What is read at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    inode: u64,
    offset: u64,
}

/// Follows files.
#[derive(Debug)]
pub(super) struct Follower {
    marks_path: PathBuf,
    marks: BTreeMap<PathBuf, Mark>,
    files: Vec<PathBuf>,
    settings: Settings,
    journal: Journal,
}

impl Follower {
    /// Follows `files`, and every file in those that are folders, from where they were read to.
    pub fn open(
        settings: &Settings,
        files: Vec<PathBuf>,
        journal: Journal,
    ) -> anyhow::Result<Follower> {
        let dir = &settings.dir;
        make_dir(dir)?;
        let marks_path = dir.join("followed.json");
        let marks = match fs::read(&marks_path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{}: remove it to read anew", marks_path.display()))?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Follower {
            marks_path,
            marks,
            files,
            settings: settings.clone(),
            journal,
        })
    }

    /// Follows until `stopped` is true.
    pub fn run(mut self, stopped: &watch::Receiver<bool>) {
        while !*stopped.borrow() {
            let mut is_more = false;
            for file in self.present() {
                match self.look(&file) {
                    Ok(more) => is_more |= more,
                    Err(error) => tracing::error!("{}: {error:#}", file.display()),
                }
            }
            if !is_more {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn present(&self) -> Vec<PathBuf> {
        let mut present = Vec::new();
        for file in &self.files {
            match fs::read_dir(file) {
                Ok(listing) => {
                    let paths = listing.flatten().map(|entry| entry.path());
                    present.extend(paths.filter(|path| path.is_file()));
                }
                Err(_) => present.push(file.clone()),
            }
        }
        present.sort();
        present
    }

    /// Takes what was added, up to a chunk; says whether there may be more.
    fn look(&mut self, path: &Path) -> anyhow::Result<bool> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let metadata = file.metadata()?;
        let known = self.marks.get(path).copied().unwrap_or_default();
        let inode = metadata.ino();
        let is_same = known.inode == inode && known.offset <= metadata.len();
        let offset = if is_same { known.offset } else { 0 };
        file.seek(SeekFrom::Start(offset))?;
        let mut chunk = Vec::new();
        file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        // A line without its end is still being written, unless no line is so long.
        let whole = match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if chunk.len() > LINE_BYTES_MAX => chunk.len(),
            None => 0,
        };
        if whole == 0 {
            return Ok(false);
        }
        let is_more = chunk.len() == CHUNK_BYTES;
        chunk.truncate(whole);
        self.take(path, &chunk)?;
        let offset = offset + whole as u64;
        self.marks.insert(path.to_owned(), Mark { inode, offset });
        write(&self.marks_path, &serde_json::to_vec(&self.marks)?)?;
        Ok(is_more)
    }

    /// Journals the lines of a chunk; a file that names no host is of the agent it is named for.
    fn take(&self, path: &Path, chunk: &[u8]) -> anyhow::Result<()> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let caller = Caller {
            name: stem.into_owned(),
            kind: Kind::Relay,
        };
        let lines = chunk.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
        loop {
            let (taken, batch) = read(&caller, &self.settings, lines.iter().copied().collect());
            match self.journal.commit_blocking(batch) {
                Ok(()) => {
                    for (place, reason) in &taken.refused {
                        let line = String::from_utf8_lossy(lines[*place]);
                        tracing::warn!("{}: {line:.80}: {reason}", path.display());
                    }
                    return Ok(());
                }
                // A file waits.
                Err(Unjournaled::Busy) => std::thread::sleep(LOOK_EVERY),
                Err(Unjournaled::Failed) => anyhow::bail!("the journal cannot be written"),
            }
        }
    }
}
