//! From a run's counters to its closing table, or the same as JSON.

use super::engine::Outcome;
use crate::net::Transport;
use crate::packet::frame::LinkType;
use crate::sensor::counters::Counters;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a run came to.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Frames handled.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Flows, by transport.
    pub flows: BTreeMap<&'static str, u64>,
    /// Sessions, by protocol.
    pub sessions: BTreeMap<String, u64>,
    /// Anomalies, by name.
    pub weirds: BTreeMap<&'static str, u64>,
    /// What was left out, by cause; causes that never occurred are left out too.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Frames of link types that are not read, by type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unread_links: BTreeMap<String, u64>,
    /// Alerts.
    pub alerts: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Packets a second.
    pub packets_per_second: f64,
    /// Where the logs are.
    pub log_dir: PathBuf,
}

impl Summary {
    /// The summary of a run that took `took`.
    pub fn new(outcome: &Outcome, filtered: u64, took: Duration, log_dir: &Path) -> Summary {
        let counters = &outcome.counters;
        let seconds = took.as_secs_f64();
        let weird = |(weird, count): (&crate::weird::Weird, &u64)| (weird.name(), *count);
        let link = |(link, count): (&LinkType, &u64)| (link.to_string(), *count);
        let flow = |(transport, count): (&Transport, &u64)| (transport.name(), *count);
        Summary {
            packets: counters.frames,
            bytes: counters.frame_bytes,
            flows: counters.flows.iter().map(flow).collect(),
            sessions: counters.sessions.clone(),
            weirds: counters.weirds.iter().map(weird).collect(),
            left_out: left_out(counters, filtered),
            unread_links: counters.unread_links.iter().map(link).collect(),
            alerts: outcome.told.alerts_count,
            seconds,
            packets_per_second: counters.frames as f64 / seconds.max(1e-9),
            log_dir: log_dir.to_owned(),
        }
    }

    /// With the packets that the kernel dropped before they were read.
    pub fn with_drops(mut self, dropped: u64) -> Summary {
        if dropped > 0 {
            self.left_out.insert("dropped by the kernel", dropped);
        }
        self
    }
}

fn left_out(counters: &Counters, filtered: u64) -> BTreeMap<&'static str, u64> {
    let fragments = &counters.fragments;
    let causes = [
        ("filtered", filtered),
        ("not IP", counters.not_ip),
        ("IP fragments", fragments.seen - fragments.joined),
        ("datagrams evicted", fragments.evicted),
        ("not decoded", counters.undecoded),
        ("bad checksum", counters.bad_checksums),
        ("arrived twice", counters.duplicates),
        ("flows evicted", counters.flows_evicted),
        ("tunnels forgotten", counters.tunnels_evicted),
        ("TCP bytes missed", counters.missed_bytes),
    ];
    causes.into_iter().filter(|(_, count)| *count > 0).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<10} {value}");
        line("packets", self.packets.to_string())?;
        line("bytes", self.bytes.to_string())?;
        line("flows", listed(&self.flows))?;
        line("sessions", listed(&self.sessions))?;
        line("weirds", listed(&self.weirds))?;
        line("left out", listed(&self.left_out))?;
        if !self.unread_links.is_empty() {
            line("links", format!("not read: {}", listed(&self.unread_links)))?;
        }
        line("alerts", self.alerts.to_string())?;
        let rate = format!(
            "{:.2} s, {:.0} packets/s",
            self.seconds, self.packets_per_second
        );
        line("time", rate)?;
        line("logs", self.log_dir.display().to_string())
    }
}

/// `12 (tcp 10, udp 2)`.
pub(super) fn listed<K: fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let total: u64 = counts.values().sum();
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    match parts.is_empty() {
        true => total.to_string(),
        false => format!("{total} ({})", parts.join(", ")),
    }
}
