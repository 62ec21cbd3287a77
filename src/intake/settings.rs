//! What the listener for agents was asked for.

use super::gateways::Gateways;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What was asked for, with its bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where to listen; none where only files are followed.
    pub listen: Option<SocketAddr>,
    /// The folder of certificates, agents and the journal.
    pub dir: PathBuf,
    /// Names and addresses that agents know the sensor by.
    pub names: Vec<String>,
    /// Whether a client without a certificate is turned away; else a token or osquery's node key
    /// will do.
    pub require_certificate: bool,
    /// Names of gateways among those that relays and followed files name.
    pub gateways: Gateways,
    /// Connections at a time.
    pub connections_max: usize,
    /// And those of one agent that shows a certificate.
    pub agent_connections_max: usize,
    /// A TLS handshake takes no longer.
    pub handshake_time_max: Duration,
    /// So long may a connection be idle, or send the head of a request.
    pub idle_time_max: Duration,
    /// A request's body takes no longer, with the wait for room for it.
    pub body_time_max: Duration,
    /// So long may a client take nothing of an answer.
    pub answer_time_max: Duration,
    /// Bytes of a request's body as it travels.
    pub body_bytes_max: usize,
    /// Bytes of a request's body once inflated, and how many times longer it may become.
    pub inflated_bytes_max: usize,
    /// A report may be so much older than its receipt: agents that were away send what they kept.
    pub late_max: Duration,
    /// Lines a second of one agent; ten seconds' worth may come at once.
    pub agent_lines_per_s: f64,
    /// Lines a second of all agents.
    pub lines_per_s: f64,
    /// Bytes of journal that are kept; the oldest leave.
    pub journal_bytes_max: u64,
}

impl Settings {
    /// The shipped values.
    pub fn new(dir: PathBuf) -> Settings {
        Settings {
            listen: None,
            dir,
            names: Vec::new(),
            require_certificate: true,
            gateways: Gateways::default(),
            connections_max: 4096,
            agent_connections_max: 64,
            handshake_time_max: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(120),
            body_time_max: Duration::from_secs(30),
            answer_time_max: Duration::from_secs(30),
            body_bytes_max: 8 << 20,
            inflated_bytes_max: 64 << 20,
            late_max: Duration::from_secs(86_400),
            agent_lines_per_s: 2_000.0,
            lines_per_s: 50_000.0,
            journal_bytes_max: 2 << 30,
        }
    }
}
