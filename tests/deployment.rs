//! The files of `deploy` agree with each other and with what the sensor reads. None of them is run.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tapir::endpoint::format::{Source, read_line};
use tapir::time::Timestamp;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn flags(text: &str) -> BTreeMap<&str, &str> {
    let words = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--"));
    words.map(|flag| flag.split_once('=').unwrap()).collect()
}

#[test]
fn osquery_on_macos_has_the_flags_of_every_system_and_those_of_its_own() {
    let page = text("deploy/agents.md");
    let (_, command) = page.split_once("osqueryd --").unwrap();
    let (command, _) = command.split_once("\n\n").unwrap();
    let command = format!("--{command}").replace('\\', "");
    let (every, own) = (flags(&command), text("deploy/macos/osquery.flags"));
    assert_eq!(every.len(), 11);
    assert!(own.lines().all(|line| line.starts_with("--")));
    let mut own = flags(&own);
    for (flag, value) in every {
        let of_macos = own.remove(flag).unwrap_or_else(|| panic!("no --{flag}"));
        // Files lie elsewhere there.
        assert!(
            of_macos.rsplit('/').next() == value.rsplit('/').next(),
            "{flag}"
        );
    }
    let rest: Vec<&str> = own.into_keys().collect();
    assert_eq!(
        rest,
        ["disable_endpointsecurity", "disable_endpointsecurity_fim"]
    );
}

#[test]
fn vector_runs_eslogger_for_what_is_read_and_delivers_it_where_it_is_taken() {
    let config: toml::Table = text("deploy/macos/vector.toml").parse().unwrap();
    let config = serde_json::to_value(config).unwrap();
    let command = config["sources"]["eslogger"]["command"].as_array().unwrap();
    let asked: BTreeSet<&str> = command[1..].iter().filter_map(Value::as_str).collect();
    let source = Source {
        agent: Some("mac-17"),
        received_at: Timestamp::from_parts(1_795_000_000, 0),
    };
    let fixture = text("fixtures/endpoint/eslogger.ndjson");
    let mut read = BTreeSet::new();
    for line in fixture.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let is_read = read_line(line.as_bytes(), &source).is_ok_and(|reports| !reports.is_empty());
        let name = event["event"].as_object().unwrap().keys().next().unwrap();
        read.extend(is_read.then(|| name.clone()));
    }
    assert_eq!(asked, read.iter().map(String::as_str).collect());

    let sink = &config["sinks"]["tapir"];
    assert!(sink["uri"].as_str().unwrap().ends_with(":8443/v1/events"));
    assert_eq!(sink["framing"]["method"], "newline_delimited");
    assert_eq!(sink["inputs"][0], "wanted");
    let wanted = &config["transforms"]["wanted"];
    assert_eq!(wanted["inputs"][0], "eslogger");
    let program = wanted["source"].as_str().unwrap();
    assert!(program.contains("del(.event.exec.env)"));
    let (_, folders) = program.split_once("/Users/[^/]+/(").unwrap();
    let (folders, _) = folders.split_once(")/").unwrap();
    let folders = folders.replace('\\', "");
    // What osquery watches there.
    let osquery: Value = serde_json::from_str(&text("deploy/osquery/config.json")).unwrap();
    let watched = osquery["file_paths"]["tapir"].as_array().unwrap();
    let watched = watched
        .iter()
        .filter_map(|path| path.as_str()?.strip_prefix("/Users/%/"));
    let watched: BTreeSet<&str> = watched
        .filter_map(|path| path.strip_suffix("/%%"))
        .collect();
    assert_eq!(folders.split('|').collect::<BTreeSet<_>>(), watched);
}

#[test]
fn launchd_starts_vector_with_its_configuration() {
    let plist = "deploy/macos/tapir.eslogger.plist";
    let read = "import json, plistlib, sys; print(json.dumps(plistlib.load(sys.stdin.buffer)))";
    let mut python = Command::new("python3");
    python
        .args(["-c", read])
        .stdin(fs::File::open(path(plist)).unwrap());
    let Ok(python) = python.stderr(Stdio::inherit()).output() else {
        return println!("skipped: python3 is not installed");
    };
    let plist: Value = serde_json::from_slice(&python.stdout).unwrap();
    assert_eq!(plist["Label"], "tapir.eslogger");
    let program = [
        "/usr/local/bin/vector",
        "--config",
        "/etc/tapir/vector.toml",
    ];
    assert_eq!(plist["ProgramArguments"], serde_json::json!(program));
    assert!(plist["RunAtLoad"] == true && plist["KeepAlive"] == true);
}
