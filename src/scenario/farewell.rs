//! From the way a flow is to end to the segments that end it.
//!
//! The signatures are those measured over loopback with an OpenSSL 3.0 server and real clients
//! (`tests/vectors/tls_close_matrix.json`).

use super::script::{Close, Protocol, Turn};
use super::segments::Message;
use super::talk::Talk;
use super::wire::{Made, flag};
use crate::net::Side::{Originator, Responder};
use crate::time::Span;

/// A client's patience, `curl --max-time 5`.
const PATIENCE: Span = Span::from_secs(5);
/// What a client reads that stops in the middle, and what its system takes after the head was read.
const HALF_BYTES: u64 = 96_000;
const BUFFER_BYTES: u32 = 96_000;

impl Talk {
    pub(super) fn close(&mut self, out: &mut Vec<Made>) {
        let turns = &self.script.turns;
        let last = turns.last().copied();
        if let Some(turn) = last.filter(|_| self.script.close.takes_last_turn()) {
            return self.close_within(&turn, out);
        }
        match self.script.close {
            Close::Notify => {
                self.notify(Originator, out);
                self.bare(Originator, flag::FIN | flag::ACK, out);
                self.travel();
                self.bare(Responder, flag::FIN | flag::ACK, out);
                self.pass(40_000);
                self.bare(Originator, flag::ACK, out);
            }
            Close::Unwrap => {
                self.notify(Originator, out);
                self.travel();
                self.bare(Responder, flag::FIN | flag::ACK, out);
                self.pass(60_000);
                self.bare(Originator, flag::FIN | flag::ACK, out);
                self.travel();
                self.bare(Responder, flag::ACK, out);
            }
            Close::ServerFirst => {
                self.notify(Responder, out);
                self.bare(Responder, flag::FIN | flag::ACK, out);
                self.pass(60_000);
                self.bare(Originator, flag::FIN | flag::ACK, out);
                self.travel();
                self.bare(Responder, flag::ACK, out);
            }
            Close::IdleReset => {
                self.now = self.now + Span::from_secs(20);
                self.bare(Originator, flag::RST | flag::ACK, out);
            }
            Close::Abandoned => {
                self.bare(Originator, flag::FIN | flag::ACK, out);
                self.travel();
                self.bare(Responder, flag::FIN | flag::ACK, out);
                self.pass(40_000);
                self.bare(Originator, flag::ACK, out);
            }
            Close::StaysOpen => {}
            _ => self.close_read(out),
        }
    }

    /// FIN without close_notify; the server's close_notify finds nobody.
    fn close_read(&mut self, out: &mut Vec<Made>) {
        self.bare(Originator, flag::FIN | flag::ACK, out);
        self.travel();
        let tls = matches!(self.script.protocol, Protocol::Tls(_));
        self.notify(Responder, out);
        self.bare(Responder, flag::FIN | flag::ACK, out);
        self.pass(40_000);
        let answer = if tls { flag::RST } else { flag::ACK };
        self.bare(Originator, answer, out);
    }

    /// The endings that cut the last turn short.
    fn close_within(&mut self, turn: &Turn, out: &mut Vec<Made>) {
        if self.script.close == Close::TicketsOnly {
            // Waits until the tickets are there.
            self.travel();
            self.greet_after(out);
            self.pass(500_000);
        }
        self.say(Originator, turn.ask, None, out);
        self.pass(200_000);
        match self.script.close {
            Close::TicketsOnly => self.bare(Originator, flag::RST | flag::ACK, out),
            Close::BeforeReply | Close::FireAndExit | Close::HalfClose => {
                self.bare(Originator, flag::FIN | flag::ACK, out);
                self.reply_to_nobody(turn, out);
            }
            Close::MaxTime => {
                self.travel();
                self.greet_after(out);
                self.acknowledge(Responder, out);
                self.now = self.now + PATIENCE;
                self.notify(Originator, out);
                self.bare(Originator, flag::FIN | flag::ACK, out);
                self.reply_to_nobody(turn, out);
            }
            close => self.close_unread(close, turn, out),
        }
    }

    /// The reply comes after the originator's FIN.
    fn reply_to_nobody(&mut self, turn: &Turn, out: &mut Vec<Made>) {
        let half = self.script.close == Close::HalfClose;
        self.travel();
        self.bare(Responder, flag::ACK, out);
        // A program that is gone answers the first segment that comes.
        let tickets = self.after_greeting.take();
        if let Some((_, _, flight)) = tickets.filter(|_| half) {
            self.pass(20_000);
            self.send(Responder, Message::Whole(flight), None, out);
        }
        self.pass(turn.think.as_nanos().max(200_000));
        self.say(Responder, turn.answer, (!half).then_some(1400), out);
        self.pass(40_000);
        if half {
            self.acknowledge(Originator, out);
            self.notify(Responder, out);
            self.bare(Responder, flag::FIN | flag::ACK, out);
            self.pass(40_000);
            self.bare(Originator, flag::ACK, out);
        } else {
            self.bare(Originator, flag::RST, out);
        }
    }

    /// The reply is there, or some of it, and nobody reads.
    fn close_unread(&mut self, close: Close, turn: &Turn, out: &mut Vec<Made>) {
        self.travel();
        self.greet_after(out);
        self.pass(turn.think.as_nanos().max(200_000));
        let until = match close {
            Close::Held => Some(self.stop_reading(0)),
            Close::HeadOnly => Some(self.stop_reading(BUFFER_BYTES)),
            Close::Destroyed => Some(HALF_BYTES),
            _ => None,
        };
        self.say(Responder, turn.answer, until, out);
        self.pass(40_000);
        match close {
            Close::Held => {
                self.bare(Originator, flag::ACK, out);
                for wait_ms in [200, 400, 800] {
                    self.now = self.now + Span::from_millis(wait_ms);
                    self.probe(out);
                    self.bare(Originator, flag::ACK, out);
                }
                self.now = self.now + Span::from_secs(2);
            }
            Close::HeadOnly => {
                self.bare(Originator, flag::ACK, out);
                self.now = self.now + Span::from_millis(30);
            }
            Close::Destroyed => self.pass(300_000),
            _ => {
                self.acknowledge(Originator, out);
                self.now = self.now + Span::from_millis(40);
            }
        }
        self.bare(Originator, flag::RST | flag::ACK, out);
    }

    fn travel(&mut self) {
        self.now = self.now + self.rtt();
    }

    /// A close_notify, where TLS is spoken.
    fn notify(&mut self, side: crate::net::Side, out: &mut Vec<Made>) {
        let Protocol::Tls(terms) = self.script.protocol else {
            return;
        };
        let alert = self.alert(terms);
        self.send(side, Message::Whole(alert), None, out);
        self.pass(10_000);
    }
}
