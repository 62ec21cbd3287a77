//! From what a shard found to observations in their order, counted.

use super::super::counters::Counters;
use super::super::inspection::Inspection;
use super::super::order::{Phase, Place, Placed};
use super::super::settings::Settings;
use super::super::tap::TapMeter;
use super::Shard;
use super::following::Shared;
use crate::flow::table::Entry;
use crate::inspect::{Context, Found};
use crate::limits::SHARDS;
use crate::net::Neighbour;
use crate::observe::{Fact, FlowId, Observation, TapAccount, TunnelAction, TunnelSeen, WeirdSeen};
use crate::packet::Undecoded;
use crate::time::Timestamp;
use crate::weird::Weird;

/// Where observations go, at one place in the order.
pub(super) struct Out<'a> {
    pub place: Place,
    pub observations: &'a mut Vec<Placed>,
}

impl Out<'_> {
    pub fn put(&mut self, flow: Option<FlowId>, fact: Fact) {
        let observation = Observation {
            at: self.place.at,
            flow,
            fact,
        };
        self.observations.push(Placed {
            place: self.place,
            observation,
        });
        self.place.index += 1;
    }
}

impl Shard {
    pub(super) fn tell_tap(
        &self,
        phase: Phase,
        at: Timestamp,
        account: TapAccount,
        observations: &mut Vec<Placed>,
    ) {
        let place = self.place(at, phase, TapMeter::seq(phase), 0);
        Out {
            place,
            observations,
        }
        .put(None, Fact::Tap(Box::new(account)));
    }
}

impl Shared {
    /// Tells what no packet was made of.
    pub(super) fn tell_undecoded(
        &mut self,
        settings: &Settings,
        why: &Undecoded,
        out: &mut Out<'_>,
    ) {
        match why {
            Undecoded::Weird(weird) => self.tell_weird(None, (*weird).into(), out),
            Undecoded::Between(weird, between) => {
                self.tell_weird(None, WeirdSeen::from(*weird).between(*between), out);
            }
            Undecoded::UnknownLink(link) => {
                let seen = WeirdSeen::from(Weird::UnknownLink).with_detail(link.to_string());
                self.tell_weird(None, seen, out);
            }
            Undecoded::Arp(neighbour) => self.tell_neighbour(settings, None, *neighbour, out),
            Undecoded::NotIp | Undecoded::Fragment(_) => {}
        }
    }

    /// Tells what inspectors found in a flow.
    pub(super) fn tell(
        &mut self,
        entry: &mut Entry<Inspection>,
        found: Vec<Found>,
        out: &mut Out<'_>,
    ) {
        for found in found {
            if let Some((id, fact)) = self.counters.take(entry, found) {
                out.put(Some(id), fact);
            }
        }
    }

    pub(super) fn tell_neighbour(
        &mut self,
        settings: &Settings,
        flow: Option<FlowId>,
        neighbour: Neighbour,
        out: &mut Out<'_>,
    ) {
        let clock = out.place.at;
        if self.neighbours.is_news(&settings.limits, clock, &neighbour) {
            out.put(flow, Fact::Neighbour(neighbour));
        }
    }

    pub(super) fn tell_weird(&mut self, flow: Option<FlowId>, seen: WeirdSeen, out: &mut Out<'_>) {
        *self.counters.weirds.entry(seen.weird).or_default() += 1;
        out.put(flow, Fact::Weird(Box::new(seen)));
    }
}

impl Counters {
    /// More, or less, TCP payload is held out of order than before.
    pub(super) fn hold(&mut self, delta: isize) {
        self.held_bytes = self.held_bytes.saturating_add_signed(delta);
    }

    /// Inspectors hold more, or less, than before.
    pub(super) fn charge(&mut self, delta: isize) {
        self.inspect_bytes = self.inspect_bytes.saturating_add_signed(delta);
    }

    /// Reads a flow no further where inspectors hold too much.
    pub(super) fn bound_inspection(
        &mut self,
        context: Context<'_>,
        inspection: &mut Inspection,
        found: &mut Vec<Found>,
    ) {
        let charge = inspection.charge();
        self.charge(charge);
        if charge > 0 && self.inspect_bytes > context.limits.inspect_bytes_max / SHARDS {
            inspection.finish(context, found);
            self.charge(inspection.charge());
            self.inspections_given_up += 1;
        }
    }

    /// Counts what was found in a flow and makes it a fact; none where it was told before.
    pub(super) fn take(
        &mut self,
        entry: &mut Entry<Inspection>,
        found: Found,
    ) -> Option<(FlowId, Fact)> {
        let mut count = |protocol: &str| match self.sessions.get_mut(protocol) {
            Some(count) => *count += 1,
            None => drop(self.sessions.insert(protocol.into(), 1)),
        };
        let fact = match found {
            Found::Tls(session) => {
                count("ssl");
                if session.ech.is_some() {
                    count("ssl_ech");
                }
                entry.flow.is_patient |= session.established;
                Fact::Tls(session)
            }
            Found::Dns(transaction) => {
                count("dns");
                Fact::Dns(transaction)
            }
            Found::Quic(session) => {
                count("quic");
                Fact::Quic(session)
            }
            Found::Http(transaction) => {
                count("http");
                Fact::Http(transaction)
            }
            Found::Tunnel(kind) => {
                let action = TunnelAction::Discover;
                Fact::Tunnel(TunnelSeen { kind, action })
            }
            Found::Certificate(certificate) => {
                count("x509");
                Fact::Certificate(certificate)
            }
            Found::Dhcp(message) => {
                count("dhcp");
                Fact::Dhcp(message)
            }
            Found::Dhcp6(message) => {
                count("dhcp6");
                Fact::Dhcp6(message)
            }
            Found::Weird(weird, detail) => {
                *self.weirds.entry(weird).or_default() += 1;
                if !entry.attached.is_news(weird) {
                    return None;
                }
                Fact::Weird(Box::new(WeirdSeen {
                    weird,
                    detail,
                    between: None,
                }))
            }
        };
        Some((entry.flow.id, fact))
    }
}
