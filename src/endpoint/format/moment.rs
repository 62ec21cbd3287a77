//! From the times that agents write to the window in which something happened.
//!
//! Knows no time zones but offsets, and no leap seconds. A time without a fraction of a second is
//! cut to the second, so its window is a second wide.

use super::json::Json;
use crate::endpoint::report::Window;
use crate::time::{Span, Timestamp};
use serde_json::Value;

/// The last nanosecond of a second, from its first.
const SECOND: Span = Span::from_nanos(999_999_999);

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// This moment, to the nanosecond.
pub(super) fn exactly(at: Timestamp) -> Window {
    Window { from: at, to: at }
}

/// The second that begins with `at`.
fn second(at: Timestamp) -> Window {
    Window {
        from: at,
        to: at + SECOND,
    }
}

/// `2026-11-21T02:00:00.123Z`, with a blank for the `T`, with an offset, or without any (UTC).
pub(super) fn calendar(json: Json<'_>) -> Option<Window> {
    calendar_text(json.text()?)
}

/// As [`calendar`].
pub(super) fn calendar_text(text: &str) -> Option<Window> {
    let (date, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    of_day(numbers(date, '-')?, time)
}

/// `Nov 21 2026 02:00:00.123 UTC`, as CEF has it; without a zone it is UTC.
pub(super) fn english(text: &str) -> Option<Window> {
    let mut words = text.split_whitespace();
    let (month, day, year) = (words.next()?, words.next()?, words.next()?);
    let time = format!("{} {}", words.next()?, words.next().unwrap_or_default());
    let date = [year.parse().ok()?, month_of(month)?, day.parse().ok()?];
    of_day(date, time.trim_end())
}

/// `21/Nov/2026:02:00:00 +0000`, as web servers log.
pub(super) fn web(text: &str) -> Option<Window> {
    let (date, time) = text.split_once(':')?;
    let mut parts = date.split('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    of_day(
        [year.parse().ok()?, month_of(month)?, day.parse().ok()?],
        time,
    )
}

fn month_of(name: &str) -> Option<i64> {
    let mut months = MONTHS.iter().zip(1..);
    let found = months.find(|(month, _)| month.eq_ignore_ascii_case(name));
    found.map(|(_, number)| number)
}

/// The moment of a date and what follows it: `02:00:00.123Z`.
fn of_day([year, month, day]: [i64; 3], time: &str) -> Option<Window> {
    let (clock, rest) = time.split_at_checked(8)?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let in_years = (1..=9999).contains(&year);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_years || !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let fraction = match rest.starts_with(['.', ',']) {
        true => rest.get(1..=digits)?,
        false => "",
    };
    let zone = match fraction {
        "" => rest,
        _ => rest.get(digits + 1..)?,
    };
    let of_day = (hour * 60 + minute) * 60 + second - offset(zone)?;
    window(days(year, month, day) * 86_400 + of_day, fraction)
}

/// Seconds since 1970, as a number or a string, maybe with a fraction: `1757195073.478`.
pub(super) fn seconds(json: Json<'_>) -> Option<Window> {
    match json.value()? {
        Value::String(text) => seconds_text(text.trim()),
        Value::Number(number) => seconds_text(&number.to_string()),
        _ => None,
    }
}

/// As [`seconds`].
pub(super) fn seconds_text(text: &str) -> Option<Window> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    window(whole.parse().ok().filter(|whole| *whole > 0)?, fraction)
}

/// Milliseconds since 1970.
pub(super) fn millis(json: Json<'_>) -> Option<Window> {
    let millis = json.i64().filter(|millis| *millis > 0)?;
    Some(exactly(Timestamp::from_nanos(
        millis.saturating_mul(1_000_000),
    )))
}

/// Nanoseconds since 1970.
pub(super) fn nanos(json: Json<'_>) -> Option<Window> {
    let nanos = json.i64().filter(|nanos| *nanos > 0)?;
    Some(exactly(Timestamp::from_nanos(nanos)))
}

/// The moment at which a process began, by a time that [`calendar`] reads; 1970 stands for none.
pub(super) fn start(json: Json<'_>) -> Option<Timestamp> {
    let at = calendar(json)?.from;
    (at > Timestamp::from_nanos(0)).then_some(at)
}

fn window(whole: i64, fraction: &str) -> Option<Window> {
    if fraction.is_empty() {
        return Some(second(Timestamp::from_parts(whole, 0)));
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some(exactly(Timestamp::from_parts(whole, nanos)))
}

/// Three numbers with `between` between them.
fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| digits)
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Seconds by which a clock of this zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.trim();
    if matches!(zone, "" | "Z" | "z" | "UTC" | "+00:00") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.strip_prefix(['+', '-'])?.split(':').collect();
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// Days from 1970-01-01 to this date of the Gregorian calendar. Years begin with March here, so
/// that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}
