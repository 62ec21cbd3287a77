//! From one line of an agent to what it says: one thing that happened on the agent's host.
//!
//! The same for every agent; what an agent does not say is none. Times are the host's own: its
//! clock may be wrong. Aligned with OCSF 1.4: a flow is its class 4001 (Network Activity), a
//! process 1007, a file 1001, an inventory 5001.

use super::passage::Passage;
use crate::net::{Mac, Transport};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What one agent says of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who says it: the name that the listener authenticated, or, in a file that is replayed, the
    /// host identifier in the line.
    pub agent: Box<str>,
    /// When the sensor was given it, by the sensor's clock.
    pub received_at: Timestamp,
    /// When it happened, by the host's clock.
    pub window: Window,
    /// How the agent came to know.
    pub method: Method,
    /// The agent's format.
    pub format: Format,
    /// The agent's own number of the report, where it counts.
    pub sequence: Option<u64>,
    /// The host's boot, where it is named: process identifiers begin anew with each.
    pub boot: Option<Box<str>>,
    /// What happened.
    pub deed: Deed,
}

/// Something happened within this, both ends included. An event with whole seconds is a second
/// wide; what a poll saw is as wide as the time since the poll before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Not before.
    pub from: Timestamp,
    /// Not after.
    pub to: Timestamp,
}

/// How an agent came to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The system told it when it happened.
    Event,
    /// It looked, and there it was.
    Poll,
    /// It tells of all that happened in a while, with the moments that it knows.
    Window,
    /// It tells once of many that were alike.
    Summary,
}

impl Method {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Method::Event => "event",
            Method::Poll => "poll",
            Method::Window => "window",
            Method::Summary => "summary",
        }
    }
}

/// The agents whose lines can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Tapir's own agent: one report a line, as this module has it.
    Tapir,
    /// OCSF.
    Ocsf,
    /// Elastic Common Schema: Elastic Defend, winlogbeat.
    Ecs,
    /// osquery results.
    Osquery,
    /// Santa.
    Santa,
    /// eslogger of macOS.
    Eslogger,
    /// Tetragon.
    Tetragon,
    /// Tracee.
    Tracee,
    /// Falco.
    Falco,
    /// Sysmon for Windows and Linux.
    Sysmon,
    /// Linux audit by laurel.
    Laurel,
    /// CrowdStrike Falcon Data Replicator.
    Crowdstrike,
    /// Microsoft Defender for Endpoint.
    Defender,
    /// SentinelOne Cloud Funnel.
    Sentinelone,
    /// Squid's access log.
    Squid,
    /// Common Event Format, which many gateways can write.
    Cef,
}

impl Format {
    /// The agent's own name, as a sentence has it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Tapir => "Tapir",
            Format::Ocsf => "OCSF",
            Format::Ecs => "ECS",
            Format::Osquery => "osquery",
            Format::Santa => "Santa",
            Format::Eslogger => "eslogger",
            Format::Tetragon => "Tetragon",
            Format::Tracee => "Tracee",
            Format::Falco => "Falco",
            Format::Sysmon => "Sysmon",
            Format::Laurel => "laurel",
            Format::Crowdstrike => "CrowdStrike FDR",
            Format::Defender => "Defender for Endpoint",
            Format::Sentinelone => "SentinelOne",
            Format::Squid => "Squid",
            Format::Cef => "CEF",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A process has a flow.
    Flow(Box<FlowReport>),
    /// A process began or ended.
    Process(Box<ProcessReport>),
    /// A process did something to a file.
    File(Box<FileReport>),
    /// What the host is, and its addresses.
    Inventory(Box<Inventory>),
    /// Something of another host passed; only a gateway may say so.
    Passage(Box<Passage>),
}

/// A process has a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowReport {
    /// What is told of it.
    pub activity: FlowActivity,
    /// TCP or UDP; some agents know neither.
    pub transport: Option<Transport>,
    /// Who opened it.
    pub direction: Option<Direction>,
    /// The host's end.
    pub local: Place,
    /// The other end.
    pub remote: Place,
    /// The name that the process asked for.
    pub remote_name: Option<Box<str>>,
    /// Bytes sent and received so far, without headers.
    pub bytes: Option<[u64; 2]>,
    /// The process.
    pub process: Process,
}

/// What is told of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowActivity {
    /// It was opened or accepted in the window.
    Open,
    /// It was there in the window; it may have been before.
    Seen,
    /// It was closed in the window.
    Close,
}

/// Who opened a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The host.
    Outbound,
    /// The other end.
    Inbound,
}

/// One end of a flow, as far as the agent knows it. `0.0.0.0`, `::` and port 0 are not known;
/// IPv4 in IPv6 is IPv4; a zone is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Address.
    pub addr: Option<IpAddr>,
    /// Port.
    pub port: Option<u16>,
}

/// A process began or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// Which of the two.
    pub activity: ProcessActivity,
    /// The process.
    pub process: Process,
}

/// What is told of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessActivity {
    /// It began, or became another program.
    Start,
    /// It ended.
    End,
}

/// A process, as far as the agent knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its identifier.
    pub pid: Option<u32>,
    /// What tells it from others with this pid: pidversion, start ticks, or the agent's own name
    /// for it.
    pub instance: Option<Box<str>>,
    /// Of the program.
    pub path: Option<Box<str>>,
    /// The program's short name, where its path is not known.
    pub name: Option<Box<str>>,
    /// Arguments, without what looks like a secret. The environment is never kept.
    pub command_line: Option<Box<str>>,
    /// The effective user's number.
    pub uid: Option<u32>,
    /// The user's name.
    pub user: Option<Box<str>>,
    /// When it began, by the host's clock.
    pub started_at: Option<Timestamp>,
    /// Who signed the program.
    pub signature: Option<Signature>,
    /// SHA-256 of the program, in lower-case hexadecimal.
    pub sha256: Option<Box<str>>,
    /// Who started it.
    pub parent: Option<Box<Process>>,
    /// For whom it acts (macOS): the application behind a helper such as `nsurlsessiond`.
    pub responsible: Option<Box<Process>>,
}

/// Who signed a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signature {
    /// Whether it holds.
    pub state: SignatureState,
    /// Identifier in the signature (macOS), or the subject (Windows).
    pub signing_id: Option<Box<str>>,
    /// The developer's team (macOS).
    pub team_id: Option<Box<str>>,
    /// Whether it is part of the system (macOS: platform binary).
    pub platform: bool,
    /// Hash of the code directory (macOS), in hexadecimal.
    pub cdhash: Option<Box<str>>,
}

/// Whether a signature holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// The agent does not say.
    #[default]
    Unknown,
    /// It is signed by somebody who is named.
    Signed,
    /// It is signed by nobody in particular.
    AdHoc,
    /// It is not signed.
    Unsigned,
    /// It was signed and does not fit any more.
    Broken,
}

/// A process did something to a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// What it did.
    pub activity: FileActivity,
    /// The file.
    pub path: Box<str>,
    /// Its size in bytes, afterwards.
    pub size: Option<u64>,
    /// Whether it is an archive, and how that is known.
    pub archive: Option<Archive>,
    /// Who did it; some agents know only the host.
    pub process: Option<Process>,
}

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileActivity {
    /// It was opened, maybe to read.
    Open,
    /// It was read.
    Read,
    /// It was made.
    Create,
    /// It was changed, or closed after a change.
    Update,
    /// It got this name.
    Rename,
    /// It was removed.
    Delete,
}

/// That a file is an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// `tar`, `zip`, `gzip`, `bzip2`, `xz`, `7z`, `xar`, `dmg` ...
    pub kind: Box<str>,
    /// How it is known.
    pub basis: ArchiveBasis,
}

/// How an archive is known, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveBasis {
    /// The agent has an event of its own for it.
    VendorEvent,
    /// Its first bytes.
    Magic,
    /// The program's arguments.
    Arguments,
    /// The name's ending, after a write.
    Extension,
}

/// What a host is, and its addresses, from the moment of the report on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// Its name.
    pub hostname: Option<Box<str>>,
    /// Its system: `macos`, `linux`, `windows`, or as the agent says.
    pub os: Option<Box<str>>,
    /// Its addresses; loopback ones are left out.
    pub addrs: Vec<IpAddr>,
    /// Its hardware addresses.
    pub macs: Vec<Mac>,
    /// Whether these are all addresses that it has; else more were told elsewhere.
    pub whole: bool,
}
