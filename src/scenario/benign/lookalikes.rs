//! From honest programs that hold a session for hours to sessions, one on each host.

use super::sessions::{chat, fill, ping, push, remote_development};
use crate::scenario::call::{Call, server};
use crate::scenario::cast::Cast;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::When;
use crate::time::Span;

/// A label, its client, and what makes its turns, one after the other.
type Class = (&'static str, Stack, fn(&mut Random) -> Turn);

/// What is held apart from the sessions of a benign day, which are there too.
const CLASSES: [Class; 6] = [
    ("benign.streaming_session", Stack::Chromium, streaming),
    ("benign.telemetry_session", Stack::Go, telemetry),
    ("benign.sync_session", Stack::Electron, sync),
    ("benign.h2_browsing", Stack::Firefox, browsing),
    ("benign.remote_management", Stack::Go, management),
    ("benign.upload_in_pieces", Stack::Python, upload),
];

fn asks(random: &mut Random, pause: f64, ask: f64, answer: f64) -> Turn {
    let think = seconds(random.log_uniform(0.005, 0.2));
    let ask = random.bytes(ask, 0.6, 40).min(2_000_000);
    let answer = random.bytes(answer, 0.8, 30).min(2_000_000);
    Turn::ask(seconds(pause), ask, think, answer)
}

/// A piece of film every few seconds.
fn streaming(random: &mut Random) -> Turn {
    let pause = random.uniform(8.0, 12.0);
    asks(random, pause, 700.0, 300_000.0)
}

/// Measurements at a fixed pace, each acknowledged.
fn telemetry(random: &mut Random) -> Turn {
    let pause = random.uniform(29.0, 31.0);
    asks(random, pause, 1500.0, 45.0)
}

/// A file service: it tells changes, and files go up and down.
fn sync(random: &mut Random) -> Turn {
    let pause = random.lognormal(45.0, 1.2).min(1800.0);
    match random.below(10) {
        0..5 => ping(random.uniform(55.0, 65.0)),
        5..7 => asks(random, pause, 500.0, 40_000.0),
        7..9 => asks(random, pause, 40_000.0, 250.0),
        // Told of a change on another device, it sends what it has.
        _ => {
            let own = random.bytes(3000.0, 1.2, 200).min(1_000_000);
            let told = random.bytes(300.0, 0.5, 90);
            Turn::push(seconds(pause), told, Span::from_millis(50), own)
        }
    }
}

/// Pages of one site.
fn browsing(random: &mut Random) -> Turn {
    let pause = match random.chance(0.8) {
        true => random.lognormal(4.0, 1.3),
        false => random.lognormal(200.0, 1.2).min(3000.0),
    };
    asks(random, pause, 600.0, 25_000.0)
}

/// The server asks for the state every minute, and now and then sends a policy or opens a terminal.
fn management(random: &mut Random) -> Turn {
    let pause = random.uniform(58.0, 62.0);
    let think = Span::from_millis(40);
    match random.below(20) {
        0..17 => {
            let state = random.bytes(900.0, 0.3, 300);
            Turn::push(seconds(pause), random.between(150, 300), think, state)
        }
        17..19 => {
            let policy = random.bytes(9000.0, 0.8, 500);
            Turn::push(seconds(pause), policy, think, 80)
        }
        _ => {
            let shown = random.bytes(1500.0, 1.0, 200);
            let soon = random.lognormal(6.0, 0.8);
            Turn::push(seconds(soon), random.between(40, 110), think, shown)
        }
    }
}

/// A large file in pieces, as fast as they are acknowledged.
fn upload(random: &mut Random) -> Turn {
    let pause = random.lognormal(8.0, 0.5);
    asks(random, pause, 250_000.0, 120.0)
}

/// A class each, in turn; half an hour to twelve hours long.
pub fn lookalikes(cast: &mut Cast<'_>) {
    let start = cast.options.start;
    for number in 0..cast.hosts.len() {
        let begins_at = start + seconds(cast.random.uniform(30.0, 3600.0));
        let when = When::At([begins_at].into());
        match number % (CLASSES.len() + 3) {
            0 => cast.benign(number, "benign.chat_websocket", when, |random, _| {
                vec![chat(random)]
            }),
            1 => cast.benign(number, "benign.push", when, |random, _| {
                vec![push(random, Stack::Apple, "7-courier.push.apple.com", 5223)]
            }),
            2 => cast.benign(number, "benign.remote_development", when, |random, _| {
                vec![remote_development(random)]
            }),
            class => {
                let (label, stack, next) = CLASSES[class - 3];
                cast.benign(number, label, when, move |random, _| {
                    let total_s = random.log_uniform(1800.0, 43_200.0);
                    let turns = fill(total_s, || next(random));
                    let call = Call::new(server(&format!("held-{number}.example")), stack);
                    let call = call.ask(520, 0.05, 400).turns(turns);
                    vec![call.close(Close::Read)]
                });
            }
        }
    }
}
