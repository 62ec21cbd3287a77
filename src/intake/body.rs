//! From a request's body to its lines, within bounds of bytes, time and inflation.
//!
//! A body is read only when there is room for it among all that are read at the time, so that many
//! slow senders cannot fill the memory. Nothing is inflated beyond its bound.

use super::settings::Settings;
use crate::endpoint::format::LINE_BYTES_MAX;
use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, Request, StatusCode};
use flate2::read::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of bodies that are read at a time, in KiB.
const READ_KIB_MAX: usize = 64 << 10;
/// A body takes no longer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How many times its length a body may inflate to. JSON lines of one agent reach 30.
const RATIO_MAX: usize = 100;
/// Lines of a request.
pub(super) const LINES_MAX: usize = 100_000;

/// A request that cannot be taken: what to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub status: StatusCode,
    pub reason: String,
}

impl Unreadable {
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Unreadable {
        let reason = reason.into();
        Unreadable { status, reason }
    }
}

/// Room for bodies.
#[derive(Debug)]
pub(super) struct Room(Semaphore);

impl Room {
    pub fn new() -> Room {
        Room(Semaphore::new(READ_KIB_MAX))
    }

    /// The body of `request`, inflated; the room it takes is kept until the guard goes.
    pub async fn read(
        &self,
        settings: &Settings,
        request: Request<Body>,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), Unreadable> {
        let max = settings.body_bytes_max;
        let too_long = || {
            let reason = format!("a body has at most {max} bytes: send smaller batches");
            Unreadable::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
        };
        let (parts, body) = request.into_parts();
        let length = number(&parts.headers, CONTENT_LENGTH.as_str());
        if length.is_some_and(|length| length > max) {
            return Err(too_long());
        }
        let kib = length.unwrap_or(max).div_ceil(1024).max(1);
        let kib = u32::try_from(kib.min(READ_KIB_MAX)).unwrap_or(u32::MAX);
        let read = async {
            let room = self.0.acquire_many(kib).await.ok();
            (axum::body::to_bytes(body, max).await, room)
        };
        let Ok((bytes, Some(room))) = tokio::time::timeout(READ_TIMEOUT, read).await else {
            let reason = format!("the body did not come within {} s", READ_TIMEOUT.as_secs());
            return Err(Unreadable::new(StatusCode::REQUEST_TIMEOUT, reason));
        };
        let bytes = bytes.map_err(|_| too_long())?;
        let encoding = parts.headers.get(CONTENT_ENCODING);
        let encoding = encoding.map_or("", |value| value.to_str().unwrap_or("?"));
        let inflated = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => bytes.into(),
            "gzip" | "x-gzip" => inflate(&bytes, settings.inflated_bytes_max)?,
            other => {
                let reason = format!("{other:.40} is not read: send gzip or nothing");
                return Err(Unreadable::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
            }
        };
        Ok((inflated, room))
    }

    /// The lines of `request`, as [`Room::read`] has its body.
    pub async fn lines(
        &self,
        settings: &Settings,
        request: Request<Body>,
    ) -> Result<(Vec<Vec<u8>>, SemaphorePermit<'_>), Unreadable> {
        let (body, room) = self.read(settings, request).await?;
        Ok((lines(&body)?, room))
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<usize> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn inflate(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, Unreadable> {
    let max = bytes_max
        .min(bytes.len().saturating_mul(RATIO_MAX))
        .max(4096);
    let mut inflated = Vec::new();
    let mut input = MultiGzDecoder::new(bytes).take(max as u64 + 1);
    let read = input.read_to_end(&mut inflated);
    read.map_err(|error| {
        let reason = format!("the body is no whole gzip ({error}): send it again");
        Unreadable::new(StatusCode::BAD_REQUEST, reason)
    })?;
    if inflated.len() > max {
        let reason = format!("the body inflates beyond {max} bytes: send smaller batches");
        return Err(Unreadable::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    Ok(inflated)
}

/// The lines of a body: of NDJSON, or the members of one JSON list, as some shippers send. One that
/// is longer than any event stays in its place, cut after the bound, to be refused there.
fn lines(body: &[u8]) -> Result<Vec<Vec<u8>>, Unreadable> {
    let body = body.trim_ascii();
    if body.first() == Some(&b'[') {
        let members = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(body);
        let members = members.map_err(|error| {
            let reason = format!("the body is no JSON list ({error}): send one object on a line");
            Unreadable::new(StatusCode::BAD_REQUEST, reason)
        })?;
        let members = members.into_iter().take(LINES_MAX + 1);
        return bounded(members.map(|member| cut(member.get().as_bytes())).collect());
    }
    let mut lines = Vec::new();
    let mut input = BufReader::new(body);
    let mut line = Vec::new();
    while lines.len() <= LINES_MAX && input.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
        lines.push(cut(line.trim_ascii()));
        line.clear();
    }
    bounded(lines)
}

fn bounded(lines: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Unreadable> {
    if lines.len() <= LINES_MAX {
        return Ok(lines);
    }
    let reason = format!("a request has at most {LINES_MAX} lines: send smaller batches");
    Err(Unreadable::new(StatusCode::PAYLOAD_TOO_LARGE, reason))
}

fn cut(line: &[u8]) -> Vec<u8> {
    line[..line.len().min(LINE_BYTES_MAX + 1)].to_vec()
}
