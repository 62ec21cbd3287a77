//! From a line of Tapir's own agent to its report, with the bounds that hold for all.
//!
//! Takes the agent's name and the moment of receipt from who brought the line. As long as the line.

use super::json::{Json, NAME_BYTES_MAX, TEXT_BYTES_MAX, clip};
use super::read::Reading;
use super::refused::Refused;
use super::{address, command};
use crate::endpoint::report::{Deed, Method, Process, ProcessActivity, Report};
use serde_json::{Value, json};

/// Reads the report in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[document.get("agent")])?;
    let mut whole = document.value().cloned().unwrap_or_default();
    if let Some(members) = whole.as_object_mut() {
        // Neither is the agent's to say.
        members.insert("agent".to_owned(), json!(agent));
        members.insert("received_at".to_owned(), json!(0));
        for (key, default) in [("format", json!("tapir")), ("method", json!(Method::Event))] {
            members.entry(key).or_insert(default);
        }
    }
    let report = serde_json::from_value::<Report>(Value::take(&mut whole)).ok();
    let report = reading.need("deed", report)?;
    let ordered = report.window.from <= report.window.to;
    let window = reading.need("window", ordered.then_some(report.window))?;
    let mut stamp = reading.event(agent, window);
    stamp.method = report.method;
    stamp.sequence = report.sequence;
    stamp.boot = report.boot.map(name);
    match report.deed {
        Deed::Flow(mut flow) => {
            flow.remote_name = flow.remote_name.map(name);
            flow.process = process(flow.process);
            reading.flow(&stamp, *flow)
        }
        Deed::Process(told) => match told.activity {
            ProcessActivity::Start => reading.start(&stamp, process(told.process), None),
            ProcessActivity::End => reading.process(&stamp, told.activity, process(told.process)),
        },
        Deed::File(mut file) => {
            file.path = path(file.path);
            file.process = file.process.map(process);
            if let Some(archive) = &mut file.archive {
                archive.kind = name(std::mem::take(&mut archive.kind));
            }
            reading.file(&stamp, *file)
        }
        Deed::Inventory(mut inventory) => {
            inventory.hostname = inventory.hostname.map(name);
            inventory.os = inventory.os.map(name);
            inventory
                .addrs
                .retain(|addr| !addr.to_canonical().is_loopback());
            let addrs = inventory.addrs.into_iter().filter_map(address::canonical);
            inventory.addrs = addrs.collect();
            reading.inventory(&stamp, *inventory)
        }
        Deed::Passage(passage) => reading.passage(&stamp, *passage),
    }
}

fn name(text: Box<str>) -> Box<str> {
    clip(&text, NAME_BYTES_MAX).into()
}

fn path(text: Box<str>) -> Box<str> {
    clip(&text, TEXT_BYTES_MAX).into()
}

/// Within the bounds, and without secrets; as deep as the line.
fn process(mut process: Process) -> Process {
    for text in [&mut process.path, &mut process.command_line] {
        *text = text.take().filter(|text| !text.is_empty()).map(path);
    }
    process.command_line = process.command_line.map(|line| command::kept(&line));
    for text in [
        &mut process.instance,
        &mut process.name,
        &mut process.user,
        &mut process.sha256,
    ] {
        *text = text.take().filter(|text| !text.is_empty()).map(name);
    }
    if let Some(signature) = &mut process.signature {
        for text in [
            &mut signature.signing_id,
            &mut signature.team_id,
            &mut signature.cdhash,
        ] {
            *text = text.take().filter(|text| !text.is_empty()).map(name);
        }
    }
    for other in [&mut process.parent, &mut process.responsible] {
        *other = other.take().map(|other| Box::new(self::process(*other)));
    }
    process
}
