//! From segments to a TCP flow's life: states, history and byte counts with Zeek's meaning.
//!
//! Follows what Zeek's TCP analyzer tells, not RFC 9293's states: a flow is established once a
//! SYN-ACK was seen, a side is closed once it sent a FIN. Holds no payload but what `reassembly`
//! bounds.

mod oddities;
mod patience;
mod states;

use super::history::History;
use super::reassembly::Reassembler;
use crate::net::Side;
use crate::packet::{Tcp, TcpFlags};
use crate::time::Timestamp;
use crate::weird::{Weird, Weirds};
use oddities::Window;
pub use patience::{Attempt, Patience};
use serde::{Deserialize, Serialize};

/// What one side of a TCP flow has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It has sent nothing.
    #[default]
    Inactive,
    /// It sent a SYN.
    SynSent,
    /// It sent a SYN-ACK before anything else was seen.
    SynAckSent,
    /// It was first seen midstream.
    Partial,
    /// The handshake was seen.
    Established,
    /// It sent a FIN.
    Closed,
    /// It sent a RST.
    Reset,
}

/// One side of a TCP flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// What it has come to.
    pub state: State,
    /// What it was before.
    before: State,
    /// Its initial sequence number, once anything tells it.
    start: Option<u32>,
    /// One past the highest sequence number it sent, relative to `start`: the SYN has offset 0.
    last: u64,
    /// The highest acknowledgement of its bytes, relative to `start`.
    acked: u64,
    /// Where its bytes begin to count, relative to `start`. What its peer acknowledged before it
    /// said anything itself does not count, as in Zeek.
    base: u64,
    /// One past its FIN, relative to `start`.
    fin: Option<u64>,
    /// The sequence numbers that its latest SYN, FIN and RST carried, for the history.
    last_flag_seq: [u32; 3],
    window: Window,
    /// Its bytes in order.
    pub stream: Reassembler,
    /// Its stream's end was told.
    pub end_told: bool,
}

/// Both sides of a TCP flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TcpFlow {
    /// Originator, responder.
    pub sides: [Endpoint; 2],
    /// The SYNs that wait for an answer.
    pub attempt: Option<Attempt>,
    /// Both sides have closed, or one has reset.
    pub closed: Option<Patience>,
}

/// Where a segment lies, and what it means for the flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Placed {
    /// Relative offset of its payload's first byte; negative before the stream's start.
    pub offset: i64,
    /// The flow's clock moves: all but bare repeats after a side has closed.
    pub counts: bool,
    /// How far the peer's bytes were acknowledged before.
    pub acked_before: u64,
    /// Not believed: it changes nothing.
    pub ignored: bool,
    /// Turn the flow round: the endpoints were taken for each other.
    pub flip: bool,
}

/// Sequence numbers of SYN and RST that jump further than this are not believed (Zeek's
/// `TOO_LARGE_SEQ_DELTA`).
const JUMP_MAX: i64 = 1 << 20;

impl Endpoint {
    /// `seq` relative to the start, nearest to what was sent last.
    pub fn relative(&self, seq: u32) -> i64 {
        let start = self.start.unwrap_or(seq);
        // Only acknowledgements tell how far a side came that was never heard.
        let reach = match self.state {
            State::Inactive => self.last.max(self.acked),
            _ => self.last,
        };
        let last = start.wrapping_add(reach as u32);
        (reach as i64).saturating_add(i64::from(seq.wrapping_sub(last) as i32))
    }

    /// Payload bytes by sequence numbers, acknowledged but unseen ones included.
    pub fn bytes(&self, peer: State) -> u64 {
        if self.before == State::SynSent && self.state == State::Reset && peer == State::Inactive {
            return 0;
        }
        let size = self.size();
        match self.fin {
            Some(fin) if self.last == fin => size.saturating_sub(1),
            _ => size,
        }
    }

    fn size(&self) -> u64 {
        let end = self.last.max(self.acked);
        end.saturating_sub(self.base + 1)
    }

    /// Whether nothing but its SYN was seen of it.
    fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// Whether it will say nothing more: it reset, or all that its FIN ends was seen.
    fn is_done(&self) -> bool {
        match self.state {
            State::Reset => true,
            // What was acknowledged came, whether or not it was seen.
            State::Closed => self
                .fin
                .is_none_or(|fin| self.stream.next().max(self.acked) + 1 >= fin),
            _ => false,
        }
    }

    /// One past the highest byte that its peer acknowledged, relative to the start.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// One past its FIN, relative to the start.
    pub fn fin(&self) -> Option<u64> {
        self.fin
    }

    /// One past the last byte that it may have sent. Its FIN takes a place in the sequence space,
    /// and holds no byte.
    pub fn end(&self) -> u64 {
        self.fin.map_or(u64::MAX, |fin| fin.saturating_sub(1))
    }

    fn begin(&mut self, start: u32) {
        self.start = Some(start);
        self.last = 0;
        self.acked = 0;
        self.base = 0;
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            self.before = self.state;
            self.state = state;
        }
    }

    fn cleanly_open(&self) -> bool {
        self.state == State::Established
            || (matches!(self.state, State::Closed | State::Reset)
                && self.before == State::Established)
    }
}

impl TcpFlow {
    /// Takes a segment of `side` with `len` payload bytes on the wire.
    pub fn handle_segment(
        &mut self,
        at: Timestamp,
        mut side: Side,
        tcp: &Tcp,
        len: u32,
        history: &mut History,
        weirds: &mut Weirds,
    ) -> Placed {
        let flags = tcp.flags;
        let mut placed = Placed::default();
        self.begin_side(side, tcp);
        if self.is_reversed_handshake(side, tcp) {
            self.sides.swap(0, 1);
            side = side.peer();
            placed.flip = true;
            history.flip();
        }
        let relative = self.side(side).relative(tcp.seq);
        self.note_oddities(side, tcp, len, relative, weirds);
        self.note_flags(side, tcp, len, history);
        if tcp.window == 0 && !flags.rst && (flags.ack || !flags.syn) {
            history.add_logarithmic(side, b'W');
        }
        let was_done = self.sides.iter().all(Endpoint::is_done);
        let state = self.side(side).state;
        let advanced = self.advance(side, tcp, len, relative, history);
        if self.is_blind_reset(side, tcp, relative) {
            weirds.push(Weird::RstOutsideWindow);
            placed.ignored = true;
            return placed;
        }
        self.transition(at, side, tcp, len, advanced, weirds);
        placed.acked_before = self.side(side.peer()).acked;
        if flags.ack {
            self.acknowledge(side, tcp);
        }
        // Once both sides are done, what brings nothing new belongs to the close and does not
        // lengthen the flow.
        placed.counts = !was_done || advanced || self.side(side).state != state;
        placed.offset = relative + i64::from(flags.syn);
        placed
    }

    /// The side itself.
    pub fn side(&self, side: Side) -> &Endpoint {
        &self.sides[side.index()]
    }

    fn side_mut(&mut self, side: Side) -> &mut Endpoint {
        &mut self.sides[side.index()]
    }

    /// Whether a side has closed or reset.
    pub fn is_closing(&self) -> bool {
        let ended = |side: &Endpoint| matches!(side.state, State::Closed | State::Reset);
        self.sides.iter().any(ended)
    }

    /// Whether a side has reset.
    pub fn is_reset(&self) -> bool {
        self.sides.iter().any(|side| side.state == State::Reset)
    }

    /// Whether gaps mean loss: only in a flow whose handshake was seen.
    pub fn reports_gaps(&self) -> bool {
        self.sides.iter().all(Endpoint::cleanly_open)
    }

    /// Whether a SYN with `seq` from `side` opens another flow with the same endpoints.
    pub fn is_reuse(&self, side: Side, tcp: &Tcp) -> bool {
        if !tcp.flags.syn || tcp.flags.ack || tcp.flags.rst || tcp.flags.fin {
            return false;
        }
        let [originator, responder] = &self.sides;
        let reset = originator.state == State::Reset || responder.state == State::Reset;
        let closed = originator.state == State::Closed && responder.state == State::Closed;
        (reset || closed) && self.side(side).start != Some(tcp.seq)
    }

    /// Gives a side, and where an acknowledgement tells it the other side, its initial sequence
    /// number.
    fn begin_side(&mut self, side: Side, tcp: &Tcp) {
        if self.side(side).start.is_none() {
            // A side picked up midstream is treated as though a SYN had come just before.
            let start = tcp.seq.wrapping_sub(u32::from(!tcp.flags.syn));
            self.side_mut(side).begin(start);
        } else if self.side(side).state == State::Inactive {
            let first = self.side(side).relative(tcp.seq) - i64::from(!tcp.flags.syn);
            self.side_mut(side).base = u64::try_from(first).unwrap_or(0);
        }
        let bare = !tcp.flags.syn && !tcp.flags.fin && !tcp.flags.rst;
        if tcp.flags.ack && bare && self.side(side.peer()).start.is_none() {
            let peer = self.side_mut(side.peer());
            peer.begin(tcp.ack.wrapping_sub(1));
            (peer.last, peer.acked) = (1, 1);
        }
    }

    /// A SYN-ACK came first, and now the SYN that it answered.
    fn is_reversed_handshake(&self, side: Side, tcp: &Tcp) -> bool {
        side == Side::Responder
            && tcp.flags.syn
            && !tcp.flags.ack
            && self.side(Side::Responder).state == State::Inactive
            && self.side(Side::Originator).state == State::SynAckSent
    }

    fn note_flags(&mut self, side: Side, tcp: &Tcp, len: u32, history: &mut History) {
        let TcpFlags {
            syn, ack, fin, rst, ..
        } = tcp.flags;
        // A slot where the letter is told again when its sequence number differs.
        let (letter, slot) = match (syn, fin, rst) {
            (false, true, true) => (b'I', None),
            (true, true, _) | (true, _, true) => (b'Q', None),
            (true, ..) if ack => (b'H', Some(0)),
            (true, ..) => (b'S', Some(0)),
            (_, true, _) => (b'F', Some(1)),
            (_, _, true) => (b'R', Some(2)),
            _ if len > 0 => (b'D', None),
            _ if ack => (b'A', None),
            _ => return,
        };
        let new = history.add_once(side, letter);
        if let Some(slot) = slot {
            let known = &mut self.side_mut(side).last_flag_seq[slot];
            if std::mem::replace(known, tcp.seq) != tcp.seq && !new {
                history.add(side, letter);
            }
        }
    }

    /// Moves one past the highest sequence number and says whether it moved; payload that does not
    /// move it is a retransmission.
    fn advance(
        &mut self,
        side: Side,
        tcp: &Tcp,
        len: u32,
        relative: i64,
        history: &mut History,
    ) -> bool {
        let flags = tcp.flags;
        let endpoint = self.side_mut(side);
        let end = relative + i64::from(len) + i64::from(flags.syn) + i64::from(flags.fin);
        let delta = end - endpoint.last as i64;
        if (flags.syn || flags.rst) && delta.abs() > JUMP_MAX {
            return false;
        }
        if flags.fin && end > 0 {
            endpoint.fin = Some(end as u64);
        }
        if endpoint.state == State::Reset {
            return false;
        }
        if delta > 0 {
            endpoint.last = end as u64;
        } else if len > 0 {
            history.add_logarithmic(side, b'T');
        }
        delta > 0
    }

    fn acknowledge(&mut self, side: Side, tcp: &Tcp) {
        let TcpFlags { syn, fin, rst, .. } = tcp.flags;
        let peer = self.side_mut(side.peer());
        if peer.start.is_none() {
            return;
        }
        let relative = peer.relative(tcp.ack);
        let delta = relative - peer.acked as i64;
        if delta > 0 && !(rst && delta > JUMP_MAX) {
            peer.acked = relative as u64;
        }
        if peer.state == State::Inactive && !(syn || fin || rst) {
            peer.base = peer.acked.saturating_sub(1);
        }
    }
}
