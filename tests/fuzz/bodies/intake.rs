//! From bytes to a connection of an agent, and from there to the journal.
//!
//! The first byte says who speaks, and whether the rest is all that is said (HTTP, or what is none)
//! or the body of one request, whose head the second byte chooses.

#[path = "../../reporting/exchange.rs"]
mod exchange;

use exchange::{Peer, exchange};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tapir::endpoint::report::Report;
use tapir::intake::{Intake, Journaled, Settings};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const AGENTS: &str = include_str!("../../../fixtures/requests/agents.json");
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 17));
/// A site is left after so many inputs: what enrols itself stays on its list.
const INPUTS_MAX: u32 = 2000;
/// Handing over is quick, but not at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bit of the first byte that says that the rest is a body.
pub const BODY: u8 = 0x80;
/// Paths, by the lowest three bits of the second byte; the next two choose how the body travels.
pub const PATHS: [&str; 8] = [
    "/v1/events",
    "/_bulk",
    "/logs/_bulk",
    "/osquery/log",
    "/osquery/enroll",
    "/osquery/config",
    "/osquery/distributed_read",
    "/",
];

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

/// A listener that takes lines however many and old they are.
struct Site {
    runtime: Runtime,
    intake: Option<Intake>,
    folder: TempDir,
    inputs: u32,
    /// Bytes and lines of the journal that were looked at.
    bytes: usize,
    lines: u64,
}

impl Site {
    fn new() -> Site {
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.expect("a folder can be made");
        let dir = folder.path().to_owned();
        fs::write(dir.join("agents.json"), AGENTS).expect("it can be written");
        let settings = Settings {
            listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
            require_certificate: false,
            body_time_max: Duration::from_secs(1),
            late_max: Duration::from_secs(1 << 40),
            agent_lines_per_s: 1e12,
            lines_per_s: 1e12,
            ..Settings::new(dir)
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        Site {
            runtime: runtime.expect("there are threads"),
            intake: Some(Intake::start(&settings, Vec::new(), None).expect("it starts")),
            folder,
            inputs: 0,
            bytes: 0,
            lines: 0,
        }
    }

    fn intake(&self) -> &Intake {
        self.intake.as_ref().expect("it runs")
    }

    fn journal(&self) -> PathBuf {
        let journal = self.folder.path().join("journal");
        journal.join("reports-00000000000000000000.ndjson")
    }

    /// The reports of the lines that are new in the journal, each of which gives some, and how many
    /// lines those are.
    fn journaled(&mut self) -> (Vec<Report>, u64) {
        let text = fs::read(self.journal()).unwrap_or_default();
        let (mut reports, mut lines) = (Vec::new(), 0);
        let new = text[self.bytes..].split_inclusive(|byte| *byte == b'\n');
        for line in new {
            let line: Journaled<'_> = serde_json::from_slice(line).expect("a line of the journal");
            let read = line.read().expect("what was taken can be read again");
            assert!(!read.is_empty(), "{} says nothing", line.line);
            reports.extend(read);
            lines += 1;
        }
        self.bytes = text.len();
        (reports, lines)
    }

    /// What was handed to the sensor, up to the last line of the journal.
    fn handed_over(&self, until: u64) -> Vec<Report> {
        let mut reports = Vec::new();
        let mut next = self.lines;
        while next < until {
            let arrived = self.intake().arrived.recv_timeout(PATIENCE);
            let arrived = arrived.expect("what is in the journal is handed over");
            next = arrived.next;
            reports.extend(arrived.reports);
        }
        reports
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.intake.take().into_iter().for_each(Intake::stop);
    }
}

/// What is answered is HTTP; what is acknowledged is in the journal, and the sensor is handed what
/// the journal says.
pub fn intake(bytes: &[u8]) {
    let Some((who, rest)) = bytes.split_first() else {
        return;
    };
    let said = match who & BODY {
        0 => rest.to_vec(),
        _ => request(rest),
    };
    SITE.with_borrow_mut(|site| {
        let site = site.get_or_insert_with(Site::new);
        site.inputs += 1;
        let intake = site.intake.as_ref().expect("it runs");
        let answer = site.runtime.block_on(exchange(intake, &said, peer(*who)));
        let acknowledged = acknowledged(&answer);
        let (reports, lines) = site.journaled();
        assert_eq!(site.handed_over(site.lines + lines), reports);
        site.lines += lines;
        let Acknowledged {
            events,
            bulk,
            osquery,
        } = acknowledged;
        assert!(
            events <= lines,
            "{events} acknowledged, {lines} in the journal"
        );
        let most = events + bulk;
        assert!(
            lines <= most || osquery,
            "{lines} in the journal, {most} acknowledged"
        );
    });
    // Left outside of the borrow: it waits for its threads.
    drop(SITE.with_borrow_mut(|site| site.take_if(|site| site.inputs >= INPUTS_MAX)));
}

fn peer(who: u8) -> Peer {
    let named = |name: &str, serial: &str| Some((name.to_owned(), serial.to_owned()));
    let certificate = match who & 3 {
        0 => named("shipper-1", "4a01"),
        1 => named("web-17", "4a02"),
        2 => named("shipper-1", "4a09"),
        _ => None,
    };
    (HOST, certificate)
}

/// One request with what comes after the first byte as its body.
fn request(bytes: &[u8]) -> Vec<u8> {
    let (shape, body) = bytes.split_first().unwrap_or((&0, &[]));
    let path = PATHS[usize::from(shape & 7)];
    let (encoding, body) = match shape >> 3 & 3 {
        0 => ("identity", body.to_vec()),
        1 => ("gzip", gzip(body)),
        // Which it is not, mostly.
        2 => ("gzip", body.to_vec()),
        _ => ("br", body.to_vec()),
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: sensor\r\nContent-Encoding: {encoding}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

/// Lines that were acknowledged, by surface; osquery is not told how many.
#[derive(Default)]
struct Acknowledged {
    events: u64,
    bulk: u64,
    osquery: bool,
}

fn acknowledged(mut answer: &[u8]) -> Acknowledged {
    let mut all = Acknowledged::default();
    while !answer.is_empty() {
        let (status, body, rest) = one(answer);
        // What is refused has its reason; nobody is too fast here, and nothing fails.
        let known = [100, 200, 400, 401, 404, 405, 408, 413, 414, 415, 431];
        assert!(known.contains(&status), "{status}");
        answer = rest;
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            continue;
        };
        if status != 200 {
            continue;
        }
        if body["again"] == false {
            all.events += body["accepted"].as_u64().expect("a number of lines");
        }
        for item in body["items"].as_array().into_iter().flatten() {
            let item = item.as_object().and_then(|item| item.values().next());
            let status = item.and_then(|item| item["status"].as_u64());
            let status = status.expect("every operation has its status");
            assert!([201, 400, 409].contains(&status), "{status}");
            all.bulk += u64::from(status == 201);
        }
        all.osquery |= body.as_object().is_some_and(serde_json::Map::is_empty);
    }
    all
}

/// Status and body of the first answer, and what comes after it.
fn one(answer: &[u8]) -> (u16, &[u8], &[u8]) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("the head of an answer ends") + 4;
    let (head, rest) = answer.split_at(end);
    let head = std::str::from_utf8(head).expect("a head is ASCII");
    assert!(head.starts_with("HTTP/1."), "{head}");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.parse::<usize>().expect("a length"))
    });
    // What answers HEAD has a length and no body.
    let is_head = rest.is_empty() || rest.starts_with(b"HTTP/1.");
    let length = length.filter(|_| !is_head).unwrap_or(0);
    let body = rest.get(..length).expect("a body is whole");
    (status.expect("a status"), body, &rest[length..])
}
