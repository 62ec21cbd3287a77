//! From frames to records over several threads.
//!
//! The caller's thread numbers frames and steers them; each worker owns whole shards; one more
//! thread puts what they observed into the one order and judges it. Frames travel in recycled
//! batches, a batch number for all workers at once, so that the last thread knows when it has heard
//! everyone. All queues are bounded: a slow disk slows the reader down, and nothing is dropped
//! here.
#![allow(clippy::disallowed_methods)] // The shell owns the threads.

mod judge;

use super::engine::Outcome;
use super::output::Output;
use super::stats::{Moment, Stats};
use crate::intake::Arrived;
use crate::packet::frame::Frame;
use crate::sensor::counters::Counters;
use crate::sensor::order::{self, Placed};
use crate::sensor::settings::Settings;
use crate::sensor::shard::Shard;
use crate::sensor::steer::{Steered, Steering};
use crate::sensor::{Parts, Saved, encode};
use crate::sink::SinkError;
use crate::time::Timestamp;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use judge::Judge;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Frames of a batch, over all workers. Measured: below 256 the channels show, above 4096 the
/// caches do.
const BATCH_FRAMES: usize = 1024;

/// Bytes of a worker's batch: frames of an offloading sender are 64 KiB long.
const BATCH_BYTES: usize = 1 << 20;

/// Batches that may wait for a worker.
const QUEUE_BATCHES: usize = 8;

/// The threads of a sensor.
#[derive(Debug)]
pub struct Workers {
    settings: Arc<Settings>,
    steering: Steering,
    lanes: Vec<Lane>,
    frames_pending: usize,
    recycled: Receiver<Batch>,
    judge: JoinHandle<Output>,
    failed: Arc<AtomicBool>,
    /// What the judge needs for an account beside what the workers count.
    accounts: Sender<(Moment, Counters)>,
    /// What it needs for a saved state beside what the workers save, and where that goes.
    saves: Sender<(Vec<u8>, Put)>,
    /// Reports for the judge.
    reports: Sender<Arrived>,
}

/// What takes a saved state.
type Put = Box<dyn FnOnce(Saved) + Send>;

/// A worker as the steering thread sees it.
#[derive(Debug)]
struct Lane {
    batch: Batch,
    queue: Sender<Work>,
    worker: JoinHandle<Counters>,
}

#[derive(Debug)]
enum Work {
    Batch(Batch),
    Finish(Timestamp),
}

/// Frames for one worker, and the clock after them.
#[derive(Debug, Default)]
struct Batch {
    clock: Timestamp,
    then: Then,
    frames: Vec<(Steered, Range<usize>)>,
    bytes: Vec<u8>,
}

/// What is due after a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Then {
    /// The next one.
    #[default]
    GoOn,
    /// What is known is put into the files.
    Flush,
    /// A row of `stats.log` is written.
    Account,
    /// What is known is put into the files, and everything is saved.
    Save,
    /// Nothing: the input is over.
    End,
}

/// What one worker observed during one batch.
#[derive(Debug)]
struct Observed {
    clock: Timestamp,
    observations: Vec<Placed>,
    then: Then,
    /// What the worker's shards counted so far, where an account is due.
    counters: Option<Counters>,
    /// The worker's shards as bytes, where they are to be saved, each with its number.
    saved: Vec<(u8, Vec<u8>)>,
}

impl Workers {
    /// Starts `count` workers and the thread that judges.
    pub fn start(settings: Settings, parts: Parts, count: usize, output: Output) -> Workers {
        let stats = Stats::since(parts.counters());
        let settings = Arc::new(settings);
        let mut owned: Vec<Vec<Shard>> = (0..count).map(|_| Vec::new()).collect();
        for (number, shard) in parts.shards.into_iter().enumerate() {
            owned[number % count].push(shard);
        }
        let (return_batch, recycled) = unbounded();
        let mut heard = Vec::new();
        let mut lanes = Vec::new();
        for shards in owned {
            let (queue, work) = bounded(QUEUE_BATCHES);
            let (tell, told) = bounded(QUEUE_BATCHES);
            heard.push(told);
            let worker = Worker {
                settings: settings.clone(),
                shards,
                count,
                tell,
                return_batch: return_batch.clone(),
            };
            lanes.push(Lane {
                batch: Batch::default(),
                queue,
                worker: thread::spawn(move || worker.run(&work)),
            });
        }
        let failed = Arc::new(AtomicBool::new(false));
        let (accounts, asked) = unbounded();
        let (saves, to_save) = unbounded();
        let (reports, arrived) = unbounded();
        let judge = Judge {
            settings: settings.clone(),
            detector: parts.detector,
            output,
            heard,
            failed: failed.clone(),
            asked,
            to_save,
            arrived,
            stats,
        };
        Workers {
            settings,
            steering: parts.steering,
            lanes,
            frames_pending: 0,
            recycled,
            judge: thread::spawn(move || judge.run()),
            failed,
            accounts,
            saves,
            reports,
        }
    }

    /// Takes the next frame.
    pub fn handle_frame(&mut self, frame: &Frame<'_>) {
        let lanes = &mut self.lanes;
        let mut full = false;
        let put = &mut |steered, bytes: &[u8]| full |= enqueue(lanes, steered, bytes);
        self.steering.handle_frame(&self.settings, frame, put);
        self.frames_pending += 1;
        if full || self.frames_pending >= BATCH_FRAMES {
            self.send(Then::GoOn);
        }
    }

    /// Takes reports that have come in.
    pub fn handle_reports(&mut self, arrived: Arrived) {
        send(&self.reports, arrived);
    }

    /// Whether the judge has taken what it was handed before. It is not waited for: it may itself
    /// wait for frames.
    pub fn has_room_for_reports(&self) -> bool {
        self.reports.len() < QUEUE_BATCHES
    }

    /// Time passed without a frame.
    pub fn handle_tick(&mut self, now: Timestamp) {
        let lanes = &mut self.lanes;
        let put = &mut |steered, bytes: &[u8]| {
            enqueue(lanes, steered, bytes);
        };
        self.steering.handle_tick(&self.settings, now, put);
        self.send(Then::Flush);
    }

    /// Writes a row of `stats.log` that accounts for every frame so far.
    pub fn write_stats(&mut self, moment: Moment) {
        send(&self.accounts, (moment, self.steering.counters.clone()));
        self.send(Then::Account);
    }

    /// Saves everything as of the frames so far; `put` gets it on the thread that judges.
    pub fn save(&mut self, put: Put) {
        send(&self.saves, (encode(&self.steering), put));
        self.send(Then::Save);
    }

    /// Whether the output has failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The input is over.
    ///
    /// # Errors
    /// The output's first failure.
    pub fn finish(mut self) -> Result<Outcome, SinkError> {
        self.send(Then::GoOn);
        let clock = self.steering.clock();
        for lane in &self.lanes {
            send(&lane.queue, Work::Finish(clock));
        }
        self.join()
    }

    /// The run is over, and flows stay open.
    ///
    /// # Errors
    /// The output's first failure.
    pub fn stop(mut self) -> Result<Outcome, SinkError> {
        self.send(Then::Flush);
        self.join()
    }

    /// Waits for every thread to end.
    fn join(self) -> Result<Outcome, SinkError> {
        let clock = self.steering.clock();
        let mut counters = self.steering.counters.clone();
        for lane in self.lanes {
            drop(lane.queue);
            counters.add(&joined(lane.worker));
        }
        let output = joined(self.judge);
        Ok(Outcome {
            counters,
            told: output.close(clock)?,
            clock,
        })
    }

    /// Sends every worker its batch, empty ones too: they tell the clock.
    fn send(&mut self, then: Then) {
        self.frames_pending = 0;
        for lane in &mut self.lanes {
            let next = self.recycled.try_recv().unwrap_or_default();
            let mut batch = std::mem::replace(&mut lane.batch, next);
            batch.clock = self.steering.clock();
            batch.then = then;
            send(&lane.queue, Work::Batch(batch));
        }
    }
}

/// Puts what was steered into the batch of the worker that owns its shard; says whether that is
/// full.
fn enqueue(lanes: &mut [Lane], steered: Steered, bytes: &[u8]) -> bool {
    let lane = usize::from(steered.shard) % lanes.len();
    let batch = &mut lanes[lane].batch;
    let start = batch.bytes.len();
    batch.bytes.extend_from_slice(bytes);
    batch.frames.push((steered, start..batch.bytes.len()));
    batch.bytes.len() >= BATCH_BYTES
}

struct Worker {
    settings: Arc<Settings>,
    shards: Vec<Shard>,
    /// How many workers there are: this one owns every `count`th shard.
    count: usize,
    tell: Sender<Observed>,
    return_batch: Sender<Batch>,
}

impl Worker {
    fn run(mut self, work: &Receiver<Work>) -> Counters {
        for work in work {
            let mut observations = Vec::new();
            let (clock, then);
            match work {
                Work::Batch(mut batch) => {
                    (clock, then) = (batch.clock, batch.then);
                    self.handle_batch(&batch, &mut observations);
                    batch.frames.clear();
                    batch.bytes.clear();
                    // The steering thread may be gone already; then nobody needs the batch.
                    let _ = self.return_batch.send(batch);
                }
                Work::Finish(last) => {
                    (clock, then) = (last, Then::End);
                    for shard in &mut self.shards {
                        shard.finish(&self.settings, clock, &mut observations);
                    }
                }
            }
            order::sort(&mut observations);
            let observed = Observed {
                clock,
                observations,
                then,
                counters: (then == Then::Account).then(|| self.counters()),
                saved: match then {
                    Then::Save => self.save(),
                    _ => Vec::new(),
                },
            };
            send(&self.tell, observed);
        }
        self.counters()
    }

    fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for shard in &self.shards {
            counters.add(shard.counters());
        }
        counters
    }

    fn save(&self) -> Vec<(u8, Vec<u8>)> {
        let save = |shard: &Shard| (shard.number(), encode(shard));
        self.shards.iter().map(save).collect()
    }

    fn handle_batch(&mut self, batch: &Batch, observations: &mut Vec<Placed>) {
        for (steered, range) in &batch.frames {
            let shard = &mut self.shards[usize::from(steered.shard) / self.count];
            shard.handle_frame(
                &self.settings,
                steered,
                &batch.bytes[range.clone()],
                observations,
            );
        }
        for shard in &mut self.shards {
            shard.handle_clock(&self.settings, batch.clock, observations);
        }
    }
}

fn send<T>(queue: &Sender<T>, item: T) {
    // A receiver that is gone has panicked; joining it tells so.
    let _ = queue.send(item);
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
