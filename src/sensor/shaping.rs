//! From a flow's packets to its shape, made once there is something to shape.
//!
//! An attempt that nobody answers, and a flow of one datagram, have none. Of UDP only flows that
//! are not DNS are shaped.

use super::inspection::Inspection;
use crate::flow::stream::StreamEvent;
use crate::flow::table::Entry;
use crate::net::{Side, Transport};
use crate::observe::profile::Exchange;
use crate::observe::{Fact, FlowId};
use crate::packet::{self, Packet};
use crate::profile::shape::{Begun, Segment, Shape};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Datagrams below which a flow without a handshake has no shape worth a row.
const DATAGRAMS_MIN: u32 = 5;

/// A flow's shape, if it has one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Shaping {
    opening: Opening,
    shape: Option<Box<Shape>>,
    /// The last packet's moment.
    last_at: Timestamp,
    /// Events that were answered or passed over, to be told.
    begun: Vec<Begun>,
}

/// What came before there was a shape.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
enum Opening {
    #[default]
    Nothing,
    /// The originator's SYN: when, and how many hops it had left.
    Syn(Timestamp, Option<u8>),
    /// A datagram: when, whose, and the bytes of its payload.
    Datagram(Timestamp, Side, u32),
}

impl Shaping {
    /// Takes what came next in a stream.
    pub fn handle_stream(&mut self, at: Timestamp, event: StreamEvent<'_>) {
        if !matches!(event, StreamEvent::End { .. }) {
            let begun = self.shape().handle_stream(at, event);
            self.begun.extend(begun);
        }
    }

    /// Takes a packet, after what it brought of the streams. `bytes` are its frame's.
    pub fn handle_packet(&mut self, side: Side, packet: &Packet, bytes: &[u8], dns: bool) {
        self.last_at = self.last_at.max(packet.at);
        match packet.transport {
            packet::Transport::Tcp(tcp) => {
                let packet::TcpFlags { syn, fin, rst, .. } = tcp.flags;
                let hops = if syn || rst {
                    hops(packet, bytes)
                } else {
                    None
                };
                if syn && side == Side::Originator && matches!(self.opening, Opening::Nothing) {
                    self.opening = Opening::Syn(packet.at, hops);
                }
                let Some(shape) = &mut self.shape else {
                    return self.note_answer(side, packet, syn || rst);
                };
                shape.handle_segment(&Segment {
                    at: packet.at,
                    side,
                    syn,
                    fin,
                    rst,
                    window: tcp.window,
                    hops,
                });
            }
            packet::Transport::Udp { .. } if packet.payload_len > 0 && !dns => {
                if self.shape.is_none() && matches!(self.opening, Opening::Nothing) {
                    self.opening = Opening::Datagram(packet.at, side, packet.payload_len);
                    return;
                }
                let len = u64::from(packet.payload_len);
                let begun = self.shape().handle_datagram(packet.at, side, len);
                self.begun.extend(begun);
            }
            _ => {}
        }
    }

    /// Whether the flow is told while it is open by `clock`.
    fn is_due(&self, flow: &FlowId, clock: Timestamp) -> bool {
        let next = |shape: &Shape| shape.next_checkpoint(flow.first_at);
        let due = self.shape.as_deref().and_then(next);
        due.is_some_and(|due| due <= clock)
    }

    /// When the flow is told while it is open; what had to be told before `clock` is left out.
    fn next_checkpoint(&mut self, flow: &FlowId, clock: Timestamp) -> Option<Timestamp> {
        let shape = self.shape.as_mut()?;
        loop {
            let due = shape.next_checkpoint(flow.first_at)?;
            if due > clock {
                return Some(due);
            }
            shape.pass_checkpoint();
        }
    }

    fn tell_begun(&mut self, id: FlowId, put: &mut impl FnMut(FlowId, Fact)) {
        for Begun {
            at,
            by,
            upload_bytes,
        } in self.begun.drain(..)
        {
            let exchange = Exchange {
                at,
                by,
                upload_bytes,
            };
            put(id, Fact::Exchange(Box::new(exchange)));
        }
    }

    fn worth_telling(&self, flow: &FlowId) -> Option<&Shape> {
        let shape = self.shape.as_deref()?;
        let min = match flow.transport {
            Transport::Tcp => 1,
            _ => DATAGRAMS_MIN,
        };
        (shape.pieces() >= min).then_some(shape)
    }

    /// The originator's first segment after its SYN tells the round trip.
    fn note_answer(&mut self, side: Side, packet: &Packet, opens_or_resets: bool) {
        if side == Side::Originator && !opens_or_resets && matches!(self.opening, Opening::Syn(..))
        {
            let segment = Segment {
                at: packet.at,
                side,
                syn: false,
                fin: false,
                rst: false,
                window: u16::MAX,
                hops: None,
            };
            self.shape().handle_segment(&segment);
        }
    }

    fn shape(&mut self) -> &mut Shape {
        let opening = self.opening;
        self.shape.get_or_insert_with(|| {
            let mut shape = Box::<Shape>::default();
            match opening {
                Opening::Nothing => {}
                Opening::Syn(at, hops) => shape.handle_segment(&Segment {
                    at,
                    side: Side::Originator,
                    syn: true,
                    fin: false,
                    rst: false,
                    window: u16::MAX,
                    hops,
                }),
                Opening::Datagram(at, side, len) => {
                    // The first datagram neither answers nor passes over an event.
                    let _ = shape.handle_datagram(at, side, u64::from(len));
                }
            }
            shape
        })
    }
}

/// After a packet: tells the exchanges that it answered or passed over, and sets when to look at
/// the flow while it is open.
pub fn follow_up(
    entry: &mut Entry<Inspection>,
    clock: Timestamp,
    mut put: impl FnMut(FlowId, Fact),
) {
    let (id, shaping) = (entry.flow.id, &mut entry.attached.shaping);
    entry.look_at = shaping.next_checkpoint(&id, clock);
    shaping.tell_begun(id, &mut put);
}

/// If a checkpoint is due, tells the shape of the flow, which goes on.
pub fn look(entry: &mut Entry<Inspection>, at: Timestamp, put: impl FnOnce(FlowId, Fact)) {
    let (id, shaping) = (entry.flow.id, &mut entry.attached.shaping);
    let is_due = shaping.is_due(&id, at);
    entry.look_at = shaping.next_checkpoint(&id, at);
    if is_due && let Some(shape) = shaping.worth_telling(&id) {
        put(
            id,
            Fact::Profile(Box::new(shape.profile(id.first_at, at, true))),
        );
    }
}

/// The flow is over: tells the exchange that nothing answered, and the flow's shape.
pub fn finish(entry: &mut Entry<Inspection>, mut put: impl FnMut(FlowId, Fact)) {
    let (id, shaping) = (entry.flow.id, &mut entry.attached.shaping);
    let last = match (&mut shaping.shape, shaping.opening) {
        (Some(shape), _) => shape.finish(),
        (None, Opening::Datagram(at, Side::Originator, len)) => Some(Begun {
            at,
            by: Side::Originator,
            upload_bytes: u64::from(len),
        }),
        (None, _) => None,
    };
    shaping.begun.extend(last);
    shaping.tell_begun(id, &mut put);
    if let Some(shape) = shaping.worth_telling(&id) {
        let profile = shape.profile(id.first_at, shaping.last_at, false);
        put(id, Fact::Profile(Box::new(profile)));
    }
}

/// The hops that a packet had left: TTL of IPv4, hop limit of IPv6.
fn hops(packet: &Packet, bytes: &[u8]) -> Option<u8> {
    let header = bytes.get(packet.ip.header.clone())?;
    let place = if packet.ip.src.is_ipv4() { 8 } else { 7 };
    header.get(place).copied()
}
