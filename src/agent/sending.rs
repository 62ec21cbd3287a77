//! The spool and who delivers it, together: from the agent's start to its end.
#![allow(clippy::disallowed_methods)] // The shell owns the thread.

use super::delivery::Delivery;
use super::spool::Spool;
use super::{Outcome, Sensor};
use crossbeam_channel::{Sender, bounded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// A delivery that is under way.
pub(super) struct Sending {
    refused: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Sending {
    /// Begins to deliver what is in the sensor's spool, and what comes into it; hands on who writes
    /// it.
    ///
    /// # Errors
    /// A folder or an identity that cannot be used.
    pub fn begin(sensor: &Sensor, agent: &str) -> anyhow::Result<(Sending, Spool)> {
        let (refused, dropped) = (Arc::default(), Arc::default());
        let spool = Spool::open(&sensor.spool, Arc::clone(&dropped));
        let spool = spool.map_err(|error| {
            let dir = sensor.spool.display();
            io::Error::new(
                error.kind(),
                format!("{dir}: {error}; name a folder with --spool"),
            )
        })?;
        let delivery = Delivery::new(
            &sensor.spool,
            &sensor.url,
            agent,
            &sensor.identity,
            Arc::clone(&refused),
        )?;
        let (stop, stopped) = bounded(0);
        let sending = Sending {
            refused,
            dropped,
            stop,
            thread: std::thread::spawn(move || delivery.run(&stopped)),
        };
        Ok((sending, spool))
    }

    /// Waits until all is delivered, or for a few seconds; adds what became of it.
    pub fn finish(self, outcome: Outcome) -> Outcome {
        drop(self.stop);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
        Outcome {
            undelivered: self.refused.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            ..outcome
        }
    }
}
