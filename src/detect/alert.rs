//! From a finding to an alert that explains itself.
//!
//! Decides nothing any more. Every number in it can be computed again from the others; the same
//! inputs give the same bytes.

use super::allow::{Checked, Suppression};
use super::attack::{Analytic, Mitre};
use super::called::NamedBy;
use super::catalogue::name_text;
use super::client::ClientClass;
use super::counterfactual;
use super::evidence::{Bits, Evidence, Item, Tier};
use super::finding::{Finding, Missing, Scene};
use super::registry::Identity;
use super::rfc3339::rfc3339;
use super::via::AlertGateway;
use crate::endpoint::attribution::{Key, Taught, Way};
use crate::endpoint::report::Process;
use crate::endpoint::{Attribution, Passed, Status};
use crate::net::Uid;
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// An alert. As JSON it is one line of `alerts.log`; the fields that are left out there are for
/// `notice.log`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The moment it was raised.
    #[serde(skip)]
    pub at: Timestamp,
    /// The flow that completed it.
    #[serde(skip)]
    pub flow: FlowId,
    /// `note`: `Tapir::AN1190`.
    #[serde(skip)]
    pub note: &'static str,
    /// `msg`: the alert in a sentence.
    #[serde(skip)]
    pub message: String,
    /// `sub`: the identifiers of the evidence with their bits.
    #[serde(skip)]
    pub sub: String,
    /// `n`: exchanges behind it.
    #[serde(skip)]
    pub n: u64,
    /// The moment it was raised, RFC 3339 in UTC.
    pub ts: String,
    /// The same for every revision of one alert.
    pub alert_id: Box<str>,
    /// 0 for the first, one more for each amendment.
    pub revision: u32,
    /// Which analytic.
    pub analytic: Analytic,
    /// Its place in ATT&CK.
    pub mitre: Mitre,
    /// Who.
    pub subject: AlertSubject,
    /// With what.
    pub object: AlertObject,
    /// How the process is known.
    pub attribution: AlertAttribution,
    /// 0 to 100.
    pub score: u8,
    /// The sum of the evidence.
    pub bits: Bits,
    /// How loud.
    pub tier: Tier,
    /// How much of what the analytic needs could be seen, 0 to 1.
    pub confidence: f64,
    /// Why not more.
    pub confidence_reasons: Vec<String>,
    /// For, strongest first.
    pub evidence: Evidence,
    /// Against.
    pub against: Vec<Item>,
    /// What could not be seen.
    pub missing: Vec<Missing>,
    /// The allow entry that keeps it out of `alerts.log`; it is in `suppressed.log` then.
    pub suppressed_by: Option<Box<str>>,
    /// Allow entries that were looked at.
    pub suppressions_checked: Vec<Suppression>,
    /// What would have changed the tier.
    pub counterfactual: String,
    /// What to do next.
    pub triage: Vec<String>,
    /// The flows behind it, oldest first.
    pub flows: Vec<String>,
    /// Which settings judged.
    pub config_hash: Box<str>,
    /// Which baseline they judged by.
    pub baseline_hash: Box<str>,
}

/// Who is alerted on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertSubject {
    /// The host's address.
    pub host: String,
    /// Its role.
    pub role: Box<str>,
    /// Its platform, where its traffic shows one.
    pub os: Option<String>,
    /// The process; only an endpoint agent can tell. Where it is inferred, its program's name.
    pub process: Option<Process>,
}

/// How the process is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertAttribution {
    /// Whether it is.
    pub status: Status,
    /// The agent that said so.
    pub agent: Option<Box<str>>,
    /// How much of the flow the agent named.
    pub key: Option<Key>,
    /// How it came to know.
    pub method: Option<Way>,
    /// Processes that it could be.
    pub candidates: u32,
    /// From the flow's first packet to the agent's moment, its clock corrected.
    pub delta_ms: Option<i64>,
    /// 0 to 1.
    pub confidence: f64,
    /// What gateways log of the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<AlertGateway>,
    /// Who taught it, where it is inferred: nobody saw the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taught: Option<Taught>,
}

impl AlertAttribution {
    fn of(attribution: &Attribution, passed: Option<Passed>) -> AlertAttribution {
        AlertAttribution {
            status: attribution.status,
            agent: attribution.agent.clone(),
            key: attribution.key,
            method: attribution.method,
            candidates: attribution.candidates,
            delta_ms: attribution.delta.map(|delta| delta.as_nanos() / 1_000_000),
            confidence: attribution.confidence,
            gateway: passed.map(AlertGateway::from),
            taught: attribution.taught,
        }
    }
}

/// What it called.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertObject {
    /// The service and the customer of a shared one; else the registrable domain or the network.
    pub service: Arc<str>,
    /// What it is for; `other` for what the catalogue does not know.
    pub category: &'static str,
    /// The host's name.
    pub name: String,
    /// How the name is known.
    pub named_by: NamedBy,
    /// The name, where the flow itself told it.
    pub sni: Option<String>,
    /// The address and port that were called last.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// JA3 of the client.
    pub ja3: Option<Box<str>>,
    /// JA4 of the client.
    pub ja4: Option<Box<str>>,
    /// What kind of program called.
    pub client_class: ClassShares,
}

/// The probabilities of a client's class; they sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // As in `ClientClass`.
pub struct ClassShares {
    pub browser: f64,
    pub native_app: f64,
    pub tool_or_library: f64,
    pub unknown: f64,
}

impl From<ClientClass> for ClassShares {
    fn from(class: ClientClass) -> ClassShares {
        ClassShares {
            browser: class.browser(),
            native_app: class.native_app(),
            tool_or_library: class.tool_or_library(),
            unknown: class.unknown(),
        }
    }
}

/// What an alert has beside its finding.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// Which alert it is.
    pub identity: Identity,
    /// See [`Alert::baseline_hash`].
    pub baseline_hash: Box<str>,
    /// See [`Alert::suppressions_checked`].
    pub checked: Checked,
    /// See [`Alert::attribution`].
    pub attribution: Attribution,
    /// See [`AlertAttribution::gateway`].
    pub passed: Option<Passed>,
}

impl Alert {
    /// The alert of a finding.
    pub fn new(scene: &Scene<'_>, finding: Finding, occasion: Occasion) -> Alert {
        let analytic = finding.analytic;
        let (tiers, total) = (scene.settings.tiers(), finding.evidence.total());
        let host = scene.flow.originator.addr.to_string();
        let role = scene.role.name.clone();
        let (deed, tier) = (&finding.deed, finding.tier.name());
        let bits = total.as_f64();
        Alert {
            at: scene.at,
            flow: *scene.flow,
            note: analytic.note(),
            message: format!(
                "{host} ({role}) {deed}{}{}: {bits} bits, {tier}",
                by(&occasion.attribution),
                through(occasion.passed.as_ref())
            ),
            sub: sub(&finding.evidence),
            n: finding.n,
            ts: rfc3339(scene.at),
            alert_id: occasion.identity.alert_id,
            revision: occasion.identity.revision,
            analytic,
            mitre: analytic.mitre(),
            subject: AlertSubject {
                host,
                role,
                os: None,
                process: occasion.attribution.process.clone(),
            },
            object: AlertObject::new(scene),
            attribution: AlertAttribution::of(&occasion.attribution, occasion.passed),
            score: tiers.score(total),
            bits: total,
            tier: finding.tier,
            confidence: finding.confidence.value,
            confidence_reasons: finding.confidence.reasons,
            counterfactual: counterfactual::sentence(tiers, &finding.evidence, finding.tier),
            evidence: finding.evidence,
            against: finding.against,
            missing: finding.missing,
            suppressed_by: occasion.checked.suppressed_by,
            suppressions_checked: occasion.checked.entries,
            triage: finding.triage,
            flows: finding.flows.iter().map(Uid::to_string).collect(),
            config_hash: Box::from(scene.settings.config_hash()),
            baseline_hash: occasion.baseline_hash,
        }
    }
}

impl AlertObject {
    fn new(scene: &Scene<'_>) -> AlertObject {
        let called = scene.called;
        let name = called.name.as_ref().and_then(|name| name_text(name));
        let found = called.lookup(scene.settings);
        AlertObject {
            service: called.object.clone(),
            category: found.map_or("other", |found| found.service.category.name()),
            sni: name.clone().filter(|_| called.named_by == NamedBy::Sni),
            name: name.unwrap_or_default(),
            named_by: called.named_by,
            ip: scene.flow.responder.addr.to_string(),
            port: scene.flow.responder.port,
            ja3: called.ja3.clone(),
            ja4: called.ja4.clone(),
            client_class: called.class.into(),
        }
    }
}

/// Which program did it, where an agent named it, or likely did, where others taught that.
fn by(attribution: &Attribution) -> String {
    let process = attribution.process.as_ref();
    let program = process.and_then(|process| process.path.as_ref().or(process.name.as_ref()));
    program.map_or_else(String::new, |program| match attribution.status {
        Status::Inferred => format!(", likely by {program} (inferred)"),
        _ => format!(", by {program}"),
    })
}

/// For whom a gateway let it pass, or did not.
fn through(passed: Option<&Passed>) -> String {
    let Some(passed) = passed.filter(|passed| passed.status == Status::Matched) else {
        return String::new();
    };
    let user = passed.passage.user.as_deref();
    let user = user.map_or_else(String::new, |user| format!(", user {user}"));
    format!("{user}, through {}", passed.gateways.join(" and "))
}

fn sub(evidence: &Evidence) -> String {
    let items = evidence
        .items()
        .map(|item| format!("{} {}", item.id, item.bits.as_f64()));
    items.collect::<Vec<_>>().join(", ")
}
