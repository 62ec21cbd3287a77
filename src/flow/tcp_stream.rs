//! From a placed segment to the events of its flow's stream.

use super::reassembly::{Piecewise, Segment};
use super::stream::StreamEvent;
use super::tcp::Placed;
use super::{Flow, Ingress, Outcome};
use crate::net::Side;
use crate::packet::{Packet, Tcp};
use crate::time::Timestamp;
use crate::weird::{Weird, Weirds};

/// Bytes above a hole that a side may send while its peer is never heard before the hole is given
/// up (Zeek's `tcp_max_above_hole_bytes_without_any_acks`).
const UNHEARD_PEER_BYTES_MAX: u64 = 16 << 10;

impl Flow {
    /// Lets the TCP state machine take a segment; turns the flow round if it says so.
    pub(super) fn place(
        &mut self,
        clock: Timestamp,
        side: Side,
        tcp: &Tcp,
        len: u32,
        weirds: &mut Weirds,
    ) -> Placed {
        let Some(flow) = self.tcp.as_mut() else {
            return Placed::default();
        };
        let placed = flow.handle_segment(clock, side, tcp, len, &mut self.history, weirds);
        if placed.flip {
            std::mem::swap(&mut self.id.originator, &mut self.id.responder);
            self.tally.swap(0, 1);
            self.macs.swap(0, 1);
        }
        placed
    }

    /// Puts the segment's payload in order and tells what comes next in both streams.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn follow(
        &mut self,
        ingress: Ingress<'_>,
        side: Side,
        tcp: &Tcp,
        placed: Placed,
        packet: &Packet,
        payload: &[u8],
        weirds: &mut Weirds,
        put: &mut impl FnMut(StreamEvent<'_>),
    ) -> Outcome {
        let Some(flow) = self.tcp.as_mut() else {
            return Outcome::default();
        };
        let mut outcome = Outcome::default();
        if placed.ignored {
            return outcome;
        }
        let acked_before = placed.acked_before;
        let peer_heard = self.tally[side.peer().index()].packets > 0;
        let stream = &mut flow.sides[side.index()].stream;
        // A RST's payload is a reason for people (RFC 9293 section 3.5.3), not part of the stream.
        if packet.payload_len > 0 && !tcp.flags.rst {
            let segment = whole(placed.offset, packet.payload_len, payload);
            let arrival =
                stream.handle_segment(segment, ingress.keep, &mut |piece| put(event(side, piece)));
            outcome.held_delta += arrival.held_delta;
            if arrival.inconsistent {
                weirds.push(Weird::InconsistentOverlap);
            }
            let before = stream.held_bytes() as isize - outcome.held_delta;
            let unheard = !peer_heard && stream.above_hole() > UNHEARD_PEER_BYTES_MAX;
            if unheard {
                weirds.push(Weird::AboveHoleWithoutAcks);
                stream.skip_hole(&mut |piece| put(event(side, piece)));
            }
            let spare = before.saturating_add_unsigned(ingress.spare_bytes).max(0) as usize;
            let held_max = spare.min(ingress.limits.reassembly_flow_bytes_max);
            if stream.held_bytes() > held_max {
                weirds.push(Weird::ExcessiveWithoutAcks);
            }
            while stream.held_bytes() > held_max {
                outcome.holes_given_up += 1;
                stream.skip_hole(&mut |piece| put(event(side, piece)));
            }
            outcome.held_delta = stream.held_bytes() as isize - before;
        }
        if tcp.flags.ack {
            let acked = self.skip_acknowledged(side.peer(), acked_before, put);
            outcome.held_delta += acked.held_delta;
            (outcome.acknowledges, outcome.shows_gap) = (acked.acknowledges, acked.shows_gap);
        }
        self.tell_end(side, tcp, put);
        outcome
    }

    /// Bytes of `side` that its peer acknowledged will not come any more: tells them as a gap.
    fn skip_acknowledged(
        &mut self,
        side: Side,
        before: u64,
        put: &mut impl FnMut(StreamEvent<'_>),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(flow) = self.tcp.as_mut() else {
            return outcome;
        };
        let reports = flow.reports_gaps();
        let endpoint = &mut flow.sides[side.index()];
        // The FIN takes a place in the sequence space, and holds no byte.
        let fin = endpoint.fin().map_or(u64::MAX, |fin| fin.saturating_sub(1));
        let acked = endpoint.acked().min(fin);
        outcome.acknowledges = reports && endpoint.acked() > before.max(1);
        if acked <= endpoint.stream.next() {
            return outcome;
        }
        let held = endpoint.stream.held_bytes() as isize;
        let missed = endpoint
            .stream
            .skip_to(acked, &mut |piece| put(event(side, piece)));
        outcome.held_delta = endpoint.stream.held_bytes() as isize - held;
        if missed > 0 && reports {
            outcome.shows_gap = outcome.acknowledges;
            self.missed_bytes += missed;
            self.history.add_logarithmic(side, b'G');
        }
        outcome
    }

    fn tell_end(&mut self, side: Side, tcp: &Tcp, put: &mut impl FnMut(StreamEvent<'_>)) {
        let Some(flow) = self.tcp.as_mut() else {
            return;
        };
        let ended: &[Side] = match tcp.flags.rst {
            true => &[Side::Originator, Side::Responder],
            false => &[side],
        };
        for side in ended {
            let endpoint = &mut flow.sides[side.index()];
            let complete = endpoint
                .fin()
                .is_some_and(|fin| endpoint.stream.next() + 1 >= fin);
            if (tcp.flags.rst || complete) && !endpoint.end_told {
                endpoint.end_told = true;
                put(StreamEvent::End { side: *side });
            }
        }
    }

    /// Nobody reads the streams any more; gives how much less is held.
    pub fn forget_bytes(&mut self) -> isize {
        let Some(flow) = self.tcp.as_mut() else {
            return 0;
        };
        let mut delta = 0;
        for side in &mut flow.sides {
            delta -= side.stream.held_bytes() as isize;
            side.stream.forget_bytes();
            delta += side.stream.held_bytes() as isize;
        }
        delta
    }

    /// The flow is over: tells what is held behind holes; gives how much less is held.
    pub fn finish_streams(&mut self, put: &mut impl FnMut(StreamEvent<'_>)) -> isize {
        let Some(flow) = self.tcp.as_mut() else {
            return 0;
        };
        let mut freed = 0;
        for side in [Side::Originator, Side::Responder] {
            let stream = &mut flow.sides[side.index()].stream;
            freed += stream.held_bytes() as isize;
            while stream.above_hole() > 0 {
                stream.skip_hole(&mut |piece| put(event(side, piece)));
            }
        }
        -freed
    }
}

/// The segment's part of the stream from its start on: what lies before it is cut off.
fn whole(offset: i64, len: u32, bytes: &[u8]) -> Segment<'_> {
    let len = u64::from(len);
    let before = if offset < 1 {
        offset.abs_diff(1).min(len)
    } else {
        0
    };
    let captured = &bytes[..bytes.len().min(len as usize)];
    Segment {
        offset: offset.max(1) as u64,
        len: len - before,
        bytes: captured.get(before as usize..).unwrap_or_default(),
    }
}

fn event(side: Side, piece: Piecewise<'_>) -> StreamEvent<'_> {
    match piece {
        Piecewise::Data(bytes) => StreamEvent::Data { side, bytes },
        Piecewise::Uncaptured(bytes) | Piecewise::Missing(bytes) => {
            StreamEvent::Gap { side, bytes }
        }
    }
}
