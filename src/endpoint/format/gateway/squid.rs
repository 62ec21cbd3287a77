//! From lines of Squid's access log to passages.
//!
//! Its own form is `time elapsed client code/status bytes method URL user hierarchy/peer type`,
//! with the moment of the end and the milliseconds before it. Behind that it may go on with
//! `"user agent" request-bytes own:port reached:port`, and `client` may be `address:port`: with the
//! client's port a line is about one flow. Also Squid's `combined`, which has no elapsed time.

use super::super::json::Json;
use super::super::moment;
use super::super::read::Reading;
use super::super::refused::Refused;
use super::{Target, kept, place};
use crate::endpoint::passage::{Passage, PolicyAction};
use crate::endpoint::report::{Place, Window};
use crate::net::Transport;
use crate::time::Span;

/// A request does not take longer, in milliseconds: a week.
const ELAPSED_MS_MAX: i64 = 7 * 86_400_000;

/// Whether a line has the form of Squid's own log.
pub(super) fn is_native(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let is_moment = words.next().is_some_and(|at| {
        let (whole, fraction) = at.split_once('.').unwrap_or((at, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        (9..=11).contains(&whole.len()) && digits(whole) && digits(fraction)
    });
    is_moment && words.nth(2).is_some_and(|code| code.contains('/')) && words.count() >= 4
}

/// Whether a line has the form of a web server's log.
pub(super) fn is_combined(text: &str) -> bool {
    let begin = text.split_whitespace().next().unwrap_or_default();
    place(begin).addr.is_some() && text.contains(" [") && text.contains("] \"")
}

/// What Squid says of a request: the result and the status.
fn result(word: &str) -> (Option<PolicyAction>, Option<u16>) {
    let (code, status) = word.split_once('/').unwrap_or((word, ""));
    let status = status.parse().ok().filter(|status| *status != 0);
    let action = match code {
        // Asked for a password, the client has not been judged yet.
        _ if status == Some(407) => None,
        code if code.contains("DENIED") => Some(PolicyAction::Denied),
        code if code.starts_with("TCP_") || code.starts_with("UDP_") => Some(PolicyAction::Allowed),
        _ => None,
    };
    (action, status)
}

/// A word or a quoted text, and what follows it.
fn next(text: &str) -> (Option<&str>, &str) {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find('"').unwrap_or(quoted.len());
        return (
            Some(&quoted[..end]),
            quoted.get(end + 1..).unwrap_or_default(),
        );
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    ((!word.is_empty()).then_some(word), rest)
}

/// Reads a line of Squid's own log.
pub(super) fn native(
    text: &str,
    names: &[Json<'_>],
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let mut rest = text;
    let mut word = || {
        let (word, after) = next(rest);
        rest = after;
        word
    };
    let agent = reading.agent(names)?;
    let ended = reading.need("time", word().and_then(moment::seconds_text))?;
    let elapsed = word().and_then(|word| word.parse::<i64>().ok());
    let elapsed = elapsed.filter(|ms| (0..=ELAPSED_MS_MAX).contains(ms));
    let elapsed = reading.need("elapsed", elapsed)?;
    let client = place(word().unwrap_or_default());
    let client = reading.need("client", client.addr.map(|_| client))?;
    let (action, status) = result(word().unwrap_or_default());
    let down = word().and_then(|word| word.parse().ok());
    let method = word().and_then(kept);
    let target = Target::of(word().unwrap_or_default());
    let user = word().and_then(kept);
    let peer = word().and_then(|word| word.split_once('/'));
    let _type = word();
    let user_agent = word().and_then(kept);
    let up: Option<u64> = word().and_then(|word| word.parse().ok());
    let source = word().map(place).unwrap_or_default();
    let gateway = word().map(place).unwrap_or_default();
    let window = Window {
        from: ended.from + Span::from_nanos(-elapsed * 1_000_000),
        to: ended.to,
    };
    let peer = Place {
        addr: peer.and_then(|(_, peer)| place(peer).addr),
        port: target.server.port,
    };
    let stamp = reading.event(agent, window);
    reading.passage(
        &stamp,
        Passage {
            begins: true,
            transport: Some(Transport::Tcp),
            client,
            server: target.server,
            gateway,
            source,
            peer: if peer.addr.is_some() {
                peer
            } else {
                Place::default()
            },
            name: target.name,
            url: target.url,
            method,
            status,
            user,
            user_agent,
            action,
            bytes: down.map(|down| [up.unwrap_or(0), down]),
            ..Passage::default()
        },
    )
}

/// Reads a line of Squid's `combined`: `client ident user [time] "method URL version" status bytes
/// "referrer" "user agent" code:hierarchy`.
pub(super) fn combined(
    text: &str,
    names: &[Json<'_>],
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let agent = reading.agent(names)?;
    let (before, rest) = text.split_once(" [").unwrap_or((text, ""));
    let (at, rest) = rest.split_once("] ").unwrap_or((rest, ""));
    let window = reading.need("time", moment::web(at))?;
    let mut before = before.split_whitespace();
    let client = place(before.next().unwrap_or_default());
    let user = before.nth(1).and_then(kept);
    let (request, rest) = next(rest);
    let mut request = request.unwrap_or_default().split_whitespace();
    let method = request.next().and_then(kept);
    let target = Target::of(request.next().unwrap_or_default());
    let (status, rest) = next(rest);
    let (down, rest) = next(rest);
    let (_referrer, rest) = next(rest);
    let (user_agent, rest) = next(rest);
    let code = next(rest).0.unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    let status = status.unwrap_or_default();
    let (action, status) = result(&format!("{code}/{status}"));
    let stamp = reading.event(agent, window);
    reading.passage(
        &stamp,
        Passage {
            transport: Some(Transport::Tcp),
            client,
            server: target.server,
            name: target.name,
            url: target.url,
            method,
            status,
            user,
            user_agent: user_agent.and_then(kept),
            action,
            bytes: down.and_then(|down| Some([0, down.parse().ok()?])),
            ..Passage::default()
        },
    )
}
