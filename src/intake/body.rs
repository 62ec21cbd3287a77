//! From a request's body to its bytes, within bounds of length, time and inflation.
//!
//! A body is read only where there is [room](super::room) for it, and inflated only where there is
//! room for all that it may become. Nothing is inflated beyond its bound.

use super::desk::Desk;
use super::lines::Lines;
use super::room::{Held, Sender};
use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, Request, StatusCode};
use flate2::read::MultiGzDecoder;
use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;

/// How many times its length a body may inflate to. JSON lines of one agent reach 30.
const RATIO_MAX: usize = 100;
/// A body may inflate to so much, however short it is.
const INFLATED_BYTES_MIN: usize = 4096;

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

impl Desk {
    /// The body of `request`, inflated, and the room it takes.
    pub async fn body(
        &self,
        sender: &Sender,
        request: Request<Body>,
    ) -> Result<(Vec<u8>, Held), Unreadable> {
        let (parts, body) = request.into_parts();
        let max = self.settings.body_bytes_max;
        let length = number(&parts.headers, CONTENT_LENGTH.as_str());
        if length.is_some_and(|length| length > max) {
            return Err(too_long(max));
        }
        let read = async {
            let coming = self.room.coming(sender, length.unwrap_or(max)).await;
            let bytes = gather(body, length.unwrap_or_default(), max).await?;
            // An answer before the body is read breaks the pipe of a client that still sends.
            let is_gzip = is_gzip(&parts.headers)?;
            let open = match is_gzip {
                true => self.inflated_max(&bytes),
                false => bytes.len(),
            };
            let open = self.room.open(sender, open).await;
            Ok((bytes, is_gzip, coming.zip(open)))
        };
        let time = self.settings.body_time_max;
        let Ok(read) = tokio::time::timeout(time, read).await else {
            let s = time.as_secs_f64();
            let reason = format!("the body, or room for it, did not come within {s} s");
            return Err(Unreadable::new(StatusCode::REQUEST_TIMEOUT, reason));
        };
        let (bytes, is_gzip, room) = read?;
        let Some((coming, mut open)) = room else {
            let reason = "the sensor stops";
            return Err(Unreadable::new(StatusCode::SERVICE_UNAVAILABLE, reason));
        };
        let inflated = match is_gzip {
            true => self.inflate(bytes).await?,
            false => bytes,
        };
        drop(coming);
        open.shrink(inflated.len());
        Ok((inflated, open))
    }

    /// The lines of `request`, as [`Desk::body`] has it.
    pub async fn lines(
        &self,
        sender: &Sender,
        request: Request<Body>,
    ) -> Result<Lines, Unreadable> {
        let (body, held) = self.body(sender, request).await?;
        Lines::of(body, held)
    }

    fn inflated_max(&self, bytes: &[u8]) -> usize {
        let max = bytes.len().saturating_mul(RATIO_MAX);
        max.max(INFLATED_BYTES_MIN)
            .min(self.settings.inflated_bytes_max)
    }

    /// Inflates on a thread that may be busy for long.
    async fn inflate(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Unreadable> {
        let max = self.inflated_max(&bytes);
        let _reading = self.readers.acquire().await;
        let inflated = tokio::task::spawn_blocking(move || inflate(&bytes, max)).await;
        inflated.unwrap_or_else(|_| {
            let reason = "the body cannot be inflated";
            Err(Unreadable::new(StatusCode::BAD_REQUEST, reason))
        })
    }
}

/// All that comes of a body that says it has `length` bytes.
async fn gather(mut body: Body, length: usize, max: usize) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            let reason = format!("the body broke off ({error}): send it again");
            Unreadable::new(StatusCode::BAD_REQUEST, reason)
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > max {
            return Err(too_long(max));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn too_long(max: usize) -> Unreadable {
    let reason = format!("a body has at most {max} bytes: send smaller batches");
    Unreadable::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
}

/// Whether the body is packed, in the one way that is read.
fn is_gzip(headers: &HeaderMap) -> Result<bool, Unreadable> {
    let encoding = headers.get(CONTENT_ENCODING);
    let encoding = encoding.map_or("", |value| value.to_str().unwrap_or("?"));
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => {
            let reason = format!("{other:.40} is not read: send gzip or nothing");
            Err(Unreadable::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<usize> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn inflate(bytes: &[u8], max: usize) -> Result<Vec<u8>, Unreadable> {
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
