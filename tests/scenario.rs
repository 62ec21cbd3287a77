//! Scenarios from end to end: what the generator says it made is what the sensor sees.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // A test.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tapir::config;
use tapir::packet;
use tapir::run::replay::Replay;
use tapir::scenario::{self, Close, Impairments, Made, Options, Scenario, Sweep, Truth};
use tapir::sensor::settings::Settings;
use tapir::sensor::{Line, Sensor};
use tapir::sink::Format;
use tapir::time::Span;

fn hours(hours: f64) -> Span {
    Span::from_nanos((hours * 3.6e12) as i64)
}

/// A short scenario with every kind of host.
fn short() -> Options {
    Options {
        seed: 7,
        duration: hours(11.0),
        onset: Some(hours(8.2)),
        ..Options::default()
    }
}

/// Hostile programs alone, on every host that qualifies, for so many hours of a working day.
fn hostile(lasting: f64) -> Options {
    Options {
        alone: true,
        duration: hours(8.0 + lasting),
        onset: Some(hours(8.0)),
        infected: Some(8),
        hosts: 40,
        ..short()
    }
}

/// Frames and truths.
fn play(name: &str, options: &Options) -> (Vec<Made>, Vec<Value>) {
    let mut scenario = Scenario::new(name, options).unwrap();
    let frames: Vec<Made> = std::iter::from_fn(|| scenario.poll_frame()).collect();
    let truths = std::iter::from_fn(|| scenario.poll_truth());
    let truths = truths.map(|truth: Truth| serde_json::to_value(&truth).unwrap());
    (frames, truths.collect())
}

fn flows(truths: &[Value]) -> impl Iterator<Item = &Value> {
    truths.iter().filter(|truth| truth["kind"] == "flow")
}

fn settings() -> Settings {
    let file = config::File::from_text(Path::new("roles.toml"), scenario::roles());
    file.unwrap().resolve().unwrap()
}

type Rows = Vec<BTreeMap<String, Value>>;

/// The rows of each log.
fn logs(frames: &[Made], workers: usize) -> BTreeMap<String, Rows> {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("scenario.pcap");
    let mut file = Vec::new();
    scenario::pcap::begin(&mut file).unwrap();
    for made in frames {
        scenario::pcap::write(&mut file, made).unwrap();
    }
    fs::write(&capture, file).unwrap();
    let replay = Replay {
        captures: vec![capture],
        log_dir: folder.path().join("logs"),
        format: Format::Json,
        workers,
        filter: None,
    };
    let replayed = replay.run(settings()).unwrap();
    assert!(replayed.damaged.is_empty());
    read(&replay.log_dir)
}

fn read(folder: &Path) -> BTreeMap<String, Rows> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let rows = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let named = entries.map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, rows(&path))
    });
    named.collect()
}

fn by_uid(rows: Option<&Rows>) -> BTreeMap<String, &BTreeMap<String, Value>> {
    let uid = |row: &BTreeMap<String, Value>| row["uid"].as_str().unwrap().to_owned();
    rows.into_iter()
        .flatten()
        .map(|row| (uid(row), row))
        .collect()
}

/// The truth of each row of `conn.log`; fails where one is missing or left over.
fn join<'a>(conn: &'a Rows, truths: &'a [Value]) -> Vec<(&'a BTreeMap<String, Value>, &'a Value)> {
    let text = |value: &Value| value.to_string();
    let mut open: BTreeMap<_, Vec<&Value>> = BTreeMap::new();
    for flow in flows(truths) {
        let key = ["orig_h", "orig_p", "resp_h", "resp_p", "proto"].map(|key| text(&flow[key]));
        open.entry(key).or_default().push(flow);
    }
    let mut joined = Vec::new();
    for row in conn {
        let key = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"];
        let same = open
            .get_mut(&key.map(|key| text(&row[key])))
            .expect("a flow of ours");
        let ts = row["ts"].as_f64().unwrap();
        let near = |flow: &&Value| (flow["at_ns"].as_f64().unwrap() / 1e9 - ts).abs() < 1e-3;
        let at = same.iter().position(near).expect("it began then");
        joined.push((row, same.remove(at)));
    }
    assert!(open.values().all(Vec::is_empty), "every truth was seen");
    joined
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let of = |seed| {
        play(
            "an1601",
            &Options {
                seed,
                ..hostile(1.0)
            },
        )
    };
    let (frames, truths) = of(3);
    assert!(frames.len() > 500);
    assert_eq!((&frames, &truths), (&of(3).0, &of(3).1));
    assert_ne!(frames, of(4).0);
}

#[test]
fn every_scenario_replays_as_its_truth_says_and_without_weirds() {
    for named in scenario::ALL {
        let (frames, truths) = play(named.name, &short());
        assert!(frames.is_sorted_by_key(|made| made.at), "{}", named.name);
        for made in &frames {
            packet::decode(&made.frame()).expect("a packet");
        }
        let logs = logs(&frames, 2);
        assert!(
            !logs.contains_key("weird"),
            "{}: {:?}",
            named.name,
            logs["weird"]
        );
        let (ssl, profiles) = (by_uid(logs.get("ssl")), by_uid(logs.get("profile")));
        let mut clients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (row, truth) in join(&logs["conn"], &truths) {
            let told = format!("{}: {truth} {row:?}", named.name);
            let uid = row["uid"].as_str().unwrap();
            let service = row.get("service").unwrap_or(&Value::Null);
            assert_eq!(*service, truth["service"], "{told}");
            assert_eq!(row["community_id"], truth["community_id"], "{told}");
            assert_eq!(row["missed_bytes"], 0, "{told}");
            if truth["service"] != "ssl" {
                continue;
            }
            let session = ssl.get(uid).expect("a TLS session");
            assert_eq!(session["server_name"], truth["server_name"], "{told}");
            let ja4 = session["ja4"].as_str().unwrap();
            clients
                .entry(truth["client"].as_str().unwrap())
                .or_default()
                .insert(ja4);
            let profile = profiles.get(uid).expect("a profile");
            assert_eq!(profile["unread"], truth["unread"], "{told}");
            assert_eq!(profile["record_losses"], 0, "{told}");
        }
        let mut seen = BTreeSet::new();
        for (client, ja4s) in &clients {
            let of_one: BTreeSet<&str> = ja4s.iter().copied().collect();
            assert!(seen.is_disjoint(&of_one), "{client} has JA4 of its own");
            seen.extend(of_one);
        }
    }
}

#[test]
fn each_way_to_end_gives_the_state_and_the_flag_that_were_measured() {
    let (frames, truths) = play("close-matrix", &short());
    let logs = logs(&frames, 1);
    let profiles = by_uid(logs.get("profile"));
    let mut seen = BTreeMap::new();
    for (row, truth) in join(&logs["conn"], &truths) {
        let Some(close) = truth["close"].as_str() else {
            continue;
        };
        let profile = profiles.get(row["uid"].as_str().unwrap());
        let unread = profile.map_or(Value::Bool(false), |profile| profile["unread"].clone());
        assert_eq!(unread, truth["unread"], "{truth}");
        let shut = profile.map_or(0, |profile| profile["shut_windows"].as_u64().unwrap());
        match close {
            "held" => assert!(shut >= 4, "{shut}"),
            "head_only" => assert_eq!(shut, 1),
            _ => assert_eq!(shut, 0, "{close}"),
        }
        seen.insert(close, row["conn_state"].as_str().unwrap());
    }
    assert_eq!(seen.len(), Close::ALL.len());
    for close in Close::ALL {
        let expected = match close {
            Close::IdleReset => "RSTO",
            Close::StaysOpen => "S1",
            close if close.shows_unread() => "RSTO",
            _ => "SF",
        };
        assert_eq!(seen[close.name()], expected, "{}", close.name());
    }
}

/// Profiles of the flows with this label, by the variant of their program.
fn profiles_of(
    name: &str,
    options: &Options,
    label: &str,
) -> Vec<(Value, BTreeMap<String, Value>)> {
    let (frames, truths) = play(name, options);
    let mut logs = logs(&frames, 1);
    let conn = logs.remove("conn").unwrap();
    let ended = logs["profile"].iter().filter(|row| row["open"] == false);
    let profiles: BTreeMap<&str, _> = ended
        .map(|row| (row["uid"].as_str().unwrap(), row))
        .collect();
    let joined = join(&conn, &truths).into_iter();
    let of_label = joined.filter(|(_, truth)| {
        truth["label"].as_str().unwrap().starts_with(label) && truth["service"] == "ssl"
    });
    of_label
        .map(|(row, truth)| {
            let mut all = profiles[row["uid"].as_str().unwrap()].clone();
            all.insert("orig_bytes".into(), row["orig_bytes"].clone());
            (truth.clone(), all)
        })
        .collect()
}

#[test]
fn sessions_of_implants_have_the_shape_of_their_kind() {
    let options = Options {
        sweep: Sweep {
            session_hours: Some(3.0),
            ..Sweep::default()
        },
        ..hostile(4.0)
    };
    let mut kinds = BTreeSet::new();
    for (truth, profile) in profiles_of("an0146", &options, "an0146.") {
        let number = |key: &str| profile[key].as_f64().unwrap();
        let kind = truth["parameters"]["variant"].as_str().unwrap().to_owned();
        let share = number("exchanges_inverted") / number("exchanges_by_resp").max(1.0);
        match kind.as_str() {
            "shell" | "socks" => {
                assert!(number("exchanges_inverted") >= 8.0, "{profile:?}");
                assert!(share > 0.7 && number("inverted_share") > 0.9, "{profile:?}");
            }
            "drip" => {
                assert_eq!(number("exchanges_inverted"), 0.0);
                assert!(number("pcr") > 0.9, "{profile:?}");
            }
            _ => {
                assert!(number("exchanges_inverted") >= 3.0, "{profile:?}");
                assert!(number("pings") > 100.0, "{profile:?}");
            }
        }
        assert!(
            (3.0..3.6).contains(&(number("age") / 3600.0)),
            "{profile:?}"
        );
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 4);
}

#[test]
fn check_ins_within_a_session_are_its_exchanges() {
    let sweep = Sweep {
        sleep_s: Some(60.0),
        jitter: Some(0.2),
        miss: Some(0.0),
        session_hours: Some(1.0),
        ..Sweep::default()
    };
    let options = Options {
        sweep,
        ..hostile(1.2)
    };
    let found = profiles_of("beacon-session", &options, "beacon.session");
    assert!(!found.is_empty());
    for (_, profile) in &found {
        let number = |key: &str| profile[key].as_f64().unwrap();
        // A check-in every 48 to 60 s, 54 s on average; the call that opens the session is one too.
        let expected = number("age") / 54.0 + 1.0;
        let share = number("exchanges") / expected;
        assert!((0.9..1.1).contains(&share), "{profile:?}");
    }
}

#[test]
fn beats_keep_to_their_sleep_and_jitter() {
    let sweep = Sweep {
        sleep_s: Some(120.0),
        jitter: Some(0.3),
        miss: Some(0.0),
        working_hours: Some(false),
        browsing: Some(false),
        variant: Some("downward".into()),
        ..Sweep::default()
    };
    let (_, truths) = play(
        "beacon",
        &Options {
            sweep,
            ..hostile(6.0)
        },
    );
    let mut moments: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for flow in flows(&truths).filter(|flow| flow["service"] == "ssl") {
        let program = flow["program"].as_u64().unwrap();
        moments
            .entry(program)
            .or_default()
            .push(flow["at_ns"].as_i64().unwrap());
    }
    let mut gaps = Vec::new();
    for moments in moments.values() {
        let pairs = moments
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64 / 1e9);
        // Further connections of the same check-in come within two seconds.
        gaps.extend(pairs.filter(|gap| *gap > 2.0));
    }
    assert!(gaps.len() > 500);
    assert!(gaps.iter().all(|gap| (81.0..121.0).contains(gap)));
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((100.0..104.0).contains(&mean), "{mean}");
}

#[test]
fn uploads_have_their_bytes_and_a_small_capture() {
    let (frames, truths) = play("an1415", &hostile(2.0));
    let kept: usize = frames.iter().map(|made| made.bytes.len()).sum();
    let logs = logs(&frames, 1);
    let mut sent: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (row, truth) in join(&logs["conn"], &truths) {
        if truth["label"] == "an1415.upload" && truth["service"] == "ssl" {
            let program = sent.entry(truth["program"].as_u64().unwrap()).or_default();
            program.0 += row["orig_bytes"].as_f64().unwrap() / 1e6;
            program.1 = truth["parameters"]["upload_mb"].as_f64().unwrap();
        }
    }
    assert!(!sent.is_empty());
    let all: f64 = sent.values().map(|(sent, _)| sent).sum();
    for (sent, asked) in sent.values() {
        assert!(
            *asked >= 60.0 && (sent / asked - 1.0).abs() < 0.01,
            "{sent} of {asked}"
        );
    }
    assert!(
        (kept as f64) < all * 1e6 / 60.0,
        "{kept} bytes for {all} MB"
    );
}

#[test]
fn a_benign_day_has_every_class_on_one_host_in_ten_and_enough_flows() {
    const CLASSES: &[&str] = &[
        "browsing",
        "chat_websocket",
        "push",
        "sync",
        "backup",
        "software_update",
        "update_check",
        "telemetry_204",
        "crash_report",
        "ocsp",
        "captive_portal",
        "build_notice",
        "graph_automation",
        "health_check",
        "video_call",
        "streaming",
        "remote_development",
        "git_push",
        "container_push",
        "mdm",
        "cancelled_download",
        "happy_eyeballs",
    ];
    let options = Options {
        duration: hours(24.0),
        full: true,
        ..short()
    };
    let mut scenario = Scenario::new("benign-day", &options).unwrap();
    while scenario.poll_frame().is_some() {}
    let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut count = 0;
    while let Some(truth) = scenario.poll_truth() {
        let Truth::Flow(flow) = truth else {
            continue;
        };
        assert_eq!(flow.analytic, None);
        let of_class = hosts.entry(flow.label.to_string()).or_default();
        of_class.insert(flow.orig_h.to_string());
        count += 1;
    }
    for class in CLASSES {
        let hosts = hosts
            .get(&format!("benign.{class}"))
            .map_or(0, BTreeSet::len);
        assert!(
            hosts as f64 >= 0.1 * f64::from(options.hosts),
            "{class}: {hosts} hosts"
        );
    }
    assert!(count >= 2000 * options.hosts, "{count} flows");
}

#[test]
fn a_mirror_that_loses_delays_and_doubles_does_so_in_order() {
    let with = |impairments| {
        play(
            "close-matrix",
            &Options {
                impairments,
                ..short()
            },
        )
        .0
    };
    let clean = with(Impairments::default());
    let loss = Impairments {
        loss: 0.1,
        ..Impairments::default()
    };
    let share = with(loss).len() as f64 / clean.len() as f64;
    assert!((0.85..0.95).contains(&share), "{share}");
    let reordered = with(Impairments {
        reorder: Span::from_millis(30),
        ..Impairments::default()
    });
    assert!(reordered.is_sorted_by_key(|made| made.at));
    let bytes = |frames: &[Made]| {
        frames
            .iter()
            .map(|made| made.bytes.clone())
            .collect::<Vec<_>>()
    };
    assert_ne!(bytes(&reordered), bytes(&clean));
    let doubled = with(Impairments {
        duplicate: true,
        ..Impairments::default()
    });
    assert_eq!(doubled.len(), 2 * clean.len());
}

#[test]
fn a_scenario_runs_straight_into_a_sensor() {
    let mut scenario = Scenario::new("an1190", &hostile(2.0)).unwrap();
    let mut sensor = Sensor::new(settings());
    let mut lines = 0;
    while let Some(made) = scenario.poll_frame() {
        sensor.handle_frame(&made.frame());
        while let Some((_, line)) = sensor.poll_line() {
            lines += usize::from(matches!(line, Line::Row(_)));
        }
    }
    sensor.finish();
    assert!(lines > 10);
    assert_eq!(sensor.parts().counters().bad_checksums, 0);
}

#[test]
fn an_unknown_name_or_variant_says_what_there_is() {
    let error = Scenario::new("nothing", &Options::default()).err().unwrap();
    assert!(error.to_string().contains("--list"));
    let mut options = Options::default();
    options.sweep.variant = Some("nothing".into());
    let error = Scenario::new("an0146", &options).err().unwrap();
    assert!(error.to_string().contains("drip, shell, socks, websocket"));
}

#[test]
fn the_command_lists_scenarios_and_writes_capture_truth_and_roles() {
    let folder = tempfile::tempdir().unwrap();
    let tapir = |args: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_tapir");
        let mut command = std::process::Command::new(binary);
        command
            .current_dir(folder.path())
            .args(args)
            .output()
            .unwrap()
    };
    let listed = String::from_utf8(tapir(&["scenario", "--list"]).stdout).unwrap();
    assert_eq!(listed.lines().count(), scenario::ALL.len());
    let written = tapir(&[
        "scenario",
        "close-matrix",
        "--out",
        "-",
        "--truth",
        "t.ndjson",
        "--roles",
        "r.toml",
    ]);
    assert!(written.status.success());
    assert_eq!(written.stdout[..4], 0xa1b2_3c4d_u32.to_le_bytes());
    let truth = fs::read_to_string(folder.path().join("t.ndjson")).unwrap();
    assert!(truth.lines().all(|line| line.starts_with("{\"kind\":")));
    let checked = tapir(&["check-config", "r.toml"]);
    assert!(checked.status.success());
    assert_eq!(tapir(&["scenario", "nothing"]).status.code(), Some(1));
    assert_eq!(tapir(&["scenario"]).status.code(), Some(2));
}
