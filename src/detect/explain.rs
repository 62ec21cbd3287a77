//! From an alert to a page of text for a terminal.
//!
//! Adds nothing to the alert and leaves only its raw numbers out.

use super::Alert;
use crate::endpoint::report::Process;
use std::fmt;

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tier, analytic) = (self.tier.name(), self.analytic.name());
        writeln!(f, "{analytic} {tier}  {}", self.message)?;
        writeln!(
            f,
            "  {}  alert {} revision {}",
            self.ts, self.alert_id, self.revision
        )?;
        if let Some(process) = &self.subject.process {
            writeln!(f, "  process: {}", described(process))?;
        }
        let (score, confidence) = (self.score, self.confidence);
        writeln!(f, "  score {score}, confidence {confidence:.2}")?;
        self.confidence_reasons
            .iter()
            .try_for_each(|reason| writeln!(f, "    {reason}"))?;
        writeln!(f, "  for:")?;
        for item in self.evidence.items() {
            let bits = item.bits.as_f64();
            writeln!(
                f,
                "    {bits:5.2} of {:2}  {}: {}",
                item.cap.as_f64(),
                item.id,
                item.why
            )?;
            let n = item.baseline_n;
            writeln!(f, "                 expected: {} (n {n})", item.expected)?;
        }
        if !self.against.is_empty() {
            writeln!(f, "  against:")?;
        }
        self.against
            .iter()
            .try_for_each(|item| writeln!(f, "    {}: {}", item.id, item.why))?;
        writeln!(f, "  not visible:")?;
        for missing in &self.missing {
            writeln!(f, "    {}: {}", missing.component, missing.effect)?;
        }
        self.suppressions_checked.iter().try_for_each(|entry| {
            let (id, owner) = (&entry.id, &entry.owner);
            writeln!(f, "  allow entry {id} of {owner}: {}", entry.result)
        })?;
        writeln!(f, "  {}", self.counterfactual)?;
        writeln!(f, "  next:")?;
        self.triage
            .iter()
            .try_for_each(|step| writeln!(f, "    {step}"))?;
        write!(f, "  flows: {}", self.flows.join(" "))
    }
}

/// A process, with who started it.
fn described(process: &Process) -> String {
    let program = process.command_line.as_ref().or(process.path.as_ref());
    let mut text = program
        .or(process.name.as_ref())
        .map_or("?", |program| program)
        .to_owned();
    if let Some(pid) = process.pid {
        text += &format!(", pid {pid}");
    }
    match (&process.user, process.uid) {
        (Some(user), _) => text += &format!(", user {user}"),
        (None, Some(uid)) => text += &format!(", user {uid}"),
        (None, None) => {}
    }
    if let Some(parent) = &process.parent {
        text += &format!("; started by {}", described(parent));
    }
    text
}
