//! Flows that turn to another protocol by HTTP or SOCKS, or away from TLS.

use super::super::*;
use crate::limits::Limits;
use crate::net::{Endpoint, Transport, Uid};
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr};

const O: Side = Side::Originator;
const R: Side = Side::Responder;

/// A ClientHello without extensions: record, handshake header, version, random, one suite.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0, 2, 0xc0, 0x2f, 1, 0]);
    hello
}

/// A WebSocket frame, masked as a client's is where `mask` is not 0.
fn frame(opcode: u8, mask: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u8;
    assert!(len < 126);
    let mut frame = vec![0x80 | opcode, len | if mask > 0 { 0x80 } else { 0 }];
    if mask > 0 {
        frame.extend_from_slice(&[mask, mask + 1, mask + 2, mask + 3]);
    }
    let byte = |(at, byte): (usize, &u8)| byte ^ if mask > 0 { mask + (at % 4) as u8 } else { 0 };
    frame.extend(payload.iter().enumerate().map(byte));
    frame
}

/// What is told of a flow with these pieces: `method uri status depth` of a transaction, `tls` of a
/// session, the name of a weird; then the services.
fn told(pieces: &[(Side, Vec<u8>)], size: usize, save: bool) -> Vec<String> {
    let endpoint = |port| Endpoint {
        addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port,
    };
    let mut inspection = Inspection::of(&FlowId {
        uid: Uid::from_words(1, 2),
        first_at: Timestamp::from_parts(1, 0),
        originator: endpoint(40_000),
        responder: endpoint(8080),
        transport: Transport::Tcp,
    });
    let context = Context {
        at: Timestamp::from_parts(1, 0),
        limits: &Limits::DEFAULT,
    };
    let (mut memo, mut found) = (Memo::default(), Vec::new());
    for (side, bytes) in pieces {
        for bytes in bytes.chunks(size) {
            let event = StreamEvent::Data { side: *side, bytes };
            inspection.handle_stream(context, &mut memo, event, &mut found);
            if save {
                let saved = postcard::to_stdvec(&inspection).unwrap();
                inspection = postcard::from_bytes(&saved).unwrap();
            }
        }
    }
    inspection.finish(context, &mut found);
    let line = |found: &Found| match found {
        Found::Http(one) => {
            let text = |text: &Option<bstr::BString>| text.as_ref().map(|text| text.to_string());
            let method = text(&one.method).unwrap_or("-".into());
            let uri = text(&one.uri).unwrap_or("-".into());
            format!(
                "{method} {uri} {} {}",
                one.status_code.unwrap_or(0),
                one.trans_depth
            )
        }
        Found::Tls(_) => "tls".into(),
        Found::Weird(weird, _) => weird.name().into(),
        other => format!("{other:?}"),
    };
    let mut told: Vec<String> = found.iter().map(line).collect();
    told.push(inspection.services.join(","));
    told
}

fn text(side: Side, text: &str) -> (Side, Vec<u8>) {
    (side, text.as_bytes().to_vec())
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn connect() -> Vec<(Side, Vec<u8>)> {
    vec![
        text(O, "CONNECT h:443 HTTP/1.1\r\n\r\n"),
        text(R, "HTTP/1.1 200 OK\r\n\r\n"),
    ]
}

#[test]
fn tls_behind_connect_is_read() {
    let mut pieces = connect();
    pieces.push((O, client_hello()));
    for size in [1, usize::MAX] {
        let told = told(&pieces, size, true);
        assert_eq!(
            told,
            ["CONNECT h:443 200 1", "tls", "http,ssl"],
            "in pieces of {size}"
        );
    }
}

#[test]
fn http_behind_connect_is_read_and_numbered_on() {
    let mut pieces = connect();
    pieces.extend([text(O, "GET /a HTTP/1.1\r\n\r\n"), text(R, OK)]);
    for size in [1, 2, usize::MAX] {
        let told = told(&pieces, size, true);
        assert_eq!(
            told,
            ["CONNECT h:443 200 1", "GET /a 200 2", "http"],
            "in pieces of {size}"
        );
    }
}

#[test]
fn what_the_server_says_behind_the_answer_to_connect_is_not_lost() {
    let pieces = [
        text(O, "CONNECT h:80 HTTP/1.1\r\n\r\n"),
        text(R, &format!("HTTP/1.1 200 OK\r\n\r\n{OK}")),
    ];
    let told = told(&pieces, usize::MAX, false);
    assert_eq!(told, ["CONNECT h:80 200 1", "- - 200 2", "http"]);
}

#[test]
fn http_behind_socks_is_read() {
    let pieces = [
        (O, vec![5, 1, 0]),
        (R, vec![5, 0]),
        (O, vec![5, 1, 0, 1, 192, 0, 2, 1, 0, 80]),
        (R, vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        text(O, "GET /a HTTP/1.1\r\n\r\n"),
        text(R, OK),
    ];
    assert_eq!(
        told(&pieces, usize::MAX, true),
        ["Tunnel(Socks)", "GET /a 200 1", "socks,http"]
    );
}

#[test]
fn an_answer_of_http_to_a_hello_is_read() {
    let pieces = [
        (O, client_hello()),
        text(R, "HTTP/1.1 400 Bad Request\r\n\r\n"),
    ];
    let told = told(&pieces, usize::MAX, true);
    assert!(told.contains(&"- - 400 1".into()), "{told:?}");
}

#[test]
fn tls_behind_what_is_no_http_is_read() {
    let pieces = [
        text(R, "220 mail.example ESMTP\r\n"),
        text(O, "EHLO x\r\n"),
        text(R, "250 STARTTLS\r\n"),
        text(O, "STARTTLS\r\n"),
        text(R, "220 go\r\n"),
        (O, client_hello()),
    ];
    assert_eq!(told(&pieces, usize::MAX, true), ["tls", "ssl"]);
}

#[test]
fn what_a_websocket_carries_is_read() {
    let (request, answer) = OK.split_at(9);
    let pieces = [
        text(O, "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        text(R, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"),
        (O, frame(9, 3, b"ping")),
        (O, frame(2, 7, b"GET /inner HTT")),
        (O, frame(0, 9, b"P/1.1\r\n\r\n")),
        (R, frame(2, 0, request.as_bytes())),
        (R, frame(2, 0, answer.as_bytes())),
    ];
    for size in [1, 5, usize::MAX] {
        let told = told(&pieces, size, true);
        let expected = ["GET /ws 101 1", "GET /inner 200 2", "http,websocket"];
        assert_eq!(told, expected, "in pieces of {size}");
    }
}

#[test]
fn http2_is_read_from_its_preface_and_behind_an_upgrade() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // `:method: GET`, `:path: /`, and `:status: 200`, all of the static table.
    let request = (
        O,
        [&[0, 0, 2, 1, 5, 0, 0, 0, 3][..], &[0x82, 0x84]].concat(),
    );
    let response = (R, [&[0, 0, 1, 1, 5, 0, 0, 0, 3][..], &[0x88]].concat());
    let settings = (R, vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]);
    let prior = [
        (O, preface.clone()),
        settings.clone(),
        request.clone(),
        response.clone(),
    ];
    let upgraded = [
        text(O, "GET /up HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
        text(R, "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"),
        settings,
        (O, preface),
        request,
        response,
    ];
    for size in [1, usize::MAX] {
        assert_eq!(told(&prior, size, true), ["GET / 200 1", "http"], "{size}");
        let told = told(&upgraded, size, true);
        assert_eq!(told, ["GET /up 101 1", "GET / 200 2", "http"], "{size}");
    }
}

#[test]
fn a_flow_that_turns_again_and_again_is_left() {
    let answers = "HTTP/1.1 101 Switching\r\n\r\n".repeat(5000);
    let told = told(
        &[text(O, "GET / HTTP/1.1\r\n\r\n"), text(R, &answers)],
        usize::MAX,
        false,
    );
    assert_eq!(told.len(), usize::from(TURNS_MAX) + 2);
}
