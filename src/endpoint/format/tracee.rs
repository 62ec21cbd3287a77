//! From Tracee's events, of both generations, to reports: exec, exit, TCP flows, and files opened
//! and written.
//!
//! Other events give nothing. Constant in what it keeps, but for the first bytes of a file, which
//! are only looked at.

use super::address::is_private;
use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, ends, transport};
use super::refused::Refused;
use super::{archive, base64};
use crate::endpoint::report::{
    Archive, ArchiveBasis, Direction, FileActivity, FileReport, FlowActivity, FlowReport, Process,
    ProcessActivity,
};
use serde_json::Value;

/// Reads the event in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let host = document
        .get("hostName")
        .or(document.at("workload.host.name"));
    let agent = reading.agent(&[host])?;
    let told = document.get("timestamp");
    let parts = || {
        let whole = moment::seconds(told.get("seconds"))?;
        let nanos = told.get("nanos").u32().unwrap_or(0);
        let seconds = whole.from.as_nanos();
        let at = seconds.saturating_add(i64::from(nanos.min(999_999_999)));
        Some(moment::exactly(crate::time::Timestamp::from_nanos(at)))
    };
    let at = moment::calendar(told)
        .or_else(|| moment::nanos(told))
        .or_else(parts);
    let stamp = reading.event(agent, reading.need("timestamp", at)?);
    let event = document.get("eventName").or(document.get("name"));
    let actor = match document.get("workload").is_some() {
        true => process(document.at("workload.process")),
        false => process_of_old(document),
    };
    match event.text() {
        Some("sched_process_exec") => {
            let began = Process {
                path: argument(document, "pathname").path(),
                command_line: argument(document, "argv").command(),
                ..actor
            };
            reading.start(&stamp, began, None)
        }
        Some("sched_process_exit") => reading.process(&stamp, ProcessActivity::End, actor),
        Some("security_file_open") => opened(document, actor, &stamp, reading),
        Some("magic_write") => written(document, actor, &stamp, reading),
        Some(name) => flow(name, document, actor, &stamp, reading),
        None => Ok(()),
    }
}

/// The value of an argument: under `value`, or under the name of its type, where a list is once
/// more under `value`.
fn argument<'a>(document: Json<'a>, name: &str) -> Json<'a> {
    let all = document
        .get("args")
        .items()
        .chain(document.get("data").items());
    let found = all
        .into_iter()
        .find(|one| one.get("name").text() == Some(name));
    let found = found.unwrap_or_default();
    let members = found.value().and_then(Value::as_object);
    let typed = members.and_then(|members| members.iter().find(|(key, _)| *key != "name"));
    let value = found
        .get("value")
        .or(typed.map(|(_, value)| Json::new(value)).unwrap_or_default());
    value.get("value").or(value)
}

fn flow(
    name: &str,
    document: Json<'_>,
    process: Process,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let of = |name| argument(document, name);
    let incoming = of("conn_direction").text() == Some("incoming")
        || of("metadata").get("direction").u64() == Some(1);
    let (activity, direction) = match name {
        "net_tcp_connect" => (FlowActivity::Open, Some(Direction::Outbound)),
        "net_flow_tcp_begin" => (FlowActivity::Open, way(incoming)),
        "net_flow_tcp_end" => (FlowActivity::Close, way(incoming)),
        "net_packet_tcp" | "net_packet_udp" => (FlowActivity::Seen, None),
        _ => return Ok(()),
    };
    let udp = if name == "net_packet_udp" {
        "udp"
    } else {
        "tcp"
    };
    let source = [of("src"), of("src_port")];
    let target = [of("dst").or(of("dst_ip")), of("dst_port")];
    // Of a packet it is not said who sent it: a host has a private address more often.
    let [from, to] = [source, target].map(|[addr, _]| addr.addr().is_some_and(is_private));
    let turned = match activity {
        FlowActivity::Seen => to && !from,
        _ => incoming,
    };
    let (local, remote) = if turned {
        (target, source)
    } else {
        (source, target)
    };
    let [local, remote] = ends(local, remote);
    let names = if turned { of("src_dns") } else { of("dst_dns") };
    let remote_name = names.items().next().unwrap_or_default().name();
    reading.flow(
        stamp,
        FlowReport {
            activity,
            transport: transport(Json::new(&Value::from(udp))).flatten(),
            direction,
            local,
            remote,
            remote_name,
            bytes: None,
            process,
        },
    )
}

fn way(incoming: bool) -> Option<Direction> {
    Some(match incoming {
        true => Direction::Inbound,
        false => Direction::Outbound,
    })
}

/// Who opens a file to write only, or to begin it anew, does not read it.
fn opened(
    document: Json<'_>,
    process: Process,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let flags = argument(document, "flags");
    let number = flags.u64().unwrap_or(0);
    let text = flags.text().unwrap_or_default();
    let folder = text.contains("O_DIRECTORY") || number & 0x1_0000 != 0;
    let writes = text.contains("O_WRONLY") || text.contains("O_TRUNC") || number & 0x201 != 0;
    let activity = match writes {
        _ if folder => return Ok(()),
        true => FileActivity::Update,
        false => FileActivity::Open,
    };
    let path = argument(document, "pathname").path();
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need("pathname", path)?,
            size: None,
            archive: None,
            process: Some(process),
        },
    )
}

fn written(
    document: Json<'_>,
    process: Process,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let path = reading.need("pathname", argument(document, "pathname").path())?;
    let bytes = argument(document, "bytes").text().and_then(base64::decode);
    let kind = bytes.and_then(|bytes| archive::of_magic(&path, &bytes));
    reading.file(
        stamp,
        FileReport {
            activity: FileActivity::Update,
            path,
            size: None,
            archive: kind.map(|kind| Archive {
                kind: kind.into(),
                basis: ArchiveBasis::Magic,
            }),
            process: Some(process),
        },
    )
}

fn numbered(pid: Json<'_>, instance: Json<'_>) -> Option<Box<Process>> {
    let process = Process {
        pid: pid.pid(),
        instance: instance.name(),
        ..Process::default()
    };
    process.pid.is_some().then(|| Box::new(process))
}

fn process_of_old(event: Json<'_>) -> Process {
    let path = event.at("executable.path").path();
    Process {
        pid: event.get("hostProcessId").or(event.get("processId")).pid(),
        instance: event.get("processEntityId").name(),
        name: event.get("processName").name().filter(|_| path.is_none()),
        path,
        uid: event.get("userId").uid(),
        parent: numbered(
            event
                .get("hostParentProcessId")
                .or(event.get("parentProcessId")),
            event.get("parentEntityId"),
        ),
        ..Process::default()
    }
}

fn process(json: Json<'_>) -> Process {
    let number = |json: Json<'_>| {
        let pid = json.get("host_pid").or(json.get("pid"));
        pid.get("value").or(pid).pid()
    };
    let path = json.at("executable.path").path();
    let parent = json.get("ancestors").items().next().unwrap_or_default();
    let unique = |json: Json<'_>| {
        let id = json.get("unique_id");
        id.get("value").or(id).name()
    };
    let parent = Process {
        pid: number(parent),
        instance: unique(parent),
        ..Process::default()
    };
    Process {
        pid: number(json),
        instance: unique(json).or(unique(json.get("thread"))),
        name: json.at("thread.name").name().filter(|_| path.is_none()),
        path,
        uid: json
            .at("real_user.id.value")
            .or(json.at("real_user.id"))
            .uid(),
        user: json.at("real_user.name").name(),
        parent: parent.pid.is_some().then(|| Box::new(parent)),
        ..Process::default()
    }
}
