//! From our captures and fixtures to inputs of the fuzz targets.

use super::bodies::records::{self, Record};
use super::bodies::{intake, sensor, streams};
use super::captures::{self, Owned};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use tapir::flow::key::{FlowKey, Keyed};
use tapir::net::{Side, Transport};
use tapir::packet;

/// Inputs longer than this teach a fuzzer little.
const BYTES_MAX: usize = 12_000;

/// The inputs of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "frames" => frames(),
        "certificate" => certificates(),
        "capture_file" => capture_files(),
        "config" => configurations(),
        "tls_stream" => conversations(Transport::Tcp, &[443], 0),
        "http_stream" => exchanges(),
        "dns" => {
            let mut seeds = conversations(Transport::Udp, &[53, 137, 5353, 5355], 0);
            seeds.extend(conversations(Transport::Tcp, &[53], streams::DNS_STREAM));
            seeds
        }
        "quic" => handshakes(),
        "datagram" => [(0, 67), (1, 547)]
            .into_iter()
            .flat_map(|(which, port)| {
                let seeds = conversations(Transport::Udp, &[port], 0);
                seeds
                    .into_iter()
                    .map(move |seed| [&[which], &seed[..]].concat())
            })
            .collect(),
        "sensor" => flows(),
        "report" => agents_lines(),
        "intake" => connections(),
        _ => Vec::new(),
    }
}

fn keyed(owned: &Owned) -> Option<Keyed> {
    packet::decode(&owned.frame())
        .ok()
        .map(|packet| FlowKey::of(&packet))
}

/// Each capture's frames, flow by flow.
fn by_flow() -> Vec<(Keyed, Vec<Owned>)> {
    let mut all = Vec::new();
    for name in captures::names() {
        let mut flows: BTreeMap<FlowKey, (Keyed, Vec<Owned>)> = BTreeMap::new();
        let mut order = Vec::new();
        for owned in captures::frames(&name) {
            let Some(keyed) = keyed(&owned) else {
                continue;
            };
            let flow = flows.entry(keyed.key).or_insert_with(|| {
                order.push(keyed.key);
                (keyed, Vec::new())
            });
            flow.1.push(owned);
        }
        all.extend(order.iter().filter_map(|key| flows.remove(key)));
    }
    all
}

/// Of each kind of conversation in a capture, the first few.
const OF_A_KIND_MAX: usize = 6;

fn flows() -> Vec<Vec<u8>> {
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    let mut seeds = Vec::new();
    for (keyed, frames) in by_flow() {
        let port = keyed.dst.port.min(keyed.src.port);
        let count = seen
            .entry((keyed.transport, port, frames.len() / 8))
            .or_default();
        *count += 1;
        if *count <= OF_A_KIND_MAX / 2 {
            seeds.push(frames_input(&frames));
        }
    }
    for name in captures::names() {
        let frames = captures::frames(&name);
        let some = frames.chunks(40).step_by(frames.len() / 400 + 1).take(6);
        seeds.extend(some.map(frames_input));
    }
    seeds
}

fn frames_input(frames: &[Owned]) -> Vec<u8> {
    let mut input = Vec::new();
    let mut last = frames[0].at;
    for owned in frames {
        let Some(kind) = sensor::kind(owned.link) else {
            continue;
        };
        let record = Record {
            kind,
            arg: sensor::arg(owned.at - last),
            bytes: owned.bytes.clone(),
        };
        last = last.max(owned.at);
        let next = records::write(&[record]);
        if input.len() + next.len() > BYTES_MAX {
            break;
        }
        input.extend(next);
    }
    input
}

fn frames() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for name in captures::names() {
        let frames = captures::frames(&name);
        for owned in frames.iter().step_by(frames.len() / 12 + 1) {
            if let Some(kind) = sensor::kind(owned.link) {
                seeds.push([&[kind], owned.bytes.as_slice()].concat());
            }
        }
    }
    seeds
}

/// The payloads of flows that `ports` serve, each a record.
fn conversations(transport: Transport, ports: &[u16], kind: u8) -> Vec<Vec<u8>> {
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut seeds = Vec::new();
    for (keyed, frames) in by_flow() {
        if keyed.transport != transport || !ports.contains(&keyed.dst.port) {
            continue;
        }
        let mut input = Vec::new();
        for (side, bytes) in payloads(&keyed, &frames) {
            let kind = kind | streams::kind(side, false, false);
            let next = records::write(&[Record {
                kind,
                arg: 0,
                bytes,
            }]);
            if input.len() + next.len() > BYTES_MAX {
                break;
            }
            input.extend(next);
        }
        let count = seen.entry(input.len() / 64).or_default();
        *count += 1;
        if *count <= 2 && !input.is_empty() && seeds.len() < 60 {
            seeds.push(input);
        }
    }
    seeds
}

fn payloads(keyed: &Keyed, frames: &[Owned]) -> Vec<(Side, Vec<u8>)> {
    let mut payloads = Vec::new();
    for owned in frames {
        let Ok(packet) = packet::decode(&owned.frame()) else {
            continue;
        };
        let side = match FlowKey::of(&packet).src == keyed.src {
            true => Side::Originator,
            false => Side::Responder,
        };
        let bytes = owned.bytes[packet.payload.clone()].to_vec();
        if !bytes.is_empty() {
            payloads.push((side, bytes));
        }
    }
    payloads
}

/// QUIC handshakes that carry the hellos of TLS flows, and packets of other kinds.
fn handshakes() -> Vec<Vec<u8>> {
    let frames = |side, bytes| Record {
        kind: streams::QUIC_FRAMES | streams::kind(side, false, false),
        arg: 1,
        bytes,
    };
    let crypto = |offset: usize, bytes: &[u8]| {
        let varint = |number: usize| (number as u16 | 0x4000).to_be_bytes();
        [&[6][..], &varint(offset), &varint(bytes.len()), bytes].concat()
    };
    let mut seeds = Vec::new();
    for flow in conversations(Transport::Tcp, &[443], 0).iter().step_by(6) {
        let mut records = Vec::new();
        for (at, record) in records::parse(flow).iter().take(2).enumerate() {
            let side = [Side::Originator, Side::Responder][at];
            // What follows the header of a TLS record.
            let hello = record.bytes.get(5..).unwrap_or_default();
            let (first, second) = hello.split_at(hello.len().min(100));
            let reversed = [crypto(first.len(), second), crypto(0, first)].concat();
            records.push(frames(side, reversed));
            records.push(frames(
                side,
                [&[1, 0, 2, 0, 0, 0, 0][..], &crypto(0, hello)].concat(),
            ));
        }
        seeds.push(records::write(&records));
    }
    let plain: [&[u8]; 3] = [
        b"\x80\0\0\0\0\x04abcd\x04efgh\0\0\0\x01\xff\0\0\x1d",
        b"\xf0\0\0\0\x01\x04abcd\x04efghtoken0123456789abcdef0123456789",
        b"\x40abcdefgh",
    ];
    let plain = plain.map(|bytes| Record {
        kind: 0,
        arg: 1,
        bytes: bytes.to_vec(),
    });
    seeds.push(records::write(&plain));
    seeds
}

/// What looks like a certificate in what servers say.
fn certificates() -> Vec<Vec<u8>> {
    let mut seeds = std::collections::BTreeSet::new();
    for (keyed, frames) in by_flow() {
        let said = payloads(&keyed, &frames).into_iter();
        let said = said.filter(|(side, _)| *side == Side::Responder);
        let stream: Vec<u8> = said.flat_map(|(_, bytes)| bytes).collect();
        for (at, window) in stream.windows(6).enumerate() {
            let [0x30, 0x82, high, low, 0x30, 0x82] = window else {
                continue;
            };
            let len = 4 + usize::from(u16::from_be_bytes([*high, *low]));
            // The length in front of it, in a Certificate message, says the same.
            let before = [0, ((len >> 8) & 255) as u8, (len & 255) as u8];
            if at >= 3 && stream[at - 3..at] == before {
                seeds.extend(stream.get(at..at + len).map(<[u8]>::to_vec));
            }
        }
    }
    seeds.into_iter().take(20).collect()
}

fn configurations() -> Vec<Vec<u8>> {
    let mut files = vec![captures::top().join("deploy/tapir.toml")];
    let fixtures = fs::read_dir(captures::top().join("fixtures")).expect("fixtures are there");
    files.extend(fixtures.map(|entry| entry.expect("a directory entry").path().join("tapir.toml")));
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .collect()
}

fn exchanges() -> Vec<Vec<u8>> {
    let of = |parts: &[(u8, &str)]| {
        let record = |(kind, text): &(u8, &str)| Record {
            kind: *kind,
            arg: 3,
            bytes: text.as_bytes().to_vec(),
        };
        records::write(&parts.iter().map(record).collect::<Vec<_>>())
    };
    vec![
        of(&[
            (
                0,
                "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x/1\r\n\r\n",
            ),
            (
                1,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
            ),
            (4, "GET /d HTTP/1.0\r\n\r\n"),
            (5, "HTTP/1.0 404 Not Found\r\n\r\nuntil the end"),
        ]),
        of(&[
            (
                0,
                "POST / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (0, "5;x=y\r\nhello\r\n0\r\nTrailer: z\r\n\r\n"),
            (
                1,
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            ),
        ]),
        of(&[
            (
                0,
                "CONNECT example.com:443 HTTP/1.1\r\nProxy-Authorization: Basic dTpw\r\n\r\n",
            ),
            (1, "HTTP/1.1 200 OK\r\n\r\n"),
            (0, "\x16\x03\x01"),
        ]),
        of(&[
            (
                0,
                "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            ),
            (
                1,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            ),
            (0, "HEAD / HTTP/1.1\r\n folded: yes\r\n\r\n"),
            (3, "gap"),
        ]),
    ]
}

/// The beginnings of a capture in every format and compression.
fn capture_files() -> Vec<Vec<u8>> {
    let frames: Vec<Owned> = captures::frames("dns").into_iter().take(6).collect();
    let classic = |magic: u32, big: bool| {
        let (long, short) = (
            |n: u32| {
                if big {
                    n.to_be_bytes()
                } else {
                    n.to_le_bytes()
                }
            },
            |n: u16| {
                if big {
                    n.to_be_bytes()
                } else {
                    n.to_le_bytes()
                }
            },
        );
        let mut file = long(magic).to_vec();
        file.extend([short(2), short(4)].concat());
        file.extend([long(0), long(0), long(65_535), long(1)].concat());
        for owned in &frames {
            let nanos = owned.at.as_nanos();
            let len = owned.bytes.len() as u32;
            let seconds = (nanos / 1_000_000_000) as u32;
            file.extend([long(seconds), long(7), long(len), long(owned.wire_len)].concat());
            file.extend(&owned.bytes);
        }
        file
    };
    let mut files = vec![classic(0xa1b2_c3d4, false), classic(0xa1b2_3c4d, true)];
    files.push(pcapng(&frames));
    for plain in files.clone() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).expect("memory takes bytes");
        files.push(gzip.finish().expect("memory takes bytes"));
        files.push(zstd::encode_all(plain.as_slice(), 1).expect("memory takes bytes"));
    }
    files
}

fn pcapng(frames: &[Owned]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let len = (padded as u32 + 12).to_le_bytes();
        let zeros = vec![0; padded - body.len()];
        [&kind.to_le_bytes(), len.as_slice(), body, &zeros, &len].concat()
    };
    let section = [
        0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
    ];
    let mut file = block(0x0a0d_0d0a, &section);
    // Ethernet, any length, nanoseconds.
    file.extend(block(
        1,
        &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
    ));
    for owned in frames {
        let nanos = owned.at.as_nanos() as u64;
        let words = [
            0,
            (nanos >> 32) as u32,
            nanos as u32,
            owned.bytes.len() as u32,
        ];
        let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        body.extend(owned.wire_len.to_le_bytes());
        body.extend(&owned.bytes);
        file.extend(block(6, &body));
    }
    file
}

/// Requests of agents, as all that is said and as bodies, however they travel.
fn connections() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in files("fixtures/requests", "http") {
        let said = fs::read(file).expect("a request can be read");
        let body = said.windows(4).position(|four| four == b"\r\n\r\n");
        let body = body.map_or(&[][..], |end| &said[end + 4..]);
        for who in [0, 3] {
            seeds.push([&[who], said.as_slice()].concat());
        }
        for shape in [1, 3, 4 + 8] {
            seeds.push([&[intake::BODY + 3, shape], body].concat());
        }
    }
    for line in agents_lines().into_iter().step_by(5) {
        for shape in [0, 8, 16] {
            seeds.push([&[intake::BODY, shape], line.as_slice(), b"\n{}"].concat());
        }
    }
    seeds
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(captures::top().join(folder)).expect("there are fixtures");
    let files = files.map(|file| file.expect("a directory entry").path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension() == Some(extension.as_ref()))
        .collect();
    files.sort();
    files
}

/// The lines of every agent.
fn agents_lines() -> Vec<Vec<u8>> {
    let folder = captures::top().join("fixtures/endpoint");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("there are fixtures")
        .map(|file| file.expect("a directory entry").path())
        .filter(|file| file.file_name() != Some("expected.ndjson".as_ref()))
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|file| fs::read(file).expect("a fixture can be read"));
    let lines = texts.flat_map(|text| {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    });
    lines.collect()
}
