//! From OCSF to reports: Network Activity 4001, Process Activity 1007, File System Activity 1001
//! and Device Inventory Info 5001; of gateways also HTTP Activity 4002 and DNS Activity 4003.
//!
//! Other classes give nothing, nor does what a sensor on the wire has seen. Constant in what it
//! keeps.

use super::gateway;
use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, addrs, ends, macs, transport};
use super::refused::Refused;
use super::signing::{CDHASH_BYTES, signature};
use crate::endpoint::report::{
    Archive, ArchiveBasis, Direction, FileActivity, FileReport, FlowActivity, FlowReport,
    Inventory, Method, Process, ProcessActivity, SignatureState, Window,
};
use crate::time::Timestamp;

/// Reads the event in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let class = reading.need("class_uid", document.get("class_uid").u64())?;
    if gateway::ocsf::is(document, class) {
        return gateway::ocsf::read(document, reading);
    }
    if ![4001, 1007, 1001, 5001].contains(&class) {
        return Ok(());
    }
    let activity = reading.need("activity_id", document.get("activity_id").u64())?;
    let stamp = stamp(document, reading)?;
    match class {
        4001 => flow(document, activity, &stamp, reading),
        1007 => process_activity(document, activity, &stamp, reading),
        1001 => file(document, activity, &stamp, reading),
        _ => {
            let inventory = inventory(document.get("device"));
            reading.inventory(&stamp, inventory)
        }
    }
}

fn stamp(document: Json<'_>, reading: &Reading<'_>) -> Result<Stamp, Refused> {
    let device = document.get("device");
    let agent = reading.agent(&[device.get("uid"), device.get("hostname")])?;
    let at = reading.need("time", moment::millis(document.get("time")))?;
    let own = document.get("unmapped");
    let method = match own.get("tapir.method").text() {
        Some("poll") => Method::Poll,
        Some("window") => Method::Window,
        Some("summary") => Method::Summary,
        _ => Method::Event,
    };
    let uncertain = own.get("tapir.time_uncertainty_ms").u32().unwrap_or(0);
    let since = i64::from(uncertain) * 1_000_000;
    let window = match method {
        Method::Poll => Window {
            from: Timestamp::from_nanos(at.from.as_nanos().saturating_sub(since)),
            to: at.to,
        },
        Method::Window | Method::Summary => between(document).unwrap_or(at),
        Method::Event => at,
    };
    let mut stamp = reading.event(agent, window);
    stamp.method = method;
    stamp.sequence = document.at("metadata.sequence").u64();
    stamp.boot = device.get("boot_uid").name();
    Ok(stamp)
}

fn between(document: Json<'_>) -> Option<Window> {
    let from = moment::millis(document.get("start_time"))?.from;
    let to = moment::millis(document.get("end_time"))?.to;
    (from <= to).then_some(Window { from, to })
}

fn flow(
    document: Json<'_>,
    activity: u64,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let activity = match activity {
        1 => FlowActivity::Open,
        2 | 3 => FlowActivity::Close,
        6 => FlowActivity::Seen,
        // It failed, was refused, or somebody listens.
        _ => return Ok(()),
    };
    let on_the_wire = document.get("observation_point_id").u64() == Some(3);
    let info = document.get("connection_info");
    let named = transport(info.get("protocol_num").or(info.get("protocol_name")));
    let Some(transport) = named.filter(|_| !on_the_wire) else {
        return Ok(());
    };
    let direction = match info.get("direction_id").u64() {
        Some(1) => Some(Direction::Inbound),
        Some(2) => Some(Direction::Outbound),
        _ => None,
    };
    let (src, dst) = (document.get("src_endpoint"), document.get("dst_endpoint"));
    let (local, remote) = match direction {
        Some(Direction::Inbound) => (dst, src),
        _ => (src, dst),
    };
    let [local, remote] = [local, remote].map(|end| (end, [end.get("ip"), end.get("port")]));
    let [at, to] = ends(local.1, remote.1);
    let traffic = document.get("traffic");
    let bytes = traffic
        .get("bytes_out")
        .u64()
        .zip(traffic.get("bytes_in").u64());
    reading.flow(
        stamp,
        FlowReport {
            activity,
            transport,
            direction,
            local: at,
            remote: to,
            remote_name: remote.0.get("hostname").name(),
            bytes: bytes.map(|(sent, received)| [sent, received]),
            process: process(document.at("actor.process")),
        },
    )
}

fn process_activity(
    document: Json<'_>,
    activity: u64,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let subject = document.get("process");
    let mut told = process(subject);
    if told.parent.is_none() {
        let actor = process(document.at("actor.process"));
        told.parent = (actor != Process::default()).then(|| Box::new(actor));
    }
    match activity {
        1 => reading.start(stamp, told, subject.get("working_directory").text()),
        2 => reading.process(stamp, ProcessActivity::End, told),
        _ => Ok(()),
    }
}

fn file(
    document: Json<'_>,
    activity: u64,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let activity = match activity {
        1 => FileActivity::Create,
        2 => FileActivity::Read,
        3 => FileActivity::Update,
        4 => FileActivity::Delete,
        5 => FileActivity::Rename,
        14 => FileActivity::Open,
        _ => return Ok(()),
    };
    let file = match activity {
        FileActivity::Rename => document.get("file_result").or(document.get("file")),
        _ => document.get("file"),
    };
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need("file.path", file.get("path").path())?,
            size: file.get("size").u64(),
            archive: archive(document.at("unmapped").get("tapir.archive")),
            process: Some(process(document.at("actor.process"))),
        },
    )
}

fn archive(told: Json<'_>) -> Option<Archive> {
    let basis = match told.get("basis").text()? {
        "vendor_event" => ArchiveBasis::VendorEvent,
        "magic" => ArchiveBasis::Magic,
        "argv" | "arguments" => ArchiveBasis::Arguments,
        _ => ArchiveBasis::Extension,
    };
    let kind = told.get("kind").name()?;
    Some(Archive { kind, basis })
}

fn inventory(device: Json<'_>) -> Inventory {
    let interfaces = || device.get("network_interfaces").items();
    let ips = interfaces().flat_map(|interface| interface.get("ip").each());
    Inventory {
        hostname: device.get("hostname").name(),
        os: device
            .at("os.name")
            .name()
            .map(|os| os.to_lowercase().into()),
        addrs: addrs(ips.chain(device.get("ip").each())),
        macs: macs(interfaces().map(|interface| interface.get("mac"))),
        whole: device.get("network_interfaces").is_some(),
    }
}

/// A process, and the one that started it.
fn process(json: Json<'_>) -> Process {
    let parent = alone(json.get("parent_process"));
    Process {
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..alone(json)
    }
}

fn alone(json: Json<'_>) -> Process {
    let (file, user) = (json.get("file"), json.get("user"));
    let signed = file.get("signature");
    let state = match signed.get("state_id").u64() {
        Some(1) => SignatureState::Signed,
        Some(2..=4) => SignatureState::Broken,
        _ => SignatureState::Unknown,
    };
    let sha256 = |hash: Json<'_>| {
        let is_sha256 = hash.get("algorithm_id").u64() == Some(3);
        hash.get("value").hash(32).filter(|_| is_sha256)
    };
    let started = moment::millis(json.get("created_time"));
    let name = json.get("name").name();
    let path = file.get("path").or(json.get("path")).path();
    Process {
        pid: json.get("pid").pid(),
        instance: json.get("uid").name(),
        name: name.filter(|_| path.is_none()),
        path,
        command_line: json.get("cmd_line").command(),
        uid: user.get("uid").uid(),
        user: user.get("name").name(),
        started_at: started.map(|at| at.from),
        signature: signature(
            state,
            [
                file.get("signing_id"),
                signed.get("developer_uid"),
                Json::default(),
            ],
            file.get("cdhash").hash(CDHASH_BYTES),
        ),
        sha256: file.get("hashes").items().find_map(sha256),
        ..Process::default()
    }
}
