//! Writers of the formats that are read.

use super::Owned;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Numbers in one byte order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) big: bool,
}

impl Order {
    pub(super) fn u16(self, number: u16) -> [u8; 2] {
        match self.big {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        }
    }

    pub(super) fn u32(self, number: u32) -> [u8; 4] {
        match self.big {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        }
    }

    pub(super) fn u64(self, number: u64) -> [u8; 8] {
        match self.big {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        }
    }
}

pub(super) const LITTLE: Order = Order { big: false };
pub(super) const BIG: Order = Order { big: true };

/// A kind of pcap file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    pub(super) order: Order,
    pub(super) magic: u32,
    pub(super) version: (u16, u16),
    pub(super) link: u32,
    pub(super) snaplen: u32,
    /// Bytes after the file header and after each record header.
    pub(super) file_extra: usize,
    pub(super) record_extra: usize,
}

pub(super) const MICROS: Pcap = Pcap {
    order: LITTLE,
    magic: 0xa1b2_c3d4,
    version: (2, 4),
    link: 1,
    snaplen: 262_144,
    file_extra: 0,
    record_extra: 0,
};

/// One record: seconds, fraction, original length, bytes.
pub(super) type Record<'a> = (u32, u32, u32, &'a [u8]);

impl Pcap {
    /// A little-endian file of another magic, with what that adds to the headers.
    pub(super) fn of(magic: u32, file_extra: usize, record_extra: usize) -> Pcap {
        Pcap {
            magic,
            file_extra,
            record_extra,
            ..MICROS
        }
    }

    /// A little-endian file of another version.
    pub(super) fn of_version(major: u16, minor: u16) -> Pcap {
        Pcap {
            version: (major, minor),
            ..MICROS
        }
    }

    pub(super) fn header(&self) -> Vec<u8> {
        let order = self.order;
        let mut file = Vec::new();
        file.extend(order.u32(self.magic));
        file.extend(order.u16(self.version.0));
        file.extend(order.u16(self.version.1));
        file.extend([0; 8]);
        file.extend(order.u32(self.snaplen));
        file.extend(order.u32(self.link));
        file.extend(vec![0x77; self.file_extra]);
        file
    }

    pub(super) fn record(&self, (seconds, fraction, original, bytes): Record<'_>) -> Vec<u8> {
        let order = self.order;
        let captured = bytes.len() as u32;
        let lengths = match self.version {
            (2, 4..) => [captured, original],
            _ => [original, captured],
        };
        let mut record = Vec::new();
        for number in [seconds, fraction, lengths[0], lengths[1]] {
            record.extend(order.u32(number));
        }
        record.extend(vec![0x55; self.record_extra]);
        record.extend(bytes);
        record
    }

    pub(super) fn file(&self, records: &[Record<'_>]) -> Vec<u8> {
        let mut file = self.header();
        for record in records {
            file.extend(self.record(*record));
        }
        file
    }
}

/// A block of a pcapng file: its type and its body, which is filled up to four bytes.
pub(super) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let total = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &total, &body, &total].concat()
}

pub(super) fn section(order: Order) -> Vec<u8> {
    let parts: [&[u8]; 4] = [
        &order.u32(0x1a2b_3c4d),
        &order.u16(1),
        &order.u16(0),
        &order.u64(u64::MAX),
    ];
    let comment = option(order, 1, b"a comment");
    block(
        order,
        0x0a0d_0d0a,
        &[&parts.concat()[..], &comment].concat(),
    )
}

pub(super) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut value_filled = value.to_vec();
    value_filled.resize(value.len().next_multiple_of(4), 0);
    let length = order.u16(value.len() as u16);
    [&order.u16(code)[..], &length, &value_filled].concat()
}

/// An interface description; `options` as [`option`] makes them.
pub(super) fn interface(order: Order, link: u16, snaplen: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let mut body = [&order.u16(link)[..], &[0, 0], &order.u32(snaplen)].concat();
    body.extend(options.concat());
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

/// An enhanced packet block with a comment after the packet.
pub(super) fn packet(order: Order, index: u32, units: u64, original: u32, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for number in [index, (units >> 32) as u32, units as u32] {
        body.extend(order.u32(number));
    }
    body.extend(order.u32(bytes.len() as u32));
    body.extend(order.u32(original));
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(option(order, 1, b"seen"));
    body.extend([0; 4]);
    block(order, 6, &body)
}

pub(super) fn obsolete_packet(order: Order, index: u16, units: u64, bytes: &[u8]) -> Vec<u8> {
    let mut body = [order.u16(index), order.u16(0xffff)].concat();
    for number in [(units >> 32) as u32, units as u32] {
        body.extend(order.u32(number));
    }
    for _ in 0..2 {
        body.extend(order.u32(bytes.len() as u32));
    }
    body.extend(bytes);
    block(order, 2, &body)
}

pub(super) fn simple_packet(order: Order, original: u32, bytes: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(original)[..], bytes].concat())
}

/// Bytes that do not compress much, different for each number.
pub(super) fn noise(number: u64, bytes: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| step()).collect()
}

/// A pcapng file with two sections, both byte orders, every packet block, and what is to be read of
/// it.
pub(super) fn rich_pcapng() -> (Vec<Vec<u8>>, Vec<Owned>) {
    let bytes = |n: u64| noise(n, 40 + n as usize);
    let nanos = option(LITTLE, 9, &[9]);
    let late = option(BIG, 14, &BIG.u64(100));
    let blocks = vec![
        section(LITTLE),
        interface(LITTLE, 1, 0, &[]),
        block(LITTLE, 4, b"a name resolution block"),
        packet(LITTLE, 0, 1_700_000_000_000_001, 41, &bytes(1)),
        interface(LITTLE, 113, 96, &[option(LITTLE, 2, b"eth1"), nanos]),
        packet(LITTLE, 1, 1_700_000_000_000_000_002, 1_500, &bytes(2)),
        obsolete_packet(LITTLE, 0, 1_700_000_000_000_003, &bytes(3)),
        simple_packet(LITTLE, 44, &bytes(4)),
        block(LITTLE, 0x0bad_cafe, &noise(9, 300_000)),
        section(BIG),
        interface(BIG, 101, 45, &[option(BIG, 9, &[0x80 | 10]), late]),
        block(BIG, 5, &[0; 24]),
        packet(BIG, 0, 1_024, 45, &bytes(5)),
        simple_packet(BIG, 1_500, &bytes(5)),
    ];
    let frames = vec![
        (1_700_000_000_000_001_000, 1, bytes(1), 41),
        (1_700_000_000_000_000_002, 113, bytes(2), 1_500),
        (1_700_000_000_000_003_000, 1, bytes(3), 43),
        (1_700_000_000_000_003_000, 1, bytes(4), 44),
        (101_000_000_000, 101, bytes(5), 45),
        (101_000_000_000, 101, bytes(5), 1_500),
    ];
    (blocks, frames)
}

/// A pcap file of `count` records, and each record's size.
pub(super) fn plain_pcap(count: u32) -> (Vec<u8>, Vec<usize>) {
    let mut file = MICROS.header();
    let mut sizes = Vec::new();
    for number in 0..count {
        // Lengths from 0 on that are no multiple of anything.
        let bytes = noise(number.into(), number as usize * 37 % 211);
        let record = MICROS.record((1_700_000_000 + number, number, bytes.len() as u32, &bytes));
        sizes.push(record.len());
        file.extend(record);
    }
    (file, sizes)
}

pub(super) fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).expect("memory")
}
