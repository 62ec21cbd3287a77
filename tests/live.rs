//! A live run and a replay of the same frames write the same rows.
//!
//! Two network namespaces joined by a veth: in one curl, wget and Python call a TLS server and a
//! name server in the other, where `tapir run` and `tcpdump` watch a mirror port. Needs root and a
//! few Debian packages; without them it says what is missing and passes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TAPIR: &str = env!("CARGO_BIN_EXE_tapir");
const NEEDED: &[&str] = &[
    "ip", "tc", "ethtool", "tcpdump", "taskset", "openssl", "curl", "wget", "python3",
];
const CLIENTS: &str = "tapir-live-c";
const SERVERS: &str = "tapir-live-s";
const LOGS: &[&str] = &["conn.log", "ssl.log", "dns.log"];

/// Answers every question with no records. Its SO_TIMESTAMP (29) makes the kernel stamp frames on
/// their way, not each ring for itself when it takes them.
const NAME_SERVER: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 29, 1)
s.bind(('10.99.0.2', 53))
while True:
    q, who = s.recvfrom(512)
    s.sendto(q[:2] + b'\\x81\\x80' + q[4:], who)
";

const FETCH: &str = "
import socket, ssl, urllib.request
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.sendto(b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4live\\7example\\0\\0\\1\\0\\1', ('10.99.0.2', 53))
s.recv(512)
c = ssl._create_unverified_context()
urllib.request.urlopen('https://10.99.0.2/', context=c).read()
";

/// The namespaces while the test runs; they go when it ends, however it ends.
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
    for space in [CLIENTS, SERVERS] {
        let mut ip = Command::new("ip");
        let _ = ip
            .args(["netns", "del", space])
            .stderr(Stdio::null())
            .status();
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
    let made = Command::new("ip").args(["netns", "add", CLIENTS]).output();
    match made {
        Ok(out) if out.status.success() => None,
        Ok(out) => Some(String::from_utf8_lossy(&out.stderr).trim().to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// A command within a namespace, on the first processor: all frames then pass both rings in one
/// order.
fn inside(space: &str, words: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", space, "taskset", "-c", "0"])
        .args(words);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn done(mut command: Command) {
    let status = command.status().expect("the command starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// Mirrors both directions of s0 to m0, as a switch does to its mirror port.
///
/// The two captures watch what m0 sends: the kernel stamps a sent frame once for all who capture. A
/// TCP frame that arrives over a veth still carries its sender's departure time, and each ring
/// stamps it anew.
fn mirror(ip: &impl Fn(&str)) {
    ip(&format!("-n {SERVERS} link add m0 type veth peer name m1"));
    for link in ["m0", "m1"] {
        ip(&format!("-n {SERVERS} link set {link} up"));
    }
    let tc = |line: &str| {
        let words: Vec<&str> = std::iter::once("tc").chain(line.split(' ')).collect();
        done(inside(SERVERS, &words));
    };
    tc("qdisc add dev s0 clsact");
    for way in ["ingress", "egress"] {
        let every_frame = "protocol all u32 match u32 0 0 action mirred egress mirror dev m0";
        tc(&format!("filter add dev s0 {way} {every_frame}"));
    }
}

fn set_up(folder: &Path) -> Network {
    let mut network = Network {
        children: Vec::new(),
    };
    let ip = |line: &str| {
        let mut command = Command::new("ip");
        command.args(line.split(' '));
        done(command);
    };
    ip(&format!("netns add {SERVERS}"));
    ip(&format!(
        "link add c0 netns {CLIENTS} type veth peer name s0 netns {SERVERS}"
    ));
    for (space, link, address) in [
        (CLIENTS, "c0", "10.99.0.1/24"),
        (SERVERS, "s0", "10.99.0.2/24"),
    ] {
        // No router solicitations: what only one of the two captures saw would be a difference.
        done(inside(
            space,
            &["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"],
        ));
        done(inside(
            space,
            &[
                "ethtool", "-K", link, "tx", "off", "tso", "off", "gso", "off", "gro", "off",
            ],
        ));
        ip(&format!("-n {space} addr add {address} dev {link}"));
        ip(&format!("-n {space} link set {link} up"));
    }
    mirror(&ip);
    let (key, certificate) = (folder.join("key.pem"), folder.join("cert.pem"));
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    let request =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=live.example -keyout";
    let mut words: Vec<&str> = request.split(' ').collect();
    words.extend([key, "-out", certificate]);
    done(inside(SERVERS, &words));
    let serve = [
        "openssl",
        "s_server",
        "-quiet",
        "-www",
        "-accept",
        "10.99.0.2:443",
        "-key",
        key,
        "-cert",
        certificate,
    ];
    network
        .children
        .push(inside(SERVERS, &serve).spawn().unwrap());
    network.children.push(
        inside(SERVERS, &["python3", "-c", NAME_SERVER])
            .spawn()
            .unwrap(),
    );
    network
}

/// Waits until `ready` says so, ten seconds at most.
fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{what}: not within ten seconds"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn lines_of(space: &str, file: &str) -> usize {
    let mut read = inside(space, &["cat", file]);
    let out = read.stdout(Stdio::piped()).output().unwrap();
    String::from_utf8_lossy(&out.stdout).lines().count()
}

fn end(mut child: Child, what: &str) {
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let status = child.wait().unwrap();
    assert!(status.success(), "{what}: {status}");
}

fn record(folder: &Path) {
    let mut network = set_up(folder);
    let capture = folder.join("seen.pcap");
    let words = [
        "tcpdump",
        "-i",
        "m0",
        "-n",
        "-U",
        "-s",
        "0",
        "--time-stamp-precision=nano",
        "-Z",
        "root",
    ];
    let mut words = words.to_vec();
    words.extend(["-w", capture.to_str().unwrap()]);
    let tcpdump = inside(SERVERS, &words).spawn().unwrap();
    let live = folder.join("live");
    let words = [
        TAPIR,
        "run",
        "-i",
        "m0",
        "--log-dir",
        live.to_str().unwrap(),
    ];
    let mut tapir = inside(SERVERS, &words);
    let tapir = tapir.stderr(Stdio::inherit()).spawn().unwrap();
    network.children.push(tcpdump);
    network.children.push(tapir);
    // A line each for the title and for both captures; the TLS server and the name server listen.
    wait_until("both captures", || {
        lines_of(SERVERS, "/proc/net/packet") >= 3
    });
    wait_until("the TLS server", || lines_of(SERVERS, "/proc/net/tcp") >= 2);
    wait_until("the name server", || {
        lines_of(SERVERS, "/proc/net/udp") >= 2
    });
    for _ in 0..3 {
        done(inside(CLIENTS, &["curl", "-sk", "https://10.99.0.2/"]));
        done(inside(
            CLIENTS,
            &[
                "wget",
                "-q",
                "-O",
                "-",
                "--no-check-certificate",
                "https://10.99.0.2/",
            ],
        ));
        done(inside(CLIENTS, &["python3", "-c", FETCH]));
    }
    std::thread::sleep(Duration::from_secs(1)); // Both kernels' buffers hand over within 100 ms.
    let tapir = network.children.pop().unwrap();
    let tcpdump = network.children.pop().unwrap();
    end(tapir, "tapir run");
    end(tcpdump, "tcpdump");
}

/// The rows of a log, and its header without the two lines of when it was written.
fn rows(folder: &Path, log: &str) -> String {
    let text =
        fs::read_to_string(folder.join(log)).unwrap_or_else(|error| panic!("{log}: {error}"));
    let kept = text
        .lines()
        .filter(|l| !l.starts_with("#open") && !l.starts_with("#close"));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_live_run_writes_the_rows_that_the_replay_of_its_frames_writes() {
    if let Some(what) = missing() {
        println!("skipped: {what}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    record(folder);
    let (seen, live, replayed) = (
        folder.join("seen.pcap"),
        folder.join("live"),
        folder.join("replayed"),
    );
    let mut replay = Command::new(TAPIR);
    replay
        .args(["replay", "--log-dir"])
        .arg(&replayed)
        .arg(&seen)
        .stdout(Stdio::null());
    done(replay);
    for log in LOGS {
        let (live, replayed) = (rows(&live, log), rows(&replayed, log));
        let data = live.lines().filter(|line| !line.starts_with('#')).count();
        assert!(data >= 3, "{log}: {data} rows of three rounds");
        for (live, replayed) in live.lines().zip(replayed.lines()) {
            assert_eq!(live, replayed, "{log}");
        }
        assert_eq!(live.len(), replayed.len(), "{log}: one has more rows");
    }
}
