//! From nothing to every bound in the core, with its default and why.
//!
//! A bound that is per shard is the site's number divided by [`SHARDS`], so that what is evicted
//! never depends on how many workers own the shards.

use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Into how many shards flows hash. Fixed: a uid, an eviction or a timer must not depend on the
/// machine.
pub const SHARDS: usize = 64;

/// First bytes of a file that are looked at to name its type: past the last signature's place (a
/// tar archive's, at 257), and enough for comments before markup.
pub const HTTP_SNIFF_BYTES_MAX: usize = 1024;

/// Bounds of the core. Counts are for the whole sensor, times are per flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Flows in the table. A TCP flow that was only opened takes 610 bytes, so a full table takes
    /// 245 MB.
    pub flows_max: usize,
    /// Bytes of out-of-order TCP payload held for one flow and direction.
    pub reassembly_flow_bytes_max: usize,
    /// TCP payload that was acknowledged and not seen is waited for this long, by the clock of the
    /// capture: an acknowledgement overtakes its data where a mirror or a capture balances over
    /// queues, which they delay by tens of milliseconds at most. After that it is lost.
    pub reassembly_delay: Span,
    /// Bytes of out-of-order TCP payload held in all, bookkeeping included: what a mirror of
    /// 10 Gbit/s delivers within [`reassembly_delay`](Self::reassembly_delay).
    pub reassembly_bytes_max: usize,
    /// Datagrams whose fragments are held. Where nothing is lost they become whole at once: this
    /// many stand for losses or an attack.
    pub fragment_trains_max: usize,
    /// Bytes that fragments may take, bookkeeping included; Linux takes 4 MiB for itself alone.
    pub fragment_bytes_max: usize,
    /// A datagram whose first fragment came so long ago is given up: what Linux takes (RFC 791
    /// names 15 s, RFC 8200 60 s; Zeek never gives up unless told to).
    pub fragment_timeout: Span,
    /// A TCP flow without packets ends after this (Zeek: 5 min); an established TLS flow does not.
    pub tcp_inactivity: Span,
    /// An established TLS flow without packets ends after this.
    pub tls_inactivity: Span,
    /// A UDP flow without packets ends after this (Zeek: 1 min).
    pub udp_inactivity: Span,
    /// An ICMP or other flow without packets ends after this (Zeek: 1 min).
    pub icmp_inactivity: Span,
    /// A SYN without an answer ends after this (Zeek's `tcp_attempt_delay`: 5 s).
    pub tcp_attempt: Span,
    /// A flow closed by both sides lingers this long (Zeek's `tcp_close_delay`: 5 s).
    pub tcp_close: Span,
    /// A flow that was reset lingers this long (Zeek's `tcp_reset_delay`: 100 ms).
    pub tcp_reset: Span,
    /// Tunnels that are remembered, each about 150 bytes; a full table forgets the one that would
    /// be over next.
    pub tunnels_max: usize,
    /// A tunnel over IP is over when nothing came through it for this long (Zeek's
    /// `Tunnel::expiration_interval`: 1 h); one over UDP is over when its flow is.
    pub tunnel_inactivity: Span,
    /// Bytes that inspectors hold in all: hellos and heads that are not whole, queries that wait.
    /// 40,000 TLS handshakes in progress; the flow that would exceed it is not read any further.
    pub inspect_bytes_max: usize,
    /// DNS queries of one flow that wait for an answer.
    pub dns_pending_max: usize,
    /// Bytes of one HTTP head, and of all heads of a flow that wait for a response.
    pub http_head_bytes_max: usize,
    /// HTTP requests of one flow that wait for a response (Zeek's `max_pending_requests`).
    pub http_pending_max: usize,
    /// Handshake bytes of one TLS direction; a certificate chain of 64 KiB is far above any seen.
    pub tls_handshake_bytes_max: usize,
    /// Addresses whose names the detector remembers.
    pub dns_memory_max: usize,
    /// Hosts, and (host, service) pairs, that the detector remembers.
    pub baseline_keys_max: usize,
    /// (Host, what it calls) pairs whose cadence and replies the detector remembers. Most take
    /// below 450 bytes, one with a cadence about 2 kB, so a full table takes some 50 to 200 MB.
    pub calls_max: usize,
    /// DHCP transactions that are followed at once.
    pub dhcp_pending_max: usize,
    /// Hosts, addresses and hardware addresses that the detector knows the identity of.
    pub hosts_max: usize,
    /// Bindings of addresses to hardware addresses that shards remember to have told.
    pub neighbours_max: usize,
    /// Hosts, services and programs that are remembered as logged today.
    pub known_max: usize,
    /// Endpoint agents that are known.
    pub agents_max: usize,
    /// Flows whose process may still be told, each about 300 bytes.
    pub attributed_flows_max: usize,
    /// Reports of flows that wait for theirs, each about 1 kB.
    pub reports_max: usize,
    /// Process numbers of all agents that are known.
    pub processes_max: usize,
    /// What agents taught of the flows of programs, each about 300 bytes.
    pub taught_max: usize,
    /// Alerts whose identity is kept for deduplication.
    pub alerts_max: usize,
}

impl Limits {
    /// The shipped bounds.
    pub const DEFAULT: Limits = Limits {
        flows_max: 300_000,
        reassembly_flow_bytes_max: 1 << 20,
        reassembly_delay: Span::from_millis(100),
        reassembly_bytes_max: 128 << 20,
        fragment_trains_max: 32_768,
        fragment_bytes_max: 64 << 20,
        fragment_timeout: Span::from_secs(30),
        tcp_inactivity: Span::from_secs(300),
        tls_inactivity: Span::from_secs(86_400),
        udp_inactivity: Span::from_secs(60),
        icmp_inactivity: Span::from_secs(60),
        tcp_attempt: Span::from_secs(5),
        tcp_close: Span::from_secs(5),
        tcp_reset: Span::from_millis(100),
        tunnels_max: 65_536,
        tunnel_inactivity: Span::from_secs(3600),
        inspect_bytes_max: 128 << 20,
        dns_pending_max: 256,
        http_head_bytes_max: 1 << 16,
        http_pending_max: 100,
        tls_handshake_bytes_max: 1 << 17,
        dns_memory_max: 200_000,
        baseline_keys_max: 200_000,
        calls_max: 100_000,
        dhcp_pending_max: 10_000,
        hosts_max: 100_000,
        neighbours_max: 65_536,
        known_max: 200_000,
        agents_max: 10_000,
        attributed_flows_max: 200_000,
        reports_max: 100_000,
        processes_max: 200_000,
        taught_max: 65_536,
        alerts_max: 10_000,
    };
}
