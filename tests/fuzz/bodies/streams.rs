//! From records to the inspectors of streams and datagrams.
//!
//! Kind: bit 0 the side, bit 1 a gap (of streams) or a cut datagram, bit 2 the end of the side, bit
//! 3 for DNS a stream, for HTTP its version 2, for QUIC frames that are still to be sealed into an
//! Initial packet. Arg: into pieces of how many bytes the record is cut, 0 not at all; of
//! datagrams, how many milliseconds later it comes.

use super::initial;
use super::records::{self, Record};
use std::net::{IpAddr, Ipv4Addr};
use tapir::flow::stream::StreamEvent;
use tapir::inspect::dhcp::DhcpInspector;
use tapir::inspect::dns::{DnsInspector, DnsStreamInspector};
use tapir::inspect::dtls::DtlsInspector;
use tapir::inspect::http::{Http2Inspector, HttpInspector};
use tapir::inspect::quic::QuicInspector;
use tapir::inspect::quic::google::GoogleQuicInspector;
use tapir::inspect::tls::TlsInspector;
use tapir::inspect::{Context, DatagramInspector, Found, StreamInspector, Verdict};
use tapir::limits::Limits;
use tapir::net::{Endpoint, Side};
use tapir::time::{Span, Timestamp};

/// The kind of a record of `side`.
pub fn kind(side: Side, gap: bool, end: bool) -> u8 {
    side.index() as u8 | u8::from(gap) << 1 | u8::from(end) << 2
}

/// The kind of DNS over TCP, beside [`kind`].
pub const DNS_STREAM: u8 = 8;

/// The kind of HTTP/2, beside [`kind`].
pub const HTTP2: u8 = 8;

/// The kind of QUIC frames, beside [`kind`].
pub const QUIC_FRAMES: u8 = 8;

/// Bounds that an input of a few kilobytes reaches.
const LIMITS: Limits = Limits {
    dns_pending_max: 8,
    http_head_bytes_max: 1024,
    http_pending_max: 4,
    tls_handshake_bytes_max: 8192,
    ..Limits::DEFAULT
};

/// Both sides of a TLS flow.
pub fn tls(input: &[u8]) {
    same_however_cut(input, TlsInspector::default);
}

/// Both sides of an HTTP flow, of either version.
pub fn http(input: &[u8]) {
    match input.first() {
        Some(kind) if kind & HTTP2 != 0 => same_however_cut(input, Http2Inspector::default),
        _ => same_however_cut(input, HttpInspector::default),
    }
}

/// A flow of datagrams of a protocol that the first byte says: DHCP of either version, DTLS, or
/// Google's QUIC.
pub fn datagram(input: &[u8]) {
    let Some((which, input)) = input.split_first() else {
        return;
    };
    let records = records::parse(input);
    match which % 4 {
        0 => datagrams(&records, DhcpInspector::new(false)),
        1 => datagrams(&records, DhcpInspector::new(true)),
        2 => datagrams(&records, DtlsInspector::default()),
        _ => datagrams(&records, GoogleQuicInspector::default()),
    }
}

/// DNS, over UDP or TCP.
pub fn dns(input: &[u8]) {
    let responder = Endpoint {
        addr: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
        port: if input.len().is_multiple_of(2) {
            53
        } else {
            137
        },
    };
    match input.first() {
        Some(kind) if kind & DNS_STREAM != 0 => {
            same_however_cut(input, || DnsStreamInspector::new(responder));
        }
        _ => datagrams(&records::parse(input), DnsInspector::new(responder)),
    }
}

/// The datagrams of a QUIC flow.
pub fn quic(input: &[u8]) {
    let mut records = records::parse(input);
    for (number, record) in records.iter_mut().enumerate() {
        if record.kind & QUIC_FRAMES != 0 {
            record.bytes = initial::seal(side(record), number as u8, &record.bytes);
        }
    }
    datagrams(&records, QuicInspector::default());
}

fn side(record: &Record) -> Side {
    match record.kind & 1 {
        0 => Side::Originator,
        _ => Side::Responder,
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_parts(1_700_000_000, 0) + Span::from_millis(millis)
}

fn datagrams(records: &[Record], mut inspector: impl DatagramInspector) {
    let mut now = 0;
    let limits = &LIMITS;
    let mut found = Vec::new();
    for record in records {
        now += i64::from(record.arg);
        let context = Context {
            at: at(now),
            limits,
        };
        let complete = record.kind & 2 == 0;
        let side = side(record);
        let verdict = inspector.handle_datagram(context, side, &record.bytes, complete, &mut found);
        if verdict != Verdict::More {
            break;
        }
    }
    let context = Context {
        at: at(now),
        limits,
    };
    inspector.finish(context, &mut found);
}

/// What an inspector finds depends on the bytes, not on the segments that brought them.
fn same_however_cut<I: StreamInspector>(input: &[u8], new: impl Fn() -> I) {
    let records = records::parse(input);
    let whole = found(&records, new(), |_| usize::MAX);
    let cut = found(&records, new(), |record| match record.arg {
        0 => usize::MAX,
        arg => usize::from(arg),
    });
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
}

fn found(
    records: &[Record],
    mut inspector: impl StreamInspector,
    piece_len: impl Fn(&Record) -> usize,
) -> Vec<Found> {
    let mut found = Vec::new();
    let context = Context {
        at: at(0),
        limits: &LIMITS,
    };
    let mut ended = [false; 2];
    'all: for record in records {
        let side = side(record);
        if ended[side.index()] {
            continue;
        }
        let mut events = Vec::new();
        let pieces = record.bytes.chunks(piece_len(record));
        if record.kind & 2 != 0 {
            let bytes = 1 + record.bytes.len() as u64 * 256;
            events.push(StreamEvent::Gap { side, bytes });
        } else {
            events.extend(pieces.map(|bytes| StreamEvent::Data { side, bytes }));
        }
        if record.kind & 4 != 0 {
            ended[side.index()] = true;
            events.push(StreamEvent::End { side });
        }
        for event in events {
            if inspector.handle_stream(context, event, &mut found) != Verdict::More {
                break 'all;
            }
        }
    }
    inspector.finish(context, &mut found);
    found
}
