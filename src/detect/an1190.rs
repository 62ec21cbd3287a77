//! From one host's use of one popular web service to evidence that a tool or script uses it out of
//! place.
//!
//! ATT&CK AN1190 (T1102), as far as the network alone shows it. Does not see processes: what runs,
//! and who started it, is for an endpoint agent to say, and without one no alert is above medium.
//!
//! Nothing is judged before [`RequestFrequency`](super::settings::RequestFrequency) is met: two
//! exchanges within a day over all flows of the host to the service, or one that uploads at least
//! 100 kB. So **a single webhook POST raises nothing**; the second one within a day is judged
//! together with it. And nothing is judged without peers: the host's role must have another member,
//! as of the last closed epoch. A timer and uploads raise nothing without two bits beside them.
//!
//! Evidence, by its stable identifier (p = (k + 1)/(n + 2), the share of the role's other members
//! that use the service, k of n; d: earlier days on which the host was active):
//!
//! | identifier | group | bits |
//! |---|---|---|
//! | `role.service_rarity` | destination rarity | −log2 p |
//! | `host.first_use` | destination rarity | (1 − p) · min(3, log2(d + 2)) − log2 p, d ≥ 1 days |
//! | `context.server_to_chat` | context | (1 − p) · 5: server to chat, paste, webhook |
//! | `context.webhook_or_bot_api` | context | (1 − p) · 3 |
//! | `fp.role_rarity` | client fingerprint | −(1 − P(browser)) · log2((k + 1)/(n + 2)) of the JA4 |
//! | `fp.non_browser` | client fingerprint | −log2((t + 1)/(u + 2)), at most 3 |
//! | `direction.upload_skew` | direction | 4, for PCR above 0.5 and more than 1 MB in 5 min |
//! | `schedule.surprise` | schedule | −1 − ½·log2 p of the hour of the week, at most 4 |
//! | `timing.glr` | timing | G/4 for G ≥ 20 bits of a timer, at most 6 |
//! | `timing.persistence` | timing | without a timer: 0 to 6, beside rarity and fingerprint only |
//!
//! (t of u users of the service in the role use it without its application, or with this client.)
//!
//! Two weights are ours: context counts as far as the role does *not* share it, so that what is
//! common among peers stays weak; a rare fingerprint counts as far as it is no browser's, since
//! browsers are not what this analytic describes.

use super::attack::Analytic;
use super::catalogue::{Category, HostRole, Match, name_text};
use super::client::ClientClass;
use super::evidence::{Bits, Evidence, Group, Item, Tier};
use super::finding::{Confidence, Finding, Grounds, Missing, Scene};
use super::hours::Hours;
use super::rarity::{self, Others};
use super::settings::{RequestFrequency, RoleKind, Settings};
use super::timing::Timing;
use super::usage::{Usage, UsedFlow};
use crate::baseline::Range;
use crate::time::Timestamp;
use serde_json::json;

/// Confidence of an alert without endpoint data.
pub const CONFIDENCE_CAP: f64 = 0.60;
/// Samples at which confidence is half its cap: the sample a mature baseline cell needs.
pub const N_HALF: u64 = 20;
/// The most that a cadence can add here: many honest integrations have one.
const TIMING_CAP: Bits = Bits::whole(6);
/// Bits of rarity, context, client or hours without which nothing is alerted on. By design.
const OUT_OF_PLACE_MIN: Bits = Bits::whole(2);
/// The most bits that unusual hours can add here: AN1191 is about them.
const SCHEDULE_CAP: u8 = 4;
/// Upload within five minutes above which a skew counts.
const SKEW_BYTES_MIN: u64 = 1_000_000;
/// Producer-consumer ratio above which a flow is an upload.
const SKEW_RATIO_MIN: f64 = 0.5;

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who calls what.
    pub scene: Scene<'a>,
    /// The service.
    pub found: Match<'a>,
    /// What the host asked of it.
    pub usage: &'a Usage,
    /// The role's other members.
    pub others: Others,
    /// How many of them use the service, as they may.
    pub users: u64,
    /// How many of these with a browser or an application.
    pub application_users: u64,
    /// The usual upload of a flow from the role to the service.
    pub uploads: Option<Range>,
    /// How regularly the host asks.
    pub timing: &'a Timing,
    /// When the flow began, where the host's hours are kept: those of browsers are not.
    pub hours: Option<Hours>,
}

fn rule(settings: &Settings) -> &RequestFrequency {
    &settings.rules().an1190.request_frequency
}

fn exchanges<'a>(flows: impl Iterator<Item = &'a UsedFlow>) -> u64 {
    flows.map(|flow| u64::from(flow.exchanges)).sum()
}

/// Whether a host asked often enough to be judged at `at`.
pub fn asked_enough(settings: &Settings, usage: &Usage, at: Timestamp) -> bool {
    let rule = rule(settings);
    let flows = || usage.within(rule.window, at);
    exchanges(flows()) >= u64::from(rule.exchanges_min)
        || flows().any(|flow| flow.up >= rule.upload_bytes_min)
}

impl Case<'_> {
    fn flows(&self) -> impl Iterator<Item = &UsedFlow> + Clone {
        self.usage
            .within(rule(self.scene.settings).window, self.scene.at)
    }

    fn class(&self) -> ClientClass {
        self.scene.called.class
    }

    /// The share of the role that uses the service, pulled towards one half.
    fn share(&self) -> f64 {
        (self.users as f64 + 1.0) / (self.others.members as f64 + 2.0)
    }
}

/// Judges a case; none where it is nothing to alert on.
pub fn judge(case: &Case<'_>) -> Option<Finding> {
    let Scene { settings, at, .. } = case.scene;
    if !asked_enough(settings, case.usage, at) || case.others.members == 0 {
        return None;
    }
    let items = [
        service_rarity(case),
        first_use(case),
        server_to_chat(case),
        webhook_or_bot_api(case),
        rarity::fingerprint(case.scene.called.ja4.as_deref(), case.class(), &case.others),
        non_browser(case),
        upload_skew(case),
        case.timing.periodicity(TIMING_CAP),
        off_schedule(case),
    ];
    let mut items: Vec<Item> = items.into_iter().flatten().collect();
    items.extend(case.timing.persistence(&items));
    if !items.iter().any(is_out_of_place) {
        return None;
    }
    let evidence = Evidence::weigh(items)?;
    let tiers = case.scene.settings.tiers();
    let tier = tiers.tier(evidence.total(), evidence.groups(), false)?;
    let (name, object) = (&case.scene.called.name, &case.scene.called.object);
    let name = name.as_ref().and_then(|name| name_text(name));
    let deed = format!("calls {object} ({}) out of place", name.unwrap_or_default());
    Some(Finding {
        analytic: Analytic::An1190,
        confidence: confidence(case, &evidence),
        evidence,
        against: against(case),
        // Only what an endpoint agent says of the parent process decides high.
        tier: tier.min(Tier::Medium),
        deed,
        n: exchanges(case.flows()),
        missing: missing(case),
        triage: triage(&case.scene),
        flows: case.flows().map(|flow| flow.uid).collect(),
        upload: None,
    })
}

/// Whether the item says that the tool is out of place: a timer and uploads alone are what every
/// sync client has.
fn is_out_of_place(item: &Item) -> bool {
    !matches!(item.group, Group::Timing | Group::Direction) && item.bits >= OUT_OF_PLACE_MIN
}

fn confidence(case: &Case<'_>, evidence: &Evidence) -> Confidence {
    let bytes = |flow: &UsedFlow| flow.up.saturating_add(flow.down);
    let sum = |of: fn(&UsedFlow) -> u64| case.flows().map(of).fold(0, u64::saturating_add);
    let grounds = Grounds {
        cap: CONFIDENCE_CAP,
        n: evidence.first().baseline_n,
        of: &evidence.first().id,
        n_half: N_HALF,
        missed: sum(|flow| flow.missed),
        seen: case.flows().map(bytes).fold(0, u64::saturating_add),
    };
    Confidence::new(&case.scene, grounds)
}

fn missing(case: &Case<'_>) -> Vec<Missing> {
    let parents = case.scene.settings.rules().an1190.parent_process.join(", ");
    let agent = format!("process and its parent (such as {parents})");
    let mut missing = vec![Missing::of_agent(
        agent,
        "could move the sum by −12…+12 bits",
    )];
    missing.extend(case.timing.missing(TIMING_CAP));
    let learning = case.hours.and_then(|hours| hours.missing(SCHEDULE_CAP));
    missing.extend(learning);
    if case.scene.called.ja4.is_none() {
        missing.push(Missing::new(
            "client fingerprint: no whole client hello",
            "could add up to 6 bits",
        ));
    }
    missing
}

fn triage(scene: &Scene<'_>) -> Vec<String> {
    let addr = scene.flow.originator.addr;
    vec![
        scene.identify(),
        format!("on {addr}, look at cron jobs, systemd timers and shells that call this service"),
        "ask the owner of the host whether an integration with the service is known".into(),
        "if approved, add an allow entry (owner, ticket, expiry at most 180 d)".into(),
    ]
}

fn service_rarity(case: &Case<'_>) -> Option<Item> {
    let (k, n) = (case.users, case.others.members);
    let (role, service) = (&case.scene.role.name, &case.found.service.id);
    let item = Item::new(
        "role.service_rarity",
        Group::DestinationRarity,
        Bits::rarity_or_custom(k, n),
    )
    .observed(json!({"hosts_role_using": k, "hosts_role": n}))
    .expected(format!("{k} of {n} peers in 30 d"), n)
    .why(format!(
        "{k} of the {n} other hosts of role {role} use {service}"
    ));
    Some(item)
}

/// What the host did before and what its peers do are two facts: where neither knows the service,
/// both count.
fn first_use(case: &Case<'_>) -> Option<Item> {
    let days = case.usage.host_days;
    if days == 0 || case.scene.at - case.usage.first_at > rule(case.scene.settings).window {
        return None;
    }
    let history = Bits::new((f64::from(days) + 2.0).log2()).min(Bits::whole(3));
    let (k, n) = (case.users, case.others.members);
    let rarity = Bits::rarity_or_custom(k, n).max(Bits::ZERO);
    let bits = history.scaled(1.0 - case.share()) + rarity;
    let item = Item::new("host.first_use", Group::DestinationRarity, bits)
        .observed(json!({
            "active_days_before": days, "hosts_role_using": k, "hosts_role": n,
        }))
        .expected("a service that the host has used before", u64::from(days))
        .why(format!(
            "the host was active on {days} days before and never used the service, as {k} of its \
             {n} peers do"
        ));
    Some(item)
}

fn server_to_chat(case: &Case<'_>) -> Option<Item> {
    let category = case.found.service.category;
    let drop = matches!(
        category,
        Category::Chat | Category::Paste | Category::Webhook
    ) || case.found.does(HostRole::Paste)
        || case.found.does(HostRole::Webhook);
    if case.scene.role.kind != RoleKind::Server || !drop {
        return None;
    }
    let bits = Bits::whole(5).scaled(1.0 - case.share());
    let kind = category.name();
    let item = Item::new("context.server_to_chat", Group::Context, bits)
        .observed(json!({"category": kind, "peer_share": share(case)}))
        .expected(
            "no chat, paste or webhook service from a server",
            case.others.members,
        )
        .why(format!("a server calls a {kind} service, which people use"));
    Some(item)
}

/// Hosts that exist for programs. Where browsers use the same host, or several products share it, a
/// tool's fingerprint must say that a program calls.
fn webhook_or_bot_api(case: &Case<'_>) -> Option<Item> {
    let does = |role| case.found.does(role);
    let category = case.found.service.category;
    let programs = does(HostRole::Webhook)
        || category == Category::Webhook
        || does(HostRole::Api) && category == Category::Chat
        || does(HostRole::Api) && does(HostRole::Shared) && category == Category::Api;
    let ambiguous = does(HostRole::Web) || does(HostRole::Shared);
    if !programs || ambiguous && !case.class().is_tool() {
        return None;
    }
    let bits = Bits::whole(3).scaled(1.0 - case.share());
    let pattern = case.found.pattern;
    let item = Item::new("context.webhook_or_bot_api", Group::Context, bits)
        .observed(json!({"pattern": pattern, "peer_share": share(case)}))
        .expected("none from this role", case.others.members)
        .why(format!("{pattern} is an interface for programs"));
    Some(item)
}

fn non_browser(case: &Case<'_>) -> Option<Item> {
    let users = case.users;
    let workstation = case.scene.role.kind == RoleKind::Workstation;
    if !workstation || !case.class().is_tool() || case.application_users == 0 {
        return None;
    }
    // A client that peers use beside the application is theirs as well.
    let same = case.others.same_client.min(users);
    let without = same.max(users.saturating_sub(case.application_users));
    let bits = Bits::rarity(without, users).min(Bits::whole(3));
    let tool = case.class().tool_or_library();
    let item = Item::new("fp.non_browser", Group::ClientFingerprint, bits)
        .observed(json!({
            "tool": tool, "users_without_application": without, "users_with_same_client": same,
            "users": users,
        }))
        .expected("browser or native application", users)
        .why("a tool or library calls a service that the role uses with its application");
    Some(item)
}

fn off_schedule(case: &Case<'_>) -> Option<Item> {
    let item = case.hours?.surprise(&case.scene.called.object)?;
    Some(item.capped(Bits::whole(SCHEDULE_CAP.into())))
}

fn upload_skew(case: &Case<'_>) -> Option<Item> {
    let (up, down) = case.usage.skew_bytes(case.scene.at);
    let ratio = producer_consumer_ratio(up, down);
    if up <= SKEW_BYTES_MIN || ratio <= SKEW_RATIO_MIN {
        return None;
    }
    let pcr = (ratio * 100.0).round() / 100.0;
    let n = case.uploads.map_or(0, |range| range.n);
    let item = Item::new("direction.upload_skew", Group::Direction, Bits::whole(4))
        .observed(json!({"upload_bytes": up, "download_bytes": down, "pcr": pcr, "window_s": 300}))
        .expected(
            format!(
                "at most 1 MB up, or PCR at most 0.5; {}",
                usual_upload(case)
            ),
            n,
        )
        .why("far more goes to the service than comes back");
    Some(item)
}

/// (up − down)/(up + down), 0 without bytes.
fn producer_consumer_ratio(up: u64, down: u64) -> f64 {
    let (up, down) = (up as f64, down as f64);
    if up + down > 0.0 {
        (up - down) / (up + down)
    } else {
        0.0
    }
}

fn usual_upload(case: &Case<'_>) -> String {
    match case.uploads {
        Some(range) => format!("{}–{} B per flow (p5–p95)", range.low, range.high),
        None => "the usual upload of the role is not yet learnt".into(),
    }
}

fn share(case: &Case<'_>) -> f64 {
    (case.share() * 1000.0).round() / 1000.0
}

/// What speaks against: worth no bits, but to be known.
fn against(case: &Case<'_>) -> Vec<Item> {
    let used = rarity::used_by_peers(case.users, case.others.members);
    let mut against: Vec<Item> = used.into_iter().collect();
    against.extend(rarity::application(case.class()));
    let largest = case.flows().map(|flow| flow.up).max().unwrap_or(0);
    if let Some(range) = case.uploads.filter(|range| largest <= range.high) {
        against.push(
            Item::new("volume.normal", Group::Volume, Bits::ZERO)
                .observed(json!({"largest_upload_bytes": largest}))
                .expected(usual_upload(case), range.n)
                .why("no flow uploads more than is usual in the role"),
        );
    }
    against
}
