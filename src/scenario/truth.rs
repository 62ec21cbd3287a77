//! From what a scenario does to lines of truth, which join with the logs by addresses and moment.

use super::cast::Analytic;
use super::host::Role;
use serde::Serialize;
use serde_json::{Map, Value};
use std::net::Ipv4Addr;

/// A line of truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Truth {
    /// A program, told before the first flow.
    Program(Box<ProgramTruth>),
    /// A flow, told when it begins.
    Flow(Box<FlowTruth>),
}

/// A program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProgramTruth {
    /// Its number; flows tell whose they are.
    pub program: usize,
    /// What it is.
    pub label: &'static str,
    /// Who is to tell it.
    pub analytic: Option<Analytic>,
    /// The host's address and role.
    pub host: Ipv4Addr,
    /// Its role.
    pub role: Role,
    /// When it may begin and must have ended, in seconds since 1970.
    pub from: f64,
    /// The end.
    pub until: f64,
    /// What was drawn for it.
    pub parameters: Map<String, Value>,
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowTruth {
    /// Its first moment, in nanoseconds since 1970.
    pub at_ns: i64,
    /// The originator.
    pub orig_h: Ipv4Addr,
    /// Its port.
    pub orig_p: u16,
    /// The responder.
    pub resp_h: Ipv4Addr,
    /// Its port.
    pub resp_p: u16,
    /// `tcp` or `udp`.
    pub proto: &'static str,
    /// Community ID with seed 0.
    pub community_id: String,
    /// `dns`, `ssl` or `http`; none where nothing is said.
    pub service: Option<&'static str>,
    /// The name that is asked for or called.
    pub server_name: Box<str>,
    /// The program whose flow it is.
    pub program: usize,
    /// What it is; of a lookup the label of the program for which it is.
    pub label: &'static str,
    /// Who is to tell it.
    pub analytic: Option<Analytic>,
    /// The TLS client.
    pub client: Option<&'static str>,
    /// How it ends.
    pub close: Option<&'static str>,
    /// Whether the wire shows that the last reply was not read.
    pub unread: bool,
    /// What was drawn for the program, where an analytic is to tell it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
}
