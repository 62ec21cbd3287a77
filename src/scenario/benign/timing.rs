//! From the populations of the timing study to hosts that call one destination each.

use crate::scenario::call::{Call, server};
use crate::scenario::cast::Cast;
use crate::scenario::random::Random;
use crate::scenario::script::Close;
use crate::scenario::stack::Stack;
use crate::scenario::when::{Beacon, Hours, Jitter, When};
use std::collections::BTreeSet;

/// A label and its schedule: what has no period first, then honest timers.
type Family = (&'static str, When);

fn people(random: &mut Random) -> [Family; 4] {
    let mut human = |hours| When::Human {
        gap_s: random.log_uniform(5.0, 60.0),
        run: 8.0,
        pause_s: 2400.0,
        hours,
    };
    let (at_work, all_day) = (human(Hours::Working), human(Hours::Always));
    let mut poisson = |hours| When::Poisson {
        mean_s: random.log_uniform(60.0, 1800.0),
        hours,
    };
    [
        ("timing.human", at_work),
        ("timing.human_all_day", all_day),
        ("timing.poisson", poisson(Hours::Working)),
        ("timing.poisson_all_day", poisson(Hours::Always)),
    ]
}

fn processes(random: &mut Random) -> [Family; 5] {
    let mut mean = |low, high| random.log_uniform(low, high);
    let hawkes = When::Hawkes {
        mean_s: mean(300.0, 3600.0),
        branching: 0.6,
        decay_s: mean(5.0, 120.0),
        coming: BTreeSet::new(),
    };
    let weibull = When::Weibull {
        scale_s: mean(30.0, 900.0),
        shape: 0.5,
    };
    let lognormal = When::Lognormal {
        median_s: mean(30.0, 900.0),
        sigma: 1.5,
    };
    let gamma = When::Gamma {
        mean_s: mean(60.0, 1800.0),
    };
    let quantised = When::Quantised {
        mean_s: mean(120.0, 1800.0),
        timer_s: 60.0,
    };
    [
        ("timing.hawkes", hawkes),
        ("timing.weibull", weibull),
        ("timing.lognormal", lognormal),
        ("timing.gamma", gamma),
        ("timing.quantised", quantised),
    ]
}

fn timers(random: &mut Random) -> [Family; 3] {
    let beat = |sleep_s, jitter, kind| {
        When::Beacon(Beacon {
            sleep_s,
            jitter,
            kind,
            miss: 0.0,
            hours: Hours::Always,
        })
    };
    let tab = When::Human {
        gap_s: 30.0,
        run: 80.0,
        pause_s: 3000.0,
        hours: Hours::Working,
    };
    let period = random.log_uniform(60.0, 3600.0);
    [
        ("timing.timer", beat(period, 0.02, Jitter::Upward)),
        ("timing.cron", beat(300.0, 0.1, Jitter::Cron)),
        ("timing.tab_polling", tab),
    ]
}

/// A host each calls its own destination after one of the families, with one TLS client.
pub fn populations(cast: &mut Cast<'_>) {
    for number in 0..cast.hosts.len() {
        let random = &mut cast.random;
        let mut families: Vec<Family> = people(random).into();
        families.extend(processes(random));
        families.extend(timers(random));
        let (label, when) = families.swap_remove(number % families.len());
        let name = format!("d{number}.population.example");
        let fixed = cast.random.chance(0.4);
        cast.benign(number, label, when, move |random, _| {
            let ask = if fixed {
                600
            } else {
                random.bytes(600.0, 0.7, 120)
            };
            let call = Call::new(server(&name), Stack::Go).ask(ask, 0.03, 900);
            vec![call.close(Close::Read)]
        });
    }
}
