//! From observations to who a host is over time, and what it is.
//!
//! An address is lent: an endpoint agent, a DHCP lease or a claim by ARP or neighbour discovery
//! says to whom, from when until when, and [`Hosts::identity_at`] answers with the most trusted of
//! them. A hardware address that answers for many addresses at once is a router's, and says nothing
//! about who is behind it. Judges nothing and never learns of hosts outside the site. Bounded by
//! `hosts_max` addresses, hosts and hardware addresses each; the one seen longest ago leaves.

pub mod clue;
mod dns;
pub mod platform;
mod profile;
mod sharing;
mod tenancy;

#[cfg(test)]
mod tests;

pub use profile::Profile;
pub use tenancy::{Interval, Proof};

use crate::baseline::Bounded;
use crate::limits::Limits;
use crate::net::{HostKey, Mac, Neighbour, NeighbourKind};
use crate::observe::{Dhcp6Message, DhcpMessage, Fact, FlowId, Observation};
use crate::time::{Span, Timestamp};
use bstr::BString;
use platform::{Assessment, Clue};
use serde::{Deserialize, Serialize};
use sharing::Sharing;
use std::net::IpAddr;
use tenancy::{CLAIM_HOLDS, Tenancy};

/// A host that showed something new is logged after this: what else it shows meanwhile is in the
/// same row.
const SETTLE: Span = Span::from_secs(60);
/// A host is logged no more often than this.
const AGAIN_AFTER: Span = Span::from_secs(3600);

/// What is known of the site's hosts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Hosts {
    tenancies: Bounded<IpAddr, Tenancy>,
    sharing: Sharing,
    profiles: Bounded<HostKey, Profile>,
    /// Hosts with news, and when they are to be logged.
    due: Bounded<HostKey, ()>,
}

/// Who had an address at a moment, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub key: HostKey,
    /// How it is known.
    pub proof: Proof,
    /// Everything that said so, or something else, the most trusted first.
    pub evidence: Vec<Interval>,
}

/// Two hosts that claim one address in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The address.
    pub addr: IpAddr,
    /// Who claims it.
    pub macs: [Mac; 2],
}

/// What an observation is weighed with.
struct Now<'a> {
    limits: &'a Limits,
    at: Timestamp,
    is_local: &'a dyn Fn(IpAddr) -> bool,
}

impl Hosts {
    /// Takes the next observation in capture order; `is_local` says whose addresses are the site's.
    pub fn handle_observation(
        &mut self,
        limits: &Limits,
        is_local: &dyn Fn(IpAddr) -> bool,
        observation: &Observation,
    ) -> Option<Conflict> {
        let now = Now {
            limits,
            at: observation.at,
            is_local,
        };
        match (&observation.fact, &observation.flow) {
            (Fact::Neighbour(neighbour), _) => return self.handle_neighbour(&now, neighbour),
            (Fact::Dhcp(message), _) => self.handle_dhcp(&now, message),
            (Fact::Dhcp6(message), _) => self.handle_dhcp6(&now, message),
            (Fact::Dns(transaction), Some(flow)) => self.handle_dns(&now, flow, transaction),
            (Fact::Established(Some(syn)), Some(flow)) => {
                self.note_clue(&now, flow, clue::of_syn(syn));
            }
            (Fact::Tls(session), Some(flow)) => {
                let name = session.server_name.as_ref();
                self.note_clue(&now, flow, name.and_then(|name| clue::of_contact(name)));
            }
            (Fact::Http(transaction), Some(flow)) => {
                let agent = transaction.user_agent.as_ref();
                self.note_clue(
                    &now,
                    flow,
                    agent.and_then(|agent| clue::of_user_agent(agent)),
                );
                let name = transaction.host.as_ref();
                let contact = name.and_then(|name| clue::of_contact(name));
                if contact.is_some() {
                    self.note_clue(&now, flow, contact);
                }
            }
            _ => {}
        }
        None
    }

    /// An endpoint agent says that it runs on the host `id`, which has `addr` from `at` until
    /// `until`.
    pub fn handle_agent(
        &mut self,
        limits: &Limits,
        addr: IpAddr,
        id: &str,
        at: Timestamp,
        until: Timestamp,
    ) {
        let key = HostKey::Agent(id.into());
        self.begin(limits, addr, key, Proof::Agent, at, until);
    }

    /// Who had `addr` at `at`.
    pub fn identity_at(&self, addr: IpAddr, at: Timestamp) -> Identity {
        let found = self.tenancies.get(&addr).map(|tenancy| tenancy.at(at));
        let evidence: Vec<Interval> = found.into_iter().flatten().cloned().collect();
        let usable = |interval: &&Interval| match interval.key {
            HostKey::Mac(mac) => !self.sharing.is_shared(mac),
            _ => true,
        };
        let (key, proof) = match evidence.iter().find(usable) {
            Some(interval) => (interval.key.clone(), interval.proof),
            None => (HostKey::Addr(addr), Proof::Address),
        };
        Identity {
            key,
            proof,
            evidence,
        }
    }

    /// What is known of a host.
    pub fn profile(&self, key: &HostKey) -> Option<&Profile> {
        self.profiles.get(key)
    }

    /// What the clues of a host come to; nothing where it is not known.
    pub fn platform(&self, key: &HostKey) -> Assessment {
        let profile = self.profiles.get(key);
        profile.map_or_else(Assessment::default, Profile::assessment)
    }

    /// When the next host is to be logged.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first_moment()
    }

    /// The host that is to be logged first, and when.
    pub fn pop(&mut self) -> Option<(Timestamp, HostKey, Profile)> {
        while let Some((due, key, ())) = self.due.pop_first() {
            if let Some(profile) = self.profiles.get_mut(&key) {
                profile.logged_at = Some(due);
                let profile = profile.clone();
                return Some((due, key, profile));
            }
        }
        None
    }

    /// How many addresses, hosts and hardware addresses had to leave for others.
    pub fn evicted(&self) -> u64 {
        let (tenancies, profiles) = (self.tenancies.evicted(), self.profiles.evicted());
        tenancies + profiles + self.sharing.evicted()
    }

    fn handle_neighbour(&mut self, now: &Now<'_>, neighbour: &Neighbour) -> Option<Conflict> {
        let Neighbour { addr, mac, .. } = *neighbour;
        if !(now.is_local)(addr) {
            return None;
        }
        self.sharing.note(now.limits, mac, addr, now.at);
        let other = match self.tenancies.get_mut(&addr) {
            Some(tenancy) => tenancy.conflict(mac, now.at),
            None => None,
        };
        let until = now.at + CLAIM_HOLDS;
        self.begin(
            now.limits,
            addr,
            HostKey::Mac(mac),
            Proof::Claim,
            now.at,
            until,
        );
        if neighbour.kind == NeighbourKind::Router && !self.sharing.is_shared(mac) {
            self.note(now, HostKey::Mac(mac), |profile| {
                !std::mem::replace(&mut profile.router, true)
            });
        }
        other.map(|other| Conflict {
            addr,
            macs: [other, mac],
        })
    }

    fn handle_dhcp(&mut self, now: &Now<'_>, message: &DhcpMessage) {
        let Some(mac) = message.chaddr else { return };
        let key = HostKey::Mac(mac);
        let (kind, given) = (message.kind, IpAddr::V4(message.yiaddr));
        let had = IpAddr::V4(message.ciaddr);
        match (message.request, kind) {
            // An acknowledgement with an address is a lease; one without answers an INFORM.
            (false, 5) if !given.is_unspecified() && (now.is_local)(given) => {
                let lease = message.lease_time.unwrap_or(CLAIM_HOLDS);
                self.begin(now.limits, given, key, Proof::Lease, now.at, now.at + lease);
            }
            // Declined or released (RFC 2131, 4.4.6).
            (true, 4 | 7) => {
                if let Some(tenancy) = self.tenancies.get_mut(&had) {
                    tenancy.end(&key, Proof::Lease, now.at);
                }
            }
            (true, _) => self.note(now, key, |profile| {
                let (class, list) = (&message.vendor_class, &message.parameters);
                let mut new = profile.add_dhcp(class.as_ref(), list.as_deref());
                for name in [&message.host_name, &message.client_fqdn] {
                    new |= name.as_ref().is_some_and(|name| profile.add_name(name));
                }
                new
            }),
            _ => {}
        }
    }

    fn handle_dhcp6(&mut self, now: &Now<'_>, message: &Dhcp6Message) {
        let Some(mac) = message.mac else { return };
        let key = HostKey::Mac(mac);
        // Only a reply leases; what a client asks for it may not get.
        if message.kind == 7 {
            for (addr, valid) in &message.addresses {
                let addr = IpAddr::V6(*addr);
                let until = now.at + Span::from_secs(i64::from(*valid));
                if (now.is_local)(addr) && *valid > 0 {
                    self.begin(now.limits, addr, key.clone(), Proof::Lease, now.at, until);
                }
            }
        }
        self.note(now, key, |profile| {
            let new = profile.duid != message.duid && message.duid.is_some();
            profile.duid = message.duid.clone().or(profile.duid.take());
            let name = message.client_fqdn.as_ref();
            name.is_some_and(|name| profile.add_name(name)) | new
        });
    }

    /// `key` has `addr` from `at` until `until`.
    fn begin(
        &mut self,
        limits: &Limits,
        addr: IpAddr,
        key: HostKey,
        proof: Proof,
        at: Timestamp,
        until: Timestamp,
    ) {
        let mut tenancy = self.tenancies.remove(&addr).unwrap_or_default();
        // What was known by the address alone is of the host that turns out to have it.
        let before = match tenancy.is_empty() {
            true => self.profiles.remove(&HostKey::Addr(addr)),
            false => None,
        };
        tenancy.begin(key.clone(), proof, at, until);
        self.tenancies.insert(addr, at, tenancy, limits.hosts_max);
        if let HostKey::Mac(mac) = key
            && self.sharing.is_shared(mac)
        {
            return;
        }
        self.note_at(limits, at, key, |profile| {
            let new = profile.add_address(addr);
            if let Some(before) = before {
                profile.absorb(before);
            }
            new
        });
    }

    /// The originator of `flow` gave a clue.
    fn note_clue(&mut self, now: &Now<'_>, flow: &FlowId, clue: Option<Clue>) {
        if let Some(clue) = clue {
            self.note_of(now, flow.originator.addr, |profile| profile.add_clue(clue));
        }
    }

    /// The host at `addr` called itself `name`.
    fn note_name(&mut self, now: &Now<'_>, addr: IpAddr, name: &BString) {
        self.note_of(now, addr, |profile| profile.add_name(name));
    }

    /// Changes what is known of the host at `addr`, where that is one of the site's.
    fn note_of(&mut self, now: &Now<'_>, addr: IpAddr, change: impl FnOnce(&mut Profile) -> bool) {
        if !(now.is_local)(addr) || addr.is_multicast() {
            return;
        }
        let key = self.identity_at(addr, now.at).key;
        self.note(now, key, |profile| {
            profile.add_address(addr) | change(profile)
        });
    }

    fn note(&mut self, now: &Now<'_>, key: HostKey, change: impl FnOnce(&mut Profile) -> bool) {
        self.note_at(now.limits, now.at, key, change);
    }

    /// Changes what is known of a host; `change` says whether there is news.
    fn note_at(
        &mut self,
        limits: &Limits,
        at: Timestamp,
        key: HostKey,
        change: impl FnOnce(&mut Profile) -> bool,
    ) {
        let max = limits.hosts_max;
        let Some(profile) = self.profiles.touch(&key, at, max, || Profile::new(at)) else {
            return;
        };
        profile.last_at = at;
        if let HostKey::Mac(mac) = key {
            profile.mac = Some(mac);
        }
        let news = change(profile);
        if news && self.due.get(&key).is_none() {
            let again = profile.logged_at.map(|logged| logged + AGAIN_AFTER);
            let due = (at + SETTLE).max(again.unwrap_or(at));
            self.due.insert(key, due, (), max);
        }
    }
}
