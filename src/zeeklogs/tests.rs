//! What is read of logs, in which order, and what is not.

use super::cells::{Cells, unescape};
use super::faults::Faults;
use super::file::LogFile;
use super::merge::Logs;
use super::row::{Row, Told};
use super::{Kind, LINE_BYTES_MAX, value};
use crate::capture::Bytes;
use crate::net::{Side, Transport, Uid};
use crate::observe::profile::{First, FlowProfile, SIZES, SideProfile};
use crate::observe::{ConnState, Fact, FlowId, Observation};
use crate::record::{ProfileRow, samples};
use crate::sink::Format;
use crate::time::{Span, Timestamp};
use proptest::prelude::*;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

const HEAD: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n";
const CONN: &str = "#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\t\
     proto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\n";

/// The rows of a log of these bytes, and what was wrong.
fn read(kind: Kind, bytes: impl AsRef<[u8]>) -> (Vec<Row>, Faults) {
    let bytes = Bytes::from_read(Cursor::new(bytes.as_ref().to_vec())).unwrap();
    let mut file = LogFile::from_bytes(kind, Path::new("conn.log"), bytes);
    let mut faults = Faults::default();
    let rows = std::iter::from_fn(|| file.next_row(&mut faults));
    let rows = rows.map(|(row, _)| row).collect();
    (rows, faults)
}

fn conn(ts: &str, uid: &str, duration: &str) -> String {
    let rest = "10.0.0.1\t40000\t192.0.2.1\t443\ttcp\tssl";
    format!("{ts}\t{uid}\t{rest}\t{duration}\t10\t20\tSF\n")
}

/// What the logs in a folder with these files give.
fn observations(files: &[(&str, Vec<u8>)], held_bytes_max: usize) -> (Vec<Observation>, u64) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let logs = Logs::open(&[folder.path().to_owned()]).unwrap();
    let mut logs = logs.with_held_bytes_max(held_bytes_max);
    let observations = std::iter::from_fn(|| logs.next_observation()).collect();
    assert!(!logs.faults().is_any_lost(), "{:?}", logs.faults());
    (observations, logs.counts().late)
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

#[test]
fn a_row_of_tsv_and_the_same_of_json_are_one() {
    let tsv = format!("{HEAD}{CONN}{}", conn("100.5", "C00", "2.25"));
    let json = r#"{"ts":100.5,"uid":"C00","id.orig_h":"10.0.0.1","id.orig_p":40000,
        "id.resp_h":"192.0.2.1","id.resp_p":443,"proto":"tcp","service":"ssl",
        "duration":2.25,"orig_bytes":10,"resp_bytes":20,"conn_state":"SF"}"#;
    let (tsv, faults) = read(Kind::Conn, tsv);
    assert_eq!(faults, Faults::default());
    let (json, faults) = read(Kind::Conn, json.replace('\n', ""));
    assert_eq!(faults, Faults::default());
    assert_eq!(tsv, json);
    let row = &tsv[0];
    assert_eq!(row.at, Timestamp::from_parts(107, 750_000_000));
    let flow = row.flow.unwrap();
    assert_eq!(
        (flow.uid, flow.transport),
        (Uid::from_words(0, 0), Transport::Tcp)
    );
    assert_eq!(flow.responder.port, 443);
    let Told::Fact(Fact::Flow(summary)) = &row.told else {
        panic!("{row:?}")
    };
    assert_eq!(summary.duration, Some(Span::from_millis(2250)));
    assert_eq!(summary.tally.map(|tally| tally.bytes), [10, 20]);
    assert_eq!((summary.state, summary.exchanges), (ConnState::Sf, 1));
}

#[test]
fn exports_may_nest_names_or_write_them_without_dots() {
    let flat = r#"{"ts":1.0,"uid":"C12","id_orig_h":"10.0.0.1","id_orig_p":1,"id_resp_h":"::1","id_resp_p":2,"server_name":"a.example"}"#;
    let nested = r#"{"ts":"1970-01-01T00:00:01.000000Z","uid":"C12","id":{"orig_h":"10.0.0.1","orig_p":1,"resp_h":"::1","resp_p":2},"server_name":"a.example"}"#;
    let (flat, faults) = read(Kind::Ssl, flat);
    assert_eq!(faults, Faults::default());
    let (nested, faults) = read(Kind::Ssl, nested);
    assert_eq!(faults, Faults::default());
    assert_eq!(flat, nested);
}

#[test]
fn another_separator_and_other_marks_are_read_as_the_header_says() {
    let log = "#separator \\x7c\n#set_separator|;\n#empty_field|EMPTY\n#unset_field|NONE\n\
        #fields|ts|uid|id.orig_h|id.orig_p|id.resp_h|id.resp_p|query|answers|TTLs\n\
        #types|time|string|addr|port|addr|port|string|vector[string]|vector[interval]\n\
        1.0|C12|10.0.0.1|5353|10.0.0.2|53|A\\x7cb.example|c.example;192.0.2.7|60;30.5\n\
        2.0|C12|10.0.0.1|5353|10.0.0.2|53|NONE|EMPTY|NONE\n";
    let (rows, faults) = read(Kind::Dns, log);
    assert_eq!(faults, Faults::default());
    let Told::Fact(Fact::Dns(dns)) = &rows[0].told else {
        panic!("{rows:?}")
    };
    assert_eq!(dns.query, Some("a|b.example".into()));
    assert_eq!(dns.addresses, [("192.0.2.7".parse().unwrap(), 30)]);
    let Told::Fact(Fact::Dns(dns)) = &rows[1].told else {
        panic!("{rows:?}")
    };
    assert_eq!((&dns.query, &dns.answers), (&None, &None));
}

#[test]
fn escapes_are_undone() {
    assert_eq!(unescape(b"a\\x09b\\\\c\\xZZ\\x4"), b"a\tb\\c\\xZZ\\x4");
}

#[test]
fn moments_are_seconds_milliseconds_or_iso() {
    let at = |text: &str| value::moment(text.as_bytes()).map(Timestamp::as_nanos);
    assert_eq!(at("1793614935.377125"), Some(1_793_614_935_377_125_000));
    assert_eq!(at("1793614935377"), Some(1_793_614_935_377_000_000));
    assert_eq!(
        at("2026-11-02T10:22:54.898786Z"),
        Some(1_793_614_974_898_786_000)
    );
    assert_eq!(at("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000_000));
    assert_eq!(at("1.5e3"), Some(1_500_000_000_000));
    for bad in [
        "",
        "-",
        "-1",
        ".",
        "1e300",
        "nan",
        "9999999999999999999",
        "1.-5",
        "2026-13-01T00:00:00Z",
    ] {
        assert_eq!(at(bad), None, "{bad}");
    }
    assert_eq!(value::span(b"2.7e-05"), Some(Span::from_nanos(27_000)));
    assert_eq!(value::span(b"-0.5"), Some(Span::from_millis(-500)));
}

#[test]
fn what_is_wrong_is_told_by_file_and_line_and_passed_over() {
    let bad = conn("100.5", "C00", "2.25").replace("10.0.0.1", "10.0.0.256");
    let log = format!(
        "{HEAD}{CONN}{}{bad}1.0\tC00\n{{\"ts\":1}}\n{}\n{}",
        conn("100.5", "C00", "2.25"),
        conn("never", "C00", "1"),
        conn("101.5", "C01", "-"),
    );
    let (rows, faults) = read(Kind::Conn, log);
    assert_eq!(rows.len(), 2);
    assert_eq!((faults.bad_rows, faults.bad_files), (4, 0));
    assert_eq!(
        faults.told,
        [
            "conn.log:8: id.orig_h cannot be `10.0.0.256`",
            "conn.log:9: 2 values for 12 columns",
            "conn.log:10: without its moment, uid or endpoints",
            "conn.log:11: ts cannot be `never`",
        ]
    );
}

#[test]
fn unknown_columns_and_a_wrong_path_are_told_once_and_cost_nothing() {
    let row = conn("100.5", "C00", "2.25").replace("SF\n", "SF\tx\n");
    let fields = CONN
        .replace("conn_state", "conn_state\tmystery")
        .replace("path\tconn", "path\tx");
    let (rows, faults) = read(Kind::Conn, format!("{HEAD}{fields}{row}{row}"));
    assert_eq!(rows.len(), 2);
    assert_eq!(
        faults.told,
        [
            "conn.log:5: its path is x, it is read as conn",
            "conn.log:6: unknown columns, not read: mystery",
        ]
    );
    assert!(!faults.is_any_lost());
}

#[test]
fn rows_without_a_header_or_without_a_needed_column_are_no_rows() {
    let (rows, faults) = read(Kind::Conn, conn("100.5", "C00", "2.25"));
    assert_eq!((rows.len(), faults.bad_rows), (0, 1));
    let fields = CONN.replace("\tuid", "");
    let row = conn("100.5", "C00", "2.25").replace("\tC00", "");
    let (rows, faults) = read(Kind::Conn, format!("{HEAD}{fields}{row}"));
    assert_eq!((rows.len(), faults.bad_rows), (0, 1));
    assert!(faults.told[0].contains("without uid"), "{:?}", faults.told);
}

#[test]
fn a_line_above_the_bound_is_passed_over_and_the_next_is_read() {
    let long = "x".repeat(LINE_BYTES_MAX + 1);
    let row = conn("100.5", "C00", "2.25");
    let (rows, faults) = read(Kind::Conn, format!("{HEAD}{CONN}{long}\n{row}"));
    assert_eq!((rows.len(), faults.bad_rows), (1, 1));
}

#[test]
fn compressed_logs_are_read_and_damage_ends_them() {
    let log = format!("{HEAD}{CONN}{}", conn("100.5", "C00", "2.25"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(log.as_bytes(), 1).unwrap();
    let plain = read(Kind::Conn, &log);
    assert_eq!(read(Kind::Conn, &gzip), plain);
    assert_eq!(read(Kind::Conn, &zstd), plain);
    let (rows, faults) = read(Kind::Conn, &gzip[..gzip.len() - 6]);
    assert_eq!((rows.len(), faults.bad_files), (1, 1), "{faults:?}");
    assert!(faults.told[0].contains("read no further"), "{faults:?}");
}

#[test]
fn names_of_logs_are_known_rotated_and_compressed() {
    for name in [
        "conn.log",
        "conn.00:00:00-01:00:00.log.gz",
        "conn.log.zst",
        "conn.log.labeled",
    ] {
        assert_eq!(Kind::of_file(name), Some(Kind::Conn), "{name}");
    }
    for name in [
        "conn.txt",
        "conn-summary.log",
        "weird.log",
        ".log",
        "",
        "conn_log",
    ] {
        assert_eq!(Kind::of_file(name), None, "{name}");
    }
}

#[test]
fn rows_come_in_the_order_in_which_zeek_would_have_told_them() {
    // Sorted by their moments, which is not the order of their ends; a session of the long flow.
    let first = [
        conn("100", "C00", "50"),
        conn("110", "C01", "1"),
        conn("120", "C02", "1"),
    ];
    let second = conn("130", "C03", "-");
    let ssl = "{\"ts\":101,\"uid\":\"C00\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":40000,\
        \"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":443,\"server_name\":\"a.example\"}\n";
    let files = [
        (
            "conn.1.log",
            format!("{HEAD}{CONN}{}", first.concat()).into_bytes(),
        ),
        ("conn.2.log", format!("{HEAD}{CONN}{second}").into_bytes()),
        ("ssl.log", ssl.into()),
    ];
    let (told, late) = observations(&files, usize::MAX);
    let at: Vec<_> = told.iter().map(|one| one.at).collect();
    assert_eq!(at, [101, 116, 126, 135, 155].map(seconds));
    assert_eq!(late, 0);
    assert!(matches!(told[0].fact, Fact::Tls(_)));
    let whole = told.len();
    // Without room order suffers, not time.
    let (told, late) = observations(&files, 0);
    assert!(told.is_sorted_by_key(|one| one.at) && late > 0);
    assert_eq!(told.len(), whole);
}

#[test]
fn a_session_gets_the_names_of_its_certificate_and_a_flow_its_exchanges() {
    let x509 = "{\"ts\":101.5,\"fingerprint\":\"ab\",\"certificate.subject\":\"CN=b.example,O=B\",\
        \"san.dns\":[\"a.example\",\"*.a.example\"]}\n";
    let flow = "\"uid\":\"C00\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":40000,\
        \"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":443";
    let ssl = format!("{{\"ts\":101,{flow},\"cert_chain_fps\":[\"ab\",\"cd\"]}}\n");
    let quic = format!("{{\"ts\":100.5,{flow},\"server_name\":\"q.example\"}}\n");
    let profile = format!("{{\"ts\":100,{flow},\"age\":9,\"open\":false,\"exchanges\":7}}\n");
    let conn = format!("{HEAD}{CONN}{}", conn("100", "C00", "9"));
    let files = [
        ("conn.log", conn.into_bytes()),
        ("ssl.log", ssl.into_bytes()),
        ("x509.log", x509.into()),
        ("profile.log", profile.into_bytes()),
        ("quic.log", quic.into_bytes()),
    ];
    let (told, _) = observations(&files, usize::MAX);
    let [quic, ssl, profile, conn] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(matches!(&quic.fact, Fact::Tls(tls) if tls.server_name == Some("q.example".into())));
    assert!(matches!(&ssl.fact, Fact::Tls(tls) if tls.certificate_names.len() == 2));
    assert_eq!(
        ssl.flow.unwrap().transport,
        Transport::Udp,
        "quic.log says so"
    );
    assert!(matches!(&profile.fact, Fact::Profile(profile) if profile.age == Span::from_secs(9)));
    assert!(matches!(&conn.fact, Fact::Flow(flow) if flow.exchanges == 7));
}

/// Every column with a value of its own.
fn profile() -> FlowProfile {
    let mut sizes = [0; SIZES];
    sizes[2] = 5;
    let side = |n: u32| SideProfile {
        pieces: 10 + n,
        bytes: 0,
        bursts: 20 + n,
        records: 30 + n,
        application_bytes: u64::from(n) * 40,
        sizes,
    };
    let first = |side, len| First {
        at: seconds(1001),
        side,
        len,
    };
    FlowProfile {
        age: Span::from_secs(600),
        open: true,
        rtt: Some(Span::from_millis(20)),
        sides: [side(0), side(1)],
        first: vec![first(Side::Originator, 512), first(Side::Responder, 122)],
        tls: true,
        handshake_bytes: 1,
        tickets: 2,
        record_losses: 3,
        exchanges: 4,
        by_responder: 5,
        inverted: 6,
        inverted_share: Some(0.25),
        pcr: Some(-0.5),
        irregularity: Some(0.125),
        gap_log_sd: Some(0.75),
        busy: Span::from_secs(7),
        pings: 8,
        requests: 9,
        empty: 10,
        unanswered: 11,
        unread: true,
        half_read: true,
        shut_windows: 12,
        late_bytes: Some(24),
        fins: [Some(Side::Responder), Some(Side::Originator)],
        reset_by: Some(Side::Originator),
        ..FlowProfile::default()
    }
}

#[test]
fn a_profile_reads_back_but_for_what_it_has_no_column_for() {
    let flow = FlowId {
        first_at: seconds(1000),
        ..samples::flow()
    };
    let profile = profile();
    for format in [Format::Zeek, Format::Json] {
        let row = ProfileRow::new(flow, Box::new(profile.clone()));
        let mut log = Vec::new();
        format.write_header(&crate::record::profile::SCHEMA, flow.first_at, &mut log);
        format.write_row(&row, &mut log);
        let (rows, faults) = read(Kind::Profile, log);
        assert_eq!(faults, Faults::default());
        let Told::Fact(Fact::Profile(read)) = &rows[0].told else {
            panic!("{rows:?}")
        };
        let mut expected = profile.clone();
        for side in &mut expected.sides {
            side.bytes = side.application_bytes.max(u64::from(side.pieces));
        }
        assert_eq!(**read, expected, "{format:?}");
    }
}

#[test]
fn nothing_usable_says_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &Path| Logs::open(&[folder.to_owned()]).err().unwrap().to_string();
    assert!(open(folder.path()).contains("no log in"));
    fs::write(folder.path().join("conn.log"), "junk\n").unwrap();
    let said = open(folder.path());
    assert!(said.contains("conn.log:1: no usable #fields"), "{said}");
    assert!(open(&PathBuf::from("nowhere-at-all")).contains("nowhere-at-all"));
}

/// A log of this kind with junk where junk fits.
fn junk_log() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let cell = prop_oneof![
        Just(String::new()),
        "[-0-9.eE:TZ]{1,24}",
        "[TF]",
        "C[0-9a-zA-Z]{1,20}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        "\\PC{0,12}",
    ];
    let rows = prop::collection::vec(prop::collection::vec(cell, 0..50), 0..8);
    (kind, rows, any::<bool>()).prop_map(|(kind, rows, json)| {
        let mut log = String::new();
        let names = kind.wanted();
        if !json {
            log = format!("{HEAD}#fields\t{}\n", names.join("\t"));
        }
        for mut row in rows {
            if json {
                let cells = names.iter().zip(row.iter());
                let cells = cells.map(|(name, cell)| (name.to_string(), cell.as_str().into()));
                let object: serde_json::Map<String, serde_json::Value> = cells.collect();
                log += &serde_json::to_string(&object).unwrap();
            } else {
                row.resize(names.len(), "-".into());
                log += &row.join("\t");
            }
            log.push('\n');
        }
        (kind, log.into_bytes())
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        header in any::<bool>(),
    ) {
        let head = if header { format!("{HEAD}#fields\t{}\n", kind.wanted().join("\t")) } else { String::new() };
        read(kind, [head.as_bytes(), &bytes].concat());
        read(kind, [b"#separator ", bytes.as_slice(), b"\n#fields", bytes.as_slice()].concat());
        let _ = Cells::of_json(kind, &bytes);
    }

    #[test]
    fn rows_of_junk_are_read_without_a_panic((kind, log) in junk_log(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let mut log = log;
        for (at, byte) in flips {
            if !log.is_empty() {
                let at = at.index(log.len());
                log[at] = byte;
            }
        }
        let (rows, _) = read(kind, &log);
        for row in &rows {
            prop_assert!(row.ts >= Timestamp::default());
        }
        let name = format!("{}.log", kind.path());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), &log).unwrap();
        if let Ok(mut logs) = Logs::open(&[folder.path().to_owned()]) {
            let told: Vec<_> = std::iter::from_fn(|| logs.next_observation()).collect();
            prop_assert!(told.is_sorted_by_key(|one| one.at));
        }
    }
}
