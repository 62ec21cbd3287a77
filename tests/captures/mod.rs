//! Our captures as frames in memory, and sensors fed with them.
#![allow(dead_code)] // Each test file uses a part.

pub mod fragmenting;
pub mod reported;
pub mod tunnels;

use std::fs;
use std::path::{Path, PathBuf};
use tapir::capture::Reader;
use tapir::config;
use tapir::limits::Limits;
use tapir::packet::frame::{Frame, LinkType};
use tapir::sensor::settings::Settings;
use tapir::sensor::{Line, Sensor};
use tapir::time::Timestamp;

/// A frame that outlives its reader.
#[derive(Clone, Debug)]
pub struct Owned {
    pub at: Timestamp,
    pub link: LinkType,
    pub bytes: Vec<u8>,
    pub wire_len: u32,
}

impl Owned {
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            at: self.at,
            link: self.link,
            bytes: &self.bytes,
            wire_len: self.wire_len,
        }
    }
}

/// The repository's top.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every capture of ours, by name.
pub fn names() -> Vec<String> {
    let files = fs::read_dir(top().join("pcaps")).expect("pcaps is there");
    let path = |file: fs::DirEntry| file.path();
    let mut names: Vec<String> = files
        .map(|file| path(file.expect("a directory entry")))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pcap")
        })
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

pub fn path(name: &str) -> PathBuf {
    top().join(format!("pcaps/{name}.pcap"))
}

pub fn frames(name: &str) -> Vec<Owned> {
    frames_of(&path(name))
}

pub fn frames_of(path: &Path) -> Vec<Owned> {
    let mut reader = Reader::open(path).expect("the capture opens");
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().expect("the capture is whole") {
        frames.push(Owned {
            at: frame.at,
            link: frame.link,
            bytes: frame.bytes.to_vec(),
            wire_len: frame.wire_len,
        });
    }
    frames
}

/// The settings that a fixture names, else the shipped ones.
pub fn settings(name: &str) -> Settings {
    let file = top().join(format!("fixtures/{name}/tapir.toml"));
    let file = match file.exists() {
        true => config::File::load(&file).expect("a fixture's configuration is sound"),
        false => config::File::default(),
    };
    file.resolve().expect("a fixture's configuration is sound")
}

/// Bounds so small that every table overflows.
pub fn tiny(settings: Settings) -> Settings {
    Settings {
        limits: Limits {
            flows_max: 64,
            reassembly_flow_bytes_max: 1000,
            reassembly_bytes_max: 64_000,
            fragment_trains_max: 2,
            fragment_bytes_max: 2000,
            tunnels_max: 4,
            dns_pending_max: 2,
            dns_memory_max: 4,
            baseline_keys_max: 8,
            dhcp_pending_max: 1,
            hosts_max: 3,
            neighbours_max: 64,
            known_max: 2,
            ..settings.limits
        },
        ..settings
    }
}

pub fn drain(sensor: &mut Sensor, lines: &mut Vec<(Timestamp, Line)>) {
    while let Some(line) = sensor.poll_line() {
        lines.push(line);
    }
}

/// Every line that `frames` give.
pub fn lines(settings: &Settings, frames: &[Owned]) -> Vec<(Timestamp, Line)> {
    let mut sensor = Sensor::new(settings.clone());
    let mut lines = Vec::new();
    for owned in frames {
        sensor.handle_frame(&owned.frame());
        drain(&mut sensor, &mut lines);
    }
    sensor.finish();
    drain(&mut sensor, &mut lines);
    lines
}
