//! From a flow's packets to what its flow and its inspection make of them.
//!
//! Knows one flow at a time, and what all flows of the shard share.

use super::super::counters::Counters;
use super::super::early::Held;
use super::super::header::{Header, header_of};
use super::super::inspection::Inspection;
use super::super::neighbours::Neighbours;
use super::super::settings::Settings;
use super::super::shaping;
use super::super::tap::TapMeter;
use super::telling::Out;
use crate::flow::Ingress;
use crate::flow::key::Keyed;
use crate::flow::table::Entry;
use crate::inspect::tls::Memo;
use crate::inspect::{Context, Found};
use crate::limits::SHARDS;
use crate::net::Endpoint;
use crate::observe::Fact;
use crate::packet::{self, Packet, neighbour};
use crate::weird::{Weird, Weirds};
use serde::{Deserialize, Serialize};

/// What the flows of a shard share.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Shared {
    pub neighbours: Neighbours,
    pub memo: Memo,
    pub tap: TapMeter,
    pub counters: Counters,
}

impl Shared {
    /// A packet that is not believed: its flow shows only that it was there.
    pub fn leave_out(
        &mut self,
        entry: &mut Entry<Inspection>,
        keyed: &Keyed,
        weird: Weird,
        out: &mut Out<'_>,
    ) {
        entry.flow.note_bad_checksum(keyed.src);
        let id = entry.flow.id;
        if entry.attached.is_news(weird) {
            self.tell_weird(Some(id), weird.into(), out);
        }
    }

    /// Takes a packet: now, or when what it must have come after was seen.
    pub fn take(
        &mut self,
        settings: &Settings,
        entry: &mut Entry<Inspection>,
        packet: &Packet,
        keyed: &Keyed,
        bytes: &[u8],
        out: &mut Out<'_>,
    ) {
        let Entry { flow, attached, .. } = &mut *entry;
        if attached.early().is_early(flow, keyed.src, packet) {
            let held = Held::new(out.place.at, packet, bytes);
            if held.bytes_held() <= self.spare_bytes(settings) {
                self.counters.hold(held.bytes_held() as isize);
                attached.early_mut().hold(held);
                return self.release(settings, entry, out);
            }
        } else if !attached.early().is_empty() && flow.is_opened_by(packet) {
            flow.reopen(keyed, packet);
        }
        self.follow(settings, entry, keyed.src, packet, bytes, out);
        self.release(settings, entry, out);
    }

    /// Takes the packets whose turn has come, and those that were held long enough.
    fn release(&mut self, settings: &Settings, entry: &mut Entry<Inspection>, out: &mut Out<'_>) {
        let (clock, limits) = (out.place.at, &settings.limits);
        while !entry.attached.early().is_empty() {
            let Entry { flow, attached, .. } = &mut *entry;
            let Some(held) = attached.early_mut().pop(flow, clock, limits) else {
                break;
            };
            self.follow_held(settings, entry, &held, out);
        }
        if let Some(due) = entry.attached.early().deadline(limits) {
            entry.look_at = Some(entry.look_at.map_or(due, |look_at| look_at.min(due)));
        }
    }

    fn follow_held(
        &mut self,
        settings: &Settings,
        entry: &mut Entry<Inspection>,
        held: &Held,
        out: &mut Out<'_>,
    ) {
        self.counters.hold(-(held.bytes_held() as isize));
        self.follow(settings, entry, held.src(), &held.packet, &held.bytes, out);
    }

    /// Bytes of out-of-order payload that may still be held.
    fn spare_bytes(&self, settings: &Settings) -> usize {
        (settings.limits.reassembly_bytes_max / SHARDS).saturating_sub(self.counters.held_bytes)
    }

    /// Lets the flow and its inspection take a packet.
    fn follow(
        &mut self,
        settings: &Settings,
        entry: &mut Entry<Inspection>,
        src: Endpoint,
        packet: &Packet,
        bytes: &[u8],
        out: &mut Out<'_>,
    ) {
        let context = Context {
            at: packet.at,
            limits: &settings.limits,
        };
        let ingress = Ingress {
            clock: out.place.at,
            limits: &settings.limits,
            ttl: header_of(packet, bytes).and_then(Header::ttl),
            keep: entry.attached.is_reading(),
            spare_bytes: self.spare_bytes(settings),
        };
        let payload = bytes.get(packet.payload.clone()).unwrap_or_default();
        let Entry { flow, attached, .. } = &mut *entry;
        let memo = &mut self.memo;
        let (mut found, mut weirds) = (Vec::new(), Weirds::default());
        let mut has_read = false;
        let outcome =
            flow.handle_packet(ingress, src, packet, payload, &mut weirds, &mut |event| {
                has_read = true;
                attached.shaping.handle_stream(context.at, event);
                attached.handle_stream(context, memo, event, &mut found);
            });
        if let Some(syn) = attached.handshake.take(flow, src, packet, bytes) {
            out.put(Some(flow.id), Fact::Established(syn));
        }
        let tap = self.tap.count(out.place.at);
        tap.acks += u64::from(outcome.acknowledges);
        tap.gaps += outcome.gaps;
        self.counters.holes_given_up += outcome.holes_given_up;
        let (side, is_dns) = (flow.side_of(src), attached.is_dns());
        attached.shaping.handle_packet(side, packet, bytes, is_dns);
        let mut held_delta = outcome.held_delta;
        if matches!(packet.transport, packet::Transport::Udp { .. }) {
            has_read = true;
            let complete = payload.len() >= packet.payload_len as usize;
            attached.handle_datagram(context, memo, side, payload, complete, &mut found);
        }
        // What inspectors hold changes with what they read.
        if has_read {
            self.counters
                .bound_inspection(context, attached, &mut found);
        }
        if ingress.keep && !attached.is_reading() {
            held_delta += flow.forget_bytes();
        }
        self.counters.hold(held_delta);
        shaping::follow_up(entry, out.place.at, |id, fact| out.put(Some(id), fact));
        if let Some(neighbour) = neighbour::discovered(packet, bytes) {
            self.tell_neighbour(settings, Some(entry.flow.id), neighbour, out);
        }
        if !found.is_empty() || !weirds.is_empty() {
            let odd = |(weird, detail)| Found::Weird(weird, detail);
            found.extend(weirds.into_iter().map(odd));
            self.tell(entry, found, out);
        }
    }

    /// Something of an open flow is due: its shape, or packets that were held long enough.
    pub fn look(&mut self, settings: &Settings, entry: &mut Entry<Inspection>, out: &mut Out<'_>) {
        shaping::look(entry, out.place.at, |id, fact| out.put(Some(id), fact));
        self.release(settings, entry, out);
    }

    /// A flow left the table: what is still held of it is told, and then its account.
    pub fn end_flow(
        &mut self,
        settings: &Settings,
        mut entry: Entry<Inspection>,
        out: &mut Out<'_>,
    ) {
        while !entry.attached.early().is_empty()
            && let Some(held) = entry.attached.early_mut().pop_first()
        {
            self.follow_held(settings, &mut entry, &held, out);
        }
        let at = out.place.at;
        let context = Context {
            at,
            limits: &settings.limits,
        };
        let mut found = Vec::new();
        let Entry { flow, attached, .. } = &mut entry;
        let memo = &mut self.memo;
        let outcome = flow.finish_streams(&mut |event| {
            attached.shaping.handle_stream(context.at, event);
            attached.handle_stream(context, memo, event, &mut found);
        });
        self.counters.hold(outcome.held_delta);
        if outcome.gaps > 0 {
            self.tap.count(at).gaps += outcome.gaps;
        }
        attached.finish(context, &mut found);
        self.counters.charge(attached.charge());
        self.tell(&mut entry, found, out);
        shaping::finish(&mut entry, |id, fact| out.put(Some(id), fact));
        let services = std::mem::take(&mut entry.attached.services);
        let summary = entry.flow.summary(services);
        let transport = entry.flow.id.transport;
        *self.counters.flows_ended.entry(transport).or_default() += 1;
        self.counters.missed_bytes += summary.missed_bytes;
        out.put(Some(entry.flow.id), Fact::Flow(Box::new(summary)));
        out.put_closed(&entry);
    }
}
