//! From observations in capture order to the cases that an analytic judges.
//!
//! Joins a TLS session with its flow by uid, names destinations, remembers who uses what, and gives
//! each alert its identity. Judges nothing itself.

use super::Alert;
use super::alert::Occasion;
use super::an1190::{self, Case, NamedBy};
use super::attack::Analytic;
use super::catalogue::Match;
use super::client::ClientClass;
use super::evidence::Tier;
use super::identity;
use super::settings::{Role, Settings};
use super::site::{Member, Site, Use};
use super::usage::{Usage, UsedFlow};
use crate::baseline::{Bounded, Names};
use crate::limits::Limits;
use crate::net::{Side, Transport, Uid};
use crate::observe::{DnsTransaction, Fact, FlowId, FlowSummary, Observation, TlsSession};
use crate::time::{Span, Timestamp};
use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An alert that still holds is told again after this.
const RENEWAL: Span = Span::from_secs(86_400);
/// A name above this is no host name (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// The detector: what it remembers between observations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    names: Names,
    sessions: Bounded<Uid, Session>,
    usages: Bounded<(IpAddr, Box<str>), Usage>,
    alerts: Bounded<AlertKey, Raised>,
    site: Site,
}

/// What a TLS session told of a flow that is not over yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Session {
    name: Option<(BString, NamedBy)>,
    ja3: Option<Box<str>>,
    ja4: Option<Box<str>>,
    class: ClientClass,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct AlertKey {
    analytic: Analytic,
    host: IpAddr,
    object: Box<str>,
}

/// An alert that was raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Raised {
    alert_id: Box<str>,
    raised_at: Timestamp,
    tier: Tier,
    revision: u32,
}

/// How many entries of each table had to leave for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The tables' names.
pub struct Evictions {
    pub names: u64,
    pub sessions: u64,
    pub hosts: u64,
    pub usages: u64,
    pub marks: u64,
    pub volumes: u64,
    pub alerts: u64,
}

/// A flow that is over, with everything that is known of it.
struct Ended<'a> {
    at: Timestamp,
    flow: &'a FlowId,
    summary: &'a FlowSummary,
    role: &'a Role,
    session: Option<Session>,
}

impl<'a> Ended<'a> {
    fn member(&self) -> Member<'a> {
        Member {
            role: &self.role.name,
            host: self.flow.originator.addr,
        }
    }

    fn ja4(&self) -> Option<&str> {
        self.session.as_ref()?.ja4.as_deref()
    }

    fn class(&self) -> ClientClass {
        self.session
            .as_ref()
            .map_or(ClientClass::UNKNOWN, |session| session.class)
    }

    fn used<'b>(&'b self, object: &'b str) -> Use<'b> {
        Use {
            object,
            ja4: self.ja4(),
        }
    }
}

/// A flow's place in the catalogue.
struct Destination<'a> {
    found: Match<'a>,
    object: Box<str>,
    name: BString,
    named_by: NamedBy,
}

impl Engine {
    /// A detector that knows nothing yet.
    pub fn new() -> Engine {
        Engine::default()
    }

    /// Takes the next observation in capture order; puts what it gives cause for into `alerts`.
    pub fn handle_observation(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        observation: &Observation,
        alerts: &mut Vec<Alert>,
    ) {
        let at = observation.at;
        self.site.advance(limits, at);
        let Some(flow) = &observation.flow else {
            return;
        };
        let Some(role) = settings.role_of(flow.originator.addr) else {
            return;
        };
        match &observation.fact {
            Fact::Dns(dns) => self.handle_dns(limits, at, flow, dns),
            Fact::Tls(tls) => self.handle_tls(settings, limits, at, flow, tls),
            Fact::Flow(summary) => {
                let session = self.sessions.remove(&flow.uid);
                let ended = Ended {
                    at,
                    flow,
                    summary,
                    role,
                    session,
                };
                self.handle_ended(settings, limits, &ended, alerts);
            }
            // A session brings its certificate's names along.
            Fact::Certificate(_) | Fact::Http(_) | Fact::Quic(_) | Fact::Weird(_) => {}
            Fact::Profile(_) | Fact::Exchange(_) => {}
        }
    }

    /// How many entries of each table had to leave for others.
    pub fn evictions(&self) -> Evictions {
        Evictions {
            names: self.names.evicted(),
            sessions: self.sessions.evicted(),
            hosts: self.site.hosts_evicted(),
            usages: self.usages.evicted(),
            marks: self.site.marks_evicted(),
            volumes: self.site.volumes_refused(),
            alerts: self.alerts.evicted(),
        }
    }

    fn handle_dns(&mut self, limits: &Limits, at: Timestamp, flow: &FlowId, dns: &DnsTransaction) {
        let Some(query) = dns
            .query
            .as_ref()
            .filter(|query| query.len() <= NAME_BYTES_MAX)
        else {
            return;
        };
        let (client, max) = (flow.originator.addr, limits.dns_memory_max);
        for (addr, ttl) in &dns.addresses {
            self.names
                .learn(client, *addr, BStr::new(query), *ttl, at, max);
        }
    }

    fn handle_tls(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        at: Timestamp,
        flow: &FlowId,
        tls: &TlsSession,
    ) {
        let sni = tls.server_name.clone().map(|name| (name, NamedBy::Sni));
        let name = sni
            .filter(|(name, _)| name.len() <= NAME_BYTES_MAX)
            .or_else(|| self.name_by_dns(flow))
            .or_else(|| name_by_certificate(settings, tls));
        let (ja3, ja4) = (tls.ja3.clone(), tls.ja4.clone());
        let clients = settings.clients();
        let class = clients.classify(ja4.as_deref(), tls.hello.as_ref(), &tls.client_alpn);
        let session = Session {
            name,
            ja3,
            ja4,
            class,
        };
        self.sessions
            .insert(flow.uid, at, session, limits.baseline_keys_max);
    }

    fn name_by_dns(&self, flow: &FlowId) -> Option<(BString, NamedBy)> {
        let (client, server) = (flow.originator.addr, flow.responder.addr);
        let name = self.names.name_of(client, server, flow.first_at)?;
        Some((name.to_owned(), NamedBy::Dns))
    }

    fn handle_ended(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        ended: &Ended<'_>,
        alerts: &mut Vec<Alert>,
    ) {
        // A call that nobody answered says nothing about the caller, and its address may be forged.
        if ended.summary.side(Side::Responder).bytes == 0 {
            return;
        }
        let host = ended.flow.originator.addr;
        let days_before = self
            .site
            .touch(limits, ended.member(), ended.ja4(), ended.at);
        let Some(destination) = self.destination(settings, ended) else {
            return;
        };
        let Some(used) = UsedFlow::new(ended.at, ended.flow, ended.summary) else {
            return;
        };

        let key = (host, destination.object.clone());
        let known = self.usages.remove(&key);
        let mut usage = known.unwrap_or_else(|| Usage::new(ended.at, days_before));
        usage.push(used);
        let raised = self.judge(settings, limits, ended, &destination, &usage);
        self.usages
            .insert(key, ended.at, usage, limits.baseline_keys_max);
        match raised {
            Judgement::Usual => {
                let (member, object) = (ended.member(), &destination.object);
                self.site
                    .learn(limits, member, object, ended.class().is_application());
                self.site
                    .learn_upload(member.role, &destination.found.service.id, used.up);
            }
            Judgement::Unusual(alert) => {
                self.site
                    .unlearn(ended.member(), ended.used(&destination.object));
                alerts.extend(alert.map(|alert| *alert));
            }
        }
    }

    /// What is judged and remembered: an HTTPS flow to a service of the catalogue outside the site.
    fn destination<'a>(
        &self,
        settings: &'a Settings,
        ended: &Ended<'_>,
    ) -> Option<Destination<'a>> {
        let Ended { flow, session, .. } = ended;
        let web = matches!(flow.transport, Transport::Tcp | Transport::Udp);
        let https = session.is_some() || web && flow.responder.port == 443;
        if !https || settings.role_of(flow.responder.addr).is_some() {
            return None;
        }
        let named = session.as_ref().and_then(|session| session.name.clone());
        let (name, named_by) = named.or_else(|| self.name_by_dns(flow))?;
        let found = settings.catalogue().lookup(&name)?;
        let object = found.object(&name).into_boxed_str();
        Some(Destination {
            found,
            object,
            name,
            named_by,
        })
    }

    /// Judges, and gives an alert its identity.
    fn judge(
        &mut self,
        settings: &Settings,
        limits: &Limits,
        ended: &Ended<'_>,
        destination: &Destination<'_>,
        usage: &Usage,
    ) -> Judgement {
        let session = ended.session.as_ref();
        let case = Case {
            settings,
            at: ended.at,
            role: ended.role,
            found: destination.found,
            usage,
            class: ended.class(),
            ja4: ended.ja4(),
            peers: self
                .site
                .peers(ended.member(), ended.used(&destination.object)),
            uploads: self
                .site
                .uploads(&ended.role.name, &destination.found.service.id),
        };
        let host = ended.flow.originator.addr;
        let object = destination.object.clone();
        let key = AlertKey {
            analytic: Analytic::An1190,
            host,
            object,
        };
        let known = self.alerts.get(&key);
        let Some(verdict) = an1190::judge(&case) else {
            // What was alerted on teaches nothing afterwards either.
            return known.map_or(Judgement::Usual, |_| Judgement::Unusual(None));
        };
        let raised = match known {
            Some(known) if verdict.tier > known.tier => {
                let revision = known.revision.saturating_add(1);
                let (tier, raised_at) = (verdict.tier, ended.at);
                Raised {
                    alert_id: known.alert_id.clone(),
                    raised_at,
                    tier,
                    revision,
                }
            }
            Some(known) if ended.at - known.raised_at < RENEWAL => return Judgement::Unusual(None),
            _ => Raised::new(&key, ended.at, verdict.tier),
        };
        let occasion = Occasion {
            alert_id: raised.alert_id.clone(),
            revision: raised.revision,
            flow: *ended.flow,
            object: &destination.object,
            name: &destination.name,
            named_by: destination.named_by,
            ja3: session.and_then(|session| session.ja3.clone()),
            baseline_hash: self.site.baseline_hash(),
        };
        self.alerts.insert(key, ended.at, raised, limits.alerts_max);
        Judgement::Unusual(Some(Box::new(Alert::an1190(&case, verdict, occasion))))
    }
}

/// What became of a case.
enum Judgement {
    /// It belongs to what is usual.
    Usual,
    /// It does not; an alert where one is due.
    Unusual(Option<Box<Alert>>),
}

impl Raised {
    /// The first revision of an alert; its identity is what it is about and since when.
    fn new(key: &AlertKey, raised_at: Timestamp, tier: Tier) -> Raised {
        let (host, moment) = (key.host.to_string(), raised_at.as_nanos().to_string());
        let alert_id = identity::digest([
            key.analytic.name(),
            host.as_str(),
            &key.object,
            moment.as_str(),
        ]);
        Raised {
            alert_id,
            raised_at,
            tier,
            revision: 0,
        }
    }
}

/// The name of the server by its certificate: only where every name in it belongs to one service,
/// since a certificate of a delivery network names many.
fn name_by_certificate(settings: &Settings, tls: &TlsSession) -> Option<(BString, NamedBy)> {
    let names = || {
        tls.certificate_names
            .iter()
            .map(|name| name.strip_prefix(b"*.").unwrap_or(name))
    };
    let catalogue = settings.catalogue();
    let first = names().next()?;
    let service = catalogue.lookup(first)?.service;
    let all = names().all(|name| catalogue.lookup(name).is_some_and(|m| m.service == service));
    all.then(|| (BString::from(first), NamedBy::Certificate))
}
