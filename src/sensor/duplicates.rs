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

/// Of this many packets, ...
const SAMPLE: u32 = 16;
/// ... one in so many must be a copy beyond doubt before doubtful ones are taken for copies.
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

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    ttl: u8,
    /// Whether the copy of this one came. A third one of a packet that its sender may repeat is
    /// taken for the next packet's first.
    copied: bool,
}

impl Duplicates {
    /// Whether `packet` is a copy that `mode` leaves out.
    pub(super) fn is_copy(&mut self, mode: Dedup, packet: &Packet, frame: &[u8]) -> bool {
        let (Some(header), Some(ttl)) = (
            header_of(packet, frame),
            header_of(packet, frame).and_then(|header| header.ttl()),
        ) else {
            return false;
        };
        if mode == Dedup::Off {
            return false;
        }
        self.forget(packet.at);
        let mut hasher = FixedState::with_seed(0x7a21).build_hasher();
        hasher.write(&header.unchanging());
        hasher.write(frame.get(packet.ip.body.clone()).unwrap_or_default());
        let hash = hasher.finish();
        let certain = header.is_numbered() || claims_stream_bytes(packet);
        let copy = self.remember(hash, packet.at, ttl, certain);
        self.count(copy && certain);
        copy && (certain || mode == Dedup::On || self.is_mirrored_twice())
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
