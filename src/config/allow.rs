//! From `[[allow]]` to what the operator allows.

use super::ConfigError;
use super::source::Source;
use crate::detect::allow::{Allow, Who};
use crate::detect::attack::Analytic;
use crate::detect::client::Kind;
use crate::detect::settings::Role;
use crate::time::{Span, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use toml::Spanned;

/// The longest that an entry may count.
const LIFE_MAX: Span = Span::from_secs(180 * 86_400);
/// Networks as wide as these, or wider, are too broad: a /8 of IPv4, a /32 of IPv6.
const WIDEST: [u8; 2] = [8, 32];

/// `[[allow]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct AllowTable {
    pub id: Spanned<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<IpNet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub domain: Spanned<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_class: Option<ClassName>,
    #[serde(default)]
    pub analytics: BTreeSet<Analytic>,
    pub owner: String,
    pub ticket: String,
    pub reason: String,
    pub created: Spanned<String>,
    pub expires: Spanned<String>,
}

/// A kind of client, as alerts name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // As in `Kind`.
pub enum ClassName {
    Browser,
    NativeApp,
    ToolOrLibrary,
    Unknown,
}

impl AllowTable {
    /// The entry, where it is narrow enough and has an owner and an end.
    fn resolve(&self, source: &Source, roles: &[Role]) -> Result<Allow, ConfigError> {
        let id = self.id.get_ref();
        let refuse = |message: String| {
            Err(source.invalid(Some(self.id.span()), format!("allow `{id}` {message}")))
        };
        for (key, value) in [
            ("id", id),
            ("owner", &self.owner),
            ("ticket", &self.ticket),
            ("reason", &self.reason),
        ] {
            if value.trim().is_empty() {
                return refuse(format!("has no {key}"));
            }
        }
        let who = match (self.host, self.network, &self.role) {
            (Some(host), None, None) => Who::Network(IpNet::from(host)),
            (None, Some(network), None) => {
                if is_too_broad(network) {
                    return refuse(format!("is too broad: {network} holds too many hosts"));
                }
                Who::Network(network.trunc())
            }
            (None, None, Some(role)) if roles.iter().any(|known| *known.name == **role) => {
                Who::Role(role.as_str().into())
            }
            (None, None, Some(role)) => return refuse(format!("names no role: `{role}`")),
            _ => return refuse("needs exactly one of host, network and role".into()),
        };
        let [created, expires] = [date(source, &self.created)?, date(source, &self.expires)?];
        if expires <= created || expires - created > LIFE_MAX {
            return refuse("must expire within 180 days after it was created".into());
        }
        Ok(Allow {
            id: id.as_str().into(),
            who,
            domain: domain(source, &self.domain)?,
            client_class: self.client_class.map(Kind::from),
            analytics: self.analytics.clone(),
            owner: self.owner.as_str().into(),
            ticket: self.ticket.as_str().into(),
            reason: self.reason.as_str().into(),
            created,
            expires,
        })
    }
}

impl From<ClassName> for Kind {
    fn from(name: ClassName) -> Kind {
        match name {
            ClassName::Browser => Kind::Browser,
            ClassName::NativeApp => Kind::NativeApp,
            ClassName::ToolOrLibrary => Kind::ToolOrLibrary,
            ClassName::Unknown => Kind::Unknown,
        }
    }
}

/// The entries of a file.
pub(super) fn resolve(
    tables: &[AllowTable],
    source: &Source,
    roles: &[Role],
) -> Result<Vec<Allow>, ConfigError> {
    let mut ids = BTreeSet::new();
    let mut entries = Vec::with_capacity(tables.len());
    for table in tables {
        if !ids.insert(table.id.get_ref()) {
            let message = format!("allow `{}` is there twice", table.id.get_ref());
            return Err(source.invalid(Some(table.id.span()), message));
        }
        entries.push(table.resolve(source, roles)?);
    }
    Ok(entries)
}

/// Whether a network holds too many hosts to be meant.
pub(super) fn is_too_broad(network: IpNet) -> bool {
    let [v4, v6] = WIDEST;
    let widest = if network.addr().is_ipv4() { v4 } else { v6 };
    network.prefix_len() <= widest
}

/// A domain that one owner has.
pub(super) fn domain(source: &Source, domain: &Spanned<String>) -> Result<Box<str>, ConfigError> {
    let written = domain.get_ref();
    let name = written.strip_prefix("*.").unwrap_or(written);
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let owned = psl::domain_str(&name).is_some() && !name.contains(['*', '/', ':', ' ']);
    if owned {
        return Ok(name.into_boxed_str());
    }
    let message = format!(
        "domain `{written}` is too broad or no name: write one that a single owner has, \
         such as `hooks.example.com`"
    );
    Err(source.invalid(Some(domain.span()), message))
}

/// The beginning of a day in UTC, `2026-11-03`.
fn date(source: &Source, text: &Spanned<String>) -> Result<Timestamp, ConfigError> {
    let mut parts = text.get_ref().split('-').map(str::parse::<u16>);
    let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
    if let [Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None] = parts
        && let Some(days) = days_since_1970(year.into(), month.into(), day.into())
    {
        return Ok(Timestamp::from_parts(days * 86_400, 0));
    }
    let message = format!("`{}` is no date: write it as 2026-11-03", text.get_ref());
    Err(source.invalid(Some(text.span()), message))
}

/// Days from 1970 to a date of the Gregorian calendar; none where there is no such date.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok()?;
    let length = lengths.get(before)?;
    if !(1..=*length).contains(&day) || !(1970..=2261).contains(&year) {
        return None;
    }
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: i64 = lengths.iter().take(before).sum();
    Some(years + months + day - 1)
}
