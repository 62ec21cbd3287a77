//! From what an analytic concluded to what every alert has in common.
//!
//! Holds words and numbers of one verdict; decides nothing.

use super::attack::Analytic;
use super::called::{Called, NamedBy};
use super::evidence::{Evidence, Item, Tier};
use super::settings::{Role, Settings};
use crate::net::{Endpoint, Uid};
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Who called what with which client: what every analytic is told.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The rules.
    pub settings: &'a Settings,
    /// The moment of the judgement.
    pub at: Timestamp,
    /// The role of the host that called.
    pub role: &'a Role,
    /// The flow at hand.
    pub flow: &'a FlowId,
    /// What it called.
    pub called: &'a Called,
}

impl Scene<'_> {
    /// What to do first: find out which process it was.
    pub fn identify(&self) -> String {
        let Endpoint { addr, port } = self.flow.originator;
        format!("identify the process: osquery process_open_sockets for {addr} port {port}")
    }
}

/// What an analytic concluded.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which analytic.
    pub analytic: Analytic,
    /// For.
    pub evidence: Evidence,
    /// Against: worth no bits, but to be known.
    pub against: Vec<Item>,
    /// How loud.
    pub tier: Tier,
    /// What happened, in half a sentence after the host: `calls x out of place`.
    pub deed: String,
    /// Exchanges or sessions behind it.
    pub n: u64,
    /// How much of what the analytic needs could be seen.
    pub confidence: Confidence,
    /// What could not be seen.
    pub missing: Vec<Missing>,
    /// What to do next.
    pub triage: Vec<String>,
    /// The flows behind it, oldest first.
    pub flows: Vec<Uid>,
    /// What was uploaded, where the finding is about that.
    pub upload: Option<Upload>,
}

/// What was uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// How much, without headers, of TLS neither.
    pub bytes: u64,
    /// When it began.
    pub began_at: Timestamp,
}

/// What a judgement is, before it is known whose it is.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// For.
    pub evidence: Evidence,
    /// Against.
    pub against: Vec<Item>,
    /// How loud.
    pub tier: Tier,
    /// What happened, in half a sentence after the host.
    pub deed: String,
    /// Calls or flows behind it.
    pub n: u64,
    /// Samples behind the strongest finding.
    pub samples: u64,
    /// What could not be seen.
    pub missing: Vec<Missing>,
}

impl Verdict {
    /// The finding of an analytic that is at most `cap` sure and half of that with `n_half`
    /// samples, with what to do next and the flows behind it.
    pub fn finding(
        self,
        scene: &Scene<'_>,
        (analytic, cap, n_half): (Analytic, f64, u64),
        triage: Vec<String>,
        flows: Vec<Uid>,
    ) -> Finding {
        let grounds = Grounds {
            cap,
            n: self.samples,
            of: &self.evidence.first().id,
            n_half,
            missed: 0,
            seen: 0,
        };
        Finding {
            analytic,
            confidence: Confidence::new(scene, grounds),
            evidence: self.evidence,
            against: self.against,
            tier: self.tier,
            deed: self.deed,
            n: self.n,
            missing: self.missing,
            triage,
            flows,
            upload: None,
        }
    }
}

/// What could not be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// What.
    pub component: String,
    /// How much it could have changed.
    pub effect: String,
}

/// What begins a [`Missing`] that an agent on the host could have told.
const AGENT: &str = "endpoint agent: ";
/// What begins the reason of a confidence that an agent on the host would raise.
const NO_AGENT: &str = "no endpoint agent on host";

impl Missing {
    /// `what` could not be seen because no agent told it, which could have had `effect`.
    pub fn of_agent(what: impl AsRef<str>, effect: impl Into<String>) -> Missing {
        Missing::new(format!("{AGENT}{}", what.as_ref()), effect)
    }

    /// Whether an agent could have told it.
    pub fn is_of_agent(&self) -> bool {
        self.component.starts_with(AGENT)
    }

    /// `component` could not be seen, which could have had `effect`.
    pub fn new(component: impl Into<String>, effect: impl Into<String>) -> Missing {
        Missing {
            component: component.into(),
            effect: effect.into(),
        }
    }
}

/// How much of what an analytic needs could be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// 0 to 1, in hundredths.
    pub value: f64,
    /// Why not more.
    pub reasons: Vec<String>,
}

/// What confidence is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'a> {
    /// The most that the analytic can have without an endpoint's word.
    pub cap: f64,
    /// Samples, and what they are of.
    pub n: u64,
    /// What the samples are of.
    pub of: &'a str,
    /// Samples at which confidence is half its cap.
    pub n_half: u64,
    /// Stream bytes that were never seen, and all.
    pub missed: u64,
    /// Stream bytes, the missed ones included.
    pub seen: u64,
}

impl Confidence {
    /// There is an agent: `reason` stands first, in place of what said that there is none.
    pub fn with_agent(&mut self, reason: String) {
        self.reasons.retain(|reason| !reason.starts_with(NO_AGENT));
        self.reasons.insert(0, reason);
    }

    /// c = cap × (1 − 2^(−n/n_half)) × quality, with the reasons for what it lacks.
    pub fn new(scene: &Scene<'_>, grounds: Grounds<'_>) -> Confidence {
        let Grounds {
            cap,
            n,
            of,
            n_half,
            missed,
            seen,
        } = grounds;
        // What was missed is part of the sequence space that `seen` counts.
        let loss = if seen > 0 {
            (missed as f64 / seen as f64).min(1.0)
        } else {
            0.0
        };
        let quality = (1.0 - 5.0 * loss).max(0.3);
        let learnt = 1.0 - (-(n as f64) / n_half as f64).exp2();
        let mut reasons = vec![
            format!("{NO_AGENT} (cap {cap:.2})"),
            format!("{n} samples behind {of}, n_half {n_half}"),
        ];
        if missed > 0 {
            reasons.push(format!("{missed} of {seen} stream bytes were not captured"));
        }
        let named = match scene.called.named_by {
            NamedBy::Sni | NamedBy::Host => None,
            NamedBy::Dns => Some("named by an earlier DNS answer, not by the flow"),
            NamedBy::Certificate => Some("named by the server's certificate alone"),
            NamedBy::Address => Some("nothing names the destination; its network stands for it"),
        };
        reasons.extend(named.map(String::from));
        if scene.called.ja4.is_none() {
            reasons.push("no client hello was seen whole".into());
        }
        Confidence {
            value: (cap * learnt * quality * 100.0).round() / 100.0,
            reasons,
        }
    }
}
