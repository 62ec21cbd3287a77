//! From a placed segment to the events of its flow's stream.

use super::reassembly::{Awaited, Piecewise, Segment};
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

/// Acknowledgements of one side that are remembered because bytes below them were not seen: far
/// more than are under way at once where a capture is reordered.
const AWAITED_MAX: usize = 64;

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
            self.turn_round();
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
        let mut outcome = Outcome::default();
        if placed.ignored {
            return outcome;
        }
        let held_before = self.held_bytes();
        let held_max = held_before.saturating_add(ingress.spare_bytes);
        for side in [side, side.peer()] {
            outcome.gaps += self.give_up_overdue(side, ingress, put);
        }
        let peer_heard = self.tally[side.peer().index()].packets > 0;
        // A RST's payload is a reason for people (RFC 9293 section 3.5.3), not part of the stream.
        if packet.payload_len > 0
            && !tcp.flags.rst
            && let Some(flow) = self.tcp.as_mut()
        {
            let stream = &mut flow.sides[side.index()].stream;
            let segment = whole(placed.offset, packet.payload_len, payload);
            let arrival =
                stream.handle_segment(segment, ingress.keep, &mut |piece| put(event(side, piece)));
            if arrival.inconsistent {
                weirds.push(Weird::InconsistentOverlap);
            }
            if !peer_heard && stream.above_hole() > UNHEARD_PEER_BYTES_MAX {
                weirds.push(Weird::AboveHoleWithoutAcks);
                stream.skip_hole(&mut |piece| put(event(side, piece)));
            }
        }
        if tcp.flags.ack {
            outcome.acknowledges = self.await_acknowledged(side.peer(), placed, ingress.clock);
        }
        for side in [side, side.peer()] {
            let kept = self.keep_bounds(side, ingress, held_max, weirds, put);
            outcome.gaps += kept.gaps;
            outcome.holes_given_up += kept.holes_given_up;
        }
        outcome.held_delta = self.held_bytes() as isize - held_before as isize;
        self.tell_ends(false, put);
        outcome
    }

    /// Memory that both sides' streams hold.
    fn held_bytes(&self) -> usize {
        let sides = self.tcp.iter().flat_map(|flow| &flow.sides);
        sides.map(|side| side.stream.held_bytes()).sum()
    }

    /// Bytes of `side` that its peer acknowledged: those that were not seen are awaited. Says
    /// whether an established flow's peer acknowledged anything new.
    fn await_acknowledged(&mut self, side: Side, placed: Placed, clock: Timestamp) -> bool {
        let letters = self.history.place();
        let Some(flow) = self.tcp.as_mut() else {
            return false;
        };
        let reports = flow.reports_gaps();
        let endpoint = &mut flow.sides[side.index()];
        let acknowledges = reports && endpoint.acked() > placed.acked_before.max(1);
        endpoint.stream.await_bytes(Awaited {
            end: endpoint.acked().min(endpoint.end()),
            since: clock,
            letters,
            counts: reports,
        });
        acknowledges
    }

    /// Awaited bytes of `side` that did not come in time will not come any more. Gives how many
    /// acknowledgements of them count.
    fn give_up_overdue(
        &mut self,
        side: Side,
        ingress: Ingress<'_>,
        put: &mut impl FnMut(StreamEvent<'_>),
    ) -> u64 {
        let mut gaps = 0;
        while let Some(flow) = &self.tcp
            && let Some(first) = flow.sides[side.index()].stream.awaited()
            && ingress.clock - first.since >= ingress.limits.reassembly_delay
        {
            gaps += self.give_up(side, put);
        }
        gaps
    }

    /// The first awaited bytes of `side` are told as a gap. Gives 1 if they count as missed.
    fn give_up(&mut self, side: Side, put: &mut impl FnMut(StreamEvent<'_>)) -> u64 {
        let Some(flow) = self.tcp.as_mut() else {
            return 0;
        };
        let endpoint = &mut flow.sides[side.index()];
        let end = endpoint.end();
        let Some(given_up) = endpoint.stream.pop_awaited() else {
            return 0;
        };
        let missed = endpoint
            .stream
            .skip_to(given_up.end.min(end), &mut |piece| put(event(side, piece)));
        if missed == 0 || !given_up.counts {
            return 0;
        }
        self.missed_bytes += missed;
        let letters = given_up.letters;
        if self.history.insert_logarithmic(letters, side, b'G') {
            let sides = flow.sides.iter_mut();
            let later = sides.flat_map(|side| side.stream.awaited_mut());
            for awaited in later.filter(|awaited| awaited.letters >= letters) {
                awaited.letters += 1;
            }
        }
        1
    }

    /// Gives holes of `side` up until it holds no more than it may, and both sides together no more
    /// than `held_max`: first those that were acknowledged.
    fn keep_bounds(
        &mut self,
        side: Side,
        ingress: Ingress<'_>,
        held_max: usize,
        weirds: &mut Weirds,
        put: &mut impl FnMut(StreamEvent<'_>),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut told = false;
        loop {
            let total = self.held_bytes();
            let Some(flow) = self.tcp.as_mut() else {
                return outcome;
            };
            let stream = &mut flow.sides[side.index()].stream;
            let held = stream.held_bytes();
            let excess = held > ingress.limits.reassembly_flow_bytes_max || total > held_max;
            if stream.awaited_len() > AWAITED_MAX || (excess && stream.awaited().is_some()) {
                outcome.gaps += self.give_up(side, put);
            } else if excess && held > 0 {
                if !std::mem::replace(&mut told, true) {
                    weirds.push(Weird::ExcessiveWithoutAcks);
                }
                outcome.holes_given_up += 1;
                stream.skip_hole(&mut |piece| put(event(side, piece)));
            } else {
                return outcome;
            }
        }
    }

    /// Tells the end of each side that came to its FIN. A RST ends both where all is `over`: what
    /// was sent before it may still come.
    fn tell_ends(&mut self, over: bool, put: &mut impl FnMut(StreamEvent<'_>)) {
        let Some(flow) = self.tcp.as_mut() else {
            return;
        };
        let reset = over && flow.is_reset();
        for side in [Side::Originator, Side::Responder] {
            let endpoint = &mut flow.sides[side.index()];
            let complete = endpoint
                .fin()
                .is_some_and(|fin| endpoint.stream.next() + 1 >= fin);
            if (reset || complete) && !endpoint.end_told {
                endpoint.end_told = true;
                put(StreamEvent::End { side });
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

    /// The flow is over: tells what is held behind holes, and the ends.
    pub fn finish_streams(&mut self, put: &mut impl FnMut(StreamEvent<'_>)) -> Outcome {
        let mut outcome = Outcome::default();
        let held = self.held_bytes();
        for side in [Side::Originator, Side::Responder] {
            while let Some(flow) = self.tcp.as_mut() {
                let stream = &mut flow.sides[side.index()].stream;
                if stream.awaited().is_some() {
                    outcome.gaps += self.give_up(side, put);
                } else if stream.above_hole() > 0 {
                    stream.skip_hole(&mut |piece| put(event(side, piece)));
                } else {
                    break;
                }
            }
        }
        self.tell_ends(true, put);
        outcome.held_delta = self.held_bytes() as isize - held as isize;
        outcome
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
