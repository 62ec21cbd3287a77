//! From a shard's packets to which of them is a mirror's second copy.
//!
//! A SPAN port that mirrors both sides of a switch delivers a packet twice within microseconds: the
//! same header but for what a router changes, and the same content. A retransmission is another
//! packet: its sender numbers it anew, and waits for at least a round trip. All copies of a packet
//! hash into one shard, so nothing need be known of others. Holds at most [`COPIES_MAX`] packets'
//! hashes, and none for longer than [`WINDOW`].

use super::header::header_of;
use super::settings::Dedup;
use crate::packet::{Packet, Transport};
use crate::time::{Span, Timestamp};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};

/// Copies come within this time: a switch's queue. A TCP sender waits far longer for an
/// acknowledgement (RFC 6298 section 2.4 says a second, Linux 200 ms).
pub(super) const WINDOW: Span = Span::from_millis(5);

/// Packets of the window that one shard remembers: 13 Mpps over all shards.
const COPIES_MAX: usize = 1024;

/// A shard leaves copies out of its own accord once it saw this many packets, and ...
const SAMPLE: u32 = 512;
/// ... one in so many was a copy beyond doubt. Single copies are common where nothing is wrong with
/// the mirror: hosts that are hurried send a segment twice, and every tool counts both. A port that
/// is mirrored in both directions makes every other packet a copy.
const SHARE: u32 = 4;

/// What a shard remembers to tell copies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Duplicates {
    /// Packets of the window in their order: hash and moment.
    recent: VecDeque<(u64, Timestamp)>,
    /// The same by hash.
    known: BTreeMap<u64, Seen>,
    /// Packets, and copies beyond doubt among them, halved now and then so that a mirror that is
    /// set right is noticed.
    seen: u32,
    copies: u32,
}

/// Whether a packet is a copy of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is none, or nothing says so.
    No,
    /// It is one, and is taken all the same.
    Kept,
    /// It is one, and is not taken.
    LeftOut,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    ttl: u8,
    /// Whether the copy of this one came. A third one of a packet that its sender may repeat is
    /// taken for the next packet's first.
    copied: bool,
}

impl Duplicates {
    /// What `packet` is.
    pub(super) fn judge(&mut self, mode: Dedup, packet: &Packet, frame: &[u8]) -> Judgement {
        let (Some(header), Some(ttl)) = (
            header_of(packet, frame),
            header_of(packet, frame).and_then(|header| header.ttl()),
        ) else {
            return Judgement::No;
        };
        if mode == Dedup::Off {
            return Judgement::No;
        }
        self.forget(packet.at);
        let mut hasher = FixedState::with_seed(0x7a21).build_hasher();
        hasher.write(&header.unchanging());
        hasher.write(frame.get(packet.ip.body.clone()).unwrap_or_default());
        let hash = hasher.finish();
        let certain = header.is_numbered() || claims_stream_bytes(packet);
        let copy = self.remember(hash, packet.at, ttl, certain);
        self.count(copy && certain);
        match copy {
            true if mode == Dedup::On || self.is_mirrored_twice() => Judgement::LeftOut,
            true if certain => Judgement::Kept,
            _ => Judgement::No,
        }
    }

    /// Whether copies beyond doubt are common here.
    fn is_mirrored_twice(&self) -> bool {
        self.seen >= SAMPLE && self.copies * SHARE >= self.seen
    }

    fn count(&mut self, copy: bool) {
        self.seen += 1;
        self.copies += u32::from(copy);
        if self.seen >= 1024 {
            self.seen /= 2;
            self.copies /= 2;
        }
    }

    /// Takes a packet in; says whether it was there, came over at most one more or less hop, and,
    /// unless that is certain, has not been copied before.
    fn remember(&mut self, hash: u64, at: Timestamp, ttl: u8, certain: bool) -> bool {
        let new = Seen {
            at,
            ttl,
            copied: false,
        };
        match self.known.get_mut(&hash) {
            Some(seen) if (certain || !seen.copied) && seen.ttl.abs_diff(ttl) <= 1 => {
                seen.copied = true;
                true
            }
            Some(seen) => {
                *seen = new;
                self.recent.push_back((hash, at));
                false
            }
            None => {
                if self.recent.len() >= COPIES_MAX {
                    self.forget_oldest();
                }
                self.known.insert(hash, new);
                self.recent.push_back((hash, at));
                false
            }
        }
    }

    /// Forgets what left the window; captures may run backwards.
    fn forget(&mut self, now: Timestamp) {
        while let Some((_, at)) = self.recent.front() {
            let apart = now - *at;
            if apart.as_nanos().unsigned_abs() <= WINDOW.as_nanos().unsigned_abs() {
                break;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((hash, at)) = self.recent.pop_front()
            && self.known.get(&hash).is_some_and(|seen| seen.at == at)
        {
            self.known.remove(&hash);
        }
    }
}

/// A segment that takes a place in the sequence space: nothing makes a sender repeat it within the
/// window. Bare acknowledgements, and datagrams whose sender numbers nothing, may repeat.
fn claims_stream_bytes(packet: &Packet) -> bool {
    match packet.transport {
        Transport::Tcp(tcp) => {
            packet.payload_len > 0 || tcp.flags.syn || tcp.flags.fin || tcp.flags.rst
        }
        _ => false,
    }
}
