#![allow(clippy::disallowed_methods)] // Reads fixtures.

use super::address::{canonical, place};
use super::json::LINE_BYTES_MAX;
use super::*;
use crate::endpoint::report::{Deed, Place};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/endpoint");
const AGENTS: [&str; 17] = [
    "cef",
    "crowdstrike",
    "defender",
    "ecs",
    "eslogger",
    "falco",
    "gateway",
    "laurel",
    "ocsf",
    "osquery",
    "santa",
    "sentinelone",
    "squid",
    "sysmon",
    "tapir",
    "tetragon",
    "tracee",
];
const RECEIVED: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const ANONYMOUS: Source<'_> = Source {
    agent: None,
    received_at: RECEIVED,
};
const NAMED: Source<'_> = Source {
    agent: Some("agent-1"),
    received_at: RECEIVED,
};

/// Every line of the fixtures: its file, its number and itself.
fn lines() -> Vec<(&'static str, usize, String)> {
    let of = |agent: &'static str| {
        let text = fs::read_to_string(format!("{FIXTURES}/{agent}.ndjson")).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (1..)
            .zip(lines)
            .map(move |(number, line)| (agent, number, line))
    };
    AGENTS.into_iter().flat_map(of).collect()
}

/// `fixtures/endpoint/expected.ndjson` has the reports of every line: `BLESS=1` rewrites it.
#[test]
fn every_line_gives_the_reports_that_are_expected() {
    let mut actual = String::new();
    for (agent, number, line) in lines() {
        // Not every agent names its host.
        let read = match read_line(line.as_bytes(), &ANONYMOUS) {
            Err(Refused::Nameless { .. }) => read_line(line.as_bytes(), &NAMED),
            read => read,
        };
        let row = match read {
            Ok(reports) => json!({"file": agent, "line": number, "reports": reports}),
            Err(refused) => json!({"file": agent, "line": number, "refused": refused.to_string()}),
        };
        actual.push_str(&format!("{row}\n"));
    }
    let path = format!("{FIXTURES}/expected.ndjson");
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap();
    for (actual, expected) in actual.lines().zip(expected.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.lines().count(), expected.lines().count());
}

#[test]
fn the_name_that_was_authenticated_and_the_moment_of_receipt_count() {
    for (agent, number, line) in lines() {
        let reports = read_line(line.as_bytes(), &NAMED).unwrap();
        for report in reports {
            assert_eq!(&*report.agent, "agent-1", "{agent}:{number}");
            assert_eq!(report.received_at, RECEIVED, "{agent}:{number}");
            assert!(report.window.from <= report.window.to, "{agent}:{number}");
        }
    }
}

#[test]
fn reports_survive_json_and_postcard_and_read_back_as_what_they_are() {
    for (_, _, line) in lines() {
        for report in read_line(line.as_bytes(), &NAMED).unwrap() {
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
            let bytes = postcard::to_stdvec(&report).unwrap();
            assert_eq!(postcard::from_bytes::<Report>(&bytes).unwrap(), report);
            // What is read of a report is the report, in the format of Tapir's own agent.
            let again = read_line(text.as_bytes(), &NAMED).unwrap();
            let own = Report {
                format: Format::Tapir,
                ..report
            };
            assert_eq!(again.first(), Some(&own));
        }
    }
}

#[test]
fn nothing_secret_is_kept() {
    let secrets = [
        "hunter2",
        "abcdef",
        "TOKEN",
        "SECRET",
        ":pw@",
        "token=abc",
        "key=abc",
    ];
    for (agent, number, line) in lines() {
        let reports = read_line(line.as_bytes(), &NAMED).unwrap();
        let text = serde_json::to_string(&reports).unwrap();
        for secret in secrets {
            assert!(
                !text.contains(secret),
                "{secret} in {agent}:{number}: {text}"
            );
        }
    }
}

fn refused(line: impl AsRef<[u8]>) -> Refused {
    read_line(line.as_ref(), &ANONYMOUS).unwrap_err()
}

#[test]
fn what_cannot_be_taken_is_refused_with_its_reason() {
    let long = vec![b' '; LINE_BYTES_MAX + 1];
    assert_eq!(
        refused(&long),
        Refused::TooLong {
            bytes: LINE_BYTES_MAX + 1
        }
    );
    assert_eq!(refused("[".repeat(65)), Refused::TooDeep { column: 65 });
    let wide = format!("[{}]", vec!["{}"; 20_000].join(","));
    assert_eq!(refused(wide), Refused::TooWide);
    assert_eq!(refused(r#"{"a":"#), Refused::NotJson { column: 5 });
    assert_eq!(refused(r#"{"a":1} x"#), Refused::NotJson { column: 9 });
    assert_eq!(refused(b"\xff"), Refused::NotJson { column: 1 });
    assert_eq!(refused("3"), Refused::NoObject);
    let keys: Vec<String> = (0..9).map(|n| format!("\"k{n}\":[]")).collect();
    let unknown = refused(format!("{{{}}}", keys.join(",")));
    assert_eq!(
        unknown.to_string(),
        "is of no known format, its keys are k0, k1, k2, k3, k4, k5, k6, k7: send lines of an \
         agent that the documentation lists"
    );
    let timeless = refused(r#"{"name":"q","hostIdentifier":"h","columns":{}}"#);
    assert_eq!(
        timeless.to_string(),
        "osquery without a usable `unixTime`: send the event as the agent wrote it"
    );
    let nameless = refused(r#"{"name":"q","columns":{},"unixTime":1}"#);
    assert_eq!(
        nameless.to_string(),
        "osquery names no host here: say which agent sends it"
    );
}

#[test]
fn blank_lines_are_nothing_and_strings_may_hold_brackets() {
    assert_eq!(read_line(b" \r\n", &ANONYMOUS).unwrap(), []);
    let brackets = "[{".repeat(500);
    let line = json!({"output_fields": {}, "time": "2026-11-21T02:00:00Z", "output": brackets});
    assert_eq!(read_line(line.to_string().as_bytes(), &NAMED).unwrap(), []);
}

fn socket(port: u64, extra: &str) -> Value {
    json!({
        "pid": 7, "family": 2, "protocol": 6, "path": format!("/bin/{extra}"),
        "local_address": "192.0.2.5", "local_port": port,
        "remote_address": "198.51.100.7", "remote_port": 443,
    })
}

#[test]
fn a_line_gives_at_most_so_many_reports_each_with_short_texts() {
    let snapshot = |rows: usize| {
        let rows: Vec<Value> = (0..rows).map(|_| socket(1, "a")).collect();
        json!({"name": "q", "unixTime": 1_790_000_000, "snapshot": rows}).to_string()
    };
    let read = |line: String| read_line(line.as_bytes(), &NAMED);
    assert_eq!(read(snapshot(4096)).unwrap().len(), 4096);
    assert_eq!(read(snapshot(4097)), Err(Refused::TooMany));
    let columns = socket(1, &"ü".repeat(5000));
    let line = json!({"name": "q", "unixTime": 1_790_000_000, "columns": columns});
    let reports = read(line.to_string()).unwrap();
    let [
        Report {
            deed: Deed::Flow(flow),
            ..
        },
    ] = &reports[..]
    else {
        panic!("one flow: {reports:?}");
    };
    let path = flow.process.path.as_deref().unwrap();
    assert_eq!(path.len(), 4095, "the last character would be cut");
}

#[test]
fn addresses_compare_however_they_were_written() {
    let addr = |text: &str| address::addr(text).map(|addr| addr.to_string());
    assert_eq!(addr("fe80::1%en0").as_deref(), Some("fe80::1"));
    assert_eq!(addr("::ffff:192.0.2.5").as_deref(), Some("192.0.2.5"));
    assert_eq!(addr("[2001:db8::7]").as_deref(), Some("2001:db8::7"));
    let long = "2001:0db8:0000:0000:0000:0000:0000:0007";
    assert_eq!(addr(long).as_deref(), Some("2001:db8::7"));
    for nothing in [
        "",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "example.com",
        "/run/x",
    ] {
        assert_eq!(addr(nothing), None, "{nothing}");
    }
    let mac = |text: &str| address::mac(text).map(|mac| mac.to_string());
    for text in [
        "00:00:5E:00:53:23",
        "00-00-5e-00-53-23",
        "00005E005323",
        "0000.5e00.5323",
    ] {
        assert_eq!(mac(text).as_deref(), Some("00:00:5e:00:53:23"));
    }
    for nothing in [
        "",
        "00:00:00:00:00:00",
        "00:00:5e:00:53",
        "00:00:5e:00:53:23:01",
        "zz",
    ] {
        assert_eq!(mac(nothing), None, "{nothing}");
    }
}

#[test]
fn times_are_read_as_exactly_as_they_were_written() {
    let read = |text: &str| {
        let value = Value::from(text);
        let window = moment::calendar(Json::new(&value))?;
        Some((window.from.as_nanos(), (window.to - window.from).as_nanos()))
    };
    let second = 999_999_999;
    let at = 1_795_226_400_000_000_000;
    assert_eq!(read("2026-11-21T02:00:00Z"), Some((at, second)));
    assert_eq!(read("2026-11-21T03:30:00+01:30"), Some((at, second)));
    assert_eq!(read("2026-11-20T21:00:00-0500"), Some((at, second)));
    assert_eq!(read("2026-11-21 02:00:00.123"), Some((at + 123_000_000, 0)));
    assert_eq!(
        read("2026-11-21T02:00:00.1234567Z"),
        Some((at + 123_456_700, 0))
    );
    assert_eq!(
        read("2026-11-21T02:00:00.123456789123Z"),
        Some((at + 123_456_789, 0))
    );
    assert_eq!(read("1970-01-01T00:00:00.0Z"), Some((0, 0)));
    assert_eq!(
        read("2024-02-29T00:00:00.0Z"),
        Some((1_709_164_800_000_000_000, 0))
    );
    for wrong in [
        "",
        "2026-11-21",
        "2026-13-21T02:00:00Z",
        "2026-11-21T02:00:00.Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T02:00:00 CET",
    ] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    let seconds = |value: Value| {
        let window = moment::seconds(Json::new(&value))?;
        Some((window.from.as_nanos(), (window.to - window.from).as_nanos()))
    };
    assert_eq!(
        seconds(json!("1757195073.478")),
        Some((1_757_195_073_478_000_000, 0))
    );
    assert_eq!(
        seconds(json!(1_757_195_073)),
        Some((1_757_195_073_000_000_000, second))
    );
    assert_eq!(seconds(json!("0")), None);
}

#[test]
fn base64_is_read_with_padding_and_without() {
    for (text, bytes) in [
        ("", ""),
        ("Zg==", "f"),
        ("Zm8", "fo"),
        ("Zm9v", "foo"),
        ("Zm9vYg==", "foob"),
    ] {
        assert_eq!(base64::decode(text).as_deref(), Some(bytes.as_bytes()));
    }
    assert_eq!(base64::decode("+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
    assert_eq!(base64::decode("Zm 9v"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read_line(&bytes, &ANONYMOUS);
    }

    #[test]
    fn no_change_to_a_line_makes_it_panic(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let lines = lines();
        let mut line = which.get(&lines).2.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(line.len());
            line[at] = byte;
        }
        let _ = read_line(&line, &ANONYMOUS);
        let _ = read_line(&line[..cut.index(line.len())], &NAMED);
    }

    /// Every value of a line is replaced by one of another kind in turn.
    #[test]
    fn no_kind_of_value_makes_it_panic(which in any::<prop::sample::Index>(), kind in 0..7usize) {
        let lines = lines();
        // Lines of text have no values.
        let Ok(value) = serde_json::from_str::<Value>(&which.get(&lines).2) else {
            return Ok(());
        };
        let other = [
            json!(null), json!(-1), json!(1e300), json!(""), json!("ü=:-"), json!([[]]), json!({}),
        ][kind].clone();
        for pointer in pointers(&value, String::new()) {
            let mut changed = value.clone();
            *changed.pointer_mut(&pointer).unwrap() = other.clone();
            let _ = read_line(changed.to_string().as_bytes(), &NAMED);
        }
    }

    #[test]
    fn a_place_is_canonical(v4 in any::<u32>(), v6 in any::<u128>(), mapped: bool, port: u16) {
        let v4 = Ipv4Addr::from(v4);
        let addr = match mapped {
            true => IpAddr::V6(v4.to_ipv6_mapped()),
            false => IpAddr::V6(Ipv6Addr::from(v6)),
        };
        let Place { addr: kept, port: kept_port } = place(Some(addr), Some(port));
        prop_assert_eq!(kept, kept.and_then(canonical));
        prop_assert_eq!(kept_port, (port != 0).then_some(port));
        if mapped {
            prop_assert_eq!(kept, (!v4.is_unspecified()).then_some(IpAddr::V4(v4)));
        }
    }

    #[test]
    fn a_command_line_stays_short(line in "(?s).{0,300}") {
        let kept = command::kept(&line);
        prop_assert!(kept.len() <= 4096);
        let _ = archive::of_command(&kept);
    }
}

fn pointers(value: &Value, at: String) -> Vec<String> {
    let inner: Vec<String> = match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{key}"))
            })
            .collect(),
        Value::Array(items) => (0..)
            .zip(items)
            .flat_map(|(index, value): (usize, _)| pointers(value, format!("{at}/{index}")))
            .collect(),
        _ => Vec::new(),
    };
    [vec![at], inner].concat()
}
