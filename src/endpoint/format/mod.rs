//! From a line of an endpoint agent, or of a gateway, to the reports in it.
//!
//! Keeps nothing from one line to the next, joins nothing and believes nothing. A line has at most
//! 1 MiB, nests at most 64 deep and gives at most 4096 reports; a text of it that is kept has at
//! most 4 KiB.

mod address;
mod archive;
mod base64;
mod command;
mod crowdstrike;
mod defender;
mod ecs;
mod eslogger;
mod falco;
mod gateway;
mod json;
mod laurel;
mod moment;
mod ocsf;
mod osquery;
mod osquery_events;
mod read;
mod refused;
mod santa;
mod sentinelone;
mod signing;
mod sysmon;
mod tapir;
#[cfg(test)]
mod tests;
mod tetragon;
mod tracee;
mod words;

pub use archive::of_file as archive_of_file;
pub use command::of_arguments as command_line;

use super::report::{Format, Report};
use crate::time::Timestamp;
pub(crate) use json::LINE_BYTES_MAX;
use json::{Json, clip};
use read::Reading;
pub use refused::Refused;

/// Who brought a line, and when.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The authenticated name of the agent, which counts before any name in the line.
    pub agent: Option<&'a str>,
    /// When the sensor was given the line, by its own clock.
    pub received_at: Timestamp,
}

/// The reports in a line: none where it is well formed and says nothing that is needed.
pub fn read_line(line: &[u8], source: &Source<'_>) -> Result<Vec<Report>, Refused> {
    if let Some(text) = gateway::Text::of_line(line) {
        return text.read(source, &[]);
    }
    json::check(line)?;
    if let Some(line) = tapir::Line::of(line) {
        let mut reading = Reading::new(Format::Tapir, source);
        tapir::read_whole(line, &mut reading)?;
        return Ok(reading.finish());
    }
    let value = json::parse(line)?;
    let document = Json::new(&value);
    if !document.is_some() {
        return Ok(Vec::new());
    }
    if let Some((text, names)) = gateway::Text::of_document(document) {
        return text.read(source, &names);
    }
    let format = recognise(document)?;
    let mut reading = Reading::new(format, source);
    let read = match format {
        Format::Tapir => tapir::read,
        Format::Ocsf => ocsf::read,
        Format::Ecs => ecs::read,
        Format::Osquery => osquery::read,
        Format::Santa => santa::read,
        Format::Eslogger => eslogger::read,
        Format::Tetragon => tetragon::read,
        Format::Tracee => tracee::read,
        Format::Falco => falco::read,
        Format::Sysmon => sysmon::read,
        Format::Laurel => laurel::read,
        Format::Crowdstrike => crowdstrike::read,
        Format::Defender => defender::read,
        Format::Sentinelone => sentinelone::read,
        // Lines of these are no JSON.
        Format::Squid | Format::Cef => return Ok(Vec::new()),
    };
    read(document, &mut reading)?;
    Ok(reading.finish())
}

/// As [`read_line`]; a line that names no host is of `otherwise`. Gives also who was taken for the
/// agent before any name in the line.
pub fn read_line_or_of<'a>(
    line: &[u8],
    source: &Source<'a>,
    otherwise: &'a str,
) -> Result<(Vec<Report>, Option<&'a str>), Refused> {
    match read_line(line, source) {
        Err(Refused::Nameless { .. }) => {
            let agent = Some(otherwise);
            Ok((read_line(line, &Source { agent, ..*source })?, agent))
        }
        read => Ok((read?, source.agent)),
    }
}

/// Keys that tell a format: the first row whose keys are all there counts.
const SHAPES: &[(&[&str], Format)] = &[
    (&["deed", "window"], Format::Tapir),
    (&["class_uid"], Format::Ocsf),
    (&["@timestamp", "event"], Format::Ecs),
    (&["@timestamp", "winlog"], Format::Ecs),
    (&["name", "columns"], Format::Osquery),
    (&["name", "snapshot"], Format::Osquery),
    (&["name", "diffResults"], Format::Osquery),
    (&["schema_version", "event", "process"], Format::Eslogger),
    (&["output_fields"], Format::Falco),
    (&["event_simpleName"], Format::Crowdstrike),
    (&["process_exec"], Format::Tetragon),
    (&["process_exit"], Format::Tetragon),
    (&["process_kprobe"], Format::Tetragon),
    (&["process_connect"], Format::Tetragon),
    (&["node_name", "time"], Format::Tetragon),
    (&["eventName", "args"], Format::Tracee),
    (&["workload", "name"], Format::Tracee),
    (&["meta.event.name"], Format::Sentinelone),
    (&["event.type", "agent.uuid"], Format::Sentinelone),
    (&["EventData"], Format::Sysmon),
    (&["EventID", "UtcTime"], Format::Sysmon),
    (&["properties", "category"], Format::Defender),
    (&["records"], Format::Defender),
    (&["DeviceId", "Timestamp"], Format::Defender),
    (&["event_time", "machine_id"], Format::Santa),
    (&["event_time", "boot_session_uuid"], Format::Santa),
    (&["event_time", "processed_time"], Format::Santa),
    (&["network_activity"], Format::Santa),
    (&["instigator"], Format::Santa),
    (&["SYSCALL", "ID"], Format::Laurel),
    (&["ID"], Format::Laurel),
    (&["Event"], Format::Sysmon),
];
/// Keys that are named of a line of no known format, and how much of each.
const KEYS_NAMED: usize = 8;
const KEY_BYTES_NAMED: usize = 40;

fn recognise(document: Json<'_>) -> Result<Format, Refused> {
    if !document.is_object() {
        return Err(Refused::NoObject);
    }
    let has_all = |keys: &&[&str]| keys.iter().all(|key| document.get(key).is_some());
    let shape = SHAPES.iter().find(|(keys, _)| has_all(keys));
    shape.map(|(_, format)| *format).ok_or_else(|| {
        let keys = document.keys().take(KEYS_NAMED);
        Refused::Unknown {
            keys: keys.map(|key| clip(key, KEY_BYTES_NAMED).into()).collect(),
        }
    })
}
