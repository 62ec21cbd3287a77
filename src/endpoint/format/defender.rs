//! From Defender's streamed tables to reports: `DeviceNetworkEvents` and `DeviceNetworkInfo`, with
//! their envelope or without.
//!
//! Other tables give nothing, nor do connections that failed, nor those that its own sensor saw on
//! the wire, which name no process. Linear in the records.

use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, addrs, ends, macs, transport};
use super::refused::Refused;
use crate::endpoint::report::{Direction, FlowActivity, FlowReport, Inventory, Process};
use serde_json::Value;

/// Reads the record, or the records, in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    for record in document.get("records").or(document).each() {
        one(record.get("properties").or(record), reading)?;
    }
    Ok(())
}

fn one(record: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[record.get("DeviceId"), record.get("DeviceName")])?;
    let at = moment::calendar(record.get("Timestamp"));
    let stamp = reading.event(agent, reading.need("Timestamp", at)?);
    if record.get("IPAddresses").is_some() || record.get("MacAddress").is_some() {
        return inventory(record, &stamp, reading);
    }
    flow(record, &stamp, reading)
}

/// One adapter of a host.
fn inventory(record: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let told = record.get("IPAddresses");
    // A list, as a list or as its text.
    let text = told
        .text()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let list = text.as_ref().map_or(told, Json::new);
    let inventory = Inventory {
        hostname: record.get("DeviceName").name(),
        os: None,
        addrs: addrs(list.items().map(|one| one.get("IPAddress"))),
        macs: macs([record.get("MacAddress")].into_iter()),
        whole: false,
    };
    reading.inventory(stamp, inventory)
}

fn flow(record: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let (activity, direction) = match record.get("ActionType").text() {
        Some("ConnectionSuccess" | "ConnectionAttempt" | "ConnectionRequest") => {
            (FlowActivity::Open, Some(Direction::Outbound))
        }
        Some("InboundConnectionAccepted") => (FlowActivity::Open, Some(Direction::Inbound)),
        Some("ConnectionFound" | "ConnectionAcknowledged") => (FlowActivity::Seen, None),
        _ => return Ok(()),
    };
    let Some(transport) = transport(record.get("Protocol")) else {
        return Ok(());
    };
    let [local, remote] = ends(
        [record.get("LocalIP"), record.get("LocalPort")],
        [record.get("RemoteIP"), record.get("RemotePort")],
    );
    let url = record.get("RemoteUrl").text().map(host).map(Value::from);
    reading.flow(
        stamp,
        FlowReport {
            activity,
            transport,
            direction,
            local,
            remote,
            remote_name: url.as_ref().and_then(|host| Json::new(host).name()),
            bytes: None,
            process: process(record),
        },
    )
}

/// The host of what may be a whole URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    host.split_once(':').map_or(host, |(host, _)| host)
}

fn process(record: Json<'_>) -> Process {
    let of = |field: &str| record.get(&format!("InitiatingProcess{field}"));
    let pid = of("Id").pid();
    if pid.is_none() {
        return Process::default();
    }
    let (path, name) = (of("FolderPath").path(), of("FileName").name());
    let parent = Process {
        pid: of("ParentId").pid(),
        name: of("ParentFileName").name(),
        ..Process::default()
    };
    Process {
        pid,
        name: name.filter(|_| path.is_none()),
        path,
        command_line: of("CommandLine").command(),
        user: of("AccountName").name(),
        started_at: moment::start(of("CreationTime")),
        sha256: of("SHA256").hash(32),
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..Process::default()
    }
}
