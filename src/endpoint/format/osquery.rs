//! From osquery's result lines to reports: events, snapshots and batches, whatever the query is
//! named.
//!
//! A table is known by its columns; rows of others give nothing. A poll that does not say how long
//! it waited (a column or decoration `poll_interval`, in seconds) counts as a moment. Linear in the
//! rows.

use super::json::Json;
use super::moment;
use super::osquery_events::{self as events, started};
use super::read::{Reading, Stamp, addrs, ends, macs, transport};
use super::refused::Refused;
use crate::endpoint::report::{FlowActivity, FlowReport, Inventory, Method, Process, Window};
use crate::time::Timestamp;

/// What a line says of all its rows.
pub(super) struct Batch<'a> {
    line: Json<'a>,
    agent: Box<str>,
    /// When the query ran.
    at: Window,
}

impl<'a> Batch<'a> {
    /// What a decoration says; it may stand at the top.
    fn decoration(&self, name: &str) -> Json<'a> {
        let own = self.line.get("decorations").get(name);
        own.or(self.line.get(name))
    }

    /// The stamp of a row that was polled.
    fn polled(&self, reading: &Reading<'_>, row: Json<'_>) -> Stamp {
        let interval = row
            .get("poll_interval")
            .or(self.decoration("poll_interval"));
        let waited = i64::from(interval.u32().unwrap_or(0)).saturating_mul(1_000_000_000);
        let from = self.at.from.as_nanos().saturating_sub(waited);
        let window = Window {
            from: Timestamp::from_nanos(from),
            to: self.at.to,
        };
        let mut stamp = reading.event(self.agent.clone(), window);
        stamp.method = Method::Poll;
        stamp
    }

    /// The stamp of a row with a time of its own, in whole seconds.
    pub(super) fn event(&self, reading: &Reading<'_>, row: Json<'_>) -> Stamp {
        let own = moment::seconds(row.get("time")).unwrap_or(self.at);
        let mut stamp = reading.event(self.agent.clone(), own);
        stamp.sequence = row.get("global_seq_num").or(row.get("seq_num")).u64();
        stamp
    }
}

/// Reads the result in `line`.
pub(super) fn read(line: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let host = line.get("hostIdentifier").or(line.get("hostname"));
    let agent = reading.agent(&[host, line.at("decorations.host_uuid")])?;
    let at = reading.need("unixTime", moment::seconds(line.get("unixTime")))?;
    let batch = Batch { line, agent, at };
    let whole = line.get("snapshot");
    if whole.is_some() {
        for row in whole.items() {
            one_row(&batch, row, false, reading)?;
        }
        return inventory(&batch, whole, true, reading);
    }
    let removed = line.get("action").text() == Some("removed");
    for (rows, removed) in [
        (line.get("columns"), removed),
        (line.at("diffResults.added"), false),
        (line.at("diffResults.removed"), true),
    ] {
        for row in rows.each() {
            one_row(&batch, row, removed, reading)?;
        }
        if !removed {
            inventory(&batch, rows, false, reading)?;
        }
    }
    Ok(())
}

fn one_row(
    batch: &Batch<'_>,
    row: Json<'_>,
    removed: bool,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let has = |column: &str| row.get(column).is_some();
    if has("remote_address") && has("status") && has("action") {
        return if removed {
            Ok(())
        } else {
            events::socket(batch, row, reading)
        };
    }
    if has("remote_address") && has("remote_port") {
        return socket(batch, row, removed, reading);
    }
    if removed {
        // Events that expired.
        return Ok(());
    }
    if has("event_type") && has("filename") {
        events::es_file(batch, row, reading)
    } else if has("event_type") && has("pid") {
        events::es_process(batch, row, reading)
    } else if has("operation") && has("executable") {
        events::file_of_process(batch, row, reading)
    } else if has("target_path") && has("action") {
        events::file_of_host(batch, row, reading)
    } else if has("cmdline") && has("auid") && has("time") {
        events::process(batch, row, reading)
    } else {
        Ok(())
    }
}

/// A row of `process_open_sockets`, maybe joined with `processes`.
fn socket(
    batch: &Batch<'_>,
    row: Json<'_>,
    removed: bool,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let family = row.get("family").u64().unwrap_or(2);
    let named = transport(row.get("protocol"));
    let (Some(transport), true) = (named, is_inet(family)) else {
        return Ok(());
    };
    let [local, remote] = ends(
        [row.get("local_address"), row.get("local_port")],
        [row.get("remote_address"), row.get("remote_port")],
    );
    let name = row.get("name").name();
    let path = row.get("path").path();
    let parent = row.get("parent").pid().map(|pid| Process {
        pid: Some(pid),
        ..Process::default()
    });
    let process = Process {
        pid: row.get("pid").pid(),
        name: name.filter(|_| path.is_none()),
        path,
        command_line: row.get("cmdline").command(),
        uid: row.get("uid").uid(),
        user: row.get("username").name(),
        started_at: started(row.get("start_time")),
        parent: parent.map(Box::new),
        ..Process::default()
    };
    let activity = match removed {
        true => FlowActivity::Close,
        false => FlowActivity::Seen,
    };
    let stamp = batch.polled(reading, row);
    reading.flow(
        &stamp,
        FlowReport {
            activity,
            transport,
            direction: None,
            local,
            remote,
            remote_name: None,
            bytes: None,
            process,
        },
    )
}

/// Whether it is IPv4 or IPv6, whose number differs between systems.
pub(super) fn is_inet(family: u64) -> bool {
    matches!(family, 2 | 10 | 30)
}

/// Rows of `interface_addresses`, maybe joined with `interface_details`.
fn inventory(
    batch: &Batch<'_>,
    rows: Json<'_>,
    whole: bool,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let is_address = |row: &Json<'_>| row.get("interface").is_some();
    let rows = || rows.each().filter(is_address);
    let hostname = batch.decoration("hostname");
    let platform = batch.decoration("platform").name();
    let os = platform.map(|name| match &*name {
        "darwin" => "macos".into(),
        _ => name,
    });
    let told = Inventory {
        hostname: hostname.name(),
        os,
        addrs: addrs(rows().map(|row| row.get("address"))),
        macs: macs(rows().map(|row| row.get("mac"))),
        whole,
    };
    let mut stamp = reading.event(batch.agent.clone(), batch.at);
    stamp.method = Method::Poll;
    reading.inventory(&stamp, told)
}
