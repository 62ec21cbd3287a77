//! From a TCP stream to HTTP/2 transactions in clear, told as `http.log` tells those of HTTP/1.
//!
//! Content is counted and recognised as in HTTP/1. A gap that is not within content ends its
//! direction: the field compression has no way back. Holds one field block a direction
//! ([`Limits::http_head_bytes_max`]) and so many streams ([`Limits::http_pending_max`]).
//!
//! [`Limits::http_head_bytes_max`]: crate::limits::Limits::http_head_bytes_max
//! [`Limits::http_pending_max`]: crate::limits::Limits::http_pending_max

use super::Probe;
use super::content::{Content, ContentFields};
use super::frame::{self, Direction, Frame, Place};
use super::transaction::{kept, note_field, transaction_bytes};
use crate::flow::stream::StreamEvent;
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::Side;
use crate::observe::HttpTransaction;
use crate::weird::Weird;
use bstr::ByteSlice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The HTTP/2 inspector of one TCP flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Http2Inspector {
    directions: [Direction; 2],
    streams: BTreeMap<u32, Stream>,
    /// Transactions so far.
    depth: u32,
    /// So much of the preface was seen.
    preface: usize,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stream {
    transaction: Box<HttpTransaction>,
    contents: [Content; 2],
    ended: [bool; 2],
}

impl Http2Inspector {
    /// So many first bytes always decide [`Http2Inspector::probe`].
    pub const PROBE_BYTES: usize = 18;

    /// Whether the first bytes of a direction look like HTTP/2: the preface, or settings.
    pub fn probe(side: Side, first: &[u8]) -> Probe {
        let (fits, needed) = frame::fits_beginning(side, first);
        match fits {
            false => Probe::NotMine,
            true if first.len() < needed => Probe::Open,
            true => Probe::Mine,
        }
    }

    /// An inspector of what follows `depth` transactions of the same flow.
    pub fn behind(depth: u32) -> Http2Inspector {
        Http2Inspector {
            depth,
            ..Http2Inspector::default()
        }
    }

    /// Transactions so far, those before this inspector among them.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether the preface was read.
    pub fn is_confirmed(&self) -> bool {
        self.preface >= frame::PREFACE.len()
    }

    fn data(
        &mut self,
        context: Context<'_>,
        side: Side,
        mut bytes: &[u8],
        found: &mut Vec<Found>,
    ) -> Verdict {
        if side == Side::Originator {
            let due = frame::PREFACE.get(self.preface..).unwrap_or_default();
            let (preface, rest) = bytes.split_at(bytes.len().min(due.len()));
            if !due.starts_with(preface) {
                return Verdict::NotMine;
            }
            self.preface += preface.len();
            bytes = rest;
        }
        while let Some(&byte) = bytes.first() {
            match &mut self.directions[side.index()].place {
                Place::Over => break,
                Place::Header(header) => {
                    header.push(byte);
                    bytes = bytes.get(1..).unwrap_or_default();
                    if let Some(frame) = Frame::read(header) {
                        self.open(context, side, frame, found);
                    }
                }
                Place::Held(frame, payload) => {
                    let (part, rest) = bytes.split_at(bytes.len().min(frame.left as usize));
                    payload.extend_from_slice(part);
                    bytes = rest;
                    frame.left -= part.len() as u32;
                    if frame.left == 0 {
                        let (frame, payload) = (*frame, std::mem::take(payload));
                        self.directions[side.index()].place = Place::default();
                        self.fields(context, side, frame, &payload, found);
                    }
                }
                Place::Passed(frame) | Place::Content(frame) if frame.left == 0 => break,
                Place::Passed(frame) => {
                    let (part, rest) = bytes.split_at(bytes.len().min(frame.left as usize));
                    bytes = rest;
                    frame.left -= part.len() as u32;
                    if frame.left == 0 {
                        self.directions[side.index()].place = Place::default();
                    }
                }
                Place::Content(_) => bytes = self.content(side, bytes, found),
            }
        }
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        let over = |direction: &Direction| direction.place == Place::Over;
        match self.directions.iter().all(over) {
            true => Verdict::Done,
            false => Verdict::More,
        }
    }

    /// A frame's header is whole.
    fn open(&mut self, context: Context<'_>, side: Side, frame: Frame, found: &mut Vec<Found>) {
        let held = matches!(
            frame.kind,
            frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION
        );
        let limit = context.limits.http_head_bytes_max;
        let direction = &mut self.directions[side.index()];
        if held && direction.block.len() + frame.left as usize > limit {
            found.push(Found::Weird(Weird::HttpHeadTooLong, Default::default()));
            direction.place = Place::Over;
            return;
        }
        direction.place = match frame.kind {
            _ if frame.left == 0 => Place::default(),
            frame::DATA => Place::Content(frame),
            _ if held => Place::Held(frame, Vec::new()),
            _ => Place::Passed(frame),
        };
        if frame.kind == frame::RST_STREAM {
            self.tell(frame.stream, found);
        }
        match (frame.left, frame.kind) {
            (0, frame::DATA) => self.end_of_frame(side, frame, found),
            (0, _) if held => self.fields(context, side, frame, &[], found),
            _ => {}
        }
    }

    /// Takes bytes of a DATA frame; gives what is behind it.
    fn content<'b>(&mut self, side: Side, mut bytes: &'b [u8], found: &mut Vec<Found>) -> &'b [u8] {
        let Place::Content(frame) = &mut self.directions[side.index()].place else {
            return bytes;
        };
        if frame.padding.is_none()
            && let Some((padding, rest)) = bytes.split_first()
        {
            frame.padding = Some(*padding);
            frame.left -= 1;
            bytes = rest;
        }
        let content_left = frame.left.saturating_sub(frame.padding.unwrap_or(0).into());
        let (part, rest) = bytes.split_at(bytes.len().min(frame.left as usize));
        let content = &part[..part.len().min(content_left as usize)];
        if let Some(stream) = self.streams.get_mut(&frame.stream) {
            stream.contents[side.index()].take(content);
        }
        frame.left -= part.len() as u32;
        if frame.left == 0 {
            let frame = *frame;
            self.directions[side.index()].place = Place::default();
            self.end_of_frame(side, frame, found);
        }
        rest
    }

    /// Takes a frame of a field block.
    fn fields(
        &mut self,
        context: Context<'_>,
        side: Side,
        frame: Frame,
        payload: &[u8],
        found: &mut Vec<Found>,
    ) {
        let Some(fragment) = frame.fragment(payload) else {
            return self.refuse(side, found);
        };
        let direction = &mut self.directions[side.index()];
        direction.block.extend_from_slice(fragment);
        if frame.flags & frame::END_HEADERS != 0 {
            let block = std::mem::take(&mut direction.block);
            if self.block(context, side, frame, &block, found).is_none() {
                return self.refuse(side, found);
            }
        }
        if frame.kind == frame::HEADERS {
            self.end_of_frame(side, frame, found);
        }
    }

    /// Nothing that follows in this direction can be read.
    fn refuse(&mut self, side: Side, found: &mut Vec<Found>) {
        found.push(Found::Weird(super::bad_head(side), Default::default()));
        self.directions[side.index()].place = Place::Over;
    }

    /// Takes a whole field block.
    fn block(
        &mut self,
        context: Context<'_>,
        side: Side,
        frame: Frame,
        block: &[u8],
        found: &mut Vec<Found>,
    ) -> Option<()> {
        let mut transaction = HttpTransaction::default();
        let (mut content, mut status, mut authority) = (ContentFields::default(), None, None);
        let direction = &mut self.directions[side.index()];
        let limit = context.limits.http_head_bytes_max;
        direction
            .decoder
            .decode(block, limit, |name, value| match name {
                b":method" => transaction.method = Some(kept(value)),
                b":path" => transaction.uri = Some(kept(&super::head::unescape(value))),
                b":authority" => authority = Some(kept(value)),
                b":status" => status = value.to_str().ok().and_then(|status| status.parse().ok()),
                _ => {
                    content.note(name, value);
                    note_field(&mut transaction, name, value);
                }
            })?;
        transaction.host = authority.or(transaction.host.take());
        match side {
            // A promise is the responder's to make, and no request on the wire.
            _ if frame.kind == frame::PUSH_PROMISE => return Some(()),
            Side::Originator if transaction.method.is_some() => {
                transaction.at = context.at;
                self.begin(context, frame.stream, transaction, content, found);
            }
            Side::Responder if status.is_some() => {
                if !self.streams.contains_key(&frame.stream) {
                    let alone = HttpTransaction {
                        at: context.at,
                        ..HttpTransaction::default()
                    };
                    let none = ContentFields::default();
                    self.begin(context, frame.stream, alone, none, found);
                }
                let stream = self.streams.get_mut(&frame.stream)?;
                let one = &mut stream.transaction;
                one.version = Some("2".into());
                one.status_code = status;
                if status.is_some_and(|status| (100..200).contains(&status)) {
                    one.info_code = status;
                }
                stream.contents[side.index()] = Content::new(content);
            }
            // Trailers.
            _ => {}
        }
        Some(())
    }

    fn begin(
        &mut self,
        context: Context<'_>,
        id: u32,
        mut transaction: HttpTransaction,
        content: ContentFields,
        found: &mut Vec<Found>,
    ) {
        if self.streams.len() >= context.limits.http_pending_max
            && let Some(oldest) = self.streams.keys().next().copied()
        {
            found.push(Found::Weird(
                Weird::HttpExcessivePipelining,
                Default::default(),
            ));
            self.tell(oldest, found);
        }
        self.tell(id, found);
        self.depth = self.depth.saturating_add(1);
        transaction.trans_depth = self.depth;
        let stream = Stream {
            transaction: Box::new(transaction),
            contents: [Content::new(content), Content::default()],
            ended: [false; 2],
        };
        self.streams.insert(id, stream);
    }

    fn end_of_frame(&mut self, side: Side, frame: Frame, found: &mut Vec<Found>) {
        if frame.flags & frame::END_STREAM == 0 {
            return;
        }
        if let Some(stream) = self.streams.get_mut(&frame.stream) {
            stream.ended[side.index()] = true;
            if stream.ended == [true; 2] {
                self.tell(frame.stream, found);
            }
        }
    }

    fn tell(&mut self, id: u32, found: &mut Vec<Found>) {
        if let Some(stream) = self.streams.remove(&id) {
            let [request, response] = &stream.contents;
            let mut transaction = stream.transaction;
            transaction.request_body_len = request.len();
            transaction.response_body_len = response.len();
            transaction.files = [request.files(), response.files()];
            found.push(Found::Http(transaction));
        }
    }

    /// Bytes are missing.
    fn gap(&mut self, side: Side, bytes: u64, found: &mut Vec<Found>) {
        match &mut self.directions[side.index()].place {
            Place::Passed(frame) if u64::from(frame.left) > bytes => frame.left -= bytes as u32,
            Place::Content(frame) if u64::from(frame.left) > bytes => {
                frame.left -= bytes as u32;
                if let Some(stream) = self.streams.get_mut(&frame.stream) {
                    stream.contents[side.index()].skip(bytes);
                }
            }
            place => {
                *place = Place::Over;
                if side == Side::Responder {
                    self.tell_all(found);
                }
            }
        }
    }

    fn tell_all(&mut self, found: &mut Vec<Found>) {
        let ids: Vec<u32> = self.streams.keys().copied().collect();
        ids.into_iter().for_each(|id| self.tell(id, found));
    }
}

impl StreamInspector for Http2Inspector {
    fn handle_stream(
        &mut self,
        context: Context<'_>,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        match event {
            StreamEvent::Data { side, bytes } => return self.data(context, side, bytes, found),
            StreamEvent::Gap { side, bytes } => self.gap(side, bytes, found),
            StreamEvent::End { side } => self.directions[side.index()].place = Place::Over,
        }
        self.verdict()
    }

    fn finish(&mut self, _context: Context<'_>, found: &mut Vec<Found>) {
        self.tell_all(found);
    }

    fn held_bytes(&self) -> usize {
        let directions = self.directions.iter().map(|one| one.held_bytes());
        let streams = self.streams.values().map(|stream| {
            let [request, response] = &stream.contents;
            let contents = request.held_bytes() + response.held_bytes();
            size_of::<Stream>() + transaction_bytes(&stream.transaction) + contents
        });
        size_of_val(self) + directions.chain(streams).sum::<usize>()
    }
}
