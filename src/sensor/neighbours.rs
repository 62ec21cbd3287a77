//! From claims of addresses to those worth telling.
//!
//! A claim is told when it is new, when it changed, and once in five minutes while it lasts, so
//! that an ARP storm costs a look-up a frame and nothing behind it. An address whose claims keep
//! changing is told [`CHANGES_MAX`] times in that time. Holds a shard's share of `neighbours_max`.

use crate::baseline::Bounded;
use crate::limits::{Limits, SHARDS};
use crate::net::{Mac, Neighbour, NeighbourKind};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// A claim that lasts is told again after this.
const AGAIN_AFTER: Span = Span::from_secs(300);

/// So many changes of one address are told in that time: enough to show that two claim it.
const CHANGES_MAX: u8 = 8;

/// What a shard has told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Neighbours {
    told: Bounded<(IpAddr, Option<u16>), Told>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Told {
    mac: Mac,
    router: bool,
    since: Timestamp,
    changes: u8,
}

impl Neighbours {
    /// Whether `neighbour` is to be told at `clock`.
    pub fn is_news(&mut self, limits: &Limits, clock: Timestamp, neighbour: &Neighbour) -> bool {
        let key = (neighbour.addr, neighbour.vlan);
        let router = neighbour.kind == NeighbourKind::Router;
        if let Some(told) = self.told.get_mut(&key)
            && clock - told.since < AGAIN_AFTER
        {
            if told.mac == neighbour.mac && told.router >= router {
                return false;
            }
            told.changes = told.changes.saturating_add(1);
            (told.mac, told.router) = (neighbour.mac, router);
            return told.changes <= CHANGES_MAX;
        }
        let told = Told {
            mac: neighbour.mac,
            router,
            since: clock,
            changes: 0,
        };
        let max = limits.neighbours_max / SHARDS;
        self.told.insert(key, clock, told, max);
        true
    }
}

/// The shard that knows what is told of `addr`.
pub fn shard_of(addr: IpAddr) -> u8 {
    let word = match addr {
        IpAddr::V4(addr) => u32::from(addr),
        IpAddr::V6(_) => u32::from(Ipv4Addr::UNSPECIFIED),
    };
    // Fibonacci hashing: the upper bits of a product with 2^32 / φ.
    ((word.wrapping_mul(0x9e37_79b1) >> 16) as usize % SHARDS) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(mac: u8, kind: NeighbourKind) -> Neighbour {
        Neighbour {
            addr: "10.0.0.9".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, mac]),
            kind,
            vlan: None,
        }
    }

    #[test]
    fn a_storm_of_one_claim_is_told_once_in_five_minutes() {
        let mut neighbours = Neighbours::default();
        let told = (0..600_000).filter(|milli| {
            let clock = Timestamp::from_nanos(milli * 1_000_000);
            let claim = neighbour(1, NeighbourKind::Arp);
            neighbours.is_news(&Limits::DEFAULT, clock, &claim)
        });
        assert_eq!(told.count(), 2);
    }

    #[test]
    fn changes_are_told_at_once_up_to_a_bound() {
        let mut neighbours = Neighbours::default();
        let told = (0..1000u32).filter(|number| {
            let clock = Timestamp::from_nanos(i64::from(*number));
            let claim = neighbour((number % 2) as u8, NeighbourKind::Arp);
            neighbours.is_news(&Limits::DEFAULT, clock, &claim)
        });
        assert_eq!(told.count(), 1 + usize::from(CHANGES_MAX));
    }

    #[test]
    fn that_a_neighbour_is_a_router_is_news_and_that_it_still_is_one_is_not() {
        let mut neighbours = Neighbours::default();
        let mut news = |kind| {
            let claim = neighbour(1, kind);
            neighbours.is_news(&Limits::DEFAULT, Timestamp::from_nanos(1), &claim)
        };
        assert!(news(NeighbourKind::Solicitation));
        assert!(news(NeighbourKind::Router));
        assert!(!news(NeighbourKind::Router));
        assert!(!news(NeighbourKind::Solicitation));
    }

    #[test]
    fn neighbours_spread_over_shards() {
        let shards: std::collections::BTreeSet<u8> = (0..=255)
            .map(|last| shard_of(IpAddr::from([10, 0, 0, last])))
            .collect();
        assert!(shards.len() > 32, "{}", shards.len());
    }
}
