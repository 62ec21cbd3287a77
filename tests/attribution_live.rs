//! From real programs on a host with `tapir agent` to rows and alerts of a live sensor that name
//! them: two network namespaces, a mirror port, mutual TLS between agent and sensor.
//!
//! The host's peers are not there: the sensor has learned of them from a recorded morning.
//! Who has which flow is known here from the programs themselves. Needs root and a few Debian
//! packages; without them it says what is missing and passes.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod namespaces;
#[path = "attribution_live/programs.rs"]
mod programs;
#[path = "attribution_live/yesterday.rs"]
mod yesterday;

use namespaces::{Network, done, end, inside, ip, link, mirror, wait_until};
use programs::{NODE, PAPERS_BYTES, POSTS, PYTHON, REPORT, SCRIPT, SERVER, TAKER};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const TAPIR: &str = env!("CARGO_BIN_EXE_tapir");
const NEEDED: &[&str] = &[
    "ip", "nsenter", "tc", "ethtool", "curl", "python3", "node", "openssl", "tar", "bash",
];
const HOST: &str = "tapir-attr-h";
const SENSOR: &str = "tapir-attr-s";
const ROLES: &str = include_str!("../fixtures/webhook/tapir.toml");
/// Flows of one second and more that each program has, and of 50 ms.
const LONG: usize = 40;
const SHORT: usize = 60;

/// Two hosts, a mirror port at the second, and somewhere outside.
fn set_up(network: &mut Network, folder: &Path) {
    let host = format!("{}/24", yesterday::SERVER);
    link([(HOST, "c0", &host), (SENSOR, "s0", "10.20.0.1/24")]);
    for space in [HOST, SENSOR] {
        ip(&format!("-n {space} link set lo up"));
    }
    for address in ["10.98.0.2/24", "198.51.100.2/24"] {
        ip(&format!("-n {SENSOR} addr add {address} dev s0"));
    }
    ip(&format!("-n {HOST} route add default via 10.20.0.1"));
    mirror(SENSOR, "s0");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (key, certificate) = (path("drop.key"), path("drop.pem"));
    let request = "req -x509 -newkey rsa:2048 -nodes -days 3000 -subj /CN=other.example";
    let mut openssl = Command::new("openssl");
    openssl.args(request.split(' ')).stderr(Stdio::null());
    openssl.args(["-keyout", &key, "-out", &certificate]);
    done(openssl);
    let both = fs::read_to_string(&certificate).unwrap() + &fs::read_to_string(&key).unwrap();
    fs::write(&certificate, both).unwrap();
    for words in [
        &["python3", "-c", SERVER][..],
        &["python3", "-c", TAKER, &certificate],
    ] {
        let server = inside(SENSOR, words).spawn().unwrap();
        network.children.push(server);
    }
    // As the kernel writes 10.98.0.2:8080 and 198.51.100.2:443.
    let listen = || {
        let out = inside(SENSOR, &["cat", "/proc/net/tcp"]).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        ["0200620A:1F90", "026433C6:01BB"]
            .iter()
            .all(|end| text.contains(end))
    };
    wait_until("both servers", listen);
}

/// Sensor and agent, that have found each other.
fn watch(network: &mut Network, folder: &Path) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let intake = format!(
        "[intake]\nlisten = \"10.98.0.2:8443\"\nnames = [\"10.98.0.2\"]\ndir = \"{}\"\n",
        path("intake")
    );
    fs::write(path("tapir.toml"), ROLES.to_owned() + &intake).unwrap();
    yesterday::learn(folder, &path("tapir.toml"));
    let enrol = ["agents", "--dir", &path("intake"), "enrol", "host1"];
    let identity = Command::new(TAPIR).args(enrol).output().unwrap();
    assert!(identity.status.success());
    fs::write(path("host1.pem"), identity.stdout).unwrap();

    let (config, logs, state) = (path("tapir.toml"), path("logs"), path("state"));
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
        "--state",
        &state,
    ];
    let sensor = inside(SENSOR, &run).stdout(Stdio::null()).spawn().unwrap();
    let (identity, spool, watched) = (path("host1.pem"), path("spool"), path("home"));
    fs::create_dir_all(folder.join("home/papers")).unwrap();
    let sensor_at = "https://10.98.0.2:8443";
    let agent = [
        TAPIR,
        "agent",
        "--watch",
        &watched,
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
}

/// Whose each flow is, by its local port, and whether it lasts a second.
/// A port may be another program's later.
type Truth = BTreeMap<u64, Vec<(u64, bool)>>;

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
            let calls = truth.entry(port.parse().unwrap()).or_default();
            calls.push((pid, is_long));
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

/// A script calls a chat's webhook; gives the number of its shell.
fn report() -> u32 {
    let posts = POSTS.to_string();
    let mut shell = inside(HOST, &["bash", "-c", REPORT, "report", &posts]);
    let mut shell = shell.stdout(Stdio::null()).spawn().unwrap();
    assert!(shell.wait().unwrap().success());
    shell.id()
}

/// A script packs and uploads.
fn exfiltrate(folder: &Path) {
    let home = folder.join("home");
    // Nothing that a compression would shrink, and the same every time.
    let byte = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    let noise: Vec<u8> = (0..PAPERS_BYTES as u64).map(byte).collect();
    fs::write(home.join("papers/all"), noise).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let home = home.to_str().unwrap();
    done(inside(HOST, &["bash", "-c", SCRIPT, "script", home]));
}

/// The last word on this analytic: an alert that names curl and the shell that started it.
fn named_alert(folder: &Path, analytic: &str) -> Value {
    let mut alerts = rows(folder.join("logs/alerts.log"));
    alerts.retain(|alert| alert["analytic"] == analytic);
    let alert = alerts.pop().expect(analytic);
    let process = &alert["subject"]["process"];
    assert_eq!(
        process["path"].as_str().map(file_name),
        Some("curl"),
        "{alert}"
    );
    let parent = process["parent"]["path"].as_str();
    assert_eq!(parent.map(file_name), Some("bash"), "{alert}");
    alert
}

fn evidence<'a>(alert: &'a Value, id: &str) -> &'a Value {
    let items = alert["evidence"].as_array().unwrap();
    let item = items.iter().find(|item| item["id"] == id);
    item.unwrap_or_else(|| panic!("{id} in {alert}"))
}

/// The alert names who calls the chat, and says that no peer does.
fn check_report(folder: &Path, pid: u32) {
    let alert = named_alert(folder, "AN1190");
    let process = &alert["subject"]["process"];
    assert_eq!(process["parent"]["pid"], pid, "{alert}");
    assert_eq!(alert["object"]["service"], "discord");
    let rarity = &evidence(&alert, "role.service_rarity")["observed"];
    assert_eq!(*rarity, json!({"hosts_role_using": 0, "hosts_role": 24}));
    evidence(&alert, "endpoint.parent");
}

/// The alert names who uploaded, its parent and the archive.
fn check_upload(folder: &Path) {
    let alert = named_alert(folder, "AN1415");
    for id in [
        "endpoint.archive",
        "endpoint.archive_size",
        "endpoint.archive_kin",
    ] {
        evidence(&alert, id);
    }
    let archive = &evidence(&alert, "endpoint.archive")["observed"];
    assert_eq!(archive["path"].as_str().map(file_name), Some("out.tar"));
    assert_eq!(alert["tier"], "high");
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn rows(path: PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(&path).unwrap_or_default();
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
    rows.collect()
}

/// How many flows have the right process, and how many there are: of a second, and of 50 ms. None
/// has a wrong one.
fn judge(truth: &Truth, rows: Vec<Value>) -> ([usize; 2], [usize; 2]) {
    let mut seen: BTreeMap<u64, BTreeMap<String, Value>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row["id.resp_p"] == 8080) {
        let of_port = seen.entry(row["id.orig_p"].as_u64().unwrap()).or_default();
        // The last word on the flow.
        of_port.insert(row["uid"].as_str().unwrap().to_owned(), row);
    }
    let (mut right, mut all) = ([0, 0], [0, 0]);
    let kind = |is_long: bool| usize::from(!is_long);
    for (port, calls) in truth {
        let rows = seen.remove(port).unwrap_or_default();
        assert_eq!(
            rows.len(),
            calls.len(),
            "flows of port {port} that were seen"
        );
        let mut left = calls.clone();
        for row in rows.values().filter(|row| row["status"] == "matched") {
            let who = left.iter().position(|(pid, _)| row["pid"] == *pid);
            let (_, is_long) = left.remove(who.unwrap_or_else(|| panic!("wrong: {row}")));
            right[kind(is_long)] += 1;
        }
        for (_, is_long) in calls {
            all[kind(*is_long)] += 1;
        }
        if !left.is_empty() {
            println!("port {port}, without its process: {left:?}");
        }
    }
    (right, all)
}

#[test]
fn flows_of_real_programs_are_attributed_to_the_process_that_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = match Network::new(&[HOST, SENSOR], NEEDED) {
        Ok(network) => network,
        Err(what) => return println!("skipped: {what}"),
    };
    set_up(&mut network, folder.path());
    watch(&mut network, folder.path());
    let truth = call_all();
    let shell = report();
    exfiltrate(folder.path());
    // A flow has its row a minute after it began.
    let told = || {
        let rows = rows(folder.path().join("logs/attribution.log"));
        let of_scripts = rows.iter().filter(|row| row["id.resp_p"] == 443);
        let flows: BTreeSet<&str> = of_scripts.filter_map(|row| row["uid"].as_str()).collect();
        flows.len() == POSTS + 1
    };
    wait_until("a row for each flow", told);
    end(network.children.pop().unwrap(), "tapir agent");
    // What the agent delivered last counts a second after it came in.
    std::thread::sleep(Duration::from_secs(2));
    end(network.children.pop().unwrap(), "tapir run");

    let (right, all) = judge(&truth, rows(folder.path().join("logs/attribution.log")));
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
    check_report(folder.path(), shell);
    check_upload(folder.path());
}
