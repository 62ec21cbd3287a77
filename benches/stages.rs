//! What each stage costs, in nanoseconds a packet: decoding, steering, and the whole core.
//!
//! Input is a capture (`BENCH`, by default `pcaps/webhook.pcap`) held in memory; passes are moved
//! apart in time so that every pass has flows of its own. The minimum of the rounds is told:
//! whatever else the machine does only adds.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // A bench reads the clock.

#[path = "../tests/captures/mod.rs"]
mod captures;

use captures::Owned;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;
use tapir::config;
use tapir::packet;
use tapir::sensor::Sensor;
use tapir::sensor::steer::Steering;
use tapir::time::Span;

const ROUNDS: usize = 20;

fn main() {
    let path = std::env::var_os("BENCH").map_or_else(|| captures::path("webhook"), PathBuf::from);
    let frames = captures::frames_of(&path);
    println!(
        "{}: {} packets, minimum of {ROUNDS} rounds",
        path.display(),
        frames.len()
    );
    report("decode", &frames, |frames| {
        for owned in frames {
            let _ = black_box(packet::decode(&owned.frame()));
        }
    });
    let mut steering = Steering::new(0);
    report("decode and steer", &frames, |frames| {
        for owned in frames {
            black_box(steering.handle_frame(&owned.frame()));
        }
    });
    let settings = config::File::default()
        .resolve()
        .expect("the defaults are sound");
    let mut sensor = Sensor::new(settings);
    report("whole core", &frames, |frames| {
        for owned in frames {
            sensor.handle_frame(&owned.frame());
            while let Some(line) = sensor.poll_line() {
                black_box(line);
            }
        }
    });
}

/// Runs `stage` over `frames` again and again, each time a day later.
fn report(name: &str, frames: &[Owned], mut stage: impl FnMut(&[Owned])) {
    let mut frames = frames.to_vec();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        stage(&frames);
        let nanos = started.elapsed().as_nanos() as f64 / frames.len() as f64;
        best = best.min(nanos);
        let day = Span::from_secs(86_400);
        frames
            .iter_mut()
            .for_each(|owned| owned.at = owned.at + day);
    }
    println!("{name:>18} {best:8.0} ns/packet");
}
