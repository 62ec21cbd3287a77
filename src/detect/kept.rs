//! From alerts that were raised to what it takes to raise them again.
//!
//! A report of an endpoint agent may come long after the alert, which is then told anew under the
//! same identifier. Holds at most as many alerts as the registry.

use super::attack::Analytic;
use super::called::Called;
use super::evidence::{Bits, Evidence, Group, Item, Tier};
use super::finding::{Confidence, Finding, Missing, Upload};
use super::registry::AlertKey;
use crate::baseline::Bounded;
use crate::net::Uid;
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Alerts whose flow may still be attributed, or otherwise than before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    alerts: Bounded<AlertKey, KeptAlert>,
    by_flow: BTreeMap<Uid, BTreeSet<AlertKey>>,
    by_host: BTreeMap<IpAddr, BTreeSet<AlertKey>>,
}

/// What it takes to raise an alert again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptAlert {
    /// The flow that completed it.
    pub flow: FlowId,
    /// What it called.
    pub called: Called,
    /// What it said of the process.
    pub said: Box<str>,
    /// When it was raised: what is done to files later has nothing to do with it.
    pub raised_at: Timestamp,
    /// Which evidence of files it has told.
    files: BTreeSet<Box<str>>,
    finding: KeptFinding,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptFinding {
    analytic: Analytic,
    items: Vec<KeptItem>,
    against: Vec<KeptItem>,
    tier: Tier,
    deed: String,
    n: u64,
    confidence: Confidence,
    missing: Vec<Missing>,
    triage: Vec<String>,
    flows: Vec<Uid>,
    upload: Option<Upload>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptItem {
    id: String,
    group: Group,
    /// Hundredths: what it is worth, at most, and without a bound.
    bits: [i32; 3],
    /// JSON.
    observed: String,
    expected: String,
    baseline_n: u64,
    why: String,
}

impl Kept {
    /// Keeps what an alert was made of, until `max` others came.
    pub fn keep(&mut self, key: AlertKey, at: Timestamp, alert: KeptAlert, max: usize) {
        if let Some(known) = self.alerts.remove(&key) {
            self.forget(&key, &known);
        }
        while let Some((key, oldest)) = self.alerts.evict_for_one(max) {
            self.forget(&key, &oldest);
        }
        let of_flow = self.by_flow.entry(alert.flow.uid).or_default();
        of_flow.insert(key.clone());
        self.by_host
            .entry(key.host)
            .or_default()
            .insert(key.clone());
        self.alerts.insert(key, at, alert, max);
    }

    /// Forgets alerts that were raised before `moment`.
    pub fn expire(&mut self, moment: Timestamp) {
        while let Some((key, alert)) = self.alerts.pop_before(moment) {
            self.forget(&key, &alert);
        }
    }

    fn forget(&mut self, key: &AlertKey, alert: &KeptAlert) {
        if let Some(of_flow) = self.by_flow.get_mut(&alert.flow.uid) {
            of_flow.remove(key);
            if of_flow.is_empty() {
                self.by_flow.remove(&alert.flow.uid);
            }
        }
        if let Some(of_host) = self.by_host.get_mut(&key.host) {
            of_host.remove(key);
            if of_host.is_empty() {
                self.by_host.remove(&key.host);
            }
        }
    }

    /// The alerts that the flow completed.
    pub fn of_flow(&self, uid: Uid) -> Vec<AlertKey> {
        let keys = self.by_flow.get(&uid).into_iter().flatten();
        keys.cloned().collect()
    }

    /// The host's alerts of an analytic.
    pub fn of_host(&self, analytic: Analytic, host: IpAddr) -> Vec<AlertKey> {
        let keys = self.by_host.get(&host).into_iter().flatten();
        keys.filter(|key| key.analytic == analytic)
            .cloned()
            .collect()
    }

    /// What the alert was made of.
    pub fn get(&self, key: &AlertKey) -> Option<&KeptAlert> {
        self.alerts.get(key)
    }
}

impl KeptAlert {
    /// What `finding` is made of.
    pub fn new(
        flow: FlowId,
        (called, raised_at): (Called, Timestamp),
        finding: &Finding,
        said: Box<str>,
    ) -> KeptAlert {
        let items = |items: &mut dyn Iterator<Item = &Item>| items.map(KeptItem::from).collect();
        KeptAlert {
            flow,
            called,
            said,
            raised_at,
            files: BTreeSet::new(),
            finding: KeptFinding {
                analytic: finding.analytic,
                items: items(&mut finding.evidence.items()),
                against: items(&mut finding.against.iter()),
                tier: finding.tier,
                deed: finding.deed.clone(),
                n: finding.n,
                confidence: finding.confidence.clone(),
                missing: finding.missing.clone(),
                triage: finding.triage.clone(),
                flows: finding.flows.clone(),
                upload: finding.upload,
            },
        }
    }

    /// Takes note of the evidence of files that is told; whether any of its kind is new.
    pub fn told_files(&mut self, files: &[Item]) -> bool {
        let before = self.files.len();
        self.files
            .extend(files.iter().map(|item| Box::from(&*item.id)));
        self.files.len() > before
    }

    /// The finding again.
    pub fn finding(&self) -> Option<Finding> {
        let kept = &self.finding;
        let items = |items: &[KeptItem]| items.iter().map(Item::from).collect::<Vec<_>>();
        Some(Finding {
            analytic: kept.analytic,
            evidence: Evidence::weigh(items(&kept.items))?,
            against: items(&kept.against),
            tier: kept.tier,
            deed: kept.deed.clone(),
            n: kept.n,
            confidence: kept.confidence.clone(),
            missing: kept.missing.clone(),
            triage: kept.triage.clone(),
            flows: kept.flows.clone(),
            upload: kept.upload,
        })
    }
}

impl From<&Item> for KeptItem {
    fn from(item: &Item) -> KeptItem {
        KeptItem {
            id: item.id.clone().into_owned(),
            group: item.group,
            bits: [item.bits, item.cap, item.uncapped].map(Bits::hundredths),
            observed: item.observed.to_string(),
            expected: item.expected.clone(),
            baseline_n: item.baseline_n,
            why: item.why.clone(),
        }
    }
}

impl From<&KeptItem> for Item {
    fn from(kept: &KeptItem) -> Item {
        let [bits, cap, uncapped] = kept.bits.map(Bits::from_hundredths);
        Item {
            id: kept.id.clone().into(),
            group: kept.group,
            bits,
            cap,
            uncapped,
            observed: serde_json::from_str(&kept.observed).unwrap_or_default(),
            expected: kept.expected.clone(),
            baseline_n: kept.baseline_n,
            why: kept.why.clone(),
        }
    }
}
