//! From Falco's alerts to reports, as far as their rules print what is needed.
//!
//! Knows no rule: a connection, a file or an exec is told by the fields that were printed. Constant
//! in what it keeps.

use super::json::Json;
use super::moment;
use super::read::{Reading, ends, transport};
use super::refused::Refused;
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Process,
};

/// Reads the alert in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("hostname")])?;
    let told = document.get("output_fields");
    let own = moment::nanos(told.get("evt.time"));
    let at = own.or_else(|| moment::calendar(document.get("time")));
    let stamp = reading.event(agent, reading.need("time", at)?);
    let event = told.get("evt.type").text().unwrap_or_default();
    let name = told.get("fd.name");
    if told.get("fd.sip").is_some() || told.get("fd.rip").is_some() {
        let report = flow(told, event);
        return report.map_or(Ok(()), |report| reading.flow(&stamp, report));
    }
    if event.starts_with("execve") {
        return reading.start(&stamp, process(told), told.get("proc.cwd").text());
    }
    let is_file = name.text().is_some_and(|name| name.starts_with('/'));
    if is_file && event.starts_with("open") {
        let file = FileReport {
            activity: FileActivity::Open,
            path: reading.need("fd.name", name.path())?,
            size: None,
            archive: None,
            process: Some(process(told)),
        };
        return reading.file(&stamp, file);
    }
    Ok(())
}

/// The flow of an alert; the host is its client, unless it accepts.
fn flow(told: Json<'_>, event: &str) -> Option<FlowReport> {
    let inbound = event.starts_with("accept");
    let place = |addr: &str, port: &str| [told.get(addr), told.get(port)];
    let (client, server) = (place("fd.cip", "fd.cport"), place("fd.sip", "fd.sport"));
    let (local, remote) = match inbound {
        true => (server, client),
        false => (client, server),
    };
    let or = |own: [Json<'_>; 2], other: [Json<'_>; 2]| -> bool {
        let [addr, _] = own;
        addr.is_some() || !other.iter().any(|one| one.is_some())
    };
    let (own, other) = (place("fd.lip", "fd.lport"), place("fd.rip", "fd.rport"));
    let local = if or(own, local) { own } else { local };
    let remote = if or(other, remote) { other } else { remote };
    let [local, remote] = ends(local, remote);
    let activity = match event {
        "" | "connect" | "accept" | "accept4" => FlowActivity::Open,
        "close" => FlowActivity::Close,
        _ => FlowActivity::Seen,
    };
    Some(FlowReport {
        activity,
        transport: transport(told.get("fd.l4proto"))?,
        direction: Some(match inbound {
            true => Direction::Inbound,
            false => Direction::Outbound,
        }),
        local,
        remote,
        remote_name: told.get("fd.sip.name").name(),
        bytes: None,
        process: process(told),
    })
}

fn process(told: Json<'_>) -> Process {
    let path = told.get("proc.exepath").path();
    let parent = Process {
        pid: told.get("proc.ppid").pid(),
        name: told.get("proc.pname").name(),
        ..Process::default()
    };
    Process {
        pid: told.get("proc.pid").pid(),
        name: told.get("proc.name").name().filter(|_| path.is_none()),
        path,
        command_line: told.get("proc.cmdline").command(),
        uid: told.get("user.uid").uid(),
        user: told.get("user.name").name(),
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..Process::default()
    }
}
