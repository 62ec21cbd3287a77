//! From TCP segments that overtook others on their way to the sensor to their turn.
//!
//! A mirror that balances over several queues delivers an answer before its question, and payload
//! before its SYN. A segment that must have been sent after something that was not seen yet is held
//! until that comes, or for
//! [`reassembly_delay`](crate::limits::Limits::reassembly_delay). Payload behind a hole of its own
//! side is none of this: reassembly holds it. Holds at most [`PACKETS_MAX`] segments of a flow, and
//! their bytes count with those that reassembly holds.

use crate::flow::key::FlowKey;
use crate::flow::{Awaits, Flow};
use crate::limits::Limits;
use crate::net::Endpoint;
use crate::packet::Packet;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Each packet of a flow looks at all that are held of it.
const PACKETS_MAX: usize = 256;

/// What a held segment takes beside its frame: its place in a queue that grows by doubling, and
/// what an allocation takes for itself.
const OVERHEAD: usize = 2 * size_of::<Held>() + 16;

/// A flow's segments that came early.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Early {
    /// In their order of arrival.
    held: VecDeque<Held>,
    /// The handshake did not come in time, and is not waited for any more.
    without_handshake: bool,
}

/// A segment that waits for its turn.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    /// The clock when it came.
    since: Timestamp,
    pub packet: Packet,
    /// Its frame, as far as anyone reads it.
    pub bytes: Vec<u8>,
}

impl Held {
    pub fn new(since: Timestamp, packet: &Packet, bytes: &[u8]) -> Held {
        let end = packet.payload.end.min(bytes.len());
        Held {
            since,
            packet: packet.clone(),
            bytes: bytes.get(..end).unwrap_or_default().to_vec(),
        }
    }

    /// Who sent it.
    pub fn src(&self) -> Endpoint {
        FlowKey::of(&self.packet).src
    }

    /// Bytes of memory that it takes.
    pub fn bytes_held(&self) -> usize {
        OVERHEAD + self.bytes.len()
    }
}

impl Early {
    /// No segment.
    pub const NONE: &Early = &Early {
        held: VecDeque::new(),
        without_handshake: false,
    };

    /// Whether no segment is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether the segment must wait.
    pub fn is_early(&self, flow: &Flow, src: Endpoint, packet: &Packet) -> bool {
        match flow.awaits(src, packet, !self.is_empty()) {
            None => false,
            Some(Awaits::Handshake) => !self.without_handshake,
            Some(Awaits::Bytes) => true,
        }
    }

    /// Holds a segment.
    pub fn hold(&mut self, held: Held) {
        self.held.push_back(held);
    }

    /// When the first one has waited long enough.
    pub fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        let first = self.held.front()?;
        Some(first.since + limits.reassembly_delay)
    }

    /// The next segment whose turn has come, or that has waited long enough at `clock`.
    pub fn pop(&mut self, flow: &Flow, clock: Timestamp, limits: &Limits) -> Option<Held> {
        let ready = |held: &Held| !self.is_early(flow, held.src(), &held.packet);
        if let Some(place) = self.held.iter().position(ready) {
            return self.take(place);
        }
        let overdue = self.deadline(limits).is_some_and(|due| due <= clock);
        if !overdue && self.held.len() < PACKETS_MAX {
            return None;
        }
        let first = self.held.front()?;
        self.without_handshake |=
            flow.awaits(first.src(), &first.packet, false) == Some(Awaits::Handshake);
        self.take(0)
    }

    /// The first segment, whether or not its turn has come.
    pub fn pop_first(&mut self) -> Option<Held> {
        self.take(0)
    }

    fn take(&mut self, place: usize) -> Option<Held> {
        let held = self.held.remove(place);
        // An empty queue gives its room back: most flows never hold another segment.
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
        held
    }
}
