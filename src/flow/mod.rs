//! From packets to flows and streams.
//!
//! A [`Flow`] counts, keeps Zeek's history and puts TCP payload in order; what the payload says is
//! `inspect`'s business. Per flow it holds the bounded out-of-order pieces and nothing else of the
//! payload.

pub mod history;
pub mod key;
mod ports;
pub mod reassembly;
pub mod stream;
pub mod table;
pub mod tcp;
mod tcp_stream;
mod tunnels;
mod turn;

use crate::limits::Limits;
use crate::net::{Endpoint, Mac, Side, Transport, Uid};
use crate::observe::{ConnState, FlowId, FlowSummary, SideTally};
use crate::packet::{self, Link, Packet, Tcp};
use crate::time::{Span, Timestamp};
use crate::weird::{Weird, Weirds};
use history::History;
use key::{FlowKey, Keyed};
use ring::digest;
use serde::{Deserialize, Serialize};
use stream::StreamEvent;
use tcp::{State, TcpFlow};
use tunnels::Tunnels;
pub use turn::Awaits;

/// A flow, from its first packet to its account in `conn.log`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// What its packets share.
    pub key: FlowKey,
    /// Who, and since when.
    pub id: FlowId,
    /// The moment of the last packet that counts for the duration.
    last_at: Timestamp,
    /// The clock at the last packet: what idle deadlines count from.
    active_at: Timestamp,
    tally: [SideTally; 2],
    history: History,
    vlan: [Option<u16>; 2],
    macs: [Option<Mac>; 2],
    /// None for a flow outside of tunnels, as most are.
    tunnels: Option<Box<Tunnels>>,
    missed_bytes: u64,
    exchanges: Exchanges,
    /// The highest TTL of each side.
    ttls: [Option<u8>; 2],
    tcp: Option<Box<TcpFlow>>,
    /// An established session whose silence is no end.
    pub is_patient: bool,
}

/// Counts how often the originator spoke up after silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Exchanges {
    count: u32,
    spoke_at: Option<Timestamp>,
}

/// Client payload after this much silence of the client opens a new exchange.
const EXCHANGE_IDLE: Span = Span::from_secs(2);

/// A segment that came over this many hops more than its side's shortest path did is odd; routes
/// that change or balance load differ by one or two.
const TTL_JUMP: u8 = 5;

/// What a flow is told of beside the packet.
#[derive(Clone, Copy, Debug)]
pub struct Ingress<'a> {
    /// The sensor's clock as of this frame: the highest moment so far.
    pub clock: Timestamp,
    /// The bounds to keep.
    pub limits: &'a Limits,
    /// The packet's time to live or hop limit.
    pub ttl: Option<u8>,
    /// Whether anyone reads the stream: if not, only its extent is followed.
    pub keep: bool,
    /// Out-of-order bytes that may still be held besides.
    pub spare_bytes: usize,
}

/// What a flow does with a packet beside counting it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How much more, or less, memory is held for out-of-order payload than before.
    pub held_delta: isize,
    /// The segment acknowledges new bytes in an established flow.
    pub acknowledges: bool,
    /// Acknowledgements of bytes that were never seen, and are not waited for any more.
    pub gaps: u64,
    /// Holes that were passed over only because a bound was reached.
    pub holes_given_up: u64,
}

impl Flow {
    /// The flow that `packet` opens; its originator is decided as Zeek does, by the packet and its
    /// ports. `reply_first` says that the payload shows an answer.
    pub fn open(
        keyed: &Keyed,
        packet: &Packet,
        reply_first: bool,
        seed: u64,
        clock: Timestamp,
    ) -> Flow {
        let flip = reply_first || ports::is_reply_first(keyed, packet);
        let uid = uid(seed, &keyed.key, packet.at);
        Flow::open_as(uid, keyed, packet, flip, clock)
    }

    /// The flow with this uid that `packet` opens, from the responder if so.
    fn open_as(uid: Uid, keyed: &Keyed, packet: &Packet, flip: bool, clock: Timestamp) -> Flow {
        let (originator, responder) = match flip {
            true => (keyed.dst, keyed.src),
            false => (keyed.src, keyed.dst),
        };
        let mut macs = packet.link.macs;
        let mut history = History::default();
        if flip {
            macs.swap(0, 1);
            history.flip();
        }
        Flow {
            key: keyed.key,
            id: FlowId {
                uid,
                first_at: packet.at,
                originator,
                responder,
                transport: keyed.transport,
            },
            last_at: packet.at,
            active_at: clock,
            tally: [SideTally::default(); 2],
            history,
            vlan: packet.link.vlan,
            macs,
            tunnels: packet.within.map(|first| Box::new(Tunnels::of(first))),
            missed_bytes: 0,
            exchanges: Exchanges::default(),
            ttls: [None; 2],
            tcp: (keyed.transport == Transport::Tcp).then(Box::default),
            is_patient: false,
        }
    }

    /// Which side sent a packet from `src`.
    pub fn side_of(&self, src: Endpoint) -> Side {
        match src == self.id.originator {
            true => Side::Originator,
            false => Side::Responder,
        }
    }

    /// Whether `tcp` from `src` opens another flow between the same endpoints.
    pub fn is_reuse(&self, src: Endpoint, tcp: &Tcp) -> bool {
        let flow = self.tcp.as_ref();
        flow.is_some_and(|flow| flow.is_reuse(self.side_of(src), tcp))
    }

    /// Whether the TCP handshake is complete, and neither side has closed.
    pub fn is_established(&self) -> bool {
        let tcp = self.tcp.as_ref();
        tcp.is_some_and(|tcp| {
            tcp.sides
                .iter()
                .all(|side| side.state == State::Established)
        })
    }

    /// A packet whose checksum does not hold: seen, and otherwise left out.
    pub fn note_bad_checksum(&mut self, src: Endpoint) {
        self.history.add_logarithmic(self.side_of(src), b'C');
    }

    /// Counts a packet, and puts a TCP segment's payload in order: `put` gets the stream's events.
    pub fn handle_packet(
        &mut self,
        ingress: Ingress<'_>,
        src: Endpoint,
        packet: &Packet,
        payload: &[u8],
        weirds: &mut Weirds,
        put: &mut impl FnMut(StreamEvent<'_>),
    ) -> Outcome {
        let mut side = self.side_of(src);
        self.note_link(side, &packet.link);
        if (self.tunnels.is_some() || packet.within.is_some())
            && self.tunnels.get_or_insert_default().note(packet.within)
        {
            self.history.add(Side::Originator, b'X');
        }
        let mut outcome = Outcome::default();
        let mut counts = true;
        match packet.transport {
            packet::Transport::Tcp(tcp) => {
                let placed = self.place(ingress.clock, side, &tcp, packet.payload_len, weirds);
                side = if placed.flip { side.peer() } else { side };
                counts = placed.counts;
                let matters = packet.payload_len > 0 || tcp.flags.rst || tcp.flags.fin;
                self.note_ttl(side, ingress.ttl, matters, weirds);
                outcome = self.follow(ingress, side, &tcp, placed, packet, payload, weirds, put);
            }
            packet::Transport::Udp { len, .. } => {
                self.history.add_once(side, b'D');
                self.tally[side.index()].bytes += u64::from(len);
            }
            packet::Transport::Icmp { kind, .. } => {
                side = self.turn_to_query(ingress, side, packet.ip.proto, kind);
                self.tally[side.index()].bytes += u64::from(packet.payload_len);
            }
            // What payload is, only the protocol's analyzer could say; Zeek counts none either.
            packet::Transport::Other => {}
        }
        self.active_at = ingress.clock;
        if counts {
            self.last_at = self.last_at.max(packet.at);
        }
        self.id.first_at = self.id.first_at.min(packet.at);
        let tally = &mut self.tally[side.index()];
        tally.packets += 1;
        tally.ip_bytes += u64::from(packet.ip.total_len);
        if packet.payload_len > 0 && side == Side::Originator {
            self.exchanges.note(packet.at);
        }
        outcome
    }

    /// When the flow ends if nothing more comes.
    pub fn deadline(&self, limits: &Limits) -> Timestamp {
        let Some(tcp) = &self.tcp else {
            return self.active_at
                + match self.id.transport {
                    Transport::Udp => limits.udp_inactivity,
                    _ => limits.icmp_inactivity,
                };
        };
        let [originator, responder] = &tcp.sides;
        if let Some(closed) = tcp.closed {
            let reset = [originator, responder]
                .iter()
                .any(|s| s.state == State::Reset);
            return closed.deadline(match reset {
                true => limits.tcp_reset,
                false => limits.tcp_close,
            });
        }
        match (tcp.attempt, originator.state, responder.state) {
            (Some(attempt), State::SynSent, State::Inactive) => {
                attempt.deadline(limits.tcp_attempt)
            }
            _ if self.is_patient && !tcp.is_closing() => self.active_at + limits.tls_inactivity,
            _ => self.active_at + limits.tcp_inactivity,
        }
    }

    /// The flow's account. `services` is what inspectors recognised.
    pub fn summary(&self, services: Vec<Box<str>>) -> FlowSummary {
        let history = self.history.text();
        let mut tally = self.tally;
        let state = match &self.tcp {
            Some(tcp) => {
                let [originator, responder] = &tcp.sides;
                tally[0].bytes = originator.bytes(responder.state);
                tally[1].bytes = responder.bytes(originator.state);
                tcp.conn_state(&history)
            }
            None if self.id.transport == Transport::Udp => match tally.map(|t| t.packets > 0) {
                [true, true] => ConnState::Sf,
                [true, false] => ConnState::S0,
                [false, true] => ConnState::Shr,
                [false, false] => ConnState::Oth,
            },
            None => ConnState::Oth,
        };
        let duration = self.last_at - self.id.first_at;
        FlowSummary {
            duration: (duration > Span::ZERO).then_some(duration),
            tally,
            state,
            history,
            missed_bytes: self.missed_bytes,
            services,
            ip_proto: self.key.proto(),
            vlan: self.vlan,
            macs: self.macs,
            tunnel_parents: self
                .tunnels
                .as_ref()
                .map_or(Vec::new(), |tunnels| tunnels.parents().to_vec()),
            exchanges: self.exchanges.count,
        }
    }

    /// A path's length varies by a few hops at most. `matters` says that the segment changes what
    /// its receiver takes.
    fn note_ttl(&mut self, side: Side, ttl: Option<u8>, matters: bool, weirds: &mut Weirds) {
        let (highest, Some(ttl)) = (&mut self.ttls[side.index()], ttl) else {
            return;
        };
        if let Some(highest) =
            highest.filter(|highest| matters && ttl.saturating_add(TTL_JUMP) <= *highest)
        {
            weirds.push_with(Weird::TtlJump, format!("{highest} -> {ttl}"));
        }
        *highest = (*highest).max(Some(ttl));
    }

    fn note_link(&mut self, side: Side, link: &Link) {
        if self.vlan[0].is_none() {
            self.vlan = link.vlan;
        }
        if self.macs[side.index()].is_none() {
            self.macs[side.index()] = link.macs[0];
        }
    }
}

impl Exchanges {
    fn note(&mut self, at: Timestamp) {
        let fresh = self
            .spoke_at
            .is_none_or(|spoke_at| at - spoke_at >= EXCHANGE_IDLE);
        self.count += u32::from(fresh);
        self.spoke_at = Some(at);
    }
}

/// The identity of the flow with `key` whose first packet is of `first_at`: 96 bits of SHA-256 over
/// seed, key and first moment, the same in every run of the same traffic.
pub fn uid(seed: u64, key: &FlowKey, first_at: Timestamp) -> Uid {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&seed.to_le_bytes());
    context.update(&key.to_bytes());
    context.update(&first_at.as_nanos().to_le_bytes());
    let hash = context.finish();
    let (high, rest) = hash.as_ref().split_at(4);
    let mut low = [0; 8];
    low.copy_from_slice(&rest[..8]);
    let high = high
        .iter()
        .fold(0, |word, byte| word << 8 | u32::from(*byte));
    Uid::from_words(high, u64::from_be_bytes(low))
}

#[cfg(test)]
mod tests;
