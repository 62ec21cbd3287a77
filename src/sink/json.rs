//! From a row to one line of JSON as Zeek writes it.
//!
//! Keys are flat (`"id.orig_h"`) and absent where a value is unset; moments are seconds since 1970.
//! Bytes that are no UTF-8 become the text `\xhh`, which cannot be told from such a text on the
//! wire.

use super::cut::Cut;
use super::digits::{
    write_addr, write_count, write_display, write_hex, write_mac, write_seconds_trimmed,
};
use crate::record::{Row, Value};

/// Bytes that stand for themselves within a JSON string: all but control bytes, quote and
/// backslash.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        plain[byte] = false;
        byte += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

/// Appends `row` as one line.
pub fn write_row(row: &dyn Row, out: &mut Vec<u8>) {
    let mut columns = row.schema().columns.iter();
    let mut cut = Cut::new(row.schema().bounds);
    let mut separator = b'{';
    row.values(&mut |value| {
        let Some(column) = columns.next() else { return };
        if value == Value::Unset {
            return;
        }
        out.push(separator);
        separator = b',';
        out.push(b'"');
        out.extend_from_slice(column.name.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            Value::List(list) => {
                out.push(b'[');
                let start = out.len();
                for element in cut.elements(list) {
                    if out.len() > start {
                        out.push(b',');
                    }
                    write_scalar(element, &mut cut, out);
                }
                out.push(b']');
            }
            scalar => write_scalar(scalar, &mut cut, out),
        }
    });
    if separator == b'{' {
        out.push(b'{');
    }
    out.extend_from_slice(b"}\n");
}

/// Appends a value that is no list.
fn write_scalar(value: Value<'_>, cut: &mut Cut, out: &mut Vec<u8>) {
    match value {
        Value::Unset | Value::List(_) => out.extend_from_slice(b"null"),
        Value::Time(moment) => write_seconds_trimmed(moment.as_nanos(), out),
        Value::Interval(span) => write_seconds_trimmed(span.as_nanos(), out),
        Value::Count(number) => write_count(number, out),
        Value::Double(number) if number.is_finite() => {
            // Debug always shows a decimal point or an exponent, and is the shortest that reads
            // back.
            write_display(format_args!("{number:?}"), out);
        }
        Value::Double(_) => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        quoted => {
            out.push(b'"');
            write_quoted(quoted, cut, out);
            out.push(b'"');
        }
    }
}

/// Appends what goes between the quotes.
fn write_quoted(value: Value<'_>, cut: &mut Cut, out: &mut Vec<u8>) {
    match value {
        Value::Addr(addr) => write_addr(addr, out),
        Value::Uid(uid) => write_display(uid, out),
        Value::Mac(mac) => write_mac(mac, out),
        Value::Name(name) => out.extend_from_slice(name.as_bytes()),
        Value::Text(text) => write_text(cut.text(text), out),
        Value::Joined(parts) => {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(cut.text(part.as_bytes()), out);
            }
        }
        _ => {}
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() && text.iter().all(|byte| PLAIN[usize::from(*byte)]) {
        return out.extend_from_slice(text);
    }
    for chunk in text.utf8_chunks() {
        write_valid(chunk.valid().as_bytes(), out);
        for byte in chunk.invalid() {
            out.extend_from_slice(b"\\\\x");
            write_hex(*byte, out);
        }
    }
}

/// Appends UTF-8 by runs of bytes that need no escape (RFC 8259, section 7).
fn write_valid(text: &[u8], out: &mut Vec<u8>) {
    for run in text.split_inclusive(|byte| !PLAIN[usize::from(*byte)]) {
        match run.split_last() {
            Some((special, plain)) if !PLAIN[usize::from(*special)] => {
                out.extend_from_slice(plain);
                write_escape(*special, out);
            }
            _ => out.extend_from_slice(run),
        }
    }
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        b'"' | b'\\' => byte,
        _ => {
            out.extend_from_slice(b"\\u00");
            return write_hex(byte, out);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
