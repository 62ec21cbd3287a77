//! From a verdict to an alert that explains itself.
//!
//! Decides nothing any more. Every number in it can be computed again from the others; the same
//! inputs give the same bytes.

use super::an1190::{CONFIDENCE_CAP, Case, N_HALF, NamedBy, Verdict};
use super::attack::{Analytic, Mitre};
use super::catalogue;
use super::client::ClientClass;
use super::counterfactual;
use super::evidence::{Bits, Evidence, Item, Tier};
use crate::net::Uid;
use crate::observe::FlowId;
use crate::time::Timestamp;
use serde::Serialize;

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
    /// Allow entries that were looked at; there are none yet.
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
    /// The process; only an endpoint agent can tell.
    pub process: Option<String>,
}

/// What it called.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertObject {
    /// The service, and the customer of a shared one.
    pub service: Box<str>,
    /// What it is for.
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

/// What could not be seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// What.
    pub component: String,
    /// How much it could have changed.
    pub effect: String,
}

/// An allow entry that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suppression {
    /// The entry.
    pub id: String,
    /// Why it did or did not suppress.
    pub result: String,
    /// Who owns it.
    pub owner: String,
}

/// Which alert this is, and of which flow and client.
#[derive(Clone, Debug)]
pub struct Occasion<'a> {
    /// See [`Alert::alert_id`].
    pub alert_id: Box<str>,
    /// See [`Alert::revision`].
    pub revision: u32,
    /// The flow that completed it.
    pub flow: FlowId,
    /// What it is about.
    pub object: &'a str,
    /// The name that was called.
    pub name: &'a [u8],
    /// How the name is known.
    pub named_by: NamedBy,
    /// JA3 of the client.
    pub ja3: Option<Box<str>>,
    /// See [`Alert::baseline_hash`].
    pub baseline_hash: Box<str>,
}

impl Alert {
    /// The alert of an AN1190 verdict.
    pub fn an1190(case: &Case<'_>, verdict: Verdict, occasion: Occasion<'_>) -> Alert {
        let analytic = Analytic::An1190;
        let Verdict {
            evidence,
            against,
            tier,
        } = verdict;
        let (tiers, total) = (case.settings.tiers(), evidence.total());
        let window = case.settings.an1190().request_frequency.window;
        let flows = || case.usage.within(window, case.at);
        let n: u64 = flows().map(|flow| u64::from(flow.exchanges)).sum();
        let (confidence, confidence_reasons) = confidence(case, &evidence, occasion.named_by);
        let name = catalogue::name_text(occasion.name).unwrap_or_default();
        let host = occasion.flow.originator.addr.to_string();
        let uids = flows().map(|flow: &super::usage::UsedFlow| flow.uid);
        Alert {
            at: case.at,
            flow: occasion.flow,
            note: analytic.note(),
            message: format!(
                "{host} ({}) calls {} ({name}) out of place: {} bits, {}",
                case.role.name,
                occasion.object,
                total.as_f64(),
                tier.name()
            ),
            sub: sub(&evidence),
            n,
            ts: rfc3339(case.at),
            alert_id: occasion.alert_id,
            revision: occasion.revision,
            analytic,
            mitre: analytic.mitre(),
            subject: AlertSubject {
                host,
                role: case.role.name.clone(),
                os: None,
                process: None,
            },
            object: AlertObject {
                service: Box::from(occasion.object),
                category: case.found.service.category.name(),
                sni: (occasion.named_by == NamedBy::Sni).then(|| name.clone()),
                name,
                named_by: occasion.named_by,
                ip: occasion.flow.responder.addr.to_string(),
                port: occasion.flow.responder.port,
                ja3: occasion.ja3,
                ja4: case.ja4.map(Box::from),
                client_class: case.class.into(),
            },
            score: tiers.score(total),
            bits: total,
            tier,
            confidence,
            confidence_reasons,
            counterfactual: counterfactual::sentence(case.settings.tiers(), &evidence, tier),
            evidence,
            against,
            missing: missing(case),
            suppressions_checked: Vec::new(),
            triage: triage(&occasion.flow),
            flows: uids.map(|uid: Uid| uid.to_string()).collect(),
            config_hash: Box::from(case.settings.config_hash()),
            baseline_hash: occasion.baseline_hash,
        }
    }
}

fn sub(evidence: &Evidence) -> String {
    let items = evidence
        .items()
        .map(|item| format!("{} {}", item.id, item.bits.as_f64()));
    items.collect::<Vec<_>>().join(", ")
}

/// c = cap × (1 − 2^(−n/n_half)) × quality, with the reasons for what it lacks.
fn confidence(case: &Case<'_>, evidence: &Evidence, named_by: NamedBy) -> (f64, Vec<String>) {
    let n = evidence.first().baseline_n;
    let window = case.settings.an1190().request_frequency.window;
    let (missed, seen) = case
        .usage
        .within(window, case.at)
        .fold((0u64, 0u64), |sum, flow| {
            let bytes = flow.up.saturating_add(flow.down);
            (
                sum.0.saturating_add(flow.missed),
                sum.1.saturating_add(bytes),
            )
        });
    // What was missed is part of the sequence space that `seen` counts.
    let loss = if seen > 0 {
        (missed as f64 / seen as f64).min(1.0)
    } else {
        0.0
    };
    let quality = (1.0 - 5.0 * loss).max(0.3);
    let learnt = 1.0 - (-(n as f64) / N_HALF as f64).exp2();
    let mut reasons = vec![
        format!("no endpoint agent on host (cap {CONFIDENCE_CAP:.2})"),
        format!(
            "{n} samples behind {}, n_half {N_HALF}",
            evidence.first().id
        ),
    ];
    if missed > 0 {
        reasons.push(format!("{missed} of {seen} stream bytes were not captured"));
    }
    match named_by {
        NamedBy::Sni => {}
        NamedBy::Dns => reasons.push("named by an earlier DNS answer, not by the flow".into()),
        NamedBy::Certificate => reasons.push("named by the server's certificate alone".into()),
    }
    if case.ja4.is_none() {
        reasons.push("no client hello was seen whole".into());
    }
    let confidence = (CONFIDENCE_CAP * learnt * quality * 100.0).round() / 100.0;
    (confidence, reasons)
}

fn missing(case: &Case<'_>) -> Vec<Missing> {
    let parents = case.settings.an1190().parent_process.join(", ");
    let mut missing = vec![
        Missing {
            component: format!("endpoint agent: process and its parent (such as {parents})"),
            effect: "could move the sum by −12…+12 bits".into(),
        },
        Missing {
            component: "request cadence and schedule: not measured yet".into(),
            effect: "could add up to 12 bits".into(),
        },
    ];
    if case.ja4.is_none() {
        missing.push(Missing {
            component: "client fingerprint: no whole client hello".into(),
            effect: "could add up to 6 bits".into(),
        });
    }
    missing
}

fn triage(flow: &FlowId) -> Vec<String> {
    let (addr, port) = (flow.originator.addr, flow.originator.port);
    vec![
        format!("identify the process: osquery process_open_sockets for {addr} port {port}"),
        format!("on {addr}, look at cron jobs, systemd timers and shells that call this service"),
        "ask the owner of the host whether an integration with the service is known".into(),
        "if approved, add an allow entry (owner, ticket, expiry at most 180 d)".into(),
    ]
}

/// `at` as RFC 3339 in UTC with microseconds.
fn rfc3339(at: Timestamp) -> String {
    let nanos = at.as_nanos();
    let seconds = nanos.div_euclid(1_000_000_000);
    let micros = nanos.rem_euclid(1_000_000_000) / 1000;
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let year_days = |year| if leap(year) { 366 } else { 365 };
    let mut year = 1970; // 64 bits of nanoseconds end within three centuries of it.
    while days < 0 {
        year -= 1;
        days += year_days(year);
    }
    while days >= year_days(year) {
        days -= year_days(year);
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let day = days + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_in_utc() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_827_696_123_456_789, "2000-02-29T12:34:56.123456Z"),
            (1_793_697_262_000_000_000, "2026-11-03T09:14:22.000000Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_nanos(nanos)), text);
        }
    }
}
