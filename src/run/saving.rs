//! From a sensor's state to disk, beside the run.
//!
//! States are written on a thread of their own, one at a time: one that comes while another is
//! written is left out, so that a slow disk costs age, not packets. What stops a run waits.
#![allow(clippy::disallowed_methods)] // The shell owns the threads.

use super::engine::{Engine, Outcome};
use crate::sensor::settings::Settings;
use crate::sensor::{self, Parts, Saved};
use crate::store::{Opened, Store, StoreError, Version};
use anyhow::Context;
use crossbeam_channel::{Sender, bounded};
use std::path::Path;
use std::thread::{self, JoinHandle};

/// A state that a run begins with, and where it is saved.
pub struct State {
    store: Store,
    saved: Option<Saved>,
    /// What the operator should know before the run.
    pub note: Option<String>,
}

impl State {
    /// Opens the state in `dir`.
    ///
    /// # Errors
    /// A folder that cannot be used, or that another process uses.
    pub fn open(dir: &Path, settings: &Settings) -> Result<State, StoreError> {
        let version = Version {
            program: env!("CARGO_PKG_VERSION").into(),
            shape: sensor::VERSION,
            seed: settings.seed,
            config_hash: settings.detect.config_hash().into(),
        };
        let Opened { store, saved, note } = Store::open(dir, version)?;
        Ok(State { store, saved, note })
    }

    /// The pieces to begin with, and who saves them from then on.
    ///
    /// # Errors
    /// Bytes that were saved and are no state: the store's own checks leave only a program of the
    /// same version and another shape.
    pub fn begin(self, settings: &Settings) -> anyhow::Result<(Parts, Saver)> {
        let parts = match &self.saved {
            None => Parts::new(settings),
            Some(saved) => saved.parts().with_context(|| {
                format!(
                    "{}: move it away to learn anew",
                    self.store.path().display()
                )
            })?,
        };
        Ok((parts, Saver::start(self.store)))
    }
}

/// Writes states.
pub struct Saver {
    queue: Sender<Saved>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Saver {
    fn start(store: Store) -> Saver {
        let (queue, states) = bounded::<Saved>(0);
        let thread = thread::spawn(move || {
            let mut last = Ok(());
            for saved in states {
                last = store.save(&saved);
                if let Err(error) = &last {
                    tracing::error!("{error}");
                }
            }
            last
        });
        Saver { queue, thread }
    }

    /// Saves what `engine` knows, unless the state before is still being written.
    pub fn save(&self, engine: &mut Engine) {
        let queue = self.queue.clone();
        engine.save(move |saved| {
            if queue.try_send(saved).is_err() {
                tracing::error!("a state was not saved: the one before is still being written");
            }
        });
    }

    /// Stops `engine` and saves what it knows; its flows stay open.
    ///
    /// # Errors
    /// A log or the state that could not be written.
    pub fn stop(self, mut engine: Engine) -> anyhow::Result<Outcome> {
        let queue = self.queue.clone();
        engine.save(move |saved| {
            // A thread that is gone has panicked; joining it tells so.
            let _ = queue.send(saved);
        });
        let outcome = engine.stop().context("the logs are incomplete")?;
        drop(self.queue);
        match self.thread.join() {
            Ok(saved) => saved?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(outcome)
    }
}
