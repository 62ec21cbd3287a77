//! Sound captures of every kind.

use super::writing::*;
use super::{Pieces, frames, read, read_from};
use crate::capture::Reader;
use std::io::Write;
use std::path::Path;

const BYTES: [u8; 20] = [7; 20];

/// The two frames of the pcap files below; the fraction is in units of `nanos`.
fn expected(nanos: i64, link: u16, wire: u32) -> Vec<super::Owned> {
    vec![
        (
            1_700_000_000_000_000_000 + 123_456 * nanos,
            link,
            BYTES.to_vec(),
            wire,
        ),
        (1_700_000_001_000_000_000 + 7 * nanos, link, Vec::new(), 0),
    ]
}

#[test]
fn every_pcap_variant_is_read_in_either_byte_order() {
    let variants = [
        ("microseconds", MICROS, 1_000),
        ("nanoseconds", Pcap::of(0xa1b2_3c4d, 0, 0), 1),
        ("Kuznetzov", Pcap::of(0xa1b2_cd34, 0, 8), 1_000),
        ("Ixia hardware", Pcap::of(0x1c00_01ac, 4, 0), 1),
        ("Ixia software", Pcap::of(0x1c00_01ab, 4, 0), 1_000),
        ("version 2.2", Pcap::of_version(2, 2), 1_000),
        ("version 2.3", Pcap::of_version(2, 3), 1_000),
        ("DG/UX", Pcap::of_version(543, 0), 1_000),
    ];
    for (name, variant, nanos) in variants {
        for order in [LITTLE, BIG] {
            let pcap = Pcap { order, ..variant };
            let file = pcap.file(&[
                (1_700_000_000, 123_456, 90, &BYTES),
                (1_700_000_001, 7, 0, &[]),
            ]);
            assert_eq!(frames(&file), expected(nanos, 1, 90), "{name} {order:?}");
        }
    }
}

#[test]
fn a_file_of_version_2_3_may_have_its_lengths_in_either_order() {
    let swapped = Pcap {
        version: (2, 3),
        ..MICROS
    };
    let mut file = swapped.header();
    file.extend(swapped.record((1, 0, 90, &BYTES)));
    file.extend(MICROS.record((1, 0, 90, &BYTES)));
    assert_eq!(
        frames(&file),
        vec![(1_000_000_000, 1, BYTES.to_vec(), 90); 2]
    );
}

#[test]
fn the_upper_half_of_the_link_type_is_something_else() {
    // A frame check sequence of 4 bytes, and a class.
    let pcap = Pcap {
        link: 0x2400_0000 | 0x0224_0000 | 276,
        ..MICROS
    };
    assert_eq!(frames(&pcap.file(&[(1, 2, 20, &BYTES)]))[0].1, 276);
}

#[test]
fn odd_records_are_taken_as_they_are() {
    let file = MICROS.file(&[
        (u32::MAX, u32::MAX, 5, &BYTES),
        (0, 0, u32::MAX, &[]),
        (1, 1, 262_144, &vec![1; 262_144]),
    ]);
    let read = frames(&file);
    assert_eq!(read[0].0, 4_294_967_295_000_000_000 + 4_294_967_295_000);
    assert_eq!((read[0].2.len(), read[0].3), (20, 5));
    assert_eq!(read[1], (0, 1, Vec::new(), u32::MAX));
    assert_eq!(read[2].2.len(), 262_144);
}

#[test]
fn a_capture_without_frames_is_sound() {
    assert_eq!(frames(&MICROS.header()), []);
    assert_eq!(frames(&section(BIG)), []);
}

#[test]
fn every_block_of_pcapng_is_read_or_passed_over() {
    let (blocks, expected) = rich_pcapng();
    assert_eq!(frames(&blocks.concat()), expected);
}

#[test]
fn interfaces_of_a_section_end_with_it() {
    let mut file = [section(LITTLE), interface(LITTLE, 1, 0, &[])].concat();
    file.extend(section(LITTLE));
    let end = file.len() as u64;
    file.extend(packet(LITTLE, 0, 1, 20, &BYTES));
    let (read, error) = read(&file);
    assert_eq!(read, []);
    let error = error.expect("no interface").to_string();
    assert!(error.starts_with(&format!(
        "test is damaged at byte {end}: a packet is of interface 0"
    )));
}

#[test]
fn a_block_length_that_was_not_rounded_up_is_read() {
    let mut odd = packet(LITTLE, 0, 1, 20, &BYTES);
    let total = odd.len();
    for at in [4, total - 4] {
        odd[at] -= 3;
    }
    let file = [
        section(LITTLE),
        interface(LITTLE, 1, 0, &[]),
        odd.clone(),
        odd,
    ]
    .concat();
    assert_eq!(frames(&file), vec![(1_000, 1, BYTES.to_vec(), 20); 2]);
}

#[test]
fn options_that_contradict_themselves_do_not_cost_the_interface() {
    let mut options = option(LITTLE, 9, &[9]);
    options.extend([9, 0, 200, 200, 1, 2, 3, 4]);
    let file = [
        section(LITTLE),
        interface(LITTLE, 1, 0, &[options]),
        interface(
            LITTLE,
            1,
            0,
            &[option(LITTLE, 9, &[]), option(LITTLE, 14, &[1])],
        ),
        packet(LITTLE, 0, 5, 20, &BYTES),
        packet(LITTLE, 1, 5, 20, &BYTES),
    ];
    let read = frames(&file.concat());
    assert_eq!((read[0].0, read[1].0), (5, 5_000));
}

#[test]
fn it_does_not_matter_in_what_pieces_the_bytes_come() {
    let (pcap, _) = plain_pcap(300);
    let (blocks, _) = rich_pcapng();
    let pcapng = blocks.concat();
    for file in [
        &pcap,
        &gzip(&pcap, 6),
        &zstd(&pcap),
        &pcapng,
        &gzip(&pcapng, 1),
    ] {
        let (whole, (pieces, error)) = (frames(file), read_from(Pieces::of(file)));
        assert!(error.is_none() && whole == pieces);
    }
}

#[test]
fn a_file_on_disk_says_its_size_and_how_far_it_was_read() {
    let (pcap, sizes) = plain_pcap(3_000);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&pcap).expect("written");
    let mut reader = Reader::open(file.path()).expect("a capture");
    assert_eq!(reader.size(), Some(pcap.len() as u64));
    let begun = reader.bytes_read();
    assert!((24..pcap.len() as u64).contains(&begun), "{begun}");
    for _ in sizes {
        assert!(reader.next_frame().expect("sound").is_some());
    }
    assert!(reader.next_frame().expect("sound").is_none());
    assert_eq!(reader.bytes_read(), pcap.len() as u64);
}

#[test]
fn a_file_that_is_not_there_or_a_directory_could_not_be_read() {
    let directory = tempfile::tempdir().expect("a directory");
    for path in [
        directory.path().join("missing.pcap").as_path(),
        directory.path(),
    ] {
        let error = Reader::open(Path::new(path)).err().expect("no file");
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().starts_with(&path.display().to_string()));
    }
}
