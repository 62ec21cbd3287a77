//! From claims to the hardware addresses that answer for many.
//!
//! A router that answers for others (proxy ARP), or a gateway of virtual machines, shows one
//! hardware address for hosts that it hides. Once shared, always shared: an identity does not
//! change because a router was quiet. Bounded by `hosts_max`.

use crate::baseline::Bounded;
use crate::limits::Limits;
use crate::net::Mac;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Addresses that one host may claim within [`WITHIN`]: IPv4, link-local, a stable and a few
/// temporary ones. A design value.
const ADDRESSES_MAX: usize = 8;
const WITHIN: Span = Span::from_secs(3600);

/// Who answers for whom.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Sharing {
    macs: Bounded<Mac, Claims>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Claims {
    /// The addresses claimed lately.
    Own(Vec<(IpAddr, Timestamp)>),
    /// More than one host's.
    Shared,
}

impl Sharing {
    /// `mac` claims `addr`.
    pub fn note(&mut self, limits: &Limits, mac: Mac, addr: IpAddr, at: Timestamp) {
        let claims = self.macs.remove(&mac);
        let claims = match claims.unwrap_or_else(|| Claims::Own(Vec::new())) {
            Claims::Shared => Claims::Shared,
            Claims::Own(mut claimed) => {
                claimed.retain(|(known, known_at)| *known != addr && at - *known_at < WITHIN);
                claimed.push((addr, at));
                match claimed.len() > ADDRESSES_MAX {
                    true => Claims::Shared,
                    false => Claims::Own(claimed),
                }
            }
        };
        self.macs.insert(mac, at, claims, limits.hosts_max);
    }

    /// Whether `mac` answers for many.
    pub fn is_shared(&self, mac: Mac) -> bool {
        matches!(self.macs.get(&mac), Some(Claims::Shared))
    }

    /// How many had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.macs.evicted()
    }
}
