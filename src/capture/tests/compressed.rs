//! Captures in gzip and zstd, sound and damaged.

use super::writing::*;
use super::{frames, read};
use crate::capture::CaptureError;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

#[test]
fn a_compressed_capture_is_the_capture() {
    let (pcap, _) = plain_pcap(5_000);
    let (blocks, _) = rich_pcapng();
    for file in [&pcap, &blocks.concat()] {
        let plain = frames(file);
        for level in [0, 1, 6, 9] {
            assert_eq!(frames(&gzip(file, level)), plain);
        }
        assert_eq!(frames(&zstd(file)), plain);
    }
}

#[test]
fn members_and_frames_that_follow_each_other_are_one_capture() {
    let (pcap, _) = plain_pcap(500);
    let plain = frames(&pcap);
    let (head, tail) = pcap.split_at(10_001);
    let empty = gzip(&[], 6);
    assert_eq!(
        frames(&[gzip(head, 6), empty, gzip(tail, 1)].concat()),
        plain
    );
    // As pzstd does, with skippable frames in front and between.
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let parts = [skippable.clone(), zstd(head), skippable, zstd(tail)];
    assert_eq!(frames(&parts.concat()), plain);
}

#[test]
fn a_gzip_header_may_have_every_part() {
    let (pcap, _) = plain_pcap(3);
    let mut file = flate2::GzBuilder::new()
        .filename("capture.pcap")
        .comment("from the tap")
        .extra([1, 2, 3])
        .write(Vec::new(), Compression::fast());
    file.write_all(&pcap).expect("memory");
    let mut file = file.finish().expect("memory");
    assert_eq!(frames(&file), frames(&pcap));
    // And a checksum of itself, which is passed over.
    file[3] |= 2;
    let end = 10 + 2 + 3 + "capture.pcap".len() + 1 + "from the tap".len() + 1;
    file.splice(end..end, [0xaa, 0xbb]);
    assert_eq!(frames(&file), frames(&pcap));
}

#[test]
fn compressed_data_that_ends_early_gives_all_that_was_there() {
    let (pcap, _) = plain_pcap(60);
    let whole = frames(&pcap);
    for file in [gzip(&pcap, 6), gzip(&pcap, 0), zstd(&pcap)] {
        assert_eq!(frames(&file), whole);
        let mut before = 0;
        for cut in 4..file.len() {
            let (read, error) = read(&file[..cut]);
            assert_eq!(error.expect("cut").exit_code(), 3, "cut at {cut}");
            assert_eq!(read, whole[..read.len()]);
            assert!(read.len() >= before, "more bytes, fewer frames");
            before = read.len();
        }
    }
}

/// What of a gzip file can be decompressed, asked for byte by byte.
fn gunzip_prefix(file: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::MultiGzDecoder::new(file);
    let (mut prefix, mut byte) = (Vec::new(), [0]);
    while let Ok(1) = decoder.read(&mut byte) {
        prefix.push(byte[0]);
    }
    prefix
}

#[test]
fn a_cut_gzip_file_gives_the_frames_of_what_can_be_decompressed() {
    let (pcap, _) = plain_pcap(1_000);
    for level in [0, 6] {
        let file = gzip(&pcap, level);
        for cut in (100..file.len()).step_by(997) {
            let (expected, _) = read(&gunzip_prefix(&file[..cut]));
            assert_eq!(
                read(&file[..cut]).0,
                expected,
                "level {level}, cut at {cut}"
            );
        }
    }
}

#[test]
fn nothing_before_corrupt_data_is_lost() {
    for count in [1, 10, 100, 333, 500, 777, 1_000, 2_500] {
        let (pcap, sizes) = plain_pcap(count);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&pcap).expect("memory");
        gzip.flush().expect("memory");
        let mut zstd = ::zstd::Encoder::new(Vec::new(), 3).expect("memory");
        zstd.write_all(&pcap).expect("memory");
        zstd.flush().expect("memory");
        // After a flush a block begins, and ones are of a type that there is none of.
        for flushed in [gzip.get_ref().clone(), zstd.get_ref().clone()] {
            let (read, error) = read(&[flushed, vec![0xff; 50_000]].concat());
            assert_eq!(read.len(), sizes.len());
            match error {
                Some(CaptureError::Damaged { offset, what, .. }) => {
                    assert_eq!(offset, pcap.len() as u64);
                    assert!(what.contains("corrupt"), "{what}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_checksum_that_does_not_fit_is_damage_after_the_last_frame() {
    let (pcap, sizes) = plain_pcap(20);
    let file = gzip(&pcap, 6);
    for from_end in 1..=8 {
        let mut file = file.clone();
        let at = file.len() - from_end;
        file[at] ^= 1;
        let (read, error) = read(&file);
        assert_eq!(read.len(), sizes.len());
        assert!(error.expect("damage").to_string().contains("checksum"));
    }
}

#[test]
fn what_follows_the_compressed_data_is_damage_and_said_so() {
    let (pcap, sizes) = plain_pcap(20);
    for file in [gzip(&pcap, 6), zstd(&pcap)] {
        let (read, error) = read(&[&file[..], b"and then some"].concat());
        assert_eq!(read.len(), sizes.len());
        assert_eq!(error.expect("damage").exit_code(), 3);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_no_panic_and_no_invented_order() {
    let (pcap, _) = plain_pcap(30);
    for file in [gzip(&pcap, 6), zstd(&pcap)] {
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] ^= 0x10;
            let (frames, _) = read(&file);
            assert!(frames.len() <= 2_000);
        }
    }
}
