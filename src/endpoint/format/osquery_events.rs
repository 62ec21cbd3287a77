//! From rows of osquery's event tables to reports.
//!
//! Knows Linux audit (`socket_events`, `process_events`, `process_file_events`), EndpointSecurity
//! (`es_process_events`, `es_process_file_events`) and `file_events`, which name no process.
//! Constant in what it keeps.

use super::json::Json;
use super::moment;
use super::osquery::{Batch, is_inet};
use super::read::{Reading, ends, transport, within};
use super::refused::Refused;
use super::signing::{CDHASH_BYTES, signature};
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Process, ProcessActivity,
    SignatureState,
};
use crate::time::Timestamp;

/// When a process began, in seconds since 1970.
pub(super) fn started(seconds: Json<'_>) -> Option<Timestamp> {
    moment::seconds(seconds).map(|at| at.from)
}

fn numbered(pid: Json<'_>, version: Json<'_>) -> Option<Box<Process>> {
    let process = Process {
        pid: pid.pid(),
        instance: version.name().filter(|version| &**version != "0"),
        ..Process::default()
    };
    process.pid.is_some().then(|| Box::new(process))
}

/// A row of `socket_events`: of a connect, audit knows neither the own port nor the protocol.
pub(super) fn socket(
    batch: &Batch<'_>,
    row: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let direction = match row.get("action").text() {
        Some("connect") => Direction::Outbound,
        Some("accept") => Direction::Inbound,
        _ => return Ok(()),
    };
    // A connect that does not block is in progress when audit sees it.
    let done = matches!(
        row.get("status").text(),
        Some("succeeded" | "success" | "in_progress")
    );
    let family = is_inet(row.get("family").u64().unwrap_or(2));
    let (Some(transport), true) = (transport(row.get("protocol")), done && family) else {
        return Ok(());
    };
    let [local, remote] = ends(
        [row.get("local_address"), row.get("local_port")],
        [row.get("remote_address"), row.get("remote_port")],
    );
    let stamp = batch.event(reading, row);
    reading.flow(
        &stamp,
        FlowReport {
            activity: FlowActivity::Open,
            transport,
            direction: Some(direction),
            local,
            remote,
            remote_name: None,
            bytes: None,
            process: Process {
                pid: row.get("pid").pid(),
                path: row.get("path").path(),
                ..Process::default()
            },
        },
    )
}

/// A row of `process_events`.
pub(super) fn process(
    batch: &Batch<'_>,
    row: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let process = Process {
        pid: row.get("pid").pid(),
        path: row.get("path").path(),
        command_line: row.get("cmdline").command(),
        uid: row.get("euid").uid().or(row.get("uid").uid()),
        parent: numbered(row.get("parent"), Json::default()),
        ..Process::default()
    };
    let stamp = batch.event(reading, row);
    // Audit has it in quotes.
    let cwd = row.get("cwd").text().map(|cwd| cwd.trim_matches('"'));
    reading.start(&stamp, process, cwd)
}

/// A row of `es_process_events`. After a fork the program is its parent's still.
pub(super) fn es_process(
    batch: &Batch<'_>,
    row: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let flags = row.get("codesigning_flags").text().unwrap_or_default();
    let signed = row.get("signing_id").text().is_some();
    let state = match signed {
        false => SignatureState::Unsigned,
        true if flags.contains("NOT_VALID") => SignatureState::Broken,
        true if flags.contains("ADHOC") => SignatureState::AdHoc,
        true => SignatureState::Signed,
    };
    let responsible = numbered(
        row.get("responsible_pid"),
        row.get("responsible_pidversion"),
    );
    let process = Process {
        pid: row.get("pid").pid(),
        instance: row.get("pidversion").name(),
        path: row.get("path").path(),
        command_line: row.get("cmdline").command(),
        uid: row.get("euid").uid().or(row.get("uid").uid()),
        user: row.get("username").name(),
        signature: signature(
            state,
            ["signing_id", "team_id", "platform_binary"].map(|column| row.get(column)),
            row.get("cdhash").hash(CDHASH_BYTES),
        ),
        parent: numbered(row.get("parent"), row.get("parent_pidversion")),
        responsible,
        ..Process::default()
    };
    let stamp = batch.event(reading, row);
    match row.get("event_type").text() {
        Some("exec") => reading.start(&stamp, process, row.get("cwd").text()),
        Some("exit") => reading.process(&stamp, ProcessActivity::End, process),
        _ => Ok(()),
    }
}

/// A row of `es_process_file_events`.
pub(super) fn es_file(
    batch: &Batch<'_>,
    row: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let (activity, file) = match row.get("event_type").text() {
        Some("open") => (FileActivity::Open, row.get("filename")),
        Some("create") => (FileActivity::Create, row.get("filename")),
        Some("write" | "truncate") => (FileActivity::Update, row.get("filename")),
        Some("rename") => (FileActivity::Rename, row.get("dest_filename")),
        _ => return Ok(()),
    };
    let process = Process {
        pid: row.get("pid").pid(),
        path: row.get("path").path(),
        parent: numbered(row.get("parent"), Json::default()),
        ..Process::default()
    };
    let report = FileReport {
        activity,
        path: reading.need("filename", file.path())?,
        size: None,
        archive: None,
        process: Some(process),
    };
    let stamp = batch.event(reading, row);
    reading.file(&stamp, report)
}

/// A row of `process_file_events`.
pub(super) fn file_of_process(
    batch: &Batch<'_>,
    row: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let (activity, file) = match row.get("operation").text() {
        Some("open" | "read") => (FileActivity::Open, row.get("path")),
        Some("create") => (FileActivity::Create, row.get("path")),
        Some("write" | "truncate") => (FileActivity::Update, row.get("path")),
        Some("rename") => (FileActivity::Rename, row.get("dest_path")),
        Some("unlink") => (FileActivity::Delete, row.get("path")),
        _ => return Ok(()),
    };
    let process = Process {
        pid: row.get("pid").pid(),
        path: row.get("executable").path(),
        uid: row.get("euid").uid().or(row.get("uid").uid()),
        parent: numbered(row.get("ppid"), Json::default()),
        ..Process::default()
    };
    let file = reading.need("path", file.path())?;
    let report = FileReport {
        activity,
        path: within(row.get("cwd").text(), &file),
        size: None,
        archive: None,
        process: Some(process),
    };
    let stamp = batch.event(reading, row);
    reading.file(&stamp, report)
}

/// A row of `file_events`, which says only that it was on this host.
pub(super) fn file_of_host(
    batch: &Batch<'_>,
    row: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let activity = match row.get("action").text() {
        Some("CREATED") => FileActivity::Create,
        Some("UPDATED") => FileActivity::Update,
        Some("ACCESSED" | "OPENED") => FileActivity::Open,
        Some("DELETED") => FileActivity::Delete,
        Some("MOVED_TO") => FileActivity::Rename,
        _ => return Ok(()),
    };
    let report = FileReport {
        activity,
        path: reading.need("target_path", row.get("target_path").path())?,
        size: row.get("size").u64(),
        archive: None,
        process: None,
    };
    let stamp = batch.event(reading, row);
    reading.file(&stamp, report)
}
