//! From a person at a desk to the flows of a browser.

use crate::net::Side;
use crate::scenario::call::{Call, server};
use crate::scenario::cast::Cast;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Hours, When};
use crate::time::Span;

/// Sites that everybody knows, from the catalogue.
const KNOWN: &[&str] = &[
    "github.com",
    "www.reddit.com",
    "docs.google.com",
    "www.youtube.com",
    "discord.com",
    "www.dropbox.com",
    "outlook.office.com",
    "drive.google.com",
    "www.notion.so",
    "trello.com",
    "gitlab.com",
    "onedrive.live.com",
    "teams.microsoft.com",
    "twitter.com",
    "web.telegram.org",
    "t.me",
];
/// Sites that nobody has: so many, visited the less the higher their number.
const SITES: f64 = 400.0;

/// A site to visit.
pub fn site(random: &mut Random) -> String {
    if random.chance(0.2) {
        return random.pick(KNOWN).to_string();
    }
    let rank = random.log_uniform(1.0, SITES) as u32;
    format!("www.site-{rank}.example")
}

/// A page and what belongs to it.
pub fn page(random: &mut Random, browser: Stack) -> Vec<Call> {
    let name = site(random);
    let mut calls = vec![visit(random, browser, &name, 0.0)];
    let own = name.trim_start_matches("www.").to_string();
    for _ in 0..random.between(1, 6) {
        let name = match random.below(4) {
            0 => format!("static.{own}"),
            1 => format!("cdn-{}.example", random.between(1, 12)),
            2 => format!("ads-{}.test", random.between(1, 25)),
            _ => format!("media-{}.example", random.between(1, 40)),
        };
        let after = random.lognormal(0.3, 0.8);
        calls.push(visit(random, browser, &name, after));
    }
    if random.chance(0.06) {
        calls.push(race_lost(random, browser, &name));
    }
    calls
}

/// One connection of a page, left open for more.
fn visit(random: &mut Random, browser: Stack, name: &str, after: f64) -> Call {
    let mut call = Call::new(server(name), browser).h2().after(after);
    for index in 0..random.between(1, 5) {
        let pause = match index {
            0 => 0.0,
            _ => random.lognormal(0.8, 1.4).min(60.0),
        };
        let ask = random.bytes(420.0, 0.5, 60);
        let answer = random.bytes(6500.0, 1.5, 90).min(900_000);
        let think = seconds(random.lognormal(0.03, 0.8).min(2.0));
        call = call.turn(Turn::ask(seconds(pause), ask, think, answer));
    }
    let linger = random.uniform(4.0, 60.0);
    let close = match random.below(10) {
        0..=3 => Close::Read,
        4..=6 => Close::ServerFirst,
        7 | 8 => Close::Notify,
        _ => Close::IdleReset,
    };
    call.idle(linger).close(close).megabits(80.0)
}

/// The connection that lost the race for an address (RFC 8305).
fn race_lost(random: &mut Random, browser: Stack, name: &str) -> Call {
    let mut loser = server(name);
    loser.addr = server(&format!("other.{name}")).addr;
    Call::new(loser, browser)
        .close(Close::Abandoned)
        .by_address()
        .after(random.uniform(0.25, 0.3))
}

/// What a browser does.
pub fn browsing(cast: &mut Cast<'_>, number: usize) {
    let browser = cast.hosts[number].browser;
    let hours = if cast.random.chance(0.2) {
        Hours::Always
    } else {
        Hours::Working
    };
    let human = |gap_s, run, pause_s| When::Human {
        gap_s,
        run,
        pause_s,
        hours,
    };
    let pages = match cast.options.full {
        true => human(30.0, 12.0, 600.0),
        false => human(60.0, 6.0, 3000.0),
    };
    cast.benign(number, "benign.browsing", pages, move |random, _| {
        page(random, browser)
    });
    let tab = format!("live.site-{}.example", cast.random.between(1, 60));
    let polls = When::Human {
        gap_s: cast.period(30.0),
        run: 60.0,
        pause_s: 4000.0,
        hours,
    };
    cast.benign(number, "benign.tab_polling", polls, move |random, _| {
        let answer = random.bytes(700.0, 0.3, 120);
        let call = Call::new(server(&tab), browser).h2().ask(310, 0.03, answer);
        vec![call.close(Close::Read)]
    });
    let beacons = human(cast.period(60.0), 4.0, cast.period(600.0));
    cast.benign(number, "benign.telemetry_204", beacons, move |random, _| {
        let name = format!("stats-{}.test", random.between(1, 6));
        let ask = random.bytes(900.0, 0.6, 200);
        vec![Call::new(server(&name), browser).h2().ask(ask, 0.02, 60)]
    });
    cast.benign(
        number,
        "benign.happy_eyeballs",
        human(cast.period(300.0), 2.0, cast.period(1800.0)),
        move |random, _| {
            let name = site(random);
            vec![
                race_lost(random, browser, &name),
                visit(random, browser, &name, 0.26),
            ]
        },
    );
    cancelled(cast, number, browser);
    streaming(cast, number, browser);
}

/// Downloads that somebody stops.
fn cancelled(cast: &mut Cast<'_>, number: usize, browser: Stack) {
    let when = When::Poisson {
        mean_s: 7200.0,
        hours: Hours::Working,
    };
    cast.benign(
        number,
        "benign.cancelled_download",
        when,
        move |random, _| {
            let name = format!("downloads.site-{}.example", random.between(1, 30));
            let body = random.bytes(2e6, 1.0, 400_000);
            let call = Call::new(server(&name), browser).h2();
            vec![call.ask(380, 0.05, body).close(Close::Destroyed)]
        },
    );
}

/// Video in segments of four seconds.
fn streaming(cast: &mut Cast<'_>, number: usize, browser: Stack) {
    let when = When::Human {
        gap_s: 900.0,
        run: 1.0,
        pause_s: 14_000.0,
        hours: Hours::Working,
    };
    let scale = if cast.options.full { 0.6 } else { 0.3 };
    cast.benign(number, "benign.streaming", when, move |random, _| {
        let name = format!("video-{}.site-4.example", random.between(1, 4));
        let segments = (random.log_uniform(15.0, 200.0) * scale) as usize + 8;
        let turns = (0..segments).map(|_| {
            let pause = random.uniform(3.6, 4.4);
            let body = random.bytes(250_000.0, 0.3, 60_000);
            Turn::ask(seconds(pause), 350, Span::from_millis(20), body)
        });
        let turns: Vec<Turn> = turns.collect();
        let call = Call::new(server(&name), browser).h2().turns(turns);
        vec![call.close(Close::Read).megabits(60.0)]
    });
    let when = When::Human {
        gap_s: 1800.0,
        run: 1.3,
        pause_s: 15_000.0,
        hours: Hours::Working,
    };
    cast.benign(number, "benign.video_call", when, move |random, _| {
        let minutes = random.uniform(3.0, 20.0) * scale;
        let turns = (0..(minutes * 60.0) as usize).map(|index| {
            let up = random.bytes(2500.0, 0.4, 700);
            let down = random.bytes(4000.0, 0.4, 700);
            let by = if index % 2 == 0 {
                Side::Originator
            } else {
                Side::Responder
            };
            let (ask, answer) = if by == Side::Originator {
                (up, down)
            } else {
                (down, up)
            };
            Turn {
                pause: seconds(random.uniform(0.8, 1.1)),
                by,
                ask,
                think: Span::from_millis(5),
                answer,
            }
        });
        let turns: Vec<Turn> = turns.collect();
        let call = Call::new(server("turn.meet.example"), Stack::Electron).bare();
        vec![call.turns(turns).close(Close::Read)]
    });
}
