//! From one host's calls to one web service to evidence that they are unscheduled or unauthorised.
//!
//! ATT&CK AN1191 (T1102), as far as the network alone shows it. Does not see processes: without an
//! endpoint agent its ProcessSignature is unknown, and the alert says so. People who browse are not
//! what it describes: a client that is most likely a browser is not judged.
//!
//! A call is odd where it is out of the hours that were agreed or learnt, or unauthorised: neither
//! in a schedule nor usual (two hosts or more of the role use the service with this client, and
//! where it is new to the host a tenth of the role). The platform's own stack is a browser's and
//! every application's: its calls count while nobody browses anything else. Odd calls are
//! judged from three calls on two occasions within fifteen days on. **The first occasion raises
//! nothing.** A host that has just woken may do what it slept through for thirty minutes.
//!
//! | | in window | out of window |
//! |---|---|---|
//! | authorised | nothing | `schedule.*` |
//! | unauthorised | `role.unauthorised`, `timing.cadence` | both |
//!
//! Evidence, by its stable identifier (all weights are a design, not fitted):
//!
//! | identifier | group | bits |
//! |---|---|---|
//! | `schedule.surprise` | schedule | −1 − ½·log2 p of the hour of the week, for each occasion |
//! | `schedule.out_of_window` | agreement | 5 for each occasion: a schedule has other hours |
//! | `schedule.off_beat` | agreement | 3: sooner than the schedule's period less its jitter |
//! | `schedule.too_much` | volume | 4: more upload than the schedule allows |
//! | `role.unauthorised` | destination rarity | 5: no second host of the role does it |
//! | `role.pair_rarity` | destination rarity | −log2((k + 1)/(n + 2)) of service and client |
//! | `timing.cadence` | timing | G/4 for an unauthorised caller with G of 20 and above |
//! | `fp.role_rarity` | client fingerprint | −(1 − P(browser)) · log2((k + 1)/(n + 2)) of the JA4 |
//! | `context.pushed` | context | −3: the server's push came within 60 s before |

mod doubts;
mod moment;

#[cfg(test)]
mod tests;

pub use moment::Moment;

use super::attack::Analytic;
use super::client::ClientClass;
use super::evidence::{Bits, Evidence, Group, Item, Tiers};
use super::finding::{Finding, Scene, Verdict};
use super::habit::Habit;
use super::rarity::{self, Others};
use super::schedules::Approval;
use crate::profile::cadence::Reading;
use crate::time::{Span, Timestamp};
use serde::Serialize;
use serde_json::json;

/// Confidence of an alert without endpoint data.
pub const CONFIDENCE_CAP: f64 = 0.60;
/// Samples at which confidence is half its cap: the sample a mature baseline cell needs.
pub const N_HALF: u64 = 20;
/// A push excuses what comes within this.
pub const PUSH_WITHIN: Span = Span::from_secs(60);
/// Rules of analytic AN1191, by ATT&CK's mutable elements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct An1191 {
    /// Odd calls without which nothing is judged.
    pub calls_min: usize,
    /// Occasions on which they must have come.
    pub occasions_min: usize,
    /// ConnectionInterval: bits for a timer from which on calls are regular.
    pub connection_interval_bits_min: f64,
}

impl An1191 {
    /// Three calls on two occasions; 20 bits, which none of 2,250 streams without a timer reached.
    pub const SHIPPED: An1191 = An1191 {
        calls_min: 3,
        occasions_min: 2,
        connection_interval_bits_min: 20.0,
    };
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The rules.
    pub rules: &'a An1191,
    /// From how many bits on.
    pub tiers: &'a Tiers,
    /// The call.
    pub moment: Moment<'a>,
    /// The host's role.
    pub role: &'a str,
    /// The service, and the customer of a shared one.
    pub object: &'a str,
    /// The calls of the same host, object and client, this one included.
    pub calls: &'a Habit,
    /// The program that called.
    pub class: ClientClass,
    /// Its JA4.
    pub ja4: Option<&'a str>,
    /// The role's other members.
    pub others: Others,
    /// How regular the calls are, where that is known.
    pub cadence: Option<Reading>,
    /// The last push of a server before the call, where pushes are seen.
    pub pushed_at: Option<Timestamp>,
    /// The last sign of a person before the call.
    pub user_at: Option<Timestamp>,
}

impl Case<'_> {
    /// The verdict of this case as an alert tells it.
    pub fn finding(&self, scene: &Scene<'_>, verdict: Verdict) -> Finding {
        let triage = vec![
            scene.identify(),
            format!(
                "look at launch agents, launch daemons and timers that call {}",
                self.object
            ),
            "ask the owner of the host whether the calls were agreed to, and by whom".into(),
            "if approved, write a schedule (owner, hours, expiry) or an allow entry".into(),
        ];
        let flows = self.calls.odd_flows(self.moment.hours.at);
        let terms = (Analytic::An1191, CONFIDENCE_CAP, N_HALF);
        verdict.finding(scene, terms, triage, flows)
    }
}

/// Judges a case; none where it is nothing to alert on.
pub fn judge(case: &Case<'_>) -> Option<Verdict> {
    let odd = case.calls.odd(case.moment.hours.at);
    let enough = odd.calls >= case.rules.calls_min && odd.occasions >= case.rules.occasions_min;
    if !enough || !case.moment.is_odd() || case.class.is_surely_browser() {
        return None;
    }
    let items = [
        surprise(case, odd.off_schedule),
        out_of_window(case, odd.off_schedule),
        off_beat(case),
        too_much(case),
        unauthorised(case),
        pair_rarity(case),
        cadence(case),
        rarity::fingerprint(case.ja4, case.class, &case.others),
        pushed(case),
    ];
    let evidence = Evidence::weigh(items.into_iter().flatten().collect())?;
    let tier = case
        .tiers
        .tier(evidence.total(), evidence.groups(), false)?;
    let unauthorised = case.moment.is_unauthorised();
    let how = match (unauthorised, case.moment.is_off_schedule()) {
        (true, true) => "unauthorised and outside its usual hours",
        (true, false) => "unauthorised",
        (false, true) => "outside its schedule",
        (false, false) => "other than its schedule says",
    };
    Some(Verdict {
        samples: evidence.first().baseline_n,
        evidence,
        against: doubts::against(case),
        tier,
        deed: format!("calls {} {how}", case.object),
        n: odd.calls as u64,
        missing: doubts::missing(case),
    })
}

/// Over `occasions` in other hours than were agreed or learnt, this one included.
fn surprise(case: &Case<'_>, occasions: usize) -> Option<Item> {
    let off = case.moment.is_off_schedule();
    let item = off.then(|| case.moment.hours.surprise(case.object))??;
    Some(item.times(occasions))
}

fn out_of_window(case: &Case<'_>, occasions: usize) -> Option<Item> {
    let Approval::OutOfWindow(schedule) = case.moment.approval else {
        return None;
    };
    case.moment.is_off_schedule().then(|| {
        Item::new("schedule.out_of_window", Group::Agreement, Bits::whole(5))
            .times(occasions)
            .observed(json!({
                "schedule": schedule.id, "owner": schedule.owner, "occasions": occasions,
            }))
            .expected(format!("within the hours of schedule {}", schedule.id), 0)
            .why(format!("schedule {} has other hours", schedule.id))
    })
}

fn off_beat(case: &Case<'_>) -> Option<Item> {
    let (schedule, least) = case.moment.beat()?;
    let gap = case.moment.hours.among.gap?;
    case.moment.is_off_beat().then(|| {
        Item::new("schedule.off_beat", Group::Agreement, Bits::whole(3))
            .observed(json!({"schedule": schedule.id, "gap_s": gap.as_secs_f64()}))
            .expected(
                format!("at least {} s after the last", least.as_secs_f64()),
                0,
            )
            .why(format!("sooner than schedule {} says", schedule.id))
    })
}

fn too_much(case: &Case<'_>) -> Option<Item> {
    let schedule = case.moment.approval.schedule()?;
    let most = schedule.upload_bytes_max?;
    case.moment.is_too_much().then(|| {
        Item::new("schedule.too_much", Group::Volume, Bits::whole(4))
            .observed(json!({"schedule": schedule.id, "upload_bytes": case.moment.upload_bytes}))
            .expected(format!("at most {most} B"), 0)
            .why(format!("more than schedule {} allows", schedule.id))
    })
}

fn unauthorised(case: &Case<'_>) -> Option<Item> {
    let standing = case.moment.standing;
    let expired = match case.moment.approval {
        Approval::Expired(schedule) => Some(&schedule.id),
        _ => None,
    };
    let days = u64::from(case.moment.host_days);
    let alone = case.moment.is_unauthorised() && !case.moment.is_usual();
    alone.then(|| {
        Item::new(
            "role.unauthorised",
            Group::DestinationRarity,
            Bits::whole(5),
        )
        .observed(json!({"standing": standing, "expired_schedule": expired}))
        .expected("in a schedule, or done by two hosts of the role", days)
        .why(match expired {
            Some(id) => format!("schedule {id}, which allowed it, has expired"),
            None => "no schedule allows it, and no other host of the role does it".into(),
        })
    })
}

fn pair_rarity(case: &Case<'_>) -> Option<Item> {
    let Others {
        members: n,
        same_client: k,
        ..
    } = case.others;
    if n == 0 || case.moment.approval.schedule().is_some() {
        return None;
    }
    let item = Item::new(
        "role.pair_rarity",
        Group::DestinationRarity,
        Bits::rarity(k, n),
    )
    .observed(json!({"hosts_role_using": k, "hosts_role": n}))
    .expected(format!("{k} of {n} peers in 30 d"), n)
    .why(format!(
        "{k} of the {n} other hosts of role {} use {} with this client",
        case.role, case.object
    ));
    Some(item)
}

fn cadence(case: &Case<'_>) -> Option<Item> {
    let reading = case.cadence?;
    let regular = reading.bits >= case.rules.connection_interval_bits_min;
    if !regular || !case.moment.is_unauthorised() {
        return None;
    }
    let fit = reading.fit;
    let tenth = |x: f64| (x * 10.0).round() / 10.0;
    let observed = json!({
        "llr_bits": tenth(reading.bits), "sleep_s": tenth(fit.sleep_s()),
        "jitter": (fit.jitter() * 100.0).round() / 100.0, "missed": fit.missed, "gaps": fit.n,
    });
    let item = Item::new(
        "timing.cadence",
        Group::Timing,
        Bits::new(reading.bits / 4.0),
    )
    .observed(observed)
    .expected("no timer: below 20 bits", u64::from(fit.n))
    .why(format!("calls come about every {:.0} s", fit.centre_s));
    Some(item)
}

fn pushed(case: &Case<'_>) -> Option<Item> {
    let ago = case.moment.hours.at - case.pushed_at?;
    (Span::ZERO <= ago && ago <= PUSH_WITHIN).then(|| {
        Item::new("context.pushed", Group::Context, Bits::whole(-3))
            .observed(json!({"push_s_before": ago.as_secs_f64()}))
            .expected("no push within 60 s before", 0)
            .why("a push from a server came just before and may have caused it")
    })
}
