//! From a line of Tapir's own agent to its report, with the bounds that hold for all.
//!
//! Takes the agent's name and the moment of receipt from who brought the line. As long as the line.

use super::json::{Json, NAME_BYTES_MAX, TEXT_BYTES_MAX, clip};
use super::read::Reading;
use super::refused::Refused;
use super::{address, command};
use crate::endpoint::report::{Deed, Method, Process, ProcessActivity, Window};
use serde::Deserialize;
use serde_json::Value;

/// A line as the agent writes it: a report, without what is not the agent's to say.
#[derive(Deserialize)]
pub(super) struct Line {
    /// Any name, which counts where the sensor knows none.
    #[serde(default)]
    agent: Value,
    window: Window,
    #[serde(default = "event")]
    method: Method,
    sequence: Option<u64>,
    boot: Option<Box<str>>,
    deed: Deed,
}

fn event() -> Method {
    Method::Event
}

impl Line {
    /// The line, of which nothing is built but the report; none where it is not ours, or something
    /// is wrong with it.
    pub(super) fn of(line: &[u8]) -> Option<Line> {
        let text = std::str::from_utf8(line).ok()?;
        // Cheaper than to read another agent's line to its end.
        text.contains("\"deed\"").then_some(())?;
        serde_json::from_str(text).ok()
    }
}

/// Reads the report in `document`.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    // Who is not named is told so before anything else.
    reading.agent(&[document.get("agent")])?;
    let line = document.value().map(Line::deserialize);
    let line = reading.need("deed", line.and_then(Result::ok))?;
    read_whole(line, reading)
}

/// Reads the report in `line`.
pub(super) fn read_whole(line: Line, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let agent = reading.agent(&[Json::new(&line.agent)])?;
    let ordered = line.window.from <= line.window.to;
    let window = reading.need("window", ordered.then_some(line.window))?;
    let mut stamp = reading.event(agent, window);
    stamp.method = line.method;
    stamp.sequence = line.sequence;
    stamp.boot = line.boot.map(name);
    match line.deed {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::format::{Source, json};
    use crate::endpoint::report::{Format, Report};
    use crate::time::Timestamp;

    const LINES: &str = include_str!("../../../fixtures/endpoint/tapir.ndjson");

    fn both(line: &str) -> [Option<Vec<Report>>; 2] {
        let source = Source {
            agent: Some("web-17"),
            received_at: Timestamp::from_nanos(1),
        };
        let mut whole = Reading::new(Format::Tapir, &source);
        let mut built = Reading::new(Format::Tapir, &source);
        let line_read = Line::of(line.as_bytes())
            .and_then(|line| read_whole(line, &mut whole).ok())
            .map(|()| whole.finish());
        let value = json::parse(line.as_bytes()).unwrap_or_default();
        let built_read = read(Json::new(&value), &mut built).ok();
        [line_read, built_read.map(|()| built.finish())]
    }

    #[test]
    fn a_line_says_the_same_however_it_is_read() {
        let mut flows = 0;
        for line in LINES.lines() {
            let more = line.replacen('{', r#"{"more":{"deed":"\u0041"},"#, 1);
            let more = more.replace(r#""agent":"host1""#, r#""agent":7"#);
            for line in [line, &more] {
                let [whole, built] = both(line);
                assert_eq!(whole, built, "{line}");
                flows += whole.map_or(0, |reports| reports.len());
            }
        }
        assert!(flows > 2, "{flows} reports");
        // What is there twice counts as it comes last, which only the built one knows.
        let twice =
            LINES
                .lines()
                .next()
                .unwrap_or_default()
                .replacen('{', r#"{"method":"poll","#, 1);
        assert!(matches!(both(&twice), [None, Some(_)]), "{twice}");
    }
}
