//! From a Linux host's sockets and processes to lines that say which process has which flow.
//!
//! The reference endpoint agent: it looks and tells, judges nothing, loads nothing into the kernel,
//! and reads no packet and no process's memory. It sees its own network namespace, and processes of
//! other users only as root. Every table has a bound; what is left out is counted.
//!
//! The kernel tells of processes that begin and end, and of sockets that end; sockets that begin
//! are looked for, often while something happens. A flow that begins and ends between two looks is
//! counted and not told: nobody can say any more whose it was.

#[cfg(target_os = "linux")]
mod batches;
#[cfg(target_os = "linux")]
mod clocks;
#[cfg(target_os = "linux")]
mod delivery;
#[cfg(target_os = "linux")]
mod events;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod inventory;
#[cfg(target_os = "linux")]
mod lineage;
#[cfg(target_os = "linux")]
mod lines;
#[cfg(target_os = "linux")]
mod listening;
#[cfg(target_os = "linux")]
mod owners;
#[cfg(target_os = "linux")]
mod pace;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod sending;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(target_os = "linux")]
mod spool;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod turns;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What the agent was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file to whose end lines are written; `-` is standard output.
    pub output: PathBuf,
    /// The sensor that they are delivered to instead.
    pub sensor: Option<Sensor>,
    /// Between two looks at the sockets while nothing happens.
    pub interval: Duration,
    /// The agent's name; none for the machine's own.
    pub id: Option<String>,
    /// Tell of flows within the host too.
    pub loopback: bool,
    /// Files at and below these are watched; it takes root.
    pub watch: Vec<PathBuf>,
}

/// Where lines are delivered.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Its address: `https://NAME:PORT`.
    pub url: String,
    /// The file that `tapir agents enrol` printed there.
    pub identity: PathBuf,
    /// The folder where lines wait.
    pub spool: PathBuf,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Lines that were written.
    pub reports: u64,
    /// Flows that began and ended between two looks.
    pub unseen: u64,
    /// Flows whose process was not found.
    pub ownerless: u64,
    /// Flows that were too many at a time.
    pub too_many: u64,
    /// Processes that ended before they could be read.
    pub unread: u64,
    /// How often the kernel had to drop what it would have told.
    pub lost: u64,
    /// Looks that the kernel refused.
    pub refused: u64,
    /// Lines that the sensor refused.
    pub undelivered: u64,
    /// Batches of lines that left the spool unsent, because it was full.
    pub dropped: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reports; not told: {} flows too short to be seen, {} of no known process, {} too \
             many at a time, {} processes too short to be read; the kernel dropped messages {} \
             times and refused {} looks; the sensor refused {} lines, {} batches had no room",
            self.reports,
            self.unseen,
            self.ownerless,
            self.too_many,
            self.unread,
            self.lost,
            self.refused,
            self.undelivered,
            self.dropped
        )
    }
}

/// Tells until SIGINT or SIGTERM, or until nobody reads its standard output any more.
///
/// # Errors
/// The kernel does not show its sockets, or a line cannot be written.
#[cfg(target_os = "linux")]
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    turns::run(options)
}

/// There is none for this system.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn run(_: &Options) -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "the agent runs on Linux only; on other systems an agent whose lines Tapir reads, such as \
         osquery, takes its place"
    )
}
