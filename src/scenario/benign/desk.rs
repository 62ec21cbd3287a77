//! From a desk to what its system and applications do by themselves.

use crate::scenario::call::{Call, internal, server};
use crate::scenario::cast::Cast;
use crate::scenario::random::{Random, seconds};
use crate::scenario::script::{Close, Turn};
use crate::scenario::stack::Stack;
use crate::scenario::when::{Beacon, Hours, Jitter, When};
use crate::time::Span;

/// A timer that is a little late, as timers are.
pub fn timer(period_s: f64, hours: Hours) -> When {
    When::Beacon(Beacon {
        sleep_s: period_s,
        jitter: 0.02,
        kind: Jitter::Upward,
        miss: 0.0,
        hours,
    })
}

/// Some large body to download, or to upload.
pub fn download(random: &mut Random, name: &str, stack: Stack, median: f64) -> Call {
    let body = random.bytes(median, 0.8, 40_000);
    Call::new(server(name), stack)
        .ask(420, 0.04, body)
        .megabits(100.0)
}

fn upload(pause: f64, random: &mut Random, median: f64) -> Turn {
    let body = random.bytes(median, 1.1, 300).min(80_000_000);
    Turn::ask(seconds(pause), body, Span::from_millis(60), 280)
}

fn daily(hour: f64) -> When {
    When::Daily {
        hour,
        spread_s: 900.0,
        weekdays: false,
    }
}

/// What every desk has.
pub fn desk(cast: &mut Cast<'_>, number: usize) {
    let sync_stack = Stack::Go;
    let poll = timer(cast.period(120.0), Hours::Working);
    cast.benign(number, "benign.sync", poll, move |random, _| {
        let list = Call::new(server("api.dropboxapi.com"), sync_stack)
            .h2()
            .ask(480, 0.05, 700);
        let mut calls = vec![list.close(Close::Read)];
        if random.chance(0.12) {
            let uploads = (0..random.between(1, 3)).map(|_| upload(0.3, random, 90_000.0));
            let uploads: Vec<Turn> = uploads.collect();
            let content = Call::new(server("content.dropboxapi.com"), sync_stack)
                .h2()
                .after(1.2)
                .turns(uploads);
            calls.push(content.close(Close::Read));
        }
        calls
    });
    let crash = When::Poisson {
        mean_s: 20_000.0,
        hours: Hours::Working,
    };
    cast.benign(number, "benign.crash_report", crash, |random, _| {
        let body = random.bytes(120_000.0, 1.0, 8000);
        let call = Call::new(server("crash.vendor.example"), Stack::Electron);
        vec![call.ask(body, 0.06, 60)]
    });
    let hour = cast.random.uniform(0.5, 4.5);
    let kilobytes = if cast.options.full { 30e6 } else { 8e6 };
    cast.benign(number, "benign.backup", daily(hour), move |random, _| {
        let chunks: Vec<Turn> = (0..12)
            .map(|_| upload(0.2, random, kilobytes / 12.0))
            .collect();
        let store = Call::new(internal("backup.internal.test"), Stack::Go).h2();
        vec![store.turns(chunks).close(Close::Read).megabits(600.0)]
    });
    let checks = timer(cast.period(3600.0), Hours::Always);
    cast.benign(number, "benign.update_check", checks, |random, _| {
        let mut calls = vec![
            Call::new(server("updates.editor.example"), Stack::Electron)
                .h2()
                .ask(520, 0.03, 900),
        ];
        if random.chance(0.03) {
            let name = "dl.editor.example";
            calls.push(download(random, name, Stack::Electron, 8e6).after(2.0));
        }
        calls
    });
}

/// What macOS does.
pub fn mac(cast: &mut Cast<'_>, number: usize) {
    let wakes = timer(cast.period(1800.0), Hours::Always);
    cast.benign(number, "benign.captive_portal", wakes, |_, _| {
        let agent = "CaptiveNetworkSupport-481.80.1 wispr";
        let call = Call::clear(server("captive.apple.com"), agent, "/hotspot-detect.html");
        vec![call.ask(130, 0.01, 69)]
    });
    let ocsp = When::Human {
        gap_s: cast.period(60.0),
        run: 2.0,
        pause_s: cast.period(900.0),
        hours: Hours::Working,
    };
    cast.benign(number, "benign.ocsp", ocsp, |_, _| {
        let agent = "com.apple.trustd/3.0";
        let call = Call::clear(
            server("ocsp.authority.example"),
            agent,
            "/MFMwUTBPME0wSzAJBgUrDg",
        );
        vec![call.ask(220, 0.01, 1470)]
    });
    let mdm = timer(cast.period(1200.0), Hours::Always);
    cast.benign(number, "benign.mdm", mdm, |random, _| {
        let answer = random.bytes(900.0, 0.8, 120);
        let call = Call::new(server("mdm.fleet.example"), Stack::Apple).h2();
        vec![call.ask(1300, 0.08, answer).turn(Turn::ask(
            Span::from_millis(200),
            640,
            Span::from_millis(40),
            60,
        ))]
    });
    let updates = timer(cast.period(5400.0), Hours::Always);
    cast.benign(number, "benign.software_update", updates, |random, _| {
        let mut calls = vec![
            Call::new(server("swscan.apple.com"), Stack::Apple)
                .h2()
                .ask(610, 0.03, 4200),
        ];
        if random.chance(0.08) {
            let body = download(random, "swcdn.apple.com", Stack::Apple, 12e6);
            calls.push(body.h2().after(3.0));
        }
        calls
    });
    let cloud = timer(cast.period(240.0), Hours::Working);
    cast.benign(number, "benign.cloud_service", cloud, |random, _| {
        let name = random.pick(&["gateway.icloud.com", "p12-contacts.icloud.com"]);
        let answer = random.bytes(1500.0, 0.8, 200);
        let call = Call::new(server(name), Stack::Apple).h2();
        vec![call.ask(900, 0.05, answer).idle(20.0).close(Close::Notify)]
    });
}

/// What Windows does.
pub fn windows(cast: &mut Cast<'_>, number: usize) {
    let telemetry = timer(cast.period(300.0), Hours::Always);
    cast.benign(number, "benign.system_telemetry", telemetry, |random, _| {
        let body = random.bytes(4000.0, 0.9, 600);
        let call = Call::new(server("settings-win.data.microsoft.com"), Stack::Schannel);
        let call = if random.chance(0.3) {
            call.tls12()
        } else {
            call
        };
        vec![call.h2().ask(body, 0.04, 240).close(Close::ServerFirst)]
    });
    let wakes = timer(cast.period(1800.0), Hours::Always);
    cast.benign(number, "benign.captive_portal", wakes, |_, _| {
        let name = "www.msftconnecttest.com";
        let call = Call::clear(server(name), "Microsoft NCSI", "/connecttest.txt");
        vec![call.ask(110, 0.01, 70)]
    });
    let updates = timer(cast.period(5400.0), Hours::Always);
    cast.benign(number, "benign.software_update", updates, |random, _| {
        let name = "fe3.delivery.mp.microsoft.com";
        let ask = Call::new(server(name), Stack::Schannel).tls12().bare();
        let mut calls = vec![ask.ask(3100, 0.09, 6400)];
        if random.chance(0.08) {
            let name = "au.download.windowsupdate.com";
            let mut body = Call::clear(server(name), "Microsoft-Delivery-Optimization/10.0", "/d")
                .ask(300, 0.03, random.bytes(9e6, 0.7, 60_000));
            body.after = Span::from_secs(4);
            calls.push(body.megabits(100.0));
        }
        calls
    });
    let mail = timer(cast.period(180.0), Hours::Working);
    cast.benign(number, "benign.mail", mail, |random, _| {
        let answer = random.bytes(2500.0, 1.1, 200);
        let call = Call::new(server("outlook.office365.com"), Stack::Schannel).h2();
        vec![call.ask(1400, 0.06, answer)]
    });
}

/// What a Linux desk does.
pub fn linux(cast: &mut Cast<'_>, number: usize) {
    let wakes = timer(cast.period(300.0), Hours::Always);
    cast.benign(number, "benign.captive_portal", wakes, |_, _| {
        let call = Call::clear(
            server("connectivity-check.ubuntu.com"),
            "NetworkManager",
            "/",
        );
        vec![call.ask(100, 0.01, 0)]
    });
    let pushes = When::Human {
        gap_s: 400.0,
        run: 2.0,
        pause_s: 4000.0,
        hours: Hours::Working,
    };
    cast.benign(number, "benign.git_push", pushes, |random, _| {
        let pack = upload(0.05, random, 60_000.0);
        let call = Call::new(server("github.com"), Stack::Git).h2();
        vec![call.ask(310, 0.08, 5200).turn(pack)]
    });
    let images = When::Poisson {
        mean_s: 12_000.0,
        hours: Hours::Working,
    };
    cast.benign(number, "benign.container_push", images, |random, _| {
        let layers: Vec<Turn> = (0..4).map(|_| upload(0.1, random, 3e6)).collect();
        let call = Call::new(server("registry.gitlab.com"), Stack::Go).h2();
        vec![call.ask(800, 0.05, 300).turns(layers).close(Close::Read)]
    });
    let packages = timer(cast.period(21_600.0), Hours::Always);
    cast.benign(number, "benign.software_update", packages, |random, _| {
        let index = Call::clear(
            server("archive.ubuntu.com"),
            "Debian APT-HTTP/1.3 (2.6.1)",
            "/u",
        )
        .ask(200, 0.02, random.bytes(150_000.0, 0.6, 30_000));
        vec![index]
    });
}
