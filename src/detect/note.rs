//! From what the baselines and the agents' words show besides alerts to a sentence for
//! `notice.log`.

use super::budget::Moved;
use super::client::Kind;
use super::clockwork::Unheard;
use super::evictions::Evictions;
use super::evidence::Bits;
use super::expectations::Missed;
use super::rfc3339::rfc3339;
use crate::baseline::Restart;
use crate::baseline::drift::Cause;
use crate::endpoint::silence::Silence;
use crate::observe::FlowId;
use crate::time::Span;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What is told without being an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// A call that a schedule expects did not come.
    Missed(Missed),
    /// Calls that come like clockwork did not come.
    Unheard(Unheard),
    /// What was usual for a host changed and is learnt anew.
    Restarted {
        /// The host.
        host: IpAddr,
        /// Since when, and why.
        restart: Restart,
    },
    /// What an agent says cannot be.
    Contradiction(Contradiction),
    /// An agent fell silent, or speaks again.
    Silence(Silence),
    /// An agent's clock is off.
    Clock {
        /// The agent.
        agent: Box<str>,
        /// Its host.
        host: IpAddr,
        /// How far it is ahead of the sensor's.
        offset: Span,
    },
    /// Low alerts are told from other bits on than the day before.
    Budget(Moved),
    /// Tables have no room.
    Full(Evictions),
}

/// What an agent says cannot be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Contradiction {
    /// The program does not greet like the one that the agent names.
    Client {
        /// The flow.
        flow: FlowId,
        /// Who names it.
        agent: Box<str>,
        /// What it names.
        program: Box<str>,
        /// What the client of the flow is.
        greets_like: Kind,
    },
    /// Agents name different programs.
    Agents {
        /// The flow.
        flow: FlowId,
        /// One of them.
        agent: Box<str>,
    },
    /// An agent speaks for an address that its inventory does not name.
    Foreign {
        /// Who.
        agent: Box<str>,
        /// The address.
        addr: IpAddr,
    },
}

impl Note {
    /// The `note` in `notice.log`.
    pub fn name(&self) -> &'static str {
        match self {
            Note::Missed(_) => "Tapir::Scheduled_Call_Missing",
            Note::Unheard(_) => "Tapir::Usual_Call_Missing",
            Note::Restarted { .. } => "Tapir::Baseline_Restarted",
            Note::Contradiction(_) => "Tapir::Attribution_Conflict",
            Note::Silence(Silence { host: Some(_), .. }) => "Tapir::Agent_Silent",
            Note::Silence(_) => "Tapir::Agent_Heard_Again",
            Note::Clock { .. } => "Tapir::Agent_Clock",
            Note::Budget(_) => "Tapir::Alert_Budget",
            Note::Full(_) => "Tapir::Tables_Full",
        }
    }

    /// The host that it is about.
    pub fn host(&self) -> Option<IpAddr> {
        match self {
            Note::Missed(missed) => Some(missed.host),
            Note::Unheard(unheard) => Some(unheard.caller.0),
            Note::Restarted { host, .. } | Note::Clock { host, .. } => Some(*host),
            Note::Contradiction(Contradiction::Foreign { addr, .. }) => Some(*addr),
            Note::Contradiction(_) => self.flow().map(|flow| flow.originator.addr),
            Note::Silence(silence) => silence.host,
            Note::Budget(_) | Note::Full(_) => None,
        }
    }

    /// The flow that it is about.
    pub fn flow(&self) -> Option<FlowId> {
        match self {
            Note::Contradiction(
                Contradiction::Client { flow, .. } | Contradiction::Agents { flow, .. },
            ) => Some(*flow),
            _ => None,
        }
    }

    /// What a person reads.
    pub fn message(&self) -> String {
        match self {
            Note::Missed(missed) => format!(
                "{} made no call of schedule {} between {} and {}, number {} in a row",
                missed.host,
                missed.schedule,
                rfc3339(missed.window.from),
                rfc3339(missed.at),
                missed.misses
            ),
            Note::Unheard(unheard) => unheard.message(),
            Note::Restarted { host, restart } => {
                let why = match restart.cause {
                    Cause::Kinds { psi } => format!("other sizes, stability index {psi:.2}"),
                    Cause::Level { rise, limit } => {
                        format!("more of them each day, by {rise:.2} of {limit:.2}")
                    }
                };
                let since = rfc3339(restart.since);
                format!("what {host} uploads changed on {since} and is learnt anew: {why}")
            }
            Note::Contradiction(contradiction) => contradiction.message(),
            Note::Silence(silence) => silence_message(silence),
            Note::Full(all) => all.message(),
            Note::Budget(moved) => format!(
                "low alerts are told from {:.1} bits on: {:.1} alerts a day came lately, of which \
                 {:.1} have so many; {} a day are accepted",
                Bits::from_hundredths(moved.low_hundredths).as_f64(),
                moved.found,
                moved.told,
                moved.accepted
            ),
            Note::Clock {
                agent,
                host,
                offset,
            } => {
                let (seconds, way) = match offset.as_secs_f64() {
                    ahead if ahead > 0.0 => (ahead, "ahead of"),
                    behind => (-behind, "behind"),
                };
                format!("the clock of agent {agent} on {host} is {seconds:.1} s {way} the sensor's")
            }
        }
    }
}

impl Contradiction {
    fn message(&self) -> String {
        match self {
            Contradiction::Client {
                flow,
                agent,
                program,
                greets_like,
            } => {
                let host = flow.originator.addr;
                let like = match greets_like {
                    Kind::Browser => "a browser",
                    Kind::NativeApp => "an application",
                    Kind::ToolOrLibrary => "a tool",
                    Kind::Unknown => "nothing that is known",
                };
                format!("{host}: agent {agent} names {program}, whose flow greets like {like}")
            }
            Contradiction::Agents { flow, agent } => format!(
                "{}: agents contradict each other about the program of a flow, one of them {agent}",
                flow.originator.addr
            ),
            Contradiction::Foreign { agent, addr } => {
                format!("agent {agent} speaks for {addr}, which its inventory does not name")
            }
        }
    }
}

fn silence_message(silence: &Silence) -> String {
    let (agent, since) = (&silence.agent, rfc3339(silence.since));
    let flows = silence.flows;
    let others = match silence.told_others {
        true => ", while it tells of other things",
        false => "",
    };
    match silence.host {
        Some(host) => format!(
            "agent {agent} has named no flow since {since}{others}; {host} opened {flows} meanwhile"
        ),
        None => format!(
            "agent {agent} names flows again; since {since} it left out {flows} of its host"
        ),
    }
}
