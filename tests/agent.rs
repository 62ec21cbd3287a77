//! From real connections of real processes to the agent's lines: each names the process that has
//! the flow.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)] // A test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tapir::endpoint::format::{Source, read_line};
use tapir::endpoint::report::{Deed, Direction, FlowActivity, FlowReport, ProcessActivity};
use tapir::time::Timestamp;

/// Set for processes that call: the port of the server.
const CALLS: &str = "TAPIR_TEST_CALLS";
const CALLERS: usize = 4;
/// Flows of each caller.
const LONG: usize = 5;
const SHORT: usize = 10;
/// However busy the machine is, the agent has told by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// No test: what a caller does. It says the local port of each of its flows; those of 1 s last until
/// its standard input ends, if that is longer.
#[test]
fn caller() {
    let Ok(port) = std::env::var(CALLS) else {
        return;
    };
    let server = (Ipv4Addr::LOCALHOST, port.parse::<u16>().unwrap());
    let call = |kind: &str| {
        let stream = TcpStream::connect(server).unwrap();
        println!("\n{kind} {}", stream.local_addr().unwrap().port());
        stream
    };
    let begun = Instant::now();
    let long: Vec<TcpStream> = (0..LONG).map(|_| call("long")).collect();
    for _ in 0..SHORT {
        let mut short = call("short");
        short.write_all(b"hello").unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    thread::sleep(Duration::from_secs(1).saturating_sub(begun.elapsed()));
    drop(long);
}

/// Answers nothing, and closes when the caller does.
fn serve() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || stream.unwrap().read_to_end(&mut Vec::new()));
        }
    });
    port
}

struct Caller {
    child: Child,
    stdin: Option<ChildStdin>,
    out: BufReader<std::process::ChildStdout>,
}

fn call(port: u16) -> Caller {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "caller", "--nocapture"])
        .env(CALLS, port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Caller {
        stdin: child.stdin.take(),
        out: BufReader::new(child.stdout.take().unwrap()),
        child,
    }
}

impl Caller {
    /// The local ports of its flows, and whether each is a long one.
    fn ports(&mut self) -> Vec<(u16, bool)> {
        let mut ports = Vec::new();
        while ports.len() < LONG + SHORT {
            let mut line = String::new();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "a caller fails");
            let mut words = line.split_whitespace();
            if let (Some(kind @ ("long" | "short")), Some(port)) = (words.next(), words.next()) {
                ports.push((port.parse().unwrap(), kind == "long"));
            }
        }
        ports
    }
}

/// What the whole lines of the agent say so far.
fn deeds(path: &Path) -> Vec<Deed> {
    let text = std::fs::read(path).unwrap_or_default();
    let source = Source {
        agent: None,
        received_at: Timestamp::default(),
    };
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let whole = lines.filter(|line| line.ends_with(b"\n"));
    let reports = whole.flat_map(|line| read_line(line, &source).unwrap());
    reports.map(|report| report.deed).collect()
}

/// The agent's flows to the server, or of it.
fn flows(path: &Path, port: u16) -> Vec<FlowReport> {
    let flows = deeds(path).into_iter().filter_map(|deed| match deed {
        Deed::Flow(flow) => Some(*flow),
        _ => None,
    });
    let of_server = |flow: &FlowReport| {
        let both = [flow.local.port, flow.remote.port];
        both.contains(&Some(port)) && both.iter().all(Option::is_some)
    };
    flows.filter(of_server).collect()
}

/// How many flows of these ports the agent has told both ends of.
fn told(path: &Path, port: u16, ports: &[u16], activity: &[FlowActivity]) -> usize {
    let flows = flows(path, port);
    let is_told = |port: &&u16, outbound: bool| {
        flows.iter().any(|flow| {
            let own = if outbound { flow.local } else { flow.remote };
            own.port == Some(**port) && activity.contains(&flow.activity)
        })
    };
    let both = |port: &&u16| is_told(port, true) && is_told(port, false);
    ports.iter().filter(both).count()
}

fn wait(done: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
    true
}

/// The agent once it has looked; none, with the reason, where the kernel does not let it.
fn start_agent(path: &Path) -> Option<Child> {
    let agent = Command::new(env!("CARGO_BIN_EXE_tapir"))
        .args(["agent", "--loopback", "--id", "host1", "--interval", "0.25"])
        .arg("--output")
        .arg(path)
        .stderr(Stdio::piped())
        .spawn();
    let mut agent = agent.unwrap();
    let has_told = || std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    let begun = Instant::now();
    while !has_told() {
        if agent.try_wait().unwrap().is_some() {
            let output = agent.wait_with_output().unwrap();
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(reason.contains("does not show its sockets"), "{reason}");
            println!("skipped: {reason}");
            return None;
        }
        assert!(begun.elapsed() < PATIENCE, "the agent does not begin");
        thread::sleep(Duration::from_millis(50));
    }
    Some(agent)
}

#[test]
fn flows_are_told_with_the_process_that_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    let Some(agent) = start_agent(&path) else {
        return;
    };
    let port = serve();
    let mut callers: Vec<Caller> = (0..CALLERS).map(|_| call(port)).collect();
    let (mut truth, mut long) = (BTreeMap::new(), Vec::new());
    for caller in &mut callers {
        for (port, is_long) in caller.ports() {
            truth.insert(port, caller.child.id());
            long.extend(is_long.then_some(port));
        }
    }
    assert_eq!(long.len(), CALLERS * LONG);
    let begun = [FlowActivity::Open, FlowActivity::Seen];
    let all = || told(&path, port, &long, &begun) == long.len();
    assert!(
        wait(all),
        "{} of {}",
        told(&path, port, &long, &begun),
        long.len()
    );
    for caller in &mut callers {
        drop(caller.stdin.take());
        assert!(caller.child.wait().unwrap().success());
    }
    let ended = [FlowActivity::Close];
    let all = || told(&path, port, &long, &ended) == long.len();
    assert!(
        wait(all),
        "{} of {}",
        told(&path, port, &long, &ended),
        long.len()
    );

    let signal = Command::new("kill").arg(agent.id().to_string()).status();
    assert!(signal.unwrap().success());
    let output = agent.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" reports; not told: "), "{said}");

    let own = std::process::id();
    for flow in flows(&path, port) {
        let (called, pid) = match flow.remote.port == Some(port) {
            true => (Direction::Outbound, truth.get(&flow.local.port.unwrap())),
            false => (Direction::Inbound, Some(&own)),
        };
        assert_eq!(flow.process.pid.as_ref(), pid, "{flow:?}");
        assert_eq!(flow.direction, Some(called), "{flow:?}");
        assert!(flow.process.path.is_some() && flow.process.started_at.is_some());
    }
    // Of processes the kernel tells only root.
    let starts = deeds(&path).into_iter().filter_map(|deed| match deed {
        Deed::Process(told) if told.activity == ProcessActivity::Start => told.process.pid,
        _ => None,
    });
    let starts: Vec<u32> = starts.collect();
    let told = callers.iter().filter(|c| starts.contains(&c.child.id()));
    let all_heard = said.contains("the kernel dropped messages 0 times");
    match said.contains("no word of processes") || !all_heard {
        true => println!("processes are not told: {said}"),
        false => assert_eq!(told.count(), CALLERS),
    }
}
