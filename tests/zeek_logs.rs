//! Logs in place of packets: what they hold alerts as the packets did, and what is no log is told.
#![allow(clippy::disallowed_methods)] // Tests make files and run the binary.

mod captures;

use captures::{path, top};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tapir(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tapir"))
        .current_dir(folder)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Analytic, host and object of each alert.
fn alerts(folder: &Path) -> BTreeSet<[String; 3]> {
    let text = fs::read_to_string(folder.join("alerts.log")).unwrap_or_default();
    let alert = |line: &str| {
        let alert: serde_json::Value = serde_json::from_str(line).expect("an alert is JSON");
        [
            &alert["analytic"],
            &alert["subject"]["host"],
            &alert["object"]["service"],
        ]
        .map(|value| value.as_str().expect("a string").to_owned())
    };
    text.lines().map(alert).collect()
}

fn webhook(folder: &Path, log_dir: &str, format: &str) {
    let config = top().join("fixtures/webhook/tapir.toml");
    let (capture, config) = (path("webhook"), config.display().to_string());
    let capture = capture.display().to_string();
    let args = [
        "replay",
        &capture,
        "--config",
        &config,
        "--log-dir",
        log_dir,
        "--format",
        format,
    ];
    let output = tapir(folder, &args);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

fn from_logs(folder: &Path, logs: &str, log_dir: &str) -> Output {
    let config = top()
        .join("fixtures/webhook/tapir.toml")
        .display()
        .to_string();
    tapir(
        folder,
        &[
            "replay",
            "--zeek-logs",
            logs,
            "--config",
            &config,
            "--log-dir",
            log_dir,
        ],
    )
}

#[test]
fn our_own_logs_give_the_alerts_of_the_packets() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    for format in ["zeek", "json"] {
        webhook(folder, "logs", format);
        let expected = alerts(&folder.join("logs"));
        assert_eq!(expected.len(), 2);
        // All of them; those that Zeek writes too; hourly, and compressed.
        for logs in ["logs", "zeek", "rotated"] {
            let output = from_logs(folder, logs_of(folder, logs), "alerts");
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            assert_eq!(said(&output), "", "{format}, {logs}");
            assert_eq!(alerts(&folder.join("alerts")), expected, "{format}, {logs}");
            let written = fs::read_dir(folder.join("alerts")).expect("a folder");
            assert_eq!(
                written.count(),
                2,
                "alerts.log and notice.log, no log of flows"
            );
        }
    }
}

/// The folder `name`, which is made of the logs in `logs`.
fn logs_of<'a>(folder: &Path, name: &'a str) -> &'a str {
    if name == "logs" {
        return name;
    }
    let (from, to) = (folder.join("logs"), folder.join(name));
    fs::create_dir_all(&to).expect("a folder");
    for log in ["conn", "ssl", "dns"] {
        let text = fs::read_to_string(from.join(format!("{log}.log"))).expect("a log");
        let (head, rows): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.starts_with('#'));
        if name == "zeek" {
            fs::write(to.join(format!("{log}.log")), &text).expect("a log");
            continue;
        }
        for (number, rows) in rows.chunks(100).enumerate() {
            let part = [head.as_slice(), rows].concat().join("\n") + "\n";
            let part = zstd::encode_all(part.as_bytes(), 1).expect("zstd");
            let path = to.join(format!("{log}.{number:02}:00:00-00:00:00.log.zst"));
            fs::write(path, part).expect("a log");
        }
    }
    name
}

#[test]
fn bad_rows_are_told_with_file_and_line_and_cost_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    webhook(folder, "logs", "zeek");
    let expected = alerts(&folder.join("logs"));
    let conn = folder.join("logs/conn.log");
    let text = fs::read_to_string(&conn).expect("a log");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(10, "half a row\tof what");
    fs::write(&conn, lines.join("\n")).expect("a log");
    fs::write(folder.join("logs/http.log"), [0, 159, 146, 150, 10]).expect("a log");
    let output = from_logs(folder, "logs", "alerts");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("conn.log:11: 2 values"),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("http.log:1: "), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("bad rows 2"));
    assert_eq!(alerts(&folder.join("alerts")), expected);
}

#[test]
fn logs_that_are_not_there_are_told_and_the_others_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    webhook(folder, "logs", "zeek");
    let expected = alerts(&folder.join("logs"));
    for log in ["dns", "profile"] {
        fs::remove_file(folder.join(format!("logs/{log}.log"))).expect("a log");
    }
    let output = from_logs(folder, "logs", "alerts");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("logs: no dns.log"),
        "{}",
        said(&output)
    );
    assert_eq!(alerts(&folder.join("alerts")), expected);
}

#[test]
fn folders_that_are_no_logs_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    fs::create_dir(folder.join("empty")).expect("a folder");
    fs::write(folder.join("empty/letter.txt"), "Dear Tapir,\n").expect("a file");
    for logs in ["nowhere", "empty", "empty/letter.txt"] {
        let output = from_logs(folder, logs, "alerts");
        assert_eq!(output.status.code(), Some(1), "{logs}");
        assert!(said(&output).contains(logs), "{}", said(&output));
        assert!(!folder.join("alerts").exists(), "nothing is written");
    }
    let output = tapir(folder, &["replay", "--zeek-logs", "empty", "x.pcap"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn alerts_never_replace_the_logs_that_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    webhook(folder, "logs", "zeek");
    let notice = fs::read(folder.join("logs/notice.log")).expect("a log");
    let output = from_logs(folder, "logs", "logs/../logs");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--log-dir"), "{}", said(&output));
    assert_eq!(
        fs::read(folder.join("logs/notice.log")).expect("a log"),
        notice
    );
}
