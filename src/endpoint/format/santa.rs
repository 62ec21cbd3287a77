//! From Santa's messages (protobuf as JSON) to reports: network windows, executions, exits, and
//! what was done to files.
//!
//! Takes a message without its wrapper too, as of the moment it was received. What a policy denied
//! did not happen. Linear in the flows.

use super::json::{Json, NAME_BYTES_MAX, clip};
use super::moment;
use super::read::{Reading, Stamp, ends, transport};
use super::refused::Refused;
use super::signing::{self, signature};
use super::{base64, command};
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Method, Process,
    ProcessActivity, Window,
};

/// Arguments that are decoded.
const ARGUMENTS_MAX: usize = 1024;

/// Reads the message in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("machine_id")])?;
    let told = document.get("event_time");
    let window = match told.is_some() {
        true => reading.need("event_time", moment::calendar(told))?,
        false => reading.received(),
    };
    let mut stamp = reading.event(agent, window);
    stamp.boot = document.get("boot_session_uuid").name();
    let of = |kind: &str| document.get(kind);
    if of("network_activity").is_some() {
        let until = moment::calendar(document.get("processed_time"));
        stamp.window.to = until.map_or(window.to, |until| until.to.max(window.to));
        stamp.method = Method::Window;
        return network(of("network_activity"), &stamp, reading);
    }
    // Without the wrapper, what is in it tells what it is.
    let bare = |key: &str| {
        let told = document.get(key).is_some() && document.get("target").is_some();
        if told { document } else { Json::default() }
    };
    let execution = of("execution").or(bare("args"));
    let access = of("file_access").or(bare("access_type"));
    if execution.is_some() {
        return executed(execution, &stamp, reading);
    }
    if of("exit").is_some() {
        let ended = process(of("exit").get("instigator"));
        return reading.process(&stamp, ProcessActivity::End, ended);
    }
    if access.is_some() {
        return accessed(access, &stamp, reading);
    }
    let close = of("close").or(bare("modified"));
    if close.get("modified").flag() == Some(true) {
        file(close, FileActivity::Update, "target", &stamp, reading)?;
    }
    for kind in ["clone", "copyfile"] {
        if of(kind).is_some() {
            file(of(kind), FileActivity::Read, "source", &stamp, reading)?;
            file(of(kind), FileActivity::Create, "target", &stamp, reading)?;
        }
    }
    for (kind, activity) in [
        ("rename", FileActivity::Rename),
        ("unlink", FileActivity::Delete),
    ] {
        if of(kind).is_some() {
            file(of(kind), activity, "target", &stamp, reading)?;
        }
    }
    Ok(())
}

fn network(told: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    for one in told.get("processes").items() {
        let process = process(one.get("process"));
        for flow in one.get("flows").items() {
            of_window(flow, &process, stamp, reading)?;
        }
    }
    Ok(())
}

/// A flow, and its beginning and end where they fall into the window.
fn of_window(
    flow: Json<'_>,
    process: &Process,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let denied = flow
        .get("decision")
        .text()
        .is_some_and(|one| one.contains("DENY"));
    let (Some(transport), false) = (transport(flow.get("protocol")), denied) else {
        return Ok(());
    };
    let direction = match flow.get("direction").text() {
        Some("DIRECTION_OUTBOUND") => Some(Direction::Outbound),
        Some("DIRECTION_INBOUND") => Some(Direction::Inbound),
        _ => None,
    };
    let [local, remote] = ends(
        [flow.get("local_address"), flow.get("local_port")],
        [flow.get("remote_address"), flow.get("remote_port")],
    );
    let (sent, received) = (flow.get("bytes_outbound"), flow.get("bytes_inbound"));
    let report = |activity, bytes| FlowReport {
        activity,
        transport,
        direction,
        local,
        remote,
        remote_name: flow.get("remote_hostname").name(),
        bytes,
        process: process.clone(),
    };
    let at = |window: Window| Stamp {
        window,
        ..stamp.clone()
    };
    let bytes = sent
        .u64()
        .zip(received.u64())
        .map(|(sent, received)| [sent, received]);
    let began = moment::calendar(flow.get("start_time"));
    let ended = moment::calendar(flow.get("close_time"));
    // The bytes are those at the end of the window.
    match (began, ended) {
        (None, None) => reading.flow(stamp, report(FlowActivity::Seen, bytes)),
        (Some(began), None) => reading.flow(&at(began), report(FlowActivity::Open, bytes)),
        (None, Some(ended)) => reading.flow(&at(ended), report(FlowActivity::Close, bytes)),
        (Some(began), Some(ended)) => {
            reading.flow(&at(began), report(FlowActivity::Open, None))?;
            reading.flow(&at(ended), report(FlowActivity::Close, bytes))
        }
    }
}

fn executed(told: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    if told
        .get("decision")
        .text()
        .is_some_and(|one| one.contains("DENY"))
    {
        return Ok(());
    }
    let mut began = process(told.get("target"));
    let arguments: Vec<String> = told
        .get("args")
        .items()
        .take(ARGUMENTS_MAX)
        .map(|word| {
            let bytes = word.text().and_then(base64::decode).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        })
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    began.command_line = command::of_arguments(&arguments);
    reading.start(stamp, began, told.at("working_directory.path").text())
}

fn accessed(told: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let decision = told.get("policy_decision").text().unwrap_or_default();
    if decision.contains("DENIED") {
        return Ok(());
    }
    let activity = match told.get("access_type").text() {
        Some("ACCESS_TYPE_OPEN") => FileActivity::Open,
        Some("ACCESS_TYPE_CLONE" | "ACCESS_TYPE_COPYFILE") => FileActivity::Read,
        Some("ACCESS_TYPE_CREATE") => FileActivity::Create,
        Some("ACCESS_TYPE_TRUNCATE" | "ACCESS_TYPE_EXCHANGEDATA") => FileActivity::Update,
        Some("ACCESS_TYPE_RENAME") => FileActivity::Rename,
        Some("ACCESS_TYPE_UNLINK") => FileActivity::Delete,
        _ => return Ok(()),
    };
    file(told, activity, "target", stamp, reading)
}

/// A file that is named by its path alone or with what is known of it.
fn file(
    told: Json<'_>,
    activity: FileActivity,
    key: &'static str,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let target = told.get(key);
    let path = target.path().or(target.get("path").path());
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need(key, path)?,
            size: target.at("stat.size").u64(),
            archive: None,
            process: Some(process(told.get("instigator"))),
        },
    )
}

fn numbered(id: Json<'_>) -> Option<Box<Process>> {
    let process = Process {
        pid: id.get("pid").pid(),
        instance: id.get("pidversion").name(),
        ..Process::default()
    };
    process.pid.is_some().then(|| Box::new(process))
}

fn process(json: Json<'_>) -> Process {
    let (id, signed) = (json.get("id"), json.get("code_signature"));
    let (user, executable) = (json.get("effective_user"), json.get("executable"));
    let cdhash = signed
        .get("cdhash")
        .text()
        .filter(|text| text.len() <= NAME_BYTES_MAX);
    let cdhash = cdhash.and_then(base64::to_hex);
    Process {
        pid: id.get("pid").pid(),
        instance: id.get("pidversion").name(),
        path: executable.get("path").path(),
        uid: user.get("uid").uid(),
        user: user.get("name").name(),
        started_at: moment::start(json.get("start_time")),
        signature: signature(
            signing::state(json.get("cs_flags").u32()),
            [
                signed.get("signing_id"),
                signed.get("team_id"),
                json.get("is_platform_binary"),
            ],
            cdhash.map(|hex| clip(&hex, NAME_BYTES_MAX).into()),
        ),
        sha256: executable.at("hash.hash").hash(32),
        parent: numbered(json.get("parent_id")),
        responsible: numbered(json.get("responsible_id")),
        ..Process::default()
    }
}
