//! From what one host uploads to one destination to evidence that the upload is unusual.
//!
//! ATT&CK AN1415 (T1048.002), as far as the network alone shows it. It is called an **unusual
//! encrypted upload**, not exfiltration: neither the process nor the files are seen, so no alert is
//! above medium and none more than half sure. What was read or packed before is for an endpoint
//! agent to say.
//!
//! Judged are transfers (up to ten flows within thirty minutes, open ones by what they sent so
//! far) of at least `upload_bytes_min`, whose size is unusual for the host and the kind of
//! destination (p below `p_max`) or above OutboundTrafficVolumeThreshold, and only where the
//! destination is new or rare, the client is no browser, or the certificate is odd.
//!
//! Evidence, by its stable identifier (all weights are a design, not fitted):
//!
//! | identifier | group | bits |
//! |---|---|---|
//! | `volume.unusual` | volume | −1 − ½·log2 p |
//! | `volume.threshold` | volume | 4: above OutboundTrafficVolumeThreshold |
//! | `destination.new` | destination rarity | 3 within a day of the host's first call, 2 within 7 |
//! | `destination.rare` | destination rarity | −½·log2((k + 1)/(n + 2)), at most 3 |
//! | `destination.unknown` | destination rarity | new's + min(3, 2 · rare's) of no browser |
//! | `fp.non_browser` | client fingerprint | 2 · P(tool or library) |
//! | `direction.upload` | direction | 1 for PCR of 0.9 and above |
//! | `certificate.odd` | context | 3 self-signed, 2 other name, 1 new issuer, 1 above 2 years |
//! | `schedule.usual_upload` | schedule | −4: agreed, or alike at this time of an earlier week |

mod destination;
mod kinds;

#[cfg(test)]
mod tests;

pub use kinds::{Cell, Oddities};

use super::attack::Analytic;
use super::client::ClientClass;
use super::evidence::{Bits, Evidence, Group, Item, Tier, Tiers};
use super::finding::{Finding, Missing, Scene, Upload, Verdict};
use super::rarity::{self, Others};
use super::schedules::Approval;
use super::transfers::Transfer;
use crate::baseline::conformal::Unusual;
use crate::baseline::slots::is_alike;
use crate::baseline::{Age, Baseline};
use serde::Serialize;
use serde_json::json;

/// Confidence of an alert without endpoint data.
pub const CONFIDENCE_CAP: f64 = 0.50;
/// Samples at which confidence is half its cap: the sample a mature baseline cell needs.
pub const N_HALF: u64 = 20;
/// Producer-consumer ratio from which on a transfer is an upload (ATT&CK AN1225: above 90 %
/// outbound is 0.8; less a margin for acknowledgements of the application).
const UPLOAD_RATIO_MIN: f64 = 0.9;
/// A destination is rare where no more than this share of the role uses it.
const RARE_MAX: f64 = 0.1;

/// Rules of analytic AN1415, by ATT&CK's mutable elements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct An1415 {
    /// OutboundTrafficVolumeThreshold: bytes that are much, whatever is usual.
    pub outbound_traffic_volume_threshold: u64,
    /// FileSensitivityContext: what would matter if it left. Only an endpoint agent can tell what
    /// was read, so it is named in the alert as what to look for.
    pub file_sensitivity_context: Vec<Box<str>>,
    /// The p-value below which a size is unusual.
    pub p_max: f64,
    /// Uploads below this are not judged.
    pub upload_bytes_min: u64,
}

impl An1415 {
    /// 50 MB in one transfer (ATT&CK AN0367), p below 0.02, and at least 1 MB (ATT&CK AN0988).
    pub fn shipped() -> An1415 {
        let places = ["~/Documents", "~/Desktop", "~/.ssh", "~/Library/Keychains"];
        An1415 {
            outbound_traffic_volume_threshold: 50_000_000,
            file_sensitivity_context: places.map(Box::from).to_vec(),
            p_max: 0.02,
            upload_bytes_min: 1_000_000,
        }
    }

    /// Whether a file would matter if it left. `~` stands for any user's home.
    pub fn is_sensitive(&self, path: &str) -> bool {
        let homes = ["/Users/", "/home/"];
        let in_home = homes.iter().find_map(|home| {
            let (_, rest) = path.strip_prefix(home)?.split_once('/')?;
            Some(rest)
        });
        let in_home = in_home.or_else(|| path.strip_prefix("/root/"));
        let lies_in = |path: &str, place: &str| {
            let rest = path.strip_prefix(place.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut places = self.file_sensitivity_context.iter();
        places.any(|place| match place.strip_prefix("~/") {
            Some(place) => in_home.is_some_and(|rest| lies_in(rest, place)),
            None => lies_in(path, place),
        })
    }
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The rules.
    pub rules: &'a An1415,
    /// From how many bits on.
    pub tiers: &'a Tiers,
    /// What was uploaded.
    pub transfer: &'a Transfer,
    /// Where to: the service, domain or network.
    pub object: &'a str,
    /// How unusual its size is.
    pub unusual: Baseline<Unusual>,
    /// How new the destination is to the host; what is new cannot be told of a host that is new
    /// itself.
    pub age: Baseline<Age>,
    /// The role's other members.
    pub others: Others,
    /// The program that uploaded.
    pub class: ClientClass,
    /// What is odd about the server's certificate, where one was seen.
    pub oddities: Option<Oddities>,
    /// What the schedules say.
    pub approval: Approval<'a>,
    /// The largest upload at the same time of an earlier week.
    pub usual_now: Option<u64>,
}

impl Case<'_> {
    fn is_new(&self) -> bool {
        matches!(self.age, Baseline::Ready(Age::Day | Age::Week))
    }

    fn is_rare(&self) -> bool {
        let (k, n) = (self.others.callers, self.others.members);
        let share = (k as f64 + 1.0) / (n as f64 + 2.0);
        n > 0 && share <= RARE_MAX
    }

    fn is_odd(&self) -> bool {
        self.oddities.is_some_and(Oddities::any)
    }

    fn is_much(&self) -> bool {
        self.transfer.up() >= self.rules.outbound_traffic_volume_threshold
    }

    fn p(&self) -> Option<f64> {
        Some(self.unusual.ready()?.p)
    }

    /// Whether such an upload was agreed to, or came at this time of the week before.
    fn is_scheduled(&self) -> bool {
        let up = self.transfer.up();
        let agreed = match self.approval {
            Approval::InWindow(schedule) => schedule.upload_bytes_max.is_some_and(|max| up <= max),
            _ => false,
        };
        agreed || self.usual_now.is_some_and(|largest| is_alike(largest, up))
    }
}

impl Case<'_> {
    /// The verdict of this case as an alert tells it.
    pub fn finding(&self, scene: &Scene<'_>, verdict: Verdict) -> Finding {
        let (addr, object) = (scene.flow.originator.addr, self.object);
        let triage = vec![
            scene.identify(),
            format!("on {addr}, look for archives that were made before, about as large"),
            format!("ask the owner of the host what went to {object}"),
            "if approved, write a schedule (owner, hours, upload) or an allow entry".into(),
        ];
        let parts = self.transfer.parts().iter();
        let flows = parts.map(|part| part.uid).collect();
        let terms = (Analytic::An1415, CONFIDENCE_CAP, N_HALF);
        Finding {
            upload: Some(Upload {
                bytes: self.transfer.up(),
                began_at: self.transfer.first_at,
            }),
            ..verdict.finding(scene, terms, triage, flows)
        }
    }
}

/// Judges a case; none where it is nothing to alert on.
pub fn judge(case: &Case<'_>) -> Option<Verdict> {
    let up = case.transfer.up();
    let large = case.is_much() || case.p().is_some_and(|p| p < case.rules.p_max);
    let strange = case.is_new() || case.is_rare() || case.class.is_tool() || case.is_odd();
    if up < case.rules.upload_bytes_min || !large || !strange {
        return None;
    }
    let items = [
        unusual(case),
        threshold(case),
        destination::new(case),
        destination::rare(case),
        destination::unknown(case),
        non_browser(case),
        upload(case),
        odd_certificate(case),
        scheduled(case),
    ];
    let evidence = Evidence::weigh(items.into_iter().flatten().collect())?;
    let tier = case
        .tiers
        .tier(evidence.total(), evidence.groups(), false)?;
    let samples = evidence.first().baseline_n;
    let so_far = if case.transfer.is_open() {
        " so far"
    } else {
        ""
    };
    Some(Verdict {
        evidence,
        against: against(case),
        // High needs to know of files or archives, which only an endpoint agent does.
        tier: tier.min(Tier::Medium),
        deed: format!(
            "made an unusual encrypted upload of {up} B to {}{so_far}",
            case.object
        ),
        n: case.transfer.parts().len() as u64,
        samples,
        missing: missing(case),
    })
}

fn missing(case: &Case<'_>) -> Vec<Missing> {
    let places = case.rules.file_sensitivity_context.join(", ");
    let mut missing = vec![Missing::of_agent(
        format!("the process, and files read or packed before (as in {places})"),
        "could move the sum by −6…+12 bits",
    )];
    if case.oddities.is_none() {
        missing.push(Missing::new(
            "server certificate: encrypted in TLS 1.3, or not seen",
            "could add up to 4 bits",
        ));
    }
    if let Baseline::Learning(so_far) = case.unusual {
        missing.push(Missing::new(
            format!("usual size: {} of 20 samples seen", so_far.samples.min(20)),
            "could add up to 10 bits",
        ));
    }
    missing
}

fn unusual(case: &Case<'_>) -> Option<Item> {
    let unusual = case.unusual.ready()?;
    let bits = Bits::calibrated(unusual.p);
    let item = Item::new("volume.unusual", Group::Volume, bits)
        .observed(json!({
            "upload_bytes": case.transfer.up(), "flows": case.transfer.parts().len(),
            "p": unusual.p, "residual": (unusual.residual * 100.0).round() / 100.0,
            "compared_with": unusual.level, "residuals": unusual.pool,
        }))
        .expected(
            format!("about {} B in one transfer (median)", unusual.median),
            unusual.n,
        )
        .why(format!(
            "of {} transfers, each compared with its like, {:.3} % were as far above",
            unusual.pool,
            unusual.p * 100.0
        ));
    (bits > Bits::ZERO).then_some(item)
}

fn threshold(case: &Case<'_>) -> Option<Item> {
    let most = case.rules.outbound_traffic_volume_threshold;
    case.is_much().then(|| {
        Item::new("volume.threshold", Group::Volume, Bits::whole(4))
            .observed(json!({"upload_bytes": case.transfer.up()}))
            .expected(format!("below {most} B"), 0)
            .why("more than OutboundTrafficVolumeThreshold")
    })
}

fn non_browser(case: &Case<'_>) -> Option<Item> {
    let tool = case.class.tool_or_library();
    case.class.is_tool().then(|| {
        Item::new(
            "fp.non_browser",
            Group::ClientFingerprint,
            Bits::whole(2).scaled(tool),
        )
        .observed(json!({"tool": tool}))
        .expected("browser or native application", 0)
        .why("a tool or library uploads")
    })
}

fn upload(case: &Case<'_>) -> Option<Item> {
    let (up, down) = (case.transfer.up() as f64, case.transfer.down() as f64);
    let ratio = (up - down) / (up + down).max(1.0);
    (ratio >= UPLOAD_RATIO_MIN).then(|| {
        Item::new("direction.upload", Group::Direction, Bits::whole(1))
            .observed(json!({"pcr": (ratio * 100.0).round() / 100.0}))
            .expected("PCR below 0.9", 0)
            .why("next to nothing comes back")
    })
}

fn odd_certificate(case: &Case<'_>) -> Option<Item> {
    let odd = case.oddities.filter(|odd| odd.any())?;
    let item = Item::new("certificate.odd", Group::Context, odd.bits())
        .observed(json!(odd))
        .expected(
            "named as asked for, by an issuer that is known, for two years at most",
            0,
        )
        .why("the server's certificate is not what public servers have");
    Some(item)
}

fn scheduled(case: &Case<'_>) -> Option<Item> {
    let schedule = case.approval.schedule().map(|schedule| &schedule.id);
    case.is_scheduled().then(|| {
        Item::new("schedule.usual_upload", Group::Schedule, Bits::whole(-4))
            .observed(json!({"largest_at_this_hour": case.usual_now, "schedule": schedule}))
            .expected("no such upload at this time of the week", 0)
            .why("uploads like it come at this time of the week, or were agreed to")
    })
}

/// What speaks against: worth no bits, but to be known.
fn against(case: &Case<'_>) -> Vec<Item> {
    let mut against = Vec::new();
    if let Some(unusual) = case
        .unusual
        .ready()
        .filter(|unusual| unusual.p >= case.rules.p_max)
    {
        against.push(
            Item::new("volume.usual", Group::Volume, Bits::ZERO)
                .observed(json!({"p": unusual.p}))
                .expected(format!("p below {}", case.rules.p_max), unusual.n)
                .why("such sizes are usual here, though above the threshold"),
        );
    }
    let Others {
        members, callers, ..
    } = case.others;
    against.extend(rarity::used_by_peers(callers, members));
    against.extend(rarity::application(case.class));
    against
}
