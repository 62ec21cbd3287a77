//! From the tunnel of each packet to the tunnels that a flow went through.
//!
//! Only the innermost tunnel of a packet is told, as Zeek does; it names the one around it in its
//! own row. Holds at most [`CHANGES_MAX`] changes of tunnel.

use crate::net::Uid;
use serde::{Deserialize, Serialize};

/// So many changes of tunnel are followed: Zeek's `Tunnel::max_changes_per_connection`.
const CHANGES_MAX: u8 = 5;

/// The tunnels of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tunnels {
    /// The tunnel of the last packet; none outside of tunnels.
    current: Option<Uid>,
    parents: Vec<Uid>,
    changes: u8,
}

impl Tunnels {
    /// The tunnels of a flow whose first packet was in `first`.
    pub(super) fn of(first: Uid) -> Tunnels {
        Tunnels {
            current: Some(first),
            parents: vec![first],
            changes: 0,
        }
    }

    /// The next packet was in `within`; says whether that is the first change too many.
    pub(super) fn note(&mut self, within: Option<Uid>) -> bool {
        if within == self.current {
            return false;
        }
        self.current = within;
        if self.changes >= CHANGES_MAX {
            let is_first = self.changes == CHANGES_MAX;
            self.changes = CHANGES_MAX + 1;
            return is_first;
        }
        self.changes += 1;
        if let Some(uid) = within
            && !self.parents.contains(&uid)
        {
            self.parents.push(uid);
        }
        false
    }

    /// Their identities, in the order in which they were seen first.
    pub(super) fn parents(&self) -> &[Uid] {
        &self.parents
    }
}
