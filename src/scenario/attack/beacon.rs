//! From a sleep and its jitter to check-ins, by a flow each or within one session.

use super::{infected, invented, variant};
use crate::scenario::benign;
use crate::scenario::call::{Call, hostile, server};
use crate::scenario::cast::{Analytic, Cast};
use crate::scenario::host::Role;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Beacon, Hours, Jitter, When};
use crate::time::Span;
use serde_json::{Value, json};

/// Services that programs call and that beacons hide in.
pub(super) const SERVICES: &[&str] = &[
    "discord.com",
    "hooks.slack.com",
    "api.telegram.org",
    "graph.microsoft.com",
    "api.dropboxapi.com",
    "api.notion.com",
    "gist.githubusercontent.com",
    "script.google.com",
];

/// A beat as the sweep sets it, or drawn; what is not possible is put right.
pub(super) fn beat(cast: &mut Cast<'_>, kind: Jitter) -> Beacon {
    let sweep = &cast.options.sweep;
    let random = &mut cast.random;
    let drawn = [
        random.log_uniform(20.0, 10_800.0),
        random.uniform(0.0, 0.9),
        if random.chance(0.5) {
            0.0
        } else {
            random.uniform(0.0, 0.3)
        },
    ];
    let working = random.chance(0.3);
    Beacon {
        sleep_s: sweep.sleep_s.unwrap_or(drawn[0]).max(1.0),
        jitter: sweep.jitter.unwrap_or(drawn[1]).clamp(0.0, 0.9),
        kind,
        miss: sweep.miss.unwrap_or(drawn[2]).clamp(0.0, 0.9),
        hours: match sweep.working_hours.unwrap_or(working) {
            true => Hours::Working,
            false => Hours::Always,
        },
    }
}

pub(super) fn told(beat: &Beacon, kind: &str, destination: &str) -> Value {
    json!({
        "destination": destination, "jitter_kind": kind, "sleep_s": beat.sleep_s,
        "jitter": beat.jitter, "miss": beat.miss, "working_hours": beat.hours == Hours::Working,
    })
}

fn add(parameters: &mut Value, key: &str, value: impl Into<Value>) {
    if let Value::Object(map) = parameters {
        map.insert(key.to_string(), value.into());
    }
}

/// Who is to tell a beacon on a host of this role, and its client.
fn setting(role: Role, random: &mut Random) -> (Analytic, Stack) {
    let tools = [Stack::Python, Stack::Curl, Stack::Go, Stack::Node];
    let tool = tools[random.below(4) as usize];
    match role {
        Role::Macs if random.chance(0.4) => (Analytic::AN1191, Stack::Apple),
        Role::Macs => (Analytic::AN1191, tool),
        _ => (Analytic::AN1190, tool),
    }
}

/// A check-in by a flow each, from servers and Macs.
pub fn beacons(cast: &mut Cast<'_>) {
    let kinds = Jitter::ALL.map(|(kind, name)| (name, kind));
    for (number, turn) in infected(cast, |role| matches!(role, Role::Servers | Role::Macs)) {
        let (kind, jitter) = *variant(cast, turn, &kinds);
        let beat = beat(cast, jitter);
        let (analytic, stack) = setting(cast.hosts[number].role, &mut cast.random);
        let name = cast.random.pick(SERVICES).to_string();
        let connections = cast.random.below(4).saturating_sub(1) + 1;
        let varied = cast.random.chance(0.3);
        let drawn = cast.random.chance(0.3) && cast.hosts[number].role == Role::Macs;
        let browsing = cast.options.sweep.browsing.unwrap_or(drawn);
        let mut parameters = told(&beat, kind, &name);
        add(&mut parameters, "connections_max", connections);
        add(&mut parameters, "size_jitter", varied);
        add(&mut parameters, "browsing", browsing);
        if browsing {
            beside(cast, number, &name);
        }
        let when = When::Beacon(beat);
        let check_in = move |random: &mut Random, _| {
            let calls = 1 + random.below(connections);
            let call = |index: u64, random: &mut Random| {
                let more = if varied {
                    random.below(2048)
                } else {
                    random.below(6)
                };
                let call = Call::new(server(&name), stack).after(0.4 * index as f64);
                call.ask(430 + more, 0.08, 310).close(match stack {
                    Stack::Curl => Close::Notify,
                    _ => Close::Read,
                })
            };
            (0..calls).map(|index| call(index, random)).collect()
        };
        cast.hostile(
            number,
            "beacon.check_in",
            analytic,
            when,
            parameters,
            check_in,
        );
    }
}

/// The user of the host visits the beacon's destination.
fn beside(cast: &mut Cast<'_>, number: usize, name: &str) {
    let browser = cast.hosts[number].browser;
    let name = name.to_string();
    let when = When::Human {
        gap_s: 30.0,
        run: 10.0,
        pause_s: 1800.0,
        hours: Hours::Working,
    };
    cast.benign(number, "benign.browsing", when, move |random, _| {
        let answer = random.bytes(6000.0, 1.3, 200);
        let ask = random.bytes(500.0, 0.6, 80);
        let mut calls = vec![
            Call::new(server(&name), browser)
                .h2()
                .ask(ask, 0.04, answer),
        ];
        if random.chance(0.3) {
            calls.extend(benign::page(random, browser));
        }
        calls
    });
}

/// Check-ins within one session that is opened again when it ends.
pub fn beacon_sessions(cast: &mut Cast<'_>) {
    let kinds = [("h2", true), ("websocket", false)];
    for (number, turn) in infected(cast, |role| matches!(role, Role::Servers | Role::Macs)) {
        let (kind, h2) = *variant(cast, turn, &kinds);
        let mut beat = beat(cast, Jitter::Downward);
        beat.hours = Hours::Always;
        let (analytic, stack) = setting(cast.hosts[number].role, &mut cast.random);
        let name = invented(&mut cast.random);
        let drawn = cast.random.log_uniform(1.0, 12.0);
        let hours = cast.options.sweep.session_hours.unwrap_or(drawn);
        let mut parameters = told(&beat, "downward", &name);
        add(&mut parameters, "session_hours", hours);
        add(&mut parameters, "session", kind);
        let when = When::Beacon(Beacon {
            sleep_s: hours * 3600.0 + 60.0,
            jitter: 0.02,
            kind: Jitter::Upward,
            miss: 0.0,
            hours: Hours::Always,
        });
        let act = move |random: &mut Random, _| {
            let mut turns = Vec::new();
            let mut elapsed = 0.0;
            while elapsed < hours * 3600.0 {
                let gap = beat.sleep_s * (1.0 - beat.jitter * random.unit());
                elapsed += gap.max(1.0);
                let answer = if random.chance(0.05) { 2400 } else { 120 };
                turns.push(Turn::ask(seconds(gap), 240, Span::from_millis(20), answer));
            }
            let call = Call::new(hostile(&name), stack).ask(620, 0.05, 260);
            let call = if h2 { call.h2() } else { call };
            vec![call.turns(turns).close(Close::Read)]
        };
        cast.hostile(number, "beacon.session", analytic, when, parameters, act);
    }
}
