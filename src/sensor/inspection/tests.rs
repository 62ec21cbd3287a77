//! Flows that begin as another protocol and turn to TLS.

mod turns;

use super::*;
use crate::limits::Limits;
use crate::net::{Endpoint, Transport, Uid};
use crate::observe::TlsSession;
use crate::time::Timestamp;
use Side::{Originator, Responder};
use bstr::BString;
use proptest::prelude::*;

type Script = Vec<(Side, Vec<u8>)>;

/// A record with a ClientHello for `www.example.org`.
fn hello() -> Vec<u8> {
    let name = b"www.example.org";
    let len = name.len() as u8;
    let sni = [&[0, 0, 0, len + 5, 0, len + 3, 0, 0, len][..], name].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 1, 1, 0, 0, sni.len() as u8],
        &sni,
    ]
    .concat();
    let len = body.len() as u8;
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len][..], &body].concat()
}

fn flow(transport: Transport, port: u16) -> FlowId {
    let endpoint = |last, port| Endpoint {
        addr: [192, 0, 2, last].into(),
        port,
    };
    FlowId {
        uid: Uid::from_words(1, 2),
        first_at: Timestamp::MIN,
        originator: endpoint(1, 50_000),
        responder: endpoint(2, port),
        transport,
    }
}

/// The TLS sessions, and the services, of a flow with this payload.
fn inspect(transport: Transport, port: u16, script: &Script) -> (Vec<TlsSession>, Vec<Box<str>>) {
    let limits = Limits::DEFAULT;
    let context = Context {
        at: Timestamp::MIN,
        limits: &limits,
    };
    let (mut memo, mut found) = (Memo::default(), Vec::new());
    let mut inspection = Inspection::of(&flow(transport, port));
    for (side, bytes) in script {
        let side = *side;
        if transport == Transport::Udp {
            inspection.handle_datagram(context, &mut memo, side, bytes, true, &mut found);
        } else {
            let event = StreamEvent::Data { side, bytes };
            inspection.handle_stream(context, &mut memo, event, &mut found);
        }
        let saved = postcard::to_stdvec(&inspection).unwrap();
        inspection = postcard::from_bytes(&saved).unwrap();
    }
    inspection.finish(context, &mut found);
    let sessions = found.into_iter().filter_map(|found| match found {
        Found::Tls(session) => Some(*session),
        _ => None,
    });
    (sessions.collect(), inspection.services)
}

fn client(bytes: &[u8]) -> (Side, Vec<u8>) {
    (Originator, bytes.to_vec())
}

fn server(bytes: &[u8]) -> (Side, Vec<u8>) {
    (Responder, bytes.to_vec())
}

/// What precedes TLS in every protocol that turns to it.
fn beginnings() -> Vec<(&'static str, u16, Script)> {
    let mysql_greeting = [&[74, 0, 0, 0, 10][..], b"8.0.36\0", &[1; 66]].concat();
    let mysql_request = [&[32, 0, 0, 1][..], &[0x85, 0xae, 0xff, 0x19], &[0; 28]].concat();
    vec![
        (
            "SMTP",
            25,
            vec![
                server(b"220 mail.example ESMTP\r\n"),
                client(b"EHLO a.example\r\n"),
                server(b"250-mail.example\r\n250-STARTTLS\r\n250 HELP\r\n"),
                client(b"STARTTLS\r\n"),
                server(b"220 go ahead\r\n"),
            ],
        ),
        (
            "IMAP",
            143,
            vec![
                server(b"* OK ready\r\n"),
                client(b"a1 STARTTLS\r\n"),
                server(b"a1 OK begin\r\n"),
            ],
        ),
        (
            "POP3",
            110,
            vec![
                server(b"+OK ready\r\n"),
                client(b"STLS\r\n"),
                server(b"+OK begin\r\n"),
            ],
        ),
        (
            "FTP",
            21,
            vec![
                server(b"220 ready\r\n"),
                client(b"AUTH TLS\r\n"),
                server(b"234 proceed\r\n"),
            ],
        ),
        (
            "XMPP",
            5222,
            vec![
                client(b"<?xml version='1.0'?><stream:stream to='a.example'>"),
                server(b"<?xml version='1.0'?><stream:features><starttls/>"),
                client(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                server(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            ],
        ),
        (
            "LDAP",
            389,
            vec![
                client(b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037"),
                server(b"0\x0c\x02\x01\x01x\x07\n\x01\0\x04\0\x04\0"),
            ],
        ),
        (
            "PostgreSQL",
            5432,
            vec![client(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]), server(b"S")],
        ),
        (
            "MySQL",
            3306,
            vec![server(&mysql_greeting), client(&mysql_request)],
        ),
        (
            "RDP",
            3389,
            vec![
                client(&[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0]),
                server(&[
                    3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0,
                ]),
            ],
        ),
        (
            "NNTP",
            119,
            vec![
                server(b"200 ready\r\n"),
                client(b"STARTTLS\r\n"),
                server(b"382 go on\r\n"),
            ],
        ),
        (
            "Sieve",
            4190,
            vec![
                server(b"\"STARTTLS\"\r\nOK\r\n"),
                client(b"STARTTLS\r\n"),
                server(b"OK\r\n"),
            ],
        ),
        (
            "SOCKS 5",
            1080,
            vec![
                client(&[5, 1, 0]),
                server(&[5, 0]),
                client(&[5, 1, 0, 1, 192, 0, 2, 9, 1, 0xbb]),
                server(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
            ],
        ),
    ]
}

fn check(name: &str, port: u16, script: &Script) {
    let (sessions, services) = inspect(Transport::Tcp, port, script);
    assert_eq!(sessions.len(), 1, "{name}");
    let server_name = sessions[0].server_name.as_ref();
    assert_eq!(
        server_name,
        Some(&BString::from("www.example.org")),
        "{name}"
    );
    assert!(services.iter().any(|service| **service == *"ssl"), "{name}");
}

#[test]
fn protocols_that_turn_to_tls_are_followed_there_on_any_port() {
    for (name, port, mut script) in beginnings() {
        script.push(client(&hello()));
        check(name, port, &script);
        check(name, 40_000, &script);
    }
}

#[test]
fn the_hello_may_come_in_pieces_and_the_last_words_before_it_be_missing() {
    for (name, port, mut script) in beginnings() {
        script.pop();
        script.push(client(&hello()[..20]));
        script.push(client(&hello()[20..]));
        check(name, port, &script);
    }
}

#[test]
fn a_hello_behind_mysqls_request_is_found_in_the_same_segment() {
    let (name, port, mut script) = beginnings().remove(7);
    let request = script.pop().unwrap().1;
    script.push(client(&[request, hello()].concat()));
    check(name, port, &script);
}

#[test]
fn a_flow_that_never_turns_is_let_go() {
    let script: Script = (0..40).map(|_| client(b"NOOP\r\n")).collect();
    let mut late = script.clone();
    late.push(client(&hello()));
    assert_eq!(inspect(Transport::Tcp, 25, &late).0.len(), 0);
}

#[test]
fn datagrams_are_recognised_after_a_dozen_of_stun() {
    let hello = hello();
    let body = [&[0xfe, 0xfd][..], &hello[11..44], &[0], &hello[44..]].concat();
    let len = body.len() as u8;
    let fragment = [&[1, 0, 0, len, 0, 0, 0, 0, 0, 0, 0, len][..], &body].concat();
    let header = [&[22, 0xfe, 0xfd][..], &[0; 8], &[0, len + 12]].concat();
    let mut script: Script = (0..12)
        .map(|_| client(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]))
        .collect();
    script.push(client(&[header, fragment].concat()));
    let (sessions, services) = inspect(Transport::Udp, 3478, &script);
    assert_eq!(sessions[0].server_name, Some("www.example.org".into()));
    assert_eq!(services, [Box::from("dtls")]);
}

proptest! {
    #[test]
    fn no_payload_makes_it_panic(
        script in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..12),
        udp in any::<bool>(),
        port in prop::sample::select(&[53u16, 80, 443, 1194, 5353][..]),
    ) {
        let side = |responder| if responder { Responder } else { Originator };
        let script: Script = script.into_iter().map(|(r, bytes)| (side(r), bytes)).collect();
        let transport = if udp { Transport::Udp } else { Transport::Tcp };
        inspect(transport, port, &script);
    }
}
