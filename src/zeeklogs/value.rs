//! From a column's text to numbers, moments, addresses and names; none where it is no such thing.

use crate::net::{Endpoint, Transport, Uid};
use crate::observe::ConnState;
use crate::time::{Span, Timestamp};
use foldhash::quality::FixedState;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Seconds at which a moment is no longer believed (year 2242), within 64 bits of nanoseconds.
const SECONDS_MAX: i64 = 1 << 33;
/// A whole number above this is milliseconds (`JSON::TS_MILLIS`): in seconds it were year 5138.
const MILLIS_FROM: i64 = 100_000_000_000;
/// Seed of the hash that stands for uids which are not written as Zeek writes them.
const UID_SEED: u64 = 0x7461_7069_7200_0011;

pub fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

pub fn count(bytes: &[u8]) -> Option<u64> {
    text(bytes)?.parse().ok()
}

pub fn double(bytes: &[u8]) -> Option<f64> {
    let number: f64 = text(bytes)?.parse().ok()?;
    number.is_finite().then_some(number)
}

pub fn truth(bytes: &[u8]) -> Option<bool> {
    match bytes {
        b"T" | b"true" | b"1" => Some(true),
        b"F" | b"false" | b"0" => Some(false),
        _ => None,
    }
}

pub fn addr(bytes: &[u8]) -> Option<IpAddr> {
    text(bytes)?.parse().ok()
}

pub fn endpoint(host: &[u8], port: &[u8]) -> Option<Endpoint> {
    // Some writers put the transport behind the port: `53/udp`.
    let port = port.split(|byte| *byte == b'/').next()?;
    Some(Endpoint {
        addr: addr(host)?,
        port: text(port)?.parse().ok()?,
    })
}

/// A uid; what is not written as Zeek writes it gets one that nothing else has.
pub fn uid(bytes: &[u8]) -> Uid {
    Uid::parse(bytes).unwrap_or_else(|| {
        let hash = |seed| FixedState::with_seed(seed).hash_one(bytes);
        Uid::from_words(hash(UID_SEED) as u32, hash(UID_SEED + 1))
    })
}

pub fn transport(bytes: &[u8]) -> Transport {
    match bytes {
        b"tcp" => Transport::Tcp,
        b"udp" => Transport::Udp,
        b"icmp" => Transport::Icmp,
        _ => Transport::Unknown,
    }
}

pub fn state(bytes: &[u8]) -> Option<ConnState> {
    use ConnState::*;
    let all = [
        Oth, Rej, Rsto, Rstos0, Rstr, Rstrh, S0, S1, S2, S3, Sf, Sh, Shr,
    ];
    all.into_iter()
        .find(|state| state.name().as_bytes() == bytes)
}

/// A length of time in seconds, at most 272 years.
pub fn span(bytes: &[u8]) -> Option<Span> {
    nanos(text(bytes)?).map(Span::from_nanos)
}

/// A moment: seconds since 1970, whole milliseconds, or ISO 8601.
pub fn moment(bytes: &[u8]) -> Option<Timestamp> {
    let text = text(bytes)?;
    if text.as_bytes().get(4) == Some(&b'-') {
        return iso(text);
    }
    if let Ok(whole) = text.parse::<i64>()
        && whole >= MILLIS_FROM
    {
        let nanos = (whole / 1000 < SECONDS_MAX).then(|| whole.checked_mul(1_000_000))?;
        return nanos.map(Timestamp::from_nanos);
    }
    let nanos = nanos(text).filter(|nanos| *nanos >= 0);
    nanos.map(Timestamp::from_nanos)
}

/// Seconds as a decimal fraction, in nanoseconds; what is finer is cut off.
fn nanos(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.contains(['e', 'E']) {
        let seconds: f64 = digits.parse().ok()?;
        let within = (0.0..SECONDS_MAX as f64).contains(&seconds);
        let nanos = within.then(|| (seconds * 1e9).round() as i64)?;
        return Some(if negative { -nanos } else { nanos });
    }
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let whole: i64 = whole.parse().ok().filter(|whole| *whole < SECONDS_MAX)?;
    let mut nanos = whole.checked_mul(1_000_000_000)?;
    let mut unit = 100_000_000;
    for digit in part.bytes().take(9) {
        nanos = nanos.checked_add(i64::from(digit - b'0') * unit)?;
        unit /= 10;
    }
    Some(if negative { -nanos } else { nanos })
}

/// `2026-11-02T10:22:54.898786Z` (`JSON::TS_ISO8601`), in UTC.
fn iso(text: &str) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let mark = |at: usize, mark: u8| text.as_bytes().get(at) == Some(&mark);
    let marks =
        mark(4, b'-') && mark(7, b'-') && mark(10, b'T') && mark(13, b':') && mark(16, b':');
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute) = (number(11..13)?, number(14..16)?);
    let seconds = nanos(text.get(17..)?.strip_suffix('Z')?)?;
    let ranges = (1970..2242).contains(&year) && (1..=12).contains(&month);
    let ranges = ranges && (1..=31).contains(&day) && (0..24).contains(&hour);
    if !marks || !ranges || !(0..60).contains(&minute) || !(0..61_000_000_000).contains(&seconds) {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, years begun in March.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leaps = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leaps + (153 * month + 2) / 5 + day - 1 - 719_468;
    let whole = (days * 24 + hour) * 60 + minute;
    Some(Timestamp::from_nanos(whole * 60_000_000_000 + seconds))
}
