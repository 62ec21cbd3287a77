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
    /// Write a labelled capture that an analytic must, or must not, alert on
    Scenario(Box<ScenarioArgs>),
    /// List, enrol and revoke the endpoint agents that may deliver to this sensor
    Agents(AgentsArgs),
    /// Tell which process of this host has which flow, one JSON object a line (Linux)
    Agent(AgentArgs),
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
    /// Keep what the sensor knows in this folder: it goes on where the last run stopped, and flows
    /// that are open at the end stay open [run: default is the configuration's sensor.state_dir]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
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
    #[arg(required_unless_present = "zeek_logs", value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    /// Feed the detector with Zeek's logs in this folder instead of captures (conn, ssl, http, dns,
    /// x509, quic, and Tapir's profile; TSV or JSON, plain, .gz or .zst, rotated names too); may be
    /// given again, the folders are read as one
    #[arg(long, value_name = "DIR", conflicts_with_all = ["captures", "filter", "workers"])]
    #[arg(conflicts_with_all = ["dedup", "ignore_checksums", "state"])]
    pub zeek_logs: Vec<PathBuf>,
    /// Lines that endpoint agents wrote (osquery, eslogger, Santa, Elastic Defend, auditd with
    /// laurel, Tapir's own agent ... or a journal), which name the processes behind flows; may be
    /// given again
    #[arg(long, value_name = "FILE", conflicts_with = "zeek_logs")]
    pub reports: Vec<PathBuf>,
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
    /// Follow this file that an endpoint agent writes, or the files in this folder; may be given
    /// again
    #[arg(long, value_name = "PATH")]
    pub reports: Vec<PathBuf>,
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

/// `tapir scenario`.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// Which one
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub name: Option<String>,
    /// Tell the scenarios, and stop
    #[arg(long)]
    pub list: bool,
    /// Everything that is drawn depends on it
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Hosts of the site; ten have every role
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub hosts: u32,
    /// How long it lasts, in days
    #[arg(long, value_name = "D", default_value_t = 1.0, value_parser = days)]
    pub days: f64,
    /// When it begins, in seconds since 1970; the default is Monday, 2 November 2026, 0:00 UTC
    #[arg(long, value_name = "SECONDS")]
    pub start: Option<i64>,
    /// The capture (pcap with nanoseconds); "-" is standard output
    #[arg(long, value_name = "FILE.pcap", default_value = "scenario.pcap")]
    pub out: PathBuf,
    /// What is in it, one JSON object a line
    #[arg(long, value_name = "FILE.ndjson")]
    pub truth: Option<PathBuf>,
    /// The configuration with the hosts' roles, for replay
    #[arg(long, value_name = "FILE.toml")]
    pub roles: Option<PathBuf>,
    /// Benign traffic at its full rate, about 2,000 flows and more for each host and day
    #[arg(long)]
    pub full: bool,
    /// The hostile programs alone, without benign traffic
    #[arg(long, conflicts_with = "full")]
    pub alone: bool,
    /// When hostile programs begin [default: after a quarter of the scenario]
    #[arg(long, value_name = "HOURS", value_parser = positive)]
    pub onset: Option<f64>,
    /// Hosts with a hostile program [default: one in five of those that qualify]
    #[arg(long, value_name = "N")]
    pub infected: Option<u32>,
    /// Seconds between check-ins [default: drawn, 20 s to 3 h]
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    pub sleep: Option<f64>,
    /// Share of the sleep that varies, 0 to 0.9 [default: drawn]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub jitter: Option<f64>,
    /// Share of check-ins that do not happen, 0 to 0.9 [default: drawn, up to 0.3]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub miss: Option<f64>,
    /// Check-ins in working hours alone, or at all hours [default: drawn]
    #[arg(long, value_name = "BOOL")]
    pub working_hours: Option<bool>,
    /// Whether the user visits the same destination [default: drawn]
    #[arg(long, value_name = "BOOL")]
    pub browsing: Option<bool>,
    /// How long sessions last [default: drawn, 0.5 to 12]
    #[arg(long, value_name = "HOURS", value_parser = positive)]
    pub session: Option<f64>,
    /// Megabytes to upload [default: drawn, 60 to 400]
    #[arg(long, value_name = "MB", value_parser = positive)]
    pub upload: Option<f64>,
    /// This variant of the hostile program alone [default: each in turn]
    #[arg(long)]
    pub variant: Option<String>,
    /// Share of frames that the mirror loses
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub loss: f64,
    /// The mirror delivers one frame in twenty up to so much later
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub reorder: u32,
    /// The mirror delivers every frame twice
    #[arg(long)]
    pub duplicate: bool,
}

/// `tapir agents`.
#[derive(Debug, Args)]
pub struct AgentsArgs {
    /// The folder of certificates and the list: intake.dir of the sensor
    #[arg(long, value_name = "DIR", default_value = "/var/lib/tapir/intake")]
    pub dir: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: AgentsCommand,
}

/// The ways to change who may deliver.
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// Tell who is enrolled, what was heard of them, and what was refused
    List,
    /// Print what an agent shows the sensor: certificate, key and the sensor's authority, as PEM;
    /// its previous one is no longer good
    Enrol {
        /// The host's name, as alerts are to have it
        name: String,
        /// It delivers for the hosts that its lines name, as a collector does
        #[arg(long)]
        relay: bool,
        /// It is a gateway, which may speak of its clients: a proxy, a firewall, a DNS server
        #[arg(long, conflicts_with = "relay")]
        gateway: bool,
        /// Print a token instead, for who cannot show a certificate
        #[arg(long)]
        token: bool,
        /// How long the certificate holds
        #[arg(long, value_name = "DAYS", default_value_t = 825)]
        days: u64,
    },
    /// Print a new secret with which osquery enrols; the group's previous one is no longer good
    Secret {
        /// The group of hosts
        #[arg(default_value = "default")]
        group: String,
    },
    /// Print the certificate by which agents know the sensor, as PEM
    Authority,
    /// An agent may deliver no more
    Revoke {
        /// Its name
        name: String,
    },
    /// Take an agent off the list, so that it may enrol again
    Remove {
        /// Its name
        name: String,
    },
}

/// `tapir agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// The file to whose end lines are written, opened anew on SIGHUP; "-" is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Deliver the lines to the sensor at this address instead (https://NAME:PORT); what it does
    /// not take waits
    #[arg(
        long,
        value_name = "URL",
        requires = "identity",
        conflicts_with = "output"
    )]
    pub sensor: Option<String>,
    /// What `tapir agents enrol` printed on the sensor
    #[arg(long, value_name = "FILE.pem", requires = "sensor")]
    pub identity: Option<PathBuf>,
    /// The folder where lines wait for the sensor
    #[arg(long, value_name = "DIR", default_value = "/var/spool/tapir-agent")]
    pub spool: PathBuf,
    /// Between two looks at the sockets while nothing happens, in seconds, 0.02 to 60; while
    /// something does, looks are 20 ms apart
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = interval)]
    pub interval: f64,
    /// The agent's name in its lines [default: the machine's id, else the host's name]
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Tell of flows within the host too
    #[arg(long)]
    pub loopback: bool,
    /// Tell of files at and below this path that are opened, or closed after a write, and which of
    /// them are archives (takes root); may be given again
    #[arg(long, value_name = "PATH")]
    pub watch: Vec<PathBuf>,
}

fn number(text: &str, holds: impl Fn(f64) -> bool, what: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| holds(*number));
    number.ok_or_else(|| format!("{what} is expected"))
}

fn interval(text: &str) -> Result<f64, String> {
    let holds = |n| (0.02..=60.0).contains(&n);
    number(text, holds, "a number of seconds from 0.02 to 60")
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |n| (0.0..=0.9).contains(&n), "a number from 0 to 0.9")
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |n| n > 0.0 && n <= 1e6, "a number above 0")
}

fn days(text: &str) -> Result<f64, String> {
    number(
        text,
        |n| n > 0.0 && n <= 366.0,
        "a number of days, at most 366,",
    )
}
