//! Hostile traffic in small: every bound is kept, and what it cost is counted.
//!
//! `benches/floods.rs` measures memory and time at full size.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

#[path = "floods/traffic.rs"]
mod traffic;

use tapir::config;
use tapir::limits::Limits;
use tapir::packet::frame::Frame;
use tapir::sensor::Sensor;
use tapir::sensor::counters::Counters;
use tapir::sensor::settings::Settings;
use traffic::{FLOODS, Wire};

/// One in so many of a flood's units, and of what the bounds allow.
const SHARE: u64 = 200;

fn settings() -> Settings {
    let shipped = config::File::default().resolve().unwrap();
    let share = SHARE as usize;
    Settings {
        ignore_checksums: true,
        limits: Limits {
            flows_max: shipped.limits.flows_max / share,
            reassembly_bytes_max: shipped.limits.reassembly_bytes_max / share,
            inspect_bytes_max: shipped.limits.inspect_bytes_max / share,
            ..shipped.limits.clone()
        },
        ..shipped
    }
}

/// What is counted at the end of a flood, whose bounds are looked at all along.
fn flood(name: &str) -> Counters {
    let settings = settings();
    let limits = settings.limits.clone();
    let mut sensor = Sensor::new(settings);
    let mut frames = 0u64;
    let flood = FLOODS.iter().find(|flood| flood.name == name).unwrap();
    let put = &mut |frame: &Frame<'_>| {
        sensor.handle_frame(frame);
        while sensor.poll_line().is_some() {}
        frames += 1;
        if frames.is_multiple_of(1000) {
            within(&limits, &sensor.parts().counters());
        }
    };
    (flood.frames)((flood.units / SHARE).max(1), &mut Wire::new(put));
    let counters = sensor.parts().counters();
    within(&limits, &counters);
    assert_eq!(counters.frames, frames, "{}", flood.what);
    sensor.finish();
    let end = sensor.parts().counters();
    assert_eq!(end.flows, end.flows_ended, "{name}: every flow is told");
    let held = (end.held_bytes, end.inspect_bytes);
    assert_eq!(held, (0, 0), "{name}: nothing is held of no flow");
    counters
}

fn within(limits: &Limits, counters: &Counters) {
    let opened: u64 = counters.flows.values().sum();
    let ended: u64 = counters.flows_ended.values().sum();
    assert!(opened - ended <= limits.flows_max as u64);
    assert!(counters.held_bytes <= limits.reassembly_bytes_max);
    assert!(counters.inspect_bytes <= limits.inspect_bytes_max);
}

#[test]
fn every_flood_leaves_the_bounds_as_they_are() {
    for name in FLOODS.iter().map(|flood| flood.name) {
        flood(name);
    }
}

#[test]
fn floods_of_flows_evict_and_count_it() {
    for name in ["syn", "half-open", "udp"] {
        assert!(flood(name).flows_evicted > 0, "{name} fills the table");
    }
}

#[test]
fn floods_of_what_is_never_whole_are_given_up_and_counted() {
    for name in ["tls-hoard", "http-hoard", "dns-queries"] {
        assert!(flood(name).inspections_given_up > 0, "{name} fills memory");
    }
    for name in ["holes", "unread-holes"] {
        let counters = flood(name);
        let held = counters.holes_given_up > 0 || counters.held_bytes > 0;
        assert!(held, "{name} leaves holes");
    }
}
