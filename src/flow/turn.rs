//! From a TCP segment to what must have come before it and was not seen yet.
//!
//! Holds nothing: who waits, and how long, is the caller's to say.

use super::key::{Keyed, is_query};
use super::tcp::State;
use super::{Flow, FlowId, Ingress};
use crate::net::{Endpoint, Side};
use crate::packet::{self, Packet};

/// What a segment's sender had, and the sensor has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The SYN, or its answer.
    Handshake,
    /// Bytes that it acknowledges, or that it sent before.
    Bytes,
}

impl Flow {
    /// What must have come before a segment from `src` and was not seen; none where all was, where
    /// nothing tells, and for anything but TCP. A bare acknowledgement orders nothing by itself,
    /// and tells of loss the sooner the better: it waits only where `others_wait`.
    pub fn awaits(&self, src: Endpoint, packet: &Packet, others_wait: bool) -> Option<Awaits> {
        let (Some(flow), packet::Transport::Tcp(tcp)) = (&self.tcp, packet.transport) else {
            return None;
        };
        let packet::TcpFlags {
            syn, ack, fin, rst, ..
        } = tcp.flags;
        let side = self.side_of(src);
        let (own, peer) = (flow.side(side), flow.side(side.peer()));
        let handshake = match (own.state, peer.state) {
            _ if syn && !ack => false,
            (State::Inactive, State::Inactive) => true,
            // Who refuses has no sequence number (RFC 9293, section 3.5.2).
            (State::Inactive, State::SynSent) => !(syn || rst && tcp.seq == 0),
            (State::SynSent, State::Inactive) => (ack || rst) && !syn,
            _ => false,
        };
        if handshake {
            return Some(Awaits::Handshake);
        }
        // A side that was never heard will not be.
        let matters = packet.payload_len > 0 || fin || rst || others_wait;
        if !matters || peer.state == State::Inactive {
            return None;
        }
        let missing = |relative: i64, endpoint: &super::tcp::Endpoint| {
            let end = relative.min(endpoint.end().min(i64::MAX as u64) as i64);
            end > endpoint.stream.next() as i64
        };
        let unheard = ack && missing(peer.relative(tcp.ack), peer);
        let unsent = rst && missing(own.relative(tcp.seq), own);
        (unheard || unsent).then_some(Awaits::Bytes)
    }

    /// Whether `packet` is the SYN of a flow of which nothing was taken yet.
    pub fn is_opened_by(&self, packet: &Packet) -> bool {
        let untouched = |side: &super::SideTally| side.packets == 0;
        let packet::Transport::Tcp(tcp) = packet.transport else {
            return false;
        };
        tcp.flags.syn && !tcp.flags.ack && self.tally.iter().all(untouched)
    }

    /// The flow was opened by a segment that came too early: its sides are those of `packet`, its
    /// SYN. It keeps its name and its beginning.
    pub fn reopen(&mut self, keyed: &Keyed, packet: &Packet) {
        let FlowId { uid, first_at, .. } = self.id;
        let anew = Flow::open_as(uid, keyed, packet, false, self.active_at);
        *self = anew;
        self.id.first_at = first_at.min(packet.at);
    }

    /// Takes an ICMP message; if it asks what was answered already, a mirror turned them round, and
    /// this turns the flow.
    pub(super) fn turn_to_query(
        &mut self,
        ingress: Ingress<'_>,
        side: Side,
        proto: u8,
        kind: u8,
    ) -> Side {
        let unheard = self.tally[side.index()].packets == 0;
        let late = ingress.clock - self.active_at <= ingress.limits.reassembly_delay;
        if side == Side::Originator || !unheard || !late || !is_query(proto, kind) {
            return side;
        }
        self.turn_round();
        side.peer()
    }

    /// The endpoints were taken for each other.
    pub(super) fn turn_round(&mut self) {
        std::mem::swap(&mut self.id.originator, &mut self.id.responder);
        self.tally.swap(0, 1);
        self.macs.swap(0, 1);
    }
}
