//! From the reports that could be about a flow to which process has it, and how sure that is.
//!
//! Says nothing of good or bad. A claim is never certain: even one exact report of one agent stays
//! below 1.

use super::report::{Method, Process};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// What is known of the process behind a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// One process.
    Matched,
    /// One program and user; several of its processes could be it.
    MatchedBinary,
    /// Several programs could be it.
    Ambiguous,
    /// Agents contradict each other, or one speaks for an address that is not its own.
    Conflict,
    /// The host has an agent, whose report may still come.
    Pending,
    /// The host has an agent, which said nothing of the flow.
    None,
    /// No agent speaks for the host.
    Unobservable,
    /// No agent speaks for the host; other hosts' agents taught which program flows like this are
    /// likely of.
    Inferred,
}

impl Status {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Status::Matched => "matched",
            Status::MatchedBinary => "matched_binary",
            Status::Ambiguous => "ambiguous",
            Status::Conflict => "conflict",
            Status::Pending => "pending",
            Status::None => "none",
            Status::Unobservable => "unobservable",
            Status::Inferred => "inferred",
        }
    }
}

/// How much of a flow's addresses a report names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The host's port alone: an unconnected UDP socket.
    Local,
    /// All but the host's port.
    Remote,
    /// Both ends and the transport.
    Tuple,
}

impl Key {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Key::Local => "local",
            Key::Remote => "remote",
            Key::Tuple => "tuple",
        }
    }
}

/// How the process came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The agent's system told it when it happened.
    Event,
    /// The agent looked, and there it was.
    Poll,
    /// The agent tells of all that happened in a while.
    Window,
    /// The agent tells once of many that were alike.
    Summary,
    /// Agents of other hosts taught it; nobody saw the process.
    Taught,
}

impl Way {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Way::Event => Method::Event.name(),
            Way::Poll => Method::Poll.name(),
            Way::Window => Method::Window.name(),
            Way::Summary => Method::Summary.name(),
            Way::Taught => "taught",
        }
    }
}

impl From<Method> for Way {
    fn from(method: Method) -> Way {
        match method {
            Method::Event => Way::Event,
            Method::Poll => Way::Poll,
            Method::Window => Way::Window,
            Method::Summary => Way::Summary,
        }
    }
}

/// How much of what a flow shows was compared with what hosts taught, the most particular first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All.
    Whole,
    /// All but what is called.
    Shape,
    /// How the flow began and how it ended, and what kind of service is called.
    Manner,
    /// How the flow began, and what is called: of one that is not over.
    Begun,
}

impl Level {
    /// From the most particular to the most general.
    pub const ALL: [Level; 4] = [Level::Whole, Level::Shape, Level::Manner, Level::Begun];

    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Level::Whole => "whole",
            Level::Shape => "shape",
            Level::Manner => "manner",
            Level::Begun => "begun",
        }
    }
}

/// Who taught the program that was inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taught {
    /// Hosts whose agents told flows like this to be of the program.
    pub hosts: u32,
    /// Those flows.
    pub flows: u64,
    /// How much was compared.
    pub level: Level,
}

/// The process behind a flow, and how that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// What is known.
    pub status: Status,
    /// Who said it.
    pub agent: Option<Box<str>>,
    /// How much of the flow was named.
    pub key: Option<Key>,
    /// How it came to be known.
    pub method: Option<Way>,
    /// The process; of several, the one that all have in common; inferred, its program's name.
    pub process: Option<Process>,
    /// Processes that it could be.
    pub candidates: u32,
    /// Between the flow's beginning and the report's, by the agent's clock as corrected.
    pub delta: Option<Span>,
    /// 0 to 1, in hundredths; inferred, how often such a naming is right at least.
    pub confidence: f64,
    /// Who taught it, where it is inferred.
    pub taught: Option<Taught>,
}

impl Attribution {
    /// No process.
    pub const fn without(status: Status) -> Attribution {
        Attribution {
            status,
            agent: None,
            key: None,
            method: None,
            process: None,
            candidates: 0,
            delta: None,
            confidence: 0.0,
            taught: None,
        }
    }

    /// Whether it names a process or at least a program.
    pub fn is_named(&self) -> bool {
        matches!(self.status, Status::Matched | Status::MatchedBinary)
    }
}

/// A report that could be about the flow.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Who says it.
    pub agent: &'a str,
    /// How much of the flow it names.
    pub key: Key,
    /// How the agent came to know.
    pub method: Method,
    /// The process, with all that is known of it.
    pub process: Process,
    /// How far its moment is from the flow's beginning.
    pub delta: Span,
    /// Whether the agent may not speak of the address.
    pub foreign: bool,
    /// Whether the agent's clock is known.
    pub clock_known: bool,
}

/// Weighs what could be about one flow; none where there is nothing.
pub fn weigh(candidates: &[Candidate<'_>]) -> Option<Attribution> {
    let best_key = candidates.iter().map(|candidate| candidate.key).max()?;
    let of_key = || {
        candidates
            .iter()
            .filter(move |candidate| candidate.key == best_key)
    };
    let near = |candidate: &&Candidate<'_>| candidate.delta.as_nanos().saturating_abs();
    let own = || of_key().filter(|candidate| !candidate.foreign);
    let best = own()
        .min_by_key(near)
        .or_else(|| of_key().min_by_key(near))?;
    let mut apart: Vec<&Candidate<'_>> = Vec::new();
    for candidate in own() {
        if !apart.iter().any(|known| means_same(known, candidate)) {
            apart.push(candidate);
        }
    }
    let processes: Vec<&Process> = apart.iter().map(|one| &one.process).collect();
    let mut agents: Vec<&str> = own().map(|candidate| candidate.agent).collect();
    agents.sort_unstable();
    agents.dedup();
    let first = processes.first();
    let one_program =
        first.is_some_and(|first| processes.iter().all(|p| is_same_program(first, p)));
    let disagree = agents.len() > 1 && !one_program;
    let status = match processes.len() {
        0 => Status::Conflict,
        _ if disagree => Status::Conflict,
        1 => Status::Matched,
        _ if one_program => Status::MatchedBinary,
        _ => Status::Ambiguous,
    };
    let process = match status {
        Status::Matched => Some(best.process.clone()),
        Status::MatchedBinary => Some(Process {
            pid: None,
            instance: None,
            started_at: None,
            command_line: None,
            parent: None,
            ..best.process.clone()
        }),
        _ => None,
    };
    Some(Attribution {
        status,
        agent: Some(best.agent.into()),
        key: Some(best_key),
        method: Some(best.method.into()),
        process,
        candidates: processes.len().min(u32::MAX as usize) as u32,
        delta: Some(best.delta),
        confidence: confidence(status, best),
        taught: None,
    })
}

/// A design, not fitted: what a report names, how it came about, and whether the clock is known.
fn confidence(status: Status, best: &Candidate<'_>) -> f64 {
    let key: f64 = match best.key {
        Key::Tuple => 0.97,
        Key::Remote => 0.85,
        Key::Local => 0.75,
    };
    let method: f64 = match best.method {
        Method::Event => 1.0,
        Method::Window => 0.98,
        Method::Poll => 0.95,
        Method::Summary => 0.85,
    };
    let status: f64 = match status {
        Status::Matched => 1.0,
        Status::MatchedBinary => 0.9,
        _ => 0.0,
    };
    let clock = if best.clock_known { 1.0 } else { 0.9 };
    (key * method * status * clock * 100.0).round() / 100.0
}

/// Whether two reports mean one process. Of one agent the number says so: it may have become
/// another program since. Of two, programs in different places are two.
fn means_same(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    let paths = a.process.path.as_ref().zip(b.process.path.as_ref());
    let other_program = paths.is_some_and(|(a, b)| a != b);
    is_same(&a.process, &b.process) && (a.agent == b.agent || !other_program)
}

/// Whether two processes are one: what both know is equal.
fn is_same(a: &Process, b: &Process) -> bool {
    let differ = |a: &Option<Box<str>>, b: &Option<Box<str>>| {
        a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a != b)
    };
    a.pid == b.pid
        && !differ(&a.instance, &b.instance)
        && (a.pid.is_some() || is_same_program(a, b))
}

/// Whether two processes run one program for one user.
fn is_same_program(a: &Process, b: &Process) -> bool {
    let program = |p: &Process| p.path.clone().or_else(|| p.name.clone());
    program(a).is_some() && program(a) == program(b) && a.uid == b.uid
}
