//! From a person at a desk to the sessions that last for hours.

use crate::scenario::call::{Call, server};
use crate::scenario::cast::Cast;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Hours, When};
use crate::time::Span;

/// Turns that fill about so many seconds; `next` gives the next turn, its pause included.
pub(super) fn fill(total_s: f64, mut next: impl FnMut() -> Turn) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut elapsed = 0.0;
    while elapsed < total_s {
        let turn = next();
        elapsed += turn.pause.as_secs_f64().max(0.01);
        turns.push(turn);
    }
    turns
}

/// A WebSocket ping and its answer.
pub(super) fn ping(pause: f64) -> Turn {
    Turn::ask(seconds(pause), 6, Span::from_millis(1), 6)
}

pub(super) fn chat(random: &mut Random) -> Call {
    let total = random.log_uniform(3600.0, 30_000.0);
    let turns = fill(total, || {
        if random.chance(0.55) {
            return ping(30.0);
        }
        let pause = random.lognormal(25.0, 1.2).min(600.0);
        if random.chance(0.85) {
            Turn::push(seconds(pause), random.bytes(600.0, 0.9, 90), Span::ZERO, 0)
        } else {
            let ask = random.bytes(250.0, 0.6, 80);
            Turn::ask(seconds(pause), ask, Span::from_millis(30), 180)
        }
    });
    Call::new(server("gateway.discord.gg"), Stack::Electron)
        .ask(600, 0.04, 900)
        .turns(turns)
        .close(Close::Read)
}

pub(super) fn push(random: &mut Random, stack: Stack, name: &str, port: u16) -> Call {
    let total = random.log_uniform(7200.0, 40_000.0);
    let turns = fill(total, || {
        if random.chance(0.5) {
            return ping(random.uniform(850.0, 950.0));
        }
        let pause = random.lognormal(500.0, 1.1).min(3000.0);
        let body = random.bytes(700.0, 0.7, 150);
        Turn::push(seconds(pause), body, Span::from_millis(3), 60)
    });
    Call::new(server(name), stack)
        .bare()
        .port(port)
        .ask(900, 0.03, 300)
        .turns(turns)
        .close(Close::ServerFirst)
}

pub(super) fn remote_development(random: &mut Random) -> Call {
    let total = random.log_uniform(1800.0, 14_000.0);
    let turns = fill(total, || {
        let pause = match random.chance(0.8) {
            true => random.lognormal(1.2, 1.0).min(20.0),
            false => random.lognormal(90.0, 1.0).min(1500.0),
        };
        let ask = random.bytes(160.0, 0.8, 50);
        let answer = random.bytes(420.0, 1.3, 60).min(200_000);
        Turn::ask(seconds(pause), ask, Span::from_millis(15), answer)
    });
    Call::new(server("eu-1.tunnels.api.visualstudio.com"), Stack::Node)
        .ask(700, 0.05, 900)
        .turns(turns)
        .close(Close::Read)
}

/// A session that the next one follows: about one at a time.
fn one_at_a_time(pause_s: f64) -> When {
    When::Human {
        gap_s: pause_s,
        run: 1.0,
        pause_s,
        hours: Hours::Working,
    }
}

/// The long sessions of a desk.
pub fn sessions(cast: &mut Cast<'_>, number: usize) {
    use crate::scenario::host::Role;
    let role = cast.hosts[number].role;
    cast.benign(
        number,
        "benign.chat_websocket",
        one_at_a_time(9000.0),
        |random, _| vec![chat(random)],
    );
    let (stack, name, port) = match role {
        Role::Macs => (Stack::Apple, "7-courier.push.apple.com", 5223),
        Role::WindowsDesks => (Stack::Schannel, "push.notify.example", 443),
        _ => (Stack::Chromium, "push.browser.example", 5228),
    };
    let all_day = When::Lognormal {
        median_s: 20_000.0,
        sigma: 0.4,
    };
    cast.benign(number, "benign.push", all_day, move |random, _| {
        vec![push(random, stack, name, port)]
    });
    if role != Role::WindowsDesks {
        let when = one_at_a_time(12_000.0);
        cast.benign(number, "benign.remote_development", when, |random, _| {
            vec![remote_development(random)]
        });
    }
}
