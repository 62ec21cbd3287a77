//! From observations to what is told once a day of the site's hosts: that they are there, what they
//! offer, and what they run.
//!
//! As Zeek's `known-hosts`, `known-services` and `software` scripts do, with two differences: a
//! service is told when its flow is over, and a version is cut up more simply. Remembers
//! `known_max` things; what was told longest ago is forgotten first, and told again.

use super::settings::Settings;
use super::software;
use crate::baseline::Bounded;
use crate::net::{Endpoint, Side, Transport};
use crate::observe::{ConnState, Fact, FlowId, FlowSummary, HttpTransaction, Observation};
use crate::record::Record;
use crate::record::known::{KnownHostRow, KnownServiceRow, SoftwareKind, SoftwareRow};
use crate::time::{Span, Timestamp};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Zeek's `create_expire` of all three tables.
const DAY: Span = Span::from_secs(86_400);

/// What was told within the last day of capture time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Known {
    told: Bounded<Thing, ()>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Thing {
    Host(IpAddr),
    /// A service, or none that is known.
    Service(Endpoint, Transport, Option<Box<str>>),
    /// A program in one version.
    Software(IpAddr, SoftwareKind, BString, Vec<u64>),
}

impl Known {
    /// Takes an observation; puts the rows that are due into `records`.
    pub fn take(
        &mut self,
        settings: &Settings,
        observation: &Observation,
        records: &mut Vec<Record>,
    ) {
        let (at, Some(flow)) = (observation.at, &observation.flow) else {
            return;
        };
        match &observation.fact {
            Fact::Established(_) => {
                for host in [flow.originator.addr, flow.responder.addr] {
                    if is_local(settings, host) && self.is_due(settings, at, Thing::Host(host)) {
                        records.push(Record::KnownHost(KnownHostRow { at, host }));
                    }
                }
            }
            Fact::Flow(summary) if is_local(settings, flow.responder.addr) => {
                records.extend(self.service(settings, at, flow, summary));
            }
            Fact::Http(transaction) => {
                let found = self.software(settings, at, flow, transaction);
                records.extend(found.into_iter().flatten());
            }
            _ => {}
        }
    }

    fn service(
        &mut self,
        settings: &Settings,
        at: Timestamp,
        flow: &FlowId,
        summary: &FlowSummary,
    ) -> Option<Record> {
        use ConnState::{Rsto, Rstr, S1, S2, S3, Sf};
        let answered = summary.side(Side::Responder).packets > 0;
        let established = matches!(summary.state, S1 | S2 | S3 | Sf | Rsto | Rstr);
        if !answered || flow.transport == Transport::Tcp && !established {
            return None;
        }
        let names = summary
            .services
            .iter()
            .map(|name| name.to_ascii_uppercase());
        let services: Vec<Box<str>> = names.map(String::into_boxed_str).collect();
        if services.is_empty() && flow.transport != Transport::Tcp {
            return None;
        }
        let thing = |name| Thing::Service(flow.responder, flow.transport, name);
        // The port itself is told once, and again for each service that it turns out to have.
        let mut due = self.is_due(settings, at, thing(None)) && services.is_empty();
        for name in &services {
            due |= self.is_due(settings, at, thing(Some(name.clone())));
        }
        due.then_some(Record::KnownService(KnownServiceRow {
            at: flow.first_at,
            endpoint: flow.responder,
            transport: flow.transport,
            services,
        }))
    }

    fn software(
        &mut self,
        settings: &Settings,
        at: Timestamp,
        flow: &FlowId,
        transaction: &HttpTransaction,
    ) -> [Option<Record>; 2] {
        let (client, server) = (flow.originator.addr, flow.responder);
        let (agent, said) = (&transaction.user_agent, &transaction.server);
        [
            (SoftwareKind::HttpBrowser, client, None, agent),
            (
                SoftwareKind::HttpServer,
                server.addr,
                Some(server.port),
                said,
            ),
        ]
        .map(|(kind, host, port, unparsed)| {
            let unparsed = unparsed.as_ref()?;
            if !is_local(settings, host) {
                return None;
            }
            let program = software::read(unparsed)?;
            let (name, version) = (program.name.clone(), program.version.clone());
            let thing = Thing::Software(host, kind, name, version);
            self.is_due(settings, at, thing)
                .then(|| row(at, host, port, kind, program, unparsed))
        })
    }

    /// Whether `thing` was not told within the last day; it counts as told then.
    fn is_due(&mut self, settings: &Settings, at: Timestamp, thing: Thing) -> bool {
        self.told.expire(at + Span::from_nanos(-DAY.as_nanos()));
        let due = self.told.get(&thing).is_none();
        if due {
            self.told.insert(thing, at, (), settings.limits.known_max);
        }
        due
    }
}

fn row(
    at: Timestamp,
    host: IpAddr,
    port: Option<u16>,
    kind: SoftwareKind,
    program: software::Program,
    unparsed: &BString,
) -> Record {
    Record::Software(Box::new(SoftwareRow {
        at,
        host,
        port,
        kind,
        name: program.name,
        version: program.version,
        addl: program.addl,
        unparsed: unparsed.clone(),
    }))
}

fn is_local(settings: &Settings, addr: IpAddr) -> bool {
    settings
        .local_networks
        .iter()
        .any(|net| net.contains(&addr))
}

#[cfg(test)]
mod tests;
