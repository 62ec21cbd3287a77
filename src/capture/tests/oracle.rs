//! What libpcap reads of the same files.

use super::damage::mutated;
use super::writing::*;
use super::{Owned, read};
use crate::capture::CaptureError;
use ::pcap::{Capture, Precision};
use proptest::prelude::*;
use std::io::Write;

/// The frames that libpcap reads before it ends, and whether that was an error; none where it does
/// not open.
fn libpcap(bytes: &[u8]) -> Option<(Vec<Owned>, bool)> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    let mut capture = Capture::from_file_with_precision(file.path(), Precision::Nano).ok()?;
    let link = match capture.get_datalink().0 {
        12 => 101,
        number => number as u16,
    };
    let mut frames = Vec::new();
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                let time = packet.header.ts;
                let nanos = time.tv_sec.checked_mul(1_000_000_000);
                let nanos = nanos.map_or(i64::MAX, |nanos| nanos.saturating_add(time.tv_usec));
                frames.push((nanos, link, packet.data.to_vec(), packet.header.len));
            }
            Err(error) => return Some((frames, error != ::pcap::Error::NoMorePackets)),
        }
    }
}

/// Checks that a file is read to its end as libpcap reads it.
fn agree(file: &[u8]) {
    let (expected, failed) = libpcap(file).expect("libpcap opens it");
    let (read, error) = read(file);
    assert!(!failed && error.is_none() && !expected.is_empty());
    for (ours, theirs) in read.iter().zip(&expected) {
        assert_eq!(ours, theirs, "{:?}", &file[..90.min(file.len())]);
    }
    assert_eq!(read.len(), expected.len());
}

#[test]
fn libpcap_reads_the_same_of_every_pcap_variant_that_it_knows() {
    let bytes: Vec<Vec<u8>> = (0..50).map(|n| noise(n, 60 + n as usize)).collect();
    let records: Vec<Record<'_>> = (0_u32..)
        .zip(&bytes)
        .map(|(n, bytes)| (1_700_000_000 + n, n * 19_999, 110 + n, &bytes[..]))
        .collect();
    let link = |link| Pcap { link, ..MICROS };
    let variants = [
        MICROS,
        Pcap::of(0xa1b2_3c4d, 0, 0),
        Pcap::of(0xa1b2_cd34, 0, 8),
        Pcap::of_version(2, 2),
        Pcap::of_version(2, 3),
        Pcap::of_version(543, 0),
        link(101),
        link(0x2400_0000 | 113),
    ];
    for variant in variants {
        for order in [LITTLE, BIG] {
            agree(&Pcap { order, ..variant }.file(&records));
        }
    }
}

#[test]
fn libpcap_reads_the_same_of_every_pcapng_clock() {
    let moments = [
        0,
        1,
        999,
        1_023,
        1_700_000_000,
        1_700_000_000_123_456,
        u64::MAX >> 8,
    ];
    for order in [LITTLE, BIG] {
        for resolution in [0, 3, 6, 9, 12, 19, 0x80, 0x8a, 0xa0] {
            let options = [
                option(order, 9, &[resolution]),
                option(order, 14, &order.u64(1_000)),
            ];
            // libpcap wants all interfaces of a file to be of one link type and snaplen.
            let mut file = [section(order), interface(order, 1, 4_000, &options)].concat();
            for units in moments {
                let seconds = match resolution {
                    0x80.. => u128::from(units) >> (resolution & 0x7f),
                    _ => u128::from(units) / 10_u128.pow(resolution.into()),
                };
                // Beyond 2262 there is nothing to agree on.
                if seconds < 9_000_000_000 {
                    file.extend(packet(order, 0, units, 64, &noise(units, 60)));
                    file.extend(obsolete_packet(order, 0, units, &noise(units, 60)));
                }
            }
            agree(&file);
        }
    }
}

proptest! {
    #[test]
    fn what_libpcap_reads_of_a_damaged_file_is_read(file in mutated()) {
        let Some((expected, failed)) = libpcap(&file) else {
            return Ok(());
        };
        let (read, error) = read(&file);
        // Of the first section header libpcap does not read the end.
        if matches!(&error, Some(CaptureError::Damaged { offset: 0, .. })) {
            return Ok(());
        }
        prop_assert!(read.len() >= expected.len(), "{error:?}");
        prop_assert!(failed || error.is_none(), "{error:?}");
        for (ours, theirs) in read.iter().zip(&expected) {
            // libpcap cuts to the snaplen, and gives a simple packet block no time.
            prop_assert!(ours.2.starts_with(&theirs.2));
            prop_assert_eq!(ours.3, theirs.3);
        }
    }
}
