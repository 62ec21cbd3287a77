//! From eslogger's events to reports: exec, exit, open, close, create, rename, unlink.
//!
//! It tells of no flows. An open says only that a file was opened to be read; changes are told when
//! it is closed. Constant in what it keeps.

use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, within};
use super::refused::Refused;
use super::signing::{self, CDHASH_BYTES, signature};
use crate::endpoint::report::{FileActivity, FileReport, Process, ProcessActivity};

/// Flags of an open file in the kernel: to be read, and a folder.
const READ: u64 = 1;
const FOLDER: u64 = 0x0010_0000;

/// Reads the event in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("machine_id"), document.get("hostname")])?;
    let window = reading.need("time", moment::calendar(document.get("time")))?;
    let mut stamp = reading.event(agent, window);
    stamp.sequence = document
        .get("global_seq_num")
        .or(document.get("seq_num"))
        .u64();
    let event = document.get("event");
    let actor = document.get("process");
    let exec = event.get("exec");
    if exec.is_some() {
        // `process` is the program that it was before.
        let mut began = process(exec.get("target"));
        began.command_line = exec.get("args").command();
        return reading.start(&stamp, began, exec.at("cwd.path").text());
    }
    if event.get("exit").is_some() {
        return reading.process(&stamp, ProcessActivity::End, process(actor));
    }
    let (open, close) = (event.get("open"), event.get("close"));
    let flags = open.get("fflag").u64().unwrap_or(0);
    if flags & READ != 0 && flags & FOLDER == 0 {
        return file(open.get("file"), FileActivity::Open, actor, &stamp, reading);
    }
    if close.get("modified").flag() == Some(true) {
        return file(
            close.get("target"),
            FileActivity::Update,
            actor,
            &stamp,
            reading,
        );
    }
    if event.get("unlink").is_some() {
        let target = event.at("unlink.target");
        return file(target, FileActivity::Delete, actor, &stamp, reading);
    }
    for (kind, activity) in [
        ("create", FileActivity::Create),
        ("rename", FileActivity::Rename),
    ] {
        let destination = event.get(kind).get("destination");
        if destination.is_some() {
            let existing = destination.get("existing_file");
            let target = existing.or(destination.get("new_path"));
            return file(target, activity, actor, &stamp, reading);
        }
    }
    Ok(())
}

/// A file by its path, or by its folder and name.
fn file(
    target: Json<'_>,
    activity: FileActivity,
    actor: Json<'_>,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let folder = target.get("dir");
    let folder = folder.text().or(folder.get("path").text());
    let named = || Some(within(folder, target.get("filename").text()?));
    let path = target.get("path").path().or_else(named);
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need("path", path)?,
            size: target.at("stat.st_size").u64(),
            archive: None,
            process: Some(process(actor)),
        },
    )
}

fn numbered(token: Json<'_>) -> Option<Box<Process>> {
    let process = Process {
        pid: token.get("pid").pid(),
        instance: token.get("pidversion").name(),
        ..Process::default()
    };
    process.pid.is_some().then(|| Box::new(process))
}

fn process(json: Json<'_>) -> Process {
    let token = json.get("audit_token");
    Process {
        pid: token.get("pid").pid(),
        instance: token.get("pidversion").name(),
        path: json.at("executable.path").path(),
        uid: token.get("euid").uid(),
        started_at: moment::start(json.get("start_time")),
        signature: signature(
            signing::state(json.get("codesigning_flags").u32()),
            ["signing_id", "team_id", "is_platform_binary"].map(|key| json.get(key)),
            json.get("cdhash").hash(CDHASH_BYTES),
        ),
        parent: numbered(json.get("parent_audit_token")),
        responsible: numbered(json.get("responsible_audit_token")),
        ..Process::default()
    }
}
