//! From Linux audit events as laurel writes them to reports: execve, connect and files opened,
//! renamed and removed.
//!
//! Of a connect, audit knows neither the own end nor the protocol. Sockets of other families give
//! nothing. At most 64 files of an event.

use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, ends, within};
use super::refused::Refused;
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Process,
};
use serde_json::Value;

/// Files named by one event; a rename names four.
const PATHS_MAX: usize = 64;
/// The folder of a relative path is the working folder (Linux, AT_FDCWD).
const HERE: u64 = 0xffff_ff9c;
/// Flags of open (Linux): to write only, or from the beginning; a folder, which is another bit on
/// ARM.
const WRITES: u64 = 0x201;
const FOLDERS: [(u64, u64); 2] = [(0xc000_003e, 0x1_0000), (0xc000_00b7, 0x4000)];

/// Reads the event in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("NODE")])?;
    let id = document.get("ID").text().and_then(|id| id.split_once(':'));
    let (at, serial) = reading.need("ID", id)?;
    let [at, serial] = [at, serial].map(Value::from);
    let window = reading.need("ID", moment::seconds(Json::new(&at)))?;
    let mut stamp = reading.event(agent, window);
    stamp.sequence = Json::new(&serial).u64();
    let call = document.get("SYSCALL");
    let name = name(call);
    let done = call.get("success").text() == Some("yes");
    match name {
        "execve" | "execveat" if done => {
            let cwd = document.at("CWD.cwd").text();
            let began = process(document, document.at("EXECVE.ARGV"));
            reading.start(&stamp, began, cwd)
        }
        "connect" if done || is_in_progress(call.get("exit")) => flow(document, &stamp, reading),
        "open" | "openat" | "openat2" | "creat" | "unlink" | "unlinkat" | "rename" | "renameat"
        | "renameat2" | "truncate"
            if done =>
        {
            files(document, name, &stamp, reading)
        }
        _ => Ok(()),
    }
}

/// The system call's name, or its number's on x86-64 and ARM.
fn name(call: Json<'_>) -> &str {
    if let Some(name) = call.get("SYSCALL").text() {
        return name;
    }
    match (hexadecimal(call.get("arch")), call.get("syscall").u64()) {
        (Some(0xc000_003e), Some(59)) | (Some(0xc000_00b7), Some(221)) => "execve",
        (Some(0xc000_003e), Some(42)) | (Some(0xc000_00b7), Some(203)) => "connect",
        (Some(0xc000_003e), Some(257)) | (Some(0xc000_00b7), Some(56)) => "openat",
        (Some(0xc000_003e), Some(2)) => "open",
        _ => "",
    }
}

fn hexadecimal(json: Json<'_>) -> Option<u64> {
    u64::from_str_radix(json.text()?.strip_prefix("0x")?, 16).ok()
}

/// A connect that does not block: it has not failed (EINPROGRESS).
fn is_in_progress(exit: Json<'_>) -> bool {
    exit.i64() == Some(-115) || exit.text() == Some("EINPROGRESS")
}

fn flow(document: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let addresses = document.get("SOCKADDR").each();
    let inet = addresses.map(|one| one.get("SADDR")).find(|one| {
        let family = one.get("saddr_fam").text();
        matches!(family, Some("inet" | "inet6"))
    });
    let Some(called) = inet else {
        return Ok(());
    };
    let nothing = [Json::default(); 2];
    let [local, remote] = ends(nothing, [called.get("addr"), called.get("port")]);
    reading.flow(
        stamp,
        FlowReport {
            activity: FlowActivity::Open,
            transport: None,
            direction: Some(Direction::Outbound),
            local,
            remote,
            remote_name: None,
            bytes: None,
            process: process(document, document.at("PROCTITLE.ARGV")),
        },
    )
}

fn files(
    document: Json<'_>,
    name: &str,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let call = document.get("SYSCALL");
    let argument = |at: usize| {
        let word = call
            .get("ARGV")
            .items()
            .nth(at)
            .unwrap_or_default()
            .text()?;
        let digits = word.strip_prefix("0x").unwrap_or(word);
        u64::from_str_radix(digits, 16).ok()
    };
    // What is named after an open folder is within it, wherever that is.
    let by_folder = name.ends_with("at") || name.ends_with("at2");
    let here = !by_folder || argument(0).is_none_or(|at| at & 0xffff_ffff == HERE);
    let cwd = document.at("CWD.cwd").text().filter(|_| here);
    let flags = match name {
        "open" => argument(1),
        "openat" => argument(2),
        _ => None,
    };
    let flags = flags.unwrap_or(0);
    let arch = hexadecimal(call.get("arch")).unwrap_or(0);
    if FOLDERS
        .iter()
        .any(|(of, flag)| *of == arch && flags & flag != 0)
    {
        return Ok(());
    }
    for file in document.get("PATH").each().take(PATHS_MAX) {
        let activity = match file.get("nametype").text() {
            Some("CREATE") if name.starts_with("rename") => FileActivity::Rename,
            Some("CREATE") => FileActivity::Create,
            Some("DELETE") if !name.starts_with("rename") => FileActivity::Delete,
            Some("NORMAL") if flags & WRITES != 0 || name == "truncate" => FileActivity::Update,
            Some("NORMAL") => FileActivity::Open,
            _ => continue,
        };
        let is_folder = file
            .get("mode")
            .text()
            .is_some_and(|mode| mode.starts_with("0o4"));
        let (Some(path), false) = (file.get("name").path(), is_folder) else {
            continue;
        };
        let report = FileReport {
            activity,
            path: within(cwd, &path),
            size: None,
            archive: None,
            process: Some(process(document, document.at("PROCTITLE.ARGV"))),
        };
        reading.file(stamp, report)?;
    }
    Ok(())
}

fn process(document: Json<'_>, arguments: Json<'_>) -> Process {
    let call = document.get("SYSCALL");
    let path = call.get("exe").path();
    let parent = call.get("ppid").pid().map(|pid| Process {
        pid: Some(pid),
        ..Process::default()
    });
    Process {
        pid: call.get("pid").pid(),
        instance: call.at("PID.EVENT_ID").name(),
        name: call.get("comm").name().filter(|_| path.is_none()),
        path,
        command_line: arguments.command(),
        uid: call.get("euid").or(call.get("uid")).uid(),
        user: call.get("EUID").or(call.get("UID")).name(),
        parent: parent.map(Box::new),
        ..Process::default()
    }
}
