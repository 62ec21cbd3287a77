//! From inventories and reports to which agent speaks for which address, and since when.
//!
//! History is never overwritten: an address that moves to another host belongs to both, each in its
//! time. Holds `agents_max` agents with at most [`ADDRS_MAX`] addresses each.

use super::clock::Clock;
use super::report::Inventory;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Addresses of one agent; a router with containers has tens.
pub const ADDRS_MAX: usize = 256;
/// An address that an inventory does not name any more was its host's until this long before.
const STALE: Span = Span::from_secs(60);

/// An agent, and what it may speak of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// When which address was its host's, by the sensor's clock.
    addrs: BTreeMap<IpAddr, Held>,
    /// Whether an inventory named all its addresses.
    has_inventory: bool,
    /// How far its clock is off.
    pub clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Agent {
    /// Takes what the agent says of its host.
    pub fn handle_inventory(&mut self, inventory: &Inventory, received_at: Timestamp) {
        if inventory.whole {
            self.has_inventory = true;
            for (addr, held) in &mut self.addrs {
                if held.to.is_none() && !inventory.addrs.contains(addr) {
                    held.to = Some(received_at + Span::from_nanos(-STALE.as_nanos()));
                }
            }
        }
        for addr in inventory.addrs.iter().filter(|addr| !addr.is_loopback()) {
            self.hold(*addr, received_at);
        }
    }

    /// The agent used `addr` as its host's in a report; whether that is new.
    pub fn handle_local(&mut self, addr: IpAddr, received_at: Timestamp) -> bool {
        !self.has_inventory && !addr.is_loopback() && self.hold(addr, received_at)
    }

    fn hold(&mut self, addr: IpAddr, from: Timestamp) -> bool {
        let full = self.addrs.len() >= ADDRS_MAX;
        match self.addrs.get_mut(&addr) {
            Some(held) => held.to.take().is_some(),
            None if full => false,
            None => self.addrs.insert(addr, Held { from, to: None }).is_none(),
        }
    }

    /// Whether the agent's inventory denies that its host has `addr` at `at`. What an inventory
    /// names was there before it was told.
    pub fn is_foreign(&self, addr: IpAddr, at: Timestamp) -> bool {
        self.has_inventory && !self.has(addr, at)
    }

    /// Whether it is known to have `addr` at `at`.
    pub fn has(&self, addr: IpAddr, at: Timestamp) -> bool {
        let held = self.addrs.get(&addr);
        held.is_some_and(|held| held.to.is_none_or(|to| at <= to))
    }

    /// Its addresses.
    pub fn addrs(&self) -> impl Iterator<Item = IpAddr> {
        self.addrs.keys().copied()
    }
}
