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
//! as of the last closed epoch.
//!
//! Evidence, by its stable identifier (p = (k + 1)/(n + 2), the share of the role's other members
//! that use the service, k of n):
//!
//! | identifier | group | bits |
//! |---|---|---|
//! | `role.service_rarity` | destination rarity | −log2 p |
//! | `host.first_use` | destination rarity | (1 − p) · min(3, log2(d + 2)), d ≥ 1 earlier days |
//! | `context.server_to_chat` | context | (1 − p) · 5: server to chat, paste, webhook |
//! | `context.webhook_or_bot_api` | context | (1 − p) · 3 |
//! | `fp.role_rarity` | client fingerprint | −(1 − P(browser)) · log2((k + 1)/(n + 2)) of the JA4 |
//! | `fp.non_browser` | client fingerprint | −log2((t + 1)/(u + 2)), at most 3 |
//! | `direction.upload_skew` | direction | 4, for PCR above 0.5 and more than 1 MB in 5 min |
//! | `timing.glr` | timing | G/4 for G ≥ 20 bits of a timer, at most 6 |
//! | `timing.persistence` | timing | without a timer: 0 to 6, beside rarity and fingerprint only |
//!
//! (t of u users of the service in the role use it without its application.)
//!
//! Two weights are ours: context counts as far as the role does *not* share it, so that what is
//! common among peers stays weak; a rare fingerprint counts as far as it is no browser's, since
//! browsers are not what this analytic describes.

use super::attack::Analytic;
use super::catalogue::{Category, HostRole, Match, name_text};
use super::client::ClientClass;
use super::evidence::{Bits, Evidence, Group, Item, Tier};
use super::finding::{Confidence, Finding, Grounds, Missing, Scene};
use super::rarity;
use super::settings::{RequestFrequency, RoleKind};
use super::timing::Timing;
use super::usage::{Usage, UsedFlow};
use crate::baseline::Range;
use crate::observe::FlowId;
use serde_json::json;

/// Confidence of an alert without endpoint data.
pub const CONFIDENCE_CAP: f64 = 0.60;
/// Samples at which confidence is half its cap: the sample a mature baseline cell needs.
pub const N_HALF: u64 = 20;
/// The most that a cadence can add here: many honest integrations have one.
const TIMING_CAP: Bits = Bits::whole(6);
/// Upload within five minutes above which a skew counts.
const SKEW_BYTES_MIN: u64 = 1_000_000;
/// Producer-consumer ratio above which a flow is an upload.
const SKEW_RATIO_MIN: f64 = 0.5;

/// How many *other* members of the role do what, as of the last closed epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Exist.
    pub members: u64,
    /// Use the service.
    pub service: u64,
    /// Use the service with a browser or an application.
    pub application: u64,
    /// Have shown any client fingerprint.
    pub fingerprinted: u64,
    /// Have shown this one.
    pub fingerprint: u64,
}

impl Peers {
    /// The share of members that use the service, pulled towards one half.
    fn service_share(&self) -> f64 {
        (self.service as f64 + 1.0) / (self.members as f64 + 2.0)
    }
}

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
    pub peers: Peers,
    /// The usual upload of a flow from the role to the service.
    pub uploads: Option<Range>,
    /// How regularly the host asks.
    pub timing: &'a Timing,
}

impl Case<'_> {
    fn rule(&self) -> &RequestFrequency {
        &self.scene.settings.rules().an1190.request_frequency
    }

    fn flows(&self) -> impl Iterator<Item = &UsedFlow> + Clone {
        self.usage.within(self.rule().window, self.scene.at)
    }

    fn class(&self) -> ClientClass {
        self.scene.called.class
    }

    fn exchanges(&self) -> u64 {
        self.flows().map(|flow| u64::from(flow.exchanges)).sum()
    }
}

/// Judges a case; none where it is nothing to alert on.
pub fn judge(case: &Case<'_>) -> Option<Finding> {
    if !asked_enough(case) || case.peers.members == 0 {
        return None;
    }
    let items = [
        service_rarity(case),
        first_use(case),
        server_to_chat(case),
        webhook_or_bot_api(case),
        rarity::fingerprint(
            &case.scene,
            case.peers.fingerprinted,
            case.peers.fingerprint,
        ),
        non_browser(case),
        upload_skew(case),
        case.timing.periodicity(TIMING_CAP),
    ];
    let mut items: Vec<Item> = items.into_iter().flatten().collect();
    items.extend(case.timing.persistence(&items));
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
        n: case.exchanges(),
        missing: missing(case),
        triage: triage(case.scene.flow),
        flows: case.flows().map(|flow| flow.uid).collect(),
    })
}

fn asked_enough(case: &Case<'_>) -> bool {
    let rule = case.rule();
    case.exchanges() >= u64::from(rule.exchanges_min)
        || case.flows().any(|flow| flow.up >= rule.upload_bytes_min)
}

fn confidence(case: &Case<'_>, evidence: &Evidence) -> Confidence {
    let bytes = |flow: &UsedFlow| flow.up.saturating_add(flow.down);
    let sum = |of: fn(&UsedFlow) -> u64| case.flows().map(of).fold(0, u64::saturating_add);
    let grounds = Grounds {
        cap: CONFIDENCE_CAP,
        n: evidence.first().baseline_n,
        of: evidence.first().id,
        n_half: N_HALF,
        missed: sum(|flow| flow.missed),
        seen: case.flows().map(bytes).fold(0, u64::saturating_add),
    };
    Confidence::new(&case.scene, grounds)
}

fn missing(case: &Case<'_>) -> Vec<Missing> {
    let parents = case.scene.settings.rules().an1190.parent_process.join(", ");
    let agent = format!("endpoint agent: process and its parent (such as {parents})");
    let mut missing = vec![Missing::new(agent, "could move the sum by −12…+12 bits")];
    missing.extend(case.timing.missing(TIMING_CAP));
    missing.push(Missing::new(
        "schedule: not measured yet",
        "could add up to 6 bits",
    ));
    if case.scene.called.ja4.is_none() {
        missing.push(Missing::new(
            "client fingerprint: no whole client hello",
            "could add up to 6 bits",
        ));
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

fn service_rarity(case: &Case<'_>) -> Option<Item> {
    let Peers {
        members: n,
        service: k,
        ..
    } = case.peers;
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

fn first_use(case: &Case<'_>) -> Option<Item> {
    let days = case.usage.host_days;
    if days == 0 || case.scene.at - case.usage.first_at > case.rule().window {
        return None;
    }
    let history = Bits::new((f64::from(days) + 2.0).log2()).min(Bits::whole(3));
    let bits = history.scaled(1.0 - case.peers.service_share());
    let item = Item::new("host.first_use", Group::DestinationRarity, bits)
        .observed(json!({"active_days_before": days, "peer_share": share(case)}))
        .expected("a service that the host has used before", u64::from(days))
        .why(format!(
            "the host was active on {days} days before and never used the service"
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
    let bits = Bits::whole(5).scaled(1.0 - case.peers.service_share());
    let kind = category.name();
    let item = Item::new("context.server_to_chat", Group::Context, bits)
        .observed(json!({"category": kind, "peer_share": share(case)}))
        .expected(
            "no chat, paste or webhook service from a server",
            case.peers.members,
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
    let bits = Bits::whole(3).scaled(1.0 - case.peers.service_share());
    let pattern = case.found.pattern;
    let item = Item::new("context.webhook_or_bot_api", Group::Context, bits)
        .observed(json!({"pattern": pattern, "peer_share": share(case)}))
        .expected("none from this role", case.peers.members)
        .why(format!("{pattern} is an interface for programs"));
    Some(item)
}

fn non_browser(case: &Case<'_>) -> Option<Item> {
    let users = case.peers.service;
    let workstation = case.scene.role.kind == RoleKind::Workstation;
    if !workstation || !case.class().is_tool() || case.peers.application == 0 {
        return None;
    }
    let without = users.saturating_sub(case.peers.application);
    let bits = Bits::rarity(without, users).min(Bits::whole(3));
    let tool = case.class().tool_or_library();
    let item = Item::new("fp.non_browser", Group::ClientFingerprint, bits)
        .observed(json!({"tool": tool, "users_without_application": without, "users": users}))
        .expected("browser or native application", users)
        .why("a tool or library calls a service that the role uses with its application");
    Some(item)
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
    (case.peers.service_share() * 1000.0).round() / 1000.0
}

/// What speaks against: worth no bits, but to be known.
fn against(case: &Case<'_>) -> Vec<Item> {
    let Peers {
        members: n,
        service: k,
        ..
    } = case.peers;
    let mut against = Vec::new();
    if k > 0 {
        against.push(
            Item::new("role.used_by_peers", Group::DestinationRarity, Bits::ZERO)
                .observed(json!({"hosts_role_using": k, "hosts_role": n}))
                .expected("no peer uses it", n)
                .why("other members of the role use the service"),
        );
    }
    if case.class().is_application() {
        against.push(
            Item::new("fp.application", Group::ClientFingerprint, Bits::ZERO)
                .observed(json!({"browser": case.class().browser()}))
                .expected("a tool or library", 0)
                .why("the client looks like a browser or an application"),
        );
    }
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
