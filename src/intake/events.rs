//! `POST /v1/events`: lines of any agent, with a verdict on each.
//!
//! NDJSON, or one JSON list, gzip or plain. A batch that names itself in `X-Batch-Id` is answered
//! as before when it comes again. Answers `200` once what was good is in the journal; `refused`
//! tells lines, counted from 1, and why. `429` and `503` say to send the whole again.

use super::body::Unreadable;
use super::caller::Peer;
use super::desk::{NotTaken, RETRY_AFTER_S, Shared, Taken};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Reasons that one answer tells; the others are counted.
const REASONS_MAX: usize = 100;
/// Bytes of a batch's name.
const BATCH_ID_BYTES_MAX: usize = 256;

pub(super) async fn post(
    State(desk): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let Some(caller) = desk.identify(&peer, request.headers()) else {
        return unknown();
    };
    let id = request.headers().get("x-batch-id");
    let id = id.and_then(|id| Some(id.to_str().ok()?.to_owned()));
    let id = id.filter(|id| id.len() <= BATCH_ID_BYTES_MAX);
    let lines = match desk.lines(&peer.sender, request).await {
        Ok(read) => read,
        Err(Unreadable { status, reason }) => return refused(status, &reason),
    };
    // Only now: an answer before the body is read breaks the pipe of a client that still sends.
    if let Some(id) = &id
        && let Some(taken) = desk.accounts(|accounts| accounts.batch(&caller.name, id))
    {
        return Json(verdict(&taken, true)).into_response();
    }
    match desk.take(&caller, lines, id.as_deref()).await {
        Ok(mut taken) => {
            let answer = Json(verdict(&taken, false)).into_response();
            if let Some(id) = id {
                taken.refused.truncate(REASONS_MAX);
                desk.accounts(|accounts| accounts.keep_batch(&caller.name, &id, taken));
            }
            answer
        }
        Err(why) => not_taken(why),
    }
}

fn verdict(taken: &Taken, again: bool) -> Value {
    let refused = taken.refused.iter().take(REASONS_MAX);
    let refused = refused.map(|(place, reason)| json!({"line": place + 1, "reason": reason}));
    json!({
        "accepted": taken.accepted,
        "idle": taken.idle,
        "refused_n": taken.refused.len(),
        "refused": refused.collect::<Vec<_>>(),
        "again": again,
    })
}

/// What a client that nobody knows is told.
pub(super) fn unknown() -> Response {
    let reason = "this agent is not enrolled, or revoked: `tapir agents enrol NAME` on the sensor";
    let mut response = refused(StatusCode::UNAUTHORIZED, reason);
    let scheme = axum::http::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

fn not_taken(why: NotTaken) -> Response {
    let mut response = refused(why.status(), &why.to_string());
    response
        .headers_mut()
        .insert(RETRY_AFTER, RETRY_AFTER_S.into());
    response
}

fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"error": reason}))).into_response()
}
