//! Flows of hosts without an agent get the likely program, marked as inferred, once agents of other
//! hosts have told what that program looks like: `pcaps/programs.pcap.zst`, and an alert of
//! `pcaps/webhook.pcap`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod captures;

use captures::reported::{self, lines, with_reports};
use captures::{Owned, frames, frames_of, settings, top};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use tapir::detect::Alert;
use tapir::endpoint::Status;
use tapir::endpoint::report::{
    Deed, Direction, FlowActivity, FlowReport, Format, Method, Place, Process, Report, Window,
};
use tapir::net::Transport;
use tapir::sensor::Line;
use tapir::sensor::settings::Settings;
use tapir::time::{Span, Timestamp};

/// Hosts of the recording whose agents say nothing: two with ordinary programs, three besides.
const SILENT: [&str; 5] = [
    "10.20.2.21",
    "10.20.2.22",
    "10.20.2.31",
    "10.20.2.32",
    "10.20.2.33",
];
/// Who calls webhooks in the other recording.
const SCRIPT: [u8; 4] = [10, 20, 0, 17];

fn recording() -> PathBuf {
    top().join("pcaps/programs.pcap.zst")
}

/// Whose each flow is, by host and port.
fn truth() -> BTreeMap<(String, u64), String> {
    let text = fs::read_to_string(top().join("pcaps/programs.json")).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    let flow = |host: &String, flow: &Value| {
        let program = flow[2].as_str().unwrap().to_owned();
        ((host.clone(), flow[0].as_u64().unwrap()), program)
    };
    let hosts = told["flows"].as_object().unwrap().iter();
    hosts
        .flat_map(|(host, flows)| {
            flows
                .as_array()
                .unwrap()
                .iter()
                .map(move |one| flow(host, one))
        })
        .collect()
}

/// A SYN over IPv4: its source and destination.
fn syn(frame: &Owned) -> Option<[(Ipv4Addr, u16); 2]> {
    let bytes = &frame.bytes;
    let is_syn = bytes.get(12..14)? == [8, 0] && bytes.get(23)? == &6 && bytes.get(47)? & 0x12 == 2;
    let end = |addr: usize, port: usize| {
        let addr: [u8; 4] = bytes.get(addr..addr + 4)?.try_into().ok()?;
        let port: [u8; 2] = bytes.get(port..port + 2)?.try_into().ok()?;
        Some((addr.into(), u16::from_be_bytes(port)))
    };
    is_syn.then_some([end(26, 34)?, end(30, 36)?])
}

/// What the agent of its host tells of the flow that a SYN opens, a second later.
fn report(at: Timestamp, [own, peer]: [(Ipv4Addr, u16); 2], path: &str) -> Report {
    let place = |(addr, port): (Ipv4Addr, u16)| Place {
        addr: Some(IpAddr::V4(addr)),
        port: Some(port),
    };
    Report {
        agent: format!("agent-{}", own.0).into(),
        received_at: at + Span::from_secs(1),
        window: Window { from: at, to: at },
        method: Method::Event,
        format: Format::Tapir,
        sequence: None,
        boot: None,
        deed: Deed::Flow(Box::new(FlowReport {
            activity: FlowActivity::Open,
            transport: Some(Transport::Tcp),
            direction: Some(Direction::Outbound),
            local: place(own),
            remote: place(peer),
            remote_name: None,
            bytes: None,
            process: Process {
                pid: Some(4000),
                path: Some(path.into()),
                ..Process::default()
            },
        })),
    }
}

/// What the agents of the recording tell, but for the silent ones.
fn reports(frames: &[Owned]) -> Vec<Report> {
    let truth = truth();
    let of = |frame: &Owned| {
        let ends = syn(frame)?;
        let host = ends[0].0.to_string();
        let program = truth.get(&(host.clone(), u64::from(ends[0].1)))?;
        let speaks = !SILENT.contains(&&*host);
        speaks.then(|| report(frame.at, ends, &format!("/usr/bin/{program}")))
    };
    frames.iter().filter_map(of).collect()
}

/// The rows of `attribution.log`.
fn rows(workers: usize, reports: &[Report]) -> Vec<Value> {
    let settings = with_reports(settings("programs"));
    let logs = reported::logs(recording(), &settings, reports, workers);
    let rows = logs["attribution.log"].lines();
    rows.map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn flows_of_hosts_without_an_agent_get_the_likely_program_at_any_number_of_workers() {
    let (truth, reports) = (truth(), reports(&frames_of(&recording())));
    let one = rows(1, &reports);
    assert_eq!(one, rows(4, &reports));
    let inferred: Vec<&Value> = one
        .iter()
        .filter(|row| row["status"] == "inferred")
        .collect();
    let mut right = 0;
    for row in &inferred {
        let host = row["id.orig_h"].as_str().unwrap();
        assert!(SILENT.contains(&host), "{host} has an agent");
        assert_eq!(row["method"], "taught");
        assert!(row["confidence"].as_f64().unwrap() >= 0.95);
        assert!(row["taught_hosts"].as_u64().unwrap() >= 3);
        assert!(row["taught_flows"].as_u64() >= row["taught_hosts"].as_u64());
        for nobody_saw in ["agent", "key", "pid", "user", "command_line", "parent_path"] {
            assert_eq!(row[nobody_saw], Value::Null, "{nobody_saw}");
        }
        let port = row["id.orig_p"].as_u64().unwrap();
        let program = &truth[&(host.to_owned(), port)];
        right += usize::from(row["path"] == **program);
    }
    assert!(inferred.len() >= 20, "{} flows", inferred.len());
    assert!(
        right * 100 >= inferred.len() * 95,
        "{right} of {}",
        inferred.len()
    );
}

#[test]
fn a_restart_among_lessons_changes_no_line() {
    let frames = frames_of(&recording());
    let (settings, reports) = (with_reports(settings("programs")), reports(&frames));
    let whole = lines(&settings, &frames, &reports, usize::MAX);
    assert_eq!(whole, lines(&settings, &frames, &reports, 4999));
}

/// What the script's host sends and gets, as that of another host and two hours before.
fn copied(frame: &Owned, host: u8) -> Option<Owned> {
    let mut copy = frame.clone();
    let place = [26, 30]
        .into_iter()
        .find(|at| copy.bytes.get(*at..at + 4) == Some(&SCRIPT))?;
    copy.bytes[place..place + 4].copy_from_slice(&[10, 40, 0, host]);
    copy.at = copy.at + Span::from_secs(-2 * 3600);
    Some(copy)
}

/// The alerts on the script's host.
fn alerts(settings: &Settings, frames: &[Owned], reports: &[Report]) -> Vec<Alert> {
    let lines = lines(settings, frames, reports, usize::MAX).into_iter();
    let alerts = lines.filter_map(|(_, line)| match line {
        Line::Alert(alert) => Some(*alert),
        Line::Row(_) => None,
    });
    let script = IpAddr::from(SCRIPT);
    alerts
        .filter(|alert| alert.flow.originator.addr == script)
        .collect()
}

#[test]
fn an_alert_names_the_likely_program_and_is_no_louder_for_it() {
    let recorded = frames("webhook");
    let copies = (1..=14).flat_map(|host| recorded.iter().filter_map(move |f| copied(f, host)));
    let mut frames: Vec<Owned> = copies.collect();
    let of = |frame: &Owned| Some(report(frame.at, syn(frame)?, "/usr/bin/python3.11"));
    let reports: Vec<Report> = frames.iter().filter_map(of).collect();
    frames.extend(recorded);
    frames.sort_by_key(|frame| frame.at);
    let mut settings = with_reports(settings("webhook"));
    settings.ignore_checksums = true;
    let inferred = alerts(&settings, &frames, &reports);
    settings.detect = settings.detect.with_taught(false);
    let plain = alerts(&settings, &frames, &reports);
    assert!(!inferred.is_empty() && inferred.len() == plain.len());
    for (inferred, plain) in inferred.iter().zip(&plain) {
        assert_eq!(inferred.attribution.status, Status::Inferred);
        assert_eq!(plain.attribution.status, Status::Unobservable);
        let process = inferred.subject.process.as_ref().unwrap();
        assert_eq!(
            (process.name.as_deref(), process.pid),
            (Some("python"), None)
        );
        assert!(inferred.message.contains(", likely by python (inferred)"));
        assert!(
            inferred
                .attribution
                .taught
                .is_some_and(|taught| taught.hosts >= 3)
        );
        assert_eq!((inferred.bits, inferred.tier), (plain.bits, plain.tier));
        assert_eq!(inferred.confidence, plain.confidence);
        assert_eq!(inferred.confidence_reasons, plain.confidence_reasons);
        assert_eq!(
            (&inferred.missing, &inferred.triage),
            (&plain.missing, &plain.triage)
        );
        assert_eq!(inferred.suppressed_by, plain.suppressed_by);
    }
}
