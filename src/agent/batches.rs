//! The batches in a spool's folder: files, each named by its number.

use std::fs;
use std::io;
use std::path::Path;

/// One batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Batch {
    pub number: u64,
    pub bytes: u64,
}

/// Its file's name.
pub(super) fn name(number: u64) -> String {
    format!("{number:020}.ndjson")
}

/// The batches in `dir`, oldest first.
///
/// # Errors
/// A folder that cannot be read.
pub(super) fn list(dir: &Path) -> io::Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".ndjson"));
        // A batch may be sent and removed meanwhile.
        if let Some(number) = number.and_then(|number| number.parse().ok())
            && let Ok(metadata) = entry.metadata()
        {
            let bytes = metadata.len();
            batches.push(Batch { number, bytes });
        }
    }
    batches.sort_unstable();
    Ok(batches)
}
