use super::*;
use crate::net::Endpoint;
use proptest::prelude::*;

fn bytes(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// An extension block of empty bodies.
fn block(types: &[u16]) -> Vec<u8> {
    types.iter().flat_map(|kind| bytes(&[*kind, 0])).collect()
}

/// Calls `check` with an offer of these lists.
fn with_offer(lists: [&[u16]; 4], check: impl Fn(ClientOffer<'_>)) {
    let [ciphers, types, groups, algorithms] = lists;
    let (ciphers, types) = (bytes(ciphers), block(types));
    let (groups, algorithms) = (bytes(groups), bytes(algorithms));
    check(ClientOffer {
        version: 0x0301,
        ciphers: Words::new(&ciphers).unwrap(),
        extensions: Extensions::new(&types).unwrap(),
        groups: Words::new(&groups).unwrap(),
        point_formats: &[],
        signature_algorithms: Words::new(&algorithms).unwrap(),
        ..ClientOffer::default()
    });
}

#[test]
fn ja3_gives_the_values_of_its_authors() {
    let ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4];
    with_offer([&ciphers, &[0, 10, 11], &[23, 24, 25], &[]], |offer| {
        let offer = ClientOffer {
            point_formats: &[0],
            ..offer
        };
        assert_eq!(
            ja3_text(&offer),
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"
        );
        assert_eq!(&*ja3(&offer), "ada70206e40642a3e4461f35503241d5");
    });
    let ciphers = [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99];
    with_offer([&ciphers, &[], &[], &[]], |offer| {
        assert_eq!(ja3_text(&offer), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
        assert_eq!(&*ja3(&offer), "de350869b8c85de67a350c8d186f11e6");
    });
}

#[test]
fn ja3s_names_version_cipher_and_extensions() {
    let types = block(&[65281, 0, 11, 35]);
    let extensions = Extensions::new(&types).unwrap();
    assert_eq!(ja3s_text(771, 49200, extensions), "771,49200,65281-0-11-35");
    assert_eq!(ja3s(771, 49200, extensions).len(), 32);
}

#[test]
fn ja4_gives_the_value_of_its_specification() {
    let ciphers = [
        0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
        0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ];
    let types = [
        0x7a7a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
        0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    let algorithms = [
        0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
    ];
    let versions = bytes(&[0x8a8a, 0x0304, 0x0303]);
    with_offer([&ciphers, &types, &[], &algorithms], |offer| {
        let offer = ClientOffer {
            versions: Words::new(&versions).unwrap(),
            first_alpn: Some(b"h2"),
            ..offer
        };
        assert_eq!(
            ja4_text(Carrier::Tcp, &offer),
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_\
             0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_\
             0403,0804,0401,0503,0805,0501,0806,0601"
        );
        let full = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(&*ja4(Carrier::Tcp, &offer), full);
        assert_eq!(&*ja4(Carrier::Quic, &offer), full.replacen('t', "q", 1));
    });
}

#[test]
fn ja4_of_a_bare_hello_has_zeros_for_what_is_not_there() {
    with_offer([&[], &[], &[], &[]], |offer| {
        let expected = "t10i000000_000000000000_000000000000";
        assert_eq!(&*ja4(Carrier::Tcp, &offer), expected);
    });
    with_offer([&[0x0005], &[0], &[], &[]], |offer| {
        assert!(ja4(Carrier::Tcp, &offer).ends_with("_000000000000"));
        assert!(ja4(Carrier::Tcp, &offer).starts_with("t10d010100_"));
    });
}

#[test]
fn ja4_counts_stop_at_99() {
    let many: Vec<u16> = (1..=300).collect();
    with_offer([&many, &many, &[], &[]], |offer| {
        assert!(ja4(Carrier::Tcp, &offer).starts_with("t10i999900_"));
    });
}

#[test]
fn ja4_takes_the_ends_of_the_first_protocol() {
    let cases: [(&[u8], &str); 7] = [
        (b"h2", "h2"),
        (b"http/1.1", "h1"),
        (b"h", "hh"),
        (b"", "00"),
        (b"\xab", "ab"),
        (b"\x0a\x0a", "0a"),
        (b"a-", "6d"),
    ];
    for (protocol, expected) in cases {
        with_offer([&[], &[], &[], &[]], |offer| {
            let offer = ClientOffer {
                first_alpn: Some(protocol),
                ..offer
            };
            let text = ja4(Carrier::Tcp, &offer);
            assert_eq!(&text[8..10], expected, "{protocol:?}");
        });
    }
}

#[test]
fn ja4_names_every_version_and_takes_the_highest() {
    let cases = [
        (0x0304, "13"),
        (0x0300, "s3"),
        (0x0002, "s2"),
        (0xfefd, "d2"),
        (0x7f17, "00"),
    ];
    for (version, expected) in cases {
        let offer = ClientOffer {
            version,
            ..ClientOffer::default()
        };
        assert_eq!(&ja4(Carrier::Tcp, &offer)[1..3], expected);
    }
    let versions = bytes(&[0xfefc, 0xfefd]);
    let offer = ClientOffer {
        version: 0xfefd,
        versions: Words::new(&versions).unwrap(),
        ..ClientOffer::default()
    };
    assert!(ja4(Carrier::Dtls, &offer).starts_with("dd3"));
}

#[test]
fn grease_has_equal_bytes() {
    let grease: Vec<u16> = (0..=u16::MAX).filter(|value| is_grease(*value)).collect();
    assert_eq!(grease.len(), 16);
    assert!(grease.contains(&0x0a0a) && grease.contains(&0xfafa));
    assert!(!is_grease(0x1a2a));
}

#[test]
fn community_ids_are_those_of_the_specification() {
    let cases = [
        (
            "1.2.3.4",
            1122,
            "5.6.7.8",
            3344,
            6,
            "1:wCb3OG7yAFWelaUydu0D+125CLM=",
        ),
        (
            "5.6.7.8",
            3344,
            "1.2.3.4",
            1122,
            6,
            "1:wCb3OG7yAFWelaUydu0D+125CLM=",
        ),
        (
            "1.2.3.4",
            8,
            "5.6.7.8",
            0,
            1,
            "1:crodRHL2FEsHjbv3UkRrfbs4bZ0=",
        ),
        (
            "1.2.3.4",
            11,
            "5.6.7.8",
            0,
            1,
            "1:f/YiSyWqczrTgfUCZlBUnvHRcPk=",
        ),
        (
            "1.2.3.4",
            7,
            "5.6.7.8",
            9,
            46,
            "1:ikv3kmf89luf73WPz1jOs49S768=",
        ),
        ("1.2.3.4", 1, "::1", 2, 6, ""),
    ];
    for (source, source_port, target, target_port, ip_proto, expected) in cases {
        let endpoint = |addr: &str, port| Endpoint {
            addr: addr.parse().unwrap(),
            port,
        };
        let (originator, responder) =
            (endpoint(source, source_port), endpoint(target, target_port));
        assert_eq!(community_id(0, originator, responder, ip_proto), expected);
    }
}

proptest! {
    #[test]
    fn an_extension_block_is_taken_whole_or_not_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(extensions) = Extensions::new(&bytes) {
            let used: usize = extensions.iter().map(|(_, body)| body.len() + 4).sum();
            prop_assert_eq!(used, bytes.len());
        }
        prop_assert_eq!(Words::new(&bytes).is_some(), bytes.len() % 2 == 0);
    }
}
