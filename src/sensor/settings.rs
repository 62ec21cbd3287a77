//! From what the operator decided to what the core asks for.
//!
//! Plain and total: nothing is unset, and nothing here reads a file. `config` builds it.

use crate::detect;
use crate::limits::Limits;
use crate::packet::tunnel::TunnelPorts;
use ipnet::IpNet;

/// Everything the core asks for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seeds the hash of flows and with it their uids.
    pub seed: u64,
    /// Seed of the Community ID (its specification calls it so), 0 unless sensors of a site differ.
    pub community_id_seed: u16,
    /// Whether packets with wrong checksums are taken as they are.
    pub ignore_checksums: bool,
    /// Where datagrams are taken for a tunnel's.
    pub tunnel_ports: TunnelPorts,
    /// The site's networks.
    pub local_networks: Vec<IpNet>,
    /// Every bound.
    pub limits: Limits,
    /// What the detector asks for.
    pub detect: detect::Settings,
}
