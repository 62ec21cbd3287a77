//! From ECS documents of proxies, firewalls and DNS servers to passages.
//!
//! Such a document names no process, and is about the web, a lookup, or what an `observer` saw.

use super::super::address;
use super::super::json::Json;
use super::super::moment;
use super::super::read::{Reading, Stamp, ends, transport};
use super::super::refused::Refused;
use super::{ANSWERS_MAX, Target, action};
use crate::endpoint::passage::{Passage, PassageKind, PolicyAction};
use crate::endpoint::report::{Place, Window};
use crate::net::Transport;

/// Whether a document is a gateway's.
pub(in crate::endpoint::format) fn is(document: Json<'_>) -> bool {
    let is = |category| {
        let mut all = document.at("event.category").each();
        all.any(|one| one.text() == Some(category))
    };
    let seen_by = document.get("observer").is_some()
        || document.at("dns.question.name").is_some()
        || document.at("source.nat.ip").is_some();
    !document.get("process").is_some() && (is("web") || is("network") && seen_by)
}

/// Reads a document.
pub(in crate::endpoint::format) fn read(
    document: Json<'_>,
    stamp: &mut Stamp,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let event = document.get("event");
    let [start, end] = ["start", "end"].map(|field| moment::calendar(event.get(field)));
    stamp.window = match (start, end) {
        (Some(start), Some(end)) if start.from <= end.to => Window {
            from: start.from,
            to: end.to,
        },
        _ => start.or(end).unwrap_or(stamp.window),
    };
    let begun = event
        .get("type")
        .each()
        .any(|one| one.text() == Some("start"));
    let mut passage = passage(document);
    passage.begins = start.is_some() || begun && end.is_none();
    reading.passage(stamp, passage)
}

fn passage(document: Json<'_>) -> Passage {
    let http = document.get("http");
    let (url, dns) = (document.get("url"), document.get("dns"));
    let client = document.get("source").or(document.get("client"));
    let server = document.get("destination").or(document.get("server"));
    let [from, to] = ends(
        [client.get("ip"), client.get("port")],
        [server.get("ip"), server.get("port")],
    );
    let [source, peer] = [client, server].map(|end| {
        let nat = end.get("nat");
        address::place(nat.get("ip").addr(), nat.get("port").port())
    });
    let written = url.get("full").or(url.get("original")).text();
    let target = written.map(Target::of).unwrap_or_default();
    let kind = if dns.at("question.name").is_some() {
        PassageKind::Lookup
    } else if url.is_some() || http.is_some() {
        PassageKind::Web
    } else {
        PassageKind::Flow
    };
    let users = ["user.name", "source.user.name", "client.user.name"];
    let user = users.into_iter().find_map(|user| document.at(user).name());
    let network = document.get("network");
    let named = transport(network.get("transport").or(network.get("iana_number"))).flatten();
    let resolved = dns.get("resolved_ip").each();
    let answered = dns.get("answers").items().map(|answer| answer.get("data"));
    let up = client.get("bytes").or(http.at("request.bytes")).u64();
    let down = server.get("bytes").or(http.at("response.bytes")).u64();
    Passage {
        kind,
        transport: named.or((kind == PassageKind::Web).then_some(Transport::Tcp)),
        client: from,
        server: Place {
            addr: to.addr.or(target.server.addr),
            port: to.port.or(url.get("port").port()).or(target.server.port),
        },
        source,
        peer,
        name: dns
            .at("question.name")
            .or(url.get("domain"))
            .or(server.get("domain"))
            .name()
            .or(target.name),
        url: target.url,
        method: http.at("request.method").name(),
        status: http.at("response.status_code").port(),
        user,
        user_agent: document.at("user_agent.original").name(),
        application: network.get("application").name(),
        action: done(document),
        rule: document.at("rule.name").name(),
        category: document.at("rule.category").name(),
        bytes: up.zip(down).map(|(up, down)| [up, down]),
        query_type: dns.at("question.type").name(),
        answers: resolved
            .chain(answered)
            .filter_map(Json::addr)
            .take(ANSWERS_MAX)
            .collect(),
        ..Passage::default()
    }
}

/// What the policy did: `event.type`, else `event.action`.
fn done(document: Json<'_>) -> Option<PolicyAction> {
    let event = document.get("event");
    let words = event.get("type").each().chain([event.get("action")]);
    let mut said = words.filter_map(Json::text).filter_map(action);
    said.next()
}
