//! From servers, build runners and appliances to what they do with nobody in front of them.

use super::desk::{download, timer};
use crate::scenario::call::{Call, internal, server as server_of};
use crate::scenario::cast::Cast;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Hours, When};
use crate::time::Span;

fn poisson(mean_s: f64) -> When {
    When::Poisson {
        mean_s,
        hours: Hours::Always,
    }
}

/// Uploads of these sizes, one after the other.
fn uploads(random: &mut Random, count: u64, median: f64) -> Vec<Turn> {
    let upload = |_| {
        let body = random.bytes(median, 0.9, 2000).min(100_000_000);
        Turn::ask(seconds(0.1), body, Span::from_millis(40), 260)
    };
    (0..count).map(upload).collect()
}

/// Health checks and metrics.
fn watched(cast: &mut Cast<'_>, number: usize) {
    let probes = timer(cast.period(60.0), Hours::Always);
    let peer = format!("service-{}.internal.test", number % 7);
    cast.benign(number, "benign.health_check", probes, move |_, _| {
        let call = Call::new(internal(&peer), Stack::Go).ask(190, 0.004, 60);
        vec![call.close(Close::Read)]
    });
    let metrics = timer(cast.period(60.0), Hours::Always);
    cast.benign(number, "benign.metrics", metrics, |random, _| {
        let body = random.bytes(6000.0, 0.2, 900);
        let call = Call::new(server_of("metrics.telemetry.example"), Stack::Go).h2();
        vec![call.ask(body, 0.02, 60)]
    });
}

/// What servers do.
pub fn server(cast: &mut Cast<'_>, number: usize) {
    watched(cast, number);
    let packages = timer(cast.period(14_400.0), Hours::Always);
    cast.benign(number, "benign.software_update", packages, |random, _| {
        let agent = "Debian APT-HTTP/1.3 (2.6.1)";
        let call = |name| Call::clear(server_of(name), agent, "/debian/dists/stable/InRelease");
        let mut calls = vec![
            call("deb.debian.org").ask(210, 0.02, random.bytes(150_000.0, 0.3, 20_000)),
            call("security.debian.org").ask(210, 0.02, random.bytes(48_000.0, 0.3, 20_000)),
        ];
        let mut fetch = download(random, "packages.vendor.example", Stack::Curl, 900_000.0);
        fetch.after = Span::from_secs(2);
        calls.push(fetch.h2());
        if random.chance(0.3) {
            let name = "objects.githubusercontent.com";
            calls.push(download(random, name, Stack::Wget, 2e6).bare().after(6.0));
        }
        calls
    });
    let hour = cast.random.uniform(0.2, 4.0);
    let nightly = When::Daily {
        hour,
        spread_s: 240.0,
        weekdays: false,
    };
    let median = if cast.options.full { 4e6 } else { 1e6 };
    cast.benign(number, "benign.backup", nightly, move |random, _| {
        let packs = uploads(random, 16, median);
        let call = Call::new(server_of("eu-1.backblazeb2.com"), Stack::Go).h2();
        vec![call.turns(packs).close(Close::Read).megabits(200.0)]
    });
    let graph = timer(cast.period(3600.0), Hours::Always);
    cast.benign(number, "benign.internal_script", graph, |random, _| {
        let answer = random.bytes(5000.0, 0.8, 300);
        let stack = [Stack::Python, Stack::Curl][random.below(2) as usize];
        let call = Call::new(internal("inventory.internal.test"), stack);
        vec![call.ask(420, 0.02, answer)]
    });
}

/// What build runners do: fetch, build, push, tell.
pub fn build_runner(cast: &mut Cast<'_>, number: usize) {
    watched(cast, number);
    let jobs = poisson(cast.period(600.0));
    cast.benign(number, "benign.build", jobs, |random, _| {
        let mut calls = vec![Call::new(server_of("github.com"), Stack::Git).h2().ask(
            320,
            0.09,
            random.bytes(300_000.0, 0.9, 5000),
        )];
        for index in 0..random.between(2, 6) {
            let after = 4.0 + 1.5 * index as f64;
            let name = random.pick(&["registry.npm.example", "proxy.modules.example"]);
            calls.push(
                download(random, name, Stack::Go, 150_000.0)
                    .h2()
                    .after(after),
            );
        }
        calls
    });
    let told = poisson(cast.period(600.0));
    cast.benign(number, "benign.build_notice", told, |random, _| {
        let body = random.bytes(900.0, 0.4, 300);
        let hook = Call::new(server_of("hooks.slack.com"), Stack::Curl).h2();
        let status = Call::new(server_of("api.github.com"), Stack::Go).h2();
        vec![
            hook.ask(body, 0.12, 170),
            status.after(0.4).ask(700, 0.1, 2400).close(Close::Read),
        ]
    });
    let releases = poisson(9000.0);
    cast.benign(number, "benign.container_push", releases, |random, _| {
        let layers = uploads(random, 5, 4e6);
        let call = Call::new(server_of("registry.gitlab.com"), Stack::Go).h2();
        vec![call.turns(layers).close(Close::Read).megabits(400.0)]
    });
    let pushes = poisson(5400.0);
    cast.benign(number, "benign.git_push", pushes, |random, _| {
        let pack = uploads(random, 1, 120_000.0);
        let call = Call::new(server_of("github.com"), Stack::Git).h2();
        vec![call.ask(330, 0.08, 5200).turns(pack)]
    });
    let plans = timer(cast.period(2700.0), Hours::Always);
    cast.benign(number, "benign.graph_automation", plans, |random, _| {
        let login = Call::new(server_of("login.microsoftonline.com"), Stack::Python);
        let pages = (0..random.between(3, 9)).map(|_| {
            let answer = random.bytes(9000.0, 0.8, 500);
            Turn::ask(seconds(0.2), 1800, Span::from_millis(90), answer)
        });
        let pages: Vec<Turn> = pages.collect();
        let graph = Call::new(server_of("graph.microsoft.com"), Stack::Go).h2();
        vec![
            login.ask(900, 0.09, 3100),
            graph.after(0.8).turns(pages).close(Close::Read),
        ]
    });
}

/// What printers, cameras and doors do.
pub fn appliance(cast: &mut Cast<'_>, number: usize) {
    let beat = timer(cast.period(60.0), Hours::Always);
    cast.benign(number, "benign.appliance_cloud", beat, |random, _| {
        let call = Call::new(server_of("iot.maker.example"), Stack::Curl).bare();
        let call = if random.chance(0.5) {
            call.tls12()
        } else {
            call
        };
        vec![call.ask(340, 0.04, 190)]
    });
    let status = timer(cast.period(90.0), Hours::Always);
    cast.benign(number, "benign.telemetry_204", status, |_, _| {
        let call = Call::new(server_of("collect.maker.example"), Stack::Curl).bare();
        vec![call.ask(520, 0.03, 60).close(Close::Read)]
    });
    let updates = timer(21_600.0, Hours::Always);
    cast.benign(number, "benign.update_check", updates, |_, _| {
        let agent = "maker-updater/2.1";
        let call = Call::clear(
            server_of("firmware.maker.example"),
            agent,
            "/v2/latest.json",
        );
        vec![call.ask(140, 0.03, 900)]
    });
}
