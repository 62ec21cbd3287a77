//! What keeping the state costs: bytes and seconds for a detector that follows 200,000 keys, some
//! with one exchange, some with seven, some with a cadence; and what a key takes in memory.
//!
//! `cargo bench --bench state`; the folder is a temporary one, so its disk decides.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // A bench reads the clock.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use tapir::config;
use tapir::detect::calls::Calls;
use tapir::detect::client::Kind;
use tapir::net::{Endpoint, Side, Transport, Uid};
use tapir::observe::profile::Exchange;
use tapir::observe::{Fact, FlowId, Observation, TlsSession};
use tapir::profile::cadence::Event;
use tapir::sensor::settings::Settings;
use tapir::sensor::{Parts, Saved};
use tapir::store::{Store, Version};
use tapir::time::Timestamp;

/// Hosts, and destinations of each.
const HOSTS: u32 = 2000;
const OBJECTS: u32 = 100;
/// Exchanges of one key in turn: most are met once, some come again, a tenth has a cadence.
const EXCHANGES: [i64; 10] = [1, 1, 1, 1, 2, 2, 3, 7, 7, 40];

fn observations(host: u32, object: u32) -> impl Iterator<Item = Observation> {
    let at = |second: i64| Timestamp::from_parts(1_800_000_000 + second, 0);
    let flow = FlowId {
        uid: Uid::from_words(host, u64::from(object)),
        first_at: at(0),
        originator: Endpoint {
            addr: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host)),
            port: 40_000,
        },
        responder: Endpoint {
            addr: IpAddr::V4(Ipv4Addr::from(0xc633_0000 + object)),
            port: 443,
        },
        transport: Transport::Tcp,
    };
    let name = format!("www.site-{object}.example.org");
    let session = TlsSession {
        server_name: Some(format!("{name}{object}.com").into()),
        ja4: Some("t13d1516h2_8daaf6152771_02713d6af862".into()),
        ..TlsSession::default()
    };
    let count = EXCHANGES[(object as usize) % EXCHANGES.len()];
    let exchanges = (0..count).map(move |n| {
        let exchange = Exchange {
            at: at(n * 60 + n % 7),
            by: Side::Originator,
            upload_bytes: 400 + n.unsigned_abs() % 3,
        };
        (exchange.at, Fact::Exchange(Box::new(exchange)))
    });
    let first = (at(0), Fact::Tls(Box::new(session)));
    let facts = std::iter::once(first).chain(exchanges);
    facts.map(move |(at, fact)| Observation {
        at,
        flow: Some(flow),
        fact,
    })
}

fn learnt(settings: &Settings) -> Parts {
    let mut parts = Parts::new(settings);
    for host in 0..HOSTS {
        for object in 0..OBJECTS {
            for observation in observations(host, object) {
                let detector = &mut parts.detector;
                detector.handle_observation(settings, observation, &mut |_, _| {});
            }
        }
    }
    parts
}

/// What the process grows by for each of 200,000 keys with so many calls, a minute apart give or
/// take: bytes of a key, with its share of the tables.
fn bytes_of_a_key(settings: &Settings, exchanges: i64) -> u64 {
    let before = resident_bytes();
    let mut calls = Calls::default();
    let bounds = (&settings.limits, 0);
    for host in 0..HOSTS {
        for object in 0..OBJECTS {
            let addr = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host));
            let key = (addr, format!("site-{object}.example.com").into());
            for n in 0..exchanges {
                let at = Timestamp::from_parts(1_800_000_000 + n * 60 + n * 7919 % 13, 0);
                let event = Event {
                    at,
                    upload_bytes: Some(400),
                    host_idle: true,
                };
                if let Some(call) = calls.entry(bounds, &key, Kind::Unknown, at) {
                    let templates = settings.detect.templates();
                    call.tracks.handle_event(templates, Kind::Unknown, event);
                }
            }
        }
    }
    let grown = resident_bytes() - before;
    std::mem::forget(calls); // What it frees must not serve the next.
    grown / u64::from(HOSTS * OBJECTS)
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let digits = line.expect("it is there").trim().trim_end_matches(" kB");
    digits.trim().parse::<u64>().expect("a number") * 1024
}

fn main() {
    let mut settings = config::File::default().resolve().expect("the defaults");
    settings.limits.calls_max = (HOSTS * OBJECTS) as usize;
    settings.detect.templates();
    for (what, exchanges) in [
        ("idle, 1 call", 1),
        ("6 calls", 6),
        ("promoted, 40 calls", 40),
    ] {
        println!(
            "{what}: {} bytes a key",
            bytes_of_a_key(&settings, exchanges)
        );
    }
    let parts = learnt(&settings);
    let version = || Version {
        program: "bench".into(),
        shape: 0,
        seed: 0,
        config_hash: "".into(),
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let opened = Store::open(dir.path(), version()).expect("a store");
    for round in 0..4 {
        let started = Instant::now();
        let saved = Saved::of(&parts);
        let encoded = started.elapsed();
        opened.store.save(&saved).expect("it is saved");
        let whole = started.elapsed();
        let file = fs::metadata(opened.store.path()).expect("a file").len();
        println!(
            "save {round}: {} bytes encoded in {:.2} s, written in {:.2} s; {file} bytes on disk",
            saved.bytes(),
            encoded.as_secs_f64(),
            (whole - encoded).as_secs_f64(),
        );
    }
    drop(opened);
    let started = Instant::now();
    let opened = Store::open(dir.path(), version()).expect("a store");
    let saved = opened.saved.expect("it was saved");
    let parts = saved.parts().expect("it is whole");
    let taken = started.elapsed().as_secs_f64();
    let same = Saved::of(&parts) == saved;
    println!(
        "restored in {taken:.2} s, {}",
        if same { "the same" } else { "another" }
    );
}
