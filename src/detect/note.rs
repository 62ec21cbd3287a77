//! From what the baselines notice besides alerts to a sentence for `notice.log`.

use super::expectations::Missed;
use super::rfc3339::rfc3339;
use crate::baseline::Restart;
use crate::baseline::drift::Cause;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What is told without being an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// A call that a schedule expects did not come.
    Missed(Missed),
    /// What was usual for a host changed and is learnt anew.
    Restarted {
        /// The host.
        host: IpAddr,
        /// Since when, and why.
        restart: Restart,
    },
}

impl Note {
    /// The `note` in `notice.log`.
    pub fn name(&self) -> &'static str {
        match self {
            Note::Missed(_) => "Tapir::Scheduled_Call_Missing",
            Note::Restarted { .. } => "Tapir::Baseline_Restarted",
        }
    }

    /// The host that it is about.
    pub fn host(&self) -> IpAddr {
        match self {
            Note::Missed(missed) => missed.host,
            Note::Restarted { host, .. } => *host,
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
        }
    }
}
