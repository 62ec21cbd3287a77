//! JA3 of generated client hellos, against the `ja3` crate.
//!
//! The oracle takes files only, and panics on much of what is legal; so each hello goes into a
//! capture of one untagged Ethernet frame with one record, and the oracle runs where its panics are
//! caught.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use proptest::prelude::*;
use std::io::Write;
use std::panic::catch_unwind;
use tapir::fingerprint::{Carrier, ja3, ja3_text};
use tapir::inspect::tls::ClientHello;

fn vector(width: usize, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u64).to_be_bytes();
    [&len[8 - width..], body].concat()
}

fn words(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, body)].concat()
}

/// Any value but those that the oracle takes for GREASE though their bytes differ.
fn value() -> impl Strategy<Value = u16> {
    let plain = any::<u16>().prop_filter("not half GREASE", |value| {
        value & 0x0f0f != 0x0a0a || value >> 8 == value & 0xff
    });
    prop_oneof![4 => plain, 1 => (0u16..16).prop_map(|n| (n << 12 | n << 4) | 0x0a0a)]
}

/// The body of a client hello whose extensions are well-formed, as the oracle stops at any other,
/// and that has a cipher suite beside GREASE, as the oracle else drops a comma.
fn client_hello() -> impl Strategy<Value = Vec<u8>> {
    let list = |max| proptest::collection::vec(value(), 1..max);
    let unknown =
        (200u16..13000).prop_filter("unknown to the oracle", |kind| kind & 0x0f0f != 0x0a0a);
    let unknown = (unknown, proptest::collection::vec(any::<u8>(), 0..9))
        .prop_map(|(kind, body)| extension(kind, &body));
    let grease = (0u16..16).prop_map(|n| extension((n << 12 | n << 4) | 0x0a0a, &[]));
    let groups = list(8).prop_map(|groups| extension(10, &vector(2, &words(&groups))));
    let points = proptest::collection::vec(any::<u8>(), 1..4)
        .prop_map(|points| extension(11, &vector(1, &points)));
    let name = "[a-z]{1,12}\\.test".prop_map(|name| {
        extension(
            0,
            &vector(2, &[&[0][..], &vector(2, name.as_bytes())].concat()),
        )
    });
    let known = (
        proptest::option::of(groups),
        proptest::option::of(points),
        proptest::option::of(name),
    )
        .prop_map(|(groups, points, name)| [name, groups, points].into_iter().flatten());
    let others = proptest::collection::vec(prop_oneof![2 => unknown, 1 => grease], 0..6);
    let ciphers = list(20).prop_map(|ciphers| [ciphers, vec![0x1301]].concat());
    (0x0301u16..=0x0303, ciphers, known, others).prop_map(|(version, ciphers, known, others)| {
        let extensions: Vec<u8> = known.chain(others).flatten().collect();
        [
            &version.to_be_bytes()[..],
            &[7; 32],
            &[0],
            &vector(2, &words(&ciphers)),
            &[1, 0],
            &vector(2, &extensions),
        ]
        .concat()
    })
}

/// A microsecond capture of one frame: Ethernet, IPv4, TCP, one record with one message.
fn capture(body: &[u8]) -> Vec<u8> {
    let record = vector(2, &[&[1][..], &vector(3, body)].concat());
    let payload = [&[22, 3, 1][..], &record].concat();
    let total = (payload.len() + 40) as u16;
    let packet = [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..],
        &[0x45, 0],
        &total.to_be_bytes(),
        &[0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2],
        &[
            0xc0, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0,
        ],
        &payload,
    ]
    .concat();
    let len = (packet.len() as u32).to_le_bytes();
    [
        &[
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        ][..],
        &[0; 8],
        &len,
        &len,
        &packet,
    ]
    .concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_ja3_crate_says_the_same(body in client_hello()) {
        let hello = ClientHello::parse(Carrier::Tcp, &body).expect("it is whole");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&capture(&body)).unwrap();
        let path = file.path().to_path_buf();
        let oracle = catch_unwind(|| ja3::Ja3::new(path).any_port().process_pcap().unwrap())
            .expect("one whole record does not break the oracle");
        prop_assert_eq!(oracle.len(), 1);
        prop_assert_eq!(&oracle[0].ja3_str, &ja3_text(&hello.offer));
        prop_assert_eq!(format!("{:x}", oracle[0].hash), &*ja3(&hello.offer));
    }
}
