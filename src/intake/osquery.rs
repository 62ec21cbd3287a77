//! osquery's TLS API: enroll, config, log, and a distributed surface that asks nothing.
//!
//! The client parses the body of an answer and ignores its status, except that it takes an empty
//! body or `{}` for success and then deletes what it sent. So every refusal has an `error` text,
//! upon which it keeps its lines and backs off, and `node_invalid` where it must enroll anew.

use super::body::Unreadable;
use super::caller::{Caller, Peer};
use super::desk::Shared;
use super::lines::{Lines, Members};
use super::room::{Held, Sender};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

/// What hosts are asked to watch; written for macOS and Linux.
const CONFIG: &str = include_str!("../../deploy/osquery/config.json");

#[derive(Deserialize)]
struct Enroll {
    #[serde(default)]
    enroll_secret: String,
    #[serde(default)]
    host_identifier: String,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    node_key: String,
}

#[derive(Deserialize)]
struct Log<'a> {
    #[serde(default)]
    node_key: String,
    #[serde(default)]
    log_type: String,
    #[serde(default, borrow)]
    data: Members<'a>,
}

pub(super) async fn enroll(
    State(desk): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let read = body(&desk, &peer.sender, request).await;
    let asked: Enroll = match read.and_then(|(body, _held)| parse(&body)) {
        Ok(asked) => asked,
        Err(reason) => return refuse(&reason),
    };
    let addr = peer.addr.to_string();
    // The list is written and synced: not on a thread that others wait for.
    let enrolled = tokio::task::spawn_blocking(move || {
        desk.change_agents(|agents| {
            agents.enrol_osquery(&asked.host_identifier, &asked.enroll_secret, &addr)
        })
    });
    match enrolled.await {
        Ok(Ok(node_key)) => Json(json!({"node_key": node_key})).into_response(),
        Ok(Err(error)) => refuse(&format!("{error:#}")),
        Err(_) => refuse("the list of agents cannot be written"),
    }
}

pub(super) async fn config(
    State(desk): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let read = body(&desk, &peer.sender, request).await;
    let node: Node = match read.and_then(|(body, _held)| parse(&body)) {
        Ok(node) => node,
        Err(reason) => return refuse(&reason),
    };
    if caller(&desk, &node.node_key).is_none() {
        return invalid();
    }
    ([(CONTENT_TYPE, "application/json")], CONFIG).into_response()
}

pub(super) async fn log(
    State(desk): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let read = body(&desk, &peer.sender, request).await;
    let lines = read.and_then(|(body, held)| {
        let log: Log<'_> = parse(&body)?;
        // Its own log, of type `status`, is not needed.
        let lines = log.data.iter().filter(|_| log.log_type == "result");
        let mut lines: Lines = lines.collect();
        lines.held = Some(held);
        let lines = lines.bounded().map_err(|unreadable| unreadable.reason)?;
        Ok((log.node_key, lines))
    });
    let (node_key, lines) = match lines {
        Ok(read) => read,
        Err(reason) => return refuse(&reason),
    };
    let Some(caller) = caller(&desk, &node_key) else {
        return invalid();
    };
    match desk.take(&caller, lines, None).await {
        // A line that is refused would be refused again: the client is to forget it. Its reason is
        // in what `tapir agents list` tells.
        Ok(_) => Json(json!({})).into_response(),
        Err(why) => refuse(&why.to_string()),
    }
}

/// Nothing is asked.
pub(super) async fn distributed(
    State(desk): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let read = body(&desk, &peer.sender, request).await;
    match read.and_then(|(body, _held)| parse::<Node>(&body)) {
        Ok(node) if caller(&desk, &node.node_key).is_some() => {
            Json(json!({"queries": {}})).into_response()
        }
        Ok(_) => invalid(),
        Err(reason) => refuse(&reason),
    }
}

/// The body of a request; it is read whole before anything is looked at.
async fn body(
    desk: &Shared,
    sender: &Sender,
    request: Request<Body>,
) -> Result<(Vec<u8>, Held), String> {
    let read = desk.body(sender, request).await;
    read.map_err(|Unreadable { reason, .. }| reason)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not osquery's: {error}"))
}

fn caller(desk: &Shared, node_key: &str) -> Option<Caller> {
    desk.agents(|agents| {
        let (name, agent) = agents.of_node_key(node_key)?;
        let kind = agent.kind;
        Some(Caller { name, kind })
    })
}

fn refuse(reason: &str) -> Response {
    Json(json!({"error": reason})).into_response()
}

fn invalid() -> Response {
    Json(json!({"error": "this node key is not known", "node_invalid": true})).into_response()
}
