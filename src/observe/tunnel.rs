//! From a tunnel's life to the facts that are told of it.

use crate::net::TunnelKind;
use serde::{Deserialize, Serialize};

/// What happened to a tunnel. Its flow is the one that carries it; for a tunnel over IP, which is
/// no flow, the pair of hosts that it is between, without ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelSeen {
    /// What kind of tunnel.
    pub kind: TunnelKind,
    /// What happened.
    pub action: TunnelAction,
}

/// Zeek's `Tunnel::Action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TunnelAction {
    /// A first packet was found within it.
    Discover,
    /// The flow that carries it is over.
    Close,
    /// Nothing came through it for long.
    Expire,
}

impl TunnelAction {
    /// Zeek's spelling.
    pub fn name(self) -> &'static str {
        match self {
            TunnelAction::Discover => "Tunnel::DISCOVER",
            TunnelAction::Close => "Tunnel::CLOSE",
            TunnelAction::Expire => "Tunnel::EXPIRE",
        }
    }
}
