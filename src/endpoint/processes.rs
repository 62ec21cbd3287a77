//! From reports of processes to who had a process identifier when.
//!
//! Agents name the process of a flow by its number, and say elsewhere what that is. Holds
//! `processes_max` numbers, of each the last [`TENANTS_MAX`] processes; who was told of longest ago
//! leaves.

use super::report::{Process, ProcessActivity};
use crate::baseline::Bounded;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Processes of one number that are remembered: a flow that is told late may be an earlier one's.
const TENANTS_MAX: usize = 4;
/// Stamps of one agent about one process differ by this at most.
const SLACK: Span = Span::from_secs(1);

/// Processes of all agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Processes {
    tenants: Bounded<(Box<str>, u32), Vec<Tenant>>,
}

/// A process, and when it had its number, by its host's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tenant {
    process: Process,
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Processes {
    /// An agent told at `received_at` of a process that began or ended at `at`, or was there.
    pub fn learn(
        &mut self,
        agent: &str,
        activity: Option<ProcessActivity>,
        process: &Process,
        (at, received_at): (Timestamp, Timestamp),
        max: usize,
    ) {
        let Some(pid) = process.pid else { return };
        let key = (Box::from(agent), pid);
        let Some(tenants) = self.tenants.touch(&key, received_at, max, Vec::new) else {
            return;
        };
        let known = tenants
            .iter_mut()
            .rev()
            .find(|tenant| tenant.is(process, at, activity));
        match (known, activity) {
            (Some(tenant), Some(ProcessActivity::End)) => tenant.to = Some(at),
            (Some(tenant), _) => tenant.process = filled(process.clone(), &tenant.process),
            // That something unknown has ended tells nothing of who it was.
            (None, Some(ProcessActivity::End)) => {}
            (None, _) => {
                if tenants.len() >= TENANTS_MAX {
                    tenants.remove(0);
                }
                let began = activity == Some(ProcessActivity::Start);
                if let Some(last) = tenants.last_mut().filter(|_| began) {
                    last.to.get_or_insert(at);
                }
                tenants.push(Tenant {
                    process: process.clone(),
                    from: process.started_at.unwrap_or(at),
                    to: None,
                });
            }
        }
    }

    /// What is known of `process`, which was there at `at` by the host's clock.
    pub fn complete(&self, agent: &str, process: &Process, at: Timestamp) -> Process {
        let known = |process: &Process| {
            let tenants = self.tenants.get(&(Box::from(agent), process.pid?))?;
            let tenant = tenants.iter().rev().find(|t| t.is(process, at, None))?;
            Some(&tenant.process)
        };
        let mut whole = process.clone();
        if let Some(known) = known(process) {
            whole = filled(whole, known);
        }
        if let Some(parent) = whole.parent.take() {
            let of_parent = known(&parent).cloned();
            whole.parent = Some(match of_parent {
                Some(of_parent) => Box::new(filled(*parent, &of_parent)),
                None => parent,
            });
        }
        whole
    }

    /// Numbers that had to leave for others.
    pub fn evicted(&self) -> u64 {
        self.tenants.evicted()
    }
}

impl Tenant {
    /// Whether `process`, which is told of at `at`, is this one.
    fn is(&self, process: &Process, at: Timestamp, activity: Option<ProcessActivity>) -> bool {
        match (&self.process.instance, &process.instance) {
            (Some(own), Some(other)) => return own == other,
            _ if activity == Some(ProcessActivity::Start) => {
                let began = process.started_at.unwrap_or(at);
                let apart = (began - self.from).as_nanos().saturating_abs();
                return self.to.is_none() && apart <= SLACK.as_nanos();
            }
            _ => {}
        }
        if let Some((own, other)) = self.process.started_at.zip(process.started_at) {
            return (own - other).as_nanos().saturating_abs() <= SLACK.as_nanos();
        }
        at + SLACK >= self.from && self.to.is_none_or(|to| at <= to + SLACK)
    }
}

/// `process`, with what it lacks taken from `known`.
fn filled(mut process: Process, known: &Process) -> Process {
    fn fill<T: Clone>(field: &mut Option<T>, known: &Option<T>) {
        if field.is_none() {
            field.clone_from(known);
        }
    }
    let other_program =
        process.path.is_some() && known.path.is_some() && process.path != known.path;
    fill(&mut process.instance, &known.instance);
    fill(&mut process.uid, &known.uid);
    fill(&mut process.user, &known.user);
    fill(&mut process.parent, &known.parent);
    fill(&mut process.responsible, &known.responsible);
    fill(&mut process.started_at, &known.started_at);
    // A process that became another program keeps its number, and nothing of the old program.
    if !other_program {
        fill(&mut process.path, &known.path);
        fill(&mut process.name, &known.name);
        fill(&mut process.command_line, &known.command_line);
        fill(&mut process.signature, &known.signature);
        fill(&mut process.sha256, &known.sha256);
    }
    process
}
