//! From a shard's frames to its observations.
//!
//! One of [`SHARDS`](crate::limits::SHARDS) dissectors: it owns whole flows, its own deadlines and
//! its share of every bound, and knows of no other shard.

mod telling;
mod tunnels;

use super::counters::Counters;
use super::duplicates::{Duplicates, Judgement};
use super::header::{Header, header_of};
use super::inspection::Inspection;
use super::neighbours::Neighbours;
use super::order::{Phase, Place, Placed};
use super::probing::is_dns_answer_first;
use super::settings::Settings;
use super::shaping;
use super::steer::{Arrival, Content, Steered};
use super::tap::TapMeter;
use crate::flow::key::Keyed;
use crate::flow::table::{Due, Entry, Table};
use crate::flow::{Flow, Ingress};
use crate::inspect::tls::Memo;
use crate::inspect::{Context, Found};
use crate::limits::SHARDS;
use crate::observe::{Fact, TapAccount, WeirdSeen};
use crate::packet::{self, Packet, checksum, neighbour};
use crate::time::Timestamp;
use crate::weird::{Weird, Weirds};
use serde::{Deserialize, Serialize};
use telling::Out;

/// A shard of the dissector.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shard {
    number: u8,
    flows: Table<Inspection>,
    neighbours: Neighbours,
    memo: Memo,
    duplicates: Duplicates,
    tap: TapMeter,
    /// What it saw.
    pub counters: Counters,
}

impl Shard {
    /// The shard with this number.
    pub fn new(number: u8) -> Shard {
        Shard {
            number,
            flows: Table::default(),
            neighbours: Neighbours::default(),
            memo: Memo::default(),
            duplicates: Duplicates::default(),
            tap: TapMeter::default(),
            counters: Counters::default(),
        }
    }

    /// Lets every deadline up to `clock` act, each as of its own moment.
    pub fn handle_clock(
        &mut self,
        settings: &Settings,
        clock: Timestamp,
        observations: &mut Vec<Placed>,
    ) {
        let mut index = 0;
        let mut last = Timestamp::MIN;
        loop {
            // What a flow's end shows of the tap belongs to the account of its moment.
            let account_end = self.tap.deadline().filter(|end| *end <= clock);
            let until = account_end.map_or(clock, |end| Timestamp::from_nanos(end.as_nanos() - 1));
            let Some((deadline, due)) = self.flows.pop_due(until, &settings.limits) else {
                let Some(end) = account_end else { break };
                let account = self.tap.take().unwrap_or_default();
                self.tell_tap(Phase::Timer, end, account, observations);
                continue;
            };
            index = if deadline == last { index } else { 0 };
            last = deadline;
            let mut out = Out {
                place: self.place(deadline, Phase::Timer, 0, index),
                observations,
            };
            match due {
                Due::Over(entry) => self.end_flow(settings, deadline, *entry, &mut out),
                Due::Look(slot) => self.look(settings, deadline, slot, &mut out),
            }
            index = out.place.index;
        }
    }

    /// Takes a frame that was steered here. `bytes` are the frame's.
    pub fn handle_frame(
        &mut self,
        settings: &Settings,
        steered: &Steered,
        bytes: &[u8],
        observations: &mut Vec<Placed>,
    ) {
        self.handle_clock(settings, steered.clock, observations);
        let phase = tunnels::phase(&steered.content);
        let mut out = Out {
            place: self.place(steered.clock, phase, steered.seq, 0),
            observations,
        };
        match &steered.content {
            Content::Undecoded(why) => self.tell_undecoded(settings, why, &mut out),
            Content::Packet(arrival) => self.handle_packet(settings, arrival, bytes, &mut out),
            Content::Tunnel {
                key,
                hash,
                id,
                seen,
            } => self.handle_tunnel(key, *hash, *id, *seen, &mut out),
        }
    }

    /// The input is over: every flow ends at `clock`.
    pub fn finish(
        &mut self,
        settings: &Settings,
        clock: Timestamp,
        observations: &mut Vec<Placed>,
    ) {
        self.handle_clock(settings, clock, observations);
        for (index, entry) in self.flows.drain().enumerate() {
            let first_at = entry.flow.id.first_at.as_nanos();
            let mut out = Out {
                // A flow has fewer than 2^16 things left to tell: the bounds on waiting messages
                // see to it.
                place: self.place(clock, Phase::Finish, first_at, (index as u64) << 16),
                observations,
            };
            self.end_flow(settings, clock, entry, &mut out);
        }
        let is_last = usize::from(self.number) + 1 == SHARDS;
        let account = self.tap.take().unwrap_or_default();
        if account.packets > 0 || is_last {
            let account = TapAccount { is_last, ..account };
            self.tell_tap(Phase::Finish, clock, account, observations);
        }
    }

    fn place(&self, at: Timestamp, phase: Phase, seq: i64, index: u64) -> Place {
        Place {
            at,
            phase,
            seq,
            shard: self.number,
            index,
        }
    }

    fn handle_packet(
        &mut self,
        settings: &Settings,
        arrival: &Arrival,
        bytes: &[u8],
        out: &mut Out<'_>,
    ) {
        let Arrival { packet, keyed, .. } = arrival;
        let header = header_of(packet, bytes);
        if header.is_some_and(|header| header.has_routing0(packet)) {
            let hosts = [packet.ip.src, packet.ip.dst];
            self.tell_weird(None, WeirdSeen::from(Weird::Routing0).between(hosts), out);
        }
        let bad = match settings.ignore_checksums {
            true => None,
            false => checksum::mismatch(packet, bytes),
        };
        self.counters.bad_checksums += u64::from(bad.is_some());
        if bad == Some(Weird::BadIpChecksum) {
            let between = Some([packet.ip.src, packet.ip.dst]);
            let seen = WeirdSeen::from(Weird::BadIpChecksum).between(between);
            return self.tell_weird(None, seen, out);
        }
        self.tap.count(out.place.at).packets += 1;
        if bad.is_none() {
            let copy = self.duplicates.judge(settings.dedup, packet, bytes);
            self.tap.count(out.place.at).copies += u64::from(copy != Judgement::No);
            if copy == Judgement::LeftOut {
                self.counters.duplicates += 1;
                return;
            }
        }
        self.end_namesake(settings, arrival, out);
        let slot = self.slot_of(settings, packet, keyed, arrival.hash, bytes, out);
        self.note_carrier(slot, arrival.carrier);
        match bad {
            Some(weird) => self.leave_out(slot, keyed, weird, out),
            None => self.follow(settings, slot, packet, keyed, bytes, out),
        }
        self.flows.reschedule(slot, &settings.limits);
    }

    /// A packet that is not believed: its flow shows only that it was there.
    fn leave_out(&mut self, slot: u32, keyed: &Keyed, weird: Weird, out: &mut Out<'_>) {
        let entry = self.flows.get_mut(slot);
        entry.flow.note_bad_checksum(keyed.src);
        let id = entry.flow.id;
        if entry.attached.is_news(weird) {
            self.tell_weird(Some(id), weird.into(), out);
        }
    }

    /// Lets the flow and its inspection take a packet.
    fn follow(
        &mut self,
        settings: &Settings,
        slot: u32,
        packet: &Packet,
        keyed: &Keyed,
        bytes: &[u8],
        out: &mut Out<'_>,
    ) {
        let entry = self.flows.get_mut(slot);
        let context = Context {
            at: packet.at,
            limits: &settings.limits,
        };
        let spare = (settings.limits.reassembly_bytes_max / SHARDS)
            .saturating_sub(self.counters.held_bytes);
        let ingress = Ingress {
            clock: out.place.at,
            limits: &settings.limits,
            ttl: header_of(packet, bytes).and_then(Header::ttl),
            keep: entry.attached.is_reading(),
            spare_bytes: spare,
        };
        let payload = bytes.get(packet.payload.clone()).unwrap_or_default();
        let Entry { flow, attached, .. } = entry;
        let memo = &mut self.memo;
        let (mut found, mut weirds) = (Vec::new(), Weirds::default());
        let outcome = flow.handle_packet(
            ingress,
            keyed.src,
            packet,
            payload,
            &mut weirds,
            &mut |event| {
                attached.shaping.handle_stream(context.at, event);
                attached.handle_stream(context, memo, event, &mut found);
            },
        );
        if let Some(syn) = attached.handshake.take(flow, keyed.src, packet, bytes) {
            out.put(Some(flow.id), Fact::Established(syn));
        }
        let tap = self.tap.count(out.place.at);
        tap.acks += u64::from(outcome.acknowledges);
        tap.gaps += outcome.gaps;
        self.counters.holes_given_up += outcome.holes_given_up;
        let (side, is_dns) = (flow.side_of(keyed.src), attached.is_dns());
        attached.shaping.handle_packet(side, packet, bytes, is_dns);
        let mut held_delta = outcome.held_delta;
        if matches!(packet.transport, packet::Transport::Udp { .. }) {
            let complete = payload.len() >= packet.payload_len as usize;
            attached.handle_datagram(context, memo, side, payload, complete, &mut found);
        }
        self.counters
            .bound_inspection(context, attached, &mut found);
        if ingress.keep && !attached.is_reading() {
            held_delta += flow.forget_bytes();
        }
        self.counters.hold(held_delta);
        shaping::follow_up(entry, out.place.at, |id, fact| out.put(Some(id), fact));
        if let Some(neighbour) = neighbour::discovered(packet, bytes) {
            let id = self.flows.get_mut(slot).flow.id;
            self.tell_neighbour(settings, Some(id), neighbour, out);
        }
        if !found.is_empty() || !weirds.is_empty() {
            let odd = |(weird, detail)| Found::Weird(weird, detail);
            found.extend(weirds.into_iter().map(odd));
            self.tell(slot, found, out);
        }
    }

    /// The slot of the packet's flow, which is opened if it is not there.
    fn slot_of(
        &mut self,
        settings: &Settings,
        packet: &Packet,
        keyed: &Keyed,
        hash: u64,
        bytes: &[u8],
        out: &mut Out<'_>,
    ) -> u32 {
        if let Some(slot) = self.flows.find(&keyed.key, hash) {
            let flow = &self.flows.get_mut(slot).flow;
            match packet.transport {
                packet::Transport::Tcp(tcp) if flow.is_reuse(keyed.src, &tcp) => {
                    let entry = self.flows.remove(slot);
                    self.end_flow(settings, out.place.at, entry, out);
                }
                _ => return slot,
            }
        }
        if self.flows.len() >= (settings.limits.flows_max / SHARDS).max(1)
            && let Some(entry) = self.flows.evict(&settings.limits)
        {
            self.counters.flows_evicted += 1;
            self.end_flow(settings, out.place.at, entry, out);
        }
        let reply_first = is_dns_answer_first(packet, keyed, bytes);
        let flow = Flow::open(keyed, packet, reply_first, settings.seed, out.place.at);
        *self.counters.flows.entry(keyed.transport).or_default() += 1;
        let inspection = Inspection::of(&flow.id);
        self.flows.insert(flow, hash, inspection)
    }

    /// An open flow's shape is due.
    fn look(&mut self, settings: &Settings, at: Timestamp, slot: u32, out: &mut Out<'_>) {
        let entry = self.flows.get_mut(slot);
        shaping::look(entry, at, |id, fact| out.put(Some(id), fact));
        self.flows.reschedule(slot, &settings.limits);
    }

    /// A flow left the table: what is still held of it is told, and then its account.
    fn end_flow(
        &mut self,
        settings: &Settings,
        at: Timestamp,
        mut entry: Entry<Inspection>,
        out: &mut Out<'_>,
    ) {
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
        for found in found {
            if let Some((id, fact)) = self.counters.take(&mut entry, found) {
                out.put(Some(id), fact);
            }
        }
        shaping::finish(&mut entry, |id, fact| out.put(Some(id), fact));
        let summary = entry
            .flow
            .summary(std::mem::take(&mut entry.attached.services));
        let transport = entry.flow.id.transport;
        *self.counters.flows_ended.entry(transport).or_default() += 1;
        self.counters.missed_bytes += summary.missed_bytes;
        out.put(Some(entry.flow.id), Fact::Flow(Box::new(summary)));
        out.put_closed(&entry);
    }
}
