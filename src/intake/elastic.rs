//! The part of Elasticsearch's API that shippers and official clients need to deliver in bulk.
//!
//! `_bulk` answers one item an operation, in order: 201 taken, 409 there already (`create` with an
//! `_id`), 400 refused for good, 429 to be sent again; the clients retry or drop each item by that.
//! Everything else that a client asks first is answered with what keeps it going. Keeps no index.

use super::answer;
use super::body::Unreadable;
use super::caller::Peer;
use super::desk::Shared;
use super::events;
use super::lines::{LINES_MAX, Lines};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version that is told to who names none: Beats refuse a server older than themselves.
const VERSION: &str = "8.99.0";

/// `GET /`: who the clients think they speak to.
pub(super) async fn root(headers: HeaderMap) -> Response {
    let version = version_of(&headers).unwrap_or_else(|| VERSION.to_owned());
    let body = json!({
        "name": "tapir",
        "cluster_name": "tapir",
        "cluster_uuid": "tapir",
        "version": {
            "number": version,
            "build_flavor": "default",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    });
    respond(&headers, StatusCode::OK, body.to_string())
}

/// The version in `Elastic-Filebeat/8.11.0 (...)`.
fn version_of(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let version = agent.strip_prefix("Elastic-")?.split_once('/')?.1;
    let version = version.split([' ', '-']).next()?;
    let is_version = !version.is_empty()
        && version.len() < 20
        && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_version.then(|| version.to_owned())
}

/// What else clients ask before they deliver.
pub(super) async fn other(headers: HeaderMap, request: Request<Body>) -> Response {
    let path = request.uri().path();
    if path.starts_with("/_license") {
        let license = json!({"license": {"uid": "tapir", "type": "basic", "status": "active"}});
        return respond(&headers, StatusCode::OK, license.to_string());
    }
    // Elasticsearch's own paths begin with an underscore.
    if path.starts_with("/_") {
        return respond(&headers, StatusCode::OK, "{}");
    }
    let error =
        json!({"error": "no such path; agents deliver to /v1/events, /_bulk, /osquery/log"});
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

/// One operation of a bulk request.
#[derive(Deserialize)]
struct Target {
    #[serde(rename = "_index", default)]
    index: Option<String>,
    #[serde(rename = "_id", default)]
    id: Option<String>,
}

/// An operation as it was asked for, and what its document became.
struct Item {
    action: String,
    target: Target,
    /// The number of the line that is to be read.
    document: Option<usize>,
    status: u16,
    reason: Option<String>,
}

/// `POST` and `PUT`, `/_bulk` and `/INDEX/_bulk`.
pub(super) async fn bulk(
    State(desk): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let headers = request.headers().clone();
    let Some(caller) = desk.identify(&peer, &headers) else {
        return events::unknown();
    };
    let lines = match desk.lines(&peer.sender, request).await {
        Ok(read) => read,
        Err(Unreadable { status, reason }) => return fail(&headers, status, &reason),
    };
    let mut items = match pair(&lines) {
        Ok(items) => items,
        Err(reason) => return fail(&headers, StatusCode::BAD_REQUEST, &reason),
    };
    // Which items have a document that is to be read, and which lines those are.
    let (mut places, mut wanted) = (Vec::new(), Vec::new());
    desk.accounts(|accounts| {
        for (place, item) in items.iter_mut().enumerate() {
            let Some(document) = item.document else {
                continue;
            };
            let index = item.target.index.as_deref().unwrap_or_default();
            let is_known = item.action == "create"
                && (item.target.id.as_deref())
                    .is_some_and(|id| accounts.has_document(&caller.name, index, id));
            if is_known {
                item.status = 409;
                item.reason = Some("the document is there already".to_owned());
            } else {
                places.push(place);
                wanted.push(document);
            }
        }
    });
    match desk.take(&caller, lines.only(&wanted), None).await {
        Ok(taken) => {
            for (place, reason) in taken.refused {
                let item = &mut items[places[place]];
                (item.status, item.reason) = (400, Some(reason));
            }
            desk.accounts(|accounts| {
                for item in items.iter().filter(|item| item.status == 201) {
                    let index = item.target.index.as_deref().unwrap_or_default();
                    if let Some(id) = &item.target.id {
                        accounts.keep_document(&caller.name, index, id);
                    }
                }
            });
        }
        Err(why) => {
            let status = why.status().as_u16();
            for place in places {
                let item = &mut items[place];
                (item.status, item.reason) = (status, Some(why.to_string()));
            }
        }
    }
    let errors = items.iter().any(|item| item.reason.is_some());
    let items: Vec<Value> = items.into_iter().map(Item::told).collect();
    let body = json!({"took": 0, "errors": errors, "items": items}).to_string();
    let held = match body.len() > answer::SHORT_BYTES {
        true => desk.room.open(&peer.sender, body.len()).await,
        false => None,
    };
    let body = answer::body(body.into_bytes(), held);
    respond(&headers, StatusCode::OK, body)
}

/// The operations of a bulk request; why its lines are none.
fn pair(lines: &Lines) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let mut numbers = (0..lines.len()).filter(|number| !lines.get(*number).is_empty());
    while let Some(number) = numbers.next() {
        let place = items.len() + 1;
        let action = serde_json::from_slice::<BTreeMap<String, Target>>(lines.get(number));
        let first = action.ok().and_then(|mut action| action.pop_first());
        let Some((action, target)) = first else {
            return Err(format!(
                "operation {place} of at most {LINES_MAX}: `{{\"index\": {{}}}}` or \
                 `{{\"create\": {{}}}}` is expected before each document"
            ));
        };
        let document = match action.as_str() {
            "delete" => None,
            _ => {
                let document = numbers.next();
                Some(document.ok_or_else(|| format!("operation {place} has no document"))?)
            }
        };
        let is_new = matches!(action.as_str(), "index" | "create");
        items.push(Item {
            status: if is_new { 201 } else { 400 },
            reason: (!is_new).then(|| format!("`{action}` is not done: `index` and `create` are")),
            action,
            target,
            document: document.filter(|_| is_new),
        });
    }
    Ok(items)
}

impl Item {
    fn told(self) -> Value {
        let mut told = json!({
            "_index": self.target.index.unwrap_or_else(|| "tapir".to_owned()),
            "_id": self.target.id.unwrap_or_default(),
            "status": self.status,
        });
        match self.reason {
            None => told["result"] = json!("created"),
            Some(reason) => {
                let kind = match self.status {
                    409 => "version_conflict_engine_exception",
                    429 | 503 => "es_rejected_execution_exception",
                    _ => "document_parsing_exception",
                };
                told["error"] = json!({"type": kind, "reason": reason});
            }
        }
        json!({self.action: told})
    }
}

fn fail(headers: &HeaderMap, status: StatusCode, reason: &str) -> Response {
    let error = json!({"type": "illegal_argument_exception", "reason": reason});
    respond(
        headers,
        status,
        json!({"error": error, "status": status.as_u16()}).to_string(),
    )
}

/// A body of JSON, of the type that the client asked for, from what calls itself Elasticsearch: the
/// official clients stop at anything else.
fn respond(headers: &HeaderMap, status: StatusCode, body: impl Into<Body>) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let compatible = accepted.and_then(|value| value.split("compatible-with=").nth(1));
    let version = compatible.and_then(|rest| rest.chars().next().filter(char::is_ascii_digit));
    let kind = match version {
        Some(version) => {
            format!("application/vnd.elasticsearch+json;compatible-with={version}")
        }
        None => "application/json".to_owned(),
    };
    let mut response = (status, body.into()).into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(
        HeaderName::from_static("x-elastic-product"),
        HeaderValue::from_static("Elasticsearch"),
    );
    response
}
