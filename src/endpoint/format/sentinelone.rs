//! From SentinelOne's Cloud Funnel to reports: IP connections, processes that began, files.
//!
//! A record stands for many alike, of which it tells the first. Constant in what it keeps.

use super::json::Json;
use super::moment;
use super::read::{Reading, Stamp, ends, transport};
use super::refused::Refused;
use crate::endpoint::report::{
    Direction, FileActivity, FileReport, FlowActivity, FlowReport, Method, Process, Signature,
    SignatureState,
};

/// Reads the record in `document`, whose keys have dots in them.
pub(super) fn read(document: Json<'_>, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let of = |key: &str| document.get(key);
    let agent = reading.agent(&[of("agent.uuid"), of("endpoint.name")])?;
    let at = moment::millis(of("event.time"));
    let mut stamp = reading.event(agent, reading.need("event.time", at)?);
    if of("event.repetitionCount")
        .u64()
        .is_some_and(|count| count > 1)
    {
        stamp.method = Method::Summary;
    }
    let kind = of("event.type").text().unwrap_or_default();
    match &*kind.replace(' ', "").to_lowercase() {
        "ipconnect" => flow(document, &stamp, reading),
        "processcreation" => reading.start(&stamp, created(document), None),
        "filecreation" => file(document, FileActivity::Create, &stamp, reading),
        "filemodification" => file(document, FileActivity::Update, &stamp, reading),
        "filerename" => file(document, FileActivity::Rename, &stamp, reading),
        "filedeletion" => file(document, FileActivity::Delete, &stamp, reading),
        _ => Ok(()),
    }
}

fn flow(document: Json<'_>, stamp: &Stamp, reading: &mut Reading<'_>) -> Result<(), Refused> {
    let of = |key: &str| document.get(key);
    let failed = of("event.network.connectionStatus").text() == Some("FAILURE");
    let (Some(transport), false) = (transport(of("meta.event.name")), failed) else {
        return Ok(());
    };
    let direction = match of("event.network.direction").text() {
        Some("OUTGOING") => Some(Direction::Outbound),
        Some("INCOMING") => Some(Direction::Inbound),
        _ => None,
    };
    let source = [of("src.ip.address"), of("src.port.number")];
    let target = [of("dst.ip.address"), of("dst.port.number")];
    let (local, remote) = match direction {
        Some(Direction::Inbound) => (target, source),
        _ => (source, target),
    };
    let [local, remote] = ends(local, remote);
    reading.flow(
        stamp,
        FlowReport {
            activity: FlowActivity::Open,
            transport,
            direction,
            local,
            remote,
            remote_name: None,
            bytes: None,
            process: source_process(document),
        },
    )
}

fn file(
    document: Json<'_>,
    activity: FileActivity,
    stamp: &Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let path = document.get("tgt.file.path").path();
    reading.file(
        stamp,
        FileReport {
            activity,
            path: reading.need("tgt.file.path", path)?,
            size: document.get("tgt.file.size").u64(),
            archive: None,
            process: Some(source_process(document)),
        },
    )
}

/// The process that another one started.
fn created(document: Json<'_>) -> Process {
    let parent = source_process(document);
    Process {
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..process(document, "tgt.process")
    }
}

fn source_process(document: Json<'_>) -> Process {
    let parent = process(document, "src.process.parent");
    Process {
        parent: (parent != Process::default()).then(|| Box::new(parent)),
        ..process(document, "src.process")
    }
}

fn process(document: Json<'_>, prefix: &str) -> Process {
    let of = |key: &str| document.get(&format!("{prefix}.{key}"));
    let state = match of("signedStatus").text() {
        Some("signed") => Some(SignatureState::Signed),
        Some("unsigned") => Some(SignatureState::Unsigned),
        Some("invalid") => Some(SignatureState::Broken),
        _ => None,
    };
    let path = of("image.path").path();
    Process {
        pid: of("pid").pid(),
        instance: of("uid").name(),
        name: of("name").name().filter(|_| path.is_none()),
        path,
        command_line: of("cmdline").command(),
        user: of("user").name(),
        started_at: moment::millis(of("startTime")).map(|at| at.from),
        signature: state.map(|state| Signature {
            state,
            signing_id: of("publisher").name(),
            ..Signature::default()
        }),
        sha256: of("image.sha256").hash(32),
        ..Process::default()
    }
}
