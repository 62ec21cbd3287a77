//! From how a host's requests to one destination are answered to evidence that nobody handles the
//! replies.
//!
//! ATT&CK AN1601 (T1102.003), as far as the network alone shows it, in both readings: **A** the
//! reply is not consumed (the host resets the flow, or keeps its window shut); **B** the channel is
//! one-way (replies are empty or always the same while requests vary, or a poll whose changed reply
//! is followed by a call of something new). TCP only. **Libraries drain the socket for their
//! caller** (measured for Node's fetch; expected of URLSession, not measured on macOS), so A shows
//! only cancelled tasks, crashes and hand-written sockets. That replies never change what the
//! client does next is not tested.
//!
//! A finding needs: five requests over two flows; six bits of `replies.*`; four bits of rarity,
//! client or timing; and, as every alert, two groups. Judged when a flow is over.
//!
//! | identifier | group | bits |
//! |---|---|---|
//! | `replies.unread` | direction | log2 Bayes factor, k unread of n flows against the peers |
//! | `replies.empty` | direction | the same of empty or missing replies to requests, at most 6 |
//! | `replies.constant` | direction | n · (H peers − H)/8, at most 6, for H ≤ 0.3 and n ≥ 12 |
//! | `replies.fetched` | direction | 8: a timed poll changed, and a new destination was called |
//! | `role.destination_rarity` | destination rarity | −log2((k + 1)/(n + 2)) |
//! | `fp.role_rarity`, `fp.browser` | client fingerprint | rarity of the JA4; −4 for a browser |
//! | `timing.glr`, `timing.persistence` | timing | G/4 for G ≥ 20 bits, at most 12; 0 to 6 |
//! | `context.uri_entropy` | context | 2, for a clear-text URI above EntropyScore |
//!
//! (H: entropy of reply sizes in bits. Rates count only where the own rate's 5 % bound is above the
//! peers' 95 % bound; of requests one in four counts. Peers are other hosts at the same
//! destination, with twenty samples; where nobody of the role calls it, the role's other calls.)
//! All weights are design values.

use super::answers::Answered;
use super::attack::Analytic;
use super::beta::Count;
use super::evidence::{Bits, Evidence, Group, Item};
use super::finding::{Confidence, Finding, Grounds, Missing, Scene};
use super::rarity::{self, Others};
use super::replies::{Detail, ENTROPY_MIN, Replies};
use super::settings::Settings;
use super::timing::{Timing, rounded};
use serde_json::json;

/// Confidence without endpoint data where replies are not consumed, and where the channel is
/// one-way.
pub const CONFIDENCE_CAPS: [f64; 2] = [0.60, 0.45];
/// Requests at which confidence is half its cap: those that constancy asks for. A design value.
pub const N_HALF: u64 = 12;
/// Samples of peers below which a rate is not known.
const PEERS_MIN: u64 = 20;
/// Requests of one key are alike, and weigh as one in so many that are not. A design value: on
/// benign days hosts differ by more than single requests would let them.
const ALIKE: u64 = 4;
/// Bits of replies, and of what speaks beside them.
const PATH_MIN: Bits = Bits::whole(6);
const BESIDE_MIN: Bits = Bits::whole(4);
/// What one-way channels can weigh.
const ONE_WAY_CAP: Bits = Bits::whole(6);
const TIMING_CAP: Bits = Bits::whole(12);
/// Constant replies: at most so much entropy, over so many requests that have at least so much.
const CONSTANT_ENTROPY_MAX: f64 = 0.3;
const VARIED_ENTROPY_MIN: f64 = 1.0;

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who calls what.
    pub scene: Scene<'a>,
    /// How its requests were answered.
    pub replies: &'a Replies,
    /// How those of other hosts to the same destination were.
    pub peers: Answered,
    /// How the role's other requests were.
    pub role: Answered,
    /// The role's other members.
    pub others: Others,
    /// How regularly it asks.
    pub timing: &'a Timing,
    /// The highest entropy of a clear-text URI, in hundredths of a bit for each character.
    pub uri_centibits: u16,
}

/// Whether a host asked a destination often enough to be judged.
pub fn asked_enough(settings: &Settings, replies: &Replies) -> bool {
    let rule = &settings.rules().an1601;
    replies.tally.requests >= rule.exchanges_min && replies.tally.flows >= rule.flows_min
}

/// Judges a case; none where it is nothing to alert on.
pub fn judge(case: &Case<'_>) -> Option<Finding> {
    let (tally, detail) = (&case.replies.tally, case.replies.detail()?);
    if !asked_enough(case.scene.settings, case.replies) || case.others.members == 0 {
        return None;
    }
    let unread = unread(case);
    let one_way = [empty(case), constant(case, detail), fetched(case, detail)];
    let enough = |item: &Item| item.bits >= PATH_MIN;
    let consumed = !unread.as_ref().is_some_and(enough);
    if consumed && !one_way.iter().flatten().any(enough) {
        return None;
    }
    let beside = [
        Some(rarity::destination(&case.scene, &case.others)),
        rarity::client(&case.scene, &case.others),
        case.timing.periodicity(TIMING_CAP),
    ];
    let mut beside: Vec<Item> = beside.into_iter().flatten().collect();
    beside.extend(case.timing.persistence(&beside));
    if !beside.iter().any(|item| item.bits >= BESIDE_MIN) {
        return None;
    }
    let items = unread.into_iter().chain(one_way.into_iter().flatten());
    let items = items.chain(beside).chain(uri_entropy(case));
    let evidence = Evidence::weigh(items.collect())?;
    let tiers = case.scene.settings.tiers();
    let tier = tiers.tier(evidence.total(), evidence.groups(), false)?;
    let object = &case.scene.called.object;
    let deed = match consumed {
        true => format!("uses {object} one way: nothing comes back that varies"),
        false => format!("asks {object} and does not read the replies"),
    };
    Some(Finding {
        analytic: Analytic::An1601,
        confidence: confidence(case, consumed),
        evidence,
        against: against(case),
        tier,
        deed,
        n: tally.requests.into(),
        missing: missing(case),
        triage: triage(&case.scene),
        flows: detail.flows.clone(),
        upload: None,
    })
}

/// What to compare with, and whose it is: others at the destination, else the role. None where
/// others call the destination and too little of that is known yet.
fn usual<'a>(
    case: &'a Case<'_>,
    samples: fn(&Answered) -> u32,
) -> Option<(&'a Answered, &'static str)> {
    let known = |answered: &Answered| u64::from(samples(answered)) >= PEERS_MIN;
    if known(&case.peers) {
        return Some((&case.peers, "other hosts at this destination"));
    }
    let alone = case.others.callers == 0;
    (alone && known(&case.role)).then_some((&case.role, "other calls of the role"))
}

/// Bits for a rate above the usual one, where the bounds of both lie apart.
fn above_usual(own: Count, usual: Count) -> Option<Bits> {
    // Most rates are usual, and the bounds of those need not be computed.
    let apart = own.mean() > usual.mean() && own.quantile(0.05) > usual.quantile(0.95);
    apart.then(|| Bits::new(own.bits_against(usual.mean())))
}

fn unread(case: &Case<'_>) -> Option<Item> {
    let own = case.replies.tally.unread();
    let (usual, whose) = usual(case, |answered| answered.tally.flows)?;
    let usual = usual.tally.unread();
    let bits = above_usual(own, usual)?;
    let half = case.replies.tally.half;
    let item = Item::new("replies.unread", Group::Direction, bits)
        .observed(json!({
            "unread": own.k, "flows": own.n, "half_read": half, "usual_unread": usual.k,
            "at_least": rounded(own.quantile(0.05), 1000.0),
        }))
        .expected(
            format!("{} of {} flows of {whose} end unread", usual.k, usual.n),
            usual.n,
        )
        .why(format!(
            "{} of {} flows end with a reply that was never read",
            own.k, own.n
        ));
    Some(item)
}

fn empty(case: &Case<'_>) -> Option<Item> {
    let own = case.replies.tally.empty();
    let (usual, whose) = usual(case, |answered| answered.tally.requests)?;
    let usual = usual.tally.empty();
    let bits = above_usual(own.one_in(ALIKE), usual.one_in(ALIKE))?;
    let item = Item::new("replies.empty", Group::Direction, bits)
        .capped(ONE_WAY_CAP)
        .observed(json!({"empty": own.k, "requests": own.n, "usual_empty": usual.k}))
        .expected(
            format!("{} of {} requests of {whose}", usual.k, usual.n),
            usual.n,
        )
        .why(format!(
            "{} of {} requests get an empty reply or none",
            own.k, own.n
        ));
    Some(item)
}

fn constant(case: &Case<'_>, detail: &Detail) -> Option<Item> {
    let (replies, requests) = (detail.replies.entropy(), detail.requests.entropy());
    let n = detail.replies.n();
    let (answered, whose) = usual(case, |answered| answered.keys)?;
    let (keys, usual) = (u64::from(answered.keys), answered.entropy());
    let constant = replies <= CONSTANT_ENTROPY_MAX && n >= ENTROPY_MIN;
    if !constant || requests < VARIED_ENTROPY_MIN {
        return None;
    }
    let bits = Bits::new(n as f64 * (usual - replies) / 8.0);
    let item = Item::new("replies.constant", Group::Direction, bits)
        .capped(ONE_WAY_CAP)
        .observed(json!({
            "requests": n, "reply_entropy": rounded(replies, 100.0),
            "request_entropy": rounded(requests, 100.0), "modal_reply": detail.replies.modal(),
        }))
        .expected(
            format!("reply sizes of {usual:.2} bits of entropy, as {whose}"),
            keys,
        )
        .why("whatever is asked, the reply is the same");
    (item.bits > Bits::ZERO).then_some(item)
}

/// A poll that follows a timer, whose reply changed, after which something new was called.
fn fetched(case: &Case<'_>, detail: &Detail) -> Option<Item> {
    let [up, down] = detail.bytes.map(|bytes| bytes as f64);
    let pcr = (up - down) / (up + down).max(1.0);
    let (_, share) = detail.requests.modal()?;
    let poll = share >= 0.9 && pcr < -0.3 && case.timing.bits() >= 20.0;
    let item = Item::new("replies.fetched", Group::Direction, Bits::whole(8))
        .observed(json!({
            "times": detail.followed, "requests": detail.requests.n(), "pcr": rounded(pcr, 100.0),
            "modal_request_share": rounded(share, 100.0),
        }))
        .expected("a poll that nothing follows", detail.requests.n())
        .why("the polled reply changed, and within 120 s the host called something it never had");
    (poll && detail.followed > 0).then_some(item)
}

fn uri_entropy(case: &Case<'_>) -> Option<Item> {
    let entropy = f64::from(case.uri_centibits) / 100.0;
    let least = case.scene.settings.rules().an1601.entropy_score.as_f64();
    let item = Item::new("context.uri_entropy", Group::Context, Bits::whole(2))
        .observed(json!({"bits_a_character": entropy}))
        .expected(format!("below {least} bits a character"), 0)
        .why("a request in clear has a long URI that looks random");
    (entropy >= least).then_some(item)
}

fn confidence(case: &Case<'_>, consumed: bool) -> Confidence {
    let [unread, one_way] = CONFIDENCE_CAPS;
    let [up, down] = case.replies.detail().map_or([0; 2], |detail| detail.bytes);
    let grounds = Grounds {
        cap: if consumed { one_way } else { unread },
        n: case.replies.tally.requests.into(),
        of: "replies",
        n_half: N_HALF,
        missed: 0,
        seen: up.saturating_add(down),
    };
    Confidence::new(&case.scene, grounds)
}

fn against(case: &Case<'_>) -> Vec<Item> {
    let used = rarity::used_by_peers(case.others.callers, case.others.members);
    used.into_iter().collect()
}

fn missing(case: &Case<'_>) -> Vec<Missing> {
    let users = case.scene.settings.rules().an1601.user_context.join(", ");
    let mut missing = vec![
        Missing::of_agent(
            format!("process, signature and user (such as {users})"),
            "could move the sum by −12…+12 bits",
        ),
        Missing::new(
            "what the program does with a reply: libraries drain the socket for their caller",
            "hides most programs that ignore replies, and none that reads them",
        ),
    ];
    missing.extend(case.timing.missing(TIMING_CAP));
    missing
}

fn triage(scene: &Scene<'_>) -> Vec<String> {
    let object = &scene.called.object;
    vec![
        scene.identify(),
        format!("ask whether telemetry, crash reports or health checks go to {object}"),
        "look at launch agents, cron jobs and scripts, and at what they send where next".into(),
        "if approved, add an allow entry (owner, ticket, expiry at most 180 d)".into(),
    ]
}
