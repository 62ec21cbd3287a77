//! From a sensor's state to one file on disk, and back.
//!
//! One transaction holds a whole state: whenever the process is killed, the file has this state or
//! the one before. A state that cannot be used, of another version, with another seed, or damaged,
//! is set aside by another name, with a sentence about it, and never overwritten. Takes about twice
//! the bytes on disk, because the one before is kept until the new one is whole.
#![allow(clippy::disallowed_methods)] // The shell makes files.

#[cfg(test)]
mod tests;

use crate::sensor::Saved;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The version of this file's own shape.
const FORMAT: u32 = 1;
/// The file, within the folder.
const FILE: &str = "state.redb";
/// What a state that is set aside is called, with a number.
const ASIDE: &str = "state.aside-";
/// Bytes of one value: with what redb puts around it, a page that is a power of two. In one value a
/// large part would take up to twice its bytes.
const CHUNK_BYTES: usize = (1 << 20) - 4096;
/// Bytes that redb keeps of the file in memory.
const CACHE_BYTES: usize = 16 << 20;

const PARTS: TableDefinition<&str, &[u8]> = TableDefinition::new("parts");
/// The key of what is told of the state itself.
const ABOUT: &str = "about";
const STEERING: &str = "steering";
const DETECTOR: &str = "detector";

/// What a state is tied to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The program that wrote it.
    pub program: Box<str>,
    /// The shape of what the core saves.
    pub shape: u16,
    /// The seed by which flows hash to shards.
    pub seed: u64,
    /// What the detector was told: where it differs, the state is used all the same.
    pub config_hash: Box<str>,
}

#[derive(Serialize, Deserialize)]
struct About {
    format: u32,
    version: Version,
    shards: u32,
    /// SHA-256 of all parts, in their order.
    digest: [u8; 32],
}

/// Why a state cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or file cannot be made or moved.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("{}: another process has this state open", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It was not written; the state before is still there.
    #[error("{}: the state was not saved: {what}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        what: String,
    },
}

/// The state on disk.
pub struct Store {
    path: PathBuf,
    version: Version,
    database: Database,
}

/// A store that was opened.
pub struct Opened {
    /// Where to save.
    pub store: Store,
    /// What was saved; none where there is nothing, or nothing that can be used.
    pub saved: Option<Saved>,
    /// What the operator should know.
    pub note: Option<String>,
}

impl Store {
    /// Opens the state in `dir`, which is made if it is not there; sets aside what cannot be used.
    ///
    /// # Errors
    /// A folder or file that cannot be made, read or moved; another process that has it open.
    pub fn open(dir: &Path, version: Version) -> Result<Opened, StoreError> {
        let path = dir.join(FILE);
        let io_error = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(dir).map_err(io_error)?;
        // An empty file is one that was never committed to.
        let exists = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0);
        if !exists {
            return Ok(Opened {
                store: Store::create(path, version)?,
                saved: None,
                note: None,
            });
        }
        // What reads a damaged file may fail in any way; the sensor starts all the same.
        let open = || load(&path, &version);
        let loaded = catch_unwind(AssertUnwindSafe(open))
            .unwrap_or_else(|_| Ok(Err("it is damaged".to_owned())))?;
        match loaded {
            Ok((database, saved, note)) => Ok(Opened {
                store: Store {
                    path,
                    version,
                    database,
                },
                saved,
                note,
            }),
            Err(why) => {
                let aside = set_aside(dir, &path)?;
                let note = format!(
                    "{}: {why}; it is set aside as {}, and the sensor learns anew",
                    path.display(),
                    aside.display()
                );
                Ok(Opened {
                    store: Store::create(path, version)?,
                    saved: None,
                    note: Some(note),
                })
            }
        }
    }

    /// Replaces what is saved.
    ///
    /// # Errors
    /// [`StoreError::Write`]; what was saved before is still there.
    pub fn save(&self, saved: &Saved) -> Result<(), StoreError> {
        self.write(saved).map_err(|error| StoreError::Write {
            path: self.path.clone(),
            what: error.to_string(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn create(path: PathBuf, version: Version) -> Result<Store, StoreError> {
        match Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
        {
            Ok(database) => Ok(Store {
                path,
                version,
                database,
            }),
            Err(error) => Err(refusal(&path, error)),
        }
    }

    fn write(&self, saved: &Saved) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.delete_table(PARTS)?;
        {
            let mut table = transaction.open_table(PARTS)?;
            let about = About {
                format: FORMAT,
                version: self.version.clone(),
                shards: u32::try_from(saved.shards.len()).unwrap_or(u32::MAX),
                digest: digest(saved),
            };
            let about = postcard::to_stdvec(&about).expect("writing to memory does not fail");
            table.insert(ABOUT, about.as_slice())?;
            for (name, part) in named(saved) {
                for number in 0..part.len().div_ceil(CHUNK_BYTES).max(1) {
                    let rest = part.get(number * CHUNK_BYTES..).unwrap_or_default();
                    let chunk = rest.get(..CHUNK_BYTES).unwrap_or(rest);
                    table.insert(chunk_key(&name, number).as_str(), chunk)?;
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

/// The parts by their keys.
fn named(saved: &Saved) -> impl Iterator<Item = (String, &[u8])> {
    let ends = [(STEERING, &saved.steering), (DETECTOR, &saved.detector)];
    let ends = ends.map(|(name, part)| (name.to_owned(), part.as_slice()));
    let shards = saved.shards.iter().enumerate();
    ends.into_iter()
        .chain(shards.map(|(number, shard)| (shard_key(number), shard.as_slice())))
}

fn shard_key(number: usize) -> String {
    format!("shard {number}")
}

fn chunk_key(part: &str, number: usize) -> String {
    format!("{part}, chunk {number}")
}

fn digest(saved: &Saved) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for (_, part) in named(saved) {
        context.update(&part.len().to_le_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The database with what it holds and what is to be told, or why it cannot be used.
type Loaded = Result<(Database, Option<Saved>, Option<String>), String>;

fn load(path: &Path, version: &Version) -> Result<Loaded, StoreError> {
    let database = match Database::builder().set_cache_size(CACHE_BYTES).open(path) {
        Ok(database) => database,
        Err(DatabaseError::UpgradeRequired(_)) => {
            return Ok(Err("it is of another version".to_owned()));
        }
        Err(DatabaseError::Storage(StorageError::Io(error)))
            if error.kind() == io::ErrorKind::InvalidData
                || error.kind() == io::ErrorKind::UnexpectedEof =>
        {
            return Ok(Err(format!("it is damaged: {error}")));
        }
        Err(DatabaseError::Storage(StorageError::Corrupted(what))) => {
            return Ok(Err(format!("it is damaged: {what}")));
        }
        Err(error) => return Err(refusal(path, error)),
    };
    let read = match read(&database) {
        Ok(read) => read,
        Err(error) => return Ok(Err(format!("it is damaged: {error}"))),
    };
    Ok(match read {
        None => Ok((database, None, None)),
        Some((about, saved)) => match fits(&about, &saved, version) {
            Ok(note) => Ok((database, Some(saved), note)),
            Err(why) => Err(why),
        },
    })
}

/// What the database holds; none where nothing was saved.
fn read(database: &Database) -> Result<Option<(Vec<u8>, Saved)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(PARTS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let about = table.get_owned(ABOUT)?;
    let Some(about) = about.map(|value| value.value().to_vec()) else {
        return Ok(None);
    };
    let get = |part: &str| -> Result<Option<Vec<u8>>, redb::Error> {
        let mut bytes = None;
        for number in 0.. {
            let Some(chunk) = table.get_owned(chunk_key(part, number).as_str())? else {
                break;
            };
            bytes
                .get_or_insert_with(Vec::new)
                .extend_from_slice(chunk.value());
        }
        Ok(bytes)
    };
    let mut saved = Saved {
        steering: get(STEERING)?.unwrap_or_default(),
        shards: Vec::new(),
        detector: get(DETECTOR)?.unwrap_or_default(),
    };
    while let Some(shard) = get(&shard_key(saved.shards.len()))? {
        saved.shards.push(shard);
    }
    Ok(Some((about, saved)))
}

/// What is to be told of a state that can be used, or why it cannot.
fn fits(about: &[u8], saved: &Saved, version: &Version) -> Result<Option<String>, String> {
    let damaged = |what: &str| format!("it is damaged: {what}");
    let (format, _) =
        postcard::take_from_bytes::<u32>(about).map_err(|error| damaged(&error.to_string()))?;
    if format != FORMAT {
        return Err(format!("its format is {format}, this program's {FORMAT}"));
    }
    let about: About = postcard::from_bytes(about).map_err(|error| damaged(&error.to_string()))?;
    let found = &about.version;
    if (&found.program, found.shape) != (&version.program, version.shape) {
        return Err(format!(
            "it was saved by tapir {} (shape {}), this is {} (shape {})",
            found.program, found.shape, version.program, version.shape
        ));
    }
    if found.seed != version.seed {
        return Err("it was saved under another sensor.seed".into());
    }
    if about.digest != digest(saved) || about.shards as usize != saved.shards.len() {
        return Err(damaged("its parts are not those that were saved"));
    }
    let same = found.config_hash == version.config_hash;
    Ok((!same).then(|| {
        "the saved state was learnt under another configuration: what it knows of roles and \
         destinations stays under their names"
            .into()
    }))
}

/// Gives the state another name, which nothing has.
fn set_aside(dir: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let names = (1..).map(|number: u32| dir.join(format!("{ASIDE}{number}.redb")));
    let mut free = names.filter(|name| !name.exists());
    let aside = free.next().unwrap_or_else(|| dir.join(ASIDE));
    match fs::rename(path, &aside) {
        Ok(()) => Ok(aside),
        Err(source) => Err(StoreError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn refusal(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::Open { path }
        }
        DatabaseError::Storage(StorageError::Io(source)) => StoreError::Io { path, source },
        error => StoreError::Io {
            path,
            source: io::Error::other(error.to_string()),
        },
    }
}
