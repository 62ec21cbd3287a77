//! From frames to the shards that own them.
//!
//! The one place that sees every frame in order: it numbers them, keeps the clock, and does what
//! must happen before flows are told apart. Holds no payload.

use super::counters::Counters;
use super::neighbours;
use crate::flow::key::{FlowKey, Keyed};
use crate::limits::SHARDS;
use crate::packet::frame::Frame;
use crate::packet::{self, Packet, Undecoded};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The sequencer of frames.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steering {
    seed: u64,
    clock: Timestamp,
    seq: i64,
    /// What it saw.
    pub counters: Counters,
}

/// What a frame holds, with its number, its clock and its shard. A tunnel's frame holds the packet
/// of the tunnel and the one within it; a fragment may hold nothing yet.
#[derive(Clone, Debug)]
pub struct Steered {
    /// The how-manieth of the run.
    pub seq: i64,
    /// The highest moment seen up to this frame.
    pub clock: Timestamp,
    /// Who owns it.
    pub shard: u8,
    /// What it holds.
    pub content: Content,
}

/// What a frame holds.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // Nearly all are packets; a box would cost each of them.
pub enum Content {
    /// A packet of a flow.
    Packet {
        /// The packet.
        packet: Packet,
        /// Whose it is.
        keyed: Keyed,
        /// The key's hash.
        hash: u64,
    },
    /// Nothing that a flow can be made of.
    Undecoded(Undecoded),
}

impl Steering {
    /// A sequencer whose flows hash under `seed`.
    pub fn new(seed: u64) -> Steering {
        Steering {
            seed,
            clock: Timestamp::MIN,
            seq: 0,
            counters: Counters::default(),
        }
    }

    /// The highest moment so far.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Time passed without a frame. Never moves the clock back.
    pub fn handle_tick(&mut self, now: Timestamp) {
        self.clock = self.clock.max(now);
    }

    /// Takes the next frame and gives what it holds to `put`, in order, each with the bytes that
    /// its offsets are into.
    pub fn handle_frame(&mut self, frame: &Frame<'_>, put: &mut impl FnMut(Steered, &[u8])) {
        self.clock = self.clock.max(frame.at);
        self.counters.frames += 1;
        self.counters.frame_bytes += frame.bytes.len() as u64;
        let steered = match packet::decode(frame) {
            Ok(packet) => self.steer_packet(packet),
            Err(why) => {
                self.counters.note_undecoded(why);
                let shard = match why {
                    Undecoded::Arp(neighbour) => neighbours::shard_of(neighbour.addr),
                    _ => 0,
                };
                self.steered(shard, Content::Undecoded(why))
            }
        };
        put(steered, frame.bytes);
    }

    fn steer_packet(&mut self, packet: Packet) -> Steered {
        let keyed = FlowKey::of(&packet);
        let hash = keyed.key.hash(self.seed);
        let content = Content::Packet {
            packet,
            keyed,
            hash,
        };
        self.steered(shard_of(hash), content)
    }

    fn steered(&mut self, shard: u8, content: Content) -> Steered {
        self.seq += 1;
        Steered {
            seq: self.seq,
            clock: self.clock,
            shard,
            content,
        }
    }
}

/// The shard of a flow: from bits of its key's hash that the shard's own table does not use first.
fn shard_of(hash: u64) -> u8 {
    ((hash >> 24) % SHARDS as u64) as u8
}
