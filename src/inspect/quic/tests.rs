//! The vectors of RFC 9001 and RFC 9369, and sessions made with the keys they prove.

use super::protection::InitialKeys;
use super::*;
use crate::inspect::pieces::{HELD_MAX, PIECES_MAX, Pieces};
use crate::limits::Limits;
use crate::observe::TlsSession;
use crate::time::Timestamp;
use Side::{Originator, Responder};
use proptest::prelude::*;
use ring::aead::{self, quic};

/// The destination that the client of both RFCs' appendices chose.
const DCID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
const SCID: [u8; 8] = [0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5];

/// RFC 9001, A.2: the CRYPTO frame of the client's Initial packet.
const CLIENT_CRYPTO: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868\
    04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100\
    000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9\
    caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306\
    030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ff\
    ff0801100104800075300901100f088394c8f03e51570806048000ffff";

/// RFC 9001, A.3: the frames of the server's.
const SERVER_FRAMES: &str = "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739\
    88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca68\
    4d1081287c834d5311bcf32bb9da1a002b00020304";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn client_hello() -> Vec<u8> {
    bytes(CLIENT_CRYPTO)[4..].to_vec()
}

fn server_hello() -> Vec<u8> {
    bytes(SERVER_FRAMES)[9..].to_vec()
}

/// Protects `frames` behind a header that ends with its packet number.
fn seal(keys: &InitialKeys, header: &[u8], frames: &[u8]) -> Vec<u8> {
    let number_len = usize::from(header[0] & 3) + 1;
    let number_at = header.len() - number_len;
    let mut nonce = keys.iv;
    for (byte, number) in nonce.iter_mut().rev().zip(header[number_at..].iter().rev()) {
        *byte ^= number;
    }
    let key = aead::UnboundKey::new(&aead::AES_128_GCM, &keys.key).unwrap();
    let mut sealed = frames.to_vec();
    aead::LessSafeKey::new(key)
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(header),
            &mut sealed,
        )
        .unwrap();
    let mut packet = [header, &sealed].concat();
    let mask = quic::HeaderProtectionKey::new(&quic::AES_128, &keys.mask).unwrap();
    let mask = mask.new_mask(&packet[number_at + 4..][..16]).unwrap();
    packet[0] ^= mask[0] & 0x0f;
    for (byte, mask) in packet[number_at..header.len()].iter_mut().zip(&mask[1..]) {
        *byte ^= mask;
    }
    packet
}

/// An Initial packet of version 1 that holds `frames`.
fn initial(side: Side, dcid: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
    let keys = InitialKeys::derive(1, dcid, side).unwrap();
    let (to, from): (&[u8], &[u8]) = match side {
        Originator => (dcid, &[]),
        Responder => (&[], &SCID),
    };
    let mut frames = frames.to_vec();
    frames.resize(frames.len().max(20), 0);
    let len = (frames.len() + 17) as u16 | 0x4000;
    let mut header = vec![0xc0, 0, 0, 0, 1, to.len() as u8];
    header.extend_from_slice(to);
    header.push(from.len() as u8);
    header.extend_from_slice(from);
    header.push(0);
    header.extend_from_slice(&len.to_be_bytes());
    header.push(number);
    seal(&keys, &header, &frames)
}

fn crypto_frame(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let varint = |number: usize| (number as u16 | 0x4000).to_be_bytes();
    [&[6][..], &varint(offset), &varint(bytes.len()), bytes].concat()
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    quic: Vec<QuicSession>,
    tls: Vec<TlsSession>,
    weirds: Vec<Weird>,
}

/// Inspects `script`, saving and restoring the inspector between any two datagrams.
fn inspect(script: &[(Side, Vec<u8>)]) -> (Told, QuicInspector) {
    let limits = Limits::DEFAULT;
    let context = Context {
        at: Timestamp::from_nanos(7),
        limits: &limits,
    };
    let (mut found, mut inspector) = (Vec::new(), QuicInspector::default());
    for (side, datagram) in script {
        inspector.handle_datagram(context, *side, datagram, true, &mut found);
        let saved = postcard::to_allocvec(&inspector).unwrap();
        inspector = postcard::from_bytes(&saved).unwrap();
    }
    inspector.finish(context, &mut found);
    let mut told = Told::default();
    for item in found {
        match item {
            Found::Quic(session) => told.quic.push(*session),
            Found::Tls(session) => told.tls.push(*session),
            Found::Weird(weird, _) => told.weirds.push(weird),
            other => panic!("not QUIC: {other:?}"),
        }
    }
    (told, inspector)
}

fn tell(script: &[(Side, Vec<u8>)]) -> Told {
    inspect(script).0
}

fn histories(told: &Told) -> Vec<&str> {
    told.quic.iter().map(|session| &*session.history).collect()
}

/// The packets of the appendices, for either version.
fn appendix(version: u32, client_header: &str, server_header: &str) -> [Vec<u8>; 2] {
    let mut frames = bytes(CLIENT_CRYPTO);
    frames.resize(1162, 0);
    let keys = |side| InitialKeys::derive(version, &DCID, side).unwrap();
    [
        seal(&keys(Originator), &bytes(client_header), &frames),
        seal(
            &keys(Responder),
            &bytes(server_header),
            &bytes(SERVER_FRAMES),
        ),
    ]
}

fn check_appendix(packets: [Vec<u8>; 2], name: &str) {
    let [client, server] = packets;
    let (told, inspector) = inspect(&[(Originator, client), (Responder, server)]);
    let [quic] = &told.quic[..] else {
        panic!("{told:?}")
    };
    assert_eq!(version_name(quic.version), name);
    assert_eq!(
        quic.client_initial_dcid.as_deref(),
        Some("8394c8f03e515708")
    );
    assert_eq!(quic.client_scid.as_deref(), Some(""));
    assert_eq!(quic.server_scid.as_deref(), Some("f067a5502a4262b5"));
    assert_eq!(quic.server_name.as_ref().unwrap(), "example.com");
    assert_eq!(quic.client_protocol.as_ref().unwrap(), "alpn");
    assert_eq!(&*quic.history, "ISis");
    let [tls] = &told.tls[..] else {
        panic!("{told:?}")
    };
    assert_eq!((tls.version, tls.cipher), (Some(0x0304), Some(0x1301)));
    assert_eq!(tls.curve, Some(29));
    assert_eq!(&*tls.history, "Cs");
    assert!(tls.ja4.as_ref().unwrap().starts_with("q13d0211an_"));
    assert!(inspector.is_confirmed() && inspector.is_greeted());
    assert_eq!(inspector.handshake, None);
}

#[test]
fn the_packets_of_rfc_9001_are_opened() {
    let client = "c300000001088394c8f03e5157080000449e00000002";
    let server = "c1000000010008f067a5502a4262b50040750001";
    let packets = appendix(1, client, server);
    assert_eq!(packets[0].len(), 1200);
    assert!(packets[0].starts_with(&bytes(
        "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11\
         d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399"
    )));
    assert!(packets[0].ends_with(&bytes("e221af44860018ab0856972e194cd934")));
    let expected = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a\
        5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df354\
        8e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d\
        20398c276456cbc42158407dd074ee";
    assert_eq!(packets[1], bytes(expected));
    check_appendix(packets, "1");
}

#[test]
fn the_packets_of_rfc_9369_are_opened() {
    let client = "d36b3343cf088394c8f03e5157080000449e00000002";
    let server = "d16b3343cf0008f067a5502a4262b50040750001";
    let packets = appendix(version::V2, client, server);
    assert!(packets[0].starts_with(&bytes(
        "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"
    )));
    assert!(packets[0].ends_with(&bytes("a18b2faa745b6fe189cf772a9f84cbfc")));
    let expected = "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698\
        baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17f9af6e16886c61bfc703106f\
        baf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a\
        3e2c43edd9ce7ca84bed8521e2e140";
    assert_eq!(packets[1], bytes(expected));
    check_appendix(packets, "quicv2");
}

#[test]
fn a_hello_may_come_in_pieces_out_of_order_and_twice() {
    let hello = client_hello();
    let piece = |from: usize, to: usize| crypto_frame(from, &hello[from..to]);
    let pad = vec![0; 30];
    let one = [
        piece(200, 241),
        vec![1],
        piece(90, 120),
        pad.clone(),
        piece(90, 160),
    ]
    .concat();
    let two = [piece(0, 40), piece(20, 100), piece(150, 210)].concat();
    let told = tell(&[
        (Originator, initial(Originator, &DCID, 1, &one)),
        (Originator, initial(Originator, &DCID, 1, &one)),
        (Originator, initial(Originator, &DCID, 0, &two)),
        (
            Responder,
            initial(Responder, &DCID, 0, &crypto_frame(0, &server_hello())),
        ),
    ]);
    assert_eq!(histories(&told), ["IIISis"]);
    let whole = tell(&[(
        Originator,
        initial(Originator, &DCID, 0, &crypto_frame(0, &hello)),
    )]);
    assert_eq!(told.tls[0].ja4, whole.tls[0].ja4);
    assert_eq!(&*whole.tls[0].history, "C");
    assert_eq!(told.weirds, []);
}

#[test]
fn packets_share_datagrams_and_padding_after_them_is_discarded() {
    let hello = crypto_frame(0, &client_hello());
    let zero_rtt = [&[0xd0, 0, 0, 0, 1, 8][..], &DCID, &[0, 2, 9, 9]].concat();
    let handshake = [&[0xe0, 0, 0, 0, 1, 0, 8][..], &SCID, &[2, 9, 9]].concat();
    let first = [initial(Originator, &DCID, 0, &hello), zero_rtt, vec![0; 40]].concat();
    let answer = initial(Responder, &DCID, 0, &crypto_frame(0, &server_hello()));
    let mut script = vec![
        (Originator, first),
        (Responder, [answer, handshake, vec![0x40; 9]].concat()),
    ];
    script.extend((0..5).map(|_| (Originator, vec![0x41; 20])));
    assert_eq!(histories(&tell(&script)), ["ISZXishoOOO"]);
}

#[test]
fn a_retry_begins_a_session_with_other_keys() {
    let hello = crypto_frame(0, &client_hello());
    let retry = [&[0xf0, 0, 0, 0, 1, 0, 8][..], &SCID, &[7; 20]].concat();
    let told = tell(&[
        (Originator, initial(Originator, &DCID, 0, &hello)),
        (Responder, retry),
        (Originator, initial(Originator, &SCID, 1, &hello)),
        (
            Responder,
            initial(Responder, &SCID, 0, &crypto_frame(0, &server_hello())),
        ),
    ]);
    assert_eq!(histories(&told), ["ISr", "ISis"]);
    let id = told.quic[1].client_initial_dcid.as_deref();
    assert_eq!(id, Some("f067a5502a4262b5"));
    assert_eq!(told.tls.len(), 1);
    assert_eq!(&*told.tls[0].history, "Cs");
}

#[test]
fn a_close_ends_a_session() {
    let told = tell(&[
        (
            Originator,
            initial(Originator, &DCID, 0, &crypto_frame(0, &client_hello())),
        ),
        (
            Responder,
            initial(Responder, &DCID, 0, &[0x1c, 0x41, 0x78, 0, 0]),
        ),
    ]);
    assert_eq!(histories(&told), ["ISic"]);
    assert_eq!(told.tls.len(), 1);
}

#[test]
fn what_follows_a_sides_hello_is_not_opened() {
    let told = tell(&[
        (
            Originator,
            initial(Originator, &DCID, 0, &crypto_frame(0, &client_hello())),
        ),
        (
            Originator,
            initial(Originator, &DCID, 1, &[0x1c, 0x41, 0x78, 0, 0]),
        ),
        (Responder, initial(Responder, &DCID, 0, &[2, 0, 0, 0, 0])),
    ]);
    assert_eq!(histories(&told), ["ISIi"]);
}

#[test]
fn a_second_hello_that_the_server_asked_for_is_read() {
    let hello = client_hello();
    let mut retry = server_hello();
    // RFC 8446, section 4.1.3.
    let random = ring::digest::digest(&ring::digest::SHA256, b"HelloRetryRequest");
    retry[6..38].copy_from_slice(random.as_ref());
    let told = tell(&[
        (
            Originator,
            initial(Originator, &DCID, 0, &crypto_frame(0, &hello)),
        ),
        (
            Responder,
            initial(Responder, &DCID, 0, &crypto_frame(0, &retry)),
        ),
        (
            Originator,
            initial(Originator, &DCID, 1, &crypto_frame(hello.len(), &hello)),
        ),
        (
            Responder,
            initial(
                Responder,
                &DCID,
                1,
                &crypto_frame(retry.len(), &server_hello()),
            ),
        ),
    ]);
    assert_eq!(histories(&told), ["ISisISis"]);
    assert_eq!(&*told.tls[0].history, "CjCs");
}

#[test]
fn an_unfamiliar_version_is_named_and_a_negotiated_one_is_read() {
    let grease = [
        &[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 4][..],
        &[5; 4],
        &[0],
        &[0; 30],
    ]
    .concat();
    let negotiation = [&[0x80, 0, 0, 0, 0, 0, 4][..], &[5; 4], &[0, 0, 0, 1]].concat();
    let told = tell(&[
        (Originator, grease.clone()),
        (Responder, negotiation),
        (
            Originator,
            initial(Originator, &DCID, 0, &crypto_frame(0, &client_hello())),
        ),
    ]);
    assert_eq!(histories(&told), ["U", "IS"]);
    assert_eq!(version_name(told.quic[0].version), "unknown-1a2a3a4a");
    assert!(opens(&grease, false) && !opens(&grease, true));
}

#[test]
fn googles_own_hello_is_read_from_protected_packets() {
    let version = u32::from_be_bytes(*b"Q050");
    let keys = InitialKeys::derive(version, &DCID, Originator).unwrap();
    let value = b"www.example.org";
    let tags = [
        &b"CHLO\x01\0\0\0SNI\0"[..],
        &[value.len() as u8, 0, 0, 0],
        value,
    ]
    .concat();
    let mut frames = [&[8, 0, tags.len() as u8][..], &tags].concat();
    frames.resize(1000, 0);
    let header = [&[0xc0][..], b"Q050\x08", &DCID, &[0, 0, 0x43, 0xf9, 1]].concat();
    let told = tell(&[(Originator, seal(&keys, &header, &frames))]);
    assert_eq!(told.quic[0].server_name, Some("www.example.org".into()));
    assert_eq!(histories(&told), ["IS"]);
    assert!(told.tls.is_empty() && told.weirds.is_empty());
}

#[test]
fn a_flow_that_begins_with_the_server_is_turned_round() {
    let script = [
        (
            Originator,
            initial(Responder, &DCID, 0, &crypto_frame(0, &server_hello())),
        ),
        (
            Responder,
            initial(Originator, &DCID, 0, &crypto_frame(0, &client_hello())),
        ),
        (
            Originator,
            initial(Responder, &DCID, 1, &crypto_frame(0, &server_hello())),
        ),
    ];
    let told = tell(&script);
    assert_eq!(histories(&told), ["ISis"]);
    assert_eq!(told.quic[0].server_name, Some("example.com".into()));
    let dcid = told.quic[0].client_initial_dcid.as_deref();
    assert_eq!(dcid, Some("8394c8f03e515708"));
    assert_eq!((told.tls.len(), told.tls[0].cipher), (1, Some(0x1301)));
}

#[test]
fn a_first_packet_that_was_missed_does_not_hide_the_hello() {
    let zero_rtt = [&[0xd0, 0, 0, 0, 1, 4][..], &[1; 4], &[0, 2, 9, 9]].concat();
    let told = tell(&[
        (Originator, zero_rtt),
        (
            Originator,
            initial(Originator, &DCID, 0, &crypto_frame(0, &client_hello())),
        ),
    ]);
    assert_eq!(histories(&told), ["ZIS"]);
}

#[test]
fn what_is_no_hello_ends_the_reading() {
    let frame = crypto_frame(0, &[1, 0, 0, 2, 9, 9]);
    let (told, inspector) = inspect(&[(Originator, initial(Originator, &DCID, 0, &frame))]);
    assert_eq!(told.weirds, [Weird::TlsMalformed]);
    assert_eq!(told.tls, []);
    assert!(!inspector.is_greeted());
}

#[test]
fn versions_have_zeeks_names() {
    for (version, name) in [
        (1, "1"),
        (0x6b33_43cf, "quicv2"),
        (0xff00_001d, "draft-29"),
        (0xface_b002, "mvfst (faceb002)"),
        (0x5130_3436, "Q046"),
        (0x5430_3531, "T051"),
        (0x5130_3a36, "unknown-51303a36"),
    ] {
        assert_eq!(version_name(version), name);
    }
}

#[test]
fn a_stream_holds_no_more_than_its_bound() {
    let mut stream = Pieces::default();
    for n in 1..2000u64 {
        stream.insert(n * 100, &[7; 90]);
    }
    let saved = postcard::to_allocvec(&stream).unwrap().len();
    assert!(saved < PIECES_MAX * 100, "{saved}");
    stream.insert(u64::MAX - 1, &[7; 9]);
    let mut stream = Pieces::default();
    for n in 0..2000u64 {
        stream.insert(n * 100, &[0xff; 100]);
    }
    assert!(postcard::to_allocvec(&stream).unwrap().len() < HELD_MAX + 32);
    assert_eq!(next_message(&mut stream, 1 << 20), Err(()));
}

fn side(responder: bool) -> Side {
    if responder { Responder } else { Originator }
}

proptest! {
    #[test]
    fn no_datagrams_make_it_panic(
        datagrams in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80), any::<bool>()), 0..20,
        ),
    ) {
        let script: Vec<_> = datagrams
            .into_iter()
            .map(|(responder, bytes, long)| {
                let prefix: &[u8] = if long { &[0xc1, 0, 0, 0, 1] } else { &[] };
                (side(responder), [prefix, &bytes].concat())
            })
            .collect();
        tell(&script);
    }

    #[test]
    fn no_frames_make_it_panic(
        frames in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60), 0..2000usize), 0..12,
        ),
    ) {
        let script: Vec<_> = frames
            .into_iter()
            .enumerate()
            .map(|(n, (responder, bytes, offset))| {
                let frames = if n % 2 == 0 { crypto_frame(offset, &bytes) } else { bytes };
                let side = side(responder);
                (side, initial(side, &DCID, n as u8, &frames))
            })
            .collect();
        tell(&script);
    }

    #[test]
    fn a_hello_is_read_however_it_is_cut(
        mut cuts in proptest::collection::vec(1..240usize, 0..12),
        shuffle in any::<u64>(),
    ) {
        let hello = client_hello();
        cuts.extend([0, hello.len()]);
        cuts.sort_unstable();
        let mut pieces: Vec<_> = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pieces.sort_by_key(|(from, _)| (*from as u64 + 1).wrapping_mul(shuffle | 1));
        let script: Vec<_> = pieces
            .iter()
            .map(|(from, to)| {
                let frame = crypto_frame(*from, &hello[*from..*to]);
                (Originator, initial(Originator, &DCID, 0, &frame))
            })
            .collect();
        let told = tell(&script);
        prop_assert!(told.quic[0].history.contains('S'));
        prop_assert_eq!(told.quic[0].server_name.as_ref().unwrap(), "example.com");
    }
}
