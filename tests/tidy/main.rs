//! From the repository's files to a list of what breaks the house rules, each with its file and
//! line.
//!
//! Reads text, not types: a path built by a macro is not seen. Each rule is tried on small sources
//! below, so that it is known to be able to fail.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod code;
mod repository;
mod rules;

use repository::Repository;
use rules::Fault;

/// Fails with one line a fault, as an editor can jump to.
#[track_caller]
fn expect_none(faults: Vec<Fault>) {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} faults\n{}",
        lines.len(),
        lines.join("\n")
    );
}

fn sources(rule: impl Fn(&str, &str) -> Vec<Fault>) -> Vec<Fault> {
    let sources = Repository::here().sources();
    assert!(!sources.is_empty(), "no sources found");
    sources
        .iter()
        .flat_map(|(path, text)| rule(path, text))
        .collect()
}

#[test]
fn modules_import_only_what_they_may() {
    expect_none(sources(rules::imports));
}

#[test]
fn the_core_reads_no_clock_and_does_no_io() {
    expect_none(sources(rules::purity));
}

#[test]
fn files_functions_and_lines_are_short() {
    expect_none(sources(rules::lengths));
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    expect_none(sources(|path, _| rules::names(path)));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let texts = Repository::here().texts();
    expect_none(
        texts
            .iter()
            .flat_map(|(path, text)| rules::machine_paths(path, text))
            .collect(),
    );
}

#[test]
fn every_capture_has_its_line_of_provenance_and_every_fixture_its_capture() {
    let repository = Repository::here();
    let mut faults = repository.provenance();
    faults.extend(repository.fixtures_without_capture());
    expect_none(faults);
}

/// The lines that `rule` finds at fault in `text`, were it the file `path`.
fn lines(rule: impl Fn(&str, &str) -> Vec<Fault>, path: &str, text: &str) -> Vec<usize> {
    rule(path, text).iter().map(|fault| fault.line).collect()
}

#[test]
fn an_import_from_below_is_found_however_it_is_written() {
    let found = |path, text| lines(rules::imports, path, text);
    assert_eq!(found("src/net.rs", "\nuse crate::detect::Alert;\n"), [2]);
    assert_eq!(
        found(
            "src/net.rs",
            "use crate::{\n    flow::Key,\n    detect,\n};\n"
        ),
        [2, 3]
    );
    assert_eq!(
        found(
            "src/flow/key.rs",
            "fn f() {\n    crate::sink::write();\n}\n"
        ),
        [2]
    );
    assert_eq!(
        found("src/flow/key.rs", "use super::super::sensor::Sensor;\n"),
        [1]
    );
    assert_eq!(found("src/net.rs", "use super::run;\n"), [1]);
    assert_eq!(found("src/unheard_of/mod.rs", "\n"), [1]);
}

#[test]
fn an_import_from_above_or_a_mention_in_prose_is_no_fault() {
    let found = |path, text| lines(rules::imports, path, text);
    assert_eq!(
        found(
            "src/flow/key.rs",
            "use crate::net::Side;\nuse crate::time;\n"
        ),
        [0; 0]
    );
    assert_eq!(
        found(
            "src/flow/key.rs",
            "use super::stream;\nuse crate::flow::table;\n"
        ),
        [0; 0]
    );
    assert_eq!(
        found("src/net.rs", "//! See crate::detect.\n/* crate::run */\n"),
        [0; 0]
    );
    assert_eq!(
        found("src/net.rs", "const A: &str = \"crate::run\";\n"),
        [0; 0]
    );
    assert_eq!(found("src/lib.rs", "use crate::run;\n"), [0; 0]);
    let tail = "#[cfg(test)]\nmod tests {\n    use crate::run;\n}\n";
    assert_eq!(found("src/net.rs", tail), [0; 0]);
}

#[test]
fn a_clock_a_file_or_a_print_in_the_core_is_found() {
    let found = |path, text| lines(rules::purity, path, text);
    for text in [
        "use std::time::Instant;",
        "use std::{fmt, fs};",
        "use std::net::TcpStream;",
        "use std::net::{IpAddr, UdpSocket};",
        "fn f() { std::thread::spawn(f); }",
        "fn f() { println!(\"x\"); }",
        "fn f() -> bool { std::env::var(\"A\").is_ok() }",
        "static mut COUNT: u32 = 0;",
    ] {
        assert_eq!(found("src/detect/an1190.rs", text), [1], "{text}");
        assert_eq!(
            found("src/sink/json.rs", text),
            [0; 0],
            "the shell may: {text}"
        );
    }
    assert_eq!(
        found("src/net.rs", "use std::net::{IpAddr, Ipv4Addr};"),
        [0; 0]
    );
    assert_eq!(found("src/net.rs", "//! No std::time here."), [0; 0]);
}

#[test]
fn what_is_too_long_is_found() {
    let found = |path, text: &str| lines(rules::lengths, path, text);
    assert_eq!(found("src/net.rs", &"\n".repeat(400)), [0; 0]);
    assert_eq!(found("src/net.rs", &"\n".repeat(401)), [401]);
    assert_eq!(found("src/net/tests.rs", &"\n".repeat(401)), [0; 0]);
    assert_eq!(
        found("src/net.rs", &format!("// {}\n", "x".repeat(97))),
        [0; 0]
    );
    assert_eq!(
        found("src/net.rs", &format!("\n// {}\n", "x".repeat(98))),
        [2]
    );
    let function =
        |lines: usize| format!("\nfn f(a: [u8; 4]) {{\n{}}}\n", "    a;\n".repeat(lines));
    assert_eq!(found("src/net.rs", &function(68)), [0; 0]);
    assert_eq!(found("src/net.rs", &function(69)), [2]);
    assert_eq!(found("src/net/tests.rs", &function(69)), [0; 0]);
    let declared = format!(
        "trait T {{\n    fn f(&self);\n{}}}\n",
        "    type A;\n".repeat(80)
    );
    assert_eq!(found("src/net.rs", &declared), [0; 0]);
}

#[test]
fn names_that_say_nothing_are_found() {
    assert_eq!(rules::names("src/util.rs").len(), 1);
    assert_eq!(rules::names("src/flow/helpers/mod.rs").len(), 1);
    assert_eq!(rules::names("src/flow/key.rs").len(), 0);
}

#[test]
fn paths_of_a_machine_are_found() {
    let root = ["/ro", "ot/.cargo"].concat();
    assert_eq!(
        lines(rules::machine_paths, "Makefile", &format!("\nA = {root}\n")),
        [2]
    );
    assert_eq!(
        lines(rules::machine_paths, "Makefile", "A = /usr/bin/env\n"),
        [0; 0]
    );
}

#[test]
fn a_capture_without_provenance_or_with_another_digest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let pcaps = folder.path().join("pcaps");
    std::fs::create_dir_all(folder.path().join("fixtures/b")).unwrap();
    std::fs::create_dir(&pcaps).unwrap();
    std::fs::write(pcaps.join("a.pcap"), b"abc").unwrap();
    let repository = Repository::at(folder.path());
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let with = |readme: String| {
        std::fs::write(pcaps.join("README.md"), readme).unwrap();
        repository.provenance().len()
    };
    assert_eq!(with(format!("| `a.pcap` | from | {abc} |\n")), 0);
    assert_eq!(with(String::new()), 1, "no line");
    assert_eq!(
        with(format!("| `a.pcap` | from | {} |\n", abc.replace('b', "c"))),
        1,
        "digest"
    );
    let gone = format!("| `a.pcap` | {abc} |\n| `gone.pcap` | {abc} |\n");
    assert_eq!(with(gone), 1, "a line without its capture");
    assert_eq!(repository.fixtures_without_capture().len(), 1);
}
