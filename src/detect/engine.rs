//! From observations in capture order to what is remembered of flows, hosts and what they call.
//!
//! Joins what sessions, exchanges and profiles tell of a flow by uid, and names destinations; what
//! it knows is judged in `judging`.

use super::Alert;
use super::an1415::Oddities;
use super::budget::Budget;
use super::called::{Called, NAME_BYTES_MAX, NamedBy, name_by_certificate};
use super::calls::{CallKey, Calls};
use super::client::Kind;
use super::clockwork::Regulars;
use super::evictions::{Crowding, Evictions};
use super::expectations::Expectations;
use super::habit::Habit;
use super::identity;
use super::judging::{Attributing, Passing, Uploads, Watching};
use super::kept::Kept;
use super::note::Note;
use super::presence::Presence;
use super::registry::Registry;
use super::request::{host_name, uri_centibits};
use super::settings::{Role, Settings};
use super::site::{Member, Site};
use super::usage::Usage;
use crate::baseline::{Admitted, Bounded, Names};
use crate::limits::Limits;
use crate::net::{Side, Transport, Uid};
use crate::observe::profile::Exchange;
use crate::observe::{
    Certificate, DnsTransaction, Fact, FlowId, HttpTransaction, Observation, TlsSession,
};
use crate::profile::cadence::Event;
use crate::time::Timestamp;
use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// The detector: what it remembers between observations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    pub(super) names: Names,
    pub(super) open: Bounded<Uid, Called>,
    pub(super) usages: Bounded<CallKey, Usage>,
    pub(super) calls: Calls,
    pub(super) kept: Kept,
    /// Which process has which flow.
    pub attributing: Attributing,
    pub(super) watching: Watching,
    /// Which gateway knows what of which flow.
    pub passing: Passing,
    pub(super) presences: Bounded<IpAddr, Presence>,
    pub(super) alerts: Registry,
    pub(super) budget: Budget,
    pub(super) site: Site,
    /// When hosts call services, by kind of client.
    pub(super) habits: Admitted<(IpAddr, Arc<str>, Kind), Habit>,
    pub(super) expectations: Expectations,
    pub(super) regulars: Regulars,
    pub(super) uploads: Uploads,
    crowding: Crowding,
    pub(super) notes: Vec<Note>,
}

/// An observation's moment, its flow, and what it is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now<'a> {
    pub settings: &'a Settings,
    pub limits: &'a Limits,
    pub at: Timestamp,
    pub flow: &'a FlowId,
    /// The role of the flow's originator.
    pub role: &'a Role,
}

impl<'a> Now<'a> {
    /// The host that called.
    pub fn host(&self) -> IpAddr {
        self.flow.originator.addr
    }

    pub fn member(&self) -> Member<'a> {
        Member {
            role: &self.role.name,
            host: self.host(),
        }
    }

    /// Whether the flow leaves the site.
    pub fn is_outbound(&self) -> bool {
        let carries = matches!(self.flow.transport, Transport::Tcp | Transport::Udp);
        carries && self.settings.role_of(self.flow.responder.addr).is_none()
    }

    pub fn bounds(&self) -> (&'a Limits, u64) {
        (self.limits, self.settings.seed())
    }
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
        self.close_transfers(settings, limits, at);
        self.note_missed(settings, limits, at);
        let moved = self
            .budget
            .advance(settings.alerts_a_day_max(), settings.tiers(), at);
        self.notes.extend(moved.map(Note::Budget));
        let mut crowding = std::mem::take(&mut self.crowding);
        let full = crowding.advance(at, || self.evictions());
        self.crowding = crowding;
        self.notes.extend(full.map(Note::Full));
        if let Some(lag) = settings.attribution_lag() {
            let open = &self.open;
            let class = |uid: &Uid| open.get(uid).map(|called| called.class).unwrap_or_default();
            self.attributing
                .handle_observation(limits, lag, observation, class);
            self.watch_passing(limits, lag, observation);
        }
        let Some(flow) = &observation.flow else {
            return;
        };
        let Some(role) = settings.role_of(flow.originator.addr) else {
            return;
        };
        let now = Now {
            settings,
            limits,
            at,
            flow,
            role,
        };
        match &observation.fact {
            Fact::Dns(dns) => self.handle_dns(now, dns),
            Fact::Tls(tls) => self.handle_tls(now, tls),
            Fact::Http(http) if now.is_outbound() => self.handle_http(now, http),
            Fact::Profile(profile) if now.is_outbound() => {
                self.handle_profile(now, profile, alerts);
            }
            Fact::Exchange(exchange) if now.is_outbound() => {
                alerts.extend(self.handle_exchange(now, exchange));
            }
            Fact::Certificate(certificate) if now.is_outbound() => {
                self.handle_certificate(now, certificate);
            }
            Fact::Flow(summary) => self.handle_ended(now, summary, alerts),
            // A session brings its certificate's names along; the rest is no evidence.
            _ => {}
        }
    }

    /// What the baselines noticed since this was asked last.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// How many entries of each table had to leave for others.
    pub fn evictions(&self) -> Evictions {
        Evictions {
            names: self.names.evicted(),
            open: self.open.evicted(),
            hosts: self
                .site
                .hosts_evicted()
                .saturating_add(self.presences.evicted()),
            usages: self.usages.evicted(),
            calls: self
                .calls
                .evicted()
                .saturating_add(self.habits.evicted())
                .saturating_add(self.expectations.evicted())
                .saturating_add(self.regulars.evicted()),
            calls_refused: self.calls.refused().saturating_add(self.habits.refused()),
            uploads: self.uploads.evicted(),
            endpoint: self
                .attributing
                .evicted()
                .saturating_add(self.watching.evicted())
                .saturating_add(self.passing.gateways.evicted()),
            marks: self.site.marks_evicted(),
            volumes: self.site.volumes_refused(),
            alerts: self.alerts.evicted(),
        }
    }

    /// The name that the originator had last learnt for the responder when it opened `flow`.
    pub fn name_of(&self, flow: &FlowId) -> Option<&BStr> {
        let (client, server) = (flow.originator.addr, flow.responder.addr);
        self.names.name_of(client, server, flow.first_at)
    }

    fn handle_dns(&mut self, now: Now<'_>, dns: &DnsTransaction) {
        let Some(query) = dns
            .query
            .as_ref()
            .filter(|query| query.len() <= NAME_BYTES_MAX)
        else {
            return;
        };
        let (client, max) = (now.host(), now.limits.dns_memory_max);
        if let Some(presence) = self.presences.get_mut(&client) {
            presence.handle_sight(now.at);
        }
        for (addr, ttl) in &dns.addresses {
            self.names
                .learn(client, *addr, BStr::new(query), *ttl, now.at, max);
        }
    }

    fn handle_tls(&mut self, now: Now<'_>, tls: &TlsSession) {
        let Now { settings, flow, .. } = now;
        let sni = tls.server_name.clone().map(|name| (name, NamedBy::Sni));
        let named = sni
            .filter(|(name, _)| name.len() <= NAME_BYTES_MAX)
            .or_else(|| self.named_by_dns(flow))
            .or_else(|| name_by_certificate(settings, tls));
        let clients = settings.clients();
        let ja4 = tls.ja4.as_deref();
        let before = self.open.take(&flow.uid).unwrap_or_default();
        let mut called = Called {
            tls: true,
            ja3: tls.ja3.clone(),
            ja4: tls.ja4.clone(),
            class: clients.classify(ja4, tls.hello.as_ref(), &tls.client_alpn),
            exchanges: before.exchanges,
            long: before.long,
            shown: before.shown,
            oddities: before
                .oddities
                .or(tls.sni_matches_cert.map(|_| Oddities::default()))
                .map(|odd| odd.in_session(tls)),
            ..Called::new(settings, flow, named)
        };
        if settings.infers() {
            called.shown.handle_tls(tls);
        }
        self.keep_open(now, called);
        self.watch_open(settings, now.limits, flow.uid, now.at);
    }

    /// A request in clear names its flow, unless a TLS session did.
    fn handle_http(&mut self, now: Now<'_>, http: &HttpTransaction) {
        let mut called = self.take_open(now);
        if !called.http && !called.tls {
            let host = http.host.as_ref().map(|host| host_name(host));
            let host = host.filter(|host| !host.is_empty() && host.len() <= NAME_BYTES_MAX);
            if let Some(host) = host {
                called = Called {
                    exchanges: called.exchanges,
                    long: called.long,
                    shown: called.shown,
                    ..Called::new(now.settings, now.flow, Some((host, NamedBy::Host)))
                };
            }
        }
        called.http = true;
        if now.settings.infers() {
            called.shown.handle_http(http);
        }
        let entropy = http.uri.as_ref().map_or(0, |uri| uri_centibits(uri));
        if entropy > 0 {
            let (key, kind) = ((now.host(), called.object.clone()), called.class.kind());
            if let Some(call) = self.calls.entry(now.bounds(), &key, kind, now.at) {
                call.uri_centibits = call.uri_centibits.max(entropy);
            }
        }
        self.keep_open(now, called);
    }

    fn handle_exchange(&mut self, now: Now<'_>, exchange: &Exchange) -> Option<Alert> {
        let mut called = self.take_open(now);
        let Exchange {
            at,
            by,
            upload_bytes,
        } = *exchange;
        let mut alert = None;
        match by {
            Side::Responder if called.is_push(now.flow) => self.handle_push(now.host(), at),
            Side::Responder => {}
            Side::Originator => {
                called.exchanges = called.exchanges.saturating_add(1);
                if called.is_web(now.flow) {
                    self.count_event(now, &called, at, Some(upload_bytes));
                    alert = self.judge_call(now, &called, at, upload_bytes);
                }
            }
        }
        self.keep_open(now, called);
        alert
    }

    /// A server pushed: what the host does next may be no habit of its own.
    fn handle_push(&mut self, host: IpAddr, at: Timestamp) {
        if let Some(presence) = self.presences.get_mut(&host) {
            presence.pushed_at = Some(at);
        }
    }

    /// What is odd about the certificate of a server.
    fn handle_certificate(&mut self, now: Now<'_>, certificate: &Certificate) {
        if !certificate.host_cert || certificate.client_cert {
            return;
        }
        let issuer = identity::digest([&*certificate.issuer]);
        let known = self.site.handle_issuer(now.limits, now.host(), &issuer);
        let mut called = self.take_open(now);
        let other_name = called.oddities.is_some_and(|odd| odd.other_name);
        called.oddities = Some(Oddities {
            other_name,
            ..Oddities::of_certificate(certificate, known)
        });
        self.keep_open(now, called);
    }

    /// The host called an object at `at`: its cadence goes on.
    pub(super) fn count_event(
        &mut self,
        now: Now<'_>,
        called: &Called,
        at: Timestamp,
        upload_bytes: Option<u64>,
    ) {
        let (host, kind) = (now.host(), called.class.kind());
        let max = now.limits.hosts_max;
        let presence = self.presences.touch(&host, now.at, max, Presence::default);
        let Some(presence) = presence else { return };
        presence.handle_sight(at);
        if kind == Kind::Browser {
            presence.handle_browsing(at, &called.object);
        }
        let event = Event {
            at,
            upload_bytes,
            host_idle: presence.is_idle_beside(at, &called.object),
        };
        let key = (host, called.object.clone());
        let fresh = self.calls.get(&key).is_none();
        let polled = fresh
            .then(|| presence.follows(at, &called.object))
            .flatten();
        if let Some(call) = polled.and_then(|polled| self.calls.get_mut(&(host, polled))) {
            call.replies.note_followed();
        }
        if let Some(call) = self.calls.entry(now.bounds(), &key, kind, now.at) {
            call.tracks
                .handle_event(now.settings.templates(), kind, event);
        }
    }

    /// Takes what is known of the open flow out of its table, until it is kept again.
    pub(super) fn take_open(&mut self, now: Now<'_>) -> Called {
        let known = self.open.take(&now.flow.uid);
        known.unwrap_or_else(|| self.opened(now))
    }

    /// What is known of a flow that was only opened.
    pub(super) fn opened(&self, now: Now<'_>) -> Called {
        Called::new(now.settings, now.flow, self.named_by_dns(now.flow))
    }

    pub(super) fn keep_open(&mut self, now: Now<'_>, called: Called) {
        self.open
            .insert(now.flow.uid, now.at, called, now.limits.baseline_keys_max);
    }

    fn named_by_dns(&self, flow: &FlowId) -> Option<(BString, NamedBy)> {
        Some((self.name_of(flow)?.to_owned(), NamedBy::Dns))
    }
}
