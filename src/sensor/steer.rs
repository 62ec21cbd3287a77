//! From frames to the shards that own their packets.
//!
//! The one place that sees every frame in order: it numbers them, keeps the clock, and does what
//! must happen before flows are told apart: it joins fragments and goes into tunnels, outer packet
//! first. Of payload it holds fragments only, within [`fragments`](crate::packet::fragments)'
//! bound.

mod tunnelled;

use super::counters::Counters;
use super::neighbours;
use super::settings::Settings;
use super::tunnels::{Tunnels, Within};
use crate::flow::key::{FlowKey, Keyed};
use crate::limits::SHARDS;
use crate::net::{Transport, TunnelKind, Uid};
use crate::observe::{FlowId, TunnelSeen};
use crate::packet::fragments::{Fragment, Fragments};
use crate::packet::frame::Frame;
use crate::packet::{self, Ip, Link, Packet, Peeled, Undecoded, proto, tunnel};
use crate::time::Timestamp;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tunnelled::{Inner, header, is_bad};

/// How many tunnels may stand within each other in one frame. Zeek's `Tunnel::max_depth` is 2, but
/// a mirror's own tunnel (ERSPAN, VXLAN) may stand around what is mirrored.
pub const TUNNELS_MAX: usize = 4;

/// The sequencer of frames.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steering {
    seed: u64,
    clock: Timestamp,
    seq: i64,
    fragments: Fragments,
    tunnels: Tunnels,
    /// What it saw.
    pub counters: Counters,
}

/// What a frame holds, with its number, its clock and its shard. A tunnel's frame holds the packet
/// of the tunnel and the one within it; a fragment may hold nothing yet.
#[derive(Clone, Debug)]
pub struct Steered {
    /// The how-manieth of the run.
    pub seq: i64,
    /// The highest moment seen up to this frame; the deadline of what is over.
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
    Packet(Arrival),
    /// What happened to a tunnel.
    Tunnel {
        /// The key of the flow that carries it, or of its pair of hosts.
        key: FlowKey,
        /// The key's hash.
        hash: u64,
        /// The pair of hosts; of a flow, its table knows better.
        id: FlowId,
        /// What happened.
        seen: TunnelSeen,
    },
    /// Nothing that a flow can be made of.
    Undecoded(Undecoded),
}

/// A packet of a flow.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The packet.
    pub packet: Packet,
    /// Whose it is.
    pub keyed: Keyed,
    /// The key's hash.
    pub hash: u64,
    /// What is known of its flow where that may carry a tunnel.
    pub carrier: Option<Carrier>,
}

/// A flow that may carry a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The flow's identity, which what it carries was told already.
    pub uid: Uid,
    /// What it is sure to carry.
    pub confirmed: Option<TunnelKind>,
}

impl Steering {
    /// A sequencer whose flows hash under `seed`.
    pub fn new(seed: u64) -> Steering {
        Steering {
            seed,
            clock: Timestamp::MIN,
            seq: 0,
            fragments: Fragments::default(),
            tunnels: Tunnels::default(),
            counters: Counters::default(),
        }
    }

    /// The highest moment so far.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Time passed without a frame. Never moves the clock back.
    pub fn handle_tick(
        &mut self,
        settings: &Settings,
        now: Timestamp,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        self.clock = self.clock.max(now);
        self.fragments.handle_clock(&settings.limits, self.clock);
        self.counters.fragments = self.fragments.tally;
        self.end_tunnels(settings, put);
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
        self.end_tunnels(settings, put);
        match packet::peel(frame) {
            Ok(start) => self.open(settings, *frame, start, Within::default(), put),
            Err(why) => self.leave_out(why, &Within::default(), put),
        }
    }

    /// Gives the IP packet that begins at `start` of `frame` to `put`, then the one within it, and
    /// so on inwards.
    fn open(
        &mut self,
        settings: &Settings,
        mut frame: Frame<'_>,
        mut start: Peeled,
        mut within: Within,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        while let Some(inner) = self.open_one(settings, &frame, start, &mut within, put) {
            start = inner.start;
            let [captured, on_wire] = inner.ends;
            frame.bytes = frame.bytes.get(..captured).unwrap_or_default();
            frame.wire_len = on_wire as u32;
        }
    }

    /// Gives out one packet, and says where the one within it is, if there is one to go into.
    fn open_one(
        &mut self,
        settings: &Settings,
        frame: &Frame<'_>,
        start: Peeled,
        within: &mut Within,
        put: &mut impl FnMut(Steered, &[u8]),
    ) -> Option<Inner> {
        let link = start.0;
        let found = inner_ip(frame, start, within);
        let found = found.and_then(|ip| packet::packet(frame, link, ip));
        let mut packet = match found {
            Ok(packet) => packet,
            Err(Undecoded::Fragment(fragment)) => {
                self.handle_fragment(settings, frame, link, fragment, within, put);
                return None;
            }
            Err(why) => {
                self.leave_out(why, within, put);
                return None;
            }
        };
        packet.within = within.uid;
        let hosts = [packet.ip.src, packet.ip.dst];
        let bytes = frame.bytes.get(..packet.ip.body.end).unwrap_or_default();
        let carried = tunnel::over_ip(bytes, &packet.ip);
        if let Some(carried) = carried {
            if is_bad(settings, hosts[0], header(&packet, bytes)) {
                self.counters.bad_checksums += 1;
                self.put_weird(Weird::BadIpChecksum, hosts, put);
                return None;
            }
            return self.enter(settings, &packet, None, carried, within, put);
        }
        // A bubble has nothing within; it keeps a Teredo tunnel open (RFC 4380 section 2.8).
        if within.depth > 0 && packet.ip.proto == proto::NO_NEXT {
            return None;
        }
        self.discover(settings, &packet, bytes, within, put);
        let keyed = FlowKey::of(&packet);
        let (carrier, carried) = match keyed.transport {
            Transport::Udp => self.carrier(settings, bytes, &packet, &keyed),
            _ => (None, None),
        };
        let hash = keyed.key.hash(self.seed);
        // Few packets carry another: only these are copied.
        let carried = carried.map(|carried| (carried, packet.clone()));
        let arrival = Arrival {
            packet,
            keyed,
            hash,
            carrier,
        };
        let steered = self.steered(shard_of(hash), Content::Packet(arrival));
        put(steered, frame.bytes);
        let (carried, packet) = carried?;
        let key = carrier.map(|_| keyed.key);
        self.enter(settings, &packet, key, carried, within, put)
    }

    /// Takes a fragment, and goes on with the datagram that it makes whole as of this moment, as
    /// Zeek does. Rare, and kept apart so that other packets do not pay for it. What was joined may
    /// be a fragment again: at most [`TUNNELS_MAX`] times.
    #[cold]
    #[inline(never)]
    fn handle_fragment(
        &mut self,
        settings: &Settings,
        frame: &Frame<'_>,
        link: Link,
        mut fragment: Fragment,
        within: &Within,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        let hosts = [fragment.src, fragment.dst];
        if within.joined >= TUNNELS_MAX {
            return self.put_weird(Weird::TunnelTooDeep, hosts, put);
        }
        if is_bad(settings, fragment.src, fragment.header(frame.bytes)) {
            self.counters.bad_checksums += 1;
            return self.put_weird(Weird::BadIpChecksum, hosts, put);
        }
        fragment.link = link;
        fragment.depth = (within.depth + within.joined) as u8;
        let (limits, mut weirds) = (&settings.limits, Vec::new());
        let (clock, bytes) = (self.clock, frame.bytes);
        let whole = self
            .fragments
            .handle_fragment(limits, clock, &fragment, bytes, &mut weirds);
        self.counters.fragments = self.fragments.tally;
        for weird in weirds {
            self.put_weird(weird, hosts, put);
        }
        if let Some(datagram) = whole {
            let whole = Frame {
                bytes: &datagram.bytes,
                wire_len: datagram.wire_len,
                ..*frame
            };
            let mut within = within.clone();
            within.joined += 1;
            self.open(settings, whole, (link, 0, datagram.network), within, put);
        }
    }

    fn put_weird(
        &mut self,
        weird: Weird,
        hosts: [IpAddr; 2],
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        let content = Content::Undecoded(Undecoded::Between(weird, hosts));
        put(self.steered(0, content), &[]);
    }

    /// Counts and tells what no packet was made of.
    fn leave_out(&mut self, why: Undecoded, within: &Within, put: &mut impl FnMut(Steered, &[u8])) {
        self.counters.note_undecoded(why);
        let shard = match (why, within.hosts) {
            (Undecoded::Weird(weird), Some(hosts)) => return self.put_weird(weird, hosts, put),
            (Undecoded::Arp(neighbour), _) => neighbours::shard_of(neighbour.addr),
            _ => 0,
        };
        put(self.steered(shard, Content::Undecoded(why)), &[]);
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

/// The IP header at `start`, which within a tunnel must fit into what carries it.
fn inner_ip(frame: &Frame<'_>, start: Peeled, within: &Within) -> Result<Ip, Undecoded> {
    let (link, offset, network) = start;
    let ip = packet::ip(frame, offset, network);
    // A mirror may cut the frames that it sends, as a snaplen does.
    if within.depth == 0 || link.macs[0].is_some() {
        return ip;
    }
    let stated = match network {
        packet::Network::Ipv4 => Some(4),
        packet::Network::Ipv6 => Some(6),
        packet::Network::Either => None,
    };
    let first = frame.bytes.get(offset).map(|first| first >> 4);
    let fits = |ip: &Ip| offset + ip.total_len as usize <= frame.wire_len as usize;
    match ip {
        _ if first.is_some() && stated.is_some() && first != stated => {
            Err(Undecoded::Weird(Weird::InnerIpMismatch))
        }
        Ok(ip) if !fits(&ip) => Err(Undecoded::Weird(Weird::TruncatedInnerIp)),
        Err(Undecoded::Weird(_)) => Err(Undecoded::Weird(Weird::TruncatedInnerIp)),
        ip => ip,
    }
}

/// The shard of a flow: from bits of its key's hash that the shard's own table does not use first.
fn shard_of(hash: u64) -> u8 {
    ((hash >> 24) % SHARDS as u64) as u8
}

#[cfg(test)]
mod tests;
