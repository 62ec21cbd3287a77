//! From what the kernel and the user tell unasked to notes in one order.
//!
//! One thread waits for each source. A source that is not there is said once on standard error, and
//! the agent does without. Holds [`NOTES_MAX`] notes; sources wait while there are more.
#![allow(clippy::disallowed_methods, clippy::print_stderr)] // The shell starts threads.

use super::clocks;
use super::events::{Event, Events};
use super::files::{Files, Touched};
use super::sockets::{Ends, Row};
use crate::time::Timestamp;
use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use nix::errno::Errno;
use std::io;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Notes that wait.
pub(super) const NOTES_MAX: usize = 4096;

/// Something that was told.
#[derive(Debug)]
pub(super) enum Note {
    /// Something happened to a process.
    Process(Event),
    /// These sockets ended.
    Ended(Vec<Row>, Timestamp),
    /// Something was done to these files.
    Touched(Vec<Touched>, Timestamp),
    /// The kernel dropped what it would have told.
    Lost,
    /// The file of lines was taken away.
    Reopen,
    /// The user wants no more.
    Stop,
}

/// Listens to all there is, and to what is done to files below `watch`.
///
/// # Errors
/// Signals cannot be heard, or files not be watched.
pub(super) fn listen(watch: &[PathBuf]) -> anyhow::Result<Receiver<Note>> {
    let (notes, heard) = bounded(NOTES_MAX);
    hear_signals(notes.clone())?;
    if !watch.is_empty() {
        let mut files = Files::open(watch)?;
        let next = move || {
            files
                .next()
                .map(|touched| Note::Touched(touched, clocks::now()))
        };
        hear(notes.clone(), next);
    }
    match Events::open() {
        Ok(mut events) => hear(notes.clone(), move || events.next().map(Note::Process)),
        Err(error) => eprintln!(
            "tapir: no word of processes that begin and end ({error}; it takes root and the host's \
             own namespaces); they are read when they have a flow"
        ),
    }
    match Ends::open() {
        Ok(mut ends) => hear(notes, move || {
            ends.next().map(|rows| Note::Ended(rows, clocks::now()))
        }),
        Err(error) => eprintln!(
            "tapir: no word of sockets that end ({error}); they are told when they are missed"
        ),
    }
    Ok(heard)
}

/// Passes on what `next` waits for.
fn hear(notes: Sender<Note>, mut next: impl FnMut() -> io::Result<Note> + Send + 'static) {
    std::thread::spawn(move || {
        loop {
            let note = match next() {
                Ok(note) => note,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => Note::Lost,
                Err(error) => {
                    eprintln!("tapir: the kernel tells no more: {error}");
                    return;
                }
            };
            if notes.send(note).is_err() {
                return;
            }
        }
    });
}

fn hear_signals(notes: Sender<Note>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let heard = |kind| signal(kind).context("signals cannot be heard");
    let (mut interrupt, mut terminate, mut hangup) = {
        let _entered = runtime.enter();
        (
            heard(SignalKind::interrupt())?,
            heard(SignalKind::terminate())?,
            heard(SignalKind::hangup())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let note = tokio::select! {
                    _ = interrupt.recv() => Note::Stop,
                    _ = terminate.recv() => Note::Stop,
                    _ = hangup.recv() => Note::Reopen,
                };
                if notes.send(note).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
