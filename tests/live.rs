//! A live run and a replay of the same frames write the same rows.
//!
//! Two network namespaces joined by a veth: in one curl, wget and Python call a TLS server and a
//! name server in the other, where `tapir run` and `tcpdump` watch a mirror port. Needs root and a
//! few Debian packages; without them it says what is missing and passes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod namespaces;

use namespaces::{Network, done, end, link, mirror, wait_until};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const TAPIR: &str = env!("CARGO_BIN_EXE_tapir");
const NEEDED: &[&str] = &[
    "ip", "nsenter", "tc", "ethtool", "tcpdump", "taskset", "openssl", "curl", "wget", "python3",
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

/// A command within a namespace, on the first processor: all frames then pass both rings in one
/// order.
fn inside(space: &str, words: &[&str]) -> Command {
    let words: Vec<&str> = ["taskset", "-c", "0"]
        .iter()
        .chain(words)
        .copied()
        .collect();
    let mut command = namespaces::inside(space, &words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Two hosts, and a mirror port at the second.
///
/// The two captures watch what m0 sends: the kernel stamps a sent frame once for all who capture. A
/// TCP frame that arrives over a veth still carries its sender's departure time, and each ring
/// stamps it anew.
fn set_up(network: &mut Network, folder: &Path) {
    for space in [CLIENTS, SERVERS] {
        // No router solicitations: what only one of the two captures saw would be a difference.
        let off = "net.ipv6.conf.default.disable_ipv6=1";
        done(inside(space, &["sysctl", "-qw", off]));
    }
    link([
        (CLIENTS, "c0", "10.99.0.1/24"),
        (SERVERS, "s0", "10.99.0.2/24"),
    ]);
    mirror(SERVERS, "s0");
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
}

fn lines_of(space: &str, file: &str) -> usize {
    let mut read = inside(space, &["cat", file]);
    let out = read.stdout(Stdio::piped()).output().unwrap();
    String::from_utf8_lossy(&out.stdout).lines().count()
}

fn record(mut network: Network, folder: &Path) {
    set_up(&mut network, folder);
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
    let network = match Network::new(&[CLIENTS, SERVERS], NEEDED) {
        Ok(network) => network,
        Err(what) => return println!("skipped: {what}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    record(network, folder);
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
