//! From frames to written records, on one thread or on several: the choice changes no row.

use super::output::{Output, Told};
use super::saving::Saver;
use super::stats::{Moment, Stats};
use super::workers::Workers;
use crate::endpoint::report::Report;
use crate::intake::Arrived;
use crate::packet::frame::Frame;
use crate::sensor::counters::Counters;
use crate::sensor::settings::Settings;
use crate::sensor::{Parts, Saved, Sensor};
use crate::sink::SinkError;
use crate::time::Timestamp;

/// A sensor with its output.
#[derive(Debug)]
pub enum Engine {
    /// Everything on the caller's thread; frames are not copied.
    Single {
        /// The core.
        sensor: Box<Sensor>,
        /// Where its lines go.
        output: Output,
        /// The account before the next one.
        stats: Stats,
    },
    /// Shards on threads of their own.
    Several(Workers),
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// What was seen.
    pub counters: Counters,
    /// What was alerted.
    pub told: Told,
    /// The sensor's last moment.
    pub clock: Timestamp,
}

impl Engine {
    /// Starts a sensor on `workers` threads; 1 is the caller's own.
    pub fn start(settings: Settings, workers: usize, output: Output) -> Engine {
        let parts = Parts::new(&settings);
        Engine::resume(settings, parts, workers, output)
    }

    /// Starts a sensor that goes on with a saved state, if there is one, and with reports that come
    /// in time; hands on who saves it.
    pub fn begin(
        settings: Settings,
        state: Option<(Parts, Saver)>,
        reports: Vec<Report>,
        workers: usize,
        output: Output,
    ) -> (Engine, Option<Saver>) {
        let (mut parts, saver) = match state {
            Some((parts, saver)) => (parts, Some(saver)),
            None => (Parts::new(&settings), None),
        };
        parts.detector.handle_reports(reports);
        (Engine::resume(settings, parts, workers, output), saver)
    }

    /// Starts a sensor that goes on with `parts`.
    pub fn resume(settings: Settings, parts: Parts, workers: usize, output: Output) -> Engine {
        match workers {
            0 | 1 => Engine::Single {
                stats: Stats::since(parts.counters()),
                sensor: Box::new(Sensor::with_parts(settings, parts)),
                output,
            },
            _ => Engine::Several(Workers::start(settings, parts, workers, output)),
        }
    }

    /// Takes the next frame.
    pub fn handle_frame(&mut self, frame: &Frame<'_>) {
        match self {
            Engine::Single { sensor, output, .. } => {
                sensor.handle_frame(frame);
                drain(sensor, output);
            }
            Engine::Several(workers) => workers.handle_frame(frame),
        }
    }

    /// Takes reports that have come in, each as of the moment it was received.
    pub fn handle_reports(&mut self, arrived: Arrived) {
        match self {
            Engine::Single { sensor, .. } => {
                sensor.handle_journaled(arrived.reports, arrived.next);
            }
            Engine::Several(workers) => workers.handle_reports(arrived),
        }
    }

    /// Whether more reports can be taken now.
    pub fn has_room_for_reports(&self) -> bool {
        match self {
            Engine::Single { sensor, .. } => sensor.parts().detector.has_room_for_reports(),
            Engine::Several(workers) => workers.has_room_for_reports(),
        }
    }

    /// Time passed: deadlines up to `now` act, and what is known is put into the files.
    pub fn handle_tick(&mut self, now: Timestamp) {
        match self {
            Engine::Single { sensor, output, .. } => {
                sensor.handle_tick(now);
                drain(sensor, output);
                output.flush();
            }
            Engine::Several(workers) => workers.handle_tick(now),
        }
    }

    /// Writes a row of `stats.log` that accounts for every frame so far.
    pub fn write_stats(&mut self, moment: Moment) {
        match self {
            Engine::Single {
                sensor,
                output,
                stats,
            } => output.write(moment.at, stats.line(moment, sensor.parts().counters())),
            Engine::Several(workers) => workers.write_stats(moment),
        }
    }

    /// Puts what is known into the files, then hands the whole state as of the frames so far to
    /// `put`, maybe on another thread.
    pub fn save(&mut self, put: impl FnOnce(Saved) + Send + 'static) {
        match self {
            Engine::Single { sensor, output, .. } => {
                sensor.flush();
                drain(sensor, output);
                output.flush();
                // A state whose lines are lost would hide that they are.
                if !output.has_failed() {
                    put(Saved::of(sensor.parts()));
                }
            }
            Engine::Several(workers) => workers.save(Box::new(put)),
        }
    }

    /// The run is over and the input is not: flows stay open for who goes on with the saved state.
    ///
    /// # Errors
    /// The output's first failure.
    pub fn stop(self) -> Result<Outcome, SinkError> {
        self.end(Sensor::flush, Workers::stop)
    }

    /// Whether the output has failed, so that going on is of no use.
    pub fn has_failed(&self) -> bool {
        match self {
            Engine::Single { output, .. } => output.has_failed(),
            Engine::Several(workers) => workers.has_failed(),
        }
    }

    /// The input is over.
    ///
    /// # Errors
    /// The output's first failure.
    pub fn finish(self) -> Result<Outcome, SinkError> {
        self.end(Sensor::finish, Workers::finish)
    }

    fn end(
        self,
        single: fn(&mut Sensor),
        several: fn(Workers) -> Result<Outcome, SinkError>,
    ) -> Result<Outcome, SinkError> {
        match self {
            Engine::Single {
                mut sensor,
                mut output,
                ..
            } => {
                single(&mut sensor);
                drain(&mut sensor, &mut output);
                let (clock, counters) = (sensor.clock(), sensor.parts().counters());
                // The process ends: to free table after table would be work for nothing.
                std::mem::forget(sensor);
                let told = output.close(clock)?;
                Ok(Outcome {
                    counters,
                    told,
                    clock,
                })
            }
            Engine::Several(workers) => several(workers),
        }
    }
}

fn drain(sensor: &mut Sensor, output: &mut Output) {
    while let Some((at, line)) = sensor.poll_line() {
        output.write(at, line);
    }
}
