//! From a flow's script to its frames, as a tap beside the originator sees them.
//!
//! Turn by turn: what is not said yet is not in memory. The responder's frames arrive one round
//! trip after what they answer. Nothing is lost and nothing repeated here.

use super::random::Random;
use super::script::{Close, Protocol, Script, Turn};
use super::system::System;
use super::wire::{End, Made, flag};
use crate::net::Side;
use crate::time::{Span, Timestamp};

/// The receive buffer of a program that sets itself a small one.
const SMALL_WINDOW: u16 = 8192;
/// The server's SYN: as of Linux, with timestamps only where they were offered.
const ANSWER_BARE: &[u8] = &[2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Greet,
    Turn(usize),
    Close,
    Over,
}

/// A flow under way.
#[derive(Debug)]
pub struct Talk {
    pub(super) script: Script,
    pub(super) ends: [End; 2],
    pub(super) system: System,
    pub(super) seq: [u32; 2],
    /// Segments that the other side has not acknowledged.
    pub(super) waiting: [u32; 2],
    pub(super) stamps: [u32; 2],
    pub(super) window: [u16; 2],
    /// Up to where the server may send while the originator reads nothing.
    pub(super) edge: Option<u32>,
    pub(super) now: Timestamp,
    stage: Stage,
    /// What the server says of its own accord after the handshake: when, acknowledging what.
    pub(super) after_greeting: Option<(Timestamp, u32, Vec<u8>)>,
    pub(super) spoke: [bool; 2],
    pub(super) random: Random,
}

impl Talk {
    /// A flow of `script` from `originator` at `at`.
    pub fn new(
        script: Script,
        ends: [End; 2],
        system: System,
        at: Timestamp,
        mut random: Random,
    ) -> Talk {
        let seq = [random.word() as u32, random.word() as u32];
        let stamps = [random.word() as u32, random.word() as u32];
        let window = match script.close {
            // A program that sets itself a small buffer.
            Close::Held => SMALL_WINDOW >> system.scale(),
            _ => 502 << (7 - system.scale().min(7)),
        };
        Talk {
            script,
            ends,
            system,
            seq,
            waiting: [0; 2],
            stamps,
            window: [window, 501],
            edge: None,
            now: at,
            stage: Stage::Open,
            after_greeting: None,
            spoke: [false; 2],
            random,
        }
    }

    /// Says what comes next; gives when to go on.
    pub fn advance(&mut self, out: &mut Vec<Made>) -> Option<Timestamp> {
        match self.stage {
            Stage::Open => {
                self.open(out);
                self.stage = match self.script.close {
                    Close::Abandoned => Stage::Close,
                    _ => Stage::Greet,
                };
            }
            Stage::Greet => {
                self.greet(out);
                self.await_word(out);
                self.stage = self.next_stage(0);
            }
            Stage::Turn(index) => {
                if let Some(turn) = self.script.turns.get(index).copied() {
                    self.turn(&turn, out);
                }
                self.stage = self.next_stage(index + 1);
            }
            Stage::Close => {
                self.close(out);
                self.stage = Stage::Over;
            }
            Stage::Over => {}
        }
        (self.stage != Stage::Over).then_some(self.now)
    }

    /// Where the originator has nothing to say for longer than the server's word after the
    /// handshake takes, it comes now.
    fn await_word(&mut self, out: &mut Vec<Made>) {
        let first = self.script.turns.first();
        let speaks_at = first.map(|turn| self.now + turn.pause);
        let due = self.after_greeting.as_ref().map(|(due, ..)| *due);
        if due.is_some_and(|due| speaks_at.is_none_or(|at| at >= due)) {
            let now = self.now;
            self.greet_after(out);
            self.pass(40_000);
            self.acknowledge(Side::Originator, out);
            // The pause of the first turn began before.
            if speaks_at.is_some() {
                self.now = now;
            }
        }
    }

    /// After the turn before `index`: waits until that turn, or until the end.
    fn next_stage(&mut self, index: usize) -> Stage {
        let turns = &self.script.turns;
        let closes = self.script.close.takes_last_turn() && index + 1 >= turns.len();
        if let Some(turn) = turns.get(index) {
            self.now = self.now + turn.pause;
        }
        match turns.get(index) {
            Some(_) if !closes => Stage::Turn(index),
            _ => Stage::Close,
        }
    }

    fn open(&mut self, out: &mut Vec<Made>) {
        use Side::{Originator, Responder};
        let mut options = self.system.syn_options().to_vec();
        let stamps = self.stamp_values(Originator);
        if let Some(at) = self.system.stamps_at() {
            options[at + 2..at + 6].copy_from_slice(&stamps[0].to_be_bytes());
        }
        let window = match (self.script.close, self.system) {
            (Close::Held, _) => SMALL_WINDOW,
            (_, System::Linux) => 64_240,
            _ => 65_535,
        };
        self.put(Originator, flag::SYN, window, &options, None, out);
        self.seq[0] = self.seq[0].wrapping_add(1);
        self.now = self.now + self.rtt();
        let mut options = ANSWER_BARE.to_vec();
        if self.system.stamps_at().is_some() {
            options = System::Linux.syn_options().to_vec();
            let stamps = self.stamp_values(Responder).map(u32::to_be_bytes);
            options[8..16].copy_from_slice(&stamps.concat());
        }
        self.put(
            Responder,
            flag::SYN | flag::ACK,
            65_160,
            &options,
            None,
            out,
        );
        self.seq[1] = self.seq[1].wrapping_add(1);
        self.pass(40_000);
        self.bare(Originator, flag::ACK, out);
        self.pass(150_000);
    }

    fn greet(&mut self, out: &mut Vec<Made>) {
        if let Protocol::Tls(terms) = self.script.protocol {
            self.greet_tls(terms, out);
        }
    }

    fn turn(&mut self, turn: &Turn, out: &mut Vec<Made>) {
        let peer = turn.by.peer();
        if turn.ask == 0 && turn.answer == 0 {
            return self.keep_alive(turn.by, out);
        }
        self.say(turn.by, turn.ask, None, out);
        let far = peer == Side::Responder;
        let prompt = turn.answer > 0 && turn.think <= Span::from_millis(40);
        if far {
            self.now = self.now + self.rtt();
            self.greet_after(out);
        }
        if !prompt {
            self.pass(40_000);
            self.acknowledge(peer, out);
        }
        if turn.answer > 0 {
            self.pass(turn.think.as_nanos().max(100_000));
            self.say(peer, turn.answer, None, out);
            if !far {
                self.now = self.now + self.rtt();
            }
            self.pass(40_000);
            self.acknowledge(turn.by, out);
        }
        self.pass(100_000);
    }

    /// A probe one byte before what is next, and its acknowledgement.
    fn keep_alive(&mut self, by: Side, out: &mut Vec<Made>) {
        let index = by.index();
        self.seq[index] = self.seq[index].wrapping_sub(1);
        self.bare(by, flag::ACK, out);
        self.seq[index] = self.seq[index].wrapping_add(1);
        self.pass(100_000);
        if by == Side::Originator {
            self.now = self.now + self.rtt();
        }
        self.bare(by.peer(), flag::ACK, out);
        self.pass(100_000);
    }
}
