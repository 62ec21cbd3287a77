//! From what a host shows of itself to what is known of it.
//!
//! Every list has its bound; what comes beyond it is left out, since a host that has more than that
//! of anything is lying or is a gateway.

use super::clue;
use super::platform::{Assessment, Clue, assess};
use crate::net::Mac;
use crate::time::Timestamp;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Addresses kept of one host: IPv4, link-local, and a week of temporary ones.
const ADDRESSES_MAX: usize = 16;
/// Names kept of one host.
const NAMES_MAX: usize = 8;
/// Service types kept of one host.
const SERVICES_MAX: usize = 32;
/// Bytes of a name or service that is kept (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// What is known of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Since when.
    pub first_at: Timestamp,
    /// The last moment it showed anything.
    pub last_at: Timestamp,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// Its addresses, in the order in which they were seen last.
    pub addresses: Vec<IpAddr>,
    /// What it calls itself: DHCP, multicast DNS, LLMNR, NetBIOS.
    pub names: BTreeSet<BString>,
    /// DHCP vendor class.
    pub vendor_class: Option<BString>,
    /// What its DHCP client asks for, as numbers with commas.
    pub dhcp_parameters: Option<Box<str>>,
    /// DHCP unique identifier (version 6), hexadecimal.
    pub duid: Option<Box<str>>,
    /// Service types that it announces.
    pub services: BTreeSet<BString>,
    /// Whether it says that it is a router.
    pub router: bool,
    /// What hints at its platform, and how often it was seen.
    pub clues: BTreeMap<Clue, u32>,
    /// When it was last logged.
    pub logged_at: Option<Timestamp>,
}

impl Profile {
    /// A host first seen at `at`.
    pub(super) fn new(at: Timestamp) -> Profile {
        Profile {
            first_at: at,
            last_at: at,
            ..Profile::default()
        }
    }

    /// What its clues come to.
    pub fn assessment(&self) -> Assessment {
        assess(self.clues.keys())
    }

    /// Takes an address; whether it is new.
    pub(super) fn add_address(&mut self, addr: IpAddr) -> bool {
        let known = self.addresses.iter().position(|one| *one == addr);
        if let Some(at) = known {
            self.addresses.remove(at);
        } else if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.remove(0);
        }
        self.addresses.push(addr);
        known.is_none()
    }

    /// Takes a name; whether it is new.
    pub(super) fn add_name(&mut self, name: &BString) -> bool {
        if let Some(clue) = clue::of_name(name) {
            self.add_clue(clue);
        }
        add(&mut self.names, name, NAMES_MAX)
    }

    /// Takes a service type; whether it is new.
    pub(super) fn add_service(&mut self, service: &BString) -> bool {
        if let Some(clue) = clue::of_service(service) {
            self.add_clue(clue);
        }
        add(&mut self.services, service, SERVICES_MAX)
    }

    /// Counts a clue; whether it is new.
    pub(super) fn add_clue(&mut self, clue: Clue) -> bool {
        let count = self.clues.entry(clue).or_default();
        *count = count.saturating_add(1);
        *count == 1
    }

    /// Takes what a DHCP client says of its kind; whether it is new.
    pub(super) fn add_dhcp(&mut self, class: Option<&BString>, list: Option<&[u8]>) -> bool {
        let mut new = false;
        if let Some(class) = class {
            clue::of_vendor_class(class).map(|clue| self.add_clue(clue));
            new |= self.vendor_class.as_ref() != Some(class);
            self.vendor_class = Some(class.clone());
        }
        if let Some(list) = list {
            clue::of_parameters(list).map(|clue| self.add_clue(clue));
            let codes: Vec<String> = list.iter().map(u8::to_string).collect();
            let codes = codes.join(",").into_boxed_str();
            new |= self.dhcp_parameters.as_ref() != Some(&codes);
            self.dhcp_parameters = Some(codes);
        }
        new
    }

    /// Takes over what was known of the same host by its address.
    pub(super) fn absorb(&mut self, other: Profile) {
        self.first_at = self.first_at.min(other.first_at);
        self.logged_at = self.logged_at.max(other.logged_at);
        for addr in &other.addresses {
            self.add_address(*addr);
        }
        for name in &other.names {
            add(&mut self.names, name, NAMES_MAX);
        }
        for service in &other.services {
            add(&mut self.services, service, SERVICES_MAX);
        }
        for (clue, count) in other.clues {
            let known = self.clues.entry(clue).or_default();
            *known = known.saturating_add(count);
        }
    }
}

fn add(set: &mut BTreeSet<BString>, text: &BString, max: usize) -> bool {
    let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    fits && (set.len() < max || set.contains(text)) && set.insert(text.clone())
}
