//! From what a gateway logs to one passage: what a client of it asked for, and what became of that.
//!
//! Gateways are web proxies, secure web gateways, firewalls, DNS servers and cloud-access brokers:
//! they speak of others, which a host's agent may not. Neither a query's values nor credentials are
//! ever kept of a URL.

use super::report::Place;
use crate::net::Transport;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a gateway let through, or did not. What it does not say is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Passage {
    /// What passed.
    pub kind: PassageKind,
    /// Whether the window begins when the passage did; else it is about when it was logged.
    pub begins: bool,
    /// TCP or UDP.
    pub transport: Option<Transport>,
    /// Who asked, before any translation.
    pub client: Place,
    /// What the client called, before any translation; of a request through a proxy the origin.
    pub server: Place,
    /// Where the client reached the gateway itself.
    pub gateway: Place,
    /// From where the gateway went on: after translation, or its own.
    pub source: Place,
    /// To where it went on, where that is not the server.
    pub peer: Place,
    /// The host of the URL, of the CONNECT, or the name that was looked up; in lower case.
    pub name: Option<Box<str>>,
    /// The URL without user, password, query and fragment.
    pub url: Option<Box<str>>,
    /// The request's method.
    pub method: Option<Box<str>>,
    /// Status of the response.
    pub status: Option<u16>,
    /// Who the client is for the gateway.
    pub user: Option<Box<str>>,
    /// User-Agent of the request.
    pub user_agent: Option<Box<str>>,
    /// What the gateway takes the traffic for.
    pub application: Option<Box<str>>,
    /// What the gateway's policy did.
    pub action: Option<PolicyAction>,
    /// The rule that did.
    pub rule: Option<Box<str>>,
    /// Its category for the destination.
    pub category: Option<Box<str>>,
    /// Bytes from the client, and to it.
    pub bytes: Option<[u64; 2]>,
    /// Type of the lookup: `A`, `AAAA` ...
    pub query_type: Option<Box<str>>,
    /// Addresses that the lookup gave.
    pub answers: Vec<IpAddr>,
}

/// What passed a gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassageKind {
    /// A request, or a tunnel that was asked for.
    #[default]
    Web,
    /// A lookup of a name.
    Lookup,
    /// A flow of any kind.
    Flow,
}

impl PassageKind {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            PassageKind::Web => "web",
            PassageKind::Lookup => "lookup",
            PassageKind::Flow => "flow",
        }
    }
}

/// What a policy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAction {
    /// It let it pass.
    Allowed,
    /// It did not.
    Denied,
    /// It did not look.
    Bypassed,
}

impl PolicyAction {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            PolicyAction::Allowed => "allowed",
            PolicyAction::Denied => "denied",
            PolicyAction::Bypassed => "bypassed",
        }
    }
}
