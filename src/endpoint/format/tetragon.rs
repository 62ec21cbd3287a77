//! From Tetragon's events to reports: exec, exit, and TCP connects and closes by kprobe.
//!
//! Other hooks give nothing. In a container the own address is the container's. Constant in what it
//! keeps.

use super::command;
use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, ends, transport};
use super::refused::Refused;
use crate::endpoint::report::{Direction, FlowActivity, FlowReport, Process, ProcessActivity};

/// A connect that does not block returns that it is in progress (Linux, EINPROGRESS).
const IN_PROGRESS: i64 = -115;

/// Reads the event in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("node_name")])?;
    let window = reading.need("time", moment::calendar(document.get("time")))?;
    let stamp = reading.event(agent, window);
    let (exec, exit) = (document.get("process_exec"), document.get("process_exit"));
    let (probe, connect) = (
        document.get("process_kprobe"),
        document.get("process_connect"),
    );
    if exec.is_some() {
        let cwd = exec.at("process.cwd").text();
        return reading.start(&stamp, process(exec), cwd);
    }
    if exit.is_some() {
        return reading.process(&stamp, ProcessActivity::End, process(exit));
    }
    if probe.is_some() {
        return probed(probe, &stamp, reading);
    }
    if connect.is_some() {
        let local = [connect.get("source_ip"), connect.get("source_port")];
        let remote = [
            connect.get("destination_ip"),
            connect.get("destination_port"),
        ];
        let named = connect.get("protocol");
        let opened = (FlowActivity::Open, Some(Direction::Outbound));
        return flow(connect, opened, named, [local, remote], &stamp, reading);
    }
    Ok(())
}

fn probed(probe: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let kind = match probe.get("function_name").text() {
        Some("tcp_connect") => (FlowActivity::Open, Some(Direction::Outbound)),
        Some("tcp_close") => (FlowActivity::Close, None),
        Some("tcp_sendmsg") => (FlowActivity::Seen, None),
        _ => return Ok(()),
    };
    let returned = probe.at("return.int_arg").i64().unwrap_or(0);
    if returned < 0 && returned != IN_PROGRESS && kind.0 == FlowActivity::Open {
        return Ok(());
    }
    let socket = probe.get("args").items().find_map(|argument| {
        let socket = argument.get("sock_arg");
        socket.is_some().then_some(socket)
    });
    let socket = socket.unwrap_or_default();
    let ends = [["saddr", "sport"], ["daddr", "dport"]];
    let ends = ends.map(|end| end.map(|key| socket.get(key)));
    flow(probe, kind, socket.get("protocol"), ends, stamp, reading)
}

fn flow(
    event: Json<'_>,
    (activity, direction): (FlowActivity, Option<Direction>),
    named: Json<'_>,
    [local, remote]: [[Json<'_>; 2]; 2],
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let Some(transport) = transport(named) else {
        return Ok(());
    };
    let [local, remote] = ends(local, remote);
    reading.flow(
        stamp,
        FlowReport {
            activity,
            transport,
            direction,
            local,
            remote,
            remote_name: None,
            bytes: None,
            process: process(event),
        },
    )
}

/// The process of an event, and the one that started it.
fn process(event: Json<'_>) -> Process {
    let parent = alone(event.get("parent"));
    Process {
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..alone(event.get("process"))
    }
}

fn alone(json: Json<'_>) -> Process {
    let program = json.get("binary").text();
    let arguments = json.get("arguments").text().unwrap_or_default();
    let line = program.map(|program| match arguments {
        "" => program.to_owned(),
        // Some versions have the program's name among its arguments.
        _ if arguments.starts_with(program) => arguments.to_owned(),
        _ => format!("{program} {arguments}"),
    });
    Process {
        pid: json.get("pid").pid(),
        instance: json.get("exec_id").name(),
        path: json.get("binary").path(),
        command_line: line.map(|line| command::kept(&line)),
        uid: json.get("uid").uid(),
        started_at: moment::start(json.get("start_time")),
        ..Process::default()
    }
}
