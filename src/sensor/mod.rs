//! From frames, reports and ticks to log lines: the core assembled.
//!
//! [`Sensor`] is the whole on one thread; [`Parts`] are the same pieces for whoever has more.
//! Neither knows where frames come from or where records go, and neither can fail.

pub mod counters;
pub mod detector;
mod dhcp_log;
mod duplicates;
mod early;
mod handshake;
mod header;
mod inspection;
mod known;
mod neighbours;
mod notices;
pub mod order;
mod probing;
mod saved;
pub mod settings;
mod shaping;
pub mod shard;
mod software;
pub mod steer;
mod tap;
mod told;
mod tunnels;

use crate::endpoint::report::Report;
use crate::limits::SHARDS;
use crate::observe;
use crate::packet::frame::Frame;
use crate::time::Timestamp;
use counters::Counters;
use detector::Detector;
pub use detector::Line;
use order::Placed;
pub use saved::{Saved, encode};
use serde::{Deserialize, Serialize};
use settings::Settings;
use shard::Shard;
use std::collections::VecDeque;
use steer::Steering;

/// The pieces of a sensor. A shard may live on any thread; the detector gets what all of them
/// observed up to a clock, sorted by [`order::sort`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Parts {
    /// Numbers frames and finds their shard.
    pub steering: Steering,
    /// The dissector, [`SHARDS`] of them.
    pub shards: Vec<Shard>,
    /// What sees everything.
    pub detector: Detector,
}

/// A sensor on one thread.
///
/// `handle_frame` and `handle_tick` put in, [`Sensor::poll_line`] takes out, [`Sensor::finish`]
/// ends every flow. Lines come in the order of their moments, whatever the batches in which frames
/// were put in.
#[derive(Debug)]
pub struct Sensor {
    settings: Settings,
    parts: Parts,
    observations: Vec<Placed>,
    frames_pending: usize,
    lines: VecDeque<(Timestamp, Line)>,
}

/// Why a saved state was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It was written by a version with another shape.
    #[error("the saved state has version {found}, this is version {VERSION}: start without it")]
    Version {
        /// The version that wrote it.
        found: u16,
    },
    /// It was made with another seed, under which flows hash to other shards.
    #[error(
        "the saved state was made with another sensor.seed: use that seed, or start without it"
    )]
    Seed,
    /// Its bytes are not a state.
    #[error("the saved state is damaged: {0}")]
    Damaged(#[from] postcard::Error),
}

/// How many frames are handled before their observations are sorted and judged. Any number gives
/// the same lines; this one keeps a batch within the second-level cache.
const BATCH_FRAMES: usize = 512;

/// The version of the saved state's shape; follows that of [`observe`].
pub const VERSION: u16 = observe::VERSION;

impl Parts {
    /// The pieces of a sensor that has seen nothing.
    pub fn new(settings: &Settings) -> Parts {
        Parts {
            steering: Steering::new(settings.seed),
            shards: (0..SHARDS).map(|number| Shard::new(number as u8)).collect(),
            detector: Detector::default(),
        }
    }

    /// What all pieces counted.
    pub fn counters(&self) -> Counters {
        let mut counters = self.steering.counters.clone();
        self.shards
            .iter()
            .for_each(|shard| counters.add(shard.counters()));
        counters
    }
}

impl Sensor {
    /// A sensor that has seen nothing.
    pub fn new(settings: Settings) -> Sensor {
        let parts = Parts::new(&settings);
        Sensor::with_parts(settings, parts)
    }

    /// A sensor that goes on with these pieces.
    pub fn with_parts(settings: Settings, parts: Parts) -> Sensor {
        Sensor {
            settings,
            parts,
            observations: Vec::new(),
            frames_pending: 0,
            lines: VecDeque::new(),
        }
    }

    /// Takes the next frame.
    pub fn handle_frame(&mut self, frame: &Frame<'_>) {
        let Parts {
            steering, shards, ..
        } = &mut self.parts;
        steering.handle_frame(&self.settings, frame, &mut |steered, bytes| {
            let shard = &mut shards[usize::from(steered.shard)];
            shard.handle_frame(&self.settings, &steered, bytes, &mut self.observations);
        });
        self.frames_pending += 1;
        if self.frames_pending >= BATCH_FRAMES {
            self.flush();
        }
    }

    /// Time passed without a frame.
    pub fn handle_tick(&mut self, now: Timestamp) {
        let Parts {
            steering, shards, ..
        } = &mut self.parts;
        steering.handle_tick(&self.settings, now, &mut |steered, bytes| {
            let shard = &mut shards[usize::from(steered.shard)];
            shard.handle_frame(&self.settings, &steered, bytes, &mut self.observations);
        });
        self.flush();
    }

    /// Takes reports of endpoint agents; each counts as of the moment it was received, which may
    /// lie ahead of the frames.
    pub fn handle_reports(&mut self, reports: impl IntoIterator<Item = Report>) {
        self.parts.detector.handle_reports(reports);
    }

    /// Takes reports that are in a journal up to the line before `next`.
    pub fn handle_journaled(&mut self, reports: Vec<Report>, next: u64) {
        self.parts.detector.handle_journaled(reports, next);
    }

    /// The next line, if one is ready, and the moment at which it was known.
    pub fn poll_line(&mut self) -> Option<(Timestamp, Line)> {
        self.lines.pop_front()
    }

    /// Makes ready every line that the frames so far can give.
    pub fn flush(&mut self) {
        let clock = self.parts.steering.clock();
        for shard in &mut self.parts.shards {
            shard.handle_clock(&self.settings, clock, &mut self.observations);
        }
        self.judge();
    }

    /// The input is over: every flow ends, and every line is ready.
    pub fn finish(&mut self) {
        self.flush();
        let clock = self.parts.steering.clock();
        for shard in &mut self.parts.shards {
            shard.finish(&self.settings, clock, &mut self.observations);
        }
        self.judge();
        let lines = &mut self.lines;
        let detector = &mut self.parts.detector;
        let put = &mut |at, line| lines.push_back((at, line));
        detector.finish(&self.settings, clock, put);
    }

    /// The sensor's clock.
    pub fn clock(&self) -> Timestamp {
        self.parts.steering.clock()
    }

    /// The pieces, to look at.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Everything the sensor knows, as bytes for [`Sensor::restore`]. Lines that are ready are not
    /// part of it: call [`Sensor::flush`] and take them out before.
    pub fn save(&self) -> Vec<u8> {
        let state = (VERSION, self.settings.seed, &self.parts);
        postcard::to_stdvec(&state).expect("writing to memory does not fail")
    }

    /// A sensor that goes on where [`Sensor::save`] was called.
    ///
    /// # Errors
    /// Bytes of another version, of another seed, or damaged ones.
    pub fn restore(settings: Settings, state: &[u8]) -> Result<Sensor, RestoreError> {
        let (found, rest) = postcard::take_from_bytes::<u16>(state)?;
        if found != VERSION {
            return Err(RestoreError::Version { found });
        }
        let (seed, rest) = postcard::take_from_bytes::<u64>(rest)?;
        if seed != settings.seed {
            return Err(RestoreError::Seed);
        }
        let parts = postcard::from_bytes(rest)?;
        Ok(Sensor::with_parts(settings, parts))
    }

    fn judge(&mut self) {
        self.frames_pending = 0;
        order::sort(&mut self.observations);
        for placed in self.observations.drain(..) {
            let observation = placed.observation;
            self.parts
                .detector
                .handle_observation(&self.settings, observation, &mut |at, line| {
                    self.lines.push_back((at, line));
                });
        }
        let clock = self.parts.steering.clock();
        let detector = &mut self.parts.detector;
        let put = &mut |at, line| self.lines.push_back((at, line));
        detector.handle_clock(&self.settings, clock, put);
    }
}

#[cfg(test)]
mod tests;
