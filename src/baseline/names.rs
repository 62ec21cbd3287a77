//! From DNS answers to the name that a client meant by an address.
//!
//! Keeps no answer of one client for another: who asked decides what an address is called. A name
//! is good for its time to live and one hour of grace. Bounded by `dns_memory_max` (client,
//! address) pairs, with at most [`NAMES_MAX`] names each; the pair whose answers expire first
//! leaves.

use super::Bounded;
use crate::time::{Span, Timestamp};
use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How long a name is believed beyond its time to live: resolvers and programs keep answers.
pub const GRACE: Span = Span::from_secs(3600);
/// Times to live above a day are read as a day.
const TTL_MAX: u32 = 86_400;
/// Names kept of one (client, address); shared addresses of large hosters answer to a few at a
/// time.
pub const NAMES_MAX: usize = 4;

/// The names that clients were given addresses for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    entries: Bounded<(IpAddr, IpAddr), Vec<Answer>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    name: BString,
    learnt_at: Timestamp,
    expires_at: Timestamp,
}

impl Names {
    /// `client` was told at `at` that `name` is at `addr` for `ttl` seconds.
    pub fn learn(
        &mut self,
        client: IpAddr,
        addr: IpAddr,
        name: &BStr,
        ttl: u32,
        at: Timestamp,
        max: usize,
    ) {
        self.entries.expire(at);
        let key = (client, addr);
        let mut answers = self.entries.remove(&key).unwrap_or_default();
        answers.retain(|answer| answer.name != *name && answer.expires_at >= at);
        if answers.len() >= NAMES_MAX {
            answers.remove(0);
        }
        let lifetime = Span::from_secs(i64::from(ttl.min(TTL_MAX)));
        let expires_at = at + lifetime + GRACE;
        answers.push(Answer {
            name: name.to_owned(),
            learnt_at: at,
            expires_at,
        });
        let last = answers
            .iter()
            .map(|answer| answer.expires_at)
            .max()
            .unwrap_or(expires_at);
        self.entries.insert(key, last, answers, max);
    }

    /// The name that `client` had last learnt for `addr` when it opened a flow at `at`.
    pub fn name_of(&self, client: IpAddr, addr: IpAddr, at: Timestamp) -> Option<&BStr> {
        let answers = self.entries.get(&(client, addr))?;
        let known = answers
            .iter()
            .filter(|a| a.learnt_at <= at && at <= a.expires_at);
        known
            .max_by_key(|a| a.learnt_at)
            .map(|a| BStr::new(&a.name))
    }

    /// How many (client, address) pairs had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.entries.evicted()
    }
}
