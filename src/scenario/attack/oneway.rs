//! From one-way channels to flows: replies that nobody reads, replies that say nothing, and
//! fetches on which somebody acts elsewhere.

use super::beacon::{beat, told};
use super::{infected, invented, variant};
use crate::scenario::call::{Call, hostile, server};
use crate::scenario::cast::{Analytic, Cast};
use crate::scenario::host::Role;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::Close;
use crate::scenario::stack::Stack;
use crate::scenario::when::{Jitter, When};
use crate::time::Span;

#[derive(Clone, Copy)]
enum Kind {
    Unread(Close),
    Constant,
    Poll,
}

const KINDS: &[(&str, Kind)] = &[
    ("exit", Kind::Unread(Close::Exit)),
    ("constant", Kind::Constant),
    ("poll", Kind::Poll),
    ("before_reply", Kind::Unread(Close::BeforeReply)),
    ("tickets_only", Kind::Unread(Close::TicketsOnly)),
    ("head_only", Kind::Unread(Close::HeadOnly)),
    ("max_time", Kind::Unread(Close::MaxTime)),
    ("fire_and_exit", Kind::Unread(Close::FireAndExit)),
    ("destroyed", Kind::Unread(Close::Destroyed)),
    ("held", Kind::Unread(Close::Held)),
    // What the wire does not show: told as such, for the limit of what can be found.
    ("unwrap", Kind::Unread(Close::Unwrap)),
    ("drained", Kind::Unread(Close::Drained)),
    ("half_close", Kind::Unread(Close::HalfClose)),
];

/// A call whose reply is not used, with a reply for which `close` makes sense.
fn unread(name: &str, stack: Stack, close: Close, random: &mut Random) -> Call {
    let (think, answer) = match close {
        Close::HeadOnly | Close::Destroyed => (0.03, 200_000),
        Close::Held => (0.03, 900_000),
        Close::MaxTime | Close::HalfClose => (1.0, 3000),
        _ => (0.05, 300),
    };
    let ask = random.bytes(500.0, 0.6, 120);
    Call::new(server(name), stack)
        .ask(ask, think, answer)
        .close(close)
}

/// A flow for each way to end and each version, a minute apart, from the first host on. `MaxTime`
/// and `HalfClose` have no TLS 1.2 row of their own in the measured matrix; they are made alike.
pub fn close_matrix(cast: &mut Cast<'_>) {
    let start = cast.options.start;
    let hosts = cast.hosts.len();
    for (index, close) in Close::ALL.iter().copied().enumerate() {
        for version in 0..3_usize {
            let place = index * 3 + version;
            let at = start + Span::from_secs(60 * (place as i64 + 1));
            let parameters = serde_json::json!({ "close": close.name(), "version": version });
            let act = move |random: &mut Random, _| {
                let stack = [Stack::Python, Stack::Curl, Stack::Node][version];
                let name = format!("close-{place}.example");
                let call = unread(&name, stack, close, random);
                vec![match version {
                    0 => call,
                    1 => call.tls12(),
                    _ => call.h2(),
                }]
            };
            let when = When::At([at].into());
            cast.hostile(
                place % hosts,
                "close.way",
                Analytic::AN1601,
                when,
                parameters,
                act,
            );
            if let Some(program) = cast.programs.last_mut() {
                program.from = start;
                program.analytic = close.shows_unread().then_some(Analytic::AN1601);
            }
        }
    }
}

/// The same ways with TLS 1.3 and 1.2, and everything about them drawn: sizes, records, round
/// trips, clients, how long servers think.
pub fn close_runs(cast: &mut Cast<'_>) {
    let start = cast.options.start;
    let hosts = cast.hosts.len();
    for (index, close) in Close::ALL.iter().copied().enumerate() {
        for tls13 in [true, false] {
            let place = index * 2 + usize::from(tls13);
            let at = start + Span::from_secs(60 * (place as i64 + 1));
            let version = if tls13 { "1.3" } else { "1.2" };
            let parameters = serde_json::json!({ "close": close.name(), "version": version });
            let act = move |random: &mut Random, _| {
                let call = drawn(&format!("run-{place}.example"), close, random);
                vec![if tls13 { call } else { call.tls12() }]
            };
            let when = When::At([at].into());
            let (host, analytic) = (place % hosts, Analytic::AN1601);
            cast.hostile(host, "close.run", analytic, when, parameters, act);
            if let Some(program) = cast.programs.last_mut() {
                program.from = start;
                program.analytic = close.shows_unread().then_some(analytic);
            }
        }
    }
}

/// A call of which only the ending is given.
fn drawn(name: &str, close: Close, random: &mut Random) -> Call {
    use Stack::{Apple, Chromium, Curl, Electron, Go, Node, Python, Schannel};
    let stacks = [Apple, Chromium, Curl, Electron, Go, Node, Python, Schannel];
    let stack = stacks[random.below(stacks.len() as u64) as usize];
    let answer = match close {
        // More than the client takes before it stops.
        Close::HeadOnly | Close::Destroyed => random.log_uniform(200_000.0, 900_000.0),
        Close::Held => random.log_uniform(300_000.0, 2_000_000.0),
        _ if random.chance(0.1) => 27.0,
        _ => random.log_uniform(20.0, 60_000.0),
    };
    let think_s = random.log_uniform(0.002, 2.0);
    let mut server = server(name);
    server.rtt = seconds(random.log_uniform(0.002, 0.25));
    let mut call = Call::new(server, stack).close(close);
    if random.chance(0.5) {
        call = call.records_of(random.log_uniform(120.0, 8000.0) as u64);
    }
    if random.chance(0.3) {
        call = call.h2();
    }
    // Earlier requests of the same flow, which were read.
    for _ in 0..random.below(3) {
        let (ask, told) = (random.bytes(500.0, 0.8, 60), random.bytes(2000.0, 1.2, 20));
        call = call.ask(ask, 0.02, told);
    }
    call.ask(random.bytes(500.0, 0.8, 60), think_s, answer as u64)
}

/// Macs.
pub fn an1601(cast: &mut Cast<'_>) {
    for (number, turn) in infected(cast, |role| role == Role::Macs) {
        let (kind, way) = *variant(cast, turn, KINDS);
        let mut beat = beat(cast, Jitter::Downward);
        if cast.options.sweep.sleep_s.is_none() {
            beat.sleep_s = cast.random.log_uniform(60.0, 1800.0);
        }
        let services = [
            "pastebin.com",
            "api.telegram.org",
            "hooks.slack.com",
            "webhook.site",
        ];
        let name = services[cast.random.below(4) as usize];
        let stack = match way {
            Kind::Unread(Close::Drained | Close::FireAndExit | Close::Destroyed) => Stack::Node,
            Kind::Unread(Close::MaxTime) => Stack::Curl,
            _ => [Stack::Python, Stack::Apple][cast.random.below(2) as usize],
        };
        let mut parameters = told(&beat, "downward", name);
        parameters["variant"] = kind.into();
        parameters["client"] = stack.name().into();
        parameters["shows_unread"] = match way {
            Kind::Unread(close) => close.shows_unread().into(),
            _ => false.into(),
        };
        let when = When::Beacon(beat);
        let analytic = Analytic::AN1601;
        match way {
            Kind::Unread(close) => {
                let act = move |random: &mut Random, _| vec![unread(name, stack, close, random)];
                cast.hostile(number, "an1601.unread", analytic, when, parameters, act);
            }
            Kind::Constant => {
                let act = move |random: &mut Random, _| {
                    let ask = random.bytes(4000.0, 1.0, 200);
                    let call = Call::new(server(name), stack);
                    vec![call.ask(ask, 0.06, 58).close(Close::Read)]
                };
                cast.hostile(
                    number,
                    "an1601.constant_reply",
                    analytic,
                    when,
                    parameters,
                    act,
                );
            }
            Kind::Poll => {
                let act = polls(name, stack);
                cast.hostile(number, "an1601.fetch_only", analytic, when, parameters, act);
            }
        }
    }
}

/// The same object again and again; when it changes, a destination that is new within two minutes.
fn polls(
    name: &'static str,
    stack: Stack,
) -> impl FnMut(&mut Random, crate::time::Timestamp) -> Vec<Call> {
    let mut fetched = 0;
    move |random, _| {
        fetched += 1;
        let commanded = fetched % 12 == 0;
        let object = if commanded { 5400 } else { 3100 };
        let poll = Call::new(server(name), stack).ask(300, 0.05, object);
        let mut calls = vec![poll.close(Close::Read)];
        if commanded {
            let target = hostile(&invented(random));
            let after = random.uniform(8.0, 100.0);
            let answer = random.bytes(20_000.0, 0.8, 2000);
            let call = Call::new(target, stack).after(after).ask(420, 0.08, answer);
            calls.push(call.close(Close::Read));
        }
        calls
    }
}
