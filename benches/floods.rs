//! What hostile traffic costs: memory and CPU of the whole core under each flood of
//! `tests/floods`, at the shipped bounds.
//!
//! `cargo bench --bench floods [-- NAME ...]`. Each flood runs in a process of its own at half its
//! size and at its size: CPU for a packet must not grow. `SHARE=10` divides all sizes by ten.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // A bench reads the clock.

#[path = "../tests/floods/traffic.rs"]
mod traffic;

use std::fs;
use std::process::Command;
use tapir::config;
use tapir::packet::frame::Frame;
use tapir::sensor::Sensor;
use tapir::sensor::settings::Settings;
use traffic::{FLOODS, Flood, Wire};

fn main() {
    if let Ok(job) = std::env::var("FLOOD") {
        let (name, units) = job.split_once(' ').expect("NAME UNITS");
        let flood = FLOODS.iter().find(|flood| flood.name == name);
        return run(flood.expect("a flood"), units.parse().expect("a number"));
    }
    let share = std::env::var("SHARE").map_or(1, |share| share.parse().expect("a number"));
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for flood in FLOODS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == flood.name) {
            continue;
        }
        println!("{}: {}", flood.name, flood.what);
        for units in [flood.units / share / 2, flood.units / share] {
            let itself = std::env::current_exe().expect("it runs");
            let job = format!("{} {units}", flood.name);
            let status = Command::new(itself).env("FLOOD", job).status();
            assert!(status.is_ok_and(|status| status.success()), "it ends well");
        }
    }
}

fn run(flood: &Flood, units: u64) {
    let settings = config::File::default().resolve();
    let settings = Settings {
        ignore_checksums: true,
        ..settings.expect("the defaults are sound")
    };
    let mut sensor = Sensor::new(settings);
    let (mut packets, mut lines) = (0u64, 0u64);
    let began = cpu_nanos();
    let put = &mut |frame: &Frame<'_>| {
        sensor.handle_frame(frame);
        packets += 1;
        while sensor.poll_line().is_some() {
            lines += 1;
        }
    };
    (flood.frames)(units, &mut Wire::new(put));
    let took = cpu_nanos() - began;
    sensor.flush();
    while sensor.poll_line().is_some() {
        lines += 1;
    }
    let counters = sensor.parts().counters();
    let sum = |counts: &std::collections::BTreeMap<_, u64>| counts.values().sum::<u64>();
    let open = sum(&counters.flows) - sum(&counters.flows_ended);
    println!(
        "  {packets:>9} packets {:>6} ns each, {:>5} MB peak, {open} flows open, {} evicted, \
         {} KB held, {lines} lines, weirds {:?}",
        took / packets.max(1),
        peak_kilobytes() / 1024,
        counters.flows_evicted,
        counters.held_bytes / 1024,
        counters.weirds,
    );
    // What the sensor frees at its end is no part of the peak.
    std::mem::forget(sensor);
}

/// CPU of this process so far.
fn cpu_nanos() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").expect("Linux tells it");
    let first = text.split(' ').next().expect("three numbers");
    first.parse().expect("a number")
}

/// The most memory that was resident at once.
fn peak_kilobytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.expect("it is there").trim().trim_end_matches(" kB");
    digits.trim().parse().expect("a number")
}
