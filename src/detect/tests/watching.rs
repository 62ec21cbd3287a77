//! Agents that fall silent, whose clocks are off, that contradict each other, and what they cover,
//! as an engine is told.

use super::super::judging::CoveredHour;
use super::super::note::Note;
use super::*;
use crate::endpoint::report::{Process, Report};

const LAG: Span = Span::from_secs(60);
/// Flows are this far apart.
const EVERY: i64 = 20;

/// The server's flows from its first hour on, `n` of them.
fn calls(n: i64) -> Vec<Call> {
    let fetch = |n| call(DATABASE, n * EVERY, "updates.example.net", Client::Updater);
    (0..n).map(fetch).collect()
}

/// That the call's flow is of this program, by a clock that is `ahead` seconds off.
fn told(agent: &str, call: &Call, path: &str, ahead: i64) -> Report {
    let flow = flow_id(SERVERS, call, outside(call.to));
    let process = Process {
        pid: Some(77),
        path: Some(path.into()),
        ..Process::default()
    };
    let mut report = Report::of_flow(agent, &flow, process);
    report.received_at = flow.first_at + Span::from_secs(2);
    let said_at = flow.first_at + Span::from_secs(ahead);
    (report.window.from, report.window.to) = (said_at, said_at);
    report
}

fn inventory(agent: &str, host: u8) -> Report {
    let at = Timestamp::from_parts(START, 0);
    Report::of_inventory(agent, at, vec![local(SERVERS, host)])
}

/// What an engine tells of agents, moved on as a detector moves it; saved and restored at every
/// step where `restarts`.
fn watch(calls: &[Call], reports: &[Report], restarts: bool) -> (Vec<Note>, Vec<CoveredHour>) {
    let settings = settings().with_reports(LAG);
    let limits = &Limits::DEFAULT;
    let (mut engine, mut alerts) = (Engine::new(), Vec::new());
    let (mut notes, mut hours) = (Vec::new(), Vec::new());
    let mut reports = reports.iter().peekable();
    let mut pass = |engine: &mut Engine, until: Timestamp| {
        let due = |at: Option<Timestamp>| at.filter(|at| *at <= until);
        loop {
            let flow = due(engine.attributing.deadline());
            let agents = due(engine.watching_deadline());
            match (flow, agents) {
                (Some(flow), agents) if agents.is_none_or(|agents| flow <= agents) => {
                    engine.pop_attributed(&settings, limits);
                }
                (_, Some(agents)) => hours.extend(engine.pop_covered(limits, agents)),
                _ => break,
            }
        }
        notes.extend(engine.take_notes());
    };
    for observation in observe(SERVERS, calls) {
        while let Some(report) = reports.next_if(|report| report.received_at <= observation.at) {
            pass(&mut engine, report.received_at);
            engine.handle_report(&settings, limits, report, &mut alerts);
        }
        pass(&mut engine, observation.at);
        engine.handle_observation(&settings, limits, &observation, &mut alerts);
        if restarts {
            let saved = postcard::to_stdvec(&engine).unwrap();
            engine = postcard::from_bytes(&saved).unwrap();
        }
    }
    for report in reports {
        pass(&mut engine, report.received_at);
        engine.handle_report(&settings, limits, report, &mut alerts);
    }
    pass(&mut engine, Timestamp::from_parts(START + 2 * DAY, 0));
    assert_eq!(alerts, []);
    (notes, hours)
}

fn names(notes: &[Note]) -> Vec<&'static str> {
    notes.iter().map(Note::name).collect()
}

#[test]
fn silence_and_a_clock_that_is_off_are_told_once_and_each_hour_has_its_account() {
    // An hour of flows that are all named, one in which none is, and half an hour as the first.
    let calls = calls(450);
    let named = |n: usize| !(180..360).contains(&n);
    let speaking = calls.iter().enumerate().filter(|(n, _)| named(*n));
    let mut reports = vec![inventory("db-7", DATABASE)];
    reports.extend(speaking.map(|(_, call)| told("db-7", call, "/usr/bin/updater", 5)));
    // One is of a flow that the tap did not see.
    let unseen = call(DATABASE, 3605, "elsewhere.example.net", Client::Updater);
    reports.push(told("db-7", &unseen, "/usr/bin/updater", 5));
    reports.sort_by_key(|report| report.received_at);
    let (notes, hours) = watch(&calls, &reports, false);
    let expected = [
        "Tapir::Agent_Clock",
        "Tapir::Agent_Silent",
        "Tapir::Agent_Heard_Again",
    ];
    assert_eq!(names(&notes), expected);
    assert!(notes[0].message().ends_with("5.0 s ahead of the sensor's"));
    let host = Some(local(SERVERS, DATABASE));
    assert!(notes[..2].iter().all(|note| note.host() == host));
    let accounts: Vec<_> = hours
        .iter()
        .map(|hour| {
            let account = hour.account;
            let begun = (hour.begun - Timestamp::from_parts(START, 0)).as_secs_f64();
            assert_eq!(hour.covered, (host, "db-7".into()));
            assert_eq!(account.flows, account.matched + account.none);
            let reports = (account.reports, account.reports_without_flow);
            (begun, account.matched, account.none, reports)
        })
        .collect();
    // A flow is told a minute after it began.
    assert_eq!(
        accounts,
        [
            (0.0, 178, 0, (180, 0)),
            (3600.0, 2, 178, (1, 1)),
            (7200.0, 90, 2, (90, 0)),
        ]
    );
    let offset = hours[0].offset.unwrap().as_secs_f64();
    assert!((offset - 5.0).abs() < 0.1, "{offset}");
    assert_eq!(watch(&calls, &reports, true), (notes, hours));
}

#[test]
fn a_quiet_host_whose_agent_says_nothing_is_no_silence() {
    let mut calls = calls(180);
    let reports: Vec<Report> = [inventory("db-7", DATABASE)]
        .into_iter()
        .chain(
            calls
                .iter()
                .map(|call| told("db-7", call, "/usr/bin/updater", 0)),
        )
        .collect();
    // One flow an hour for nine hours, which nobody names.
    let hourly = |n| call(DATABASE, n * HOUR, "updates.example.net", Client::Updater);
    calls.extend((2..11).map(hourly));
    let (notes, hours) = watch(&calls, &reports, false);
    assert_eq!(names(&notes), [""; 0]);
    let none: u64 = hours.iter().map(|hour| hour.account.none).sum();
    assert_eq!(none, 9);
}

#[test]
fn agents_that_contradict_each_other_or_speak_for_another_host_are_told_once_a_day() {
    let calls = calls(30);
    let both = |call: &Call| {
        let honest = told("db-7", call, "/usr/bin/updater", 0);
        [honest, told("liar", call, "/usr/bin/other", 0)]
    };
    // Neither has an inventory: each may speak for the host.
    let reports: Vec<Report> = calls.iter().flat_map(both).collect();
    let (notes, hours) = watch(&calls, &reports, false);
    assert_eq!(names(&notes), ["Tapir::Attribution_Conflict"]);
    assert!(notes[0].message().contains("contradict each other"));
    assert!(notes[0].flow().is_some());
    let conflicts: u64 = hours.iter().map(|hour| hour.account.conflict).sum();
    assert_eq!(conflicts, 30);
    // One has, of another address.
    let mut with_inventory = vec![inventory("liar", 9), inventory("db-7", DATABASE)];
    with_inventory.extend(reports);
    let (notes, hours) = watch(&calls, &with_inventory, false);
    assert_eq!(names(&notes), ["Tapir::Attribution_Conflict"]);
    let message = notes[0].message();
    assert_eq!(
        message,
        "agent liar speaks for 10.0.1.7, which its inventory does not name"
    );
    let rows: Vec<_> = hours
        .iter()
        .map(|hour| (&*hour.covered.1, hour.account.matched, hour.account.refused))
        .collect();
    assert_eq!(rows, [("db-7", 30, 0), ("liar", 0, 30)]);
}
