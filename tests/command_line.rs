//! The binary as people call it: exit codes, messages, and what a capture may come as.
#![allow(clippy::disallowed_methods)] // Tests make files and run the binary.

mod captures;

use captures::path;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
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

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn logs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the logs are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(&path).expect("a log can be read"))
        })
        .collect()
}

/// The first record of a classic capture begins here.
const HEADER: usize = 24;

/// Where the records of a classic little-endian capture begin, and where the last one ends.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![HEADER];
    while let Some(length) = bytes
        .get(starts[starts.len() - 1] + 8..)
        .and_then(|b| b.get(..4))
    {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        starts.push(starts[starts.len() - 1] + 16 + length);
    }
    starts
}

#[test]
fn a_cut_capture_gives_what_is_before_the_cut_and_names_the_offset() {
    let folder = folder();
    let bytes = fs::read(path("dns")).expect("our capture");
    let starts = records(&bytes);
    let cut = starts[10];
    fs::write(folder.path().join("cut.pcap"), &bytes[..cut + 20]).expect("a file");
    fs::write(folder.path().join("ten.pcap"), &bytes[..cut]).expect("a file");
    let output = tapir(folder.path(), &["replay", "cut.pcap", "--log-dir", "cut"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("cut.pcap") && said(&output).contains(&cut.to_string()));
    let output = tapir(folder.path(), &["replay", "ten.pcap", "--log-dir", "ten"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(logs(&folder.path().join("cut")) == logs(&folder.path().join("ten")));
}

#[test]
fn what_is_no_capture_is_refused_by_name_before_anything_is_written() {
    let folder = folder();
    fs::write(folder.path().join("letter.txt"), "Dear Tapir,\n").expect("a file");
    let ours = path("dns");
    let ours = ours.to_str().expect("a path");
    let output = tapir(folder.path(), &["replay", ours, "letter.txt"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(said(&output).contains("letter.txt"), "{}", said(&output));
    assert!(!folder.path().join("logs").exists());
}

#[test]
fn wrong_usage_and_missing_files_have_codes_of_their_own() {
    let folder = folder();
    let code = |args: &[&str]| tapir(folder.path(), args).status.code();
    assert_eq!(code(&["replay"]), Some(2));
    assert_eq!(code(&["replay", "--workers", "0", "x"]), Some(2));
    assert_eq!(code(&["replay", "nowhere.pcap"]), Some(1));
    assert_eq!(code(&["run", "-i", "no-such-interface"]), Some(1));
}

#[test]
fn a_wrong_key_is_told_with_its_line() {
    let folder = folder();
    fs::write(
        folder.path().join("site.toml"),
        "[sensor]\nseed = 1\nsede = 2\n",
    )
    .expect("a file");
    let output = tapir(folder.path(), &["check-config", "site.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("site.toml:3"), "{}", said(&output));
    let shipped = captures::top().join("deploy/tapir.toml");
    let shipped = shipped.to_str().expect("a path");
    assert_eq!(
        tapir(folder.path(), &["check-config", shipped])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn the_summary_is_json_when_asked() {
    let folder = folder();
    let ours = path("dns");
    let args = ["replay", ours.to_str().expect("a path"), "--json-summary"];
    let output = tapir(folder.path(), &args);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["packets"], captures::frames("dns").len());
    assert!(
        summary["sessions"]["dns"]
            .as_u64()
            .is_some_and(|count| count > 0)
    );
}

#[test]
fn how_a_capture_is_packed_and_split_changes_no_log() {
    let folder = folder();
    let bytes = fs::read(path("webhook")).expect("our capture");
    let starts = records(&bytes);
    let half = starts[starts.len() / 2];
    let file = |name: &str| folder.path().join(name);
    fs::write(file("a.pcap"), &bytes[..half]).expect("a file");
    fs::write(file("b.pcap"), [&bytes[..HEADER], &bytes[half..]].concat()).expect("a file");
    let mut gzip = GzEncoder::new(
        File::create(file("c.gz")).expect("a file"),
        Compression::fast(),
    );
    gzip.write_all(&bytes)
        .and_then(|()| gzip.finish().map(drop))
        .expect("a gzip file");
    let packed = zstd::encode_all(&bytes[..], 1).expect("zstd packs");
    fs::write(file("d.zst"), packed).expect("a file");
    let whole = path("webhook");
    let whole = whole.to_str().expect("a path");
    let ways: [(&str, &[&str]); 4] = [
        ("whole", &[whole]),
        ("split", &["a.pcap", "b.pcap"]),
        ("gz", &["c.gz"]),
        ("zst", &["d.zst"]),
    ];
    for (name, captures) in ways {
        let args = [&["replay", "--log-dir", name], captures].concat();
        assert_eq!(tapir(folder.path(), &args).status.code(), Some(0), "{name}");
        assert!(logs(&file(name)) == logs(&file("whole")), "{name}");
    }
    let piped = Command::new(env!("CARGO_BIN_EXE_tapir"))
        .current_dir(folder.path())
        .args(["replay", "-", "--log-dir", "piped"])
        .stdin(File::open(whole).expect("our capture"))
        .status();
    assert!(piped.expect("the binary runs").success());
    assert!(logs(&file("piped")) == logs(&file("whole")));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = folder();
    let ours = path("webhook");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tapir"))
        .current_dir(folder.path())
        .args(["replay", ours.to_str().expect("a path")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
