//! From a finding and what gateways know of its flow to the finding with what that adds.
//!
//! A gateway's word raises and annotates; it lowers and suppresses nothing, for what a policy
//! allows is no less unusual. All weights are a design, not fitted.
//!
//! | identifier | bits |
//! |---|---|
//! | `gateway.denied` | 3: the gateway's policy denied it, and it was tried all the same |
//! | `gateway.other_client` | 6: User-Agent and the client's fingerprint contradict each other |

use super::client::{ClientClass, Kind};
use super::evidence::{Bits, Evidence, Group, Item};
use super::finding::{Finding, Scene};
use crate::endpoint::{Passed, Status};
use serde::Serialize;
use serde_json::json;

/// How User-Agents of browsers begin, and what one of those has besides.
const BROWSER_BEGINS: &str = "mozilla/5.0 (";
const BROWSER_NAMES: [&str; 6] = ["firefox/", "chrome/", "crios/", "safari/", "edg/", "fxios/"];
/// What says in a browser's words that it is none.
const NOT_BROWSERS: [&str; 6] = [
    "bot",
    "crawler",
    "spider",
    "compatible;",
    "electron/",
    "headless",
];
/// How User-Agents of tools and libraries begin.
const TOOLS: [&str; 14] = [
    "curl/",
    "wget/",
    "python-requests/",
    "python-urllib/",
    "python/",
    "aiohttp/",
    "httpx/",
    "go-http-client/",
    "okhttp/",
    "java/",
    "libwww-perl/",
    "powershell/",
    "ruby",
    "axios/",
];

/// What an alert has of gateways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertGateway {
    /// Whether one flow and one client are meant.
    pub status: Status,
    /// The gateways that say so.
    pub gateways: Vec<Box<str>>,
    /// `client` where the flow is the client's own, `onward` where the gateway went on with it.
    pub leg: &'static str,
    /// How much of the flow they named.
    pub key: &'static str,
    /// The client, which is not the flow's originator where the flow goes on from the gateway.
    pub client: Option<String>,
    /// Who the client is for the gateway.
    pub user: Option<Box<str>>,
    /// User-Agent of the request.
    pub user_agent: Option<Box<str>>,
    /// The host that was asked for.
    pub name: Option<Box<str>>,
    /// What the gateway takes the traffic for.
    pub application: Option<Box<str>>,
    /// What the policy did.
    pub action: Option<&'static str>,
    /// The rule that did.
    pub rule: Option<Box<str>>,
    /// The gateway's category of the destination.
    pub category: Option<Box<str>>,
    /// Lines about the flow, and how many of them tell of a denial.
    pub lines: u32,
    /// See `lines`.
    pub denied: u32,
    /// 0 to 1.
    pub confidence: f64,
}

impl From<Passed> for AlertGateway {
    fn from(passed: Passed) -> AlertGateway {
        let passage = passed.passage;
        let client = passage.client.addr.map(|addr| match passage.client.port {
            Some(port) => format!("{addr} port {port}"),
            None => addr.to_string(),
        });
        AlertGateway {
            status: passed.status,
            gateways: passed.gateways,
            leg: passed.leg.name(),
            key: passed.named.name(),
            client,
            user: passage.user,
            user_agent: passage.user_agent,
            name: passage.name,
            application: passage.application,
            action: passage.action.map(|action| action.name()),
            rule: passage.rule,
            category: passage.category,
            lines: passed.lines,
            denied: passed.denied,
            confidence: passed.confidence,
        }
    }
}

/// Adds what gateways tell; what is not matched beyond doubt adds nothing.
pub fn add(scene: &Scene<'_>, finding: &mut Finding, passed: Option<&Passed>) {
    let Some(passed) = passed.filter(|passed| passed.status == Status::Matched) else {
        return;
    };
    let items = [denied(passed), other_client(passed, scene.called.class)];
    let items: Vec<Item> = items.into_iter().flatten().collect();
    if items.is_empty() {
        return;
    }
    let all = finding.evidence.items().cloned().chain(items).collect();
    if let Some(evidence) = Evidence::weigh(all) {
        let tiers = scene.settings.tiers();
        let weighed = tiers.tier(evidence.total(), evidence.groups(), true);
        finding.tier = weighed.map_or(finding.tier, |tier| tier.max(finding.tier));
        finding.evidence = evidence;
    }
}

fn denied(passed: &Passed) -> Option<Item> {
    (passed.denied > 0).then(|| {
        Item::new("gateway.denied", Group::Endpoint, Bits::whole(3))
            .observed(json!({
                "gateways": passed.gateways, "denied": passed.denied, "lines": passed.lines,
                "rule": passed.passage.rule, "category": passed.passage.category,
            }))
            .expected("a destination that the gateway's policy allows", 0)
            .why("the gateway's policy denies it")
    })
}

fn other_client(passed: &Passed, class: ClientClass) -> Option<Item> {
    let user_agent = passed.passage.user_agent.as_deref()?;
    let claimed = claimed(user_agent)?;
    let contradicts = matches!(
        (claimed, class.kind()),
        (Kind::Browser, Kind::ToolOrLibrary) | (Kind::ToolOrLibrary, Kind::Browser)
    );
    contradicts.then(|| {
        Item::new("gateway.other_client", Group::Endpoint, Bits::whole(6))
            .observed(json!({
                "user_agent": user_agent, "browser": class.browser(),
                "tool": class.tool_or_library(),
            }))
            .expected("the client that this User-Agent has", 0)
            .why("the client does not greet like the one that it calls itself")
    })
}

/// What a User-Agent claims to be.
fn claimed(user_agent: &str) -> Option<Kind> {
    let text = user_agent.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if TOOLS.iter().any(|tool| text.starts_with(tool)) {
        return Some(Kind::ToolOrLibrary);
    }
    let browser = text.starts_with(BROWSER_BEGINS) && has(&BROWSER_NAMES) && !has(&NOT_BROWSERS);
    browser.then_some(Kind::Browser)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::client::Clients;
    use crate::endpoint::gateways::{Leg, Named};
    use crate::endpoint::passage::Passage;
    use crate::time::Span;

    fn passed(user_agent: &str, denied: u32) -> Passed {
        Passed {
            status: Status::Matched,
            leg: Leg::Client,
            named: Named::Tuple,
            gateways: vec!["proxy-1".into()],
            lines: 2,
            denied,
            passage: Passage {
                user_agent: Some(user_agent.into()),
                ..Passage::default()
            },
            delta: Span::ZERO,
            confidence: 0.97,
        }
    }

    #[test]
    fn a_user_agent_claims_a_browser_or_a_tool_or_nothing_that_compares() {
        for (user_agent, kind) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                Some(Kind::Browser),
            ),
            ("curl/8.5.0", Some(Kind::ToolOrLibrary)),
            ("python-requests/2.32", Some(Kind::ToolOrLibrary)),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 Chrome/138 Electron/37 Safari/537.36",
                None,
            ),
            ("Mozilla/5.0 (compatible; Examplebot/1.0) Safari/1", None),
            ("Mozilla/4.0", None),
            ("Slack/4.1", None),
            ("", None),
        ] {
            assert_eq!(claimed(user_agent), kind, "{user_agent}");
        }
    }

    #[test]
    fn who_greets_like_another_than_it_says_contradicts_itself() {
        let clients = Clients::shipped();
        let class = |ja4| clients.classify(Some(ja4), None, &[""; 0]);
        // curl with OpenSSL, as recorded in `clients.json`.
        let tool = class("t13d3113h1_e8f1e7e78f70_d339722ba4af");
        assert_eq!(tool.kind(), Kind::ToolOrLibrary);
        let browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140 Safari/537.36";
        let item = other_client(&passed(browser, 0), tool).unwrap();
        assert_eq!(
            (&*item.id, item.bits),
            ("gateway.other_client", Bits::whole(6))
        );
        assert_eq!(other_client(&passed("curl/8.5.0", 0), tool), None);
        assert_eq!(
            other_client(&passed(browser, 0), ClientClass::UNKNOWN),
            None
        );
    }

    #[test]
    fn a_denial_is_evidence_and_an_allowance_is_none() {
        assert_eq!(denied(&passed("x", 0)), None);
        let item = denied(&passed("x", 1)).unwrap();
        assert_eq!((&*item.id, item.bits), ("gateway.denied", Bits::whole(3)));
        assert_eq!(item.observed["denied"], 1);
    }
}
