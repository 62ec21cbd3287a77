//! From the bytes of a head to its first line and fields (RFC 9112, sections 3 to 5).
//!
//! As lenient as servers are, and Zeek: spaces in a target, line breaks without CR, folded fields
//! and lines that are no fields hide nothing from the sensor. Refers to the head's bytes; keeps
//! nothing.

use bstr::{BString, ByteSlice};

/// Major and minor version.
pub(super) type Version = [u8; 2];

/// The first line of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// None where it is not two digits.
    pub(super) version: Option<Version>,
}

/// The first line of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StatusLine<'a> {
    /// None where it is not two digits.
    pub(super) version: Option<Version>,
    pub(super) code: u16,
    pub(super) reason: Option<&'a [u8]>,
    /// Whether the name is not in capitals, as it should be.
    pub(super) lowercase: bool,
}

/// Whether `byte` may be part of a method (RFC 9110, section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_with(|c| matches!(c, ' ' | '\t' | '\r'))
}

/// `1.1` at the beginning of `bytes`.
fn version(bytes: &[u8]) -> Option<Version> {
    match bytes {
        [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9', ..] => Some([major - b'0', minor - b'0']),
        _ => None,
    }
}

impl<'a> RequestLine<'a> {
    /// Reads the line without its end; none where it is no request line of HTTP/0.9 to 1.x.
    pub(super) fn read(line: &'a [u8]) -> Option<RequestLine<'a>> {
        let method_len = line.iter().take_while(|byte| is_token(**byte)).count();
        let (method, rest) = line.split_at_checked(method_len)?;
        if method.is_empty() || !rest.first().is_some_and(|byte| is_blank(*byte)) {
            return None;
        }
        let name = rest.find_iter("HTTP/").find(|at| {
            rest.get(at.wrapping_sub(1))
                .is_some_and(|byte| is_blank(*byte))
        });
        let Some((target, name)) = name.and_then(|at| rest.split_at_checked(at)) else {
            // HTTP/0.9 has one method, and no word after the target.
            let target = trim(rest);
            let simple = method == b"GET" && !target.is_empty() && !target.contains(&b' ');
            return simple.then_some(RequestLine {
                method,
                target,
                version: Some([0, 9]),
            });
        };
        let version = version(name.get(5..).unwrap_or_default());
        let target = trim(target);
        (version.is_none_or(|[major, _]| major < 2)).then_some(RequestLine {
            method,
            target,
            version,
        })
    }

    /// Whether nothing else looks like it: a known version, and a method in capitals.
    pub(super) fn is_sure(&self) -> bool {
        let capitals = self
            .method
            .iter()
            .all(|b| b.is_ascii_uppercase() || *b == b'-');
        capitals && !self.target.is_empty() && matches!(self.version, Some([1, 0 | 1]))
    }

    /// Whether the line is all of the request: HTTP/0.9 knows no fields.
    pub(super) fn is_simple(&self) -> bool {
        self.version == Some([0, 9])
    }
}

impl<'a> StatusLine<'a> {
    /// Reads the line without its end; none where it is no status line.
    pub(super) fn read(line: &'a [u8]) -> Option<StatusLine<'a>> {
        let (name, rest) = line.split_at_checked(5)?;
        if !name.eq_ignore_ascii_case(b"HTTP/") {
            return None;
        }
        let version = version(rest);
        let (_, rest) = rest.split_at_checked(rest.iter().position(|byte| is_blank(*byte))?)?;
        let (code, rest) = trim(rest).split_at_checked(3)?;
        let digits = code.iter().all(u8::is_ascii_digit);
        let number = |code: &[u8]| code.iter().fold(0, |n, b| n * 10 + u16::from(b - b'0'));
        let blank = rest.iter().position(|byte| is_blank(*byte));
        let reason = blank.and_then(|at| rest.get(at..)).map(trim);
        Some(StatusLine {
            version,
            code: if digits { number(code) } else { 0 },
            reason,
            lowercase: name != b"HTTP/",
        })
    }
}

impl StatusLine<'_> {
    /// Whether nothing else looks like it: a known version, and a code of a known class.
    pub(super) fn is_sure(&self) -> bool {
        matches!(self.version, Some([1, 0 | 1])) && matches!(self.code, 100..=599)
    }
}

/// The first line of `head` without its end, and what follows.
pub(super) fn first_line(head: &[u8]) -> (&[u8], &[u8]) {
    match head
        .find_byte(b'\n')
        .and_then(|at| head.split_at_checked(at))
    {
        Some((line, rest)) => (trim(line), rest.get(1..).unwrap_or_default()),
        None => (trim(head), &[]),
    }
}

/// Hands out the fields behind the first line: name and value, folded lines joined.
pub(super) fn fields(mut lines: &[u8], mut put: impl FnMut(&[u8], &[u8])) {
    let mut joined = Vec::new();
    while !lines.is_empty() {
        let (line, mut rest) = first_line(lines);
        let Some(colon) = line.find_byte(b':') else {
            lines = rest;
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = trim(value.get(1..).unwrap_or_default());
        if rest.first().is_some_and(|byte| is_blank(*byte)) {
            joined.clear();
            joined.extend_from_slice(value);
            while rest.first().is_some_and(|byte| is_blank(*byte)) {
                let (fold, behind) = first_line(rest);
                joined.push(b' ');
                joined.extend_from_slice(fold);
                rest = behind;
            }
            put(trim(name), trim(&joined));
        } else {
            put(trim(name), value);
        }
        lines = rest;
    }
}

/// Where the head ends whose bytes up to `scanned` hold no end: behind its empty line.
pub(super) fn end(head: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(3);
    let mut rest = head.get(from..)?;
    let mut at = from;
    while let Some(line) = rest.find_byte(b'\n') {
        rest = rest.get(line + 1..)?;
        at += line + 1;
        if rest.first() == Some(&b'\n') {
            return Some(at + 1);
        }
        if rest.starts_with(b"\r\n") {
            return Some(at + 2);
        }
    }
    None
}

/// `target` with its percent-encoded bytes decoded, as Zeek's `uri` shows it.
pub(super) fn unescape(target: &[u8]) -> BString {
    let mut out = Vec::with_capacity(target.len());
    let mut rest = target;
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = |index: usize| {
            let digit = behind.get(index).map(|byte| char::from(*byte));
            digit.and_then(|digit| digit.to_digit(16))
        };
        rest = behind;
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => out.push(byte),
        }
    }
    out.into()
}

/// The user in the value of an Authorization field (RFC 7617); never the password.
pub(super) fn basic_user(value: &[u8]) -> Option<BString> {
    let (scheme, coded) = value.split_at_checked(value.find_byte(b' ')?)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let (mut user, mut bits, mut width) = (Vec::new(), 0u32, 0u32);
    for byte in trim(coded) {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(sextet)) & 0xffff;
        width += 6;
        if width >= 8 {
            width -= 8;
            match (bits >> width) as u8 {
                b':' => return Some(user.into()),
                byte => user.push(byte),
            }
        }
    }
    None
}
