use super::*;
use crate::fingerprint::{Carrier, is_grease, ja3, ja3_text, ja4};
use crate::observe::EchOffer;
use proptest::prelude::*;
use tls_parser::{TlsExtension, TlsMessageHandshake};

pub fn any_client_hello() -> impl Strategy<Value = Vec<u8>> {
    let list = || proptest::collection::vec(any::<u16>(), 1..20);
    let other = (100u16.., proptest::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(kind, body)| extension(kind, &body));
    (
        proptest::collection::vec(any::<u8>(), 0..=32),
        list(),
        list(),
        list(),
        proptest::collection::vec(any::<u8>(), 1..4),
        "[a-z]{1,20}",
        proptest::collection::vec(other, 0..5),
        any::<[bool; 5]>(),
    )
        .prop_map(
            |(id, ciphers, groups, algorithms, points, name, others, has)| {
                let mut extensions = Vec::new();
                let usual = [
                    server_name(name.as_bytes()),
                    extension(10, &vector(2, &words(&groups))),
                    extension(11, &vector(1, &points)),
                    extension(13, &vector(2, &words(&algorithms))),
                    alpn(&[&name, "http/1.1"]),
                ];
                for (extension, wanted) in usual.into_iter().zip(has) {
                    extensions.extend(wanted.then_some(extension));
                }
                extensions.extend(others);
                client_hello(&id, &ciphers, &extensions)
            },
        )
}

#[test]
fn a_hello_is_read_in_full() {
    let body = usual_client_hello();
    let hello = ClientHello::parse(Carrier::Tcp, &body).unwrap();
    assert_eq!(hello.server_name, Some(&b"www.example.org"[..]));
    assert_eq!(hello.alpn().collect::<Vec<_>>(), [&b"h2"[..], b"http/1.1"]);
    assert_eq!(
        ja3_text(&hello.offer),
        "771,49199-4865,0-10-11-13-16-35,29-23,0"
    );
    assert!(!hello.ticket);
    let traits = hello.traits();
    assert!(traits.grease);
    assert_eq!((traits.ciphers, traits.extensions), (2, 6));
}

#[test]
fn traits_name_what_browsers_send() {
    let extensions = [17613, 27, 0xfe0d].map(|kind| extension(kind, &[]));
    let body = client_hello(&[], &[5], &extensions);
    let traits = ClientHello::parse(Carrier::Tcp, &body).unwrap().traits();
    assert!(traits.ech && traits.compress_certificate && traits.application_settings);
    assert!(!traits.grease);
}

#[test]
fn an_encrypted_server_name_is_told_with_its_configuration() {
    let offer = |kind, body: &[u8]| {
        let body = client_hello(&[], &[5], &[extension(kind, body)]);
        ClientHello::parse(Carrier::Tcp, &body).unwrap().ech
    };
    let outer = [&[0, 0, 1, 0, 1, 77][..], &vector(2, &[1]), &vector(2, &[2])].concat();
    assert_eq!(offer(0xfe0d, &outer), Some(EchOffer::Ech { config_id: 77 }));
    assert_eq!(offer(0xfe0d, &[1]), None);
    assert_eq!(offer(0xfe0d, &[0, 0]), None);
    assert_eq!(offer(0xffce, &[]), Some(EchOffer::Esni));
    assert_eq!(offer(0xff01, &[0]), None);
    let session = inspect(&vec![(
        Originator,
        handshake(1, &client_hello(&[], &[5], &[extension(0xfe0d, &outer)])),
    )]);
    assert_eq!(session.session().ech, Some(EchOffer::Ech { config_id: 77 }));
}

#[test]
fn a_hello_without_extensions_is_whole() {
    let body = client_hello(&[], &[5], &[]);
    let bare = &body[..body.len() - 2];
    let hello = ClientHello::parse(Carrier::Tcp, bare).unwrap();
    assert_eq!(ja3_text(&hello.offer), "771,5,,,");
}

#[test]
fn a_datagram_hello_has_a_cookie() {
    let mut body = client_hello(&[], &[5], &[]);
    body.splice(35..35, [2, 0xaa, 0xbb]);
    assert!(ClientHello::parse(Carrier::Dtls, &body).is_some());
    assert_eq!(ClientHello::parse(Carrier::Tcp, &body), None);
}

#[test]
fn the_first_host_name_counts_and_a_cut_list_says_nothing() {
    let lists: [(&[u8], Option<&[u8]>); 4] = [
        (&[0, 4, 0, 0, 1, b'a'], Some(b"a")),
        (&[0, 8, 9, 0, 1, b'x', 0, 0, 1, b'a'], Some(b"a")),
        (&[0, 9, 0, 0, 1, b'a'], None),
        (&[], None),
    ];
    for (list, expected) in lists {
        let body = client_hello(&[], &[5], &[extension(0, list)]);
        let hello = ClientHello::parse(Carrier::Tcp, &body).unwrap();
        // The second list has one byte more than it says.
        if list.len() != 10 {
            assert_eq!(hello.server_name, expected, "{list:?}");
        }
    }
}

#[test]
fn a_server_hello_with_a_broken_extension_is_none() {
    let whole = server_hello([0; 32], &[], 0x1301, &[extension(43, &[3, 4])]);
    assert!(ServerHello::parse(&whole).is_some());
    let mut broken = whole.clone();
    let at = broken.len() - 3;
    broken[at] = 9;
    assert_eq!(ServerHello::parse(&broken), None);
}

#[test]
fn server_hellos_of_datagrams_and_drafts_are_read() {
    let mut datagram = server_hello(RETRY, &[1, 2], 0xc02f, &[]);
    datagram[..2].copy_from_slice(&[0xfe, 0xfd]);
    let hello = ServerHello::parse(&datagram).unwrap();
    assert_eq!((hello.version, hello.cipher), (0xfefd, 0xc02f));
    assert!(hello.retry && hello.session_id == [1, 2]);
    let draft = [&[0x7f, 0x12][..], &[9; 32], &[0x13, 1], &[0, 0]].concat();
    let hello = ServerHello::parse(&draft).unwrap();
    assert_eq!((hello.version, hello.cipher), (0x7f12, 0x1301));
    // SSLv3 knows no extensions, but some servers send them.
    let mut old = server_hello([9; 32], &[], 5, &[extension(65281, &[0])]);
    old[1] = 0;
    assert_eq!(
        ServerHello::parse(&old).unwrap().extensions.types().count(),
        1
    );
}

#[test]
fn a_session_may_be_carried_by_quic() {
    let limits = Limits::DEFAULT;
    let context = Context {
        at: Timestamp::MIN,
        limits: &limits,
    };
    let mut session = Session::new(Carrier::Quic);
    let mut found = Vec::new();
    let hello = usual_client_hello();
    session
        .handle_message(
            context,
            Originator,
            1,
            &hello,
            &mut Output {
                memo: &mut Memo::default(),
                found: &mut found,
            },
        )
        .unwrap();
    session.tell(&mut found);
    let [Found::Tls(session)] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(session.ja4.as_ref().unwrap().starts_with("q12d0206h2_"));
}

#[test]
fn names_are_zeeks() {
    let versions = [
        (0x0002, "SSLv2"),
        (0x0300, "SSLv3"),
        (0x0304, "TLSv13"),
        (0xfefd, "DTLSv12"),
        (0x7f17, "TLSv13-draft23"),
        (0x0505, "unknown-1285"),
    ];
    for (version, name) in versions {
        assert_eq!(version_name(version), name);
    }
    let ciphers = [
        (0x1301, "TLS_AES_128_GCM_SHA256"),
        (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (0x0034, "TLS_DH_ANON_WITH_AES_128_CBC_SHA"),
        (0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
        (0x0a0a, "grease_0x0A0A"),
        (0xeeee, "unknown-61166"),
    ];
    for (cipher, name) in ciphers {
        assert_eq!(cipher_name(cipher), name);
    }
    let groups = [
        (1, "sect163k1"),
        (23, "secp256r1"),
        (29, "x25519"),
        (41, "curveSM2"),
        (42, "unknown-42"),
        (0, "unknown-0"),
        (4588, "X25519MLKEM768"),
    ];
    for (group, name) in groups {
        assert_eq!(curve_name(group), name);
    }
    assert_eq!(alert_name(40), "handshake_failure");
    assert_eq!(alert_name(200), "unknown-200");
}

proptest! {
    #[test]
    fn a_memo_gives_every_hello_its_own_fingerprints(
        bodies in prop::collection::vec(any_client_hello(), 1..8),
    ) {
        let mut memo = Memo::default();
        for body in bodies.iter().chain(&bodies) {
            let offer = ClientHello::parse(Carrier::Tcp, body).unwrap().offer;
            for carrier in [Carrier::Tcp, Carrier::Dtls] {
                let known = memo.fingerprints(carrier, &offer);
                prop_assert_eq!(known.ja3, ja3(&offer));
                prop_assert_eq!(known.ja4, ja4(carrier, &offer));
            }
        }
    }

    #[test]
    fn tls_parser_reads_the_same_hello(body in any_client_hello()) {
        let hello = ClientHello::parse(Carrier::Tcp, &body).expect("it is whole");
        let (rest, oracle) = tls_parser::parse_tls_handshake_msg_client_hello(&body).unwrap();
        prop_assert!(rest.is_empty());
        let TlsMessageHandshake::ClientHello(oracle) = oracle else { panic!("another message") };
        prop_assert_eq!(hello.offer.version, oracle.version.0);
        prop_assert_eq!(hello.session_id, oracle.session_id.unwrap_or_default());
        let ciphers: Vec<u16> = oracle.ciphers.iter().map(|cipher| cipher.0).collect();
        prop_assert_eq!(hello.offer.ciphers.iter().collect::<Vec<_>>(), ciphers);
        // A malformed extension ends the oracle's list; those up to there must agree.
        let (_, extensions) =
            tls_parser::parse_tls_client_hello_extensions(oracle.ext.unwrap_or_default()).unwrap();
        for (ours, theirs) in hello.offer.extensions.types().zip(&extensions) {
            match theirs {
                TlsExtension::Grease(..) => prop_assert_eq!(ours & 0x0f0f, 0x0a0a),
                TlsExtension::EllipticCurves(groups) => {
                    let groups: Vec<u16> = groups.iter().map(|group| group.0).collect();
                    prop_assert_eq!(hello.offer.groups.iter().collect::<Vec<_>>(), groups);
                }
                TlsExtension::EcPointFormats(formats) => {
                    prop_assert_eq!(hello.offer.point_formats, *formats);
                }
                TlsExtension::SignatureAlgorithms(list) => {
                    let ours: Vec<u16> = hello.offer.signature_algorithms.iter().collect();
                    prop_assert_eq!(&ours, list);
                }
                TlsExtension::SNI(names) => {
                    prop_assert_eq!(hello.server_name, names.first().map(|(_, name)| *name));
                }
                TlsExtension::ALPN(names) => {
                    prop_assert_eq!(&hello.alpn().collect::<Vec<_>>(), names);
                }
                TlsExtension::Unknown(kind, _) => prop_assert_eq!(ours, kind.0),
                _ => {}
            }
        }
        let meant = hello.offer.ciphers.iter().filter(|c| !is_grease(*c)).count();
        prop_assert_eq!(usize::from(hello.traits().ciphers), meant);
    }

    #[test]
    fn a_hello_that_is_cut_or_extended_is_none(body in any_client_hello(), at: prop::sample::Index) {
        let cut = at.index(body.len());
        let bare = body.len() - 2 - usize::from(u16::from_be_bytes({
            let (_, oracle) = tls_parser::parse_tls_handshake_client_hello(&body).unwrap();
            (oracle.ext.unwrap_or_default().len() as u16).to_be_bytes()
        }));
        // Cut right before the extensions it is a whole hello without any.
        prop_assert!(cut == bare || ClientHello::parse(Carrier::Tcp, &body[..cut]).is_none());
        let longer = [&body[..], &[0]].concat();
        prop_assert_eq!(ClientHello::parse(Carrier::Tcp, &longer), None);
    }

    #[test]
    fn no_bytes_break_the_hello_readers(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for carrier in [Carrier::Tcp, Carrier::Quic, Carrier::Dtls] {
            let _ = ClientHello::parse(carrier, &bytes);
        }
        let _ = ServerHello::parse(&bytes);
        let _ = server::certificate_chain(&bytes);
        let _ = server::key_exchange_group(0xc02f, &bytes);
        let _ = server::key_exchange_group(0xc033, &bytes);
    }
}
