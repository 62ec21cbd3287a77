//! From a shard's frames to its observations.
//!
//! One of [`SHARDS`](crate::limits::SHARDS) dissectors: it owns whole flows, its own deadlines and
//! its share of every bound, and knows of no other shard.

mod following;
mod telling;
mod tunnels;

use super::counters::Counters;
use super::duplicates::{Duplicates, Judgement};
use super::header::header_of;
use super::inspection::Inspection;
use super::order::{Phase, Place, Placed};
use super::probing::is_dns_answer_first;
use super::settings::Settings;
use super::steer::{Arrival, Content, Steered};
use crate::flow::Flow;
use crate::flow::key::Keyed;
use crate::flow::table::{Due, Table};
use crate::limits::SHARDS;
use crate::observe::{TapAccount, WeirdSeen};
use crate::packet::{self, Packet, checksum};
use crate::time::Timestamp;
use crate::weird::Weird;
use following::Shared;
use serde::{Deserialize, Serialize};
use telling::Out;

/// A shard of the dissector.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shard {
    number: u8,
    flows: Table<Inspection>,
    duplicates: Duplicates,
    shared: Shared,
}

impl Shard {
    /// The shard with this number.
    pub fn new(number: u8) -> Shard {
        Shard {
            number,
            flows: Table::default(),
            duplicates: Duplicates::default(),
            shared: Shared::default(),
        }
    }

    /// Which of them it is.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// What it saw.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
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
            let account_end = self.shared.tap.deadline().filter(|end| *end <= clock);
            let until = account_end.map_or(clock, |end| Timestamp::from_nanos(end.as_nanos() - 1));
            let Some((deadline, due)) = self.flows.pop_due(until, &settings.limits) else {
                let Some(end) = account_end else { break };
                let account = self.shared.tap.take().unwrap_or_default();
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
                Due::Over(entry) => self.shared.end_flow(settings, *entry, &mut out),
                Due::Look(slot) => {
                    let entry = self.flows.get_mut(slot);
                    self.shared.look(settings, entry, &mut out);
                    self.flows.reschedule(slot, &settings.limits);
                }
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
            Content::Undecoded(why) => self.shared.tell_undecoded(settings, why, &mut out),
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
            self.shared.end_flow(settings, entry, &mut out);
        }
        let is_last = usize::from(self.number) + 1 == SHARDS;
        let account = self.shared.tap.take().unwrap_or_default();
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
            self.shared
                .tell_weird(None, WeirdSeen::from(Weird::Routing0).between(hosts), out);
        }
        let bad = match settings.ignore_checksums {
            true => None,
            false => checksum::mismatch(packet, bytes),
        };
        self.shared.counters.bad_checksums += u64::from(bad.is_some());
        if bad == Some(Weird::BadIpChecksum) {
            let between = Some([packet.ip.src, packet.ip.dst]);
            let seen = WeirdSeen::from(Weird::BadIpChecksum).between(between);
            return self.shared.tell_weird(None, seen, out);
        }
        self.shared.tap.count(out.place.at).packets += 1;
        if bad.is_none() {
            let copy = self.duplicates.judge(settings.dedup, packet, bytes);
            self.shared.tap.count(out.place.at).copies += u64::from(copy != Judgement::No);
            if copy == Judgement::LeftOut {
                self.shared.counters.duplicates += 1;
                return;
            }
        }
        self.end_namesake(settings, arrival, out);
        let slot = self.slot_of(settings, packet, keyed, arrival.hash, bytes, out);
        self.note_carrier(slot, arrival.carrier);
        let entry = self.flows.get_mut(slot);
        match bad {
            Some(weird) => self.shared.leave_out(entry, keyed, weird, out),
            None => self.shared.take(settings, entry, packet, keyed, bytes, out),
        }
        self.flows.reschedule(slot, &settings.limits);
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
                    self.shared.end_flow(settings, entry, out);
                }
                _ => return slot,
            }
        }
        if self.flows.len() >= (settings.limits.flows_max / SHARDS).max(1)
            && let Some(entry) = self.flows.evict(&settings.limits)
        {
            self.shared.counters.flows_evicted += 1;
            self.shared.end_flow(settings, entry, out);
        }
        let reply_first = is_dns_answer_first(packet, keyed, bytes);
        let flow = Flow::open(keyed, packet, reply_first, settings.seed, out.place.at);
        *self
            .shared
            .counters
            .flows
            .entry(keyed.transport)
            .or_default() += 1;
        let inspection = Inspection::of(&flow.id);
        self.flows.insert(flow, hash, inspection)
    }
}
