//! From a flow on the wire to what reports can name of it: itself, and the flow that its client has
//! before a translation of addresses.

use super::attribution::Key;
use super::naming::{Spot, key_of, spots_of_flow};
use super::report::FlowReport;
use crate::net::Side;
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A flow that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// As the sensor sees it.
    pub flow: FlowId,
    /// The moment that it was seen last.
    pub last_at: Timestamp,
    /// As its client has it, where a gateway said that it translates it.
    pub inner: Option<FlowId>,
}

impl Seen {
    /// A flow that was seen at `at`.
    pub fn new(flow: FlowId, at: Timestamp) -> Seen {
        Seen {
            flow,
            last_at: at,
            inner: None,
        }
    }

    /// The flow with both its faces.
    pub fn faces(&self) -> impl Iterator<Item = &FlowId> {
        [&self.flow].into_iter().chain(&self.inner)
    }

    /// Every spot of the flow.
    pub fn spots(&self) -> impl Iterator<Item = Spot> {
        self.faces().flat_map(spots_of_flow)
    }

    /// How much of which face a report names, and on which side its host is; none where it is about
    /// another flow.
    pub fn key_of(&self, report: &FlowReport) -> Option<(Key, Side, &FlowId)> {
        self.faces().find_map(|face| {
            let (key, side) = key_of(face, report)?;
            Some((key, side, face))
        })
    }

    /// Whether a report names both flows exactly and by the same face, so that it can be about one
    /// of them only.
    pub fn competes(&self, other: &Seen, report: &FlowReport) -> bool {
        let exact = |seen: &Seen| {
            let (key, _, face) = seen.key_of(report)?;
            (key == Key::Tuple).then(|| seen.inner.as_ref() == Some(face))
        };
        let own = exact(self);
        own.is_some() && own == exact(other)
    }
}
