//! Golden logs: `pcaps/NAME.pcap` gives `fixtures/NAME/*.log`, byte for byte. `BLESS=1` rewrites
//! them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod captures;

use captures::{names, path, settings, top};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use tapir::run::replay::Replay;
use tapir::sensor::settings::Settings;
use tapir::sink::Format;

fn replay(name: &str, settings: Settings, log_dir: &Path) -> u64 {
    let replay = Replay {
        captures: vec![path(name)],
        log_dir: log_dir.to_owned(),
        format: Format::Zeek,
        workers: 1,
        filter: None,
    };
    let replayed = replay.run(settings).expect("our captures replay");
    assert!(replayed.damaged.is_empty(), "{name} is whole");
    replayed.outcome.told.alerts_count
}

fn logs(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    entries
        .map(name)
        .filter(|name| name.to_string_lossy().ends_with(".log"))
        .collect()
}

#[test]
fn every_capture_gives_its_golden_logs() {
    let bless = std::env::var_os("BLESS").is_some();
    for name in names() {
        let fixture = top().join("fixtures").join(&name);
        let about = fs::read_to_string(fixture.join("about.md"));
        let about = about.unwrap_or_else(|_| panic!("fixtures/{name}/about.md says what it shows"));
        assert!(
            about.lines().next().is_some_and(|line| line.ends_with('.')),
            "a sentence first"
        );
        let fresh = tempfile::tempdir().expect("a temporary folder");
        replay(&name, settings(&name), fresh.path());
        if bless {
            for log in logs(&fixture) {
                fs::remove_file(fixture.join(log)).expect("an old log can be removed");
            }
            for log in logs(fresh.path()) {
                fs::copy(fresh.path().join(&log), fixture.join(&log)).expect("a log can be copied");
            }
        }
        assert_eq!(
            logs(&fixture),
            logs(fresh.path()),
            "{name}: which logs there are"
        );
        for log in logs(&fixture) {
            let golden = fs::read_to_string(fixture.join(&log)).expect("a log is text");
            let now = fs::read_to_string(fresh.path().join(&log)).expect("a log is text");
            for (number, (golden, now)) in golden.lines().zip(now.lines()).enumerate() {
                assert_eq!(golden, now, "{name}/{}, line {}", log.display(), number + 1);
            }
            assert_eq!(golden.len(), now.len(), "{name}/{}: its end", log.display());
        }
    }
}

#[test]
fn a_webhook_from_a_server_alerts_only_beside_peers_that_never_call_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = || settings("webhook");
    assert!(
        replay("webhook", settings(), folder.path()) > 0,
        "the script among its peers"
    );
    let alerts = fs::read_to_string(folder.path().join("alerts.log")).expect("alerts.log is there");
    for line in alerts.lines() {
        let alert: serde_json::Value = serde_json::from_str(line).expect("an alert is JSON");
        assert_eq!(
            alert["subject"]["host"], "10.20.0.17",
            "no workstation is named"
        );
        assert!(
            alert["evidence"]
                .as_array()
                .is_some_and(|items| items.len() >= 2)
        );
    }
    assert_eq!(
        replay("webhook-alone", settings(), folder.path()),
        0,
        "without the peers"
    );
}
