//! From somebody at the other end to a session in which the server asks and the client answers.

use super::{infected, invented, variant};
use crate::scenario::call::{Call, hostile};
use crate::scenario::cast::{Analytic, Cast};
use crate::scenario::host::Role;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Beacon, Hours, Jitter, When};
use crate::time::Span;
use serde_json::json;

#[derive(Clone, Copy)]
enum Kind {
    Shell,
    Socks,
    Drip,
    WebSocket,
}

const KINDS: &[(&str, Kind)] = &[
    ("shell", Kind::Shell),
    ("socks", Kind::Socks),
    ("drip", Kind::Drip),
    ("websocket", Kind::WebSocket),
];

fn ping(pause: f64) -> Turn {
    Turn::ask(seconds(pause), 8, Span::from_millis(1), 8)
}

/// Commands typed by a person, their output.
fn shell(random: &mut Random) -> Turn {
    if random.chance(0.25) {
        return ping(random.uniform(25.0, 35.0));
    }
    let pause = match random.chance(0.7) {
        true => random.lognormal(9.0, 0.9),
        false => random.lognormal(300.0, 1.0),
    };
    let output = random.bytes(1500.0, 1.2, 300).min(400_000);
    let typed = random.between(40, 110);
    Turn::push(
        seconds(pause.min(3600.0)),
        typed,
        Span::from_millis(60),
        output,
    )
}

/// Requests of others, led through.
fn socks(random: &mut Random) -> Turn {
    let pause = match random.chance(0.9) {
        true => random.lognormal(0.6, 1.1),
        false => random.lognormal(60.0, 1.2),
    };
    let output = random.bytes(14_000.0, 1.3, 600).min(600_000);
    let asked = random.bytes(300.0, 0.4, 90);
    Turn::push(
        seconds(pause.min(2000.0)),
        asked,
        Span::from_millis(35),
        output,
    )
}

/// A file in small pieces, at moments that follow no rule.
fn drip(random: &mut Random) -> Turn {
    let pause = random.lognormal(40.0, 1.1).min(1500.0);
    let piece = random.bytes(6000.0, 0.9, 900);
    Turn::ask(seconds(pause), piece, Span::from_millis(20), 45)
}

/// Check-ins over WebSocket, now and then a command.
fn web_socket(random: &mut Random) -> Turn {
    if random.chance(0.93) {
        return ping(random.uniform(29.0, 31.0));
    }
    let output = random.bytes(2500.0, 1.0, 400);
    let pause = random.uniform(1.0, 29.0);
    Turn::push(
        seconds(pause),
        random.between(60, 200),
        Span::from_millis(90),
        output,
    )
}

/// Macs.
pub fn an0146(cast: &mut Cast<'_>) {
    for (number, turn) in infected(cast, |role| role == Role::Macs) {
        let (kind, way) = *variant(cast, turn, KINDS);
        let drawn = cast.random.log_uniform(0.5, 12.0);
        let hours = cast.options.sweep.session_hours.unwrap_or(drawn);
        let name = invented(&mut cast.random);
        let stack =
            [Stack::Go, Stack::Python, Stack::Apple, Stack::Node][cast.random.below(4) as usize];
        let own = cast.random.chance(0.4);
        let parameters = json!({
            "variant": kind, "session_hours": hours, "destination": name,
            "client": stack.name(), "self_signed_tls12": own,
        });
        let (label, next): (_, fn(&mut Random) -> Turn) = match way {
            Kind::Shell => ("an0146.reverse_shell", shell),
            Kind::Socks => ("an0146.socks_tunnel", socks),
            Kind::Drip => ("an0146.slow_drip", drip),
            Kind::WebSocket => ("an0146.websocket_c2", web_socket),
        };
        let act = move |random: &mut Random, _| {
            let mut turns = Vec::new();
            let mut elapsed = 0.0;
            while elapsed < hours * 3600.0 {
                let turn = next(random);
                elapsed += turn.pause.as_secs_f64();
                turns.push(turn);
            }
            let call = Call::new(hostile(&name), stack).bare();
            let call = if own {
                call.tls12().self_signed()
            } else {
                call
            };
            vec![call.ask(520, 0.05, 240).turns(turns).close(Close::Read)]
        };
        // One session, and the next one a day later.
        let when = When::Beacon(Beacon {
            sleep_s: 86_400.0_f64.max(hours * 3600.0 + 600.0),
            jitter: 0.1,
            kind: Jitter::Upward,
            miss: 0.0,
            hours: Hours::Always,
        });
        cast.hostile(number, label, Analytic::AN0146, when, parameters, act);
        if let Some(program) = cast.programs.last_mut() {
            // The first one soon after the onset, so that a short scenario has it.
            let soon = program.from + seconds(program.random.uniform(30.0, 1200.0));
            let later = (1..32).map(|day| soon + Span::from_secs(day * 86_400 * 5 / 4));
            program.when = When::At(std::iter::once(soon).chain(later).collect());
        }
    }
}
