//! Uploads beside what the host's agent says of files, as an engine is told.

use super::super::attack::Analytic;
use super::*;
use crate::endpoint::report::{
    Archive, ArchiveBasis, Deed, FileActivity, FileReport, Process, Report,
};

const BYTES: u64 = 80_000_000;
/// When the upload begins.
const UPLOAD: i64 = 25 * DAY + 10 * HOUR;

/// The database server uploads to somewhere new after four usual weeks.
fn observations() -> Vec<Observation> {
    let days = (0..28).filter(|day| day % 7 < 5);
    let hours = days.flat_map(|day| (9..17).map(move |hour| day * 24 + hour));
    let mut calls: Vec<Call> = hours.flat_map(|hour| usual(24, hour)).collect();
    calls.push(Call {
        up: BYTES,
        down: 4000,
        ..call(DATABASE, UPLOAD, "drop.example.org", Client::Script)
    });
    calls.sort_by_key(|call| call.at);
    let shape = |call: Call| (call, shape_of(call.up as u32, call.down as u32));
    observe_shaped(SERVERS, &calls.into_iter().map(shape).collect::<Vec<_>>())
}

fn report(seconds: i64, deed: Deed) -> Report {
    Report::of_event("db-7", Timestamp::from_parts(START + seconds, 0), deed)
}

fn process(pid: u32, path: &str) -> Process {
    Process {
        pid: Some(pid),
        path: Some(path.into()),
        parent: Some(Box::new(Process {
            pid: Some(500),
            path: Some("/usr/bin/bash".into()),
            ..Process::default()
        })),
        ..Process::default()
    }
}

fn file(seconds: i64, path: &str, activity: FileActivity, size: Option<u64>) -> Report {
    let archive = size.map(|_| Archive {
        kind: "tar".into(),
        basis: ArchiveBasis::Magic,
    });
    report(
        seconds,
        Deed::File(Box::new(FileReport {
            activity,
            path: path.into(),
            size,
            archive,
            process: Some(process(501, "/usr/bin/tar")),
        })),
    )
}

fn inventory() -> Report {
    let at = Timestamp::from_parts(START + UPLOAD - 3600, 0);
    Report::of_inventory("db-7", at, vec![local(SERVERS, DATABASE)])
}

/// That curl has the upload's flow, told `late` after it began.
fn flow(observations: &[Observation], late: i64) -> Report {
    let began = Timestamp::from_parts(START + UPLOAD, 0);
    let own = |o: &&Observation| o.at >= began && matches!(o.fact, Fact::Tls(_));
    let flow = observations.iter().find(own).unwrap().flow.unwrap();
    let mut report = Report::of_flow("db-7", &flow, process(502, "/usr/bin/curl"));
    report.received_at = report.received_at + Span::from_secs(late);
    report
}

/// What an engine knows two days before the upload, and what comes then.
static BEFORE: LazyLock<(Vec<u8>, Vec<Observation>)> = LazyLock::new(|| {
    let all = observations();
    let split = Timestamp::from_parts(START + UPLOAD - 2 * DAY, 0);
    let (before, after) = all.split_at(all.partition_point(|o| o.at < split));
    let settings = settings().with_reports(Span::from_secs(60));
    let mut engine = Engine::new();
    run_with(&settings, &mut engine, before);
    (postcard::to_stdvec(&engine).unwrap(), after.to_vec())
});

/// The alerts on the upload, with these reports.
fn alerts_with(reports: &[Report]) -> Vec<Alert> {
    let settings = settings().with_reports(Span::from_secs(60));
    let (known, observations) = &*BEFORE;
    let mut engine: Engine = postcard::from_bytes(known).unwrap();
    let mut alerts = Vec::new();
    let mut reports = reports.iter().peekable();
    for observation in observations {
        while let Some(report) = reports.next_if(|report| report.received_at <= observation.at) {
            engine.handle_report(&settings, &Limits::DEFAULT, report, &mut alerts);
        }
        engine.handle_observation(&settings, &Limits::DEFAULT, observation, &mut alerts);
    }
    for report in reports {
        engine.handle_report(&settings, &Limits::DEFAULT, report, &mut alerts);
    }
    alerts.retain(|alert| alert.analytic == Analytic::An1415);
    alerts
}

fn endpoint_ids(alert: &Alert) -> Vec<(&str, f64)> {
    let mut found = ids(alert);
    found.retain(|(id, _)| id.starts_with("endpoint."));
    found.sort_by(|a, b| a.0.cmp(b.0));
    found
}

#[test]
fn what_was_packed_before_and_is_as_large_raises_an_upload_and_names_the_archive() {
    let observations = &BEFORE.1;
    let plain = alerts_with(&[]);
    assert!(plain.last().unwrap().tier <= Tier::Medium);
    let archive = file(
        UPLOAD - 60,
        "/srv/out.tar",
        FileActivity::Update,
        Some(BYTES),
    );
    let secret = file(
        UPLOAD - 90,
        "/Users/ann/.ssh/id_ed25519",
        FileActivity::Open,
        None,
    );
    let reports = [inventory(), secret, archive, flow(observations, 0)];
    let found = alerts_with(&reports);
    let alert = found.last().unwrap();
    assert_eq!(alert.tier, Tier::High, "{}", alert.message);
    let told: Vec<&str> = endpoint_ids(alert).iter().map(|(id, _)| *id).collect();
    assert_eq!(
        told,
        [
            "endpoint.archive",
            "endpoint.archive_kin",
            "endpoint.archive_size",
            "endpoint.parent",
            "endpoint.sensitive_file",
        ]
    );
    let line = serde_json::to_string(alert).unwrap();
    for part in [
        "/srv/out.tar",
        "/usr/bin/tar",
        "/usr/bin/curl",
        "/usr/bin/bash",
        "id_ed25519",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    // The flow's process is told late: the alert is told again under its name.
    let reports = [&reports[..3], &[flow(observations, 1800)]].concat();
    let late = alerts_with(&reports);
    let [first, second] = &late[late.len() - 2..] else {
        panic!("{} alerts", late.len())
    };
    assert_eq!(first.alert_id, second.alert_id);
    assert!(
        endpoint_ids(first)
            .iter()
            .all(|(id, _)| *id != "endpoint.archive_kin")
    );
    assert_eq!(endpoint_ids(second), endpoint_ids(alert));
}

#[test]
fn a_file_event_that_is_told_after_the_alert_amends_it_once_and_later_deeds_do_not() {
    let observations = &BEFORE.1;
    let late = |mut report: Report, seconds: i64| {
        report.received_at = report.received_at + Span::from_secs(seconds);
        report
    };
    let archive = |before: i64, size| {
        let path = "/srv/out.tar";
        late(
            file(UPLOAD - before, path, FileActivity::Update, Some(size)),
            1800 + before,
        )
    };
    let known = [inventory(), flow(observations, 0)];
    let plain = alerts_with(&known);
    let whole = alerts_with(&[known.clone(), [archive(60, BYTES), archive(61, BYTES)]].concat());
    assert_eq!(whole.len(), plain.len() + 1, "told once");
    let [first, second] = &whole[whole.len() - 2..] else {
        panic!("{} alerts", whole.len())
    };
    assert_eq!(first.alert_id, second.alert_id);
    assert_eq!(second.revision, first.revision + 1);
    assert_eq!(second.attribution.status, crate::endpoint::Status::Matched);
    let told = endpoint_ids(second);
    for id in [
        "endpoint.archive",
        "endpoint.archive_kin",
        "endpoint.archive_size",
    ] {
        assert!(told.iter().any(|(known, _)| *known == id), "{id}");
        assert!(endpoint_ids(first).iter().all(|(known, _)| *known != id));
    }
    assert!(second.bits > first.bits && second.tier >= first.tier);
    // What was packed once the upload was told is not what went.
    let after = file(
        UPLOAD + 900,
        "/srv/b.tar",
        FileActivity::Update,
        Some(BYTES),
    );
    assert_eq!(alerts_with(&[known.as_slice(), &[after]].concat()), plain);
    // Nor is what another host's agent tells.
    let mut other = archive(60, BYTES);
    other.agent = "db-8".into();
    assert_eq!(alerts_with(&[known.as_slice(), &[other]].concat()), plain);
}

#[test]
fn what_is_packed_all_day_or_long_before_or_of_another_size_says_little() {
    let with = |archives: &[(i64, u64)]| {
        let archives = archives.iter().map(|(before, size)| {
            let path = format!("/srv/{before}.tar");
            file(UPLOAD - before, &path, FileActivity::Update, Some(*size))
        });
        let reports: Vec<Report> = [inventory()].into_iter().chain(archives).collect();
        let found = alerts_with(&reports);
        let told = endpoint_ids(found.last().unwrap());
        told.iter()
            .map(|(id, bits)| (id.to_string(), *bits))
            .collect::<Vec<_>>()
    };
    let bits = |told: &[(String, f64)], id: &str| {
        let mut found = told.iter().filter(|(known, _)| known == id);
        found.next().map_or(0.0, |(_, bits)| *bits)
    };
    let once = with(&[(60, 5_000_000)]);
    assert!(bits(&once, "endpoint.archive") > 8.0, "{once:?}");
    assert_eq!(bits(&once, "endpoint.archive_size"), 0.0);
    let half = with(&[(400, 5_000_000)]);
    assert!(bits(&half, "endpoint.archive") < bits(&once, "endpoint.archive") / 2.0);
    assert!(with(&[(700, BYTES)]).is_empty());
    // Every ten minutes for a day before: in any ten minutes there is one.
    let busy: Vec<(i64, u64)> = (0..144).rev().map(|n| (n * 600 + 60, 5_000_000)).collect();
    let busy = with(&busy);
    assert!(bits(&busy, "endpoint.archive") < 4.0, "{busy:?}");
    // In two pieces, and in base64.
    let pieces = with(&[(90, BYTES / 4), (60, BYTES / 4 * 3)]);
    assert_eq!(bits(&pieces, "endpoint.archive_size"), 5.0);
    let encoded = with(&[(60, (BYTES as f64 / 1.37) as u64)]);
    assert_eq!(bits(&encoded, "endpoint.archive_size"), 5.0);
}

#[test]
fn homes_of_any_user_are_sensitive_and_nothing_that_is_only_called_alike() {
    let rules = super::super::an1415::An1415::shipped();
    for path in [
        "/Users/ann/Documents/a.pdf",
        "/home/%u/.ssh/id",
        &["/root", ".ssh/id"].join("/"),
    ] {
        assert!(rules.is_sensitive(path), "{path}");
    }
    for path in [
        "/home/%u/Documents2/a",
        "/srv/home/%u/.ssh/id",
        "/Users/.ssh",
        "/etc/x",
    ] {
        assert!(!rules.is_sensitive(path), "{path}");
    }
}
