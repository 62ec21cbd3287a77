//! From lines of the Common Event Format to passages: firewalls, proxies, access brokers.
//!
//! `CEF:0|vendor|product|version|id|name|severity|key=value ...`, alone or behind a header of
//! syslog. Of the bytes `in` are those from the client, as the format defines them.

use super::super::json::Json;
use super::super::moment;
use super::super::read::Reading;
use super::super::refused::Refused;
use super::super::{address, json};
use super::{Target, action, addr_of, host_name, kept};
use crate::endpoint::passage::{Passage, PassageKind};
use crate::endpoint::report::{Place, Window};
use std::collections::BTreeMap;

/// What begins it; a header of syslog before it is no longer than this.
const BEGIN: &str = "CEF:";
const HEADER_BYTES_MAX: usize = 512;
/// Fields between bars before the extension.
const FIELDS: usize = 7;
/// Keys of one line.
const KEYS_MAX: usize = 256;

/// Whether a line is one.
pub(super) fn is(text: &str) -> bool {
    json::clip(text, HEADER_BYTES_MAX).contains(BEGIN)
}

/// Reads a line.
pub(super) fn read(
    text: &str,
    names: &[Json<'_>],
    reading: &mut Reading<'_>,
) -> Result<(), Refused> {
    let (header, rest) = text.split_once(BEGIN).unwrap_or(("", text));
    let (logged_at, logged_by) = syslog(header);
    let extension = reading.need("extension after seven bars", extension(rest))?;
    let told = pairs(extension);
    let get = |key: &str| told.get(key).map(|value| value.trim());
    let agent = match reading.agent(&[]) {
        Ok(agent) => agent,
        Err(nameless) => {
            let own = ["dvchost", "deviceExternalId", "dvc"];
            let own = own
                .into_iter()
                .filter_map(get)
                .chain(logged_by)
                .find_map(kept);
            own.map_or_else(|| reading.agent(names).map_err(|_| nameless), Ok)?
        }
    };
    let at = |key| get(key).and_then(moment_of);
    let (start, end) = (at("start"), at("end"));
    let logged = at("rt").or_else(|| logged_at.and_then(moment::calendar_text));
    let window = match (start, end) {
        (Some(start), Some(end)) if start.from <= end.to => Some(Window {
            from: start.from,
            to: end.to,
        }),
        _ => start.or(end).or(logged),
    };
    let window = reading.need("rt", window)?;
    let mut passage = passage(&get);
    passage.begins = start.is_some();
    let stamp = reading.event(agent, window);
    reading.passage(&stamp, passage)
}

fn passage<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Passage {
    let end = |addrs: &[&str], port: &str| {
        let addr = addrs.iter().find_map(|key| addr_of(get(key)));
        address::place(addr, get(port).and_then(|port| port.parse().ok()))
    };
    let text = |keys: &[&str]| keys.iter().find_map(|key| kept(get(key)?));
    let transport = get("proto").and_then(address::transport).flatten();
    let target = get("request").map(Target::of).unwrap_or_default();
    let dst = end(&["dst", "c6a3"], "dpt");
    let bytes = ["in", "out"].map(|key| get(key).and_then(|bytes| bytes.parse().ok()));
    let named = target.name.or_else(|| {
        let names = ["dhost", "destinationDnsDomain"];
        names.iter().find_map(|key| host_name(get(key)?))
    });
    let web = ["request", "requestMethod", "requestClientApplication"];
    let is_web = web.iter().any(|key| get(key).is_some());
    Passage {
        kind: if is_web {
            PassageKind::Web
        } else {
            PassageKind::Flow
        },
        transport,
        client: end(&["src", "c6a2"], "spt"),
        server: Place {
            addr: dst.addr.or(target.server.addr),
            port: dst.port.or(target.server.port),
        },
        source: end(&["sourceTranslatedAddress"], "sourceTranslatedPort"),
        peer: end(
            &["destinationTranslatedAddress"],
            "destinationTranslatedPort",
        ),
        name: named,
        url: target.url,
        method: text(&["requestMethod"]),
        status: labelled(get, &["status", "response code"]).and_then(|code| code.parse().ok()),
        user: text(&["suser", "suid"]),
        user_agent: text(&["requestClientApplication"]),
        application: text(&["app"]),
        action: get("act").or(get("outcome")).and_then(action),
        rule: labelled(get, &["rule", "policy"]).and_then(kept),
        category: labelled(get, &["categor"]).or(get("cat")).and_then(kept),
        bytes: bytes[0].zip(bytes[1]).map(|(up, down)| [up, down]),
        ..Passage::default()
    }
}

/// The value of a custom field whose label has one of these words.
fn labelled<'a>(get: &impl Fn(&str) -> Option<&'a str>, words: &[&str]) -> Option<&'a str> {
    const CUSTOM: [&str; 9] = [
        "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "cn1", "cn2", "cn3",
    ];
    CUSTOM.into_iter().find_map(|key| {
        let label = get(&format!("{key}Label"))?.to_ascii_lowercase();
        let fits = words.iter().any(|word| label.contains(word));
        get(key).filter(|_| fits)
    })
}

/// Milliseconds since 1970, or a date in words or in numbers.
fn moment_of(text: &str) -> Option<Window> {
    if text.len() == 13 && text.bytes().all(|b| b.is_ascii_digit()) {
        return moment::seconds_text(&format!("{}.{}", &text[..10], &text[10..]));
    }
    moment::calendar_text(text).or_else(|| moment::english(text))
}

/// The moment and the host in a header of syslog (RFC 5424; RFC 3164, whose times lack the year).
fn syslog(header: &str) -> (Option<&str>, Option<&str>) {
    let header = header.trim();
    let numbered = header
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'));
    let header = numbered.map_or(header, |(_, rest)| rest);
    let mut words = header.split_whitespace().peekable();
    words.next_if_eq(&"1");
    let first = words.next();
    match first.and_then(moment::calendar_text) {
        Some(_) => (first, words.next()),
        // Month, day and time.
        None => (None, words.nth(2)),
    }
}

/// What follows the seventh bar that no backslash stands before.
fn extension(rest: &str) -> Option<&str> {
    let mut escaped = false;
    let mut bars = 0;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'|' => {
                bars += 1;
                if bars == FIELDS {
                    return rest.get(at + 1..);
                }
            }
            _ => {}
        }
    }
    None
}

/// The extension's keys and values; values may have blanks and, behind a backslash, `=`.
fn pairs(extension: &str) -> BTreeMap<&str, String> {
    let mut keys: Vec<(&str, usize, usize)> = Vec::new();
    let (mut word, mut escaped) = (0, false);
    for (at, byte) in extension.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b' ' => word = at + 1,
            b'=' if keys.len() < KEYS_MAX => {
                let name = extension.get(word..at).unwrap_or_default();
                if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    keys.push((name, word, at + 1));
                }
                // Another `=` before the next blank belongs to the value.
                word = usize::MAX;
            }
            _ => {}
        }
    }
    let ends = keys.iter().skip(1).map(|(_, word, _)| *word);
    let ends = ends.chain([extension.len()]);
    let pairs = keys.iter().zip(ends).map(|((name, _, from), end)| {
        let value = extension.get(*from..end).unwrap_or_default();
        (*name, unescaped(value))
    });
    pairs.collect()
}

fn unescaped(value: &str) -> String {
    let mut plain = String::new();
    let mut chars = value.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(
                chars
                    .next()
                    .map(|c| if c == 'n' || c == 'r' { ' ' } else { c }),
            ),
            c => plain.push(c),
        }
    }
    plain
}
