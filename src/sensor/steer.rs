//! From frames to the shards that own their packets.
//!
//! The one place that sees every frame in order: it numbers them, keeps the clock, and does what
//! must happen before flows are told apart: it goes into tunnels, outer packet first. Holds no
//! payload.

use super::counters::Counters;
use super::settings::Settings;
use super::tunnels::{Tunnel, Tunnels, Within};
use crate::flow;
use crate::flow::key::{FlowKey, Keyed};
use crate::limits::SHARDS;
use crate::net::{Endpoint, Transport, TunnelKind, Uid};
use crate::observe::{FlowId, TunnelAction, TunnelSeen};
use crate::packet::frame::Frame;
use crate::packet::tunnel::{self, Carried};
use crate::packet::{self, Ip, Packet, Peeled, Undecoded, checksum, proto};
use crate::time::Timestamp;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How many tunnels may stand within each other in one frame. Zeek's `Tunnel::max_depth` is 2, but
/// a mirror's own tunnel (ERSPAN, VXLAN) may stand around what is mirrored.
pub const TUNNELS_MAX: usize = 4;

/// The sequencer of frames.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steering {
    seed: u64,
    clock: Timestamp,
    seq: i64,
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
    /// An anomaly of a packet between two hosts that no flow is made of.
    Weird(Weird, [IpAddr; 2]),
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

/// Where the packet within a packet is.
struct Inner {
    start: Peeled,
    /// Where the outer packet ends in the frame as captured, and on the wire.
    ends: [usize; 2],
}

impl Steering {
    /// A sequencer whose flows hash under `seed`.
    pub fn new(seed: u64) -> Steering {
        Steering {
            seed,
            clock: Timestamp::MIN,
            seq: 0,
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
        self.end_tunnels(settings, put);
    }

    /// Takes the next frame and gives what it holds to `put`, in order, each with the bytes that
    /// its offsets are into.
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
            Err(why) => self.leave_out(why, &Within::default(), frame.bytes, put),
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
            Err(why) => {
                self.leave_out(why, within, frame.bytes, put);
                return None;
            }
        };
        packet.within = within.uid;
        let hosts = [packet.ip.src, packet.ip.dst];
        let bytes = frame.bytes.get(..packet.ip.body.end).unwrap_or_default();
        let carried = tunnel::over_ip(bytes, &packet.ip);
        if let Some(carried) = carried {
            if is_bad(settings, &packet, bytes) {
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
        let arrival = Arrival {
            packet: packet.clone(),
            keyed,
            hash,
            carrier,
        };
        let steered = self.steered(shard_of(hash), Content::Packet(arrival));
        put(steered, frame.bytes);
        self.enter(
            settings,
            &packet,
            carrier.map(|_| keyed.key),
            carried?,
            within,
            put,
        )
    }

    /// Goes into the tunnel that `packet` carries; `key` is its flow's where that has its identity.
    fn enter(
        &mut self,
        settings: &Settings,
        packet: &Packet,
        key: Option<FlowKey>,
        carried: Carried,
        within: &mut Within,
        put: &mut impl FnMut(Steered, &[u8]),
    ) -> Option<Inner> {
        let hosts = [packet.ip.src, packet.ip.dst];
        if within.depth >= TUNNELS_MAX {
            self.put_weird(Weird::TunnelTooDeep, hosts, put);
            return None;
        }
        let mut start = match carried.inner {
            Ok(start) => start,
            Err(Undecoded::Weird(weird)) => {
                self.put_weird(weird, hosts, put);
                return None;
            }
            Err(why) => {
                self.counters.note_undecoded(why);
                return None;
            }
        };
        let key = key.unwrap_or_else(|| FlowKey::between(hosts[0], hosts[1], ip_proto(carried)));
        let [originator, responder] = hosts.map(|addr| Endpoint { addr, port: 0 });
        let id = || FlowId {
            uid: flow::uid(self.seed, &key, packet.at),
            first_at: packet.at,
            originator,
            responder,
            transport: Transport::Unknown,
        };
        let (tunnel, evicted) = self
            .tunnels
            .meet(&settings.limits, self.clock, key, true, id);
        tunnel.kind = Some(carried.kind);
        within.enter(key, tunnel, hosts);
        self.counters.tunnels_evicted += u64::from(evicted);
        self.counters.inner_packets += 1;
        // What stands within a VLAN does not leave it.
        if start.0.vlan == [None; 2] {
            start.0.vlan = packet.link.vlan;
        }
        let on_wire = packet.ip.body.start + packet.ip.body_len as usize;
        Some(Inner {
            start,
            ends: [packet.ip.body.end, on_wire],
        })
    }

    /// Whether the flow of a datagram may carry a tunnel, and what this datagram carries.
    fn carrier(
        &mut self,
        settings: &Settings,
        bytes: &[u8],
        packet: &Packet,
        keyed: &Keyed,
    ) -> (Option<Carrier>, Option<Carried>) {
        let ports = &settings.tunnel_ports;
        let expected = ports.expect(keyed.src.port, keyed.dst.port);
        let resembles = || tunnel::resembles_teredo(bytes, packet.payload.start);
        let known = self.tunnels.knows(&keyed.key);
        let is_gre = ports.gre.contains(&keyed.dst.port);
        if !expected && !known && !is_gre && !resembles() {
            return (None, None);
        }
        let bad = match settings.ignore_checksums {
            true => None,
            false => checksum::mismatch(packet, bytes),
        };
        let carried = match bad {
            Some(Weird::BadIpChecksum) => return (None, None),
            Some(_) => None,
            None => tunnel::over_udp(ports, bytes, packet),
        };
        match carried {
            // GRE has an identity of its own, over UDP as over IP.
            Some(carried) if carried.kind == TunnelKind::Gre => return (None, Some(carried)),
            None if !expected && !known => return (None, None),
            _ => {}
        }
        let id = || FlowId {
            uid: flow::uid(self.seed, &keyed.key, packet.at),
            first_at: packet.at,
            originator: keyed.src,
            responder: keyed.dst,
            transport: keyed.transport,
        };
        let (limits, clock, believed) = (&settings.limits, self.clock, bad.is_none());
        let (tunnel, evicted) = self.tunnels.meet(limits, clock, keyed.key, believed, id);
        self.counters.tunnels_evicted += u64::from(evicted);
        if let Some(carried) = carried {
            tunnel.kind = Some(carried.kind);
            tunnel.heard[usize::from(keyed.src > keyed.dst)] = true;
        }
        let carrier = Carrier {
            uid: tunnel.id.uid,
            confirmed: tunnel.confirmed(),
        };
        (Some(carrier), carried)
    }

    /// A packet was found within tunnels: those that were not told of are now.
    fn discover(
        &mut self,
        settings: &Settings,
        packet: &Packet,
        bytes: &[u8],
        within: &mut Within,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        if within.news.is_empty() || is_bad(settings, packet, bytes) {
            return;
        }
        for key in std::mem::take(&mut within.news) {
            let Some(tunnel) = self.tunnels.get_mut(&key) else {
                continue;
            };
            tunnel.is_discovered = true;
            let tunnel = *tunnel;
            self.put_tunnel(key, &tunnel, TunnelAction::Discover, self.clock, put);
        }
    }

    /// Tunnels that nothing came through for long are over.
    fn end_tunnels(&mut self, settings: &Settings, put: &mut impl FnMut(Steered, &[u8])) {
        while let Some((at, key, tunnel)) = self.tunnels.pop_due(self.clock, &settings.limits) {
            // Of one over UDP, its flow tells.
            if tunnel.is_discovered && tunnel.id.transport == Transport::Unknown {
                self.put_tunnel(key, &tunnel, TunnelAction::Expire, at, put);
            }
        }
    }

    fn put_tunnel(
        &mut self,
        key: FlowKey,
        tunnel: &Tunnel,
        action: TunnelAction,
        clock: Timestamp,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        let Some(kind) = tunnel.kind else {
            return;
        };
        let hash = key.hash(self.seed);
        let content = Content::Tunnel {
            key,
            hash,
            id: tunnel.id,
            seen: TunnelSeen { kind, action },
        };
        let steered = self.steered(shard_of(hash), content);
        put(Steered { clock, ..steered }, &[]);
    }

    fn put_weird(
        &mut self,
        weird: Weird,
        hosts: [IpAddr; 2],
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        put(self.steered(0, Content::Weird(weird, hosts)), &[]);
    }

    /// Counts and tells what no packet was made of.
    fn leave_out(
        &mut self,
        why: Undecoded,
        within: &Within,
        bytes: &[u8],
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        self.counters.note_undecoded(why);
        match (why, within.hosts) {
            (Undecoded::Weird(weird), Some(hosts)) => self.put_weird(weird, hosts, put),
            _ => put(self.steered(0, Content::Undecoded(why)), bytes),
        }
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

/// The protocol number that tells the tunnels between two hosts apart.
fn ip_proto(carried: Carried) -> u8 {
    match carried.kind {
        TunnelKind::Gre => proto::GRE,
        _ => proto::IPV4,
    }
}

/// Whether the checksum of the packet's IP header does not hold, where that matters.
fn is_bad(settings: &Settings, packet: &Packet, bytes: &[u8]) -> bool {
    !settings.ignore_checksums && checksum::mismatch(packet, bytes) == Some(Weird::BadIpChecksum)
}

/// The shard of a flow: from bits of its key's hash that the shard's own table does not use first.
fn shard_of(hash: u64) -> u8 {
    ((hash >> 24) % SHARDS as u64) as u8
}

#[cfg(test)]
mod tests;
