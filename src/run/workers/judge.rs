//! From what every worker observed to lines, in the one order; to accounts and saved states.

use super::{Observed, Put, Then};
use crate::intake::Arrived;
use crate::run::output::Output;
use crate::run::stats::{Moment, Stats};
use crate::sensor::counters::Counters;
use crate::sensor::detector::Detector;
use crate::sensor::order::{self, Placed};
use crate::sensor::settings::Settings;
use crate::sensor::{Saved, encode};
use crate::time::Timestamp;
use crossbeam_channel::Receiver;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The thread that judges.
pub(super) struct Judge {
    pub settings: Arc<Settings>,
    pub detector: Detector,
    pub output: Output,
    pub heard: Vec<Receiver<Observed>>,
    pub failed: Arc<AtomicBool>,
    pub asked: Receiver<(Moment, Counters)>,
    pub to_save: Receiver<(Vec<u8>, Put)>,
    pub arrived: Receiver<Arrived>,
    pub stats: Stats,
}

impl Judge {
    pub fn run(mut self) -> Output {
        let mut observations = Vec::new();
        loop {
            let (mut clock, mut then) = (Timestamp::MIN, Then::GoOn);
            let mut counters = Counters::default();
            let mut shards = Vec::new();
            for heard in &self.heard {
                match heard.recv() {
                    Ok(mut observed) => {
                        observations.append(&mut observed.observations);
                        (clock, then) = (observed.clock, observed.then);
                        observed.counters.iter().for_each(|part| counters.add(part));
                        shards.append(&mut observed.saved);
                    }
                    // Workers leave together, after the last batch.
                    Err(_) => return self.output,
                }
            }
            while self.detector.has_room_for_reports()
                && let Ok(arrived) = self.arrived.try_recv()
            {
                self.detector
                    .handle_journaled(arrived.reports, arrived.next);
            }
            order::sort(&mut observations);
            let output = &mut self.output;
            for Placed { observation, .. } in observations.drain(..) {
                self.detector
                    .handle_observation(&self.settings, observation, &mut |at, line| {
                        output.write(at, line);
                    });
            }
            let mut write = |at, line| output.write(at, line);
            match then {
                Then::End => self.detector.finish(&self.settings, clock, &mut write),
                _ => self
                    .detector
                    .handle_clock(&self.settings, clock, &mut write),
            }
            if then == Then::Account
                && let Ok((moment, steered)) = self.asked.recv()
            {
                counters.add(&steered);
                output.write(moment.at, self.stats.line(moment, counters));
            }
            if then != Then::GoOn {
                output.flush();
            }
            if then == Then::Save
                && let Ok((steering, put)) = self.to_save.recv()
                // A state whose lines are lost would hide that they are.
                && !output.has_failed()
            {
                shards.sort_unstable_by_key(|(number, _)| *number);
                put(Saved {
                    steering,
                    shards: shards.into_iter().map(|(_, shard)| shard).collect(),
                    detector: encode(&self.detector),
                });
            }
            self.failed.store(output.has_failed(), Ordering::Relaxed);
        }
    }
}
