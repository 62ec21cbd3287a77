//! From rows in their order to observations: what one log knows of a flow, told with the other's.
//!
//! A session gets the names of its certificate, a flow the number of its exchanges, and a QUIC
//! session is told once although two logs have it. Remembers at most [`FLOWS_MAX`] flows and
//! [`CERTIFICATES_MAX`] certificates; the earliest leave.

use super::row::{Row, Told};
use crate::baseline::Bounded;
use crate::net::{Transport, Uid};
use crate::observe::{Fact, Observation};
use crate::time::Timestamp;
use bstr::BString;

/// Flows that are open: some 20 MB.
pub const FLOWS_MAX: usize = 131_072;
/// Certificates whose names are known: some 30 MB with a few names each.
pub const CERTIFICATES_MAX: usize = 65_536;

/// What is known of a flow before `conn.log` tells it.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    has_tls: bool,
    is_quic: bool,
    exchanges: u32,
}

/// What joins rows.
#[derive(Debug, Default)]
pub struct Join {
    flows: Bounded<Uid, Known>,
    names: Bounded<BString, Vec<BString>>,
    clock: Timestamp,
}

impl Join {
    /// What the next row tells; none where others tell it, or have told it.
    pub fn take(&mut self, row: Row) -> Option<Observation> {
        // Time never goes back for those who listen.
        self.clock = self.clock.max(row.at);
        let at = self.clock;
        let Some(mut flow) = row.flow else {
            if let Told::Certificate(known_by, names) = row.told {
                for key in known_by {
                    self.names
                        .insert(key, row.ts, names.clone(), CERTIFICATES_MAX);
                }
            }
            return None;
        };
        let known = self.flows.remove(&flow.uid).unwrap_or_default();
        let mut next = known;
        let fact = match row.told {
            Told::Tls(mut session, leaf) => {
                next.has_tls = true;
                if known.is_quic {
                    flow.transport = Transport::Udp;
                }
                let names = leaf.and_then(|leaf| self.names.get(&leaf));
                session.certificate_names = names.cloned().unwrap_or_default();
                Some(Fact::Tls(session))
            }
            Told::Quic(session) => {
                next.is_quic = true;
                (!known.has_tls).then_some(Fact::Tls(session))
            }
            Told::Fact(Fact::Flow(mut summary)) => {
                summary.exchanges = summary.exchanges.max(known.exchanges);
                let fact = Fact::Flow(summary);
                return Some(Observation {
                    at,
                    flow: Some(flow),
                    fact,
                });
            }
            Told::Fact(fact) => {
                if let Fact::Profile(profile) = &fact {
                    next.exchanges = profile.exchanges;
                }
                Some(fact)
            }
            Told::Certificate(..) => None,
        };
        self.flows.insert(flow.uid, at, next, FLOWS_MAX);
        Some(Observation {
            at,
            flow: Some(flow),
            fact: fact?,
        })
    }
}
