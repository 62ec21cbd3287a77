//! From an interface to logs, until a signal.
//!
//! Thin: the same core as a replay, fed by libpcap. While no frame comes, ticks trail the wall
//! clock, so that flows end and rows appear; a tick changes no row, only when it is written.
#![allow(clippy::disallowed_methods)] // The shell may read the clock and start threads.

use super::engine::{Engine, Outcome};
use super::output::Output;
use super::saving::{Saver, State};
use super::stats::Moment;
use crate::capture::{CaptureError, Live, LiveStats, Next};
use crate::intake::{self, Arrived, Intake};
use crate::sensor::settings::Settings;
use crate::sink::{Format, LogDir};
use crate::time::{Span, Timestamp};
use anyhow::Context;
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};

/// What to watch, and where to.
#[derive(Debug)]
pub struct Watch {
    /// The interface's name.
    pub interface: String,
    /// The folder of logs.
    pub log_dir: PathBuf,
    /// What the logs look like.
    pub format: Format,
    /// How many threads own shards.
    pub workers: usize,
    /// A BPF expression, applied by the kernel.
    pub filter: Option<String>,
    /// The listener for endpoint agents, if there is to be one.
    pub intake: Option<intake::Settings>,
    /// Files of agents' lines that are followed.
    pub reports: Vec<PathBuf>,
}

/// What became of it.
#[derive(Debug)]
pub struct Watched {
    /// What the sensor saw.
    pub outcome: Outcome,
    /// Packets that the kernel or the interface dropped.
    pub dropped: u64,
}

/// No frame is longer, offloaded ones included.
const SNAPLEN: u32 = 262_144;

/// The kernel's ring: half a second of a loaded 1 Gbit/s link.
const KERNEL_BUFFER_BYTES: u32 = 64 << 20;

/// How far ticks stay behind the wall clock: frames that the kernel still holds are older than that
/// clock.
const TICK_TRAIL: Span = Span::from_secs(2);

/// How often a row of `stats.log` is written (Zeek: 5 min); one more at the end.
const STATS_EVERY: Span = Span::from_secs(300);

/// How often the state is saved, where it is kept: what a crash forgets at most.
const SAVE_EVERY: Span = Span::from_secs(300);

/// How often reports of agents are asked for.
const ASK_EVERY: Span = Span::from_millis(20);

/// How often a tick is given.
const TICK_EVERY: Span = Span::from_secs(1);

impl Watch {
    /// Watches until SIGINT or SIGTERM; then every flow ends and every row is written. With a
    /// `state` it goes on where that was saved, and flows stay open for the run after it.
    ///
    /// # Errors
    /// An interface that cannot be opened, a filter that does not compile, a log or a state that
    /// cannot be written.
    pub fn run(&self, settings: Settings, state: Option<State>) -> anyhow::Result<Watched> {
        let mut live = Live::open(
            &self.interface,
            self.filter.as_deref(),
            SNAPLEN,
            KERNEL_BUFFER_BYTES,
        )?;
        let state = state.map(|state| state.begin(&settings)).transpose()?;
        let logs = Output::new(LogDir::create(&self.log_dir, self.format)?);
        let journal_next = state
            .as_ref()
            .map(|(parts, _)| parts.detector.journal_next());
        let intake = self
            .intake
            .as_ref()
            .map(|settings| Intake::start(settings, self.reports.clone(), journal_next));
        let intake = intake.transpose()?;
        if let Some(addr) = intake.as_ref().and_then(|intake| intake.addr) {
            tracing::info!("agents are listened to on {addr}");
        }
        let (mut engine, saver) = Engine::begin(settings, state, Vec::new(), self.workers, logs);
        let stopped = stop_on_signal()?;
        let arrived = intake.as_ref().map(|intake| &intake.arrived);
        let watched = watch(&mut live, &mut engine, saver.as_ref(), arrived, &stopped);
        if let Some(intake) = intake {
            intake.stop();
        }
        // Whatever ended the watch, what was seen until then is written.
        let outcome = match saver {
            Some(saver) => saver.stop(engine)?,
            None => engine.finish().context("the logs are incomplete")?,
        };
        let stats = watched.with_context(|| format!("watching {} ended", self.interface))?;
        Ok(Watched {
            outcome,
            dropped: stats.dropped + stats.if_dropped,
        })
    }
}

/// Hands frames and ticks to `engine` until `stopped` is set; gives what the kernel counted.
fn watch(
    live: &mut Live,
    engine: &mut Engine,
    saver: Option<&Saver>,
    arrived: Option<&Receiver<Arrived>>,
    stopped: &AtomicBool,
) -> Result<LiveStats, CaptureError> {
    let (mut ticked_at, mut told_at, mut frame_at) = (now(), now(), now());
    let (mut saved_at, mut asked_at) = (now(), now());
    while !stopped.load(Ordering::Relaxed) && !engine.has_failed() {
        if let Next::Frame(frame) = live.next_frame()? {
            frame_at = frame.at;
            engine.handle_frame(&frame);
        }
        let now = now();
        if let Some(arrived) = arrived
            && now - asked_at >= ASK_EVERY
        {
            asked_at = now;
            take_reports(engine, arrived);
        }
        if now - told_at >= STATS_EVERY {
            told_at = now;
            engine.write_stats(moment(live, frame_at)?);
        }
        if let Some(saver) = saver
            && now - saved_at >= SAVE_EVERY
        {
            saved_at = now;
            saver.save(engine);
        }
        if now - ticked_at >= TICK_EVERY {
            ticked_at = now;
            engine.handle_tick(Timestamp::from_nanos(
                now.as_nanos() - TICK_TRAIL.as_nanos(),
            ));
        }
    }
    // What the kernel holds when the signal comes was on the wire before it.
    let stopped_at = now();
    while let Next::Frame(frame) = live.next_frame()? {
        if frame.at > stopped_at {
            break;
        }
        frame_at = frame.at;
        engine.handle_frame(&frame);
    }
    // What was acknowledged by then counts.
    arrived
        .into_iter()
        .for_each(|arrived| take_reports(engine, arrived));
    engine.write_stats(moment(live, frame_at)?);
    live.stats()
}

/// Hands on the reports that have come in, as many as there is room for.
fn take_reports(engine: &mut Engine, arrived: &Receiver<Arrived>) {
    while engine.has_room_for_reports()
        && let Ok(arrived) = arrived.try_recv()
    {
        engine.handle_reports(arrived);
    }
}

/// What the kernel counted, as of now.
fn moment(live: &mut Live, frame_at: Timestamp) -> Result<Moment, CaptureError> {
    let now = now();
    Ok(Moment {
        at: now,
        lag: now - frame_at,
        live: live.stats()?,
        mem_mb: resident_mb().unwrap_or(0),
    })
}

/// Resident memory in MB: the second number of `/proc/self/statm` counts pages of 4 KiB (proc(5)).
fn resident_mb() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096 / 1_000_000)
}

/// The wall clock. Reading it for every frame costs about 20 ns; the vDSO answers without a system
/// call.
fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_parts(since.as_secs() as i64, since.subsec_nanos())
}

/// A flag that SIGINT and SIGTERM set.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        flag.store(true, Ordering::Relaxed);
    });
    Ok(stopped)
}
