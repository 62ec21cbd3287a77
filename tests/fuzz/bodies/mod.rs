//! From a fuzzer's bytes to what must hold of every parser: the bodies of the fuzz targets.
//!
//! `tests/fuzz/targets` hands them new bytes, `tests/fuzz_corpus.rs` those that were kept. They
//! fail by panicking. Bounded by the length of the input.
#![allow(dead_code)] // Each target uses a part.

pub mod initial;
pub mod intake;
pub mod records;
pub mod report;
pub mod sensor;
pub mod streams;

use std::io::{self, Read};
use std::path::Path;
use tapir::capture::Reader;
use tapir::config;
use tapir::inspect::tls::certificate;
use tapir::packet::frame::{Frame, LinkType};
use tapir::packet::{self, checksum};
use tapir::time::Timestamp;

/// A target's name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name of its folder in `corpus`.
pub const TARGETS: &[Target] = &[
    ("frames", frames),
    ("certificate", certificate),
    ("capture_file", capture_file),
    ("config", config),
    ("tls_stream", streams::tls),
    ("http_stream", streams::http),
    ("dns", streams::dns),
    ("quic", streams::quic),
    ("datagram", streams::datagram),
    ("sensor", sensor::sensor),
    ("report", report::report),
    ("intake", intake::intake),
];

/// Hands `bytes` to the target `name`.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("such a target");
    body(bytes);
}

/// The link types that a frame may have, by the number that stands for one in an input. New ones
/// go to the end.
pub const LINKS: [LinkType; 16] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::PPP,
    LinkType::PPP_SERIAL,
    LinkType::PPP_ETHER,
    LinkType::LOOP,
    LinkType::FDDI,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_RADIO,
    LinkType::C_HDLC,
    LinkType::IEEE802_5,
];

/// More link types, for single frames only.
const RARE_LINKS: [LinkType; 14] = [
    LinkType::PRISM,
    LinkType::IEEE802_11_AVS,
    LinkType::PPI,
    LinkType::NFLOG,
    LinkType::PFLOG,
    LinkType::PKTAP,
    LinkType::ERF,
    LinkType::JUNIPER_ETHER,
    LinkType::FRELAY,
    LinkType::SLIP,
    LinkType::IPNET,
    LinkType::IPOIB,
    LinkType::SUNATM,
    LinkType::ATM_RFC1483,
];

/// One frame: a byte for its link type, then its bytes. What a packet says lies where must lie
/// within the frame.
fn frames(bytes: &[u8]) {
    let Some((link, bytes)) = bytes.split_first() else {
        return;
    };
    let frame = Frame {
        at: Timestamp::from_parts(1, 0),
        link: *LINKS
            .iter()
            .chain(&RARE_LINKS)
            .nth(usize::from(*link) % (LINKS.len() + RARE_LINKS.len()))
            .expect("the remainder is below the number of both"),
        bytes,
        wire_len: bytes.len() as u32 + u32::from(*link >> 4),
    };
    let Ok(packet) = packet::decode(&frame) else {
        return;
    };
    for part in [&packet.payload, &packet.ip.header, &packet.ip.body] {
        assert!(bytes.get(part.clone()).is_some(), "{part:?} is outside");
    }
    checksum::mismatch(&packet, bytes);
}

/// A certificate in DER.
fn certificate(der: &[u8]) {
    certificate::parse(Timestamp::from_parts(1, 0), "", der);
}

/// A site's configuration.
fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let file = config::File::from_text(Path::new("fuzz.toml"), text.to_owned());
        drop(file.and_then(config::File::resolve));
    }
}

/// So many frames of a file are read: a compressed one may hold any number.
const FRAMES_MAX: usize = 2000;

/// A capture file: however its bytes come, they give the same frames and the same end.
fn capture_file(bytes: &[u8]) {
    let whole = digest(Reader::from_read("fuzz", io::Cursor::new(bytes.to_vec())));
    let trickle = Trickle {
        bytes: bytes.to_vec(),
        at: 0,
    };
    assert_eq!(whole, digest(Reader::from_read("fuzz", trickle)));
}

/// Each frame in short, and how the file ended.
fn digest(
    reader: Result<Reader, tapir::capture::CaptureError>,
) -> (Vec<(i64, u16, usize, u32)>, String) {
    let mut frames = Vec::new();
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return (frames, error.to_string()),
    };
    while frames.len() < FRAMES_MAX {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                let Frame { at, link, .. } = frame;
                frames.push((at.as_nanos(), link.0, frame.bytes.len(), frame.wire_len));
            }
            Ok(None) => return (frames, String::new()),
            Err(error) => return (frames, error.to_string()),
        }
    }
    (frames, "more".into())
}

/// A reader that gives a few bytes at a time.
struct Trickle {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.bytes[self.at..];
        let len = left.len().min(buffer.len()).min(13);
        buffer[..len].copy_from_slice(&left[..len]);
        self.at += len;
        Ok(len)
    }
}
