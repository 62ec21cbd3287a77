//! From what the operator agreed to, to whether a call keeps to it.
//!
//! A [`Schedule`] is a contract: somebody owns it, it says who may call what with which client, in
//! which hours, how often and how much, and it ends. Judges nothing and reads no file; `config`
//! checks and builds it. Time zones are fixed offsets: a site with summer time writes the wider
//! window.

#[cfg(test)]
pub(super) mod tests;

use super::catalogue::{PatternError, name_text, pattern_name};
use super::client::{Class, ClientClass};
use crate::time::{Span, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

const DAY_S: i64 = 86_400;

/// Days of the week, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The names speak.
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// The whole week.
    pub const ALL: [Weekday; 7] = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
}

/// When a schedule's windows are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hours {
    /// Days on which a window begins.
    pub days: Vec<Weekday>,
    /// Second of the day at which it begins.
    pub from_s: u32,
    /// Second of the day at which it ends; at or before `from_s`, on the next day.
    pub to_s: u32,
    /// How far the local clock is ahead of UTC.
    pub offset_s: i32,
}

/// One window: from, and up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

impl Window {
    /// Whether `at` is in it, give or take `tolerance`.
    pub fn holds(&self, at: Timestamp, tolerance: Span) -> bool {
        let early = Span::from_nanos(tolerance.as_nanos().saturating_neg());
        self.from + early <= at && at <= self.to + tolerance
    }
}

impl Hours {
    /// The window that begins on the local day `day` since 1970, if one does.
    fn window_of(&self, day: i64) -> Option<Window> {
        // 1970-01-01 was a Thursday.
        let weekday = Weekday::ALL.get((day + 3).rem_euclid(7) as usize)?;
        if !self.days.contains(weekday) {
            return None;
        }
        let (from_s, to_s) = (i64::from(self.from_s), i64::from(self.to_s));
        let length_s = match (to_s - from_s).rem_euclid(DAY_S) {
            0 => DAY_S,
            length_s => length_s,
        };
        let begin_s = day.saturating_mul(DAY_S) + from_s - i64::from(self.offset_s);
        let from = Timestamp::from_parts(begin_s, 0);
        let to = from + Span::from_secs(length_s);
        Some(Window { from, to })
    }

    fn day(&self, at: Timestamp) -> i64 {
        let local_s = at.as_nanos().div_euclid(1_000_000_000) + i64::from(self.offset_s);
        local_s.div_euclid(DAY_S)
    }

    /// The window that holds `at`, give or take `tolerance`.
    pub fn window_at(&self, at: Timestamp, tolerance: Span) -> Option<Window> {
        let day = self.day(at);
        let near = (day - 2..=day + 1).filter_map(|day| self.window_of(day));
        near.rev().find(|window| window.holds(at, tolerance))
    }

    /// The first window that begins after `at`.
    pub fn next_after(&self, at: Timestamp) -> Option<Window> {
        let day = self.day(at);
        let next = (day - 1..=day + 8).filter_map(|day| self.window_of(day));
        next.into_iter().find(|window| window.from > at)
    }
}

/// Names of destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pattern {
    name: Box<str>,
    /// Whether names below it match too.
    wild: bool,
}

impl Pattern {
    /// `x.example.com`, or `*.example.com` for it and everything below it.
    ///
    /// # Errors
    /// When the text is no host name, or would match names of many owners.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        let (wild, name) = pattern_name(text)?;
        let name = name.into_boxed_str();
        Ok(Pattern { name, wild })
    }

    fn matches(&self, name: &str) -> bool {
        let head = name.strip_suffix(&*self.name);
        head.is_some_and(|head| head.is_empty() || self.wild && head.ends_with('.'))
    }
}

/// Whom a schedule is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Whom {
    /// The members of a role.
    Role(Box<str>),
    /// Hosts by address.
    Networks(Vec<IpNet>),
}

/// How often calls come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Beat {
    /// From one to the next.
    pub period: Span,
    /// How much sooner one may come.
    pub jitter: Span,
}

/// What was agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Its name, unique.
    pub id: Box<str>,
    /// Who answers for it.
    pub owner: Box<str>,
    /// Whom it is for.
    pub whom: Whom,
    /// The kind of client that calls; any where it is not said.
    pub client: Option<Class>,
    /// The process that calls: only an endpoint agent could tell, so it is named in alerts as what
    /// to look for.
    pub process: Option<Box<str>>,
    /// What is called.
    pub destinations: Vec<Pattern>,
    /// When.
    pub hours: Hours,
    /// How often.
    pub beat: Option<Beat>,
    /// The most that one call uploads.
    pub upload_bytes_max: Option<u64>,
    /// Whether a window without a call is to be told.
    pub expected: bool,
    /// How far windows reach beyond their hours.
    pub tolerance: Span,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A call that may or may not have been agreed to.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub host: IpAddr,
    /// Of which role.
    pub role: &'a str,
    /// What is called; none where nothing names it.
    pub name: Option<&'a [u8]>,
    /// With which client.
    pub class: ClientClass,
}

/// What the schedules say of a call; a later one wins over an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Approval<'a> {
    /// Nothing.
    None,
    /// It was agreed to, but no longer is.
    Expired(&'a Schedule),
    /// It is agreed to in other hours.
    OutOfWindow(&'a Schedule),
    /// It is agreed to.
    InWindow(&'a Schedule),
}

impl<'a> Approval<'a> {
    /// The schedule that is kept or broken.
    pub fn schedule(self) -> Option<&'a Schedule> {
        match self {
            Approval::InWindow(schedule) | Approval::OutOfWindow(schedule) => Some(schedule),
            Approval::None | Approval::Expired(_) => None,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Approval::None => 0,
            Approval::Expired(_) => 1,
            Approval::OutOfWindow(_) => 2,
            Approval::InWindow(_) => 3,
        }
    }
}

impl Schedule {
    /// Whether it is about `call`, whenever that is.
    fn covers(&self, call: &Call<'_>) -> bool {
        let whom = match &self.whom {
            Whom::Role(role) => **role == *call.role,
            Whom::Networks(networks) => networks.iter().any(|net| net.contains(&call.host)),
        };
        let client = self.client.is_none_or(|class| call.class.is_mostly(class));
        let name = call.name.and_then(name_text);
        let named = name.is_some_and(|name| self.destinations.iter().any(|d| d.matches(&name)));
        whom && client && named
    }

    fn approval(&self, call: &Call<'_>) -> Approval<'_> {
        if !self.covers(call) {
            Approval::None
        } else if call.at >= self.expires_at {
            Approval::Expired(self)
        } else if self.hours.window_at(call.at, self.tolerance).is_some() {
            Approval::InWindow(self)
        } else {
            Approval::OutOfWindow(self)
        }
    }
}

/// Everything that was agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Schedules(pub Vec<Schedule>);

impl Schedules {
    /// What they say of `call`. Of several that say the same, the first in the file.
    pub fn approval(&self, call: &Call<'_>) -> Approval<'_> {
        let all = self.0.iter().map(|schedule| schedule.approval(call));
        all.fold(Approval::None, |best, next| {
            match next.rank() > best.rank() {
                true => next,
                false => best,
            }
        })
    }

    /// The schedule `id`.
    pub fn get(&self, id: &str) -> Option<&Schedule> {
        self.0.iter().find(|schedule| &*schedule.id == id)
    }
}
