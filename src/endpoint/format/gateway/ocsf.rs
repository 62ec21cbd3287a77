//! From OCSF's HTTP Activity 4002, DNS Activity 4003 and a firewall's Network Activity 4001 to
//! passages.
//!
//! An event with the process that acts is a host's own. Of the class 4001 only what a policy
//! decided on is taken.

use super::super::address;
use super::super::json::Json;
use super::super::moment;
use super::super::read::{Reading, ends, transport};
use super::super::refused::Refused;
use super::{ANSWERS_MAX, Target};
use crate::endpoint::passage::{Passage, PassageKind, PolicyAction};
use crate::endpoint::report::{Place, Window};
use crate::net::Transport;

/// Whether an event of this class is a gateway's.
pub(in crate::endpoint::format) fn is(event: Json<'_>, class: u64) -> bool {
    let decided = event.get("action_id").is_some();
    let of_gateway = matches!(class, 4002 | 4003) || class == 4001 && decided;
    of_gateway && !event.at("actor.process").is_some()
}

/// Reads an event.
pub(in crate::endpoint::format) fn read(
    event: Json<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let device = event.get("device");
    let agent = reading.agent(&[
        device.get("hostname"),
        device.get("name"),
        device.get("uid"),
    ])?;
    let at = reading.need("time", moment::millis(event.get("time")))?;
    let [start, end] = ["start_time", "end_time"].map(|field| moment::millis(event.get(field)));
    let window = match (start, end) {
        (Some(start), Some(end)) if start.from <= end.to => Window {
            from: start.from,
            to: end.to,
        },
        _ => start.unwrap_or(at),
    };
    let mut passage = passage(event);
    passage.begins = start.is_some();
    let stamp = reading.event(agent, window);
    reading.passage(&stamp, passage)
}

fn passage(event: Json<'_>) -> Passage {
    let (request, query) = (event.get("http_request"), event.get("query"));
    let (src, dst) = (event.get("src_endpoint"), event.get("dst_endpoint"));
    let [client, server] = ends(
        [src.get("ip"), src.get("port")],
        [dst.get("ip"), dst.get("port")],
    );
    let proxy = event.get("proxy_endpoint");
    let url = request.get("url");
    let target = url
        .get("url_string")
        .text()
        .map(Target::of)
        .unwrap_or_default();
    let kind = match event.get("class_uid").u64() {
        Some(4003) => PassageKind::Lookup,
        Some(4002) => PassageKind::Web,
        _ => PassageKind::Flow,
    };
    let info = event.get("connection_info");
    let named = transport(info.get("protocol_num").or(info.get("protocol_name"))).flatten();
    let traffic = event.get("traffic");
    let bytes = [
        traffic.get("bytes_out").u64(),
        traffic.get("bytes_in").u64(),
    ];
    Passage {
        kind,
        transport: named.or((kind == PassageKind::Web).then_some(Transport::Tcp)),
        client,
        server: Place {
            addr: server.addr.or(target.server.addr),
            port: server.port.or(target.server.port),
        },
        gateway: address::place(proxy.get("ip").addr(), proxy.get("port").port()),
        name: query
            .get("hostname")
            .or(url.get("hostname"))
            .or(dst.get("hostname"))
            .name()
            .or(target.name),
        url: target.url,
        method: request.get("http_method").name(),
        status: event.at("http_response.code").port(),
        user: event.at("actor.user.name").or(src.at("owner.name")).name(),
        user_agent: request.get("user_agent").name(),
        application: event.get("app_name").name(),
        action: match event.get("action_id").u64() {
            Some(1) => Some(PolicyAction::Allowed),
            Some(2) => Some(PolicyAction::Denied),
            _ => None,
        },
        rule: event.at("firewall_rule.name").name(),
        category: url.get("categories").items().find_map(Json::name),
        bytes: bytes[0].zip(bytes[1]).map(|(up, down)| [up, down]),
        query_type: query.get("type").name(),
        answers: event
            .get("answers")
            .items()
            .filter_map(|answer| answer.get("rdata").addr())
            .take(ANSWERS_MAX)
            .collect(),
        ..Passage::default()
    }
}
