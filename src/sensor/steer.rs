//! From frames to the shards that own them.
//!
//! The one place that sees every frame in order: it numbers them, keeps the clock, and does what
//! must happen before flows are told apart. Of payload it holds fragments only, within
//! [`fragments`](crate::packet::fragments)' bound.

use super::counters::Counters;
use super::neighbours;
use super::settings::Settings;
use crate::flow::key::{FlowKey, Keyed};
use crate::limits::SHARDS;
use crate::packet::fragments::{Fragment, Fragments};
use crate::packet::frame::Frame;
use crate::packet::{self, Inward, Packet, Undecoded, checksum};
use crate::time::Timestamp;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};

/// The sequencer of frames.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steering {
    seed: u64,
    clock: Timestamp,
    seq: i64,
    fragments: Fragments,
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
            fragments: Fragments::default(),
            counters: Counters::default(),
        }
    }

    /// The highest moment so far.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Time passed without a frame. Never moves the clock back.
    pub fn handle_tick(&mut self, settings: &Settings, now: Timestamp) {
        self.clock = self.clock.max(now);
        self.fragments.handle_clock(&settings.limits, self.clock);
        self.counters.fragments = self.fragments.tally;
    }

    /// Takes the next frame and gives what it holds to `put`, in order, each with the bytes that
    /// its offsets are into: the frame's, or those of a datagram that it made whole.
    pub fn handle_frame(
        &mut self,
        settings: &Settings,
        frame: &Frame<'_>,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        self.clock = self.clock.max(frame.at);
        self.counters.frames += 1;
        self.counters.frame_bytes += frame.bytes.len() as u64;
        match packet::outermost(frame) {
            Ok(inward) => self.handle_ip(settings, frame, inward, put),
            Err(why) => self.leave(why, put),
        }
    }

    /// Takes the IP packet at `inward`: a frame's own, or one that was found within another. Of
    /// `frame` only the moment and the bytes matter. Calls itself for what fragments make whole,
    /// at most [`TUNNELS_MAX`](packet::TUNNELS_MAX) deep.
    #[inline]
    fn handle_ip(
        &mut self,
        settings: &Settings,
        frame: &Frame<'_>,
        inward: Inward,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        match packet::decode_within(frame, inward) {
            Ok(packet) => put(self.steer_packet(packet), frame.bytes),
            Err(Undecoded::Fragment(fragment)) => {
                self.handle_fragment(settings, frame, &fragment, put);
            }
            Err(why) => self.leave(why, put),
        }
    }

    /// Takes a fragment, and the datagram that it makes whole as of this moment, as Zeek does.
    /// Rare, and kept apart so that other packets do not pay for it.
    #[cold]
    #[inline(never)]
    fn handle_fragment(
        &mut self,
        settings: &Settings,
        frame: &Frame<'_>,
        fragment: &Fragment,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        let believed = settings.ignore_checksums
            || fragment.src.is_ipv6()
            || checksum::holds(fragment.header(frame.bytes));
        if !believed {
            self.counters.bad_checksums += 1;
            return self.tell(Weird::BadIpChecksum, put);
        }
        let mut weirds = Vec::new();
        let whole = self.fragments.handle_fragment(
            &settings.limits,
            self.clock,
            fragment,
            frame.bytes,
            &mut weirds,
        );
        self.counters.fragments = self.fragments.tally;
        for weird in weirds {
            self.tell(weird, put);
        }
        if let Some(datagram) = whole {
            let whole = Frame {
                bytes: &datagram.bytes,
                wire_len: datagram.wire_len,
                ..*frame
            };
            self.handle_ip(settings, &whole, datagram.inward, put);
        }
    }

    /// Leaves out what no packet can be made of.
    fn leave(&mut self, why: Undecoded, put: &mut impl FnMut(Steered, &[u8])) {
        self.counters.note_undecoded(why);
        let shard = match why {
            Undecoded::Arp(neighbour) => neighbours::shard_of(neighbour.addr),
            _ => 0,
        };
        put(self.steered(shard, Content::Undecoded(why)), &[]);
    }

    /// Tells what is odd about a fragment.
    fn tell(&mut self, weird: Weird, put: &mut impl FnMut(Steered, &[u8])) {
        let content = Content::Undecoded(Undecoded::Weird(weird));
        put(self.steered(0, content), &[]);
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
