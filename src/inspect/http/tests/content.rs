use super::super::content::{Content, ContentFields};
use super::super::mime::mime_type;
use super::*;
use crate::limits::HTTP_SNIFF_BYTES_MAX;

/// The names and types of both sides' files: `request names|types response names|types`.
fn files(head: &str, content: &str) -> String {
    let request = format!(
        "POST /a HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    );
    let told = play(&[data(O, &request), data(R, OK)]);
    let files = &told.transactions[0].files[O.index()];
    let names: Vec<String> = files.names.iter().map(|name| name.to_string()).collect();
    format!("{}|{}", names.join(","), files.mime_types.join(","))
}

#[test]
fn content_is_recognised_by_its_first_bytes() {
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"plain text", Some("text/plain")),
        (b"too short", None),
        (b"\xef\xbb\xbfwith a mark", Some("text/plain")),
        (b" <!-- c --> <!DOCTYPE html><p>", Some("text/html")),
        (b"<?xml version=\"1.0\"?><a/>", Some("application/xml")),
        (
            b"<?xml version=\"1.0\"?>\n<rss>",
            Some("application/rss+xml"),
        ),
        (b"<svg xmlns=\"a\">", Some("image/svg+xml")),
        (b"{ \"a\": [1] }", Some("text/json")),
        (b"[{\"a\": 1}]", Some("text/json")),
        (b"{ color: red; }", Some("text/plain")),
        (
            b"(function() { return 1; })",
            Some("application/javascript"),
        ),
        (b"function f(a) { }", Some("application/javascript")),
        (b"functional text", Some("text/plain")),
        (b"#!/usr/bin/env python3\n", Some("text/x-python")),
        (b"#!/bin/bash\n", Some("text/x-shellscript")),
        (b"MZ\x90\0", Some("application/x-dosexec")),
        (b"PK\x03\x04", Some("application/zip")),
        (b"\x1f\x8b\x08", Some("application/x-gzip")),
        (b"%PDF-1.7", Some("application/pdf")),
        (b"\x89PNG\r\n\x1a\n", Some("image/png")),
        (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
        (b"BM is no image", Some("text/plain")),
        (b"\0\0\0\x18ftypmp42", Some("video/mp4")),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b", None),
        (b"", None),
    ];
    for (first, expected) in cases {
        assert_eq!(mime_type(first), *expected, "{:?}", bstr::BStr::new(first));
    }
}

#[test]
fn a_file_has_the_name_that_the_message_gives_it() {
    for (disposition, expected) in [
        ("attachment; filename=\"a b.txt\"", "a b.txt"),
        ("attachment; filename=a.txt; size=3", "a.txt"),
        ("attachment; FileName*=UTF-8'en'a%20b.txt", "a b.txt"),
        ("form-data; name=\"x\"", ""),
        ("attachment; filename=", ""),
    ] {
        let told = files(&format!("Content-Disposition: {disposition}"), "0123456789");
        assert_eq!(told, format!("{expected}|text/plain"), "{disposition}");
    }
}

#[test]
fn the_parts_of_a_multipart_message_are_files() {
    let parts = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nshort\r\n\
                 --b\r\nContent-Disposition: form-data; filename=\"b.txt\"\r\n\r\n\
                 a longer line than any\r\n--bno delimiter of a part, one of Zeek's\r\n\r\n\
                 --b\r\n\r\n{\"a\": 1}\r\n\r\n--b--\r\nepilogue that is long\r\n";
    for boundary in ["b", "\"b\"", "b; charset=x"] {
        let told = files(
            &format!("Content-Type: multipart/form-data; boundary={boundary}"),
            parts,
        );
        assert_eq!(told, "b.txt|text/plain,text/json", "{boundary}");
    }
    let message = "Content-Type: x\r\n\r\nthe content of it";
    assert_eq!(
        files("Content-Type: message/rfc822", message),
        "|text/plain"
    );
    assert_eq!(
        files("Content-Type: multipart/mixed", "0123456789"),
        "|text/plain"
    );
}

#[test]
fn a_multipart_message_that_ends_in_a_line_is_as_long_as_zeek_says() {
    let content = "--b\r\n\r\nabc\r\n--b--";
    let request = format!(
        "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {}\r\n\r\n{content}",
        content.len()
    );
    let told = play(&[data(O, &request)]);
    assert_eq!(told.weirds, [Weird::LineWithoutEnd]);
    assert_eq!(
        told.transactions[0].request_body_len,
        content.len() as u64 + 2
    );
}

#[test]
fn oddities_of_messages_within_messages_are_told() {
    for (content, expected) in [
        (
            "A: b\r\nTransfer-Encoding: chunked\r\n\r\n",
            Weird::HttpNestedTransferCoding,
        ),
        (
            "A: b\r\n\u{1}\r\nno field\r\n\r\n",
            Weird::HttpNestedHeadCut,
        ),
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nContent-Type: message/rfc822\r\n\
             Content-Length: {}\r\n\r\n{content}",
            content.len()
        );
        assert_eq!(play(&[data(O, &request)]).weirds, [expected]);
    }
    let told = play(&[
        data(O, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na"),
        data(
            R,
            "HTTP/1.1 200 OK\r\nContent-Disposition: x; filename=f\r\n",
        ),
        data(O, "bc"),
        data(R, "Content-Length: 1\r\n\r\na"),
    ]);
    assert_eq!(told.weirds, [Weird::HttpMissingEntity]);
}

#[test]
fn no_more_of_a_file_is_held_than_is_looked_at() {
    let mut content = Content::new(ContentFields::default());
    for _ in 0..1000 {
        content.take(&[b'a'; 700]);
    }
    let saved = postcard::to_stdvec(&content).unwrap();
    assert!(saved.len() < HTTP_SNIFF_BYTES_MAX, "{}", saved.len());
    assert_eq!(content.len(), 700_000);
    assert_eq!(&*content.files().mime_types[0], "text/plain");
}
