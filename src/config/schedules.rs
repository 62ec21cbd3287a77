//! From `[[schedule]]`, `[an1191]` and `[an1415]` to what was agreed and the rules that ask for it.

use super::source::Source;
use super::{ConfigError, unwritten};
use crate::detect::an1191::An1191;
use crate::detect::an1415::An1415;
use crate::detect::client::Class;
use crate::detect::schedules::{Beat, Hours, Pattern, Schedule, Schedules, Weekday, Whom};
use crate::time::{Span, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use toml::Spanned;

/// `[[schedule]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct ScheduleTable {
    pub id: Spanned<String>,
    pub owner: Spanned<String>,
    #[serde(default)]
    pub role: Option<Spanned<String>>,
    #[serde(default)]
    pub hosts: Vec<Spanned<IpNet>>,
    #[serde(default)]
    pub client: Option<Class>,
    #[serde(default)]
    pub process: Option<Box<str>>,
    pub destinations: Vec<Spanned<String>>,
    #[serde(default = "every_day")]
    pub days: Vec<Weekday>,
    #[serde(default = "midnight")]
    pub from: Spanned<String>,
    #[serde(default = "midnight")]
    pub to: Spanned<String>,
    #[serde(default = "greenwich")]
    pub utc_offset: Spanned<String>,
    #[serde(default)]
    pub period_s: Option<Spanned<f64>>,
    #[serde(default)]
    pub jitter_s: Option<Spanned<f64>>,
    #[serde(default)]
    pub upload_bytes_max: Option<u64>,
    #[serde(default)]
    pub expected: bool,
    #[serde(default = "ten_minutes")]
    pub tolerance_s: Spanned<f64>,
    pub expires: Spanned<String>,
}

fn every_day() -> Vec<Weekday> {
    Weekday::ALL.to_vec()
}

fn midnight() -> Spanned<String> {
    unwritten("00:00".into())
}

fn greenwich() -> Spanned<String> {
    unwritten("+00:00".into())
}

fn ten_minutes() -> Spanned<f64> {
    unwritten(600.0)
}

/// `[an1191]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct An1191Table {
    pub calls_min: usize,
    pub occasions_min: usize,
    pub connection_interval_bits_min: f64,
}

impl Default for An1191Table {
    fn default() -> Self {
        let An1191 {
            calls_min,
            occasions_min,
            connection_interval_bits_min,
        } = An1191::SHIPPED;
        An1191Table {
            calls_min,
            occasions_min,
            connection_interval_bits_min,
        }
    }
}

impl An1191Table {
    pub(super) fn resolve(&self) -> An1191 {
        An1191 {
            calls_min: self.calls_min,
            occasions_min: self.occasions_min,
            connection_interval_bits_min: self.connection_interval_bits_min,
        }
    }
}

/// `[an1415]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // deploy/tapir.toml documents every key.
pub struct An1415Table {
    pub outbound_traffic_volume_threshold: u64,
    pub file_sensitivity_context: Vec<Box<str>>,
    pub p_max: Spanned<f64>,
    pub upload_bytes_min: u64,
}

impl Default for An1415Table {
    fn default() -> Self {
        let shipped = An1415::shipped();
        An1415Table {
            outbound_traffic_volume_threshold: shipped.outbound_traffic_volume_threshold,
            file_sensitivity_context: shipped.file_sensitivity_context,
            p_max: unwritten(shipped.p_max),
            upload_bytes_min: shipped.upload_bytes_min,
        }
    }
}

impl An1415Table {
    pub(super) fn resolve(&self, source: &Source) -> Result<An1415, ConfigError> {
        let p_max = *self.p_max.get_ref();
        if !(p_max > 0.0 && p_max <= 1.0) {
            let message = format!("p_max {p_max} is no probability: above 0 and at most 1");
            return Err(source.invalid(Some(self.p_max.span()), message));
        }
        Ok(An1415 {
            outbound_traffic_volume_threshold: self.outbound_traffic_volume_threshold,
            file_sensitivity_context: self.file_sensitivity_context.clone(),
            p_max,
            upload_bytes_min: self.upload_bytes_min,
        })
    }
}

/// The schedules of a file whose roles are called `roles`.
pub(super) fn resolve(
    tables: &[ScheduleTable],
    roles: &BTreeSet<&str>,
    source: &Source,
) -> Result<Schedules, ConfigError> {
    let mut ids = BTreeSet::new();
    let mut schedules = Vec::new();
    for table in tables {
        let id = table.id.get_ref();
        if id.is_empty() || !ids.insert(id) {
            let message = format!("schedule `{id}` is there twice or has no id of its own");
            return Err(source.invalid(Some(table.id.span()), message));
        }
        schedules.push(table.resolve(roles, source)?);
    }
    Ok(Schedules(schedules))
}

impl ScheduleTable {
    fn resolve(&self, roles: &BTreeSet<&str>, source: &Source) -> Result<Schedule, ConfigError> {
        let id = self.id.get_ref();
        let owner = self.owner.get_ref();
        if owner.trim().is_empty() {
            let message = format!("schedule `{id}` has no owner: name who answers for it");
            return Err(source.invalid(Some(self.owner.span()), message));
        }
        let days: BTreeSet<Weekday> = self.days.iter().copied().collect();
        if days.is_empty() || self.destinations.is_empty() {
            let message = format!("schedule `{id}` needs at least one day and one destination");
            return Err(source.invalid(Some(self.id.span()), message));
        }
        let hours = Hours {
            days: days.into_iter().collect(),
            from_s: self.clock(&self.from, source)?,
            to_s: self.clock(&self.to, source)?,
            offset_s: self.offset(source)?,
        };
        let pattern = |text: &Spanned<String>| {
            Pattern::new(text.get_ref()).map_err(|error| {
                let message = format!("destination `{}` {error}", text.get_ref());
                source.invalid(Some(text.span()), message)
            })
        };
        Ok(Schedule {
            id: id.as_str().into(),
            owner: owner.as_str().into(),
            whom: self.whom(roles, source)?,
            client: self.client,
            process: self.process.clone(),
            destinations: self
                .destinations
                .iter()
                .map(pattern)
                .collect::<Result<_, _>>()?,
            hours,
            beat: self.beat(source)?,
            upload_bytes_max: self.upload_bytes_max,
            expected: self.expected,
            tolerance: source.seconds(&self.tolerance_s)?,
            expires_at: self.expires_at(source)?,
        })
    }

    fn whom(&self, roles: &BTreeSet<&str>, source: &Source) -> Result<Whom, ConfigError> {
        let id = self.id.get_ref();
        match (&self.role, self.hosts.as_slice()) {
            (Some(role), []) if roles.contains(role.get_ref().as_str()) => {
                Ok(Whom::Role(role.get_ref().as_str().into()))
            }
            (Some(role), []) => {
                let known: Vec<&str> = roles.iter().copied().collect();
                let known = known.join(", ");
                let message = format!("role `{}` is none of: {known}", role.get_ref());
                Err(source.invalid(Some(role.span()), message))
            }
            (None, [_, ..]) => {
                let networks = self.hosts.iter().map(|host| host.get_ref().trunc());
                Ok(Whom::Networks(networks.collect()))
            }
            _ => {
                let message = format!("schedule `{id}` needs either `role` or `hosts`");
                Err(source.invalid(Some(self.id.span()), message))
            }
        }
    }

    fn beat(&self, source: &Source) -> Result<Option<Beat>, ConfigError> {
        let period = self
            .period_s
            .as_ref()
            .map(|period| source.seconds(period))
            .transpose()?;
        let jitter = self
            .jitter_s
            .as_ref()
            .map(|jitter| source.seconds(jitter))
            .transpose()?;
        let message = match (period, jitter) {
            (None, None) => return Ok(None),
            (Some(period), jitter) if jitter.is_none_or(|jitter| jitter < period) => {
                let jitter = jitter.unwrap_or(Span::ZERO);
                return Ok(Some(Beat { period, jitter }));
            }
            (None, Some(_)) => "jitter_s needs a period_s",
            (Some(_), _) => "jitter_s must be below period_s",
        };
        let span = self.jitter_s.as_ref().map(Spanned::span);
        Err(source.invalid(span, message.into()))
    }

    /// `HH:MM` as a second of the day.
    fn clock(&self, text: &Spanned<String>, source: &Source) -> Result<u32, ConfigError> {
        clock(text.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is no time of day: write 08:30", text.get_ref());
            source.invalid(Some(text.span()), message)
        })
    }

    /// `+HH:MM` or `-HH:MM` as seconds.
    fn offset(&self, source: &Source) -> Result<i32, ConfigError> {
        let text = self.utc_offset.get_ref();
        let parts = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rest), _) => Some((1, rest)),
            (_, Some(rest)) => Some((-1, rest)),
            _ => None,
        };
        let parsed = parts.and_then(|(sign, rest)| Some(sign * i32::try_from(clock(rest)?).ok()?));
        // From the Line Islands to Baker Island.
        parsed
            .filter(|offset_s| (-12 * 3600..=14 * 3600).contains(offset_s))
            .ok_or_else(|| {
                let message = format!("`{text}` is no offset from UTC: write +01:00 or -05:00");
                source.invalid(Some(self.utc_offset.span()), message)
            })
    }

    fn expires_at(&self, source: &Source) -> Result<Timestamp, ConfigError> {
        date(self.expires.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is no date: write 2027-03-31", self.expires.get_ref());
            source.invalid(Some(self.expires.span()), message)
        })
    }
}

fn two_digits(text: &str) -> Option<u32> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn clock(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

/// The beginning of the day `YYYY-MM-DD` in UTC, from 1970 to 2261.
fn date(text: &str) -> Option<Timestamp> {
    let mut parts = text.split('-');
    let year: i64 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let (month, day) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *months.get((month as usize).checked_sub(1)?)?;
    if parts.next().is_some() || !(1970..2262).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Leap years before `year`, counted from 1970.
    let leaps = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let before: u32 = months.iter().take(month as usize - 1).sum();
    let days = (year - 1970) * 365 + leaps(year) - leaps(1970) + i64::from(before + day) - 1;
    Some(Timestamp::from_parts(days * 86_400, 0))
}
