//! From the first bytes of content to its media type, as Zeek names it.
//!
//! It reads what content begins with and nothing of what its sender says of it. The signatures are
//! the formats' own published ones; what none fits has no type. Keeps nothing.

use bstr::ByteSlice;

/// Bytes at an offset, and the type of content that has them there.
type Magic = (usize, &'static [u8], &'static str);

/// Formats that begin with (or have at a fixed place) bytes of their own; the first that fits.
const MAGIC: &[Magic] = &[
    (0, b"\x1f\x8b", "application/x-gzip"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"MZ", "application/x-dosexec"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-o-executable"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-o-executable"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-o-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-o-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/x-java-applet"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!", "application/postscript"),
    (0, b"{\\rtf", "text/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/x-rar"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"LZIP", "application/x-lzip"),
    (257, b"ustar", "application/x-tar"),
    (0, b"!<arch>\n", "application/x-archive"),
    (0, b"Cr24", "application/x-chrome-extension"),
    (0, b"\0asm", "application/wasm"),
    (0, b"FWS", "application/x-shockwave-flash"),
    (0, b"CWS", "application/x-shockwave-flash"),
    (0, b"ZWS", "application/x-shockwave-flash"),
    (0, b"wOFF", "application/font-woff"),
    (0, b"wOF2", "application/font-woff"),
    (0, b"OTTO\0", "application/vnd.ms-opentype"),
    (0, b"\0\x01\0\0\0", "application/x-font-ttf"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\0\0\x01\0", "image/x-icon"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/x-flac"),
    (0, b"OggS", "application/ogg"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
    (0, b"<?php", "text/x-php"),
];

/// What a RIFF file holds, by its form.
const RIFF_FORMS: [(&[u8], &str); 3] = [
    (b"WEBP", "image/webp"),
    (b"WAVE", "audio/x-wav"),
    (b"AVI ", "video/x-msvideo"),
];

/// Elements that open HTML.
const HTML: [&str; 8] = [
    "<!doctype html",
    "<html",
    "<head",
    "<title",
    "<body",
    "<h1",
    "<script language",
    "<iframe",
];

/// Roots of XML documents with a type of their own.
const XML_ROOTS: [(&str, &str); 7] = [
    ("<!doctype html", "text/html"),
    ("<html", "text/html"),
    ("<rss", "application/rss+xml"),
    ("<feed", "application/atom+xml"),
    ("<svg", "image/svg+xml"),
    ("<!doctype svg", "image/svg+xml"),
    ("<methodresponse", "application/xml-rpc"),
];

/// Interpreters that a script's first line names.
const INTERPRETERS: [(&str, &str); 6] = [
    ("python", "text/x-python"),
    ("perl", "text/x-perl"),
    ("ruby", "text/x-ruby"),
    ("php", "text/x-php"),
    ("awk", "text/x-awk"),
    ("sh", "text/x-shellscript"),
];

/// Text is so many printable characters and spaces at the beginning (Zeek's `file-plaintext`).
const TEXT_BYTES: usize = 10;

/// The type of content that begins with `first`.
pub(super) fn mime_type(first: &[u8]) -> Option<&'static str> {
    let magic = MAGIC.iter().find(|(at, bytes, _)| {
        let there = first.get(*at..);
        there.is_some_and(|there| there.starts_with(bytes))
    });
    if let Some((_, _, name)) = magic {
        return Some(name);
    }
    if first.starts_with(b"BM") && first.get(6..10) == Some(&[0; 4]) {
        return Some("image/x-ms-bmp");
    }
    if first.starts_with(b"RIFF") {
        let form = RIFF_FORMS
            .iter()
            .find(|(form, _)| first.get(8..12) == Some(form));
        return form.map(|(_, name)| *name);
    }
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let text = without_blanks(text);
    markup(text)
        .or_else(|| is_json(text).then_some("text/json"))
        .or_else(|| script(text))
        .or_else(|| is_text(first).then_some("text/plain"))
}

fn without_blanks(text: &[u8]) -> &[u8] {
    text.trim_start_with(|c| matches!(c, ' ' | '\t' | '\r' | '\n'))
}

/// Whether `text` begins with `name`, which is in lower case, in either case.
fn begins(text: &[u8], name: &str) -> bool {
    let first = text.get(..name.len());
    first.is_some_and(|first| first.eq_ignore_ascii_case(name.as_bytes()))
}

/// What follows the comment that `text` begins with, if it does.
fn without_comment(text: &[u8]) -> &[u8] {
    let comment = text.strip_prefix(b"<!--");
    let end = comment.and_then(|comment| comment.find("-->"));
    match comment.zip(end) {
        Some((comment, end)) => without_blanks(comment.get(end + 3..).unwrap_or_default()),
        None => text,
    }
}

fn markup(text: &[u8]) -> Option<&'static str> {
    let text = without_comment(text);
    if HTML.iter().any(|element| begins(text, element)) {
        return Some("text/html");
    }
    if !begins(text, "<?xml ") {
        let root = XML_ROOTS.iter().find(|(root, _)| begins(text, root));
        return root.map(|(_, name)| *name);
    }
    let behind = text.find("?>").and_then(|at| text.get(at + 2..));
    let root = without_comment(without_blanks(behind.unwrap_or_default()));
    let root = XML_ROOTS.iter().find(|(name, _)| begins(root, name));
    Some(root.map_or("application/xml", |(_, name)| name))
}

/// Whether `text` begins like an object with a member, or an array.
fn is_json(text: &[u8]) -> bool {
    let begins_value = |text: &[u8]| {
        let value = without_blanks(text);
        let word = ["true", "false", "null"]
            .iter()
            .any(|word| value.starts_with(word.as_bytes()));
        let first = value.first();
        word || first.is_some_and(|b| b"\"[{-".contains(b) || b.is_ascii_digit())
    };
    match text.split_first() {
        Some((b'{', rest)) => {
            let rest = without_blanks(rest);
            if rest.first() == Some(&b'}') {
                return true;
            }
            let name = rest.strip_prefix(b"\"");
            let end = name.and_then(|name| name.find_byte(b'"'));
            let behind = name.zip(end).and_then(|(name, end)| name.get(end + 1..));
            let value = without_blanks(behind.unwrap_or_default()).strip_prefix(b":");
            value.is_some_and(begins_value)
        }
        Some((b'[', rest)) => without_blanks(rest).first() == Some(&b']') || begins_value(rest),
        _ => false,
    }
}

fn script(text: &[u8]) -> Option<&'static str> {
    if let Some(line) = text.strip_prefix(b"#!") {
        let line = line.lines().next().unwrap_or_default();
        let named = |name: &str| line.contains_str(name);
        return INTERPRETERS
            .iter()
            .find(|(name, _)| named(name))
            .map(|(_, mime)| *mime);
    }
    is_javascript(text).then_some("application/javascript")
}

/// Whether `text` begins with a function, an immediately invoked one, or a strictness directive.
fn is_javascript(text: &[u8]) -> bool {
    const OPENINGS: [&str; 5] = [
        "(()=>",
        "\"use strict\"",
        "'use strict'",
        "document.write(",
        "$(document).ready(",
    ];
    let is_function = || {
        let named = text
            .strip_prefix(b"(")
            .or(text.strip_prefix(b"!"))
            .unwrap_or(text);
        let rest = named.strip_prefix(b"function")?;
        let (name, rest) = rest.split_once_str("(")?;
        let (arguments, body) = rest.split_once_str(")")?;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$, \t".contains(byte);
        let words = name.iter().chain(arguments).all(is_word);
        // As in Zeek, a line that ends in CR LF may not stand between.
        let body = body.trim_start_with(|c| matches!(c, ' ' | '\t' | '\n'));
        (words && body.first() == Some(&b'{')).then_some(())
    };
    OPENINGS
        .iter()
        .any(|opening| text.starts_with(opening.as_bytes()))
        || is_function().is_some()
}

/// Whether `first` begins with printable ASCII, behind a byte order mark or without one.
fn is_text(first: &[u8]) -> bool {
    const MARKS: [&[u8]; 6] = [
        b"\xef\xbb\xbf",
        b"\0\0\xfe\xff",
        b"\xff\xfe\0\0",
        b"\xfe\xff",
        b"\xff\xfe",
        b"",
    ];
    let is_character = |byte: &u8| matches!(byte, 0x20..=0x7e | b'\t'..=b'\r');
    MARKS
        .iter()
        .filter_map(|mark| first.strip_prefix(*mark))
        .any(|text| {
            text.get(..TEXT_BYTES)
                .is_some_and(|text| text.iter().all(is_character))
        })
}
