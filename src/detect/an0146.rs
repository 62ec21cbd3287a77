//! From one long session's shape to evidence that an unexpected application holds it.
//!
//! ATT&CK AN0146 (T1001), as far as the network alone shows it. Does not see processes, and reads
//! TCP only: datagrams of QUIC show no exchanges. A session is judged at its check-points (10 and
//! 30 min, 1, 2, 4, 8, 12 and 24 h) and at its end. **Duration weighs nothing**: alone it told
//! nothing in the prototype (AUC .48 to .52, synthetic); it only decides which sessions are judged.
//!
//! A finding needs all of: SessionDuration (at least `min_s`; and a share of at most `p_max` of the
//! sessions of the host, else of its role, last as long, or nobody else has long ones with the
//! destination); eight exchanges; four bits of shape; an
//! application that is not expected to hold long sessions there; and, as every alert, two groups.
//!
//! | identifier | group | bits |
//! |---|---|---|
//! | `session.shape` | direction | log2 of the odds below over the training set's, at most 10 |
//! | `role.long_session_rarity` | destination rarity | −log2((k + 1)/(n + 2)), k of n hold some |
//! | `role.destination_rarity` | destination rarity | the same of who calls it at all |
//! | `fp.role_rarity`, `fp.browser` | client fingerprint | rarity of the JA4; −4 for a browser |
//! | `context.long_lived_by_design` | context | −4 for websocket and long-poll hosts |
//! | `session.duration` | context | 0 |
//!
//! The odds are a logistic model: ln(1 + inverted exchanges), where they are above 15 % of those
//! that the server began, times 0.14; share of client bytes in them 5.83; PCR 3.84; irregularity
//! 8.95; PCR above 0 times irregularity 11.13; less 12.49. Fitted on the tuning seeds of
//! `benches/evaluate` (4 implant classes of 200 sessions, 9 benign ones of 240), after those of a
//! prototype found no slow drip at 1 % of the benign sessions: long remote management, asked by its
//! server every minute, was above it. Of the tuning sessions 4 bits find 99.5 % of shells and
//! tunnels, 92.5 % of drips and 85 % of WebSocket C2, and no benign one; other seeds are in
//! `fixtures/evaluation/session.md`.
//! **Synthetic**: generator and detector have one author. The log-sd of gaps, which a prototype
//! weighed too, finds no more and is left out: it only tells how the generator draws pauses.

use super::attack::Analytic;
use super::catalogue::HostRole;
use super::durations::Unusual;
use super::evidence::{Bits, Evidence, Group, Item};
use super::finding::{Confidence, Finding, Grounds, Missing, Scene};
use super::rarity::{self, Others};
use super::timing::{Timing, period, rounded};
use crate::observe::profile::FlowProfile;
use crate::profile::cadence::edge;
use serde_json::json;

/// Confidence of an alert without endpoint data.
pub const CONFIDENCE_CAP: f64 = 0.60;
/// Exchanges at which confidence is half its cap: those that the rule asks for. A design value.
pub const N_HALF: u64 = 8;
/// Bits of shape that a finding needs. A design value.
const SHAPE_MIN: Bits = Bits::whole(4);
/// Of [`features`], in their order, and what is added to them.
const WEIGHTS: [f64; 5] = [0.14, 5.83, 3.84, 8.95, 11.13];
const BIAS: f64 = -12.49;
/// Natural logarithm of the training set's odds: one implant to two benign sessions.
const TRAINING_LOG_ODDS: f64 = -std::f64::consts::LN_2;

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who calls what.
    pub scene: Scene<'a>,
    /// The session so far.
    pub profile: &'a FlowProfile,
    /// How unusual its length is; none where too few others are known.
    pub unusual: Option<Unusual>,
    /// The role's other members.
    pub others: Others,
    /// How regularly the host calls the object: told, not weighed.
    pub timing: &'a Timing,
}

/// Judges a case; none where it is nothing to alert on.
pub fn judge(case: &Case<'_>) -> Option<Finding> {
    let rule = &case.scene.settings.rules().an0146;
    let unusual = case.unusual?;
    let too_short = case.profile.age < rule.session_duration.min;
    // Where nobody else has long sessions, what lasts elsewhere does not make one usual.
    let usual = unusual.p > rule.session_duration.p_max && case.others.long_callers > 0;
    if too_short || usual {
        return None;
    }
    if case.profile.exchanges < rule.exchanges_min || case.others.members == 0 {
        return None;
    }
    let shape = shape(case.profile)?;
    if shape.bits < SHAPE_MIN || is_expected(case) {
        return None;
    }
    let items = [
        Some(shape),
        Some(long_session_rarity(case)),
        Some(rarity::destination(&case.scene, &case.others)),
        rarity::client(&case.scene, &case.others),
        long_lived_by_design(case),
        Some(duration(case, &unusual)),
    ];
    let evidence = Evidence::weigh(items.into_iter().flatten().collect())?;
    let tiers = case.scene.settings.tiers();
    let tier = tiers.tier(evidence.total(), evidence.groups(), false)?;
    let (object, age) = (&case.scene.called.object, case.profile.age.as_secs_f64());
    let state = if case.profile.open {
        "has held"
    } else {
        "held"
    };
    Some(Finding {
        analytic: Analytic::An0146,
        confidence: confidence(case),
        evidence,
        against: against(case),
        tier,
        deed: format!(
            "{state} an unexpected session with {object} for {:.0} min that answers its server",
            age / 60.0
        ),
        n: u64::from(case.profile.exchanges),
        missing: missing(),
        triage: triage(&case.scene),
        flows: vec![case.scene.flow.uid],
        upload: None,
    })
}

/// What the model sees of a session: logarithm of inverted exchanges, where they are above 15 % of
/// those that the server began; share of client bytes in them; PCR; irregularity; PCR above 0
/// times irregularity. None without gaps and bytes.
pub fn features(profile: &FlowProfile) -> Option<[f64; 5]> {
    let (pcr, irregularity) = (profile.pcr?, profile.irregularity?);
    let inverted = f64::from(profile.inverted);
    let counted = match inverted / f64::from(profile.by_responder.max(1)) > 0.15 {
        true => inverted,
        false => 0.0,
    };
    Some([
        libm::log1p(counted),
        profile.inverted_share.unwrap_or(0.0),
        pcr,
        irregularity,
        pcr.max(0.0) * irregularity,
    ])
}

/// The bits of `session.shape`, before its group's cap.
pub fn shape_bits(profile: &FlowProfile) -> Option<f64> {
    let log_odds = weighed(features(profile)?).iter().sum::<f64>() + BIAS;
    Some((log_odds - TRAINING_LOG_ODDS) / std::f64::consts::LN_2)
}

fn weighed(features: [f64; 5]) -> [f64; 5] {
    std::array::from_fn(|index| WEIGHTS[index] * features[index])
}

/// What the shape of a session tells, where it has gaps and bytes to tell it.
fn shape(profile: &FlowProfile) -> Option<Item> {
    let features = features(profile)?;
    let [_, inverted_bytes, pcr, irregularity, _] = features;
    let [answers, answered, sent, rhythm, upload] = weighed(features);
    let (inversion, upload) = (answers + answered, sent + upload);
    let gap_log_sd = profile.gap_log_sd.unwrap_or(0.0);
    let log_odds = inversion + upload + rhythm + BIAS;
    let bits = shape_bits(profile)?;
    let why = match inversion > upload + rhythm {
        true => "the server asks and the client answers: the reverse of the web",
        false => "one session sends far more than it receives, at irregular moments",
    };
    let item = Item::new("session.shape", Group::Direction, Bits::new(bits))
        .observed(json!({
            "exchanges": profile.exchanges, "by_server": profile.by_responder,
            "inverted": profile.inverted, "inverted_bytes_share": rounded(inverted_bytes, 1000.0),
            "pcr": rounded(pcr, 1000.0), "irregularity": rounded(irregularity, 1000.0),
            "gap_log_sd": rounded(gap_log_sd, 1000.0), "log_odds": rounded(log_odds, 1000.0),
        }))
        .expected(
            "below 4 bits: push, chat, streaming, sync, browsing (synthetic)",
            960,
        )
        .why(why);
    Some(item)
}

/// Whether long sessions are what this client and this destination are known for.
fn is_expected(case: &Case<'_>) -> bool {
    let Others {
        members,
        long_callers,
        ..
    } = case.others;
    let usual = 2 * (long_callers + 1) >= members + 2;
    usual || is_by_design(case) && case.scene.called.class.is_application()
}

fn is_by_design(case: &Case<'_>) -> bool {
    let found = case.scene.called.lookup(case.scene.settings);
    found.is_some_and(|found| found.does(HostRole::Websocket) || found.does(HostRole::Longpoll))
}

fn long_session_rarity(case: &Case<'_>) -> Item {
    let Others {
        members: n,
        long_callers: k,
        ..
    } = case.others;
    let object = &case.scene.called.object;
    let bits = Bits::rarity(k, n);
    Item::new("role.long_session_rarity", Group::DestinationRarity, bits)
        .observed(json!({"hosts_role_holding": k, "hosts_role": n}))
        .expected(format!("{k} of {n} peers in 30 d"), n)
        .why(format!(
            "{k} of the {n} other hosts of the role hold sessions of 10 min with {object}"
        ))
}

fn long_lived_by_design(case: &Case<'_>) -> Option<Item> {
    let bits = Bits::whole(-4);
    let item = Item::new("context.long_lived_by_design", Group::Context, bits)
        .observed(json!({"object": case.scene.called.object}))
        .expected("a host that is not made for long sessions", 0)
        .why("the catalogue knows the host for push, chat or long polls");
    is_by_design(case).then_some(item)
}

/// The gate, which weighs nothing.
fn duration(case: &Case<'_>, unusual: &Unusual) -> Item {
    let whose = if unusual.own { "host" } else { "role" };
    let (p, below) = (rounded(unusual.p, 10_000.0), unusual.usual_below);
    Item::new("session.duration", Group::Context, Bits::ZERO)
        .observed(json!({"age_s": case.profile.age.as_secs_f64().round(), "p": p, "of": whose}))
        .expected(
            format!("95 % below {:.0} s", below.as_secs_f64()),
            unusual.n,
        )
        .why(format!(
            "a share of {p} of the {whose}'s sessions lasts as long"
        ))
}

fn confidence(case: &Case<'_>) -> Confidence {
    let [up, down] = case.profile.sides;
    let grounds = Grounds {
        cap: CONFIDENCE_CAP,
        n: u64::from(case.profile.exchanges),
        of: "session.shape",
        n_half: N_HALF,
        missed: 0,
        seen: up.bytes.saturating_add(down.bytes),
    };
    let mut confidence = Confidence::new(&case.scene, grounds);
    let losses = case.profile.record_losses;
    if losses > 0 {
        let reason = format!("records were lost {losses} times: sizes and counts are too low");
        confidence.reasons.push(reason);
        confidence.value = rounded(confidence.value / 2.0, 100.0);
    }
    confidence
        .reasons
        .push("weights of the shape were fitted on synthetic sessions".into());
    confidence
}

fn against(case: &Case<'_>) -> Vec<Item> {
    let mut against = Vec::new();
    let pings = case.profile.pings;
    let modal = case
        .profile
        .ping_gaps
        .iter()
        .max_by_key(|(_, count)| *count);
    if let Some((bin, count)) = modal {
        let every_s = rounded(edge(usize::from(*bin)), 10.0);
        let pinged = Item::new("session.keep_alives", Group::Timing, Bits::ZERO)
            .observed(json!({"pings": pings, "every_s": every_s, "of_that_gap": count}))
            .expected("counted apart from exchanges", 0)
            .why("the session is kept alive, as honest and other applications do");
        against.push(pinged);
    }
    if let Some(reading) = case.timing.reading.filter(|reading| reading.bits >= 20.0) {
        let every_s = period(&reading.fit);
        let timed = Item::new("timing.other_calls", Group::Timing, Bits::ZERO)
            .observed(json!({"sleep_s": every_s, "llr_bits": rounded(reading.bits, 10.0)}))
            .expected("irregular", u64::from(reading.fit.n))
            .why("the host's exchanges with it follow a timer, which this analytic is not about");
        against.push(timed);
    }
    against
}

fn missing() -> Vec<Missing> {
    vec![
        Missing::of_agent(
            "application, its signature and parent",
            "could move the sum by −12…+12 bits",
        ),
        Missing::new(
            "the user: SessionDuration is compared per address, not per user",
            "could change which sessions are judged",
        ),
        Missing::new(
            "contents: encrypted",
            "what is asked and answered stays unknown",
        ),
    ]
}

fn triage(scene: &Scene<'_>) -> Vec<String> {
    let object = &scene.called.object;
    vec![
        scene.identify(),
        format!("ask whether the host runs remote management, sync or a tunnel towards {object}"),
        "compare the application with the inventory; look at what it started meanwhile".into(),
        "if approved, add an allow entry (owner, ticket, expiry at most 180 d)".into(),
    ]
}
