//! From hosts that use services with clients to which pairs of both are usual.
//!
//! One host alone makes nothing usual in its role: what only one does waits for approval. Read as
//! of the last closed epoch; bounded by `max` pairs.

use super::crowd::{Crowd, Crowds};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::hash::Hash;

/// Hosts from which on a pair of service and client is usual.
pub const USUAL_HOSTS_MIN: u64 = 2;

/// A host in its role, calling.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a, H> {
    /// The host.
    pub host: &'a H,
    /// Its role.
    pub role: &'a str,
}

/// Whether a pair of service and client is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// So many hosts show it.
    Usual(u64),
    /// One host alone shows it: somebody has to approve it.
    Pending,
    /// Nobody has shown it, as of the last closed epoch.
    Unknown,
}

/// Who uses which service with which client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs(Crowds);

impl Pairs {
    /// The caller uses `service` with the client `fingerprint`.
    pub fn record(
        &mut self,
        caller: Caller<'_, impl Hash>,
        (service, fingerprint): (&str, &str),
        at: Timestamp,
        max: usize,
    ) {
        let service = in_role(caller.role, service);
        self.0.record(&service, fingerprint, caller.host, at, max);
    }

    /// About how many other hosts of the caller's role use `service` with the client `fingerprint`.
    pub fn others(&self, caller: Caller<'_, impl Hash>, service: &str, fingerprint: &str) -> u64 {
        let crowd = self.0.get(&in_role(caller.role, service), fingerprint);
        crowd.map_or(0, |crowd| crowd.others(caller.host))
    }

    /// Whether anybody of `role` uses `service` with the client `fingerprint`.
    pub fn standing(&self, role: &str, service: &str, fingerprint: &str) -> Standing {
        match self
            .0
            .get(&in_role(role, service), fingerprint)
            .map(Crowd::hosts)
        {
            None => Standing::Unknown,
            Some(hosts) if hosts >= USUAL_HOSTS_MIN => Standing::Usual(hosts),
            Some(_) => Standing::Pending,
        }
    }

    /// Closes the epochs before `epoch`.
    pub fn close_epoch(&mut self, epoch: i64, max: usize) {
        self.0.close_epoch(epoch, max);
    }

    /// Pairs that the bound had no room for.
    pub fn evicted(&self) -> u64 {
        self.0.evicted()
    }
}

/// A service as the hosts of one role use it; no service has a line break in its name.
fn in_role(role: &str, service: &str) -> String {
    format!("{service}\n{role}")
}
