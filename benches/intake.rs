//! How many reports the listener takes, and that none is lost: 2,000 agents over mutual TLS on
//! loopback offer 22,200 lines a second for a minute to `tapir run`, which is killed in the middle
//! and started again. Takes root for the interface.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A benchmark.
#![allow(clippy::print_stdout, missing_docs)]

use hdrhistogram::Histogram;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tapir::intake::{Agents, Authority, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const AGENTS: usize = 2_000;
const BATCH_LINES: usize = 100;
/// Each agent sends a batch so often: 22,200 lines a second of all.
const EVERY: Duration = Duration::from_secs(9);
const LASTS: Duration = Duration::from_secs(60);
const ADDR: &str = "127.0.0.1:18443";

/// What the agents saw.
struct Seen {
    /// Agent and first number of every batch that was acknowledged.
    acknowledged: Vec<(usize, u64)>,
    /// How long batches took that were begun before the sensor was killed, and after that.
    micros: [Histogram<u64>; 2],
    retries: u64,
}

fn main() {
    // Cargo's own flags are of no use here.
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("intake");
    let authority = Authority::open(&dir).unwrap();
    let began = Instant::now();
    let mut agents = Agents::open(&dir).unwrap();
    let configs: Vec<ClientConfig> = (0..AGENTS)
        .map(|n| {
            let name = format!("host-{n}");
            let identity = authority.identity(&name, 2).unwrap();
            agents.enrol(&name, Kind::Host, identity.serial).unwrap();
            client(&identity.pem, authority.certificate())
        })
        .collect();
    println!(
        "{AGENTS} agents enrolled in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    let mut sensor = start(folder.path());
    let seen = Arc::new(Mutex::new(Seen {
        acknowledged: Vec::new(),
        micros: [Histogram::new(3).unwrap(), Histogram::new(3).unwrap()],
        retries: 0,
    }));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let began = Instant::now();
    let clients = std::thread::spawn({
        let seen = seen.clone();
        move || {
            runtime.block_on(async {
                let each = configs.into_iter().enumerate();
                let tasks: Vec<_> = each
                    .map(|(n, config)| tokio::spawn(send(n, Arc::new(config), seen.clone())))
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
    });
    std::thread::sleep(LASTS / 2);
    tell("before it is killed", sensor.id());
    sensor.kill().unwrap();
    sensor.wait().unwrap();
    sensor = start(folder.path());
    clients.join().unwrap();
    let took = began.elapsed().as_secs_f64();
    tell("after that", sensor.id());
    tell("the agents, with their enrolment", std::process::id());
    sensor.kill().unwrap();
    sensor.wait().unwrap();

    let seen = seen.lock().unwrap();
    let journaled = journaled(&dir.join("journal"));
    let batches = seen.acknowledged.iter();
    let lines = batches.flat_map(|(agent, first)| {
        let numbers = *first..first + BATCH_LINES as u64;
        numbers.map(|number| (*agent, number))
    });
    let lost = lines.filter(|line| !journaled.contains(line)).count();
    let n = seen.acknowledged.len() * BATCH_LINES;
    println!(
        "{n} lines acknowledged in {took:.1} s, {:.0} a second; {lost} of them lost; {} retries",
        n as f64 / took,
        seen.retries
    );
    for (when, micros) in ["before", "after"].into_iter().zip(&seen.micros) {
        let quantile = |q| micros.value_at_quantile(q) as f64 / 1000.0;
        println!(
            "a batch of {BATCH_LINES}, begun {when} it was killed: median {:.1} ms, 99 % {:.1} ms, \
             at most {:.1} ms",
            quantile(0.5),
            quantile(0.99),
            quantile(1.0)
        );
    }
    assert_eq!(lost, 0);
}

fn client(identity: &str, authority: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let own = CertificateDer::from_pem_slice(identity.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.as_bytes()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![own], key)
        .unwrap()
}

/// A sensor that watches nothing but listens.
fn start(folder: &Path) -> Child {
    let config = folder.join("tapir.toml");
    let text = format!(
        "[sensor]\nstate_dir = \"{}\"\n[intake]\nlisten = \"{ADDR}\"\n",
        folder.display()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapir"));
    command.args(["run", "-i", "lo", "--filter", "port 1", "--config"]);
    command
        .arg(&config)
        .arg("--log-dir")
        .arg(folder.join("logs"));
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while std::net::TcpStream::connect(ADDR).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody listens");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

/// Tells what a process took: megabytes at most, and seconds of CPU.
fn tell(what: &str, process: u32) {
    let read = |file| fs::read_to_string(format!("/proc/{process}/{file}")).unwrap();
    let status = read("status");
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    let stat = read("stat");
    // After the name in parentheses; ticks are hundredths of a second.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = [11, 12]
        .map(|n| fields[n].parse::<f64>().unwrap())
        .iter()
        .sum();
    println!(
        "{what}: {} MB at most, {:.1} s of CPU",
        kib * 1024 / 1_000_000,
        ticks / 100.0
    );
}

/// One agent: a batch every while, each until it is acknowledged.
async fn send(agent: usize, config: Arc<ClientConfig>, seen: Arc<Mutex<Seen>>) {
    let began = Instant::now();
    let mut stream = None;
    let (mut number, mut next) = (0, EVERY.mul_f64(agent as f64 / AGENTS as f64));
    while next < LASTS {
        tokio::time::sleep(next.saturating_sub(began.elapsed())).await;
        let body = batch(agent, number);
        let asked = Instant::now();
        while let Err(()) = post(&mut stream, &config, agent, number, &body).await {
            stream = None;
            seen.lock().unwrap().retries += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let mut seen = seen.lock().unwrap();
        let half = usize::from(asked - began >= LASTS / 2);
        let took = asked.elapsed().as_micros() as u64;
        seen.micros[half].record(took).unwrap();
        seen.acknowledged.push((agent, number));
        number += BATCH_LINES as u64;
        next += EVERY;
    }
}

/// Lines as `tapir agent` writes them, from the number `first` on.
fn batch(agent: usize, first: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_nanos();
    let host = std::net::Ipv4Addr::from([10, 9, (agent / 256) as u8, (agent % 256) as u8]);
    let mut text = String::with_capacity(BATCH_LINES * 400);
    for number in first..first + BATCH_LINES as u64 {
        let (port, pid) = (1024 + number % 60_000, 1000 + number % 30_000);
        let local = format!(r#"{{"addr":"{host}","port":{port}}}"#);
        let remote = r#"{"addr":"203.0.113.9","port":443}"#;
        let command = "curl -s https://203.0.113.9/status";
        let process = format!(
            r#"{{"pid":{pid},"path":"/usr/bin/curl","uid":1000,"command_line":"{command}"}}"#
        );
        let flow = r#""activity":"open","transport":"tcp","direction":"outbound""#;
        let window = format!(r#"{{"from":{now},"to":{now}}}"#);
        let event = format!(r#""window":{window},"method":"event","sequence":{number}"#);
        let ends = format!(r#""local":{local},"remote":{remote}"#);
        let deed = format!(r#"{{"flow":{{{flow},{ends},"process":{process}}}}}"#);
        writeln!(text, r#"{{{event},"deed":{deed}}}"#).unwrap();
    }
    text
}

async fn post(
    stream: &mut Option<TlsStream<TcpStream>>,
    config: &Arc<ClientConfig>,
    agent: usize,
    number: u64,
    body: &str,
) -> Result<(), ()> {
    if stream.is_none() {
        let tcp = TcpStream::connect(ADDR).await.map_err(drop)?;
        let name = "localhost".try_into().unwrap();
        let tls = TlsConnector::from(config.clone()).connect(name, tcp);
        *stream = Some(tls.await.map_err(drop)?);
    }
    let Some(stream) = stream else { return Err(()) };
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Batch-Id: {agent}-{number}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.map_err(drop)?;
    stream.write_all(body.as_bytes()).await.map_err(drop)?;
    let mut answer = Vec::new();
    // The answer's body ends with its one closing brace.
    while !answer.ends_with(b"}") {
        if stream.read_buf(&mut answer).await.map_err(drop)? == 0 {
            return Err(());
        }
    }
    let taken = answer.starts_with(b"HTTP/1.1 200");
    let text = String::from_utf8_lossy(&answer);
    let all = text.contains(&format!("\"accepted\":{BATCH_LINES}"));
    if taken && all { Ok(()) } else { Err(()) }
}

/// Agent and number of every line in the journal.
fn journaled(journal: &Path) -> BTreeSet<(usize, u64)> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(journal).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            // What the kill cut short.
            let Ok(journaled) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let agent = journaled["agent"].as_str().unwrap();
            let agent = agent.strip_prefix("host-").unwrap().parse().unwrap();
            let line: Value = serde_json::from_str(journaled["line"].as_str().unwrap()).unwrap();
            found.insert((agent, line["sequence"].as_u64().unwrap()));
        }
    }
    found
}
