//! From a line to its JSON, and from a place in it to a text, a number or an address.
//!
//! Knows no agent. What is missing or of another kind is none; numbers may be written as strings.
//! Bounded before anything is built: the line's length, its depth, its objects and lists.

use super::address;
use super::command;
use super::refused::Refused;
use serde_json::Value;
use std::net::IpAddr;

/// Bytes of a line.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;
/// How deep objects and lists may nest.
pub(super) const DEPTH_MAX: usize = 64;
/// Objects and lists in a line: each takes up to 700 bytes, however few it has in the line.
pub(super) const COLLECTIONS_MAX: usize = 16_384;
/// Bytes kept of a path or a command line: Linux's longest path.
pub(super) const TEXT_BYTES_MAX: usize = 4096;
/// Bytes kept of a name or an identifier.
pub(super) const NAME_BYTES_MAX: usize = 256;
/// Elements read of a list of arguments.
const ARGUMENTS_MAX: usize = 1024;

/// The JSON of a line that was checked; `null` for one that is blank.
pub(super) fn parse(line: &[u8]) -> Result<Value, Refused> {
    if line.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(line).map_err(|error| Refused::NotJson {
        column: error.column(),
    })
}

/// Refuses a line that is too long, too deep or too wide; strings are passed over.
pub(super) fn check(line: &[u8]) -> Result<(), Refused> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Refused::TooLong { bytes: line.len() });
    }
    let (mut depth, mut collections) = (0usize, 0usize);
    let (mut within, mut escaped) = (false, false);
    for (at, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            b'{' | b'[' if !within => {
                depth += 1;
                collections += 1;
            }
            b'}' | b']' if !within => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(Refused::TooDeep { column: at + 1 });
        }
    }
    match collections > COLLECTIONS_MAX {
        true => Err(Refused::TooWide),
        false => Ok(()),
    }
}

/// The longest beginning of `text` that has at most `max` bytes.
pub(super) fn clip(text: &str, max: usize) -> &str {
    let mut ends = (0..=max.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// A place in the JSON of a line, which may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Json<'a>(Option<&'a Value>);

impl<'a> Json<'a> {
    pub(super) fn new(value: &'a Value) -> Json<'a> {
        Json(Some(value))
    }

    /// The member `key` of an object.
    pub(super) fn get(self, key: &str) -> Json<'a> {
        let object = self.0.and_then(Value::as_object);
        Json(object.and_then(|object| object.get(key)))
    }

    /// The member at `path`, keys with dots between.
    pub(super) fn at(self, path: &str) -> Json<'a> {
        path.split('.').fold(self, Json::get)
    }

    /// Whether there is something: neither nothing nor `null`.
    pub(super) fn is_some(self) -> bool {
        self.0.is_some_and(|value| !value.is_null())
    }

    /// This, or `other` where there is nothing here.
    pub(super) fn or(self, other: Json<'a>) -> Json<'a> {
        if self.is_some() { self } else { other }
    }

    pub(super) fn is_object(self) -> bool {
        self.0.is_some_and(Value::is_object)
    }

    pub(super) fn value(self) -> Option<&'a Value> {
        self.0
    }

    /// The keys of an object, in alphabetical order.
    pub(super) fn keys(self) -> impl Iterator<Item = &'a str> {
        let object = self.0.and_then(Value::as_object);
        object.into_iter().flatten().map(|(key, _)| key.as_str())
    }

    /// The elements of a list; what is no list has none.
    pub(super) fn items(self) -> impl Iterator<Item = Json<'a>> {
        let list = self.0.and_then(Value::as_array);
        list.into_iter().flatten().map(Json::new)
    }

    /// A list's elements, or this alone where it is no list.
    pub(super) fn each(self) -> impl Iterator<Item = Json<'a>> {
        let alone = self.0.filter(|value| !value.is_array()).map(Json::new);
        self.items().chain(alone)
    }

    /// A string that is not empty.
    pub(super) fn text(self) -> Option<&'a str> {
        let text = self.0.and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty())
    }

    /// A string, or a whole number as one: a name or an identifier.
    pub(super) fn name(self) -> Option<Box<str>> {
        match (self.text(), self.0) {
            (Some(text), _) => Some(clip(text, NAME_BYTES_MAX).into()),
            (None, Some(Value::Number(number))) if !number.is_f64() => {
                Some(number.to_string().into())
            }
            _ => None,
        }
    }

    /// The path of a file or a program.
    pub(super) fn path(self) -> Option<Box<str>> {
        Some(clip(self.text()?, TEXT_BYTES_MAX).into())
    }

    /// A command line, or the list of its arguments; without secrets.
    pub(super) fn command(self) -> Option<Box<str>> {
        match self.text() {
            Some(text) => Some(command::kept(text)),
            None => {
                let arguments = self.items().take(ARGUMENTS_MAX);
                let words: Vec<&str> = arguments
                    .map(|word| word.0.and_then(Value::as_str).unwrap_or_default())
                    .collect();
                command::of_arguments(&words)
            }
        }
    }

    pub(super) fn u64(self) -> Option<u64> {
        match self.0? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn i64(self) -> Option<i64> {
        match self.0? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn u32(self) -> Option<u32> {
        self.u64().and_then(|number| u32::try_from(number).ok())
    }

    /// `true`, 1, or either as a string.
    pub(super) fn flag(self) -> Option<bool> {
        match self.0? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            },
            _ => self.u64().map(|number| number != 0),
        }
    }

    /// A process's number. 0 is the kernel, which stands where nobody else was known.
    pub(super) fn pid(self) -> Option<u32> {
        self.u32().filter(|pid| *pid != 0)
    }

    /// A user's number: agents write those near the end of 32 bits as negative; the last is nobody.
    pub(super) fn uid(self) -> Option<u32> {
        let number = self.i64()?;
        let uid = u32::try_from(number).or(i32::try_from(number).map(i32::cast_unsigned));
        uid.ok().filter(|uid| *uid != u32::MAX)
    }

    pub(super) fn port(self) -> Option<u16> {
        let port = self.u64().and_then(|number| u16::try_from(number).ok());
        port.filter(|port| *port != 0)
    }

    pub(super) fn addr(self) -> Option<IpAddr> {
        self.text().and_then(address::addr)
    }

    /// A hash of `bytes` bytes in hexadecimal, in lower case.
    pub(super) fn hash(self, bytes: usize) -> Option<Box<str>> {
        let text = self.text()?;
        let whole = text.len() == 2 * bytes && text.bytes().all(|b| b.is_ascii_hexdigit());
        whole.then(|| text.to_ascii_lowercase().into())
    }
}
