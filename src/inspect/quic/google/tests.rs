use super::*;
use crate::limits::Limits;
use crate::time::Timestamp;
use Side::{Originator, Responder};
use proptest::prelude::*;

/// A hello with these tags.
fn hello(tags: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"CHLO".to_vec();
    bytes.extend((tags.len() as u32).to_le_bytes());
    let mut end = 0u32;
    for (tag, value) in tags {
        end += value.len() as u32;
        bytes.extend(*tag);
        bytes.extend(end.to_le_bytes());
    }
    tags.iter().for_each(|(_, value)| bytes.extend(*value));
    bytes
}

fn usual_hello() -> Vec<u8> {
    hello(&[
        (b"PAD\0", &[b'-'; 900]),
        (b"SNI\0", b"www.example.org"),
        (b"VER\0", b"Q039"),
        (b"UAID", b"canary Chrome/60"),
    ])
}

/// A client's packet of `version` that holds a piece of the hello's stream.
fn packet(version: &[u8; 4], offset: u16, bytes: &[u8]) -> Vec<u8> {
    let big_endian = version >= b"Q039";
    let number = |number: usize| match big_endian {
        true => (number as u16).to_be_bytes(),
        false => (number as u16).to_le_bytes(),
    };
    let header = match version >= b"Q044" {
        true => [&[0xc3][..], version, &[0x50], &[8; 8], &[0, 0, 0, 1]].concat(),
        false => [&[0x09][..], &[8; 8], version, &[1]].concat(),
    };
    let private: &[u8] = if version < b"Q034" { &[0] } else { &[] };
    let offset = match offset {
        0 => [vec![0xa0, 1], Vec::new()].concat(),
        more => [&[0xa4, 1][..], &number(more.into())].concat(),
    };
    let len = number(bytes.len());
    [&header, &[7; 12][..], private, &offset, &len, bytes].concat()
}

fn inspect(script: &[(Side, Vec<u8>)]) -> Vec<QuicSession> {
    let limits = Limits::DEFAULT;
    let context = Context {
        at: Timestamp::from_nanos(7),
        limits: &limits,
    };
    let (mut found, mut inspector) = (Vec::new(), GoogleQuicInspector::default());
    for (side, datagram) in script {
        inspector.handle_datagram(context, *side, datagram, true, &mut found);
        let saved = postcard::to_allocvec(&inspector).unwrap();
        inspector = postcard::from_bytes(&saved).unwrap();
    }
    inspector.finish(context, &mut found);
    let sessions = found.into_iter().map(|found| match found {
        Found::Quic(session) => *session,
        other => panic!("not QUIC: {other:?}"),
    });
    sessions.collect()
}

#[test]
fn every_versions_hello_is_read() {
    for version in [
        b"Q024", b"Q033", b"Q034", b"Q039", b"Q043", b"Q044", b"Q046",
    ] {
        for offset in [0, 1024] {
            let packet = packet(version, offset, &usual_hello());
            assert!(opens(&packet));
            let sessions = inspect(&[(Originator, packet)]);
            let [session] = &sessions[..] else {
                panic!("{sessions:?}");
            };
            assert_eq!(session.version, u32::from_be_bytes(*version));
            assert_eq!(session.server_name, Some("www.example.org".into()));
            assert_eq!(session.user_agent, Some("canary Chrome/60".into()));
            assert_eq!(&*session.history, "IS");
            let id = session.client_initial_dcid.as_deref();
            assert_eq!(id, Some("0808080808080808"));
        }
    }
}

#[test]
fn a_hello_of_two_packets_is_joined() {
    let whole = usual_hello();
    let (first, second) = whole.split_at(600);
    let script = [
        (Originator, packet(b"Q043", 0, first)),
        (Responder, packet(b"Q043", 0, b"REJ")),
        (Originator, packet(b"Q043", 600, second)),
    ];
    let sessions = inspect(&script);
    assert_eq!(sessions[0].server_name, Some("www.example.org".into()));
}

#[test]
fn what_is_no_hello_is_told_without_a_name() {
    for bytes in [&b"CHLO\xff\xff\0\0"[..], b"SHLO", &usual_hello()[..700]] {
        let sessions = inspect(&[(Originator, packet(b"Q043", 0, bytes))]);
        assert_eq!(
            (sessions.len(), sessions[0].server_name.as_ref()),
            (1, None)
        );
    }
    // Ends that go backwards.
    let mut odd = hello(&[(b"SNI\0", b"a.example"), (b"UAID", b"")]);
    odd[20] = 1;
    assert_eq!(Hello::parse(&odd), None);
}

#[test]
fn other_datagrams_do_not_open() {
    let without_version = [&[0x08][..], &[8; 8], b"Q043", &[1; 40]].concat();
    let reset = [&[0x0b][..], &[8; 8], b"Q043", &[1; 40]].concat();
    let tls = [&[0xc3][..], b"Q050", &[0x50], &[8; 40]].concat();
    for datagram in [without_version, reset, tls, b"\x09".to_vec(), Vec::new()] {
        assert!(!opens(&datagram), "{datagram:?}");
    }
}

proptest! {
    #[test]
    fn no_datagrams_make_it_panic(
        script in prop::collection::vec(
            (any::<bool>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..99)), 0..20),
        version in prop::sample::select(&[b"Q024", b"Q038", b"Q043", b"Q046"][..]),
    ) {
        let mut datagrams = Vec::new();
        for (plain, offset, bytes) in script {
            opens(&bytes);
            let _ = Hello::parse(&bytes);
            let chlo = [b"CHLO", &bytes[..]].concat();
            datagrams.push((Originator, match plain {
                true => bytes,
                false => packet(version, offset, &chlo),
            }));
        }
        inspect(&datagrams);
    }
}
