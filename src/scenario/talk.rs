//! From a flow's script to its frames, as a tap beside the originator sees them.
//!
//! Turn by turn: what is not said yet is not in memory. The responder's frames arrive one round
//! trip after what they answer. Nothing is lost and nothing repeated here.

use super::random::Random;
use super::script::{Close, Protocol, Script, Turn};
use super::wire::{self, End, Made, Payload, Segment, flag};
use crate::net::Side;
use crate::time::{Span, Timestamp};

/// The system whose TCP opens the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the makers'.
pub enum System {
    Linux,
    Apple,
    Windows,
}

impl System {
    /// Hops left in what it sends.
    pub fn ttl(self) -> u8 {
        match self {
            System::Linux | System::Apple => 64,
            System::Windows => 128,
        }
    }

    fn syn_options(self) -> &'static [u8] {
        match self {
            System::Linux => &[
                2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7,
            ],
            System::Apple => &[
                2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 4, 2, 0, 0,
            ],
            System::Windows => &[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2],
        }
    }

    /// By how many bits its windows are shifted.
    fn scale(self) -> u8 {
        match self {
            System::Linux => 7,
            System::Apple => 6,
            System::Windows => 8,
        }
    }

    /// Where the timestamps stand in them; Windows sends none.
    fn stamps_at(self) -> Option<usize> {
        match self {
            System::Linux => Some(8),
            System::Apple => Some(12),
            System::Windows => None,
        }
    }
}

/// The receive buffer of a program that sets itself a small one.
const SMALL_WINDOW: u16 = 8192;
/// The server's SYN: as of Linux, with timestamps only where they were offered.
const ANSWER_BARE: &[u8] = &[2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7];

/// What a side says: whole, or long and then a record a segment, of which the beginning is kept.
pub(super) enum Message {
    Whole(Vec<u8>),
    Long {
        /// The beginning of the first segment, in clear HTTP the head.
        head: Vec<u8>,
        /// Stream bytes in all.
        bytes: u64,
        /// Record header before each segment: bytes of overhead within.
        sealed: Option<u16>,
    },
}

/// Bytes of application data from which on a message is long.
pub(super) const LONG: u64 = 16 * 1024;
/// A record's plaintext (RFC 8446 section 5.1).
pub(super) const RECORD: u64 = 1 << 14;
/// Bytes kept of a long message's segments; the headers of frame, packet, segment and record fit.
const SNAPLEN: usize = 96;

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
    ends: [End; 2],
    system: System,
    seq: [u32; 2],
    /// Segments that the other side has not acknowledged.
    waiting: [u32; 2],
    stamps: [u32; 2],
    window: [u16; 2],
    /// Up to where the server may send while the originator reads nothing.
    edge: Option<u32>,
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

    /// Where the originator has nothing to say for longer than the server's word after the handshake
    /// takes, it comes now.
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

    /// Sends application bytes of `side`, at most `until` bytes of the stream of them.
    pub(super) fn say(&mut self, side: Side, bytes: u64, until: Option<u64>, out: &mut Vec<Made>) {
        let message = self.message(side, bytes);
        self.send(side, message, until, out);
    }

    /// Sends a message in segments; the other side acknowledges every second one.
    pub(super) fn send(
        &mut self,
        side: Side,
        message: Message,
        until: Option<u64>,
        out: &mut Vec<Made>,
    ) {
        let until = until.unwrap_or(u64::MAX);
        match message {
            Message::Whole(bytes) => {
                let len = bytes
                    .len()
                    .min(usize::try_from(until).unwrap_or(usize::MAX));
                let bytes = &bytes[..len];
                let mss = if self.system.stamps_at().is_some() {
                    1448
                } else {
                    1460
                };
                for (index, part) in bytes.chunks(mss).enumerate() {
                    let last = (index + 1) * mss >= len;
                    self.data(
                        side,
                        Payload {
                            bytes: part,
                            len: part.len(),
                        },
                        last,
                        out,
                    );
                }
            }
            Message::Long {
                head,
                bytes,
                sealed,
            } => {
                self.send_long(side, &head, [bytes, until], sealed, out);
            }
        }
    }

    fn send_long(
        &mut self,
        side: Side,
        head: &[u8],
        [bytes, until]: [u64; 2],
        sealed: Option<u16>,
        out: &mut Vec<Made>,
    ) {
        let mut left = bytes;
        let mut allowed = until.min(bytes);
        let mut kept = [0; SNAPLEN];
        let within = SNAPLEN - 14 - 20 - self.header_len();
        while allowed > 0 {
            let overhead = sealed.map_or(0, |overhead| u64::from(overhead) + 5);
            let record = left.min(RECORD + overhead);
            let len = record.min(allowed);
            self.random.fill(&mut kept);
            if sealed.is_some() {
                let [high, low] = (record.saturating_sub(5) as u16).to_be_bytes();
                kept[..5].copy_from_slice(&[23, 3, 3, high, low]);
            }
            let mut part = &kept[..within.min(len as usize)];
            if left == bytes && sealed.is_none() && !head.is_empty() {
                part = head;
            }
            left -= record;
            allowed -= len;
            let payload = Payload {
                bytes: part,
                len: len as usize,
            };
            self.data(side, payload, allowed == 0, out);
        }
    }

    /// One segment with payload.
    fn data(&mut self, side: Side, payload: Payload<'_>, last: bool, out: &mut Vec<Made>) {
        let index = side.index();
        self.pass(i64::from(self.script.byte_nanos) * payload.len as i64 + 4_000);
        if side == Side::Originator {
            self.greet_after_if_due(out);
        }
        let flags = if last {
            flag::PSH | flag::ACK
        } else {
            flag::ACK
        };
        self.put(side, flags, self.window[index], &[], Some(payload), out);
        self.seq[index] = self.seq[index].wrapping_add(payload.len as u32);
        self.waiting[index] += if payload.len > 2000 { 2 } else { 1 };
        self.waiting[side.peer().index()] = 0;
        self.spoke[index] = true;
        if self.waiting[index] >= 2 && !last {
            let now = self.now;
            match side {
                Side::Originator => self.now = self.now + self.rtt(),
                Side::Responder => self.pass(2_000),
            }
            self.acknowledge(side.peer(), out);
            self.now = now;
        }
    }

    /// A bare acknowledgement by `side`, where it has something to acknowledge.
    pub(super) fn acknowledge(&mut self, side: Side, out: &mut Vec<Made>) {
        if std::mem::take(&mut self.waiting[side.peer().index()]) > 0 {
            self.bare(side, flag::ACK, out);
        }
    }

    /// A segment without payload; SYN and FIN take a number.
    pub(super) fn bare(&mut self, side: Side, flags: u8, out: &mut Vec<Made>) {
        self.put(side, flags, self.window[side.index()], &[], None, out);
        if flags & flag::FIN != 0 {
            let seq = &mut self.seq[side.index()];
            *seq = seq.wrapping_add(1);
        }
    }

    /// The originator reads no more: its window, opened to so many bytes where it is smaller, only
    /// shrinks from here on. Gives how many bytes the server may send.
    pub(super) fn stop_reading(&mut self, bytes: u32) -> u64 {
        let scale = self.system.scale();
        self.window[0] = self.window[0].max((bytes >> scale) as u16);
        let open = u32::from(self.window[0]) << scale;
        self.edge = Some(self.seq[1].wrapping_add(open));
        u64::from(open)
    }

    /// Sends `bytes` of `side`, which acknowledge what the peer had sent up to `ack`.
    pub(super) fn send_acknowledging(
        &mut self,
        side: Side,
        ack: u32,
        bytes: &[u8],
        out: &mut Vec<Made>,
    ) {
        let index = side.peer().index();
        let ahead = std::mem::replace(&mut self.seq[index], ack);
        let waiting = self.waiting[index];
        let payload = Payload {
            bytes,
            len: bytes.len(),
        };
        self.put(
            side,
            flag::PSH | flag::ACK,
            self.window[side.index()],
            &[],
            Some(payload),
            out,
        );
        let own = &mut self.seq[side.index()];
        *own = own.wrapping_add(bytes.len() as u32);
        self.seq[index] = ahead;
        self.waiting[index] = waiting;
        self.waiting[side.index()] += 1;
    }

    fn put(
        &mut self,
        side: Side,
        flags: u8,
        window: u16,
        options: &[u8],
        payload: Option<Payload<'_>>,
        out: &mut Vec<Made>,
    ) {
        let [own, peer] = [side, side.peer()].map(Side::index);
        let mut stamped = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut options = options;
        let reset = flags & flag::RST != 0;
        if options.is_empty() && self.system.stamps_at().is_some() && !reset {
            let stamps = self.stamp_values(side).map(u32::to_be_bytes);
            stamped[4..].copy_from_slice(&stamps.concat());
            options = &stamped;
        }
        let mut segment = Segment {
            seq: self.seq[own],
            ack: if flags & flag::ACK != 0 {
                self.seq[peer]
            } else {
                0
            },
            flags,
            window,
            options,
        };
        if let (Side::Originator, Some(edge)) = (side, self.edge) {
            let open = edge.wrapping_sub(self.seq[peer]);
            segment.window = (open >> self.system.scale()) as u16;
        }
        let payload = payload.unwrap_or(Payload { bytes: &[], len: 0 });
        let [from, to] = [&self.ends[own], &self.ends[peer]];
        out.push(wire::tcp(self.now, from, to, &segment, payload));
    }

    /// Own and echoed timestamp, in milliseconds since an offset.
    fn stamp_values(&self, side: Side) -> [u32; 2] {
        let millis = (self.now.as_nanos() / 1_000_000) as u32;
        let value = |side: Side| self.stamps[side.index()].wrapping_add(millis);
        [value(side), value(side.peer())]
    }

    fn header_len(&self) -> usize {
        if self.system.stamps_at().is_some() {
            32
        } else {
            20
        }
    }

    /// The server probes a window that is shut: one byte before what is next.
    pub(super) fn probe(&mut self, out: &mut Vec<Made>) {
        self.seq[1] = self.seq[1].wrapping_sub(1);
        self.bare(Side::Responder, flag::ACK, out);
        self.seq[1] = self.seq[1].wrapping_add(1);
        self.pass(40_000);
    }

    /// What the originator has sent so far.
    pub(super) fn sent(&self) -> u32 {
        self.seq[0]
    }

    pub(super) fn rtt(&self) -> Span {
        self.script.server.rtt
    }

    pub(super) fn pass(&mut self, nanos: i64) {
        self.now = self.now + Span::from_nanos(nanos);
    }
}
