//! From what the operator decided to what the core asks for.
//!
//! Plain and total: nothing is unset, and nothing here reads a file. `config` builds it.

use crate::detect;
use crate::limits::Limits;
use crate::packet::tunnel::TunnelPorts;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Whether packets that a mirror delivered twice are taken once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dedup {
    /// Where one packet in four is a copy beyond doubt, over some hundred packets of a shard.
    #[default]
    Auto,
    /// Whatever looks like a copy.
    On,
    /// Nothing.
    Off,
}

/// Everything the core asks for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seeds the hash of flows and with it their uids.
    pub seed: u64,
    /// Seed of the Community ID (its specification calls it so), 0 unless sensors of a site differ.
    pub community_id_seed: u16,
    /// Whether packets with wrong checksums are taken as they are.
    pub ignore_checksums: bool,
    /// Whether a mirror's second copies are left out.
    pub dedup: Dedup,
    /// Where datagrams are taken for a tunnel's.
    pub tunnel_ports: TunnelPorts,
    /// The site's networks.
    pub local_networks: Vec<IpNet>,
    /// Every bound.
    pub limits: Limits,
    /// What the detector asks for.
    pub detect: detect::Settings,
}
