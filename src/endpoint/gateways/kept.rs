//! What is kept of gateways, flows and passages, and what they say of each other.

use super::fit::{self, Leg, Named};
use crate::endpoint::clock::Clock;
use crate::endpoint::passage::{Passage, PassageKind};
use crate::endpoint::report::Window;
use crate::observe::{Fact, FlowId};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Names that are remembered of a flow, the newest.
pub(super) const NAMES_MAX: usize = 8;
/// A name above this is none (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// Who logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Gateway {
    pub clock: Clock,
    /// Where its clients reach it.
    pub addrs: BTreeSet<IpAddr>,
}

/// A flow that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub flow: FlowId,
    pub last_at: Timestamp,
    /// What it asked for, the newest last; in lower case.
    pub names: Vec<Box<str>>,
    /// Whether a gateway's clock was read off it.
    pub timed: bool,
}

/// A passage that was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub gateway: Box<str>,
    pub window: Window,
    pub passage: Passage,
}

/// A passage that could be about a flow.
pub(super) struct Candidate<'a> {
    pub n: u64,
    pub told: &'a Told,
    pub named: Named,
    pub leg: Leg,
    /// From the flow's first packet to the passage's beginning, the clock corrected.
    pub delta: Span,
    pub clock_known: bool,
}

impl Seen {
    /// Takes the name that the flow asks for.
    pub fn learn(&mut self, fact: &Fact) {
        let name: Option<&[u8]> = match fact {
            Fact::Tls(tls) => tls.server_name.as_ref().map(|name| name.as_slice()),
            Fact::Http(http) => fit::host_of(http),
            Fact::Dns(dns) => dns.query.as_ref().map(|name| name.as_slice()),
            _ => None,
        };
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let name = name.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX);
        let Some(name) = name.map(String::into_boxed_str) else {
            return;
        };
        if !self.names.contains(&name) {
            if self.names.len() >= NAMES_MAX {
                self.names.remove(0);
            }
            self.names.push(name);
        }
    }
}

impl Candidate<'_> {
    /// The flow as its client has it, where the gateway translated it.
    pub fn inner(&self, flow: &FlowId) -> Option<FlowId> {
        let passage = &self.told.passage;
        let is_one_to_one = passage.kind == PassageKind::Flow
            || passage.method.as_deref() == Some("CONNECT") && passage.gateway.addr.is_some();
        if self.leg != Leg::Onward || !self.named.is_exact() || !is_one_to_one {
            return None;
        }
        let called = match passage.kind {
            PassageKind::Flow => passage.server,
            _ => passage.gateway,
        };
        let originator = fit::endpoint(passage.client)?;
        let responder = fit::endpoint(called).unwrap_or(flow.responder);
        let is_other = originator != flow.originator || responder != flow.responder;
        is_other.then_some(FlowId {
            originator,
            responder,
            ..*flow
        })
    }
}
