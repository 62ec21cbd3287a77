//! From a row to a line of tab-separated values as Zeek writes them.
//!
//! Column order and types come from the schema. A line holds exactly as many tabs as the schema has
//! columns that are not for JSON only, less one, and no other control byte whatever the row holds,
//! and it is never empty.

use super::calendar::DateTime;
use super::cut::Cut;
use super::digits::{
    write_addr, write_count, write_display, write_hex, write_mac, write_padded, write_seconds,
};
use crate::record::{Column, List, Row, Schema, Value};
use crate::time::Timestamp;

const UNSET: &[u8] = b"-";
const EMPTY: &[u8] = b"(empty)";

/// Bytes that need no look at what is around them: printable ASCII but the backslash.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Appends the eight lines that a log begins with.
pub fn write_header(schema: &Schema, opened_at: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"#separator \\x09\n#set_separator\t,\n");
    out.extend_from_slice(b"#empty_field\t(empty)\n#unset_field\t-\n#path\t");
    out.extend_from_slice(schema.path.as_bytes());
    out.extend_from_slice(b"\n#open\t");
    write_date(opened_at, out);
    write_names(b"\n#fields", schema, |column| column.name, out);
    write_names(b"\n#types", schema, |column| column.kind, out);
    out.push(b'\n');
}

/// Appends the line that a log ends with.
pub fn write_trailer(closed_at: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"#close\t");
    write_date(closed_at, out);
    out.push(b'\n');
}

/// Appends `row` as one line.
pub fn write_row(row: &dyn Row, out: &mut Vec<u8>) {
    let start = out.len();
    let mut cut = Cut::new(row.schema().bounds);
    let mut columns = row.schema().columns.iter();
    row.values(&mut |value| {
        if columns.next().is_some_and(|column| column.json_only) {
            return;
        }
        if out.len() > start {
            out.push(b'\t');
        }
        match value {
            Value::List(list) => write_list(list, &mut cut, out),
            scalar => write_scalar(scalar, false, &mut cut, out),
        }
    });
    // A reader would take it for a line of the header.
    if out.get(start) == Some(&b'#') {
        out.splice(start..=start, *b"\\x23");
    }
    out.push(b'\n');
}

fn write_names(
    intro: &[u8],
    schema: &Schema,
    name: impl Fn(&Column) -> &'static str,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(intro);
    for column in schema.positional() {
        out.push(b'\t');
        out.extend_from_slice(name(column).as_bytes());
    }
}

/// `2026-11-21-02-00-00`, in UTC and of the capture's clock, where Zeek writes local time of the
/// wall clock: no reader depends on it, and so a replay writes the same bytes again.
fn write_date(moment: Timestamp, out: &mut Vec<u8>) {
    let date = DateTime::of(moment);
    write_padded(date.year.unsigned_abs(), 4, out);
    for part in [date.month, date.day, date.hour, date.minute, date.second] {
        out.push(b'-');
        write_padded(part.unsigned_abs(), 2, out);
    }
}

fn write_list(list: List<'_>, cut: &mut Cut, out: &mut Vec<u8>) {
    let start = out.len();
    for element in cut.elements(list) {
        if out.len() > start {
            out.push(b',');
        }
        write_scalar(element, true, cut, out);
    }
    if out.len() == start {
        out.extend_from_slice(EMPTY);
    }
}

/// Appends a value that is no list; `in_list` says that a comma would end it.
fn write_scalar(value: Value<'_>, in_list: bool, cut: &mut Cut, out: &mut Vec<u8>) {
    match value {
        Value::Unset | Value::List(_) => out.extend_from_slice(UNSET),
        Value::Time(moment) => write_seconds(moment.as_nanos(), out),
        Value::Interval(span) => write_seconds(span.as_nanos(), out),
        Value::Count(number) => write_count(number, out),
        Value::Double(number) => write_double(number, out),
        Value::Bool(truth) => out.push(if truth { b'T' } else { b'F' }),
        Value::Addr(addr) => write_addr(addr, out),
        Value::Uid(uid) => write_display(uid, out),
        Value::Mac(mac) => write_mac(mac, out),
        Value::Name(name) => out.extend_from_slice(name.as_bytes()),
        Value::Text(text) => write_text(cut.text(text), in_list, out),
        Value::Joined(parts) => write_joined(parts, cut, out),
    }
}

/// At most six decimals, none of them a zero at the end.
fn write_double(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        return match number.is_nan() {
            true => out.extend_from_slice(b"nan"),
            false => write_display(number, out),
        };
    }
    write_display(format_args!("{number:.6}"), out);
    while out.ends_with(b"0") {
        out.pop();
    }
    if out.ends_with(b".") {
        out.pop();
    }
}

fn write_joined(parts: &[Box<str>], cut: &mut Cut, out: &mut Vec<u8>) {
    let start = out.len();
    for part in parts {
        if out.len() > start {
            out.push(b',');
        }
        let part = cut.text(part.as_bytes());
        if !part.is_empty() {
            write_text(part, false, out);
        }
    }
    if out.len() == start {
        out.extend_from_slice(EMPTY);
    }
}

fn write_text(text: &[u8], in_list: bool, out: &mut Vec<u8>) {
    let text = match text {
        [] => return out.extend_from_slice(EMPTY),
        // It would read as unset or empty.
        [first, rest @ ..] if text == UNSET || text == EMPTY => {
            write_escape(*first, out);
            rest
        }
        text => text,
    };
    let plain = |byte: u8| PLAIN[usize::from(byte)] && !(in_list && byte == b',');
    if text.iter().all(|byte| plain(*byte)) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                byte if byte >= 0x80 || plain(byte) => out.push(byte),
                byte => write_escape(byte, out),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| write_escape(*byte, out));
    }
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    write_hex(byte, out);
}
