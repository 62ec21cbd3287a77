use super::super::inflate::Inflate;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Write;

#[derive(Clone, Copy, Debug)]
enum Wrapper {
    Gzip,
    Zlib,
    None,
}

fn compressed(wrapper: Wrapper, level: u32, bytes: &[u8]) -> Vec<u8> {
    let level = Compression::new(level);
    let out = Vec::new();
    match wrapper {
        Wrapper::Gzip => {
            let builder = flate2::GzBuilder::new()
                .filename("f")
                .comment("c")
                .extra(vec![1, 2]);
            let mut encoder: GzEncoder<Vec<u8>> = builder.write(out, level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Wrapper::Zlib => {
            let mut encoder = ZlibEncoder::new(out, level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Wrapper::None => {
            let mut encoder = DeflateEncoder::new(out, level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// Length and first bytes, read in pieces of `size`; saved and restored between any two.
fn inflated(bytes: &[u8], size: usize, room: usize) -> (u64, Vec<u8>) {
    let mut inflate = Inflate::new(room, true);
    for piece in bytes.chunks(size) {
        inflate.take(piece);
        let saved = postcard::to_stdvec(&inflate).unwrap();
        inflate = postcard::from_bytes(&saved).unwrap();
    }
    (inflate.len(), inflate.first().to_vec())
}

#[test]
fn a_bomb_is_counted_and_not_unpacked() {
    let zeros = vec![0; 20 << 20];
    let bomb = compressed(Wrapper::Gzip, 9, &zeros);
    let (len, first) = inflated(&bomb, 4096, 100);
    assert_eq!((len, first.len()), (20 << 20, 100));
}

#[test]
fn what_follows_the_stream_is_not_counted() {
    let mut bytes = compressed(Wrapper::Zlib, 6, b"hello hello hello");
    bytes.extend_from_slice(b"and more");
    assert_eq!(inflated(&bytes, 1, 5), (17, b"hello".to_vec()));
}

#[test]
fn what_is_not_compressed_counts_nothing_where_a_header_is_due() {
    let mut inflate = Inflate::new(10, false);
    inflate.take(b"plain text");
    assert_eq!(inflate.len(), 0);
}

proptest! {
    #[test]
    fn any_stream_is_as_long_as_its_origin(
        bytes in prop_oneof![
            vec(any::<u8>(), 0..3000),
            vec(0u8..4, 0..9000),
            vec(prop::sample::select(b"<html>abc ".to_vec()), 0..70_000),
        ],
        wrapper in prop::sample::select(vec![Wrapper::Gzip, Wrapper::Zlib, Wrapper::None]),
        level in 0u32..10,
        size in 1usize..2000,
    ) {
        let compressed = compressed(wrapper, level, &bytes);
        let (len, first) = inflated(&compressed, size, 500);
        prop_assert_eq!(len, bytes.len() as u64);
        prop_assert_eq!(&first[..], &bytes[..bytes.len().min(500)]);
    }

    #[test]
    fn no_bytes_panic_and_pieces_change_nothing(
        bytes in vec(any::<u8>(), 0..200),
        header in prop::sample::select(vec![
            &[][..],
            &[0x1f, 0x8b][..],
            &[0x78, 0x9c][..],
            &[0x04][..],
            &[0x05][..],
        ]),
        size in 1usize..50,
    ) {
        let bytes = [header, &bytes].concat();
        prop_assert_eq!(inflated(&bytes, size, 50), inflated(&bytes, usize::MAX, 50));
    }
}
