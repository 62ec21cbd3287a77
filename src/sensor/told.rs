//! From rows to whether they are due, or were told already.
//!
//! Zeek's rules; where one of these memories is full it starts over, and what it held is told
//! again.

use super::settings::Settings;
use crate::net::{Endpoint, TunnelKind};
use crate::observe::{
    Certificate, Fact, FlowId, HttpTransaction, Observation, TunnelAction, TunnelSeen, WeirdSeen,
};
use crate::record::TunnelRow;
use crate::time::{Span, Timestamp};
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Which certificates were logged within the last day: Zeek logs each once a day.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct CertificateLog {
    logged: BTreeMap<(Box<str>, bool, bool), Timestamp>,
}

impl CertificateLog {
    const AGAIN_AFTER: Span = Span::from_secs(86_400);
    /// About 10 MB; beyond it the memory starts over and certificates are logged again.
    const ENTRIES_MAX: usize = 65_536;

    pub fn is_due(&mut self, at: Timestamp, certificate: &Certificate) -> bool {
        let key = (
            certificate.fingerprint.clone(),
            certificate.host_cert,
            certificate.client_cert,
        );
        if self
            .logged
            .get(&key)
            .is_some_and(|logged_at| at - *logged_at < Self::AGAIN_AFTER)
        {
            return false;
        }
        if self.logged.len() >= Self::ENTRIES_MAX {
            self.logged.clear();
        }
        self.logged.insert(key, at);
        true
    }
}

/// Which proxies were told within the last hour, and for whom: a host that uses one uses it again
/// and again from other ports, so Zeek tells the port as 0 and the tunnel once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ProxyLog {
    told: BTreeMap<(IpAddr, Endpoint, TunnelKind), Timestamp>,
}

impl ProxyLog {
    /// About 5 MB; beyond it the memory starts over and proxies are told again.
    const ENTRIES_MAX: usize = 65_536;

    /// The row of a session through a proxy, where it is due.
    pub fn row(&mut self, settings: &Settings, observation: &Observation) -> Option<TunnelRow> {
        let mut flow = observation.flow?;
        let kind = match &observation.fact {
            Fact::Tunnel(seen) if seen.kind == TunnelKind::Socks => seen.kind,
            Fact::Http(http) if is_connected(http) => TunnelKind::Http,
            _ => return None,
        };
        flow.originator.port = 0;
        let key = (flow.originator.addr, flow.responder, kind);
        let at = observation.at;
        let told_at = self.told.get(&key).copied();
        if self.told.len() >= Self::ENTRIES_MAX && told_at.is_none() {
            self.told.clear();
        }
        self.told.insert(key, at);
        if told_at.is_some_and(|told_at| at - told_at < settings.limits.tunnel_inactivity) {
            return None;
        }
        let action = TunnelAction::Discover;
        Some(TunnelRow::new(at, flow, TunnelSeen { kind, action }))
    }
}

/// Whether a proxy has let a CONNECT through.
fn is_connected(http: &HttpTransaction) -> bool {
    let asked = http
        .method
        .as_ref()
        .is_some_and(|method| method == "CONNECT");
    asked && http.status_code.is_some_and(|status| status / 100 == 2)
}

/// Weirds that no flow bounds are sampled as Zeek samples them: the first 25 of a name within ten
/// minutes, then one in a thousand (`Weird::sampling_threshold`, `sampling_rate`,
/// `sampling_duration`).
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WeirdSampling {
    seen: BTreeMap<Weird, (Timestamp, u64)>,
}

impl WeirdSampling {
    const WINDOW: Span = Span::from_secs(600);
    const ALL_UP_TO: u64 = 25;
    const THEN_ONE_IN: u64 = 1000;

    pub fn is_due(&mut self, at: Timestamp, flow: Option<FlowId>, seen: &WeirdSeen) -> bool {
        // A flow tells each weird once, and there are flows to every row.
        if flow.is_some() {
            return true;
        }
        let (since, count) = self.seen.entry(seen.weird).or_insert((at, 0));
        if at - *since >= Self::WINDOW {
            (*since, *count) = (at, 0);
        }
        *count += 1;
        *count <= Self::ALL_UP_TO || (*count - Self::ALL_UP_TO).is_multiple_of(Self::THEN_ONE_IN)
    }
}
