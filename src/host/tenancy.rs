//! From leases and claims to who had an address when.
//!
//! Knows one address. Keeps its last [`INTERVALS_MAX`] tenants; the oldest leaves.

use crate::net::{HostKey, Mac};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Tenants kept of one address: a day of leases of one hour would be 24, but only the last few
/// moments are ever asked for.
pub const INTERVALS_MAX: usize = 8;

/// Who claims an address (ARP, NDP) is believed for so long after the last claim. Claims are heard
/// by the whole segment, so the next tenant's would be.
pub const CLAIM_HOLDS: Span = Span::from_secs(86_400);

/// Two claimants that take turns within this both live.
const CONFLICT_WITHIN: Span = Span::from_secs(300);

/// A conflict that lasts is told again after this.
const CONFLICT_AGAIN: Span = Span::from_secs(3600);

/// How it is known who had an address; a later one is believed before an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Proof {
    /// Nothing but the address.
    Address,
    /// It claimed the address by ARP or neighbour discovery.
    Claim,
    /// A DHCP server gave it the address.
    Lease,
    /// An endpoint agent says so.
    Agent,
}

impl Proof {
    /// The name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Proof::Address => "address",
            Proof::Claim => "claim",
            Proof::Lease => "lease",
            Proof::Agent => "agent",
        }
    }
}

/// That a host had the address from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Who.
    pub key: HostKey,
    /// How it is known.
    pub proof: Proof,
    /// Since when.
    pub from: Timestamp,
    /// Until when, as far as is known.
    pub until: Timestamp,
}

/// Who had one address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenancy {
    /// Oldest first.
    intervals: VecDeque<Interval>,
    /// When two claimants were last told of.
    conflict_at: Option<Timestamp>,
}

impl Tenancy {
    /// Everything that says who had the address at `at`, the most trusted and latest first.
    pub fn at(&self, at: Timestamp) -> Vec<&Interval> {
        let holds = |interval: &&Interval| interval.from <= at && at <= interval.until;
        let mut found: Vec<&Interval> = self.intervals.iter().filter(holds).collect();
        found.sort_by_key(|interval| std::cmp::Reverse((interval.proof, interval.from)));
        found
    }

    /// Whether nothing was ever known.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// `key` has the address from `at` until `until`; whoever had it by the same proof has not any
    /// more.
    pub fn begin(&mut self, key: HostKey, proof: Proof, at: Timestamp, until: Timestamp) {
        for known in &mut self.intervals {
            if known.proof != proof || known.until < at {
                continue;
            }
            if known.key == key {
                known.until = until;
                return;
            }
            known.until = at;
        }
        if self.intervals.len() >= INTERVALS_MAX {
            self.intervals.pop_front();
        }
        self.intervals.push_back(Interval {
            key,
            proof,
            from: at,
            until,
        });
    }

    /// `key` gave the address back at `at`.
    pub fn end(&mut self, key: &HostKey, proof: Proof, at: Timestamp) {
        for known in &mut self.intervals {
            if known.proof == proof && known.key == *key && known.until > at {
                known.until = at;
            }
        }
    }

    /// Whether a claim of `mac` at `at` shows that two hosts claim the address in turn; the other
    /// one. Asked before the claim is taken.
    pub fn conflict(&mut self, mac: Mac, at: Timestamp) -> Option<Mac> {
        let mut claims = self.intervals.iter().rev();
        let mut claims = claims.by_ref().filter(|one| one.proof == Proof::Claim);
        let (last, before) = (claims.next()?, claims.next()?);
        let HostKey::Mac(other) = last.key else {
            return None;
        };
        let returns = other != mac && before.key == HostKey::Mac(mac);
        let soon = at - before.until < CONFLICT_WITHIN;
        let told = self
            .conflict_at
            .is_some_and(|told| at - told < CONFLICT_AGAIN);
        if !returns || !soon || told {
            return None;
        }
        self.conflict_at = Some(at);
        Some(other)
    }
}
