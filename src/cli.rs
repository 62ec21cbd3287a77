//! From the command line to what was asked: flags as typed, nothing resolved.

use crate::sensor::settings::Dedup;
use crate::sink::Format;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A passive network sensor that explains its alerts and names the process behind them.
#[derive(Debug, Parser)]
#[command(name = "tapir", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The ways to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay captures (pcap, pcapng, .gz, .zst, "-" for stdin) into logs and alerts
    Replay(ReplayArgs),
    /// Watch an interface until SIGINT or SIGTERM
    Run(RunArgs),
    /// Say whether a configuration file is sound
    CheckConfig {
        /// The configuration file
        file: PathBuf,
    },
}

/// What replay and run share.
#[derive(Debug, Args)]
pub struct Common {
    /// Folder for the logs; made if it is not there, logs in it are replaced
    #[arg(long, value_name = "DIR", default_value = "logs")]
    pub log_dir: PathBuf,
    /// What the logs look like; alerts.log is always JSON
    #[arg(long, value_enum, default_value_t = LogFormat::Zeek)]
    pub format: LogFormat,
    /// Configuration (deploy/tapir.toml lists every setting)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Threads that own flows; any number gives the same logs [default: cores less two, at least 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,
    /// Ignore checksums (for captures of a host that offloads them)
    #[arg(short = 'C', long)]
    pub ignore_checksums: bool,
    /// Take packets that a mirror delivers twice once [default: auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub dedup: Option<DedupMode>,
    /// Only frames that match this BPF expression (see pcap-filter(7))
    #[arg(long, value_name = "BPF")]
    pub filter: Option<String>,
}

/// `tapir replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Captures, in order, as one run
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    /// What replay and run share.
    #[command(flatten)]
    pub common: Common,
    /// Print the closing summary as one JSON object instead of a table
    #[arg(long)]
    pub json_summary: bool,
}

/// `tapir run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The interface to watch
    #[arg(short, long, value_name = "IF")]
    pub interface: String,
    /// What replay and run share.
    #[command(flatten)]
    pub common: Common,
}

/// When packets are taken for copies of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DedupMode {
    /// Where copies are common.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl From<DedupMode> for Dedup {
    fn from(mode: DedupMode) -> Dedup {
        match mode {
            DedupMode::Auto => Dedup::Auto,
            DedupMode::On => Dedup::On,
            DedupMode::Off => Dedup::Off,
        }
    }
}

/// The format of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Zeek's tab-separated logs.
    Zeek,
    /// Zeek's JSON logs, one object a line.
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Format {
        match format {
            LogFormat::Zeek => Format::Zeek,
            LogFormat::Json => Format::Json,
        }
    }
}
