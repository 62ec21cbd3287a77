//! From a number to hostile traffic: each flood as frames, written one after the other into the
//! same buffer.
//!
//! Deterministic; the sensor that reads it must ignore checksums. Holds one frame.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tapir::packet::frame::{Frame, LinkType};
use tapir::time::Timestamp;

/// A flood: its name, what it is, how many units make its full size, and its frames.
pub struct Flood {
    pub name: &'static str,
    pub what: &'static str,
    pub units: u64,
    pub frames: fn(u64, &mut Wire<'_>),
}

/// Every flood.
pub const FLOODS: &[Flood] = &[
    Flood {
        name: "dns-pointers",
        what: "DNS answers of 32 KB, each name a chain of pointers, to one client",
        units: 10_000,
        frames: dns_pointers,
    },
    Flood {
        name: "fragments",
        what: "trains of IPv4 and IPv6 fragments that overlap and are never complete",
        units: 200_000,
        frames: fragments,
    },
    Flood {
        name: "syn",
        what: "SYNs, each from a source of its own, a million a second",
        units: 5_000_000,
        frames: syns,
    },
    Flood {
        name: "half-open",
        what: "SYNs that are answered and never acknowledged, all within a minute",
        units: 1_000_000,
        frames: half_open,
    },
    Flood {
        name: "udp",
        what: "UDP packets of as many flows, all within a minute",
        units: 1_000_000,
        frames: udp,
    },
    Flood {
        name: "dns-queries",
        what: "DNS queries that nobody answers, ten in each flow",
        units: 1_000_000,
        frames: dns_queries,
    },
    Flood {
        name: "tls-bytes",
        what: "TLS hellos of 64 KB, a byte a segment",
        units: 20,
        frames: tls_bytes,
    },
    Flood {
        name: "tls-hoard",
        what: "TLS hellos of which all but the end comes, 14 KB in each flow",
        units: 200_000,
        frames: tls_hoard,
    },
    Flood {
        name: "http-hoard",
        what: "HTTP heads that never end, 14 KB in each flow",
        units: 200_000,
        frames: http_hoard,
    },
    Flood {
        name: "holes",
        what: "flows with 64 segments of a byte, a hole before each",
        units: 100_000,
        frames: holes,
    },
    Flood {
        name: "unread-holes",
        what: "the same in flows that nobody reads, eight segments in each",
        units: 400_000,
        frames: unread_holes,
    },
    Flood {
        name: "early",
        what: "flows of 400 segments whose handshake never comes",
        units: 20_000,
        frames: early,
    },
];

/// Where frames go, and the clock that they carry.
pub struct Wire<'a> {
    nanos: i64,
    buffer: Vec<u8>,
    put: &'a mut dyn FnMut(&Frame<'_>),
}

impl<'a> Wire<'a> {
    pub fn new(put: &'a mut dyn FnMut(&Frame<'_>)) -> Wire<'a> {
        Wire {
            nanos: 1_700_000_000_000_000_000,
            buffer: Vec::new(),
            put,
        }
    }

    fn wait(&mut self, nanos: i64) {
        self.nanos += nanos;
    }

    /// Sends a packet of `proto` whose IP payload is `parts`, one after the other.
    fn ip(&mut self, src: IpAddr, dst: IpAddr, proto: u8, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.buffer.clear();
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let [high, low] = ((len + 20) as u16).to_be_bytes();
                self.buffer
                    .extend([0x45, 0, high, low, 0, 0, 0x40, 0, 64, proto, 0, 0]);
                self.buffer.extend(src.octets());
                self.buffer.extend(dst.octets());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let [high, low] = (len as u16).to_be_bytes();
                self.buffer.extend([0x60, 0, 0, 0, high, low, proto, 64]);
                self.buffer.extend(src.octets());
                self.buffer.extend(dst.octets());
            }
            _ => return,
        }
        parts.iter().for_each(|part| self.buffer.extend(*part));
        self.send();
    }

    fn send(&mut self) {
        (self.put)(&Frame {
            at: Timestamp::from_nanos(self.nanos),
            link: LinkType::RAW,
            bytes: &self.buffer,
            wire_len: self.buffer.len() as u32,
        });
    }

    fn udp(&mut self, from: (IpAddr, u16), to: (IpAddr, u16), payload: &[u8]) {
        let mut header = [0; 8];
        header[..2].copy_from_slice(&from.1.to_be_bytes());
        header[2..4].copy_from_slice(&to.1.to_be_bytes());
        header[4..6].copy_from_slice(&((payload.len() + 8) as u16).to_be_bytes());
        self.ip(from.0, to.0, 17, &[&header, payload]);
    }

    fn tcp(&mut self, flow: &Flow, from_client: bool, seq: u32, flags: u8, payload: &[u8]) {
        let (from, to) = match from_client {
            true => (flow.client, flow.server),
            false => (flow.server, flow.client),
        };
        let mut header = [0; 20];
        header[..2].copy_from_slice(&from.1.to_be_bytes());
        header[2..4].copy_from_slice(&to.1.to_be_bytes());
        header[4..8].copy_from_slice(&seq.to_be_bytes());
        header[8..12].copy_from_slice(&u32::from(flags & ACK != 0).to_be_bytes());
        header[12..14].copy_from_slice(&[0x50, flags]);
        header[14..16].copy_from_slice(&[255, 255]);
        self.ip(from.0, to.0, 6, &[&header, payload]);
    }

    /// The three segments that open `flow`.
    fn open(&mut self, flow: &Flow) {
        self.tcp(flow, true, 0, SYN, &[]);
        self.tcp(flow, false, 0, SYN | ACK, &[]);
        self.tcp(flow, true, 1, ACK, &[]);
    }
}

const SYN: u8 = 2;
const ACK: u8 = 16;

struct Flow {
    client: (IpAddr, u16),
    server: (IpAddr, u16),
}

/// The flow with this number to `port`; each has a client address of its own.
fn flow(number: u64, port: u16) -> Flow {
    Flow {
        client: (
            v4(0x0b00_0000 + number as u32),
            1024 + (number % 60_000) as u16,
        ),
        server: (v4(0x0a14_0005), port),
    }
}

fn v4(bits: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(bits))
}

fn v6(bits: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(bits)))
}

fn dns_pointers(units: u64, wire: &mut Wire<'_>) {
    let message = pointers(32_000);
    let (server, client) = ((v4(0x0a14_0035), 53), v4(0x0b00_0001));
    for number in 0..units {
        wire.wait(1_000_000);
        wire.udp(server, (client, 1024 + (number % 50_000) as u16), &message);
    }
}

/// An answer in which the name of every record is a pointer to the one before, in its data.
fn pointers(len: usize) -> Vec<u8> {
    // Question: one label, so that the chain ends in a name.
    let mut message = vec![0, 7, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(b"\x01a\0\0\x01\0\x01");
    let mut last = 12u16;
    let mut records = 0u16;
    while message.len() + 14 <= len.min(0x3f00) {
        message.extend((0xc000 | last).to_be_bytes());
        message.extend([0, 5, 0, 1, 0, 0, 0, 0, 0, 2]);
        let here = message.len() as u16;
        message.extend((0xc000 | last).to_be_bytes());
        // A chain that is too long is given up early; these are as long as is followed.
        last = if records % 15 == 14 { 12 } else { here };
        records += 1;
    }
    // Beyond 16 KB no pointer reaches: the rest are records whose names are the longest chain.
    while message.len() + 14 <= len {
        message.extend((0xc000 | last).to_be_bytes());
        message.extend([0, 5, 0, 1, 0, 0, 0, 0, 0, 2]);
        message.extend((0xc000 | last).to_be_bytes());
        records += 1;
    }
    message[6..8].copy_from_slice(&records.to_be_bytes());
    message
}

/// Half of the trains are IPv4's, half IPv6's; three fragments each, the second over the first.
fn fragments(units: u64, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(10_000);
        for (offset, len) in [(0u16, 1480usize), (592, 888), (2960, 1480)] {
            let payload = [number as u8; 1480];
            let more = offset | 1;
            match number % 2 {
                0 => {
                    let [high, low] = ((len + 20) as u16).to_be_bytes();
                    let id = (number / 2) as u16;
                    let [id_high, id_low] = id.to_be_bytes();
                    let [off_high, off_low] = ((offset / 8) | 0x2000).to_be_bytes();
                    wire.buffer.clear();
                    wire.buffer
                        .extend([0x45, 0, high, low, id_high, id_low, off_high, off_low]);
                    wire.buffer.extend([64, 17, 0, 0, 11, 0]);
                    wire.buffer.extend(((number >> 17) as u16).to_be_bytes());
                    wire.buffer.extend([10, 20, 0, 5]);
                    wire.buffer.extend(&payload[..len]);
                    wire.send();
                }
                _ => {
                    let mut header = [17, 0, 0, 0, 0, 0, 0, 0];
                    header[2..4].copy_from_slice(&more.to_be_bytes());
                    header[4..].copy_from_slice(&(number as u32).to_be_bytes());
                    wire.ip(v6(number), v6(5), 44, &[&header, &payload[..len]]);
                }
            }
        }
    }
}

fn syns(units: u64, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(1000);
        wire.tcp(&flow(number, 443), true, 0, SYN, &[]);
    }
}

fn half_open(units: u64, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(60_000_000_000 / units as i64);
        let flow = flow(number, 443);
        wire.tcp(&flow, true, 0, SYN, &[]);
        wire.tcp(&flow, false, 0, SYN | ACK, &[]);
    }
}

fn udp(units: u64, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(59_000_000_000 / units as i64);
        let Flow { client, server } = flow(number, 9999);
        wire.udp(client, server, b"hello");
    }
}

fn dns_queries(units: u64, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(59_000_000_000 / units as i64);
        let Flow { client, server } = flow(number, 53);
        for query in 0..10 {
            let mut message = vec![number as u8, query, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for _ in 0..3 {
                message.push(60);
                message.extend([b'a' + query; 60]);
            }
            message.extend([0, 0, 1, 0, 1]);
            wire.udp(client, server, &message);
        }
    }
}

/// The TLS record header and hello header in front of a hello of `len` bytes.
fn hello(len: usize) -> Vec<u8> {
    let [_, high, middle, low] = (len as u32).to_be_bytes();
    let mut bytes = vec![22, 3, 1, 0x40, 0, 1, high, middle, low, 3, 3];
    bytes.resize(len + 9, 0);
    bytes
}

fn tls_bytes(units: u64, wire: &mut Wire<'_>) {
    let mut stream = Vec::new();
    for record in hello(65_000)[5..].chunks(16_384) {
        stream.extend([22, 3, 1]);
        stream.extend((record.len() as u16).to_be_bytes());
        stream.extend(record);
    }
    for number in 0..units {
        let flow = flow(number, 443);
        wire.open(&flow);
        for (at, byte) in stream.iter().enumerate() {
            wire.wait(1000);
            wire.tcp(&flow, true, at as u32 + 1, ACK, &[*byte]);
        }
    }
}

/// 14 KB of a stream that begins with `start` in each of `units` flows.
fn hoard(units: u64, port: u16, start: &[u8], wire: &mut Wire<'_>) {
    let mut stream = start.to_vec();
    stream.resize(14_000, b'a');
    for number in 0..units {
        wire.wait(60_000_000_000 / units as i64);
        let flow = flow(number, port);
        wire.open(&flow);
        for (at, segment) in stream.chunks(1400).enumerate() {
            wire.tcp(&flow, true, at as u32 * 1400 + 1, ACK, segment);
        }
    }
}

fn tls_hoard(units: u64, wire: &mut Wire<'_>) {
    hoard(units, 443, &hello(16_000)[..11], wire);
}

fn http_hoard(units: u64, wire: &mut Wire<'_>) {
    hoard(units, 80, b"GET / HTTP/1.1\r\nHost: a\r\nX: ", wire);
}

/// Flows that begin with `start` and go on with `count` segments of a byte, a hole before each.
fn perforated(units: u64, start: &[u8], count: u32, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(60_000_000_000 / units as i64);
        let flow = flow(number, 443);
        wire.open(&flow);
        wire.tcp(&flow, true, 1, ACK, start);
        for hole in 0..count {
            let seq = 1 + start.len() as u32 + 1 + hole * 2;
            wire.tcp(&flow, true, seq, ACK, b"x");
        }
    }
}

fn holes(units: u64, wire: &mut Wire<'_>) {
    perforated(units, &hello(16_000)[..64], 64, wire);
}

fn unread_holes(units: u64, wire: &mut Wire<'_>) {
    // Nobody reads what neither begins as a known protocol nor turns to one.
    for number in 0..units {
        wire.wait(60_000_000_000 / units as i64);
        let flow = flow(number, 4444);
        wire.open(&flow);
        for piece in 0..40 {
            wire.tcp(&flow, true, 1 + piece, ACK, b"?");
        }
        for hole in 0..8 {
            wire.tcp(&flow, true, 42 + hole * 2, ACK, b"x");
        }
    }
}

fn early(units: u64, wire: &mut Wire<'_>) {
    for number in 0..units {
        wire.wait(60_000_000_000 / units as i64);
        let flow = flow(number, 443);
        for piece in 0..400 {
            wire.tcp(&flow, piece % 2 == 0, 1 + piece, ACK, b"?");
        }
    }
}
