//! Requests of osquery and Filebeat, byte for byte, against the listener: what is answered to each,
//! and which reports come of it.
//!
//! `fixtures/requests` has them; `expected.ndjson` is the table, one row a request in the order in
//! which they are made, and `BLESS=1` rewrites it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

#[path = "reporting/exchange.rs"]
mod exchange;

use exchange::exchange;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tapir::intake::{Intake, Settings};
use tokio::runtime::Builder;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/requests");

/// The requests, and the certificate that is shown with each. The same may be made twice.
const REQUESTS: &[(&str, Option<&str>)] = &[
    ("osquery-enroll-guess", None),
    ("osquery-enroll", None),
    ("osquery-config", None),
    ("osquery-log-result", None),
    ("osquery-log-result-gzip", None),
    ("osquery-log-status", None),
    ("osquery-log-stranger", None),
    ("osquery-distributed", None),
    ("filebeat-ping", Some("4a01")),
    ("filebeat-license", Some("4a01")),
    ("filebeat-template", Some("4a01")),
    ("filebeat-bulk", Some("4a01")),
    ("filebeat-bulk-gzip", Some("4a01")),
    ("filebeat-bulk-ids", Some("4a01")),
    ("filebeat-bulk-ids", Some("4a01")),
    ("filebeat-bulk-broken", Some("4a01")),
    // The certificate of another, and none.
    ("filebeat-bulk", Some("4a02")),
    ("filebeat-bulk", None),
];

/// Headers that clients look at.
const HEADERS: &[&str] = &["content-type", "x-elastic-product", "www-authenticate"];

#[test]
fn every_request_is_answered_as_its_client_expects() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::copy(
        Path::new(FIXTURES).join("agents.json"),
        dir.join("agents.json"),
    )
    .unwrap();
    let settings = Settings {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        require_certificate: false,
        // The requests are as old as they are.
        late_max: Duration::from_secs(100 * 365 * 86_400),
        ..Settings::new(dir.to_owned())
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let intake = Intake::start(&settings, Vec::new(), None).unwrap();
    let path = format!("{FIXTURES}/expected.ndjson");
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let wanted = expected.lines().map(|row| {
        let row: Value = serde_json::from_str(row).unwrap();
        row["reports"].as_array().unwrap().len()
    });
    let wanted = wanted.map(Some).chain(std::iter::repeat(None));
    let is_blessed = std::env::var_os("BLESS").is_some();
    let mut actual = String::new();
    for ((name, serial), wanted) in REQUESTS.iter().zip(wanted) {
        let request = fs::read(format!("{FIXTURES}/{name}.http")).unwrap();
        let certificate = serial.map(|serial| ("shipper-1".to_owned(), serial.to_owned()));
        let from = ("192.0.2.17".parse().unwrap(), certificate);
        let answer = runtime.block_on(exchange(&intake, &request, from));
        let mut row = json!({"request": name, "certificate": serial});
        let row_of = row.as_object_mut().unwrap();
        row_of.append(&mut told(&String::from_utf8(answer).unwrap()));
        row_of.insert(
            "reports".to_owned(),
            reports(&intake, wanted.filter(|_| !is_blessed)).into(),
        );
        actual += &format!("{row}\n");
    }
    intake.stop();
    if is_blessed {
        return fs::write(&path, &actual).unwrap();
    }
    for (actual, expected) in actual.lines().zip(expected.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.lines().count(), expected.lines().count());
}

/// Status, headers and body of an answer, which must be one and whole.
fn told(answer: &str) -> Map<String, Value> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut told = Map::new();
    told.insert("status".to_owned(), status.parse::<u16>().unwrap().into());
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        if HEADERS.contains(&name) {
            told.insert(name.to_owned(), value.into());
        }
        if name == "content-length" {
            length = Some(value.parse::<usize>().unwrap());
        }
    }
    let is_head = body.is_empty() && length > Some(0);
    assert!(is_head || length == Some(body.len()), "{answer}");
    let mut body: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(node_key) = body.get_mut("node_key") {
        // Nobody knows it before, but whose it is.
        let key = node_key.as_str().unwrap();
        let (name, secret) = key.split_once('.').unwrap();
        assert_eq!(secret.len(), 43, "256 bits in base64");
        *node_key = format!("{name}.*").into();
    }
    if body.get("schedule").is_some() {
        body = json!({"schedule": "deploy/osquery/config.json"});
    }
    told.insert("body".to_owned(), body);
    told
}

/// The reports that come of a request, just after it is answered: so many, else what comes within a
/// second. One too many would be the next request's.
fn reports(intake: &Intake, wanted: Option<usize>) -> Vec<Value> {
    let mut reports = Vec::new();
    let patience = Duration::from_secs(if wanted.is_some() { 60 } else { 1 });
    while wanted != Some(reports.len())
        && let Ok(arrived) = intake.arrived.recv_timeout(patience)
    {
        for report in arrived.reports {
            let mut report = serde_json::to_value(report).unwrap();
            report.as_object_mut().unwrap().remove("received_at");
            reports.push(report);
        }
    }
    reports
}
