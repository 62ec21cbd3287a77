//! From the packets of tunnels to who each tunnel is.
//!
//! A tunnel over UDP is a flow: its identity follows from the flow's first packet, so a flow that
//! may be a tunnel is remembered from there on, and forgotten at the same moment as the shard ends
//! it. A tunnel over IP is no flow and is over when nothing comes through it. Holds at most
//! [`Limits::tunnels_max`]; where another one comes, the one that would be over next is forgotten.

use crate::flow::key::FlowKey;
use crate::limits::Limits;
use crate::net::{Transport, TunnelKind, Uid};
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The tunnels that are known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tunnels {
    known: BTreeMap<FlowKey, Tunnel>,
    /// When each would be over if nothing came since it was put here; looked at again then.
    due: BTreeSet<(Timestamp, FlowKey)>,
}

/// A tunnel, or a flow that may turn out to be one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Tunnel {
    /// The first packet's source and destination, and the identity. What the flow itself says of
    /// the two sides may differ.
    pub id: FlowId,
    /// What kind, once a packet was found within it.
    pub kind: Option<TunnelKind>,
    /// Whether a packet within it was told of.
    pub is_discovered: bool,
    /// Which of both hosts, lower address first, sent packets of the kind.
    pub heard: [bool; 2],
    /// The clock at the last packet.
    active_at: Timestamp,
}

/// What a packet is within, from outside to inside.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Within {
    /// How many tunnels.
    pub depth: usize,
    /// How many times fragments were joined on the way.
    pub joined: usize,
    /// The innermost one.
    pub uid: Option<Uid>,
    /// Source and destination of the packet that carries it.
    pub hosts: Option<[IpAddr; 2]>,
    /// Those that nothing was told of so far.
    pub news: Vec<FlowKey>,
}

impl Within {
    /// Goes into the tunnel with `key`, within a packet between `hosts`.
    pub(super) fn enter(&mut self, key: FlowKey, tunnel: &Tunnel, hosts: [IpAddr; 2]) {
        self.depth += 1;
        self.uid = Some(tunnel.id.uid);
        self.hosts = Some(hosts);
        if !tunnel.is_discovered {
            self.news.push(key);
        }
    }
}

impl Tunnel {
    /// What its flow is sure to carry. Of Teredo both sides must be heard, as with Zeek
    /// (`Tunnel::delay_teredo_confirmation`).
    pub(super) fn confirmed(&self) -> Option<TunnelKind> {
        let is_sure = self.kind != Some(TunnelKind::Teredo) || self.heard == [true; 2];
        self.kind.filter(|_| is_sure)
    }

    fn deadline(&self, limits: &Limits) -> Timestamp {
        self.active_at
            + match self.id.transport {
                Transport::Udp => limits.udp_inactivity,
                _ => limits.tunnel_inactivity,
            }
    }
}

impl Tunnels {
    /// Whether the tunnel with `key` is known.
    pub(super) fn knows(&self, key: &FlowKey) -> bool {
        !self.known.is_empty() && self.known.contains_key(key)
    }

    /// The tunnel with `key`, if it is known.
    pub(super) fn get_mut(&mut self, key: &FlowKey) -> Option<&mut Tunnel> {
        self.known.get_mut(key)
    }

    /// A packet of the tunnel with `key` came at `clock`; `id` is whose it is if it is the first.
    /// One that is not `believed` keeps nothing alive. Says whether another one was forgotten.
    pub(super) fn meet(
        &mut self,
        limits: &Limits,
        clock: Timestamp,
        key: FlowKey,
        believed: bool,
        id: impl FnOnce() -> FlowId,
    ) -> (&mut Tunnel, bool) {
        let is_new = !self.known.contains_key(&key);
        let evicted = is_new && self.known.len() >= limits.tunnels_max && self.evict(limits);
        let tunnel = self.known.entry(key).or_insert_with(|| Tunnel {
            id: id(),
            kind: None,
            is_discovered: false,
            heard: [false; 2],
            active_at: clock,
        });
        if is_new {
            self.due.insert((tunnel.deadline(limits), key));
        } else if believed {
            tunnel.active_at = clock;
        }
        (tunnel, evicted)
    }

    /// Takes out the tunnel that is over first, if that was at or before `clock`.
    pub(super) fn pop_due(
        &mut self,
        clock: Timestamp,
        limits: &Limits,
    ) -> Option<(Timestamp, FlowKey, Tunnel)> {
        while self.due.first().is_some_and(|(due, _)| *due <= clock) {
            if let Some(over) = self.pop(limits) {
                return Some(over);
            }
        }
        None
    }

    fn evict(&mut self, limits: &Limits) -> bool {
        while !self.due.is_empty() {
            if self.pop(limits).is_some() {
                return true;
            }
        }
        false
    }

    /// Looks at the tunnel that is due first: takes it out, or puts off one that was used since.
    fn pop(&mut self, limits: &Limits) -> Option<(Timestamp, FlowKey, Tunnel)> {
        let (due, key) = self.due.pop_first()?;
        let deadline = self.known.get(&key)?.deadline(limits);
        if deadline > due {
            self.due.insert((deadline, key));
            return None;
        }
        self.known
            .remove(&key)
            .map(|tunnel| (deadline, key, tunnel))
    }
}
