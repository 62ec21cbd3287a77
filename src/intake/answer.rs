//! An answer that keeps its room until the client has taken it.

use super::room::Held;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What is handed to the connection at a time; an answer of no more needs no room of its own.
pub(super) const SHORT_BYTES: usize = 64 << 10;

struct Answer {
    rest: Bytes,
    _held: Option<Held>,
}

/// The body of an answer.
pub(super) fn body(bytes: Vec<u8>, held: Option<Held>) -> Body {
    Body::new(Answer {
        rest: bytes.into(),
        _held: held,
    })
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let len = self.rest.len().min(SHORT_BYTES);
        let piece = self.rest.split_to(len);
        Poll::Ready((len > 0).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
