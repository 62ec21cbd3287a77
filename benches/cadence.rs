//! What the cadence engine costs: building the templates, taking an event, one look at a key.
//!
//! Keys are beacons with more and more jitter, alone and beside irregular events, so histograms go
//! from a few bins to most of them. Means over a round, and the minimum of the rounds is told.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // A bench reads the clock.

use std::hint::black_box;
use std::time::Instant;
use tapir::profile::cadence::{Event, SERIES_BYTES_MAX, Series, Templates};
use tapir::time::{Span, Timestamp};

const ROUNDS: usize = 20;

fn main() {
    let events = |jitter_percent: u64, stray: u64| {
        let mut random = 1u64;
        let mut at = Timestamp::from_parts(0, 0);
        let mut events = Vec::new();
        for beat in 0..1000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let share = (random >> 33) % 1000;
            let millis = match beat % 10 < stray {
                true => 500 << (share % 13),
                false => 300_000 - 3 * jitter_percent * share,
            };
            at = at + Span::from_millis(millis as i64);
            let upload_bytes = Some(400 + share % (1 + 500 * stray));
            events.push(Event {
                at,
                upload_bytes,
                host_idle: false,
            });
        }
        events
    };
    let templates = Templates::default();
    let started = Instant::now();
    let mut first = Series::default();
    events(20, 0)
        .into_iter()
        .for_each(|event| _ = first.handle_event(event));
    black_box(first.reading(&templates));
    println!(
        "templates: {:.1} ms once",
        started.elapsed().as_secs_f64() * 1e3
    );
    println!("a series: at most {SERIES_BYTES_MAX} bytes");
    for (jitter, stray) in [(0, 0), (20, 0), (50, 0), (30, 3), (50, 7), (0, 10)] {
        let events = events(jitter, stray);
        let mut series = Series::default();
        let event_ns = minimum(|| {
            series = Series::default();
            events
                .iter()
                .for_each(|event| _ = series.handle_event(*event));
        }) / events.len() as f64;
        let look_ns = minimum(|| _ = black_box(series.reading(&templates)));
        let reading = series.reading(&templates).expect("there are gaps enough");
        println!(
            "jitter {jitter:>2} %, {:>2} in ten irregular: {event_ns:4.0} ns an event, {:6.1} µs a \
             look at all views, {:5.0} bits, {} bytes",
            stray,
            look_ns / 1e3,
            reading.bits,
            series.bytes()
        );
    }
}

/// Nanoseconds of the fastest round.
fn minimum(mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        round();
        best = best.min(started.elapsed().as_nanos() as f64);
    }
    best
}
