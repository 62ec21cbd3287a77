use super::attribution::Key;
use super::clock::Clock;
use super::report::{
    Deed, Direction, FlowActivity, FlowReport, Method, Place, Process, ProcessActivity,
    ProcessReport, Report, Window,
};
use super::*;
use crate::limits::Limits;
use crate::net::{Endpoint, Transport, Uid};
use crate::observe::FlowId;
use crate::time::{Span, Timestamp};
use proptest::prelude::*;
use std::net::IpAddr;

const HOST: &str = "10.0.0.5";
const OTHER: &str = "10.0.0.6";
const SERVER: &str = "198.51.100.7";
const LAG: Span = Span::from_secs(60);
const DAY: i64 = 1_795_226_400;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(DAY * 1_000_000_000 + millis * 1_000_000)
}

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn place(host: &str, port: u16) -> Place {
    Place {
        addr: Some(addr(host)),
        port: Some(port),
    }
}

/// A flow from the host's `port` to the server.
fn flow(n: u64, host: &str, port: u16, millis: i64) -> FlowId {
    let end = |host, port| Endpoint {
        addr: addr(host),
        port,
    };
    FlowId {
        uid: Uid::from_words(9, n),
        first_at: at(millis),
        originator: end(host, port),
        responder: end(SERVER, 443),
        transport: Transport::Tcp,
    }
}

fn process(pid: u32, path: &str) -> Process {
    Process {
        pid: Some(pid),
        path: Some(path.into()),
        uid: Some(501),
        ..Process::default()
    }
}

/// A connect that an agent tells, by its own clock.
fn connect(host: &str, port: u16, millis: i64, process: Process) -> Report {
    let report = FlowReport {
        activity: FlowActivity::Open,
        transport: Some(Transport::Tcp),
        direction: Some(Direction::Outbound),
        local: place(host, port),
        remote: place(SERVER, 443),
        remote_name: None,
        bytes: None,
        process,
    };
    told("laptop", millis, Deed::Flow(Box::new(report)))
}

fn told(agent: &str, millis: i64, deed: Deed) -> Report {
    Report::of_event(agent, at(millis), deed)
}

fn flow_of(report: &mut Report) -> &mut FlowReport {
    match &mut report.deed {
        Deed::Flow(told) => told,
        _ => panic!("a report of a flow"),
    }
}

fn inventory(agent: &str, addrs: &[&str]) -> Report {
    let addrs = addrs.iter().map(|text| addr(text)).collect();
    Report::of_inventory(agent, at(0), addrs)
}

/// A site after these flows and reports.
fn site(flows: &[FlowId], reports: &[Report]) -> Join {
    let mut join = Join::default();
    for flow in flows {
        join.handle_flow(&Limits::DEFAULT, flow, flow.first_at);
    }
    for report in reports {
        join.handle_report(&Limits::DEFAULT, report);
    }
    join
}

fn status(join: &Join, flow: &FlowId) -> Status {
    join.attribution(flow, at(3_600_000), LAG).status
}

#[test]
fn a_connect_that_names_both_ends_names_the_process_of_its_flow_alone() {
    let flows = [flow(1, HOST, 50_000, 1000), flow(2, HOST, 50_001, 1000)];
    let join = site(
        &flows,
        &[connect(HOST, 50_000, 1020, process(7, "/usr/bin/curl"))],
    );
    let found = join.attribution(&flows[0], at(2000), LAG);
    assert_eq!(
        (found.status, found.key),
        (Status::Matched, Some(Key::Tuple))
    );
    assert_eq!(found.process.unwrap().pid, Some(7));
    assert_eq!(
        found.delta,
        Some(Span::ZERO),
        "the clock is known by this one"
    );
    assert!(found.confidence < 1.0);
    assert_eq!(status(&join, &flows[1]), Status::None);
    let pending = join.attribution(&flows[1], at(2000), LAG);
    assert_eq!(pending.status, Status::Pending);
    assert_eq!(
        status(&join, &flow(3, OTHER, 50_000, 1000)),
        Status::Unobservable
    );
}

#[test]
fn it_does_not_matter_which_comes_first() {
    let flow = flow(1, HOST, 50_000, 1000);
    let report = connect(HOST, 50_000, 1020, process(7, "/usr/bin/curl"));
    let mut early = site(&[], std::slice::from_ref(&report));
    early.handle_flow(&Limits::DEFAULT, &flow, flow.first_at);
    assert_eq!(status(&early, &flow), Status::Matched);
    let mut late = site(&[flow], &[]);
    let heard = late.handle_report(&Limits::DEFAULT, &report);
    assert_eq!((heard.about, late.is_met(0)), (vec![flow.uid], Some(true)));
    assert_eq!(status(&late, &flow), Status::Matched);
}

#[test]
fn a_connect_without_its_port_is_as_sure_as_there_are_programs() {
    let flows = [flow(1, HOST, 50_000, 1000), flow(2, HOST, 50_001, 1300)];
    let partial = |millis, process| {
        let mut report = connect(HOST, 1, millis, process);
        let told = flow_of(&mut report);
        (told.local.port, told.transport) = (None, None);
        report
    };
    for (other, expected) in [
        (None, Status::Matched),
        (Some("/usr/bin/curl"), Status::MatchedBinary),
        (Some("/usr/bin/python3"), Status::Ambiguous),
    ] {
        let mut reports = vec![partial(1010, process(7, "/usr/bin/curl"))];
        reports.extend(other.map(|path| partial(1310, process(8, path))));
        let found = site(&flows, &reports).attribution(&flows[0], at(2000), LAG);
        assert_eq!((found.status, found.key), (expected, Some(Key::Remote)));
        let pid = found.process.and_then(|process| process.pid);
        assert_eq!(pid, (expected == Status::Matched).then_some(7));
    }
}

#[test]
fn the_next_flow_of_the_same_ports_has_its_own_process() {
    let flows = [flow(1, HOST, 50_000, 1000), flow(2, HOST, 50_000, 62_000)];
    let reports = [
        connect(HOST, 50_000, 1010, process(7, "/usr/bin/curl")),
        connect(HOST, 50_000, 62_010, process(8, "/usr/bin/python3")),
    ];
    let join = site(&flows, &reports);
    for (flow, pid) in flows.iter().zip([7, 8]) {
        let found = join.attribution(flow, at(90_000), LAG);
        assert_eq!(found.status, Status::Matched);
        assert_eq!(found.process.unwrap().pid, Some(pid));
    }
}

#[test]
fn quick_looks_tell_the_clock_and_the_next_flow_of_the_same_ports_from_the_last() {
    let offset = 300_000;
    let looked = |port, millis: i64, width: i64, pid| {
        let mut report = connect(HOST, port, 0, process(pid, &format!("/bin/{pid}")));
        let to = at(millis + offset + 10);
        let from = to + Span::from_millis(-width);
        (report.method, report.window) = (Method::Poll, Window { from, to });
        report
    };
    let closed = |port, millis: i64, pid| {
        let mut report = connect(
            HOST,
            port,
            millis + offset,
            process(pid, &format!("/bin/{pid}")),
        );
        flow_of(&mut report).activity = FlowActivity::Close;
        report
    };
    let again = 50_010;
    let mut flows: Vec<FlowId> = (0..5)
        .map(|n| flow(n, HOST, 50_000 + n as u16, 1000 * n as i64))
        .collect();
    flows.extend([flow(8, HOST, again, 9000), flow(9, HOST, again, 39_000)]);
    let found = |width: i64| {
        let first = (0..5).map(|n| looked(50_000 + n, i64::from(n) * 1000, width, 3));
        let mut reports: Vec<Report> = first.collect();
        for (millis, pid) in [(9000, 7), (39_000, 8)] {
            reports.push(looked(again, millis, width, pid));
            reports.push(closed(again, millis + 500, pid));
        }
        let join = site(&flows, &reports);
        let pid = |flow| join.attribution(flow, at(90_000), LAG).process?.pid;
        [pid(&flows[5]), pid(&flows[6])]
    };
    assert_eq!(found(20), [Some(7), Some(8)]);
    // From looks that are seconds apart no clock is learnt.
    assert_eq!(found(5000), [None, None]);
}

#[test]
fn a_poll_names_what_was_open_between_two_looks() {
    let flow = flow(1, HOST, 50_000, 1000);
    let poll = |from, to| {
        let mut report = connect(HOST, 50_000, 0, process(7, "/usr/bin/ssh"));
        (report.method, report.window) = (
            Method::Poll,
            Window {
                from: at(from),
                to: at(to),
            },
        );
        flow_of(&mut report).activity = FlowActivity::Seen;
        report
    };
    let mut join = site(&[flow], &[poll(0, 5000)]);
    let found = join.attribution(&flow, at(9000), LAG);
    assert_eq!(
        (found.status, found.method),
        (Status::Matched, Some(Method::Poll.into()))
    );
    // Ten minutes before, where the clock is not known, could be; an hour before could not.
    join = site(&[flow], &[poll(-3_605_000, -3_600_000)]);
    assert_eq!(status(&join, &flow), Status::None);
}

#[test]
fn nobody_speaks_for_an_address_that_is_not_his() {
    let flow = flow(1, HOST, 50_000, 1000);
    let liar = connect(HOST, 50_000, 1010, process(7, "/usr/bin/curl"));
    let honest = |path| {
        let mut report = connect(HOST, 50_000, 1010, process(9, path));
        report.agent = "server".into();
        report
    };
    let lies = [inventory("laptop", &[OTHER]), liar.clone()];
    let join = site(&[flow], &lies);
    let found = join.attribution(&flow, at(2000), LAG);
    assert_eq!((found.status, found.process), (Status::Conflict, None));
    assert_eq!(join.foreign, 1);
    let both = [
        inventory("laptop", &[OTHER]),
        inventory("server", &[HOST]),
        liar.clone(),
        honest("/bin/nc"),
    ];
    let found = site(&[flow], &both).attribution(&flow, at(2000), LAG);
    assert_eq!(found.status, Status::Matched);
    assert_eq!(found.process.unwrap().pid, Some(9));
    let claims = [
        inventory("laptop", &[HOST]),
        inventory("server", &[HOST]),
        liar,
        honest("/bin/nc"),
    ];
    assert_eq!(status(&site(&[flow], &claims), &flow), Status::Conflict);
}

#[test]
fn what_a_process_is_may_be_told_before_or_after_its_flow() {
    let flow = flow(1, HOST, 50_000, 2000);
    let start = |millis, pid, path: &str, parent| {
        let process = Process {
            parent: Some(Box::new(Process {
                pid: Some(parent),
                ..Process::default()
            })),
            command_line: Some(path.into()),
            ..process(pid, path)
        };
        let activity = ProcessActivity::Start;
        told(
            "laptop",
            millis,
            Deed::Process(Box::new(ProcessReport { activity, process })),
        )
    };
    let bare = Process {
        pid: Some(7),
        ..Process::default()
    };
    let mut reports = vec![
        start(0, 1, "/sbin/init", 0),
        start(500, 7, "/bin/old", 1),
        start(1500, 7, "/usr/bin/curl", 5),
        start(1000, 5, "/bin/bash", 1),
        connect(HOST, 50_000, 2010, bare),
    ];
    for _ in 0..2 {
        let found = site(&[flow], &reports).attribution(&flow, at(9000), LAG);
        let process = found.process.unwrap();
        assert_eq!(process.path.as_deref(), Some("/usr/bin/curl"));
        assert_eq!(process.parent.unwrap().path.as_deref(), Some("/bin/bash"));
        reports.reverse();
        reports.sort_by_key(|report| matches!(report.deed, Deed::Process(_)));
        reports.sort_by_key(|report| match &report.deed {
            Deed::Process(_) => report.window.from,
            _ => at(-1),
        });
    }
}

/// A clock that is `offset` ms off and drifts by `ppm`, told of with exponential delays of `delay`
/// ms; the error at its last match in ms.
fn clock(offset: i64, ppm: i64, matches: i64, apart: i64, delay: f64) -> (Clock, i64) {
    let mut clock = Clock::default();
    let (mut state, mut last) = (88_172_645_463_325_252u64, 0);
    for n in 0..matches {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let seen = n * apart;
        let off = offset + seen * ppm / 1_000_000;
        let share = (state % 100_000 + 1) as f64 / 100_000.0;
        let late = (-share.ln() * delay) as i64;
        clock.handle_match(at(seen), at(seen + off + late));
        last = seen;
    }
    let off = offset + last * ppm / 1_000_000;
    let told = clock.offset(at(last)).unwrap().as_nanos() / 1_000_000;
    (clock, told - off)
}

#[test]
fn a_clock_is_known_to_fifty_milliseconds_after_fifty_matches() {
    for offset in [-600_000, -1500, 0, 40, 600_000] {
        for ppm in [-200, 0, 50, 200] {
            for apart in [100, 2000, 60_000] {
                let (_, error) = clock(offset, ppm, 50, apart, 50.0);
                assert!(error.abs() <= 50, "{offset} {ppm} {apart}: {error} ms");
            }
        }
    }
}

#[test]
fn a_clock_that_was_set_is_learnt_anew() {
    let (mut known, _) = clock(0, 0, 50, 1000, 10.0);
    for n in 0..6 {
        known.handle_match(at(60_000 + n * 1000), at(60_000 + n * 1000 + 90_000));
    }
    let told = known.offset(at(66_000)).unwrap();
    assert_eq!(told, Span::from_millis(90_000));
}

proptest! {
    /// Clocks that are off, losses, copies, delays, ports that are used again, programs side by
    /// side: what is said to be one process is that process.
    #[test]
    fn no_wrong_process_is_told_as_certain(
        offset in -600_000i64..600_000,
        steps in prop::collection::vec(
            (0u16..6, 0u32..4, 200i64..90_000, 0i64..400, 0u8..20, 0u8..3), 1..60),
        partial in any::<bool>(),
    ) {
        let mut join = Join::default();
        let (mut moment, mut last) = (0, [i64::MIN / 2; 6]);
        let (mut flows, mut reports) = (Vec::new(), Vec::new());
        for (n, (port, program, apart, delay, fate, copies)) in steps.into_iter().enumerate() {
            moment += apart;
            // Nobody opens a flow with ports that are in TIME_WAIT.
            if moment - last[usize::from(port)] < 60_000 {
                continue;
            }
            last[usize::from(port)] = moment;
            let seen = flow(n as u64, HOST, 50_000 + port, moment);
            flows.push((seen, program));
            let path = format!("/bin/program-{program}");
            let (process, told_at) = (process(program, &path), moment + offset + delay);
            let mut report = connect(HOST, 50_000 + port, told_at, process);
            report.received_at = at(moment + delay + i64::from(fate) * 1000);
            if partial {
                flow_of(&mut report).local.port = None;
            }
            // One in twenty is lost.
            if fate > 0 {
                (0..=copies).for_each(|_| reports.push(report.clone()));
            }
        }
        for (seen, _) in &flows {
            join.handle_flow(&Limits::DEFAULT, seen, seen.first_at);
        }
        reports.sort_by_key(|report| report.received_at);
        for report in &reports {
            join.handle_report(&Limits::DEFAULT, report);
        }
        let saved = postcard::to_stdvec(&join).unwrap();
        let restored: Join = postcard::from_bytes(&saved).unwrap();
        for (seen, program) in &flows {
            let found = join.attribution(seen, at(moment + 3_600_000), LAG);
            let certain = found.confidence >= 0.9;
            if found.status == Status::Matched && certain {
                let pid = found.process.as_ref().and_then(|process| process.pid);
                prop_assert_eq!(pid, Some(*program), "{:?}", found);
            }
            prop_assert_eq!(restored.attribution(seen, at(moment + 3_600_000), LAG), found);
        }
    }
}

#[test]
fn an_agent_that_repeats_itself_costs_no_more_than_one_that_does_not() {
    let seen = flow(1, HOST, 50_000, 900_000);
    let mut reports: Vec<Report> = (0..5000)
        .map(|n| connect(HOST, 50_000, n, process(7, "/usr/bin/curl")))
        .collect();
    reports.push(connect(HOST, 50_000, 900_010, process(8, "/usr/bin/ssh")));
    let join = site(&[seen], &reports);
    let found = join.attribution(&seen, at(901_000), LAG);
    assert_eq!(found.process.and_then(|process| process.pid), Some(8));
    assert!(
        postcard::to_stdvec(&join).unwrap().len() < 40_000,
        "old ones are forgotten"
    );
}
