//! From what steering says of tunnels to the flows that carry them.

use super::super::inspection::Inspection;
use super::super::order::Phase;
use super::super::settings::Settings;
use super::super::steer::{Arrival, Carrier, Content};
use super::Shard;
use super::telling::Out;
use crate::flow::key::FlowKey;
use crate::flow::table::Entry;
use crate::net::{Transport, TunnelKind};
use crate::observe::{Fact, FlowId, TunnelAction, TunnelSeen};

/// When within its moment what was steered happened: all but a deadline that passed is of a frame.
pub(super) fn phase(content: &Content) -> Phase {
    match content {
        Content::Tunnel { seen, .. } if seen.action == TunnelAction::Expire => Phase::Timer,
        _ => Phase::Frame,
    }
}

impl Out<'_> {
    /// The flow is over, and with it the tunnel that it carried.
    pub(super) fn put_closed(&mut self, entry: &Entry<Inspection>) {
        if let Some(kind) = entry.attached.tunnel {
            let action = TunnelAction::Close;
            let seen = TunnelSeen { kind, action };
            self.put(Some(entry.flow.id), Fact::Tunnel(seen));
        }
    }
}

impl Shard {
    /// Something happened to a tunnel: to that of a flow, if one of this shard carries it.
    pub(super) fn handle_tunnel(
        &mut self,
        key: &FlowKey,
        hash: u64,
        mut id: FlowId,
        seen: TunnelSeen,
        out: &mut Out<'_>,
    ) {
        if id.transport == Transport::Udp {
            let Some(slot) = self.flows.find(key, hash) else {
                return;
            };
            let entry = self.flows.get_mut(slot);
            entry.attached.tunnel = Some(seen.kind);
            id = entry.flow.id;
        }
        out.put(Some(id), Fact::Tunnel(seen));
    }

    /// Ends a flow that was open before steering knew that it may carry a tunnel: what it carries
    /// was told another identity.
    pub(super) fn end_namesake(
        &mut self,
        settings: &Settings,
        arrival: &Arrival,
        out: &mut Out<'_>,
    ) {
        let Some(carrier) = arrival.carrier else {
            return;
        };
        if let Some(slot) = self.flows.find(&arrival.keyed.key, arrival.hash)
            && self.flows.get_mut(slot).flow.id.uid != carrier.uid
        {
            let entry = self.flows.remove(slot);
            self.shared.end_flow(settings, entry, out);
        }
    }

    /// Gives the flow in `slot` the identity that was told of it, and what it is sure to carry.
    pub(super) fn note_carrier(&mut self, slot: u32, carrier: Option<Carrier>) {
        let Some(carrier) = carrier else {
            return;
        };
        let entry = self.flows.get_mut(slot);
        entry.flow.id.uid = carrier.uid;
        if let Some(service) = carrier.confirmed.and_then(TunnelKind::service) {
            entry.attached.confirm(service);
        }
    }
}
