//! From Sysmon's events as JSON to reports: process 1 and 5, network 3, file 11 and 23.
//!
//! Reads no XML. Sysmon tells of no end of a flow, and of a UDP flow once in half an hour. Constant
//! in what it keeps.

use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, ends, transport};
use super::refused::Refused;
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Process, ProcessActivity,
};

/// Reads the event in `document`: with its data apart, or flat.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let event = document.get("Event").or(document);
    let data = event.get("EventData").or(event);
    let system = event.get("System").or(event);
    let names = [system.get("Computer"), system.get("Hostname")];
    let agent = reading.agent(&names)?;
    let at = moment::calendar(data.get("UtcTime").or(system.get("UtcTime")));
    let stamp = reading.event(agent, reading.need("UtcTime", at)?);
    event_of(system, data, &stamp, reading)
}

fn event_of(
    system: Json<'_>,
    data: Json<'_>,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let id = system.get("EventID");
    let id = id.u64().or(id.get("#text").u64());
    event(Some(reading.need("EventID", id)?), data, stamp, reading)
}

/// The event with the number `id`.
pub(super) fn event(
    id: Option<u64>,
    data: Json<'_>,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    match id {
        Some(1) => reading.start(stamp, process(data), said(data, "CurrentDirectory").text()),
        Some(5) => reading.process(stamp, ProcessActivity::End, process(data)),
        Some(3) => flow(data, stamp, reading),
        Some(11) => file(data, FileActivity::Create, stamp, reading),
        Some(23 | 26) => file(data, FileActivity::Delete, stamp, reading),
        _ => Ok(()),
    }
}

/// A field; `-` is none.
fn said<'a>(data: Json<'a>, field: &str) -> Json<'a> {
    let value = data.get(field);
    match value.text() {
        Some("-") => Json::default(),
        _ => value,
    }
}

fn flow(data: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let Some(transport) = transport(said(data, "Protocol")) else {
        return Ok(());
    };
    let inbound = said(data, "Initiated").flag() == Some(false);
    let source = [said(data, "SourceIp"), said(data, "SourcePort")];
    let target = [said(data, "DestinationIp"), said(data, "DestinationPort")];
    let (local, remote, remote_name) = match inbound {
        true => (target, source, said(data, "SourceHostname")),
        false => (source, target, said(data, "DestinationHostname")),
    };
    let [local, remote] = ends(local, remote);
    reading.flow(
        stamp,
        FlowReport {
            activity: FlowActivity::Open,
            transport,
            direction: Some(match inbound {
                true => Direction::Inbound,
                false => Direction::Outbound,
            }),
            local,
            remote,
            remote_name: remote_name.name(),
            bytes: None,
            process: process(data),
        },
    )
}

fn file(
    data: Json<'_>,
    activity: FileActivity,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let path = said(data, "TargetFilename").path();
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need("TargetFilename", path)?,
            size: None,
            archive: None,
            process: Some(process(data)),
        },
    )
}

fn process(data: Json<'_>) -> Process {
    let parent = Process {
        pid: said(data, "ParentProcessId").pid(),
        instance: said(data, "ParentProcessGuid").name(),
        path: said(data, "ParentImage").path(),
        command_line: said(data, "ParentCommandLine").command(),
        ..Process::default()
    };
    // `SHA1=...,SHA256=...`
    let hashes = said(data, "Hashes").text().unwrap_or_default();
    let sha256 = hashes
        .split(',')
        .find_map(|hash| hash.strip_prefix("SHA256="));
    let sha256 = sha256.map(|hash| serde_json::Value::from(hash.trim()));
    Process {
        pid: said(data, "ProcessId").pid(),
        instance: said(data, "ProcessGuid").name(),
        path: said(data, "Image").path(),
        command_line: said(data, "CommandLine").command(),
        user: said(data, "User").name(),
        sha256: sha256.as_ref().and_then(|hash| Json::new(hash).hash(32)),
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..Process::default()
    }
}
