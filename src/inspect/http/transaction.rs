//! From heads and content in both directions to transactions, told in the order of the responses.
//!
//! A string of a transaction is kept as far as a log would show it.

use super::body::Body;
use super::content::{Content, ContentFields};
use super::framing::Framing;
use super::head::{self, RequestLine, StatusLine, Version};
use super::{HttpInspector, Phase};
use crate::inspect::{Context, Found};
use crate::net::Side;
use crate::observe::HttpTransaction;
use crate::time::Timestamp;
use crate::weird::Weird;
use bstr::BString;

/// Zeek's `HTTP::proxy_headers`.
const PROXY_HEADERS: [&str; 7] = [
    "FORWARDED",
    "X-FORWARDED-FOR",
    "X-FORWARDED-FROM",
    "CLIENT-IP",
    "VIA",
    "XROXY-CONNECTION",
    "PROXY-CONNECTION",
];

/// Bytes of a string that are kept: as many as a log shows (Zeek's
/// `Log::default_max_field_string_bytes`).
const TEXT_BYTES_MAX: usize = 4096;

/// Headers of proxies that are kept of a request: more than any chain of proxies adds.
const PROXIED_MAX: usize = 32;

impl HttpInspector {
    /// Takes a head with its first line, which was seen to be one.
    pub(super) fn handle_head(
        &mut self,
        context: Context<'_>,
        side: Side,
        head: &[u8],
        found: &mut Vec<Found>,
    ) {
        let direction = &mut self.directions[side.index()];
        let at = direction.line_at.take().unwrap_or(context.at);
        let (line, lines) = head::first_line(head);
        match side {
            Side::Originator => {
                if let Some(line) = RequestLine::read(line) {
                    self.handle_request(context, at, line, lines, found);
                }
            }
            Side::Responder => {
                if let Some(line) = StatusLine::read(line) {
                    self.handle_response(at, line, lines, found);
                }
            }
        }
    }

    fn handle_request(
        &mut self,
        context: Context<'_>,
        at: Timestamp,
        line: RequestLine<'_>,
        lines: &[u8],
        found: &mut Vec<Found>,
    ) {
        self.confirmed = true;
        self.simple |= line.is_simple();
        self.note_version(Side::Originator, line.version, found);
        let limits = context.limits;
        let waiting: usize = self.pending.iter().map(|request| text_bytes(request)).sum();
        if self.pending.len() >= limits.http_pending_max || waiting >= limits.http_head_bytes_max {
            found.push(Found::Weird(
                Weird::HttpExcessivePipelining,
                Default::default(),
            ));
            self.tell_pending(found);
        }
        let mut transaction = self.open(at);
        transaction.method = Some(kept(line.method));
        transaction.uri = Some(kept(&head::unescape(line.target)));
        let (mut framing, mut content) = (Framing::default(), ContentFields::default());
        head::fields(lines, |name, value| {
            framing.note(line.version, name, value);
            content.note(name, value);
            note_field(&mut transaction, name, value);
        });
        self.directions[Side::Originator.index()].content = Content::new(content);
        self.request_depth = transaction.trans_depth;
        self.pending.push_back(transaction);
        match framing.body() {
            Some(body) => self.directions[Side::Originator.index()].phase = Phase::Body(body),
            None => self.complete(Side::Originator, found),
        }
    }

    fn handle_response(
        &mut self,
        at: Timestamp,
        line: StatusLine<'_>,
        lines: &[u8],
        found: &mut Vec<Found>,
    ) {
        self.confirmed = true;
        if line.lowercase {
            found.push(Found::Weird(Weird::HttpLowercaseName, Default::default()));
        }
        self.note_version(Side::Responder, line.version, found);
        let (mut framing, mut content) = (Framing::default(), ContentFields::default());
        let mut server = None;
        head::fields(lines, |name, value| {
            framing.note(line.version, name, value);
            content.note(name, value);
            if name.eq_ignore_ascii_case(b"server") {
                server = Some(kept(value));
            }
            let upgrade = name.eq_ignore_ascii_case(b"upgrade");
            self.websocket |= upgrade && value.eq_ignore_ascii_case(b"websocket");
        });
        if std::mem::take(&mut self.overlap) && content.has_filename() {
            found.push(Found::Weird(Weird::HttpMissingEntity, Default::default()));
        }
        self.directions[Side::Responder.index()].content = Content::new(content);
        let mut transaction = self.answer(at);
        transaction.server = server;
        transaction.version = line.version.map(version_name);
        transaction.status_code = Some(line.code);
        transaction.status_msg = Some(kept(line.reason.unwrap_or(b"<empty>")));
        let empty = !framing.chunked && framing.length == Some(0);
        let body = framing.body();
        if line.code == 206 {
            found.extend(framing.range_oddity());
        }
        let informational = matches!(line.code, 100..=199);
        if informational {
            transaction.info_code = transaction.status_code;
            transaction.info_msg = transaction.status_msg.clone();
        }
        let is = |method: &str| {
            transaction
                .method
                .as_ref()
                .is_some_and(|name| name == method)
        };
        self.tunnel = line.code == 101 || is("CONNECT") && matches!(line.code, 200..=299);
        // RFC 9112, section 6.3.
        let bare = self.tunnel || informational || is("HEAD") || matches!(line.code, 204 | 304);
        self.answered = Some(transaction);
        match body {
            _ if bare || empty => self.complete(Side::Responder, found),
            body => {
                let body = body.unwrap_or(Body::UntilClose);
                self.directions[Side::Responder.index()].phase = Phase::Body(body);
            }
        }
    }

    /// Notes the version of a message, which is as a rule that of the one before.
    fn note_version(&mut self, side: Side, version: Option<Version>, found: &mut Vec<Found>) {
        let known = &mut self.directions[side.index()].version;
        if known.is_some() && version.is_some() && *known != version {
            found.push(Found::Weird(Weird::HttpVersionMismatch, Default::default()));
        }
        *known = version.or(*known);
    }

    /// A response of HTTP/0.9 began with these bytes: all of it is content.
    pub(super) fn handle_bare_response(&mut self, at: Timestamp, first: &[u8]) {
        let mut transaction = self.answer(at);
        transaction.version = Some(version_name([0, 9]));
        transaction.status_code = Some(0);
        transaction.status_msg = Some("<empty>".into());
        self.answered = Some(transaction);
        let direction = &mut self.directions[Side::Responder.index()];
        direction.phase = Phase::Body(Body::UntilClose);
        direction.line_at = None;
        direction.content = Content::default();
        direction.content.take(first);
    }

    /// A new transaction.
    fn open(&mut self, at: Timestamp) -> Box<HttpTransaction> {
        self.depth = self.depth.saturating_add(1);
        Box::new(HttpTransaction {
            at,
            trans_depth: self.depth,
            ..HttpTransaction::default()
        })
    }

    /// The transaction that the next response belongs to.
    fn answer(&mut self, at: Timestamp) -> Box<HttpTransaction> {
        let waiting = self.answered.take().or_else(|| self.pending.pop_front());
        waiting.unwrap_or_else(|| self.open(at))
    }

    /// A message of `side` is complete.
    pub(super) fn complete(&mut self, side: Side, found: &mut Vec<Found>) {
        let odd = self.directions[side.index()].content.complete();
        let weird = |weird| Found::Weird(weird, Default::default());
        found.extend(odd.into_iter().map(weird));
        if side == Side::Originator {
            self.note_request_content();
            self.overlap = self.directions[Side::Responder.index()].line_at.is_some();
        } else {
            let status = self
                .answered
                .as_ref()
                .and_then(|answered| answered.status_code);
            // Behind an informational response comes the final one.
            if self.tunnel || !status.is_some_and(|code| matches!(code, 100..=199)) {
                self.tell_answered(found);
            }
        }
        self.directions[side.index()].phase = Phase::Head;
    }

    /// Lets the latest request know what content it had so far.
    pub(super) fn note_request_content(&mut self) {
        let content = &self.directions[Side::Originator.index()].content;
        let latest = self.pending.back_mut().or(self.answered.as_mut());
        if let Some(request) = latest.filter(|one| one.trans_depth == self.request_depth) {
            request.request_body_len = content.len();
            request.files[Side::Originator.index()] = content.files();
        }
    }

    /// Tells the transaction whose response is over.
    pub(super) fn tell_answered(&mut self, found: &mut Vec<Found>) {
        if self.answered.is_some() {
            self.note_request_content();
        }
        if let Some(mut transaction) = self.answered.take() {
            let content = &self.directions[Side::Responder.index()].content;
            transaction.response_body_len = content.len();
            transaction.files[Side::Responder.index()] = content.files();
            found.push(Found::Http(transaction));
        }
    }

    /// Bytes of memory that the requests which wait take.
    pub(super) fn pending_bytes(&self) -> usize {
        let requests = self.pending.iter().chain(&self.answered);
        requests.map(|request| transaction_bytes(request)).sum()
    }

    /// Tells the requests that wait, without a response.
    pub(super) fn tell_pending(&mut self, found: &mut Vec<Found>) {
        self.note_request_content();
        found.extend(self.pending.drain(..).map(Found::Http));
    }
}

/// What of `bytes` is kept.
pub(super) fn kept(bytes: &[u8]) -> BString {
    bytes.get(..TEXT_BYTES_MAX).unwrap_or(bytes).into()
}

fn version_name([major, minor]: Version) -> Box<str> {
    format!("{major}.{minor}").into()
}

/// Notes a field of a request that a column shows; of several the last.
pub(super) fn note_field(transaction: &mut HttpTransaction, name: &[u8], value: &[u8]) {
    let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
    let column = if is("host") {
        &mut transaction.host
    } else if is("referer") {
        &mut transaction.referrer
    } else if is("user-agent") {
        &mut transaction.user_agent
    } else if is("origin") {
        &mut transaction.origin
    } else if is("authorization") || is("proxy-authorization") {
        if let Some(user) = head::basic_user(value) {
            transaction.username = Some(kept(&user));
        }
        return;
    } else {
        if let Some(field) = PROXY_HEADERS.iter().find(|field| is(field)) {
            let header = kept(&[field.as_bytes(), b" -> ", value].concat());
            if transaction.proxied.len() < PROXIED_MAX && !transaction.proxied.contains(&header) {
                transaction.proxied.push(header);
            }
        }
        return;
    };
    *column = Some(kept(value));
}

/// Bytes of memory of a transaction that waits.
pub(super) fn transaction_bytes(transaction: &HttpTransaction) -> usize {
    size_of::<HttpTransaction>() + text_bytes(transaction)
}

/// Bytes of its texts.
fn text_bytes(transaction: &HttpTransaction) -> usize {
    let texts = [
        &transaction.method,
        &transaction.host,
        &transaction.uri,
        &transaction.referrer,
        &transaction.user_agent,
        &transaction.server,
        &transaction.origin,
        &transaction.username,
    ];
    let texts = texts.into_iter().flatten().chain(&transaction.proxied);
    texts.map(|text| text.len()).sum()
}
