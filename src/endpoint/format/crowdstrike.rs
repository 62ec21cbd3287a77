//! From lines of CrowdStrike's Falcon Data Replicator to reports: flows, archives written, own
//! addresses, processes.
//!
//! A process is named by the sensor's own number, which `ProcessRollup2` ties to its program. The
//! public address `aip` is no address of the host. Constant in what it keeps.

use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, addrs, ends, macs, transport};
use super::refused::Refused;
use crate::endpoint::report::{
    Archive, ArchiveBasis, Direction, FileActivity, FileReport, FlowActivity, FlowReport,
    Inventory, Process, ProcessActivity,
};

/// What stands before `FileWritten` in the name of an event, and the archive it is.
const ARCHIVES: &[(&str, &str)] = &[
    ("Tar", "tar"),
    ("Zip", "zip"),
    ("Gzip", "gzip"),
    ("BZip2", "bzip2"),
    ("Xz", "xz"),
    ("SevenZip", "7z"),
    ("Rar", "rar"),
    ("Xar", "xar"),
    ("Dmg", "dmg"),
    ("Cab", "cab"),
    ("Lzma", "lzma"),
];

/// Reads the event in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("aid")])?;
    let own = moment::seconds(document.get("ContextTimeStamp"));
    let at = own.or_else(|| moment::millis(document.get("timestamp")));
    let stamp = reading.event(agent, reading.need("timestamp", at)?);
    let name = reading.need("event_simpleName", document.get("event_simpleName").text())?;
    match name {
        "NetworkConnectIP4" | "NetworkReceiveAcceptIP4" | "RawBindIP4" => {
            flow(document, name, "4", &stamp, reading)
        }
        "NetworkConnectIP6" | "NetworkReceiveAcceptIP6" | "RawBindIP6" => {
            flow(document, name, "6", &stamp, reading)
        }
        "LocalIpAddressIP4" | "LocalIpAddressIP6" => {
            let addresses = ["LocalAddressIP4", "LocalAddressIP6"];
            let inventory = Inventory {
                hostname: document.get("ComputerName").name(),
                os: os(document.get("event_platform")),
                addrs: addrs(addresses.map(|key| document.get(key)).into_iter()),
                macs: macs([document.get("PhysicalAddress")].into_iter()),
                whole: false,
            };
            reading.inventory(&stamp, inventory)
        }
        "ProcessRollup2" | "SyntheticProcessRollup2" => {
            let began = process(document, "TargetProcessId");
            let started = began.started_at.map(moment::exactly);
            // One that ran before the sensor did is told when the sensor begins.
            let window = started.unwrap_or(stamp.window);
            reading.start(&Stamp { window, ..stamp }, began, None)
        }
        "EndOfProcess" => {
            let ended = process(document, "TargetProcessId");
            reading.process(&stamp, ProcessActivity::End, ended)
        }
        _ => written(document, name, &stamp, reading),
    }
}

fn os(platform: Json<'_>) -> Option<Box<str>> {
    match platform.text()? {
        "Mac" => Some("macos".into()),
        "Win" => Some("windows".into()),
        "Lin" => Some("linux".into()),
        _ => platform.name(),
    }
}

fn flow(
    document: Json<'_>,
    name: &str,
    version: &str,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let Some(transport) = transport(document.get("Protocol")) else {
        return Ok(());
    };
    let direction = match document.get("ConnectionDirection").u64() {
        Some(0) => Some(Direction::Outbound),
        Some(1) => Some(Direction::Inbound),
        _ => None,
    };
    let activity = match name.starts_with("RawBind") {
        true => FlowActivity::Seen,
        false => FlowActivity::Open,
    };
    let addr = |end: &str| document.get(&format!("{end}AddressIP{version}"));
    let [local, remote] = ends(
        [addr("Local"), document.get("LocalPort")],
        [addr("Remote"), document.get("RemotePort")],
    );
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
            process: process(document, "ContextProcessId"),
        },
    )
}

/// `TarFileWritten` and its like; other files are not told.
fn written(
    document: Json<'_>,
    name: &str,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let kind = name.strip_suffix("FileWritten");
    let kind = kind.and_then(|name| ARCHIVES.iter().find(|(known, _)| *known == name));
    let Some((_, kind)) = kind else {
        return Ok(());
    };
    let path = document.get("TargetFileName").path();
    reading.file(
        stamp,
        FileReport {
            activity: FileActivity::Update,
            path: reading.need("TargetFileName", path)?,
            size: document.get("Size").u64(),
            archive: Some(Archive {
                kind: (*kind).into(),
                basis: ArchiveBasis::VendorEvent,
            }),
            process: Some(process(document, "ContextProcessId")),
        },
    )
}

/// The process whose number is under `key`.
fn process(document: Json<'_>, key: &str) -> Process {
    let path = document.get("ImageFileName").path();
    let name = document.get("ContextBaseFileName").name();
    let parent = document.get("ParentProcessId").name();
    let parent = parent.filter(|id| &**id != "0").map(|id| Process {
        instance: Some(id),
        name: document.get("ParentBaseFileName").name(),
        ..Process::default()
    });
    Process {
        pid: document.get("RawProcessId").pid(),
        instance: document.get(key).name().filter(|id| &**id != "0"),
        name: name.filter(|_| path.is_none()),
        path,
        command_line: document.get("CommandLine").command(),
        uid: document.get("UID").uid(),
        user: document.get("UserName").name(),
        started_at: moment::seconds(document.get("ProcessStartTime")).map(|at| at.from),
        sha256: document.get("SHA256HashData").hash(32),
        parent: parent.map(Box::new),
        ..Process::default()
    }
}
