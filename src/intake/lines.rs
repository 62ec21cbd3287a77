//! From a body to its lines, and from whom the room for them is lent.
//!
//! Copies no line of NDJSON: each is a place in the body.

use super::body::Unreadable;
use super::room::Held;
use crate::endpoint::format::LINE_BYTES_MAX;
use axum::http::StatusCode;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt::{self, Formatter};
use std::ops::Range;

/// Lines of a request.
pub(super) const LINES_MAX: usize = 100_000;

/// Lines, in order.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    places: Vec<Range<usize>>,
    /// The room that the lines take; none where nobody waits for room.
    pub held: Option<Held>,
}

impl Lines {
    /// The lines of a body: of NDJSON, or the members of one JSON list, as some shippers send. One
    /// that is longer than any event stays in its place, cut after the bound, to be refused there.
    pub fn of(body: Vec<u8>, held: Held) -> Result<Lines, Unreadable> {
        let mut lines = match body.trim_ascii_start().first() {
            Some(b'[') => members(&body)?.iter().collect(),
            _ => of_ndjson(body),
        };
        lines.held = Some(held);
        lines.bounded()
    }

    /// These, unless they are too many.
    pub fn bounded(self) -> Result<Lines, Unreadable> {
        if self.len() <= LINES_MAX {
            return Ok(self);
        }
        let reason = format!("a request has at most {LINES_MAX} lines: send smaller batches");
        Err(Unreadable::new(StatusCode::PAYLOAD_TOO_LARGE, reason))
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn get(&self, number: usize) -> &[u8] {
        let place = self.places.get(number).cloned().unwrap_or_default();
        self.text.get(place).unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// Those of these numbers, in their order.
    pub fn only(self, numbers: &[usize]) -> Lines {
        let place = |number: &usize| self.places.get(*number).cloned();
        Lines {
            places: numbers.iter().filter_map(place).collect(),
            ..self
        }
    }
}

impl<'a> FromIterator<&'a [u8]> for Lines {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(lines: I) -> Lines {
        let mut all = Lines::default();
        for line in lines {
            let begin = all.text.len();
            all.text.extend_from_slice(&line[..cut(line.len())]);
            all.places.push(begin..all.text.len());
        }
        all
    }
}

/// The members of a JSON list as they are written, up to one more than are taken.
#[derive(Default)]
pub(super) struct Members<'a>(Vec<&'a RawValue>);

impl<'a> Members<'a> {
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().map(|member| member.get().as_bytes())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while members.len() <= LINES_MAX
            && let Some(member) = list.next_element()?
        {
            members.push(member);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Members(members))
    }
}

fn members(body: &[u8]) -> Result<Members<'_>, Unreadable> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = format!("the body is no JSON list ({error}): send one object on a line");
        Unreadable::new(StatusCode::BAD_REQUEST, reason)
    })
}

/// The lines, up to one more than are taken.
fn of_ndjson(text: Vec<u8>) -> Lines {
    let end = text.trim_ascii_end().len();
    let mut at = end - text[..end].trim_ascii_start().len();
    let mut places = Vec::new();
    for line in text[at..end]
        .split(|byte| *byte == b'\n')
        .take(LINES_MAX + 1)
    {
        let begin = at + (line.len() - line.trim_ascii_start().len());
        places.push(begin..begin + cut(line.trim_ascii().len()));
        at += line.len() + 1;
    }
    // What is empty has no line.
    places.retain(|_| end > 0);
    Lines {
        text,
        places,
        held: None,
    }
}

/// So much of a line is kept: enough to see that it is too long.
fn cut(len: usize) -> usize {
    len.min(LINE_BYTES_MAX + 1)
}
