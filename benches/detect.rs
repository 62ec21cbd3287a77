//! What the detection engine costs: nanoseconds for each exchange of young and known keys and for
//! the account of a flow, and bytes for each key.
//!
//! An exchange of a known key includes the looks at its cadence that were due. The minimum of some
//! rounds is told.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // A bench reads the clock.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use tapir::detect::calls::{Call, CallKey, Calls};
use tapir::detect::catalogue::Catalogue;
use tapir::detect::client::Kind;
use tapir::detect::evidence::Tiers;
use tapir::detect::settings::{Role, RoleKind, Rules};
use tapir::detect::{Engine, Settings};
use tapir::limits::Limits;
use tapir::net::{Endpoint, Side, Transport, Uid};
use tapir::observe::profile::{Exchange, FlowProfile};
use tapir::observe::{Fact, FlowId, Observation, TlsSession};
use tapir::profile::cadence::Event;
use tapir::time::Timestamp;

const ROUNDS: usize = 5;
const KEYS: u32 = 5000;

fn settings() -> Settings {
    let role = Role {
        name: "servers".into(),
        kind: RoleKind::Server,
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
    };
    let (rules, tiers) = (Rules::shipped(), Tiers::DEFAULT);
    Settings::new(vec![role], Catalogue::shipped(), rules, tiers)
}

fn flow(host: u32, at: Timestamp) -> FlowId {
    FlowId {
        uid: Uid::from_words(host, at.as_nanos() as u64),
        first_at: at,
        originator: Endpoint {
            addr: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host)),
            port: 40_000,
        },
        responder: Endpoint {
            addr: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
            port: 443,
        },
        transport: Transport::Tcp,
    }
}

fn main() {
    let settings = settings();
    let at = |second: i64| Timestamp::from_parts(1_800_000_000 + second, 0);
    let observation = |host: u32, second: i64, fact: Fact| Observation {
        at: at(second),
        flow: Some(flow(host, at(0))),
        fact,
    };
    let exchange = |second: i64| {
        Fact::Exchange(Box::new(Exchange {
            by: Side::Originator,
            at: at(second),
            upload_bytes: 400 + second.unsigned_abs() % 3,
        }))
    };
    let tls = || {
        Fact::Tls(Box::new(TlsSession {
            server_name: Some("collector.example.org".into()),
            ..TlsSession::default()
        }))
    };
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        let (mut engine, mut alerts) = (Engine::new(), Vec::new());
        let mut take = |observations: Vec<Observation>| {
            let started = Instant::now();
            for observation in &observations {
                engine.handle_observation(&settings, &Limits::DEFAULT, observation, &mut alerts);
            }
            started.elapsed().as_nanos() as f64 / observations.len() as f64
        };
        take((0..KEYS).map(|host| observation(host, 0, tls())).collect());
        let one = |second| move |host| (host, second);
        let events = |from: i64, to: i64| -> Vec<Observation> {
            let seconds = (from..to).map(|n| n * 60 + n * n % 7);
            seconds
                .flat_map(|second| (0..KEYS).map(one(second)))
                .map(|(host, second)| observation(host, second, exchange(second)))
                .collect()
        };
        let times = [take(events(0, 1)), take(events(1, 6)), take(events(6, 40))];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time);
        }
    }
    let [fresh, young, known] = best;
    println!("an exchange of a fresh key: {fresh:.0} ns, of a young one: {young:.0} ns");
    println!("an exchange of a known key, with its looks over 34 of them: {known:.0} ns");
    tell_bytes(&settings);
}

fn tell_bytes(settings: &Settings) {
    let key: CallKey = (IpAddr::V4(Ipv4Addr::LOCALHOST), "example.org".into());
    // In the table and in the order of leaving, with the object's text on the heap of each.
    let held = 2 * (size_of::<CallKey>() + size_of::<Timestamp>() + key.1.len());
    println!(
        "a key: {} bytes, its value: {} bytes",
        held,
        size_of::<Call>()
    );
    for (events, replies) in [(1, 1), (2, 2), (6, 6), (7, 7), (100, 100), (3000, 3000)] {
        let mut calls = Calls::default();
        let mut bytes = 0;
        for n in 0..i64::from(events) {
            let at = Timestamp::from_parts(1_800_000_000 + n * 60 + n * n % 59, 0);
            let event = Event {
                at,
                upload_bytes: Some(400 + n.unsigned_abs() % 900),
                host_idle: true,
            };
            let bounds = (&Limits::DEFAULT, 0);
            let Some(call) = calls.entry(bounds, &key, Kind::ToolOrLibrary, at) else {
                continue;
            };
            let templates = settings.templates();
            call.tracks
                .handle_event(templates, Kind::ToolOrLibrary, event);
            if n < replies {
                let profile = FlowProfile {
                    requests: 1,
                    request_sizes: vec![(400 + n as u32, 1)],
                    reply_sizes: vec![(700 + n as u32, 1)],
                    ..FlowProfile::default()
                };
                call.replies
                    .handle(at.hour(), Uid::from_words(1, n as u64), &profile);
            }
            bytes = call.bytes();
        }
        println!("after {events} exchanges: {} bytes", bytes + held);
    }
}
