//! From the command line to one of the ways to run, and to an exit code: 0 done, 1 could not run, 2
//! wrong usage, 3 an input was damaged, 4 an input is no capture.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // The shell.

use clap::Parser;
use serde::Serialize;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tapir::agent;
use tapir::capture::CaptureError;
use tapir::cli::{AgentArgs, AgentsArgs, Cli, Command, Common, ReplayArgs, RunArgs, ScenarioArgs};
use tapir::config;
use tapir::detect::Alert;
use tapir::run::from_logs::{self, FromLogs};
use tapir::run::replay::Replay;
use tapir::run::reports::Reports;
use tapir::run::saving::State;
use tapir::run::summary::Summary;
use tapir::sensor::settings::Settings;
use tapir::time::Span;

/// A report may come so long after its flow began before the flow counts as not reported: agents
/// that push send every few seconds, those that poll every minute.
const ATTRIBUTION_LAG: Span = Span::from_secs(60);

/// Takes 15 % off the CPU of many small flows: the system's allocator merges what is freed again
/// and again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("TAPIR_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Replay(args) => replay(args),
        Command::Run(args) => run(args),
        Command::Scenario(args) => scenario(&args),
        Command::Agents(args) => agents(&args),
        Command::Agent(args) => agent(args),
        Command::CheckConfig { file } => config::File::load(&file)
            .and_then(config::File::resolve)
            .map(|_| println!("{}: sound", file.display()))
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tapir: {error:#}");
        let capture = error.downcast_ref::<CaptureError>();
        ExitCode::from(capture.map_or(1, CaptureError::exit_code))
    })
}

fn replay(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let Resolved {
        mut settings,
        intake,
        ..
    } = resolve(&args.common)?;
    if !args.zeek_logs.is_empty() {
        return replay_logs(args, &settings);
    }
    let replay = Replay {
        captures: args.captures,
        log_dir: args.common.log_dir,
        format: args.common.format.into(),
        workers: workers(args.common.workers),
        filter: args.common.filter,
    };
    let read = Reports::read_with(&args.reports, &intake.gateways)?;
    if !args.reports.is_empty() {
        settings.detect = settings.detect.with_reports(ATTRIBUTION_LAG);
    }
    let state = state(args.common.state.as_deref(), &settings)?;
    let started = Instant::now();
    let replayed = replay.run_from(settings, state, read.reports)?;
    for damage in &replayed.damaged {
        eprintln!("tapir: {damage}");
    }
    tell_faults(
        &read.faults,
        read.refused,
        "lines of reports that cannot be read",
    );
    let took = started.elapsed();
    let summary = Summary::new(&replayed.outcome, replayed.filtered, took, &replay.log_dir);
    tell(&summary, args.json_summary, &replayed.outcome.told.alerts)?;
    Ok(match replayed.damaged.is_empty() && read.refused == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(3),
    })
}

/// The detector alone, over logs.
fn replay_logs(args: ReplayArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let from_logs = FromLogs {
        folders: args.zeek_logs,
        log_dir: args.common.log_dir,
        format: args.common.format.into(),
    };
    let started = Instant::now();
    let read = from_logs.run(settings)?;
    let faults = &read.faults;
    tell_faults(&faults.told, faults.count, "of the kind");
    let took = started.elapsed();
    let summary = from_logs::Summary::new(&read, took, &from_logs.log_dir);
    tell(&summary, args.json_summary, &read.told.alerts)?;
    Ok(match faults.is_any_lost() {
        true => ExitCode::from(3),
        false => ExitCode::SUCCESS,
    })
}

/// Says what is wrong with inputs: those faults that are told one by one, and how many more of
/// `count` there are.
fn tell_faults(told: &[impl Display], count: u64, what: &str) {
    for fault in told {
        eprintln!("tapir: {fault}");
    }
    let untold = count.saturating_sub(told.len() as u64);
    if untold > 0 {
        eprintln!("tapir: and {untold} more {what}");
    }
}

/// Prints the closing table and the alerts, or the table as JSON.
fn tell(summary: &(impl Serialize + Display), json: bool, alerts: &[Alert]) -> anyhow::Result<()> {
    let mut text = String::new();
    match json {
        true => text = serde_json::to_string(summary)? + "\n",
        false => {
            write!(text, "{summary}")?;
            for alert in alerts {
                writeln!(text, "\n{alert}")?;
            }
        }
    }
    Ok(print(&text)?)
}

fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let Resolved {
        mut settings,
        state_dir,
        intake,
    } = resolve(&args.common)?;
    let intake = (intake.listen.is_some() || !args.reports.is_empty()).then_some(intake);
    if intake.is_some() {
        settings.detect = settings.detect.with_reports(ATTRIBUTION_LAG);
    }
    let live = tapir::run::live::Watch {
        interface: args.interface,
        log_dir: args.common.log_dir.clone(),
        format: args.common.format.into(),
        workers: workers(args.common.workers),
        filter: args.common.filter.clone(),
        intake,
        reports: args.reports,
    };
    let state = state(args.common.state.or(state_dir).as_deref(), &settings)?;
    let started = Instant::now();
    let watched = live.run(settings, state)?;
    let took = started.elapsed();
    let summary =
        Summary::new(&watched.outcome, 0, took, &live.log_dir).with_drops(watched.dropped);
    print(&summary.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn scenario(args: &ScenarioArgs) -> anyhow::Result<ExitCode> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        let line = |named: &tapir::scenario::Named| format!("{:16}{}\n", named.name, named.about);
        print(&tapir::scenario::ALL.iter().map(line).collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    };
    let started = Instant::now();
    let written = tapir::run::scenario::write(name, args)?;
    eprintln!(
        "{name}: {} frames, {} bytes, {} lines of truth, {:.1} s",
        written.frames,
        written.bytes,
        written.truths,
        started.elapsed().as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

fn agents(args: &AgentsArgs) -> anyhow::Result<ExitCode> {
    print(&tapir::run::agents::run(args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn agent(args: AgentArgs) -> anyhow::Result<ExitCode> {
    let options = agent::Options {
        sensor: args
            .sensor
            .zip(args.identity)
            .map(|(url, identity)| agent::Sensor {
                url,
                identity,
                spool: args.spool,
            }),
        output: args.output,
        interval: Duration::from_secs_f64(args.interval),
        id: args.id,
        loopback: args.loopback,
        watch: args.watch,
    };
    let outcome = agent::run(&options)?;
    eprintln!("tapir: {outcome}");
    Ok(ExitCode::SUCCESS)
}

/// Prints what a reader may stop reading: one that went away, as `head` does, is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// The saved state in `dir`, where one is named; says what is to be known of it.
fn state(dir: Option<&Path>, settings: &Settings) -> anyhow::Result<Option<State>> {
    let state = dir.map(|dir| State::open(dir, settings)).transpose()?;
    if let Some(note) = state.as_ref().and_then(|state| state.note.as_ref()) {
        eprintln!("tapir: {note}");
    }
    Ok(state)
}

/// The configuration, with what the command line says on top.
struct Resolved {
    settings: Settings,
    state_dir: Option<PathBuf>,
    intake: tapir::intake::Settings,
}

fn resolve(common: &Common) -> anyhow::Result<Resolved> {
    let file = match &common.config {
        Some(path) => config::File::load(path)?,
        None => config::File::default(),
    };
    let state_dir = file.sensor.state_dir.clone();
    let intake = file.intake(&common.log_dir)?;
    let mut settings = file.resolve()?;
    settings.ignore_checksums |= common.ignore_checksums;
    settings.dedup = common.dedup.map_or(settings.dedup, Into::into);
    Ok(Resolved {
        settings,
        state_dir,
        intake,
    })
}

/// One thread reads and one judges; the other cores own flows.
fn workers(asked: Option<u16>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or(cores.saturating_sub(2).max(1), usize::from)
}
