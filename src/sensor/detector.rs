//! From observations in their order to lines of the logs: rows, and alerts in full.
//!
//! There is one, because what it judges spans flows. Its memories are bounded: certificates that
//! were logged, weirds that were sampled, and what `detect` bounds itself.

use super::dhcp_log::DhcpLog;
use super::known::Known;
use super::notices;
use super::settings::Settings;
use super::tap::TapWatch;
use super::told::{CertificateLog, ProxyLog, WeirdSampling};
use crate::baseline::{EchConfigs, EchVerdict};
use crate::detect::allow::Stale;
use crate::detect::evidence::{Bits, Group, Item};
use crate::detect::{Alert, Engine};
use crate::endpoint::report::Report;
use crate::host::platform::{Assessment, Platform};
use crate::host::{Conflict, Hosts};
use crate::net::{Endpoint, TunnelKind};
use crate::observe::{Fact, FlowId, Observation, TlsSession, WeirdSeen};
use crate::record::{
    AttributionRow, ConnRow, CoverageRow, DnsRow, GatewayRow, HostRow, HttpRow, NoticeRow,
    ProfileRow, QuicRow, Record, SslRow, TunnelRow, WeirdRow, X509Row,
};
use crate::time::Timestamp;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// The notice about allow entries that have expired.
const STALE_ALLOW: &str = "Tapir::Stale_Allow";

/// Reports that wait for their moment before no more are asked for: seconds' worth.
const REPORTS_WAITING_MAX: usize = 200_000;

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Of a log whose shape is Zeek's.
    Row(Record),
    /// Of `alerts.log`, which no row could hold; of `suppressed.log` where an entry suppressed it.
    Alert(Box<Alert>),
}

/// What is due, and when.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Timestamp,
    kind: DueKind,
}

#[derive(Clone, Copy, Debug)]
enum DueKind {
    Report,
    Lease,
    Host,
    Attribution,
    Agents,
    Gateway,
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
    /// Reports by the moment they were received, and in which order.
    reports: BTreeMap<(Timestamp, u64), Report>,
    reports_n: u64,
    /// The number of the journal's line after the last one that was handed over.
    journal_next: u64,
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
        self.handle_clock(settings, at, put);
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
        self.tell_notes(settings, at, put);
        if let Some(row) = self.proxies.row(settings, &observation) {
            put(at, Line::Row(Record::Tunnel(row)));
        }
        if let Some(record) = self.record(settings, observation) {
            put(at, Line::Row(record));
        }
        self.tell_alerts(settings, at, alerts, put);
    }

    fn tell_notes(
        &mut self,
        settings: &Settings,
        at: Timestamp,
        put: &mut impl FnMut(Timestamp, Line),
    ) {
        for note in self.engine.take_notes() {
            put(at, Line::Row(notices::of_note(settings, at, &note)));
        }
    }

    fn tell_alerts(
        &self,
        settings: &Settings,
        at: Timestamp,
        alerts: Vec<Alert>,
        put: &mut impl FnMut(Timestamp, Line),
    ) {
        for mut alert in alerts {
            self.add_platform(&mut alert);
            if alert.suppressed_by.is_none() {
                put(at, Line::Row(notices::of_alert(settings, &alert)));
            }
            put(at, Line::Alert(Box::new(alert)));
        }
    }

    /// Takes reports of endpoint agents; each counts as of the moment it was received.
    pub fn handle_reports(&mut self, reports: impl IntoIterator<Item = Report>) {
        for report in reports {
            let number = self.reports_n;
            self.reports_n += 1;
            self.reports.insert((report.received_at, number), report);
        }
    }

    /// Takes reports that are in a journal up to the line before `next`.
    pub fn handle_journaled(&mut self, reports: Vec<Report>, next: u64) {
        self.handle_reports(reports);
        self.journal_next = next;
    }

    /// Whether few enough reports wait for their moment.
    pub fn has_room_for_reports(&self) -> bool {
        self.reports.len() < REPORTS_WAITING_MAX
    }

    /// The number of the journal's line from which on nothing was handed over.
    pub fn journal_next(&self) -> u64 {
        self.journal_next
    }

    /// Lets every deadline up to `clock` act, and every report that was received by then, each as
    /// of its own moment.
    pub fn handle_clock(
        &mut self,
        settings: &Settings,
        clock: Timestamp,
        put: &mut impl FnMut(Timestamp, Line),
    ) {
        while let Some(due) = self.first_due().filter(|due| due.at <= clock) {
            self.handle_due(settings, due, put);
        }
    }

    /// What is due first. Of two at once the earlier in this list comes first.
    fn first_due(&self) -> Option<Due> {
        let report = self.reports.first_key_value().map(|((at, _), _)| *at);
        let dues = [
            (report, DueKind::Report),
            (self.dhcp.deadline(), DueKind::Lease),
            (self.hosts.deadline(), DueKind::Host),
            (self.engine.attributing.deadline(), DueKind::Attribution),
            (self.engine.watching_deadline(), DueKind::Agents),
            (self.engine.passing.deadline(), DueKind::Gateway),
        ];
        let dues = dues.into_iter();
        dues.filter_map(|(at, kind)| Some(Due { at: at?, kind }))
            .min_by_key(|due| due.at)
    }

    fn handle_due(&mut self, settings: &Settings, due: Due, put: &mut impl FnMut(Timestamp, Line)) {
        match due.kind {
            DueKind::Report => {
                if let Some((_, report)) = self.reports.pop_first() {
                    let (detect, limits) = (&settings.detect, &settings.limits);
                    let mut alerts = Vec::new();
                    self.engine
                        .handle_report(detect, limits, &report, &mut alerts);
                    self.tell_notes(settings, due.at, put);
                    self.tell_alerts(settings, due.at, alerts, put);
                }
            }
            DueKind::Lease => {
                if let Some((at, row)) = self.dhcp.pop() {
                    put(at, Line::Row(Record::Dhcp(Box::new(row))));
                }
            }
            DueKind::Host => {
                if let Some((at, key, profile)) = self.hosts.pop() {
                    let row = HostRow::new(at, &key, profile);
                    put(at, Line::Row(Record::Host(Box::new(row))));
                }
            }
            DueKind::Attribution => {
                let (detect, limits) = (&settings.detect, &settings.limits);
                if let Some((flow, attribution)) = self.engine.pop_attributed(detect, limits) {
                    let row = AttributionRow::new(due.at, flow, attribution);
                    put(due.at, Line::Row(Record::Attribution(Box::new(row))));
                }
                self.tell_notes(settings, due.at, put);
            }
            DueKind::Agents => {
                for hour in self.engine.pop_covered(&settings.limits, due.at) {
                    let row = Record::Coverage(Box::new(CoverageRow::new(hour)));
                    put(due.at, Line::Row(row));
                }
            }
            DueKind::Gateway => {
                if let Some((flow, passed)) = self.engine.passing.pop(&settings.limits) {
                    let row = GatewayRow::new(due.at, flow, passed);
                    put(due.at, Line::Row(Record::Gateway(Box::new(row))));
                }
            }
        }
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

    /// The input is over: what waits is told at `clock`; reports that came later still count.
    pub fn finish(
        &mut self,
        settings: &Settings,
        clock: Timestamp,
        put: &mut impl FnMut(Timestamp, Line),
    ) {
        self.handle_clock(settings, clock, put);
        while let Some((_, row)) = self.dhcp.pop() {
            put(clock, Line::Row(Record::Dhcp(Box::new(row))));
        }
        while let Some((_, key, profile)) = self.hosts.pop() {
            let row = HostRow::new(clock, &key, profile);
            put(clock, Line::Row(Record::Host(Box::new(row))));
        }
        while let Some(due) = self.first_due() {
            self.handle_due(settings, due, put);
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
                let id = notices::community_id(settings, &flow, summary.ip_proto);
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
