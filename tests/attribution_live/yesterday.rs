//! What the sensor learned before the test: the recorded morning of `pcaps/webhook.pcap`, as if it
//! had ended a day ago, replayed into the state with which the live sensor begins.

use crate::TAPIR;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pcaps/webhook.pcap");
/// One of its servers that does there what the others do; of the one with the script nothing is
/// taken.
pub const SERVER: &str = "10.20.0.18";
const SCRIPTED: &str = "not host 10.20.0.17";
const HEADER_BYTES: usize = 24;
const RECORD_BYTES: usize = 16;

/// The capture, moved as a whole so that its last frame is of a day ago.
fn moved(mut capture: Vec<u8>) -> Vec<u8> {
    let word = |capture: &[u8], at: usize| {
        let bytes = capture.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let mut starts = vec![HEADER_BYTES];
    while let Some(length) = word(&capture, starts[starts.len() - 1] + 8) {
        starts.push(starts[starts.len() - 1] + RECORD_BYTES + length as usize);
    }
    assert_eq!(starts.pop(), Some(capture.len()), "whole records");
    let last = word(&capture, starts[starts.len() - 1]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ago = u32::try_from(now.as_secs() - 86_400).unwrap();
    for start in starts {
        let seconds = word(&capture, start).unwrap() + ago - last;
        capture[start..start + 4].copy_from_slice(&seconds.to_le_bytes());
    }
    capture
}

/// Teaches a sensor of this configuration the day before; its state is in the folder `state`.
pub fn learn(folder: &Path, config: &str) {
    let path = |name: &str| folder.join(name);
    fs::write(path("yesterday.pcap"), moved(fs::read(CAPTURE).unwrap())).unwrap();
    let mut replay = Command::new(TAPIR);
    replay.arg("replay").arg(path("yesterday.pcap"));
    replay.args(["--config", config, "--filter", SCRIPTED]);
    replay.arg("--state").arg(path("state"));
    replay.arg("--log-dir").arg(path("yesterday"));
    let status = replay.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success());
    let alerts = fs::read_to_string(path("yesterday/alerts.log"));
    assert_eq!(alerts.unwrap_or_default(), "", "a usual day");
}
