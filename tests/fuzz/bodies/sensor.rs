//! From records to the whole dissector: each record is a frame.
//!
//! Kind: bits 0 to 3 the link type ([`LINKS`]), bit 4 [`CUT`], bit 5 [`SNAPPED`], bit 6
//! [`SHIPPED`], bit 7 [`BACK`]. Arg: how much later the frame came ([`delay`]).

use super::LINKS;
use super::records::{self, Record};
use std::path::Path;
use std::sync::LazyLock;
use tapir::config;
use tapir::limits::Limits;
use tapir::packet::frame::{Frame, LinkType};
use tapir::sensor::counters::Counters;
use tapir::sensor::settings::Settings;
use tapir::sensor::{Line, Sensor};
use tapir::time::{Span, Timestamp};

/// The sensor is saved and restored before this frame, in one of the runs.
pub const CUT: u8 = 1 << 4;
/// The frame was longer on the wire than it was captured.
pub const SNAPPED: u8 = 1 << 5;
/// On the first frame: the shipped bounds hold, not those that overflow at once.
pub const SHIPPED: u8 = 1 << 6;
/// The frame is a second older than its place says.
pub const BACK: u8 = 1 << 7;

/// A site with two roles, so that the detector has something to compare.
const SITE: &str = r#"
[sensor]
ignore_checksums = true
[network]
local_networks = ["10.0.0.0/8", "192.168.0.0/16"]
[[role]]
name = "servers"
kind = "server"
networks = ["10.20.0.0/16"]
[[role]]
name = "desks"
kind = "workstation"
networks = ["10.30.0.0/16"]
"#;

static SETTINGS: LazyLock<[Settings; 2]> = LazyLock::new(|| {
    let file = config::File::from_text(Path::new("site.toml"), SITE.to_owned());
    let shipped = file.and_then(config::File::resolve).expect("it is sound");
    let tiny = Settings {
        limits: Limits {
            flows_max: 64,
            reassembly_flow_bytes_max: 2000,
            reassembly_bytes_max: 192_000,
            inspect_bytes_max: 192_000,
            dns_pending_max: 2,
            dns_memory_max: 4,
            baseline_keys_max: 8,
            ..shipped.limits.clone()
        },
        ..shipped.clone()
    };
    [tiny, shipped]
});

struct Arrival {
    cut: bool,
    at: Timestamp,
    link: LinkType,
    bytes: Vec<u8>,
    wire_len: u32,
}

/// How much later a frame with this `arg` comes: nothing, or from a microsecond to 50 days.
fn delay(arg: u8) -> Span {
    match arg {
        0 => Span::ZERO,
        _ => Span::from_nanos(1000 << (arg / 6)),
    }
}

/// The greatest `arg` whose delay is not longer than `span`.
pub fn arg(span: Span) -> u8 {
    let fits = |arg: &u8| delay(*arg) <= span;
    (0..=u8::MAX).rev().find(fits).unwrap_or(0)
}

/// The kind of a frame of this link type, if it is one of [`LINKS`].
pub fn kind(link: LinkType) -> Option<u8> {
    let at = LINKS.iter().position(|known| *known == link)?;
    Some(at as u8)
}

fn arrivals(records: Vec<Record>) -> Vec<Arrival> {
    let mut clock = Timestamp::from_parts(1_700_000_000, 0);
    let mut arrivals = Vec::new();
    for record in records {
        clock = clock + delay(record.arg);
        let back = Span::from_secs(i64::from(record.kind & BACK != 0));
        let snapped = u32::from(record.kind & SNAPPED != 0) * 200;
        arrivals.push(Arrival {
            cut: record.kind & CUT != 0,
            at: Timestamp::from_nanos(clock.as_nanos() - back.as_nanos()),
            link: LINKS[usize::from(record.kind & 15)],
            wire_len: record.bytes.len() as u32 + snapped,
            bytes: record.bytes,
        });
    }
    arrivals
}

/// What happens beside the frames of a run; none of it may change a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Nothing,
    Restarts,
    Flushes,
}

/// Any frames: the same lines whatever happens beside, all bounds kept, nothing left at the end.
pub fn sensor(input: &[u8]) {
    let records = records::parse(input);
    let is_shipped = |first: &Record| first.kind & SHIPPED != 0;
    let settings = &SETTINGS[usize::from(records.first().is_some_and(is_shipped))];
    let arrivals = arrivals(records);
    let plain = run(settings, &arrivals, Beside::Nothing);
    for beside in [Beside::Restarts, Beside::Flushes] {
        let other = run(settings, &arrivals, beside);
        assert_eq!(plain.0, other.0, "lines differ with {beside:?}");
        assert_eq!(plain.1, other.1, "counters differ with {beside:?}");
    }
}

fn run(
    settings: &Settings,
    arrivals: &[Arrival],
    beside: Beside,
) -> (Vec<(Timestamp, Line)>, Counters) {
    let mut sensor = Sensor::new(settings.clone());
    let mut lines = Vec::new();
    for arrival in arrivals {
        if beside == Beside::Flushes {
            sensor.flush();
        }
        if beside == Beside::Restarts && arrival.cut {
            sensor.flush();
            drain(&mut sensor, &mut lines);
            sensor = Sensor::restore(settings.clone(), &sensor.save()).expect("its own state");
        }
        sensor.handle_frame(&Frame {
            at: arrival.at,
            link: arrival.link,
            bytes: &arrival.bytes,
            wire_len: arrival.wire_len,
        });
        if beside == Beside::Flushes {
            check_bounds(&sensor.parts().counters(), &settings.limits);
        }
    }
    sensor.finish();
    drain(&mut sensor, &mut lines);
    let counters = sensor.parts().counters();
    check_bounds(&counters, &settings.limits);
    assert_eq!(counters.flows, counters.flows_ended, "every flow is told");
    let held = (counters.held_bytes, counters.inspect_bytes);
    assert_eq!(held, (0, 0), "nothing is held of no flow");
    (lines, counters)
}

fn drain(sensor: &mut Sensor, lines: &mut Vec<(Timestamp, Line)>) {
    while let Some(line) = sensor.poll_line() {
        lines.push(line);
    }
}

fn check_bounds(counters: &Counters, limits: &Limits) {
    let opened: u64 = counters.flows.values().sum();
    let ended: u64 = counters.flows_ended.values().sum();
    assert!(opened - ended <= limits.flows_max as u64, "too many flows");
    let held = counters.held_bytes;
    assert!(held <= limits.reassembly_bytes_max, "{held} bytes held");
    let held = counters.inspect_bytes;
    assert!(held <= limits.inspect_bytes_max, "{held} bytes inspected");
}

/// Makes the lengths within an Ethernet or raw frame say what is there.
pub fn mend(record: &mut Record) {
    let mut at = match record.kind & 15 {
        0 => 14,
        1 => 0,
        _ => return,
    };
    if record.kind & 15 == 0 {
        while let Some([0x81, 0x00] | [0x88, 0xa8]) = record.bytes.get(at - 2..at) {
            at += 4;
        }
    }
    let Some(packet) = record.bytes.get_mut(at..) else {
        return;
    };
    let len = packet.len();
    let (proto, header) = match packet.first().map(|first| first >> 4) {
        Some(4) if len >= 20 => {
            put(packet, 2, len);
            (packet[9], usize::from(packet[0] & 15) * 4)
        }
        Some(6) if len >= 40 => {
            put(packet, 4, len - 40);
            (packet[6], 40)
        }
        _ => return,
    };
    if proto == 17 && len >= header + 8 {
        put(packet, header + 4, len - header);
    }
}

fn put(packet: &mut [u8], at: usize, len: usize) {
    packet[at..at + 2].copy_from_slice(&(len.min(65_535) as u16).to_be_bytes());
}
