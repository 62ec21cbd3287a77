//! From a finding and the process behind its flow to the finding with what that adds.
//!
//! An agent's word raises and annotates; it lowers an alert by six bits at most and suppresses
//! nothing. All weights are a design, not fitted; those of the operator's inventory are in
//! [`inventory`], those of users in [`account`].
//!
//! | identifier | bits |
//! |---|---|
//! | `endpoint.unsigned` | 4: not signed, or by nobody in particular |
//! | `endpoint.signature_broken` | 4 |
//! | `endpoint.unusual_path` | 3: a place where programs are dropped |
//! | `endpoint.parent` | 3: an interpreter, a scheduler, or what the analytic names |
//! | `endpoint.parent_application` | 4: a browser or an office application |
//! | `endpoint.young` | 1: below ten minutes |
//! | `endpoint.other_client` | 6: the program and the client's fingerprint contradict each other |
//! | `endpoint.system_program` | −2: part of the system, and signed |

use super::attack::Analytic;
use super::client::ClientClass;
use super::evidence::{Bits, Evidence, Group, Item, Tier};
use super::finding::{Finding, Scene};
use super::{account, inventory, programs};
use crate::endpoint::report::{Process, SignatureState};
use crate::endpoint::{Attribution, Status};
use crate::time::{Span, Timestamp};
use serde_json::json;

/// A process is young below this.
const YOUNG: Span = Span::from_secs(600);

/// The process, where one is named.
pub fn named(attribution: &Attribution) -> Option<&Process> {
    let process = attribution.process.as_ref();
    process.filter(|_| attribution.is_named())
}

/// Adds what the process behind the flow tells, and what its host's `files` do.
pub fn add(scene: &Scene<'_>, finding: &mut Finding, attribution: &Attribution, files: Vec<Item>) {
    let named = named(attribution);
    let of_process = named.map(|process| items(scene, finding.analytic, process));
    let items: Vec<Item> = of_process.into_iter().flatten().chain(files).collect();
    if named.is_some() || !items.is_empty() {
        let speaks = items.iter().any(|item| item.bits > Bits::ZERO);
        let all: Vec<Item> = finding.evidence.items().cloned().chain(items).collect();
        if let Some(evidence) = Evidence::weigh(all) {
            finding.tier = tier(scene, &evidence, finding.tier, speaks);
            finding.evidence = evidence;
        }
    }
    if named.is_some() {
        finding.missing.retain(|missing| !missing.is_of_agent());
        finding.triage.retain(|step| *step != scene.identify());
    }
    raise_confidence(finding, attribution, named);
}

/// What an agent says moves the tier: up without a bound, down by one.
fn tier(scene: &Scene<'_>, evidence: &Evidence, before: Tier, speaks: bool) -> Tier {
    let tiers = scene.settings.tiers();
    let weighed = tiers.tier(evidence.total(), evidence.groups(), speaks);
    match weighed {
        Some(tier) if speaks => tier.max(before),
        Some(tier) => tier.min(before).max(lower(before)),
        None => lower(before),
    }
}

fn lower(tier: Tier) -> Tier {
    match tier {
        Tier::High => Tier::Medium,
        Tier::Medium | Tier::Low => Tier::Low,
    }
}

fn items(scene: &Scene<'_>, analytic: Analytic, process: &Process) -> Vec<Item> {
    [
        signature(process),
        unusual_path(process),
        parent(scene, analytic, process),
        young(process, scene.flow.first_at),
        other_client(process, scene.called.class),
        account::item(scene, analytic, process),
    ]
    .into_iter()
    .flatten()
    .chain(inventory::items(scene, process))
    .collect()
}

fn item(id: &'static str, bits: i32) -> Item {
    Item::new(id, Group::Endpoint, Bits::whole(bits))
}

fn signature(process: &Process) -> Option<Item> {
    let signature = process.signature.as_ref()?;
    let observed = json!({
        "state": signature.state, "signing_id": signature.signing_id,
        "team_id": signature.team_id, "platform": signature.platform,
    });
    let (id, bits, why) = match signature.state {
        SignatureState::Unsigned | SignatureState::AdHoc => {
            ("endpoint.unsigned", 4, "nobody vouches for the program")
        }
        SignatureState::Broken => (
            "endpoint.signature_broken",
            4,
            "the program was changed after it was signed",
        ),
        SignatureState::Signed if signature.platform => (
            "endpoint.system_program",
            -2,
            "the program is part of the system",
        ),
        _ => return None,
    };
    let item = item(id, bits).observed(observed);
    Some(item.expected("a program that somebody signed", 0).why(why))
}

fn unusual_path(process: &Process) -> Option<Item> {
    let path = process.path.as_deref()?;
    let hidden = path.contains("/.");
    let downloads = path.contains("/Downloads/");
    let dropped = programs::is_dropped(path) || hidden || downloads;
    dropped.then(|| {
        item("endpoint.unusual_path", 3)
            .observed(json!({"path": path}))
            .expected("a place where programs are installed", 0)
            .why("the program lies where programs are dropped")
    })
}

fn parent(scene: &Scene<'_>, analytic: Analytic, process: &Process) -> Option<Item> {
    let parent = process.parent.as_deref()?;
    let name = programs::name(parent)?;
    let named = match analytic {
        Analytic::An1190 => &*scene.settings.rules().an1190.parent_process,
        _ => &[],
    };
    let starts = programs::is_starter(&name) || named.iter().any(|known| **known == *name);
    let (id, bits, why) = match programs::is_application(&name) {
        true => (
            "endpoint.parent_application",
            4,
            "an application of people started it",
        ),
        false if starts => (
            "endpoint.parent",
            3,
            "a script, a shell or a scheduler started it",
        ),
        false => return None,
    };
    Some(
        item(id, bits)
            .observed(
                json!({"parent": parent.path.as_ref().or(parent.name.as_ref()), "pid": parent.pid}),
            )
            .expected(
                "started by the system, or by the application that it belongs to",
                0,
            )
            .why(why),
    )
}

fn young(process: &Process, began: Timestamp) -> Option<Item> {
    let age = began - process.started_at?;
    (age >= Span::from_secs(-60) && age < YOUNG).then(|| {
        item("endpoint.young", 1)
            .observed(json!({"age_s": age.as_secs_f64().max(0.0).round()}))
            .expected("a process of ten minutes", 0)
            .why("the process began just before")
    })
}

fn other_client(process: &Process, class: ClientClass) -> Option<Item> {
    let name = programs::other_client(process, class)?;
    Some(
        item("endpoint.other_client", 6)
            .observed(json!({
                "program": name, "browser": class.browser(), "tool": class.tool_or_library(),
            }))
            .expected("the client that this program has", 0)
            .why("the program that the agent names does not greet like this"),
    )
}

/// How sure one can be depends on how much of the process is known: 0.75 with its program, 0.85
/// with who signed it or its hash, 0.95 with its parent and user besides, of which 0.60 is what the
/// network alone gives.
fn raise_confidence(finding: &mut Finding, attribution: &Attribution, named: Option<&Process>) {
    let confidence = &mut finding.confidence;
    let Some(process) = named else {
        let reason = match attribution.status {
            Status::Unobservable | Status::Inferred => return,
            Status::Pending => "the host's agent has said nothing of the flow yet",
            Status::Ambiguous => "several programs could have the flow",
            Status::Conflict => "agents contradict each other about the flow",
            _ => "the host's agent said nothing of the flow: an attribution gap",
        };
        confidence.reasons.push(reason.into());
        return;
    };
    let signed = process.signature.is_some() || process.sha256.is_some();
    let known = process.parent.is_some() && (process.uid.is_some() || process.user.is_some());
    let cap = match (signed, known) {
        (true, true) => 0.95,
        (true, false) => 0.85,
        (false, _) => 0.75,
    };
    let raised = confidence.value * cap / 0.60 * attribution.confidence;
    confidence.value = (raised.max(confidence.value).min(cap) * 100.0).round() / 100.0;
    let agent = attribution.agent.as_deref().unwrap_or_default();
    confidence.with_agent(format!(
        "{} by agent {agent}, {:.2} sure of it (cap {cap:.2})",
        attribution.status.name(),
        attribution.confidence
    ));
}
