//! From ECS documents to reports: Elastic Defend, and Sysmon by winlogbeat as far as it has ECS
//! fields.
//!
//! Every document that names the host's addresses gives an inventory too. Constant in what it
//! keeps.

use super::gateway;
use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, addrs, ends, macs, transport};
use super::refused::Refused;
use super::sysmon;
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Inventory, Process,
    ProcessActivity, Signature, SignatureState,
};

/// Reads the document.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let (event, host) = (document.get("event"), document.get("host"));
    let observer = document.get("observer");
    let agent = match gateway::ecs::is(document) {
        true => reading.agent(&[
            observer.get("name"),
            observer.get("hostname"),
            host.get("name"),
        ])?,
        false => reading.agent(&[host.get("id"), host.get("name"), document.at("agent.id")])?,
    };
    let created = document.get("@timestamp").or(event.get("created"));
    let window = reading.need("@timestamp", moment::calendar(created))?;
    let mut stamp = reading.event(agent, window);
    stamp.sequence = event.get("sequence").u64();
    if gateway::ecs::is(document) {
        return gateway::ecs::read(document, &mut stamp, reading);
    }
    let failed = event.get("outcome").text() == Some("failure");
    let is = |category| {
        event
            .get("category")
            .each()
            .any(|one| one.text() == Some(category))
    };
    let windows = document.get("winlog");
    if !failed && windows.get("event_data").is_some() && !document.get("process").is_some() {
        let provider = windows.get("provider_name").text().unwrap_or_default();
        if provider.contains("Sysmon") {
            let id = windows.get("event_id").u64();
            sysmon::event(id, windows.get("event_data"), &stamp, reading)?;
        }
    } else if !failed && is("network") {
        flow(document, &stamp, reading)?;
    } else if !failed && is("file") {
        file(document, &stamp, reading)?;
    } else if !failed && is("process") {
        process_event(document, &stamp, reading)?;
    }
    reading.inventory(
        &stamp,
        Inventory {
            hostname: host.get("name").or(host.get("hostname")).name(),
            os: host.at("os.type").or(host.at("os.family")).name(),
            addrs: addrs(host.get("ip").each()),
            macs: macs(host.get("mac").each()),
            whole: true,
        },
    )
}

/// Whether `event.action`, or else `event.type`, is one of these.
fn any(document: Json<'_>, field: &str, these: &[&str]) -> bool {
    let words = document.get("event").get(field).each();
    words
        .filter_map(Json::text)
        .any(|word| these.contains(&word))
}

fn flow(document: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let activity =
        if any(document, "action", &["disconnect_received"]) || any(document, "type", &["end"]) {
            FlowActivity::Close
        } else if any(document, "type", &["start"])
            || any(
                document,
                "action",
                &["connection_attempted", "connection_accepted"],
            )
        {
            FlowActivity::Open
        } else {
            FlowActivity::Seen
        };
    let network = document.get("network");
    // A lookup is told as an event of the network too; the flow that carries it is told elsewhere.
    let lookup = any(document, "action", &["lookup_requested", "lookup_result"]);
    let named = transport(network.get("transport").or(network.get("iana_number")));
    let Some(transport) = named.filter(|_| !lookup) else {
        return Ok(());
    };
    let direction = match network.get("direction").text() {
        Some("egress" | "outgoing" | "outbound") => Some(Direction::Outbound),
        Some("ingress" | "incoming" | "inbound") => Some(Direction::Inbound),
        _ => None,
    };
    let (source, destination) = (document.get("source"), document.get("destination"));
    // Which end is the host's, the host's own addresses know best.
    let own = |end: Json<'_>| {
        let addr = end.get("ip").addr();
        let mut ips = document.at("host.ip").each();
        addr.is_some() && ips.any(|ip| ip.addr() == addr)
    };
    let inbound = direction == Some(Direction::Inbound);
    let (local, remote) = match (own(source), own(destination)) {
        (false, true) => (destination, source),
        (false, false) | (true, true) if inbound => (destination, source),
        _ => (source, destination),
    };
    let [at, to] = ends(
        [local.get("ip"), local.get("port")],
        [remote.get("ip"), remote.get("port")],
    );
    let bytes = local.get("bytes").u64().zip(remote.get("bytes").u64());
    reading.flow(
        stamp,
        FlowReport {
            activity,
            transport,
            direction,
            local: at,
            remote: to,
            remote_name: remote.get("domain").name(),
            bytes: bytes.map(|(sent, received)| [sent, received]),
            process: process(document),
        },
    )
}

fn file(document: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let is = |action, kind| any(document, "action", &[action]) || any(document, "type", &[kind]);
    let activity = if any(document, "action", &["open"]) {
        FileActivity::Open
    } else if is("rename", "rename") {
        FileActivity::Rename
    } else if is("deletion", "deletion") {
        FileActivity::Delete
    } else if is("creation", "creation") {
        FileActivity::Create
    } else if is("modification", "change") || is("overwrite", "overwrite") {
        FileActivity::Update
    } else if any(document, "type", &["access"]) {
        FileActivity::Open
    } else {
        return Ok(());
    };
    let file = document.get("file");
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need("file.path", file.get("path").path())?,
            size: file.get("size").u64(),
            archive: None,
            process: Some(process(document)),
        },
    )
}

fn process_event(
    document: Json<'_>,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let told = process(document);
    if any(document, "type", &["end"]) {
        return reading.process(stamp, ProcessActivity::End, told);
    }
    // After a fork the program is its parent's still.
    let became = any(
        document,
        "action",
        &["exec", "start", "Process Create (rule: ProcessCreate)"],
    );
    let began = any(document, "type", &["start"]) && !any(document, "action", &["fork"]);
    match became || began {
        true => reading.start(stamp, told, document.at("process.working_directory").text()),
        false => Ok(()),
    }
}

fn process(document: Json<'_>) -> Process {
    let (process, user) = (document.get("process"), document.get("user"));
    let parent = alone(process.get("parent"));
    Process {
        uid: user.get("id").uid(),
        user: user.get("name").name(),
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..alone(process)
    }
}

fn alone(json: Json<'_>) -> Process {
    let path = json.get("executable").path();
    Process {
        pid: json.get("pid").pid(),
        instance: json.get("entity_id").name(),
        name: json.get("name").name().filter(|_| path.is_none()),
        path,
        command_line: json.get("command_line").or(json.get("args")).command(),
        started_at: moment::start(json.get("start")),
        signature: signature(json.get("code_signature")),
        sha256: json.at("hash.sha256").hash(32),
        ..Process::default()
    }
}

fn signature(json: Json<'_>) -> Option<Signature> {
    let state = match (json.get("exists").flag(), json.get("trusted").flag()) {
        (Some(false), _) => SignatureState::Unsigned,
        (Some(true), Some(false)) => SignatureState::Broken,
        (Some(true), _) => SignatureState::Signed,
        (None, _) => return None,
    };
    Some(Signature {
        state,
        signing_id: json.get("signing_id").or(json.get("subject_name")).name(),
        team_id: json.get("team_id").name(),
        ..Signature::default()
    })
}
