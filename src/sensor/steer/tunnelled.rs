//! From a packet that carries another to the tunnel that both are told of.
//!
//! The part of steering that knows tunnels by name; where packets stand in a frame, `packet` says.

use super::super::settings::Settings;
use super::super::tunnels::{Tunnel, Within};
use super::{Carrier, Content, Steered, Steering, TUNNELS_MAX, shard_of};
use crate::flow;
use crate::flow::key::{FlowKey, Keyed};
use crate::net::{Endpoint, Transport, TunnelKind};
use crate::observe::{FlowId, TunnelAction, TunnelSeen};
use crate::packet::tunnel::{self, Carried};
use crate::packet::{Packet, Peeled, Undecoded, checksum, proto};
use crate::time::Timestamp;
use crate::weird::Weird;
use std::net::IpAddr;

/// Where the packet within a packet is.
pub(super) struct Inner {
    /// Where it begins.
    pub start: Peeled,
    /// Where the outer packet ends in the frame as captured, and on the wire.
    pub ends: [usize; 2],
}

impl Steering {
    /// Goes into the tunnel that `packet` carries; `key` is its flow's where that has its identity.
    pub(super) fn enter(
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
    pub(super) fn carrier(
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
    pub(super) fn discover(
        &mut self,
        settings: &Settings,
        packet: &Packet,
        bytes: &[u8],
        within: &mut Within,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
        if within.news.is_empty() || is_bad(settings, packet.ip.src, header(packet, bytes)) {
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
    pub(super) fn end_tunnels(
        &mut self,
        settings: &Settings,
        put: &mut impl FnMut(Steered, &[u8]),
    ) {
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
}

/// The protocol number that tells the tunnels between two hosts apart.
fn ip_proto(carried: Carried) -> u8 {
    match carried.kind {
        TunnelKind::Gre => proto::GRE,
        _ => proto::IPV4,
    }
}

/// Whether the checksum of an IP header from `src` does not hold, where that matters. Its body is
/// for the shard to judge.
pub(super) fn is_bad(settings: &Settings, src: IpAddr, header: &[u8]) -> bool {
    !settings.ignore_checksums && src.is_ipv4() && !checksum::holds(header)
}

/// The IP header of `packet` in its frame.
pub(super) fn header<'a>(packet: &Packet, bytes: &'a [u8]) -> &'a [u8] {
    bytes.get(packet.ip.header.clone()).unwrap_or_default()
}
