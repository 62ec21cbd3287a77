//! From what every part of the sensor counted to one account.

use crate::net::Transport;
use crate::packet::Undecoded;
use crate::packet::fragments::Tally;
use crate::packet::frame::LinkType;
use crate::weird::Weird;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was seen, and what was left out and why. Adding two accounts up is commutative.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Frames taken in.
    pub frames: u64,
    /// Their captured bytes.
    pub frame_bytes: u64,
    /// Frames that hold no IP packet (ARP, LLDP ...).
    pub not_ip: u64,
    /// What became of fragments of IP packets.
    pub fragments: Tally,
    /// Frames of link types that are not read, by type.
    pub unread_links: BTreeMap<LinkType, u64>,
    /// Frames that could not be decoded.
    pub undecoded: u64,
    /// Packets found within tunnels.
    pub inner_packets: u64,
    /// Tunnels forgotten early because the table was full.
    pub tunnels_evicted: u64,
    /// Packets left out because a checksum does not hold.
    pub bad_checksums: u64,
    /// Packets left out because a mirror delivered them twice.
    pub duplicates: u64,
    /// Flows opened, by transport.
    pub flows: BTreeMap<Transport, u64>,
    /// Flows that left early because the table was full.
    pub flows_evicted: u64,
    /// Sessions, by protocol.
    pub sessions: BTreeMap<String, u64>,
    /// Anomalies, by name.
    pub weirds: BTreeMap<Weird, u64>,
    /// Flows told as over, by transport.
    pub flows_ended: BTreeMap<Transport, u64>,
    /// TCP payload bytes that were never seen.
    pub missed_bytes: u64,
    /// Bytes of memory held for out-of-order TCP payload, as of now.
    pub held_bytes: usize,
    /// Holes in TCP streams that were given up because a bound on what is held was reached.
    pub holes_given_up: u64,
    /// Bytes of memory that inspectors hold, as of now.
    pub inspect_bytes: usize,
    /// Flows that are not read any further because inspectors hold too much.
    pub inspections_given_up: u64,
}

impl Counters {
    /// Counts a frame that gave no packet.
    pub fn note_undecoded(&mut self, why: Undecoded) {
        match why {
            Undecoded::NotIp | Undecoded::Arp(_) => self.not_ip += 1,
            Undecoded::UnknownLink(link) => *self.unread_links.entry(link).or_default() += 1,
            // Fragments have an account of their own.
            Undecoded::Fragment(_) => {}
            Undecoded::Weird(_) | Undecoded::Between(..) => self.undecoded += 1,
        }
    }

    /// Adds another part's account.
    pub fn add(&mut self, other: &Counters) {
        self.frames += other.frames;
        self.frame_bytes += other.frame_bytes;
        self.not_ip += other.not_ip;
        self.fragments.add(&other.fragments);
        self.undecoded += other.undecoded;
        self.inner_packets += other.inner_packets;
        self.tunnels_evicted += other.tunnels_evicted;
        self.bad_checksums += other.bad_checksums;
        self.duplicates += other.duplicates;
        self.flows_evicted += other.flows_evicted;
        self.missed_bytes += other.missed_bytes;
        self.held_bytes += other.held_bytes;
        add_all(&mut self.unread_links, &other.unread_links);
        self.holes_given_up += other.holes_given_up;
        self.inspect_bytes += other.inspect_bytes;
        self.inspections_given_up += other.inspections_given_up;
        add_all(&mut self.flows, &other.flows);
        add_all(&mut self.flows_ended, &other.flows_ended);
        add_all(&mut self.sessions, &other.sessions);
        add_all(&mut self.weirds, &other.weirds);
    }
}

fn add_all<K: Clone + Ord>(counts: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) {
    for (key, count) in others {
        *counts.entry(key.clone()).or_default() += count;
    }
}
