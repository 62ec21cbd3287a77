//! From lines of proxies, firewalls, DNS servers and access brokers to passages.
//!
//! Lines of Squid and of CEF are text, alone or as the `message` of a document; ECS and OCSF are
//! recognised by what a host's agent has and a gateway has not: a process. Keeps no query, no
//! password and no fragment of a URL.

mod cef;
pub(super) mod ecs;
pub(super) mod ocsf;
mod squid;
#[cfg(test)]
mod tests;

use super::Source;
use super::address;
use super::json::{Json, LINE_BYTES_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX, clip};
use super::read::{Reading, Stamp};
use super::refused::Refused;
use crate::endpoint::passage::{Passage, PolicyAction};
use crate::endpoint::report::{Deed, Format, Place, Report};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Addresses that are kept of the answers to a lookup.
const ANSWERS_MAX: usize = 64;

/// A line that is no JSON, of a format that is known.
pub(super) enum Text<'a> {
    /// Squid's own access log.
    Squid(&'a str),
    /// Squid's log in the form of a web server's, with User-Agent.
    Combined(&'a str),
    /// CEF, maybe behind a header of syslog.
    Cef(&'a str),
}

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Option<Text<'a>> {
        if cef::is(text) {
            Some(Text::Cef(text))
        } else if squid::is_native(text) {
            Some(Text::Squid(text))
        } else {
            squid::is_combined(text).then_some(Text::Combined(text))
        }
    }

    /// The line as text of a known format.
    pub fn of_line(line: &'a [u8]) -> Option<Text<'a>> {
        let line = line.trim_ascii();
        if matches!(line.first(), None | Some(b'{' | b'[')) || line.len() > LINE_BYTES_MAX {
            return None;
        }
        Text::of(std::str::from_utf8(line).ok()?)
    }

    /// The line that a shipper's document brings unread, and what may name its sender.
    pub fn of_document(document: Json<'a>) -> Option<(Text<'a>, Vec<Json<'a>>)> {
        if document.get("source").is_some() || document.get("deed").is_some() {
            return None;
        }
        let lines = [document.at("event.original"), document.get("message")];
        let text = lines
            .into_iter()
            .filter_map(Json::text)
            .find_map(Text::of)?;
        let names = ["observer.name", "observer.hostname", "host.name"];
        Some((text, names.map(|name| document.at(name)).to_vec()))
    }

    /// What it says; `names` are those of its sender, after any in the line.
    pub fn read(&self, source: &Source<'_>, names: &[Json<'_>]) -> Result<Vec<Report>, Refused> {
        let (format, read): (_, fn(&str, _, &mut _) -> _) = match self {
            Text::Squid(_) => (Format::Squid, squid::native),
            Text::Combined(_) => (Format::Squid, squid::combined),
            Text::Cef(_) => (Format::Cef, cef::read),
        };
        let (Text::Squid(text) | Text::Combined(text) | Text::Cef(text)) = self;
        let mut reading = Reading::new(format, source);
        read(text, names, &mut reading)?;
        Ok(reading.finish())
    }
}

impl Reading<'_> {
    /// A passage, unless nothing on the wire can be matched with it.
    pub(in crate::endpoint::format) fn passage(
        &mut self,
        stamp: &Stamp,
        mut passage: Passage,
    ) -> Result<(), Refused> {
        for place in [
            &mut passage.client,
            &mut passage.server,
            &mut passage.gateway,
            &mut passage.source,
            &mut passage.peer,
        ] {
            *place = address::place(place.addr, place.port);
        }
        passage.url = passage.url.as_deref().and_then(|url| Target::of(url).url);
        passage.name = passage.name.as_deref().and_then(host_name);
        for text in [
            &mut passage.method,
            &mut passage.user,
            &mut passage.user_agent,
            &mut passage.application,
            &mut passage.rule,
            &mut passage.category,
            &mut passage.query_type,
        ] {
            *text = text.as_deref().and_then(kept);
        }
        let answers: BTreeSet<IpAddr> = (passage.answers.into_iter())
            .filter_map(address::canonical)
            .take(ANSWERS_MAX)
            .collect();
        passage.answers = answers.into_iter().collect();
        let asked = passage.name.is_some()
            || passage.server.addr.is_some()
            || passage.client.port.is_some();
        let from_afar = passage.client.addr.is_some_and(|addr| !addr.is_loopback());
        match asked && from_afar {
            true => self.push(stamp, Deed::Passage(Box::new(passage))),
            false => Ok(()),
        }
    }
}

/// A word that says something, within the bound of names.
fn kept(text: &str) -> Option<Box<str>> {
    let text = clip(text.trim(), NAME_BYTES_MAX).trim_end();
    let says = !matches!(text, "" | "-" | "(null)" | "None");
    says.then(|| text.into())
}

/// A host's name in the form that compares; none where it is an address.
fn host_name(text: &str) -> Option<Box<str>> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let is_name = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.contains(['/', ' ', '@'])
        && address::addr(&name).is_none()
        && name != "-";
    is_name.then(|| name.into())
}

/// `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
fn place(text: &str) -> Place {
    if let Some(addr) = address::addr(text) {
        return address::place(Some(addr), None);
    }
    let Some((addr, port)) = text.rsplit_once(':') else {
        return Place::default();
    };
    let addr = address::addr(addr);
    address::place(addr, port.parse().ok().filter(|_| addr.is_some()))
}

/// What a request asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Target {
    /// Without user, password, query and fragment.
    url: Option<Box<str>>,
    /// The host, where it has a name.
    name: Option<Box<str>>,
    /// The host's address, where it has none, and the port.
    server: Place,
}

impl Target {
    /// Of `https://user:password@host:port/path?query`, `host:port`, or `/path`.
    fn of(text: &str) -> Target {
        let text = text.trim();
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let (scheme, rest) = match text[..end].split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, &text[..end]),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let bracketed = authority.rfind(']').map_or(0, |at| at + 1);
        let colon = authority[bracketed..].rfind(':').map(|at| at + bracketed);
        let (host, port) = match colon {
            Some(at) => (&authority[..at], authority[at + 1..].parse().ok()),
            None => (authority, None),
        };
        let port = port.or(match scheme {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        });
        let is_path = scheme.is_none() && authority.is_empty() && !path.is_empty();
        let url = match scheme {
            Some(scheme) => Some(format!("{scheme}://{authority}{path}")),
            None => is_path.then(|| path.to_owned()),
        };
        Target {
            url: url.map(|url| clip(&url, TEXT_BYTES_MAX).into()),
            name: host_name(host),
            server: address::place(address::addr(host), port),
        }
    }
}

/// What a gateway calls its policy's action.
fn action(text: &str) -> Option<PolicyAction> {
    const DENIED: [&str; 12] = [
        "den",
        "block",
        "drop",
        "reject",
        "reset",
        "forbid",
        "refus",
        "discard",
        "prevent",
        "prohibit",
        "tcp_denied",
        "quarantin",
    ];
    const BYPASSED: [&str; 5] = ["bypass", "exempt", "no-decrypt", "do not decrypt", "skip"];
    const ALLOWED: [&str; 9] = [
        "allow", "accept", "permit", "pass", "forward", "observed", "success", "built", "tunnel",
    ];
    let text = text.trim().to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let not = text.starts_with("not ") || text.starts_with("un");
    if is(&DENIED) {
        Some(PolicyAction::Denied)
    } else if is(&BYPASSED) {
        Some(PolicyAction::Bypassed)
    } else {
        (is(&ALLOWED) && !not).then_some(PolicyAction::Allowed)
    }
}

fn addr_of(text: Option<&str>) -> Option<IpAddr> {
    text.and_then(address::addr)
}
