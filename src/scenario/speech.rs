//! From the sizes of a script to what TLS or HTTP make of them.
//!
//! Handshakes are whole and in the order of RFC 8446 and RFC 5246; what is sealed is random bytes.

use super::certificate;
use super::hello::{self, Alpn, Terms};
use super::script::Protocol;
use super::segments::{LONG, Message, RECORD};
use super::talk::Talk;
use super::wire::Made;
use crate::net::Side;
use crate::time::Timestamp;
use std::fmt::Write as _;

const APPLICATION: u8 = 23;
/// Bytes that sealing adds: TLS 1.3, and TLS 1.2 with AES-GCM.
const OVERHEAD_13: u16 = 17;
const OVERHEAD_12: u16 = 24;
/// HTTP/2's preface, SETTINGS and WINDOW_UPDATE in one record; SETTINGS; its acknowledgement (RFC
/// 9113).
const H2_PREFACE: u64 = 24 + 9 + 18 + 13;
const H2_SETTINGS: u64 = 9 + 18;
const H2_SETTINGS_ACK: u64 = 9;

impl Talk {
    fn overhead(&self, terms: Terms) -> u16 {
        if terms.tls13 {
            OVERHEAD_13
        } else {
            OVERHEAD_12
        }
    }

    fn record(&mut self, out: &mut Vec<u8>, kind: u8, len: usize) {
        out.extend([kind, 3, 3]);
        out.extend((len as u16).to_be_bytes());
        let start = out.len();
        out.resize(start + len, 0);
        self.random.fill(&mut out[start..]);
    }

    /// Records of so many bytes sealed.
    fn sealed(&mut self, out: &mut Vec<u8>, terms: Terms, bytes: u64) {
        let overhead = self.overhead(terms);
        let mut left = bytes;
        while left > 0 {
            let part = left.min(RECORD);
            left -= part;
            self.record(out, APPLICATION, part as usize + usize::from(overhead));
        }
    }

    /// Application bytes of `side` as its stream has them.
    pub(super) fn message(&mut self, side: Side, bytes: u64) -> Message {
        match self.script.protocol.clone() {
            Protocol::Tls(terms) => self.message_tls(terms, side, bytes),
            Protocol::Http { agent, path } => self.message_http(side, agent, path, bytes),
        }
    }

    fn message_tls(&mut self, terms: Terms, side: Side, bytes: u64) -> Message {
        let overhead = self.overhead(terms);
        if bytes > LONG {
            let records = bytes.div_ceil(RECORD);
            return Message::Long {
                head: Vec::new(),
                bytes: bytes + records * (u64::from(overhead) + 5),
                sealed: Some(overhead),
            };
        }
        let mut out = Vec::new();
        let first = !self.spoke[side.index()] && side == Side::Originator;
        if first && terms.alpn == Alpn::H2 && !terms.tls13 {
            self.sealed(&mut out, terms, H2_PREFACE);
        }
        let mut left = bytes;
        while left > self.script.record_bytes {
            self.sealed(&mut out, terms, self.script.record_bytes);
            left -= self.script.record_bytes;
        }
        self.sealed(&mut out, terms, left);
        Message::Whole(out)
    }

    fn message_http(
        &mut self,
        side: Side,
        agent: &'static str,
        path: &'static str,
        bytes: u64,
    ) -> Message {
        let mut head = String::new();
        let host = &self.script.server.name;
        match side {
            Side::Originator if bytes > 600 => {
                let _ = write!(
                    head,
                    "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\
                     Content-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\r\n"
                );
            }
            Side::Originator => {
                let _ = write!(
                    head,
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\
                     Accept: */*\r\n\r\n"
                );
                return Message::Whole(head.into_bytes());
            }
            Side::Responder if bytes <= 64 => {
                head.push_str("HTTP/1.1 204 No Content\r\nServer: nginx\r\n\r\n");
                return Message::Whole(head.into_bytes());
            }
            Side::Responder => {
                let _ = write!(
                    head,
                    "HTTP/1.1 200 OK\r\nServer: nginx\r\n\
                     Content-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\r\n"
                );
            }
        }
        let mut head = head.into_bytes();
        if bytes > LONG {
            return Message::Long {
                bytes: head.len() as u64 + bytes,
                head,
                sealed: None,
            };
        }
        head.extend(self.random.opaque(bytes as usize));
        Message::Whole(head)
    }

    /// The TLS handshake, up to the originator's Finished.
    pub(super) fn greet_tls(&mut self, terms: Terms, out: &mut Vec<Made>) {
        use Side::{Originator, Responder};
        let name = self.script.server.name.clone();
        let hello = hello::client_hello(terms, Some(&name), &mut self.random);
        self.send(Originator, Message::Whole(hello), None, out);
        let offered = terms.stack.offer().ciphers;
        let cipher = match terms.tls13 {
            true if offered.first() == Some(&0x1302) => 0x1302,
            true => 0x1301,
            false => 0xc030,
        };
        self.now = self.now + self.rtt();
        self.pass(1_200_000);
        let mut flight = hello::server_hello(terms, cipher, &mut self.random);
        let finished = if cipher == 0x1302 { 69 } else { 53 };
        let mut answer = Vec::new();
        match (terms.tls13, terms.resumed) {
            (true, resumed) => {
                self.flight_13(&mut flight, terms, resumed, finished);
                self.record(&mut answer, 20, 1);
                self.record(&mut answer, APPLICATION, finished);
            }
            (false, false) => {
                self.flight_12(&mut flight, &name);
                answer.extend(hello::message(16, &self.key_exchange()));
                self.change_cipher(&mut answer);
            }
            (false, true) => {
                self.change_cipher(&mut flight);
                self.change_cipher(&mut answer);
            }
        }
        self.send(Responder, Message::Whole(flight), None, out);
        self.pass(700_000);
        let finished_at = self.now;
        if terms.tls13 && terms.alpn == Alpn::H2 {
            self.sealed(&mut answer, terms, H2_PREFACE);
        }
        self.send(Originator, Message::Whole(answer), None, out);
        self.spoke = [terms.tls13, false];
        self.after_greeting(terms, finished_at, out);
    }

    fn flight_13(&mut self, flight: &mut Vec<u8>, terms: Terms, resumed: bool, finished: usize) {
        flight.extend([20, 3, 3, 0, 1, 1]);
        let extensions = match terms.alpn {
            Alpn::H2 => 32,
            Alpn::Http11 => 38,
            Alpn::None => 23,
        };
        self.record(flight, APPLICATION, extensions);
        if !resumed {
            let chain = self.random.between(1900, 3600) as usize;
            self.record(flight, APPLICATION, chain);
            self.record(flight, APPLICATION, 281);
        }
        self.record(flight, APPLICATION, finished);
    }

    fn flight_12(&mut self, flight: &mut Vec<u8>, name: &str) {
        let issuer = self.script.server.issuer;
        // One key and one certificate for each server, whoever asks.
        let mut own = super::random::Random::of(0, name);
        let der = certificate::der(name, issuer, self.now, &mut own);
        flight.extend(hello::message(11, &hello::certificates(&der)));
        let mut exchange = vec![3, 0, 29, 32];
        exchange.extend(self.random.opaque(32));
        exchange.extend([8, 4, 1, 0]);
        exchange.extend(self.random.opaque(256));
        flight.extend(hello::message(12, &exchange));
        flight.extend(hello::message(14, &[]));
    }

    /// A close_notify.
    pub(super) fn alert(&mut self, terms: Terms) -> Vec<u8> {
        let mut out = Vec::new();
        match terms.tls13 {
            true => self.record(&mut out, APPLICATION, 19),
            false => self.record(&mut out, 21, 26),
        }
        out
    }

    fn key_exchange(&mut self) -> Vec<u8> {
        let mut body = vec![32];
        body.extend(self.random.opaque(32));
        body
    }

    /// ChangeCipherSpec and a sealed Finished, as TLS 1.2 has them.
    fn change_cipher(&mut self, out: &mut Vec<u8>) {
        out.extend([20, 3, 3, 0, 1, 1]);
        self.record(out, hello::HANDSHAKE, 40);
    }

    /// What the server says after the originator's Finished: in TLS 1.3 with the next thing that it
    /// says, at the earliest a round trip later; in TLS 1.2 at once, because the originator waits.
    fn after_greeting(&mut self, terms: Terms, finished_at: Timestamp, out: &mut Vec<Made>) {
        let mut flight = Vec::new();
        if terms.tls13 {
            let ticket = if terms.stack.offer().ciphers.first() == Some(&0x1302) {
                266
            } else {
                250
            };
            if !terms.resumed {
                self.record(&mut flight, APPLICATION, ticket);
                self.record(&mut flight, APPLICATION, ticket);
            }
            if terms.alpn == Alpn::H2 {
                self.sealed(&mut flight, terms, H2_SETTINGS);
                self.sealed(&mut flight, terms, H2_SETTINGS_ACK);
            }
            if !flight.is_empty() {
                let due = finished_at + self.rtt();
                self.after_greeting = Some((due, self.sent(), flight));
            }
            self.pass(300_000);
            return;
        }
        if !terms.resumed {
            let with_ticket = terms.stack.offer().extensions.contains(&35);
            if with_ticket {
                let mut body = vec![0, 0, 28, 32, 0, 176];
                body.extend(self.random.opaque(176));
                flight.extend(hello::message(4, &body));
            }
            self.change_cipher(&mut flight);
            self.now = self.now + self.rtt();
            self.send(Side::Responder, Message::Whole(flight), None, out);
        }
        self.pass(300_000);
    }

    /// Before the originator's next segment: the server's word, if it has arrived by now.
    pub(super) fn greet_after_if_due(&mut self, out: &mut Vec<Made>) {
        if self
            .after_greeting
            .as_ref()
            .is_some_and(|(due, ..)| *due <= self.now)
        {
            self.greet_after(out);
        }
    }

    /// The server's word after the handshake, if it was not said yet.
    pub(super) fn greet_after(&mut self, out: &mut Vec<Made>) {
        if let Some((due, ack, flight)) = self.after_greeting.take() {
            let now = std::mem::replace(&mut self.now, due);
            self.send_acknowledging(Side::Responder, ack, &flight, out);
            self.now = now.max(due);
            self.pass(30_000);
        }
    }
}
