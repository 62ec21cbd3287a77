//! What a sensor knows outlives it: over runs, over kills, and over what befell the file.
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // Tests make files and run the binary.

mod captures;

use captures::{path, top};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tapir::sensor::Saved;
use tapir::store::{Store, Version};

fn tapir(folder: &Path, args: &[&str]) -> Output {
    let config = top().join("fixtures/webhook/tapir.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_tapir"))
        .current_dir(folder)
        .args(args)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The rows of each log, without headers.
fn rows(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the logs are there");
    let log = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a log is text");
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        let rows = rows.map(|row| format!("{row}\n")).collect();
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), rows)
    };
    entries.map(log).collect()
}

/// Cuts our capture after this share of its records into `a.pcap` and `b.pcap`.
fn cut(folder: &Path, share: f64) {
    const HEADER: usize = 24;
    let bytes = fs::read(path("webhook")).expect("our capture");
    let mut starts = vec![HEADER];
    let mut at = HEADER;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes"));
        at += 16 + length as usize;
        starts.push(at);
    }
    let middle = starts[(starts.len() as f64 * share) as usize];
    fs::write(folder.join("a.pcap"), &bytes[..middle]).expect("a file");
    let second = [&bytes[..HEADER], &bytes[middle..]].concat();
    fs::write(folder.join("b.pcap"), second).expect("a file");
}

#[test]
fn a_capture_in_two_runs_with_a_saved_state_between_gives_the_lines_of_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let whole = path("webhook").display().to_string();
    tapir(folder, &["replay", &whole, "--log-dir", "finished"]);
    tapir(
        folder,
        &[
            "replay",
            &whole,
            "--log-dir",
            "whole",
            "--state",
            "whole-state",
        ],
    );
    let (finished, whole) = (rows(&folder.join("finished")), rows(&folder.join("whole")));
    assert_eq!(whole["alerts.log"].lines().count(), 2);
    assert_eq!(whole["alerts.log"], finished["alerts.log"]);
    for (number, (share, workers)) in [(0.5, ["1", "1"]), (0.5, ["4", "4"]), (0.8, ["1", "4"])]
        .into_iter()
        .enumerate()
    {
        cut(folder, share);
        let state = format!("state-{number}");
        let mut both = BTreeMap::<String, String>::new();
        for (part, workers) in ["a", "b"].into_iter().zip(workers) {
            let (capture, logs) = (format!("{part}.pcap"), format!("logs-{part}"));
            let args = ["replay", &capture, "--log-dir", &logs, "--workers", workers];
            tapir(folder, &[args.as_slice(), &["--state", &state]].concat());
            for (name, rows) in rows(&folder.join(logs)) {
                *both.entry(name).or_default() += &rows;
            }
        }
        for (name, rows) in &whole {
            assert!(
                both.get(name) == Some(rows),
                "{name}, cut at {share}, {workers:?}"
            );
        }
        assert_eq!(both.len(), whole.len());
    }
}

#[test]
fn flows_that_are_open_at_the_end_stay_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    cut(folder, 0.5);
    tapir(folder, &["replay", "a.pcap", "--log-dir", "finished"]);
    tapir(
        folder,
        &[
            "replay",
            "a.pcap",
            "--log-dir",
            "stopped",
            "--state",
            "state",
        ],
    );
    let flows = |name: &str| rows(&folder.join(name))["conn.log"].lines().count();
    assert!(flows("stopped") < flows("finished"));
}

#[test]
fn a_state_that_cannot_be_used_is_named_and_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let whole = path("webhook").display().to_string();
    let args = ["replay", &whole, "--log-dir", "logs", "--state", "state"];
    fs::create_dir(folder.join("state")).expect("a folder");
    fs::write(folder.join("state/state.redb"), "no state at all").expect("a file");
    let output = tapir(folder, &args);
    assert!(
        said(&output).contains("set aside as state/state.aside-1.redb"),
        "{}",
        said(&output)
    );
    assert_eq!(rows(&folder.join("logs"))["alerts.log"].lines().count(), 2);
    // What it learnt is there: the same alerts are not told again.
    let output = tapir(folder, &args);
    assert_eq!(said(&output), "");
    assert!(!folder.join("logs/alerts.log").exists());
}

/// Says to the test below, run as a process of its own, where to save.
const KILLED: &str = "TAPIR_TEST_SAVES_UNTIL_KILLED";
/// What that process says after each save.
const SAVED: &str = "saved";

fn version() -> Version {
    Version {
        program: "test".into(),
        shape: 0,
        seed: 0,
        config_hash: "".into(),
    }
}

/// A state of which every byte is `number`.
fn numbered(number: u8) -> Saved {
    Saved {
        steering: vec![number; 1000],
        shards: (0..64).map(|_| vec![number; 40_000]).collect(),
        detector: vec![number; 2_000_000],
    }
}

#[test]
fn saves_until_it_is_killed() {
    let Some(dir) = std::env::var_os(KILLED) else {
        return;
    };
    let opened = Store::open(Path::new(&dir), version()).expect("a store");
    let before = opened.saved.map_or(0, |saved| saved.detector[0]);
    for further in (1u8..=200).cycle() {
        let number = before.wrapping_add(further);
        opened.store.save(&numbered(number)).expect("it is saved");
        println!("{SAVED}");
    }
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_state() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let me = std::env::current_exe().expect("this test");
    let mut numbers = Vec::new();
    for round in 0..16u64 {
        let mut child = Command::new(&me)
            .args(["--exact", "saves_until_it_is_killed", "--nocapture"])
            .env(KILLED, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut lines = said.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with(SAVED)), "it saves");
        // Any moment will do: all of its time it saves.
        std::thread::sleep(Duration::from_millis(round * 37 % 101));
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        let opened = Store::open(folder.path(), version()).expect("a store");
        assert_eq!(opened.note, None, "round {round}: nothing is damaged");
        let saved = opened.saved.expect("what was saved is there");
        let whole = numbered(saved.detector[0]);
        assert!(saved == whole, "round {round}: all of one save");
        numbers.push(saved.detector[0]);
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 16, "each went on after the one before");
}
