//! From what the operator allows to which findings are told quietly.
//!
//! Nothing else suppresses, and nothing is hidden: a suppressed alert goes whole to
//! `suppressed.log`. An entry that is over, or not yet begun, is ignored. Volume or direction
//! evidence above ten bits breaks through: what was allowed was not that. Entries come from the
//! configuration, which refuses those that are too broad.

use super::attack::Analytic;
use super::client::Kind;
use super::evidence::{Bits, Group};
use super::finding::{Finding, Scene};
use super::rfc3339::rfc3339;
use crate::time::Timestamp;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What breaks through every entry.
const BREAKS_THROUGH: Bits = Bits::whole(10);

/// What the operator allows, who owns it, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Allow {
    /// Its name in alerts.
    pub id: Box<str>,
    /// Whose hosts.
    pub who: Who,
    /// The name that may be called, and everything below it.
    pub domain: Box<str>,
    /// The kind of client that may; any where none is given.
    pub client_class: Option<Kind>,
    /// The analytics that it answers; all where none is given.
    pub analytics: BTreeSet<Analytic>,
    /// Who answers for it.
    pub owner: Box<str>,
    /// Where it was decided.
    pub ticket: Box<str>,
    /// Why.
    pub reason: Box<str>,
    /// It counts from here ...
    pub created: Timestamp,
    /// ... until here.
    pub expires: Timestamp,
}

/// Whose calls an entry allows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Who {
    /// Hosts in this network; a single host is one of all its bits.
    Network(IpNet),
    /// The members of this role.
    Role(Box<str>),
}

/// An allow entry that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suppression {
    /// The entry.
    pub id: Box<str>,
    /// Why it did or did not suppress.
    pub result: String,
    /// Who owns it.
    pub owner: Box<str>,
}

/// What the entries say of a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The entry that suppresses it.
    pub suppressed_by: Option<Box<str>>,
    /// Every entry that covers it.
    pub entries: Vec<Suppression>,
}

/// Expired entries, each told once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stale {
    told: BTreeSet<Box<str>>,
    looked_hour: Option<i64>,
}

impl Who {
    /// Whether the host that called is one of these.
    pub fn covers(&self, scene: &Scene<'_>) -> bool {
        match self {
            Who::Network(network) => network.contains(&scene.flow.originator.addr),
            Who::Role(role) => *role == scene.role.name,
        }
    }
}

impl Allow {
    fn covers(&self, scene: &Scene<'_>, analytic: Analytic) -> bool {
        let who = self.who.covers(scene);
        let kind = scene.called.class.kind();
        let client = self.client_class.is_none_or(|allowed| allowed == kind);
        let analytics = self.analytics.is_empty() || self.analytics.contains(&analytic);
        who && client && analytics && scene.called.is_below(&self.domain)
    }

    fn result(&self, at: Timestamp, finding: &Finding) -> Result<(), String> {
        let day = |at| rfc3339(at).get(..10).unwrap_or_default().to_owned();
        if at < self.created {
            return Err(format!("begins {}", day(self.created)));
        }
        if at >= self.expires {
            return Err(format!("expired {}", day(self.expires)));
        }
        let loud = finding.evidence.items().find(|item| {
            let group = matches!(item.group, Group::Volume | Group::Direction);
            group && item.uncapped > BREAKS_THROUGH
        });
        loud.map_or(Ok(()), |item| {
            let (id, bits) = (&item.id, item.uncapped.as_f64());
            Err(format!("broken through by {id} of {bits} bits"))
        })
    }
}

/// What the operator's entries say of a finding; the first that covers it suppresses.
pub fn check(scene: &Scene<'_>, finding: &Finding) -> Checked {
    let mut checked = Checked::default();
    for entry in scene.settings.allow() {
        if !entry.covers(scene, finding.analytic) {
            continue;
        }
        let result = entry.result(scene.at, finding);
        if result.is_ok() && checked.suppressed_by.is_none() {
            checked.suppressed_by = Some(entry.id.clone());
        }
        checked.entries.push(Suppression {
            id: entry.id.clone(),
            result: result.err().unwrap_or_else(|| "suppresses".into()),
            owner: entry.owner.clone(),
        });
    }
    checked
}

impl Stale {
    /// A sentence about the entries that have expired by `at` and were not told yet; looked for
    /// once an hour.
    pub fn digest(&mut self, allow: &[Allow], at: Timestamp) -> Option<String> {
        if allow.is_empty() || self.looked_hour.replace(at.hour()) == Some(at.hour()) {
            return None;
        }
        let expired = allow.iter().filter(|entry| entry.expires <= at);
        let fresh: Vec<&Allow> = expired
            .filter(|entry| self.told.insert(entry.id.clone()))
            .collect();
        let told = |entry: &&Allow| format!("{} of {}", entry.id, entry.owner);
        let list: Vec<String> = fresh.iter().map(told).collect();
        (!list.is_empty()).then(|| {
            format!(
                "allow entries have expired and are ignored: {}",
                list.join(", ")
            )
        })
    }
}
