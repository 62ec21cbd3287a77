//! From a head's fields to how the content behind it is delimited.
//!
//! As Zeek reads them, which is lenient. Keeps one field's value.

use super::body::{Body, Chunk};
use super::head::Version;
use crate::inspect::Found;
use crate::weird::Weird;
use bstr::{BString, ByteSlice};

/// What a head says of the content behind it.
#[derive(Default)]
pub(super) struct Framing {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    /// What Content-Range says behind its unit, if there is one, and how many bytes it speaks of.
    range: Option<(BString, Option<u64>)>,
}

impl Framing {
    /// Notes a field that frames content, as Zeek reads it: of a list the first counts, and a
    /// length that is no number is 0.
    pub(super) fn note(&mut self, version: Option<Version>, name: &[u8], value: &[u8]) {
        let word = value
            .split(|b| matches!(b, b' ' | b'\t' | b',' | b';'))
            .next();
        let word = word.unwrap_or_default();
        if name.eq_ignore_ascii_case(b"content-length") {
            let number = word.to_str().ok().and_then(|word| word.parse::<i64>().ok());
            self.length = match number {
                Some(number) => u64::try_from(number).ok(),
                None => Some(0),
            };
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = version == Some([1, 1]) && word.eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case(b"content-range") {
            let unit = value.find_byte(b' ').map_or(0, |at| at + 1);
            let range = value.get(unit..).unwrap_or_default();
            self.range = Some((range.into(), range_len(range)));
        }
    }

    /// What is odd in the range that a partial response says it has.
    pub(super) fn range_oddity(self) -> Option<Found> {
        match (self.range?, self.length) {
            ((range, None), _) => Some(Found::Weird(Weird::HttpRangeMalformed, range)),
            ((_, Some(range)), Some(length)) if range != length => {
                Some(Found::Weird(Weird::HttpRangeNotLength, Default::default()))
            }
            _ => None,
        }
    }

    /// The content that is framed; none where nothing says that there is any.
    pub(super) fn body(&self) -> Option<Body> {
        match (self.chunked, self.length) {
            (true, _) => Some(Body::Chunked(Chunk::START)),
            (false, Some(0) | None) => None,
            (false, Some(length)) => Some(Body::Length(length)),
        }
    }
}

/// The bytes that a range in a Content-Range field speaks of (RFC 9110, section 14.4).
fn range_len(range: &[u8]) -> Option<u64> {
    let (range, _whole) = range.to_str().ok()?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    last.checked_sub(first)?.checked_add(1)
}
