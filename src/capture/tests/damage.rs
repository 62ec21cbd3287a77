//! Captures that are cut short or contradict themselves, and files that are none.

use super::writing::*;
use super::{Failing, frames, read, read_from};
use crate::capture::CaptureError;
use proptest::prelude::*;

/// Checks that a file cut at every byte gives the records before the cut, and says where the cut
/// one begins. `sizes` are of the records, with whether each gives a frame; the first `header`
/// bytes are the file's.
fn cut_everywhere(file: &[u8], header: usize, sizes: &[(usize, bool)]) {
    let whole = frames(file);
    let mut ends = vec![(header, 0)];
    for (size, gives) in sizes {
        let (end, count) = *ends.last().expect("not empty");
        ends.push((end + size, count + usize::from(*gives)));
    }
    assert_eq!(ends.last(), Some(&(file.len(), whole.len())));
    for cut in header..file.len() {
        let (end, count) = *ends
            .iter()
            .rfind(|(end, _)| *end <= cut)
            .expect("the header");
        let (read, error) = read(&file[..cut]);
        assert_eq!(read, whole[..count], "cut at {cut}");
        match error {
            None => assert_eq!(cut, end, "a cut within a record is told"),
            Some(CaptureError::Damaged { file, offset, what }) => {
                assert_eq!(
                    (file.as_str(), offset),
                    ("test", end as u64),
                    "cut at {cut}"
                );
                assert!(cut > end && what.contains("cut short"), "{what}");
            }
            Some(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_pcap_file_cut_at_any_byte_gives_the_records_before() {
    let (file, sizes) = plain_pcap(12);
    let sizes: Vec<_> = sizes.into_iter().map(|size| (size, true)).collect();
    cut_everywhere(&file, 24, &sizes);
}

#[test]
fn a_pcapng_file_cut_at_any_byte_gives_the_blocks_before() {
    let (mut blocks, _) = rich_pcapng();
    // The long block is cut elsewhere.
    blocks.retain(|block| block.len() < 1_000);
    let sizes: Vec<_> = blocks
        .iter()
        .map(|block| {
            (
                block.len(),
                [block[0], block[3]]
                    .iter()
                    .any(|kind| [2, 3, 6].contains(kind)),
            )
        })
        .collect();
    cut_everywhere(&blocks.concat(), blocks[0].len(), &sizes[1..]);
}

#[test]
fn a_file_header_that_is_cut_short_is_damage_once_its_magic_is_there() {
    for file in [MICROS.header(), section(LITTLE)] {
        for cut in 0..file.len() {
            let error = read(&file[..cut]).1.expect("cut short");
            let expected = if cut < 4 { 4 } else { 3 };
            assert_eq!(error.exit_code(), expected, "cut at {cut}: {error}");
        }
    }
}

#[test]
fn a_file_that_is_no_capture_is_told_by_how_it_begins() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "it is empty"),
        (b"\xd4", "it begins with d4 (\"\\xd4\")"),
        (
            b"hello\n",
            "it begins with 68 65 6c 6c 6f 0a (\"hello\\n\")",
        ),
        (b"<html><body>and so on, for long", "(\"<html><body>and \")"),
        (b"\xfd7zXZ\0\0\x04", "xz, decompress it first"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
        (
            b"\n\r\r\n and then something else",
            "it begins with 0a 0d 0d 0a",
        ),
        (&gzip(b"", 6), "decompressed, it is empty"),
        (
            &gzip(&gzip(b"x", 6), 6),
            "gzip within what was decompressed",
        ),
    ];
    for (file, expected) in cases {
        let (frames, error) = read(file);
        assert_eq!(frames, []);
        let error = error.expect("no capture");
        assert!(matches!(error, CaptureError::NotACapture { .. }), "{error}");
        assert_eq!(error.exit_code(), 4);
        assert!(
            error.to_string().starts_with("test is no capture: "),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// A sound pcapng file of one packet with a damaged block after it.
fn after_one_packet(damaged: &[u8]) -> (Vec<u8>, u64) {
    let mut file = [
        section(LITTLE),
        interface(LITTLE, 1, 10, &[]),
        packet(LITTLE, 0, 1, 4, b"abcd"),
    ]
    .concat();
    let offset = file.len() as u64;
    file.extend(damaged);
    file.extend(packet(LITTLE, 0, 1, 4, b"abcd"));
    (file, offset)
}

#[test]
fn a_record_that_contradicts_itself_ends_the_capture_where_it_begins() {
    let good = packet(LITTLE, 0, 1, 8, b"abcdefgh");
    let changed = |at: usize, byte: u8| {
        let mut block = good.clone();
        block[at] = byte;
        block
    };
    let mut pcapng = vec![
        ("claims 0 bytes", block(LITTLE, 6, &[])),
        ("16 MiB", block(LITTLE, 6, &[])),
        ("at its end", changed(good.len() - 4, 4)),
        ("its block has", changed(20, 200)),
        ("that are possible", changed(23, 1)),
        ("of interface 9", changed(8, 9)),
        ("too short", block(LITTLE, 6, &[0; 16])),
        ("too short", block(LITTLE, 3, &[])),
        ("too short", block(LITTLE, 1, &[1, 0, 0, 0])),
        ("its block has", simple_packet(LITTLE, 9, b"abcd")),
        ("of pcapng version 1023.0", section(LITTLE)),
        ("without a byte order", section(LITTLE)),
    ];
    pcapng[0].1[4] = 0;
    pcapng[1].1[4..8].copy_from_slice(&LITTLE.u32((16 << 20) + 4));
    pcapng[10].1[12..14].copy_from_slice(&LITTLE.u16(1_023));
    pcapng[11].1[8] = 0;
    let mut cases: Vec<_> = pcapng
        .into_iter()
        .map(|(what, block)| (what, after_one_packet(&block)))
        .collect();
    let mut pcap = MICROS.file(&[(1, 1, 4, b"abcd")]);
    let offset = pcap.len() as u64;
    for length in [262_145, u32::MAX] {
        let mut header = MICROS.record((1, 1, 1, b""));
        header[8..12].copy_from_slice(&LITTLE.u32(length));
        let file = [&pcap[..], &header, &[0; 40]].concat();
        cases.push(("more than the 262144", (file, offset)));
    }
    pcap.extend([0; 15]);
    cases.push(("a record header is cut short, 15 bytes", (pcap, offset)));
    for (expected, (file, offset)) in cases {
        let (read, error) = read(&file);
        assert_eq!(read.len(), 1, "{expected}");
        match error {
            Some(CaptureError::Damaged {
                offset: at, what, ..
            }) => {
                assert_eq!(at, offset, "{expected}: {what}");
                assert!(what.contains(expected), "{what}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_record_may_be_longer_only_where_the_link_type_has_long_ones() {
    let long = vec![3; 300_000];
    let usb = Pcap {
        link: 220,
        ..MICROS
    };
    assert_eq!(
        frames(&usb.file(&[(1, 1, 300_000, &long)]))[0].2.len(),
        300_000
    );
    assert_eq!(read(&MICROS.file(&[(1, 1, 300_000, &long)])).0, []);
}

#[test]
fn a_device_that_fails_is_told_as_such_after_what_it_gave() {
    let (file, sizes) = plain_pcap(20);
    for cut in [0, 3, 24, file.len() - 1, file.len()] {
        let (read, error) = read_from(Failing(std::io::Cursor::new(file[..cut].to_vec())));
        let error = error.expect("it fails");
        assert_eq!(error.exit_code(), 1, "{error}");
        assert!(error.to_string().contains("the disk is gone"));
        if cut == file.len() {
            assert_eq!(read.len(), sizes.len());
        }
    }
    let (_, error) = read_from(Failing(std::io::Cursor::new(
        gzip(&file, 6)[..200].to_vec(),
    )));
    assert_eq!(error.expect("it fails").exit_code(), 1);
}

/// Some magics with which any bytes may begin.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    let (blocks, _) = rich_pcapng();
    prop_oneof![
        Just(Vec::new()),
        Just(MICROS.header()),
        Just(
            Pcap {
                order: BIG,
                magic: 0xa1b2_cd34,
                record_extra: 8,
                ..MICROS
            }
            .header()
        ),
        Just(section(BIG)),
        Just(blocks[..5].concat()),
        Just(vec![0x1f, 0x8b, 8]),
        Just(gzip(&MICROS.header(), 6)[..12].to_vec()),
        Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
    ]
}

/// Sound files with a few of their bytes changed.
pub(super) fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let (blocks, _) = rich_pcapng();
    let short: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.len() < 1_000)
        .collect();
    let (pcap, _) = plain_pcap(8);
    let files = prop_oneof![Just(short.concat()), Just(pcap)];
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (files, prop::collection::vec(change, 1..6)).prop_map(|(mut file, changes)| {
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        mut file in beginnings(),
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        file.extend(rest);
        read(&file);
    }

    #[test]
    fn no_change_to_a_sound_file_makes_the_reader_panic(
        file in mutated(),
        cut in any::<prop::sample::Index>(),
    ) {
        read(&file);
        read(&gzip(&file[..cut.index(file.len())], 1));
    }
}
