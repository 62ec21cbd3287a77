use super::*;
use crate::net::{Mac, Uid};
use crate::record::samples::{AT, records, weird};
use crate::record::{Bounds, Column, List, Record, Value};
use crate::time::Span;
use bstr::BString;
use proptest::prelude::*;
use serde_json::json;
use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

/// A row of one, two or three free columns.
struct Free<'a>(Vec<Value<'a>>);

const FREE: Schema = Schema {
    path: "free",
    columns: &[
        Column {
            name: "a",
            kind: "string",
            json_only: false,
        },
        Column {
            name: "b.c",
            kind: "vector[string]",
            json_only: false,
        },
        Column {
            name: "d",
            kind: "string",
            json_only: false,
        },
    ],
    bounds: Bounds::DEFAULT,
};

impl Row for Free<'_> {
    fn schema(&self) -> &'static Schema {
        &FREE
    }

    fn values(&self, put: &mut dyn FnMut(Value<'_>)) {
        self.0.iter().for_each(|value| put(*value));
    }
}

fn line(format: Format, row: &dyn Row) -> String {
    let mut out = Vec::new();
    format.write_row(row, &mut out);
    String::from_utf8(out).expect("every line is UTF-8")
}

/// The line of one value in both formats, without its end.
fn both(value: Value<'_>) -> (String, String) {
    let row = Free(vec![value]);
    let json = line(Format::Json, &row);
    let json = json
        .strip_prefix("{\"a\":")
        .unwrap()
        .strip_suffix("}\n")
        .unwrap();
    (
        line(Format::Zeek, &row).strip_suffix('\n').unwrap().into(),
        json.into(),
    )
}

#[test]
fn a_log_begins_with_eight_lines_and_ends_with_one() {
    let mut out = Vec::new();
    Format::Zeek.write_header(&FREE, AT, &mut out);
    Format::Zeek.write_trailer(AT + Span::from_secs(86_400), &mut out);
    let expected = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
                    #path\tfree\n#open\t2026-11-21-02-00-00\n#fields\ta\tb.c\td\n\
                    #types\tstring\tvector[string]\tstring\n#close\t2026-11-22-02-00-00\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn every_kind_of_value_has_its_text() {
    let strings = [Box::from("x"), Box::from("y")];
    let addrs = ["10.0.0.1".parse().unwrap(), "fe80::1".parse().unwrap()];
    for (value, tsv, json) in [
        (Value::Time(AT), "1795226400.123457", "1795226400.123457"),
        (
            Value::Interval(Span::from_secs(3600)),
            "3600.000000",
            "3600.0",
        ),
        (
            Value::Count(u64::MAX),
            "18446744073709551615",
            "18446744073709551615",
        ),
        (Value::Double(12.5), "12.5", "12.5"),
        (Value::Double(-3.0), "-3", "-3.0"),
        (Value::Double(100.0), "100", "100.0"),
        (Value::Double(f64::NAN), "nan", "null"),
        (Value::Double(f64::NEG_INFINITY), "-inf", "null"),
        (Value::Bool(true), "T", "true"),
        (Value::Bool(false), "F", "false"),
        (Value::Addr(addrs[1]), "fe80::1", "\"fe80::1\""),
        (Value::Uid(Uid::from_words(1, 62)), "C101", "\"C101\""),
        (
            Value::Mac(Mac([0, 1, 2, 3, 4, 0xab])),
            "00:01:02:03:04:ab",
            "\"00:01:02:03:04:ab\"",
        ),
        (Value::Name("tcp"), "tcp", "\"tcp\""),
        (Value::Joined(&strings), "x,y", "\"x,y\""),
        (Value::List(List::Strings(&strings)), "x,y", "[\"x\",\"y\"]"),
        (Value::List(List::Names(&["A::B"])), "A::B", "[\"A::B\"]"),
        (Value::List(List::Names(&[])), "(empty)", "[]"),
        (
            Value::List(List::Addrs(&addrs)),
            "10.0.0.1,fe80::1",
            "[\"10.0.0.1\",\"fe80::1\"]",
        ),
        (
            Value::List(List::Seconds(&[60, 0])),
            "60.000000,0.000000",
            "[60.0,0.0]",
        ),
    ] {
        assert_eq!(both(value), (tsv.into(), json.into()), "{value:?}");
    }
    let nothing = Free(vec![Value::Unset; 3]);
    assert_eq!(line(Format::Zeek, &nothing), "-\t-\t-\n");
    assert_eq!(line(Format::Json, &nothing), "{}\n");
}

#[test]
fn strings_are_escaped_so_that_no_reader_is_misled() {
    let cases: [(&[u8], &str, &str); 17] = [
        (b"", "(empty)", r#""""#),
        (b"-", r"\x2d", r#""-""#),
        (b"--", "--", r#""--""#),
        (b"(empty)", r"\x28empty)", r#""(empty)""#),
        (b"(empty) ", "(empty) ", r#""(empty) ""#),
        (b"#fields", r"\x23fields", r##""#fields""##),
        (b"a#b", "a#b", r##""a#b""##),
        (b"a\tb\nc\rd", r"a\x09b\x0ac\x0dd", r#""a\tb\nc\rd""#),
        (
            b"\0\x01\x08\x0c\x1f\x7f",
            r"\x00\x01\x08\x0c\x1f\x7f",
            "\"\\u0000\\u0001\\b\\f\\u001f\x7f\"",
        ),
        (br"\x09", r"\\x09", r#""\\x09""#),
        (b"\\", r"\\", r#""\\""#),
        (b"a,b", "a,b", r#""a,b""#),
        (b"say \"hi\"", "say \"hi\"", r#""say \"hi\"""#),
        (
            "gr\u{fc}n \u{1f600}\u{2028}".as_bytes(),
            "gr\u{fc}n \u{1f600}\u{2028}",
            "\"gr\u{fc}n \u{1f600}\u{2028}\"",
        ),
        (b"\xff", r"\xff", r#""\\xff""#),
        (b"a\xe2\x82", r"a\xe2\x82", r#""a\\xe2\\x82""#),
        (
            b"\xed\xa0\x80\xc0\xaf",
            r"\xed\xa0\x80\xc0\xaf",
            r#""\\xed\\xa0\\x80\\xc0\\xaf""#,
        ),
    ];
    for (text, tsv, json) in cases {
        assert_eq!(
            both(Value::Text(text)),
            (tsv.into(), json.into()),
            "{:?}",
            BString::from(text)
        );
    }
    let texts = [BString::from("a,b"), "-".into(), "".into(), "#".into()];
    let (tsv, json) = both(Value::List(List::Texts(&texts)));
    assert_eq!(tsv, r"a\x2cb,\x2d,(empty),#");
    assert_eq!(json, r##"["a,b","-","","#"]"##);
}

#[test]
fn a_hostile_row_is_cut_at_its_bounds() {
    let long = vec![b'x'; 5000];
    let (tsv, json) = both(Value::Text(&long));
    assert_eq!((tsv.len(), json.len()), (4096, 4098));

    let many = vec![BString::from("y"); 101];
    let (tsv, json) = both(Value::List(List::Texts(&many)));
    assert_eq!(tsv.split(',').count(), 100);
    assert_eq!(json.split(',').count(), 100);

    // 256,000 bytes are 62 strings of 4,096 and one of 2,048; the others are empty.
    let texts = vec![BString::from(long); 70];
    for format in [Format::Zeek, Format::Json] {
        let row = Free(vec![Value::List(List::Texts(&texts)), Value::Text(b"lost")]);
        let line = line(format, &row);
        assert_eq!(line.bytes().filter(|byte| *byte == b'x').count(), 256_000);
        assert!(!line.contains("lost"));
    }
    let lists = Free(vec![Value::List(List::Texts(&many)); 6]);
    let elements = line(Format::Zeek, &lists).replace("(empty)", "");
    assert_eq!(elements.matches('y').count(), 500);
    assert!(elements.ends_with("y\t\n"));
}

/// What Zeek's readers do with one field: `\\` and `\xhh` are a byte each.
fn unescape(field: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [b'\\', tail @ ..]) => {
                bytes.push(b'\\');
                tail
            }
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let hex = [*high, *low];
                let hex = std::str::from_utf8(&hex).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                tail
            }
            (b'\\', _) => panic!("a lone backslash in {field:?}"),
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    bytes
}

/// What a JSON reader gets for these bytes.
fn hex_policy(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Any bytes, with those that matter more often than chance has it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(b"\\x09,-#()\t\n\r\"\0\x7f\xc3\xa9\xff".to_vec());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(special, 0..12),
        any::<String>().prop_map(String::into_bytes),
        Just(b"-".to_vec()),
        Just(b"(empty)".to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_bytes_make_one_line_that_reads_back(
        first in bytes(),
        list in prop::collection::vec(bytes(), 0..5),
        last in bytes(),
    ) {
        let texts: Vec<BString> = list.iter().cloned().map(BString::from).collect();
        let row = Free(vec![
            Value::Text(&first),
            Value::List(List::Texts(&texts)),
            Value::Text(&last),
        ]);

        let tsv = line(Format::Zeek, &row);
        prop_assert_eq!(tsv.find('\n'), Some(tsv.len() - 1));
        prop_assert!(!tsv.starts_with('#'));
        let stray = |c: char| c.is_ascii_control() && c != '\t';
        prop_assert!(!tsv.trim_end_matches('\n').contains(stray));
        let fields: Vec<&str> = tsv.trim_end_matches('\n').split('\t').collect();
        prop_assert_eq!(fields.len(), 3);
        for (field, bytes) in [(fields[0], &first), (fields[2], &last)] {
            prop_assert_eq!(field == "(empty)", bytes.is_empty());
            prop_assert_ne!(field, "-");
            if !bytes.is_empty() {
                prop_assert_eq!(&unescape(field), bytes);
            }
        }
        let elements: Vec<Vec<u8>> = match fields[1] {
            "(empty)" => vec![],
            field => field
                .split(',')
                .map(|e| if e == "(empty)" { vec![] } else { unescape(e) })
                .collect(),
        };
        // A list of one empty string cannot be told from an empty list, in Zeek neither.
        if list != [Vec::<u8>::new()] {
            prop_assert_eq!(&elements, &list);
        }

        let json = line(Format::Json, &row);
        prop_assert_eq!(json.find('\n'), Some(json.len() - 1));
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        let elements: Vec<String> = list.iter().map(|bytes| hex_policy(bytes)).collect();
        prop_assert_eq!(
            object,
            json!({"a": hex_policy(&first), "b.c": elements, "d": hex_policy(&last)})
        );
        // Exactly as serde_json would have written it.
        let keys = json!({"a": hex_policy(&first), "b.c": elements, "d": hex_policy(&last)});
        prop_assert_eq!(json.trim_end_matches('\n'), keys.to_string());
    }

    #[test]
    fn any_moment_is_written_as_the_same_number_in_both_formats(nanos in any::<i64>()) {
        let (tsv, json) = both(Value::Time(Timestamp::from_nanos(nanos)));
        prop_assert_eq!(tsv.split_once('.').unwrap().1.len(), 6);
        prop_assert_eq!(tsv.parse::<f64>().unwrap(), json.parse::<f64>().unwrap());
        let nearest = (i128::from(nanos.unsigned_abs()) + 500) / 1000;
        let digits: i128 = tsv.trim_start_matches('-').replace('.', "").parse().unwrap();
        prop_assert_eq!(digits, nearest);
    }
}

/// The golden text of one row of every log: `BLESS=1` prints what there is.
#[test]
fn one_row_of_every_log_reads_as_expected() {
    let golden = include_str!("golden.txt");
    let mut actual = String::new();
    for record in records() {
        let mut header = Vec::new();
        Format::Zeek.write_header(record.row().schema(), AT, &mut header);
        actual.push_str(&String::from_utf8(header).unwrap());
        for format in [Format::Zeek, Format::Json] {
            actual.push_str(&line(format, record.row()));
        }
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/sink/golden.txt"),
            &actual,
        )
        .unwrap();
    } else {
        assert_eq!(actual, golden);
    }
}

#[test]
fn json_has_a_key_for_each_column_that_is_set() {
    for record in records() {
        let mut set = Vec::new();
        let mut columns = record.row().schema().columns.iter();
        record.row().values(&mut |value| {
            let column = columns.next().unwrap();
            if value != Value::Unset {
                set.push(column.name);
            }
        });
        set.sort_unstable();
        let line = line(Format::Json, record.row());
        let object: serde_json::Map<_, _> = serde_json::from_str(&line).unwrap();
        let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, set);
    }
}

/// What an output is asked, and what it does then.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    calls: usize,
    /// The call to write that fails, and every one after it until this is cleared.
    fails_at: Option<usize>,
    /// Bytes that one call takes at most; none for all.
    takes: Option<usize>,
    /// Whether it can take back what was written.
    truncates: bool,
}

#[derive(Clone, Default)]
struct Faulty(Rc<RefCell<Disk>>);

impl io::Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.borrow_mut();
        disk.calls += 1;
        if disk.fails_at.is_some_and(|at| disk.calls >= at) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = bytes.len().min(disk.takes.unwrap_or(usize::MAX));
        if disk.takes.is_none() {
            assert!(bytes.ends_with(b"\n"));
            let one_page = disk.bytes.len() % 4096 + bytes.len() <= 4096;
            assert!(one_page || bytes.iter().filter(|byte| **byte == b'\n').count() == 1);
        }
        disk.bytes.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Faulty {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        if !disk.truncates {
            return Err(io::ErrorKind::Unsupported.into());
        }
        disk.bytes.truncate(len as usize);
        Ok(())
    }
}

fn numbered(number: usize) -> Vec<u8> {
    let mut line = format!("{number} {}", "z".repeat(number % 97)).into_bytes();
    line.push(b'\n');
    line
}

/// Appends lines 0 to `count` and returns those that were accepted; every error names the file.
fn fill(file: &mut LogFile<Faulty>, count: usize) -> Vec<u8> {
    let mut accepted = Vec::new();
    for number in 0..count {
        let mut called = false;
        let result = file.append(|out| {
            called = true;
            out.extend_from_slice(&numbered(number));
        });
        if called {
            accepted.extend_from_slice(&numbered(number));
        }
        if let Err(error) = result {
            assert_eq!(
                error.to_string(),
                "cannot write dir/conn.log: no storage space"
            );
        }
    }
    accepted
}

#[test]
fn whichever_write_fails_the_lines_before_are_whole_and_none_is_lost_afterwards() {
    for takes in [None, Some(1000), Some(30_000)] {
        for fails_at in (1..40).chain([70, 99, 150, 500]) {
            let faulty = Faulty::default();
            *faulty.0.borrow_mut() = Disk {
                fails_at: Some(fails_at),
                takes,
                truncates: true,
                ..Disk::default()
            };
            let mut file = LogFile::new("dir/conn.log".into(), faulty.clone());
            let accepted = fill(&mut file, 20_000);
            let failed = file.flush();
            let disk = faulty.0.borrow().bytes.clone();
            assert_eq!(failed.is_err(), faulty.0.borrow().calls >= fails_at);
            assert!(
                disk.is_empty() || disk.ends_with(b"\n"),
                "{takes:?} {fails_at}"
            );
            assert!(accepted.starts_with(&disk));

            faulty.0.borrow_mut().fails_at = None;
            file.flush().unwrap();
            assert!(faulty.0.borrow().bytes == accepted, "{takes:?} {fails_at}");
        }
    }
}

#[test]
fn a_line_cut_off_in_a_pipe_goes_on_where_it_stopped() {
    let faulty = Faulty::default();
    *faulty.0.borrow_mut() = Disk {
        fails_at: Some(4),
        takes: Some(1001),
        ..Disk::default()
    };
    let mut file = LogFile::new("dir/conn.log".into(), faulty.clone());
    let accepted = fill(&mut file, 3000);
    file.flush().unwrap_err();
    assert_eq!(faulty.0.borrow().bytes.len(), 3003);
    faulty.0.borrow_mut().fails_at = Some(100);
    file.flush().unwrap_err();
    faulty.0.borrow_mut().fails_at = None;
    file.flush().unwrap();
    assert!(faulty.0.borrow().bytes == accepted);
}

#[test]
fn each_write_is_whole_lines_and_a_dropped_log_is_written() {
    let faulty = Faulty::default();
    let mut file = LogFile::new("dir/conn.log".into(), faulty.clone());
    let mut accepted = Vec::new();
    for number in 0..10_000 {
        file.append(|out| out.extend_from_slice(&numbered(number)))
            .unwrap();
        accepted.extend_from_slice(&numbered(number));
        let disk = faulty.0.borrow();
        assert!(disk.bytes.is_empty() || disk.bytes.ends_with(b"\n"));
    }
    drop(file);
    let disk = faulty.0.borrow();
    assert!(disk.bytes == accepted);
    let pages = accepted.len() / 4096 + 1;
    assert!(
        disk.calls <= 2 * pages,
        "{} writes for {pages} pages",
        disk.calls
    );
}

#[test]
fn an_object_that_does_not_serialise_leaves_no_trace() {
    let faulty = Faulty::default();
    let mut file = LogFile::new("dir/alerts.log".into(), faulty.clone());
    file.append_json(&json!({"alert": 1})).unwrap();
    let keyed_by_list = std::collections::BTreeMap::from([(vec![1], 2)]);
    let error = file.append_json(&keyed_by_list).unwrap_err();
    assert!(error.to_string().contains("dir/alerts.log"), "{error}");
    file.append_json(&json!({"alert": "two\nlines"})).unwrap();
    file.flush().unwrap();
    let expected = b"{\"alert\":1}\n{\"alert\":\"two\\nlines\"}\n";
    assert_eq!(faulty.0.borrow().bytes, expected);
}

fn names(dir: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_directory_holds_the_logs_of_this_run_and_no_others() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("made/on/demand");
    for format in [Format::Zeek, Format::Json] {
        let mut logs = LogDir::create(&dir, format).unwrap();
        assert_eq!(names(&dir), [] as [&str; 0]);
        for record in records() {
            logs.write(AT, &record).unwrap();
            logs.write(AT, &record).unwrap();
        }
        logs.write_json(ALERTS, &json!({"alert_id": "x"})).unwrap();
        logs.close(AT + Span::from_secs(60)).unwrap();

        let expected = "alerts.log attribution.log capture_loss.log conn.log coverage.log dhcp.log dns.log gateway.log hosts.log http.log known_hosts.log \
             known_services.log notice.log profile.log quic.log software.log ssl.log stats.log tunnel.log weird.log \
             x509.log";
        assert_eq!(names(&dir).join(" "), expected);
        let alerts = fs::read_to_string(dir.join("alerts.log")).unwrap();
        assert_eq!(alerts, "{\"alert_id\":\"x\"}\n");
        let conn = fs::read_to_string(dir.join("conn.log")).unwrap();
        match format {
            Format::Zeek => {
                assert_eq!(conn.lines().count(), 8 + 2 + 1);
                assert_eq!(conn.lines().nth(5), Some("#open\t2026-11-21-02-00-00"));
                assert_eq!(conn.lines().last(), Some("#close\t2026-11-21-02-01-00"));
            }
            Format::Json => assert_eq!(conn.lines().count(), 2),
        }
        fs::write(dir.join("ftp.log"), "somebody else's").unwrap();
        fs::write(dir.join("ssl.log"), "of an earlier run").unwrap();

        let mut logs = LogDir::create(&dir, format).unwrap();
        logs.write(AT, &Record::Weird(weird("x"))).unwrap();
        logs.flush().unwrap();
        let first = fs::read(dir.join("weird.log")).unwrap();
        logs.write(AT, &Record::Weird(weird("x"))).unwrap();
        drop(logs);
        assert!(fs::read(dir.join("weird.log")).unwrap().len() > first.len());
        assert_eq!(names(&dir), ["ftp.log", "weird.log"]);
        fs::remove_file(dir.join("ftp.log")).unwrap();
        fs::remove_file(dir.join("weird.log")).unwrap();
    }
}

#[test]
fn what_cannot_be_created_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = LogDir::create(file.join("logs"), Format::Zeek).unwrap_err();
    assert!(error.to_string().starts_with("cannot create "), "{error}");
    assert!(error.to_string().contains("file/logs"), "{error}");

    let mut logs = LogDir::create(parent.path(), Format::Zeek).unwrap();
    fs::create_dir(parent.path().join("weird.log")).unwrap();
    let error = logs.write(AT, &Record::Weird(weird(""))).unwrap_err();
    assert!(error.to_string().contains("weird.log"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_and_the_other_logs_are_written_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("conn.log")).unwrap();
    let mut logs = LogDir::create(dir.path(), Format::Zeek).unwrap();
    for record in records() {
        logs.write(AT, &record).unwrap();
    }
    let error = logs.close(AT).unwrap_err();
    let expected = format!("cannot write {}/conn.log: ", dir.path().display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    let weird = fs::read_to_string(dir.path().join("weird.log")).unwrap();
    assert!(weird.lines().last().unwrap().starts_with("#close\t"));
}
