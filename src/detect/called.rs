//! From an open flow to who calls what with which client.
//!
//! Judges nothing. What is called is the catalogue's service, else the registrable domain of the
//! name, else the network of the address, so that a service that moves between addresses is one.

use super::an1415::Oddities;
use super::catalogue::{Match, name_text};
use super::client::ClientClass;
use super::settings::Settings;
use super::taught::Shown;
use crate::observe::{FlowId, TlsSession};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// A name above this is no host name (RFC 1035, section 2.3.4).
pub const NAME_BYTES_MAX: usize = 253;
/// Ports of the web: what is called there without a session that could be read counts as the web.
const WEB_PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// Ports that are for pushes alone: Apple's, and Google's three.
const PUSH_PORTS: [u16; 4] = [5223, 5228, 5229, 5230];
/// Domains that are.
const PUSH_DOMAINS: [&str; 4] = [
    ".push.apple.com",
    "mtalk.google.com",
    "push.services.mozilla.com",
    ".notify.windows.com",
];

/// How a flow got its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// Server name indication of the flow itself.
    Sni,
    /// The Host header of a request in clear.
    Host,
    /// A DNS answer that the same client was given before.
    Dns,
    /// The server's certificate.
    Certificate,
    /// Nothing names it; its address stands for it.
    #[default]
    Address,
}

/// What is known of a flow that is not over yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// The service of the catalogue and the customer of a shared one, the registrable domain, or
    /// the network.
    pub object: Arc<str>,
    /// The host's name, where there is one.
    pub name: Option<BString>,
    /// How it is known.
    pub named_by: NamedBy,
    /// Whether a TLS session was told.
    pub tls: bool,
    /// Whether a request in clear was told.
    pub http: bool,
    /// JA3 of the client.
    pub ja3: Option<Box<str>>,
    /// JA4 of the client.
    pub ja4: Option<Box<str>>,
    /// The program that called.
    pub class: ClientClass,
    /// Exchanges that began in it.
    pub exchanges: u32,
    /// Whether it has lasted ten minutes.
    pub long: bool,
    /// What is odd about the server's certificate, where one was seen.
    pub oddities: Option<Oddities>,
    /// What it has shown of its program.
    pub shown: Shown,
}

impl Called {
    /// A flow of which only the name is known.
    pub fn new(settings: &Settings, flow: &FlowId, named: Option<(BString, NamedBy)>) -> Called {
        let (name, named_by) = match named {
            Some((name, named_by)) => (Some(name), named_by),
            None => (None, NamedBy::Address),
        };
        let object = match &name {
            Some(name) => object_of(settings, name, flow.responder.addr),
            None => network_of(flow.responder.addr),
        };
        Called {
            object: object.into(),
            name,
            named_by,
            ..Called::default()
        }
    }

    /// Whether what is called is `domain`, or below it.
    pub fn is_below(&self, domain: &str) -> bool {
        let name = self.name.as_ref().and_then(|name| name_text(name));
        name.is_some_and(|name| {
            let above = name.strip_suffix(domain);
            above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        })
    }

    /// Whether the flow is of the web, as far as can be told.
    pub fn is_web(&self, flow: &FlowId) -> bool {
        self.tls || self.http || WEB_PORTS.contains(&flow.responder.port)
    }

    /// Whether the flow is held for a vendor's pushes: Apple's and Google's by port or name (Apple
    /// support article 102266; Firebase documentation, FCM ports), Mozilla's and Microsoft's by
    /// name.
    pub fn is_push(&self, flow: &FlowId) -> bool {
        let named = |name: &BString| {
            let mut domains = PUSH_DOMAINS.iter();
            domains.any(|domain| name.ends_with(domain.as_bytes()))
        };
        PUSH_PORTS.contains(&flow.responder.port) || self.name.as_ref().is_some_and(named)
    }

    /// Its place in the catalogue.
    pub fn lookup<'a>(&self, settings: &'a Settings) -> Option<Match<'a>> {
        settings.catalogue().lookup(self.name.as_ref()?)
    }
}

/// The name of the server by its certificate: only where every name in it belongs to one service,
/// since a certificate of a delivery network names many.
pub fn name_by_certificate(settings: &Settings, tls: &TlsSession) -> Option<(BString, NamedBy)> {
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

/// What a host called `name` stands for.
fn object_of(settings: &Settings, name: &[u8], addr: IpAddr) -> String {
    if let Some(found) = settings.catalogue().lookup(name) {
        return found.object(name);
    }
    let Some(text) = name_text(name) else {
        return network_of(addr);
    };
    match psl::domain_str(&text) {
        Some(domain) => domain.to_owned(),
        None => text,
    }
}

/// The /24 or /48 that holds `addr`.
fn network_of(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(addr) => {
            let [a, b, c, _] = addr.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(addr) => {
            let [a, b, c, ..] = addr.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}
