//! From scripts and agents to calls of web services that are out of place, or off schedule.

use super::beacon::{SERVICES, beat, told};
use super::{infected, variant};
use crate::scenario::call::{Call, server};
use crate::scenario::cast::{Analytic, Cast};
use crate::scenario::host::Role;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Beacon, Hours, Jitter, When};
use crate::time::{Span, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;

/// What a script on a server does with a web service.
#[derive(Clone, Copy)]
enum Script {
    Webhook(&'static str),
    BotPoll,
    Storage,
    Graph,
}

const SCRIPTS: &[(&str, Script)] = &[
    ("webhook-discord", Script::Webhook("discord.com")),
    ("webhook-slack", Script::Webhook("hooks.slack.com")),
    ("telegram-bot", Script::BotPoll),
    ("dropbox-upload", Script::Storage),
    ("graph-drop", Script::Graph),
];

/// A call of the script.
fn script_call(script: Script, stack: Stack, random: &mut Random) -> Call {
    let call = |name| Call::new(server(name), stack);
    let call = match script {
        Script::Webhook(name) => call(name).ask(random.bytes(900.0, 0.8, 300), 0.15, 90),
        Script::BotPoll => call("api.telegram.org").ask(320, 24.0, random.bytes(160.0, 0.6, 80)),
        Script::Storage => {
            let body = random.bytes(180_000.0, 1.0, 2000).min(20_000_000);
            call("content.dropboxapi.com").ask(body, 0.2, 410)
        }
        Script::Graph => call("graph.microsoft.com").ask(1700, 0.12, 2300).ask(
            random.bytes(4000.0, 1.0, 500),
            0.12,
            700,
        ),
    };
    call.close(if stack == Stack::Curl {
        Close::Notify
    } else {
        Close::Read
    })
}

/// Linux servers.
pub fn an1190(cast: &mut Cast<'_>) {
    for (number, turn) in infected(cast, |role| role == Role::Servers) {
        let (name, script) = *variant(cast, turn, SCRIPTS);
        let cron = cast.random.chance(0.5);
        let (kind, jitter) = match cron {
            true => ("cron", Jitter::Cron),
            false => ("downward", Jitter::Downward),
        };
        let mut beat = beat(cast, jitter);
        if cron && cast.options.sweep.sleep_s.is_none() {
            let periods = [60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
            beat.sleep_s = periods[cast.random.below(6) as usize];
            beat.jitter = 0.02;
        }
        let stack = [Stack::Curl, Stack::Python, Stack::Wget][cast.random.below(3) as usize];
        let mut parameters = told(&beat, kind, name);
        parameters["client"] = stack.name().into();
        let act = move |random: &mut Random, _| vec![script_call(script, stack, random)];
        let when = When::Beacon(beat);
        let label = match script {
            Script::Webhook(_) => "an1190.webhook_beacon",
            Script::BotPoll => "an1190.bot_poll",
            Script::Storage => "an1190.storage_upload",
            Script::Graph => "an1190.graph_drop",
        };
        cast.hostile(number, label, Analytic::AN1190, when, parameters, act);
    }
}

/// How an agent's calls are wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    OffSchedule,
    Missing,
    FirstUse,
}

const WRONGS: &[(&str, Wrong)] = &[
    ("off-schedule", Wrong::OffSchedule),
    ("first-use", Wrong::FirstUse),
    ("missing", Wrong::Missing),
];

/// A call of a web API by an agent.
fn agent_call(name: &str, stack: Stack, random: &mut Random) -> Call {
    let answer = random.bytes(1800.0, 0.7, 200);
    let call = Call::new(server(name), stack).h2();
    call.ask(1100, 0.08, answer)
        .turn(Turn::ask(
            Span::from_millis(400),
            700,
            Span::from_millis(60),
            320,
        ))
        .close(Close::Notify)
}

/// Calls at the full hour from nine to five on working days.
fn expected() -> When {
    When::Beacon(Beacon {
        sleep_s: 3600.0,
        jitter: 0.03,
        kind: Jitter::Cron,
        miss: 0.0,
        hours: Hours::Working,
    })
}

/// Some moments outside of working hours from the onset on, up to three in a night.
fn off_schedule(cast: &mut Cast<'_>) -> BTreeSet<Timestamp> {
    let mut moments = BTreeSet::new();
    let (mut at, end) = (cast.onset(), cast.end());
    while at < end {
        at = at + seconds(cast.random.lognormal(7200.0, 0.6));
        if !crate::scenario::when::is_working(at) {
            moments.insert(at);
        }
    }
    moments
}

/// Macs.
pub fn an1191(cast: &mut Cast<'_>) {
    for (number, turn) in infected(cast, |role| role == Role::Macs) {
        let (kind, wrong) = *variant(cast, turn, WRONGS);
        let name = *cast
            .random
            .pick(&[&SERVICES[3], &SERVICES[4], &SERVICES[5], &SERVICES[0]]);
        let stack = [Stack::Apple, Stack::Go, Stack::Python][cast.random.below(3) as usize];
        if wrong != Wrong::FirstUse {
            cast.benign(
                number,
                "benign.scheduled_call",
                expected(),
                move |random, _| vec![agent_call(name, stack, random)],
            );
        }
        if let (Wrong::Missing, Some(program)) = (wrong, cast.programs.len().checked_sub(1)) {
            cast.programs[program].until = cast.onset();
        }
        let (label, when) = match wrong {
            Wrong::OffSchedule => ("an1191.off_schedule", When::At(off_schedule(cast))),
            Wrong::Missing => ("an1191.missing_call", When::At(BTreeSet::new())),
            Wrong::FirstUse => {
                let when = When::Beacon(beat(cast, Jitter::Downward));
                ("an1191.first_use", when)
            }
        };
        let mut parameters = json!({
            "variant": kind, "destination": name, "client": stack.name(),
            "expected": "hourly, Monday to Friday 8 to 18 UTC",
        });
        if let When::Beacon(beat) = &when {
            parameters = told(beat, "downward", name);
            parameters["variant"] = kind.into();
            parameters["client"] = stack.name().into();
        }
        cast.hostile(
            number,
            label,
            Analytic::AN1191,
            when,
            parameters,
            move |random, _| vec![agent_call(name, stack, random)],
        );
    }
}
