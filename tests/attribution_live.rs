//! From real programs on a host with `tapir agent` to rows and alerts of a live sensor that name
//! them: two network namespaces, a mirror port, mutual TLS between agent and sensor.
//!
//! Who has which flow is known here from the programs themselves. Needs root and a few Debian
//! packages; without them it says what is missing and passes.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TAPIR: &str = env!("CARGO_BIN_EXE_tapir");
const NEEDED: &[&str] = &["ip", "tc", "ethtool", "curl", "python3", "node"];
const HOST: &str = "tapir-attr-h";
const SENSOR: &str = "tapir-attr-s";
/// However busy the machine is, it is done by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// Flows of one second and more that each program has, and of 50 ms.
const LONG: usize = 40;
const SHORT: usize = 60;

/// Answers after as many milliseconds as the path says.
const SERVER: &str = "
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(int(self.path[1:]) / 1000)
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *_):
        pass
class Server(ThreadingHTTPServer):
    request_queue_size = 256
Server(('10.98.0.2', 8080), Slow).serve_forever()
";

/// Says the local port of each of its flows.
const PYTHON: &str = "
import http.client, sys
for _ in range(int(sys.argv[2])):
    c = http.client.HTTPConnection('10.98.0.2', 8080)
    c.connect()
    print(c.sock.getsockname()[1], flush=True)
    c.request('GET', '/' + sys.argv[1])
    c.getresponse().read()
    c.close()
";

/// The same.
const NODE: &str = "
const http = require('http');
const [delay, count] = process.argv.slice(1).map(Number);
const call = left => left > 0 && http
  .get({host: '10.98.0.2', port: 8080, path: '/' + delay, agent: false}, answer => {
    answer.resume();
    answer.on('end', () => call(left - 1));
  })
  .on('socket', socket => socket.on('connect', () => console.log(socket.localPort)));
call(count);
";

/// The namespaces while the test runs; they go when it ends, however it ends.
#[derive(Default)]
struct Network {
    children: Vec<Child>,
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        remove_namespaces();
    }
}

fn remove_namespaces() {
    for space in [HOST, SENSOR] {
        let mut ip = Command::new("ip");
        let _ = ip.args(["netns", "del", space]).output();
    }
}

/// What is missing for this test, if anything.
fn missing() -> Option<String> {
    let has = |tool: &str| {
        let which = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        which.is_ok_and(|out| out.status.success())
    };
    if let Some(tool) = NEEDED.iter().find(|tool| !has(tool)) {
        return Some(format!("{tool} is not installed"));
    }
    remove_namespaces();
    match Command::new("ip").args(["netns", "add", HOST]).output() {
        Ok(out) if out.status.success() => None,
        Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// A command within a namespace; its process is that of the command itself.
fn inside(space: &str, words: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space]).args(words);
    command.stdin(Stdio::null());
    command
}

fn done(mut command: Command) {
    let status = command.status().expect("the command starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// Two hosts, and a mirror port at the second.
fn set_up() -> Network {
    let mut network = Network::default();
    let ip = |line: &str| {
        let mut command = Command::new("ip");
        command.args(line.split(' '));
        done(command);
    };
    let tc = |line: &str| {
        let words: Vec<&str> = std::iter::once("tc").chain(line.split(' ')).collect();
        done(inside(SENSOR, &words));
    };
    ip(&format!("netns add {SENSOR}"));
    ip(&format!(
        "link add c0 netns {HOST} type veth peer name s0 netns {SENSOR}"
    ));
    for (space, link, address) in [(HOST, "c0", "10.98.0.1/24"), (SENSOR, "s0", "10.98.0.2/24")] {
        let offload = "tx off tso off gso off gro off";
        let words = ["ethtool", "-K", link]
            .into_iter()
            .chain(offload.split(' '));
        let mut ethtool = inside(space, &words.collect::<Vec<_>>());
        ethtool.stdout(Stdio::null());
        done(ethtool);
        ip(&format!("-n {space} addr add {address} dev {link}"));
        ip(&format!("-n {space} link set {link} up"));
        ip(&format!("-n {space} link set lo up"));
    }
    ip(&format!("-n {SENSOR} link add m0 type veth peer name m1"));
    for link in ["m0", "m1"] {
        ip(&format!("-n {SENSOR} link set {link} up"));
    }
    tc("qdisc add dev s0 clsact");
    for way in ["ingress", "egress"] {
        let every_frame = "protocol all u32 match u32 0 0 action mirred egress mirror dev m0";
        tc(&format!("filter add dev s0 {way} {every_frame}"));
    }
    let server = inside(SENSOR, &["python3", "-c", SERVER]).spawn().unwrap();
    network.children.push(server);
    network
}

/// Sensor and agent, that have found each other.
fn watch(folder: &Path, network: &mut Network) -> [Child; 2] {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let config = format!(
        "[intake]\nlisten = \"10.98.0.2:8443\"\nnames = [\"10.98.0.2\"]\ndir = \"{}\"\n",
        path("intake")
    );
    fs::write(path("tapir.toml"), config).unwrap();
    let enrol = ["agents", "--dir", &path("intake"), "enrol", "host1"];
    let identity = Command::new(TAPIR).args(enrol).output().unwrap();
    assert!(identity.status.success());
    fs::write(path("host1.pem"), identity.stdout).unwrap();

    let (config, logs) = (path("tapir.toml"), path("logs"));
    let run = [
        TAPIR,
        "run",
        "-i",
        "m0",
        "--format",
        "json",
        "--config",
        &config,
        "--log-dir",
        &logs,
    ];
    let sensor = inside(SENSOR, &run).stdout(Stdio::null()).spawn().unwrap();
    let (identity, spool) = (path("host1.pem"), path("spool"));
    let sensor_at = "https://10.98.0.2:8443";
    let agent = [
        TAPIR,
        "agent",
        "--sensor",
        sensor_at,
        "--identity",
        &identity,
        "--spool",
        &spool,
        "--interval",
        "0.25",
    ];
    let agent = inside(HOST, &agent).spawn().unwrap();
    network.children.extend([sensor, agent]);
    let journal = folder.join("intake/journal");
    let has_heard = || fs::read_dir(&journal).is_ok_and(|mut files| files.next().is_some());
    wait_until("the sensor hears the agent", has_heard);
    let agent = network.children.pop().unwrap();
    let sensor = network.children.pop().unwrap();
    [sensor, agent]
}

fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whose each flow is, by its local port, and whether it lasts a second.
type Truth = BTreeMap<u64, (u64, bool)>;

/// Runs programs whose output is their local ports, some at a time; a pause after each group.
fn call(truth: &mut Truth, programs: &[Vec<String>], is_long: bool) {
    let spawn = |program: &Vec<String>| {
        let words: Vec<&str> = program.iter().map(String::as_str).collect();
        inside(HOST, &words).stdout(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = programs.iter().map(spawn).collect();
    for child in children {
        let pid = u64::from(child.id());
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        for port in text.lines() {
            truth.insert(port.parse().unwrap(), (pid, is_long));
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// curl, Python and Node call the server, for a second and for 50 ms.
fn call_all() -> Truth {
    let mut truth = Truth::new();
    let curl = |delay: &str| {
        let url = format!("http://10.98.0.2:8080/{delay}");
        words(&[
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{local_port}\n",
            &url,
        ])
    };
    let (long, short) = ("1000", "50");
    for _ in 0..LONG / 8 {
        let several = |program: Vec<String>| std::iter::repeat_n(program, 8);
        let mut group: Vec<Vec<String>> = several(curl(long)).collect();
        group.extend(several(words(&["python3", "-c", PYTHON, long, "1"])));
        group.extend(several(words(&["node", "-e", NODE, long, "1"])));
        call(&mut truth, &group, true);
    }
    for _ in 0..SHORT / 4 {
        call(&mut truth, &vec![curl(short); 4], false);
    }
    let count = SHORT.to_string();
    call(
        &mut truth,
        &[words(&["python3", "-c", PYTHON, short, &count])],
        false,
    );
    call(
        &mut truth,
        &[words(&["node", "-e", NODE, short, &count])],
        false,
    );
    truth
}

fn end(child: Child, what: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{what}: {}", out.status);
}

fn rows(path: PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
    rows.collect()
}

#[test]
fn flows_of_real_programs_are_attributed_to_the_process_that_has_them() {
    if let Some(what) = missing() {
        println!("skipped: {what}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut network = set_up();
    let [sensor, agent] = watch(folder.path(), &mut network);
    let truth = call_all();
    end(agent, "tapir agent");
    // What the agent delivered last counts a second after it came in.
    std::thread::sleep(Duration::from_secs(2));
    end(sensor, "tapir run");

    let mut seen = BTreeMap::new();
    for row in rows(folder.path().join("logs/attribution.log")) {
        if row["id.resp_p"] == 8080 {
            seen.insert(row["id.orig_p"].as_u64().unwrap(), row);
        }
    }
    let (mut right, mut all) = ([0, 0], [0, 0]);
    for (port, (pid, is_long)) in &truth {
        let row = seen
            .get(port)
            .unwrap_or_else(|| panic!("flow {port} was not seen"));
        let kind = usize::from(!is_long);
        all[kind] += 1;
        if row["status"] == "matched" {
            assert_eq!(row["pid"], *pid, "wrong: {row}");
            right[kind] += 1;
        } else {
            println!("{} {row}", ["1 s:", "50 ms:"][kind]);
        }
    }
    println!(
        "of 1 s: {} of {}; of 50 ms: {} of {}",
        right[0], all[0], right[1], all[1]
    );
    assert_eq!(all, [3 * LONG, 3 * SHORT]);
    assert!(
        right[0] * 100 >= all[0] * 99,
        "of 1 s: {} of {}",
        right[0],
        all[0]
    );
    assert!(
        right[1] * 100 >= all[1] * 90,
        "of 50 ms: {} of {}",
        right[1],
        all[1]
    );
}
