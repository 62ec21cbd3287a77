//! What an inventory, users and greetings add to an alert on a script, as agents tell them.

use super::super::allow::Who;
use super::super::inventory::{Approved, Program, Signed, Signer};
use super::*;
use crate::endpoint::report::{Process, Report, Signature, SignatureState};

const HASH: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// The script's calls, among those of 24 servers.
fn calls() -> Vec<Call> {
    [usual(24, 0), script(2)].concat()
}

/// That the script's flows are of this process.
fn told(process: &Process, class: Client) -> Vec<Report> {
    let addrs = vec![local(SERVERS, DATABASE)];
    let first = Timestamp::from_parts(START, 0);
    let mut reports = vec![Report::of_inventory("db-7", first, addrs)];
    let own = |call: &&Call| call.client == class && call.host == DATABASE;
    for call in calls().iter().filter(own) {
        let flow = flow_id(SERVERS, call, outside(call.to));
        reports.push(Report::of_flow("db-7", &flow, process.clone()));
    }
    reports
}

/// The alert on the script, and the names of all notices.
fn alert_with(entries: Vec<Approved>, reports: &[Report]) -> (Alert, Vec<&'static str>) {
    let settings = settings().with_reports(Span::from_secs(60));
    let settings = settings.with_approved(entries);
    let (mut engine, mut alerts, mut notes) = (Engine::new(), Vec::new(), Vec::new());
    let mut reports = reports.iter().peekable();
    for observation in observe(SERVERS, &calls()) {
        while let Some(report) = reports.next_if(|report| report.received_at <= observation.at) {
            engine.handle_report(&settings, &Limits::DEFAULT, report, &mut alerts);
        }
        engine.handle_observation(&settings, &Limits::DEFAULT, &observation, &mut alerts);
        notes.extend(engine.take_notes());
    }
    while engine.attributing.deadline().is_some() {
        engine.pop_attributed(&settings, &Limits::DEFAULT);
    }
    notes.extend(engine.take_notes());
    let names = notes.iter().map(note::Note::name).collect();
    (alerts.pop().expect("the script is alerted on"), names)
}

fn signed(state: SignatureState, team: &str) -> Process {
    Process {
        pid: Some(501),
        path: Some("/opt/notify/notify".into()),
        user: Some("notify".into()),
        signature: Some(Signature {
            state,
            signing_id: Some("com.example.notify".into()),
            team_id: Some(team.into()),
            ..Signature::default()
        }),
        sha256: Some(HASH.to_uppercase().into()),
        ..Process::default()
    }
}

fn entry(program: Program, destinations: &[&str]) -> Approved {
    Approved {
        id: "notify".into(),
        program,
        destinations: destinations.iter().map(|name| Box::from(*name)).collect(),
        hosts: vec![Who::Role("servers".into())],
        users: ["notify".into()].into(),
        owner: "ops".into(),
        reason: "deployments".into(),
    }
}

fn by_team() -> Program {
    let signing_id = "com.example.notify".into();
    let by = Signer::Team("A1B2C3D4E5".into());
    Program {
        signed: Some(Signed { signing_id, by }),
        ..Program::default()
    }
}

fn by_path() -> Program {
    Program {
        path: Some("/opt/notify/notify".into()),
        ..Program::default()
    }
}

fn by_hash() -> Program {
    Program {
        sha256: Some(HASH.into()),
        ..Program::default()
    }
}

/// What of the endpoint the alert is made of.
fn endpoint(entries: Vec<Approved>, process: &Process) -> Vec<(String, f64)> {
    let (alert, _) = alert_with(entries, &told(process, Client::Script));
    let found = ids(&alert);
    let mut found: Vec<_> = found
        .into_iter()
        .filter(|(id, _)| id.starts_with("endpoint."))
        .map(|(id, bits)| (id.to_owned(), bits))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[track_caller]
fn check(entry: Approved, process: &Process, expected: &[(&str, f64)]) {
    let found = endpoint(vec![entry], process);
    let found: Vec<_> = found.iter().map(|(id, bits)| (&**id, *bits)).collect();
    assert_eq!(found, expected);
}

const SLACK: &[&str] = &["slack.com"];
const TEAM: &str = "A1B2C3D4E5";

#[test]
fn a_program_that_is_signed_or_hashed_as_approved_lowers_and_a_path_alone_does_not() {
    let process = signed(SignatureState::Signed, TEAM);
    let lowered: &[(&str, f64)] = &[("endpoint.approved", -4.0)];
    check(entry(by_team(), SLACK), &process, lowered);
    check(entry(by_hash(), SLACK), &process, lowered);
    check(entry(by_path(), SLACK), &process, &[]);
    let both = Program {
        sha256: Some(HASH.into()),
        ..by_path()
    };
    check(entry(both, SLACK), &process, lowered);
    // Where no destination is listed none is expected.
    check(entry(by_team(), &[]), &process, &[]);
    // Of another role's inventory nothing is said.
    let elsewhere = Approved {
        hosts: vec![Who::Role("workstations".into())],
        ..entry(by_team(), SLACK)
    };
    check(elsewhere, &signed(SignatureState::Signed, "X"), &[]);
}

#[test]
fn what_no_entry_names_or_none_names_for_this_raises() {
    let unapproved: &[(&str, f64)] = &[("endpoint.unapproved", 3.0)];
    let process = signed(SignatureState::Signed, TEAM);
    check(
        entry(by_team(), SLACK),
        &signed(SignatureState::Signed, "OTHERTEAM1"),
        unapproved,
    );
    check(
        entry(by_team(), &["example.com"]),
        &process,
        &[("endpoint.unexpected_destination", 4.0)],
    );
    // A name that only ends alike is another's.
    check(
        entry(by_team(), &["lack.com"]),
        &process,
        &[("endpoint.unexpected_destination", 4.0)],
    );
    let ann = Process {
        user: Some("ann".into()),
        ..process.clone()
    };
    check(
        entry(by_team(), SLACK),
        &ann,
        &[("endpoint.unexpected_user", 3.0)],
    );
    // What the agent does not tell is neither for nor against.
    let untold = Process {
        signature: None,
        sha256: None,
        ..process
    };
    check(entry(by_team(), SLACK), &untold, &[]);
    check(entry(by_hash(), SLACK), &untold, &[]);
}

#[test]
fn a_broken_signature_or_another_greeting_is_not_the_program_that_was_approved() {
    let broken = signed(SignatureState::Broken, TEAM);
    check(
        entry(by_team(), SLACK),
        &broken,
        &[
            ("endpoint.signature_broken", 4.0),
            ("endpoint.unapproved", 3.0),
        ],
    );
    check(
        entry(by_hash(), SLACK),
        &broken,
        &[("endpoint.signature_broken", 4.0)],
    );
    let browser = Process {
        path: Some("/opt/google/chrome/chrome".into()),
        ..signed(SignatureState::Signed, TEAM)
    };
    check(
        entry(by_team(), SLACK),
        &browser,
        &[("endpoint.other_client", 6.0)],
    );
}

#[test]
fn an_agent_that_lies_in_every_way_lowers_by_six_bits_and_one_tier_and_suppresses_nothing() {
    let (plain, _) = alert_with(Vec::new(), &[]);
    let mut liar = signed(SignatureState::Signed, TEAM);
    if let Some(signature) = &mut liar.signature {
        signature.platform = true;
    }
    let entries: Vec<Approved> = (0..20).map(|_| entry(by_team(), SLACK)).collect();
    let (alert, _) = alert_with(entries, &told(&liar, Client::Script));
    assert_eq!(alert.suppressed_by, None);
    assert_eq!(alert.bits + Bits::whole(6), plain.bits);
    assert_eq!((plain.tier, alert.tier), (Tier::Low, Tier::Low));
    assert!(alert.attribution.confidence > 0.8);
}

#[test]
fn accounts_that_no_person_works_as_are_evidence_where_they_act_like_one() {
    let typed = |line: &str| Process {
        pid: Some(501),
        path: Some("/usr/bin/curl".into()),
        uid: Some(0),
        parent: Some(Box::new(Process {
            path: Some("/usr/bin/bash".into()),
            command_line: Some(line.into()),
            ..Process::default()
        })),
        ..Process::default()
    };
    let ids_of = |process: &Process| {
        let found = endpoint(Vec::new(), process);
        found.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let person = ["endpoint.parent", "endpoint.service_account"];
    assert_eq!(ids_of(&typed("-bash")), person);
    assert_eq!(ids_of(&typed("bash -i")), person);
    assert_eq!(
        ids_of(&typed("bash /etc/cron.daily/notify")),
        ["endpoint.parent"]
    );
    let ann = Process {
        uid: Some(1000),
        user: Some("ann".into()),
        ..typed("-bash")
    };
    assert_eq!(ids_of(&ann), ["endpoint.parent"]);
}

#[test]
fn a_program_that_greets_like_another_is_a_notice_once_and_without_an_alert() {
    let firefox = Process {
        pid: Some(77),
        path: Some("/usr/lib/firefox/firefox".into()),
        ..Process::default()
    };
    let (_, notes) = alert_with(Vec::new(), &told(&firefox, Client::Script));
    assert_eq!(notes, ["Tapir::Attribution_Conflict"]);
    // The updater's flows are no alert's.
    let (alert, notes) = alert_with(Vec::new(), &told(&firefox, Client::Updater));
    assert_eq!(notes, ["Tapir::Attribution_Conflict"]);
    assert_eq!(alert.attribution.status, crate::endpoint::Status::Pending);
    let curl = Process {
        path: Some("/usr/bin/curl".into()),
        ..firefox
    };
    let (_, notes) = alert_with(Vec::new(), &told(&curl, Client::Script));
    assert_eq!(notes, [""; 0]);
}
