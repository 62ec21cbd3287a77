mod certificates;
mod handshakes;
mod hellos;
mod streams;

use super::*;
use crate::limits::Limits;
use crate::observe::{Certificate, TlsSession};
use crate::time::Timestamp;
use Side::{Originator, Responder};

pub const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// `body` behind its length in `width` bytes.
pub fn vector(width: usize, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u64).to_be_bytes();
    [&len[8 - width..], body].concat()
}

pub fn words(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vector(2, body)].concat()
}

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

pub fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, body)].concat()
}

pub fn server_name(name: &[u8]) -> Vec<u8> {
    extension(0, &vector(2, &[&[0][..], &vector(2, name)].concat()))
}

pub fn alpn(names: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = names
        .iter()
        .flat_map(|name| vector(1, name.as_bytes()))
        .collect();
    extension(16, &vector(2, &list))
}

/// The body of a ClientHello.
pub fn client_hello(session_id: &[u8], ciphers: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    [
        &[3, 3][..],
        &[7; 32],
        &vector(1, session_id),
        &vector(2, &words(ciphers)),
        &[1, 0],
        &vector(2, &extensions.concat()),
    ]
    .concat()
}

/// The body of a ServerHello.
pub fn server_hello(
    random: [u8; 32],
    session_id: &[u8],
    cipher: u16,
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    [
        &[3, 3][..],
        &random,
        &vector(1, session_id),
        &cipher.to_be_bytes(),
        &[0],
        &vector(2, &extensions.concat()),
    ]
    .concat()
}

pub fn usual_client_hello() -> Vec<u8> {
    let extensions = [
        extension(0x1a1a, &[]),
        server_name(b"www.example.org"),
        extension(10, &vector(2, &words(&[0x2a2a, 29, 23]))),
        extension(11, &[1, 0]),
        extension(13, &vector(2, &words(&[0x0403, 0x0804]))),
        alpn(&["h2", "http/1.1"]),
        extension(35, &[]),
    ];
    client_hello(&[], &[0x3a3a, 0xc02f, 0x1301], &extensions)
}

pub fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    record(22, &message(kind, body))
}

/// A flow as pieces of both sides.
pub type Script = Vec<(Side, Vec<u8>)>;

/// A full TLS 1.2 handshake with certificate, and data both ways.
pub fn tls12_script() -> Script {
    let named_curve = [3, 0, 29, 4, 1, 2, 3, 4];
    let flight = [
        handshake(2, &server_hello([9; 32], &[], 0xc02f, &[alpn(&["h2"])])),
        handshake(11, &certificates::list(&[certificates::leaf()])),
        record(22, &[message(12, &named_curve), message(14, &[])].concat()),
    ];
    let finish = [
        handshake(16, &[1; 33]),
        record(20, &[1]),
        record(22, &[0xee; 40]),
    ];
    let answer = [
        handshake(4, &[0; 20]),
        record(20, &[1]),
        record(22, &[0xee; 40]),
    ];
    vec![
        (Originator, handshake(1, &usual_client_hello())),
        (Responder, flight.concat()),
        (Originator, finish.concat()),
        (Responder, answer.concat()),
        (Originator, record(23, &[0xdd; 500])),
    ]
}

/// What an inspector made of a flow.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub sessions: Vec<TlsSession>,
    pub certificates: Vec<Certificate>,
    pub weirds: Vec<Weird>,
    /// `c`, `s`, `w` in the order found.
    pub order: String,
    pub verdict: Option<Verdict>,
}

impl Outcome {
    pub fn session(&self) -> &TlsSession {
        assert_eq!(self.sessions.len(), 1, "{self:?}");
        &self.sessions[0]
    }
}

/// Feeds events, with the inspector saved and restored between any two, and finishes.
pub fn inspect_with(limits: &Limits, events: &[StreamEvent<'_>]) -> Outcome {
    let mut inspector = TlsInspector::default();
    let mut found = Vec::new();
    let mut outcome = Outcome::default();
    for (index, event) in events.iter().enumerate() {
        let at = Timestamp::from_nanos(index as i64);
        let context = Context { at, limits };
        let verdict = inspector.handle_stream(context, *event, &mut found);
        let saved = postcard::to_stdvec(&inspector).unwrap();
        let restored: TlsInspector = postcard::from_bytes(&saved).unwrap();
        assert_eq!(restored, inspector);
        inspector = restored;
        outcome.verdict = Some(verdict);
        if verdict != Verdict::More {
            break;
        }
    }
    let at = Timestamp::from_nanos(events.len() as i64);
    inspector.finish(Context { at, limits }, &mut found);
    for item in found {
        outcome.order.push(match item {
            Found::Tls(session) => {
                outcome.sessions.push(*session);
                's'
            }
            Found::Certificate(certificate) => {
                outcome.certificates.push(*certificate);
                'c'
            }
            Found::Weird(weird, _) => {
                outcome.weirds.push(weird);
                'w'
            }
            _ => panic!("TLS found another protocol"),
        });
    }
    outcome
}

pub fn inspect(script: &Script) -> Outcome {
    let events: Vec<_> = script
        .iter()
        .filter(|(_, bytes)| !bytes.is_empty())
        .map(|(side, bytes)| StreamEvent::Data { side: *side, bytes })
        .collect();
    inspect_with(&Limits::DEFAULT, &events)
}
