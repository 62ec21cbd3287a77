//! Which batches the journal holds: one that comes again after a restart counts once.
//!
//! The first line of a batch that names itself begins with `"batch"`: whose it is, its name, and
//! how many lines of the journal it has. Only one that is there as a whole is known.

use super::journal::segment_name;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Segments that are looked at, from the last on.
const SEGMENTS: usize = 2;
/// How a batch's first line begins.
const BEGINS: &[u8] = b"{\"batch\":";

/// A batch, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named<'a> {
    /// The agent that brought it.
    #[serde(borrow)]
    pub from: Cow<'a, str>,
    /// What the agent calls it.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// Lines of it in the journal.
    pub lines: u64,
}

#[derive(Deserialize)]
struct First<'a> {
    #[serde(borrow)]
    batch: Named<'a>,
}

/// Puts the name of a batch before its `lines`, each of which is a JSON object.
pub(super) fn name(lines: &mut Vec<u8>, batch: &Named<'_>) {
    let mut begin = BEGINS.to_vec();
    // Numbers and text always have a JSON form.
    let _ = serde_json::to_writer(&mut begin, batch);
    begin.push(b',');
    lines.splice(..1, begin);
}

/// The batches that are whole in the last segments, in order.
pub(super) fn known(dir: &Path, segments: &[(u64, u64)]) -> io::Result<Vec<Named<'static>>> {
    let mut known = Vec::new();
    for (first, _) in &segments[segments.len().saturating_sub(SEGMENTS)..] {
        let mut input = BufReader::new(File::open(dir.join(segment_name(*first)))?);
        let mut line = Vec::new();
        // One whose lines have not all been seen. None goes on in another segment.
        let mut open: Option<Named<'static>> = None;
        let mut left = 0;
        while input.read_until(b'\n', &mut line)? > 0 {
            if line.starts_with(BEGINS)
                && let Ok(First { batch }) = serde_json::from_slice(&line)
            {
                left = batch.lines;
                open = Some(Named {
                    from: batch.from.into_owned().into(),
                    id: batch.id.into_owned().into(),
                    lines: batch.lines,
                });
            }
            left = left.saturating_sub(u64::from(line.ends_with(b"\n")));
            known.extend(open.take_if(|_| left == 0));
            line.clear();
        }
    }
    Ok(known)
}
