//! From observations in their order to lines of the logs: rows, and alerts in full.
//!
//! There is one, because what it judges spans flows. Its memories are bounded: certificates that
//! were logged, weirds that were sampled, and what `detect` bounds itself.

use super::dhcp_log::DhcpLog;
use super::known::Known;
use super::settings::Settings;
use super::tap::TapWatch;
use crate::baseline::{EchConfigs, EchVerdict};
use crate::detect::allow::Stale;
use crate::detect::evidence::{Bits, Group, Item};
use crate::detect::{Alert, Engine};
use crate::fingerprint;
use crate::host::platform::{Assessment, Platform};
use crate::host::{Conflict, Hosts};
use crate::net::{Endpoint, Transport, TunnelKind};
use crate::observe::{
    Certificate, Fact, FlowId, HttpTransaction, Observation, TlsSession, TunnelAction, TunnelSeen,
    WeirdSeen,
};
use crate::packet::proto;
use crate::record::{
    ConnRow, DnsRow, HostRow, HttpRow, NoticeRow, ProfileRow, QuicRow, Record, SslRow, TunnelRow,
    WeirdRow, X509Row,
};
use crate::time::{Span, Timestamp};
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The notice about allow entries that have expired.
const STALE_ALLOW: &str = "Tapir::Stale_Allow";

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Of a log whose shape is Zeek's.
    Row(Record),
    /// Of `alerts.log`, which no row could hold; of `suppressed.log` where an entry suppressed it.
    Alert(Box<Alert>),
}

/// What sees everything at once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Detector {
    engine: Engine,
    stale: Stale,
    ech: EchConfigs,
    certificates: CertificateLog,
    weirds: WeirdSampling,
    dhcp: DhcpLog,
    hosts: Hosts,
    known: Known,
    tap: TapWatch,
    proxies: ProxyLog,
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
        self.handle_clock(at, put);
        self.watch_tap(&observation, put);
        self.handle_host(settings, &observation, put);
        let mut records = Vec::new();
        self.known.take(settings, &observation, &mut records);
        for record in records {
            put(at, Line::Row(record));
        }
        if let Some(digest) = self.stale.digest(settings.detect.allow(), at) {
            let notice = NoticeRow::new(at, None, STALE_ALLOW, digest.into());
            put(at, Line::Row(Record::Notice(Box::new(notice))));
        }
        let mut alerts = Vec::new();
        self.engine.handle_observation(
            &settings.detect,
            &settings.limits,
            &observation,
            &mut alerts,
        );
        for note in self.engine.take_notes() {
            let mut row = NoticeRow::new(at, None, note.name(), note.message().into());
            row.src = Some(note.host());
            put(at, Line::Row(Record::Notice(Box::new(row))));
        }
        if let Some(row) = self.proxies.row(settings, &observation) {
            put(at, Line::Row(Record::Tunnel(row)));
        }
        if let Some(record) = self.record(settings, observation) {
            put(at, Line::Row(record));
        }
        for mut alert in alerts {
            self.add_platform(&mut alert);
            if alert.suppressed_by.is_none() {
                put(at, Line::Row(notice(settings, &alert)));
            }
            put(at, Line::Alert(Box::new(alert)));
        }
    }

    /// Lets every deadline up to `clock` act, each as of its own moment.
    pub fn handle_clock(&mut self, clock: Timestamp, put: &mut impl FnMut(Timestamp, Line)) {
        while let Some((due, record)) = self.pop_due(clock) {
            put(due, Line::Row(record));
        }
    }

    /// The row that is due first, where that is by `clock`. Of two at once, the lease comes first.
    fn pop_due(&mut self, clock: Timestamp) -> Option<(Timestamp, Record)> {
        let by_clock = |due: &Timestamp| *due <= clock;
        let lease = self.dhcp.deadline().filter(by_clock);
        let host = self.hosts.deadline().filter(by_clock);
        match (lease, host) {
            (Some(lease), host) if host.is_none_or(|host| lease <= host) => {
                let (due, row) = self.dhcp.pop()?;
                Some((due, Record::Dhcp(Box::new(row))))
            }
            (_, Some(_)) => self.pop_host(),
            _ => None,
        }
    }

    fn pop_host(&mut self) -> Option<(Timestamp, Record)> {
        let (due, key, profile) = self.hosts.pop()?;
        let row = HostRow::new(due, &key, profile);
        Some((due, Record::Host(Box::new(row))))
    }

    /// Adds to an alert what the host's platform seems to be: worth no bits, but to be known.
    fn add_platform(&self, alert: &mut Alert) {
        let key = self
            .hosts
            .identity_at(alert.flow.originator.addr, alert.at)
            .key;
        let Assessment { platform, bits } = self.hosts.platform(&key);
        let Some(platform) = platform else { return };
        let name = platform.name();
        alert.subject.os = Some(name.into());
        let expected = alert.analytic.platform();
        if name != expected {
            let bits = Platform::ALL.map(Platform::name).into_iter().zip(bits);
            let bits: BTreeMap<&str, u32> = bits.collect();
            alert.against.push(
                Item::new("context.platform", Group::Context, Bits::ZERO)
                    .observed(json!({"platform": name, "bits": bits}))
                    .expected(expected, 0)
                    .why(format!(
                        "the host shows itself as {name}; this analytic is about {expected}"
                    )),
            );
        }
    }

    /// Lets the table of hosts take an observation.
    fn handle_host(
        &mut self,
        settings: &Settings,
        observation: &Observation,
        put: &mut impl FnMut(Timestamp, Line),
    ) {
        let is_local = |addr| settings.detect.role_of(addr).is_some();
        let conflict = self
            .hosts
            .handle_observation(&settings.limits, &is_local, observation);
        if let Some(Conflict { addr, macs: [a, b] }) = conflict {
            let seen =
                WeirdSeen::from(Weird::AddressConflict).with_detail(format!("{addr} {a} {b}"));
            if self.weirds.is_due(observation.at, None, &seen) {
                let row = WeirdRow::new(observation.at, None, Box::new(seen));
                put(observation.at, Line::Row(Record::Weird(row)));
            }
        }
    }

    /// The input is over: what waits is told at `clock`.
    pub fn finish(&mut self, clock: Timestamp, put: &mut impl FnMut(Timestamp, Line)) {
        self.handle_clock(clock, put);
        while let Some((_, row)) = self.dhcp.pop() {
            put(clock, Line::Row(Record::Dhcp(Box::new(row))));
        }
        while let Some((_, key, profile)) = self.hosts.pop() {
            let row = HostRow::new(clock, &key, profile);
            put(clock, Line::Row(Record::Host(Box::new(row))));
        }
    }

    /// What is to be thought of an encrypted server name.
    fn judge_ech(&self, at: Timestamp, flow: &FlowId, session: &TlsSession) -> Option<EchVerdict> {
        let offer = session.ech?;
        let asked = self.engine.name_of(flow);
        let outer = session.server_name.as_ref();
        Some(self.ech.judge(at, offer, outer, asked))
    }

    /// What the observation says of the tap.
    fn watch_tap(&mut self, observation: &Observation, put: &mut impl FnMut(Timestamp, Line)) {
        let at = observation.at;
        let mut put = |at, record| put(at, Line::Row(record));
        self.tap.handle_moment(at, &mut put);
        match (&observation.fact, observation.flow) {
            (Fact::Tap(account), _) => self.tap.handle_account(at, account, &mut put),
            (Fact::Flow(summary), Some(flow)) => self.tap.handle_flow(flow.transport, summary),
            _ => {}
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
            (Fact::Tls(session), Some(flow)) => {
                let ech = self.judge_ech(at, &flow, &session);
                Record::Ssl(SslRow::new(flow, session, ech))
            }
            (Fact::Dns(transaction), Some(flow)) => {
                self.ech.learn(at, &transaction);
                Record::Dns(DnsRow::new(flow, transaction))
            }
            (Fact::Quic(session), Some(flow)) => Record::Quic(QuicRow::new(flow, session)),
            (Fact::Http(transaction), Some(flow)) => Record::Http(HttpRow::new(flow, transaction)),
            // The log of proxies tells these.
            (Fact::Tunnel(seen), Some(_)) if seen.kind == TunnelKind::Socks => return None,
            (Fact::Tunnel(seen), Some(flow)) => Record::Tunnel(TunnelRow::new(at, flow, seen)),
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
            (Fact::Dhcp(message), Some(flow)) => {
                let row = self.dhcp.take(&settings.limits, at, &flow, *message)?;
                Record::Dhcp(Box::new(row))
            }
            _ => return None,
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
    let ip_proto = match alert.flow.transport {
        Transport::Udp => proto::UDP,
        _ => proto::TCP,
    };
    row.community_id = Some(community_id(settings, &alert.flow, ip_proto));
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

/// Which proxies were told within the last hour, and for whom: a host that uses one uses it again
/// and again from other ports, so Zeek tells the port as 0 and the tunnel once.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ProxyLog {
    told: BTreeMap<(IpAddr, Endpoint, TunnelKind), Timestamp>,
}

impl ProxyLog {
    /// About 5 MB; beyond it the memory starts over and proxies are told again.
    const ENTRIES_MAX: usize = 65_536;

    /// The row of a session through a proxy, where it is due.
    fn row(&mut self, settings: &Settings, observation: &Observation) -> Option<TunnelRow> {
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
