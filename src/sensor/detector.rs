//! From observations in their order to lines of the logs: rows, and alerts in full.
//!
//! There is one, because what it judges spans flows. Its memories are bounded: certificates that
//! were logged, weirds that were sampled, and what `detect` bounds itself.

use super::settings::Settings;
use crate::detect::{Alert, Engine};
use crate::fingerprint;
use crate::net::Endpoint;
use crate::observe::{Certificate, Fact, FlowId, Observation, WeirdSeen};
use crate::packet::proto;
use crate::record::{
    ConnRow, DnsRow, HttpRow, NoticeRow, ProfileRow, QuicRow, Record, SslRow, WeirdRow, X509Row,
};
use crate::time::{Span, Timestamp};
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Of a log whose shape is Zeek's.
    Row(Record),
    /// Of `alerts.log`, which no row could hold.
    Alert(Box<Alert>),
}

/// What sees everything at once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Detector {
    engine: Engine,
    certificates: CertificateLog,
    weirds: WeirdSampling,
}

impl Detector {
    /// Takes the next observation; `put` gets the lines that it makes, each with its moment.
    pub fn handle_observation(
        &mut self,
        settings: &Settings,
        observation: Observation,
        put: &mut impl FnMut(Timestamp, Line),
    ) {
        let at = observation.at;
        let mut alerts = Vec::new();
        self.engine.handle_observation(
            &settings.detect,
            &settings.limits,
            &observation,
            &mut alerts,
        );
        if let Some(record) = self.record(settings, observation) {
            put(at, Line::Row(record));
        }
        for alert in alerts {
            put(at, Line::Row(notice(settings, &alert)));
            put(at, Line::Alert(Box::new(alert)));
        }
    }

    /// The row of an observation, unless its log leaves it out.
    fn record(&mut self, settings: &Settings, observation: Observation) -> Option<Record> {
        let Observation { at, flow, fact } = observation;
        Some(match (fact, flow) {
            (Fact::Flow(summary), Some(flow)) => {
                let id = community_id(settings, &flow, summary.ip_proto);
                Record::Conn(ConnRow::new(
                    flow,
                    summary,
                    local(settings, &flow),
                    Some(id),
                ))
            }
            (Fact::Tls(session), Some(flow)) => Record::Ssl(SslRow::new(flow, session)),
            (Fact::Dns(transaction), Some(flow)) => Record::Dns(DnsRow::new(flow, transaction)),
            (Fact::Quic(session), Some(flow)) => Record::Quic(QuicRow::new(flow, session)),
            (Fact::Http(transaction), Some(flow)) => Record::Http(HttpRow::new(flow, transaction)),
            (Fact::Profile(profile), Some(flow)) => Record::Profile(ProfileRow::new(flow, profile)),
            // For who looks for cadences; no log has it.
            (Fact::Exchange(_), _) => return None,
            (Fact::Certificate(certificate), _) => {
                if !self.certificates.is_due(at, &certificate) {
                    return None;
                }
                Record::X509(X509Row::new(certificate))
            }
            (Fact::Weird(seen), flow) => {
                if !self.weirds.is_due(at, flow, &seen) {
                    return None;
                }
                Record::Weird(WeirdRow::new(at, flow, seen))
            }
            (
                Fact::Flow(_)
                | Fact::Tls(_)
                | Fact::Dns(_)
                | Fact::Http(_)
                | Fact::Quic(_)
                | Fact::Profile(_),
                None,
            ) => return None,
        })
    }
}

/// Whether originator and responder are in a local network; none where none is configured.
fn local(settings: &Settings, flow: &FlowId) -> Option<[bool; 2]> {
    let nets = &settings.local_networks;
    let is_local = |endpoint: Endpoint| nets.iter().any(|net| net.contains(&endpoint.addr));
    (!nets.is_empty()).then(|| [flow.originator, flow.responder].map(is_local))
}

/// The alert's row in `notice.log`.
fn notice(settings: &Settings, alert: &Alert) -> Record {
    let message = alert.message.as_str().into();
    let mut row = NoticeRow::new(alert.at, Some(alert.flow), alert.note, message);
    row.sub = Some(alert.sub.as_str().into());
    row.n = Some(alert.n);
    // Analytics judge flows over TCP so far.
    row.community_id = Some(community_id(settings, &alert.flow, proto::TCP));
    Record::Notice(Box::new(row))
}

fn community_id(settings: &Settings, flow: &FlowId, ip_proto: u8) -> Box<str> {
    let seed = settings.community_id_seed;
    fingerprint::community_id(seed, flow.originator, flow.responder, ip_proto).into()
}

/// Which certificates were logged within the last day: Zeek logs each once a day.
#[derive(Debug, Default, Serialize, Deserialize)]
struct CertificateLog {
    logged: BTreeMap<(Box<str>, bool, bool), Timestamp>,
}

impl CertificateLog {
    const AGAIN_AFTER: Span = Span::from_secs(86_400);
    /// About 10 MB; beyond it the memory starts over and certificates are logged again.
    const ENTRIES_MAX: usize = 65_536;

    fn is_due(&mut self, at: Timestamp, certificate: &Certificate) -> bool {
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

/// Weirds that no flow bounds are sampled as Zeek samples them: the first 25 of a name within ten
/// minutes, then one in a thousand (`Weird::sampling_threshold`, `sampling_rate`,
/// `sampling_duration`).
#[derive(Debug, Default, Serialize, Deserialize)]
struct WeirdSampling {
    seen: BTreeMap<Weird, (Timestamp, u64)>,
}

impl WeirdSampling {
    const WINDOW: Span = Span::from_secs(600);
    const ALL_UP_TO: u64 = 25;
    const THEN_ONE_IN: u64 = 1000;

    fn is_due(&mut self, at: Timestamp, flow: Option<FlowId>, seen: &WeirdSeen) -> bool {
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
