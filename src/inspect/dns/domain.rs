//! From the bytes of a domain name to its length and text.
//!
//! Every name is walked once before `dns-parser` or anything else may look at it, because nothing
//! else bounds what compression pointers cost: at most [`HOPS_MAX`] pointers, each to before all
//! that led to it, at most 255 bytes, and in all no more steps than the message's length accounts
//! for.

use super::fault::Fault;
use bstr::BString;
use std::io::Write;

/// Pointers in one name. Real names have one or two; a label a pointer would need 127.
pub(super) const HOPS_MAX: usize = 16;

/// Bytes of a name as if it was written without pointers (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 255;

/// Steps (a byte of a label, or a pointer) that a byte of a message pays for. The shortest record
/// has 12 bytes and a name of at most 255, so that only names of full length throughout ask for
/// more.
const STEPS_PER_BYTE: usize = 16;

/// Steps that every message may take.
const STEPS_MIN: usize = 1024;

/// A message, and how many steps along its names are left.
#[derive(Debug)]
pub(super) struct Names<'a> {
    message: &'a [u8],
    steps_left: usize,
    netbios: bool,
}

/// A name that keeps all bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    message: &'a [u8],
    at: usize,
    /// Where the bytes after the name begin.
    pub(super) end: usize,
    /// What `dns-parser` makes of it; it takes no labels beyond ASCII, and prints a dot too many
    /// where a pointer leads to the root.
    parsed: Option<dns_parser::Name<'a>>,
}

impl<'a> Names<'a> {
    /// The names of `message`; in the NetBIOS name service a label may have up to 191 bytes.
    pub(super) fn new(message: &'a [u8], netbios: bool) -> Names<'a> {
        Names {
            message,
            steps_left: STEPS_MIN.saturating_add(message.len().saturating_mul(STEPS_PER_BYTE)),
            netbios,
        }
    }

    /// The whole message.
    pub(super) fn message(&self) -> &'a [u8] {
        self.message
    }

    /// How many steps are left.
    #[cfg(test)]
    pub(super) fn steps_left(&self) -> usize {
        self.steps_left
    }

    /// Reads the name at `at`, whose own bytes must lie before `limit`.
    pub(super) fn read(&mut self, at: usize, limit: usize) -> Result<Name<'a>, Fault> {
        let (end, plain) = self.walk(at, limit)?;
        let own = self.message.get(at..limit).filter(|_| plain);
        let parsed = own.and_then(|own| dns_parser::Name::scan(own, self.message).ok());
        let end = parsed.map_or(end, |name| at.saturating_add(name.byte_len()));
        Ok(Name {
            message: self.message,
            at,
            end,
            parsed,
        })
    }

    /// Follows the name at `at` to its root, and says where its own bytes end and whether
    /// `dns-parser` gets its text right.
    fn walk(&mut self, at: usize, limit: usize) -> Result<(usize, bool), Fault> {
        let (mut pos, mut limit, mut lowest) = (at, limit, at);
        let (mut end, mut plain) = (None, true);
        let (mut hops, mut bytes) = (0, 1);
        loop {
            match step(self.message, pos, limit, self.netbios)? {
                Step::Root => {
                    plain &= hops == 0 || pos != lowest;
                    return Ok((end.unwrap_or(pos.saturating_add(1)), plain));
                }
                Step::Label(label) => {
                    self.pay(label.len().saturating_add(1))?;
                    plain &= label.is_ascii();
                    bytes += label.len() + 1;
                    pos = pos.saturating_add(label.len() + 1);
                    if bytes > NAME_BYTES_MAX {
                        return Err(Fault::NameTooLong);
                    }
                }
                Step::Pointer(target) => {
                    self.pay(1)?;
                    hops += 1;
                    if hops > HOPS_MAX {
                        return Err(Fault::PointersTooMany);
                    }
                    if target >= lowest {
                        return Err(Fault::PointerForward);
                    }
                    end = end.or(Some(pos.saturating_add(2)));
                    (pos, lowest, limit) = (target, target, self.message.len());
                }
            }
        }
    }

    /// Takes `steps` from what is left.
    fn pay(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps_left = self
            .steps_left
            .checked_sub(steps)
            .ok_or(Fault::NamesTooCostly)?;
        Ok(())
    }
}

impl Name<'_> {
    /// Whether `dns-parser` gets its text right.
    pub(super) fn is_plain(&self) -> bool {
        self.parsed.is_some()
    }

    /// The labels with a dot between them, empty for the root, in the case they were sent in. No
    /// byte is escaped: that is the log's business, as it is in Zeek.
    pub(super) fn text_as_sent(&self) -> BString {
        let mut text = Vec::with_capacity(32);
        if let Some(parsed) = self.parsed {
            // Writing to a vector cannot fail.
            let _ = write!(text, "{parsed}");
            return text.into();
        }
        let mut pos = self.at;
        // Steps of a name that was walked before, so that it ends; long labels are taken as they
        // were then.
        while let Ok(step) = step(self.message, pos, self.message.len(), true) {
            match step {
                Step::Root => break,
                Step::Pointer(target) => pos = target,
                Step::Label(label) => {
                    if !text.is_empty() {
                        text.push(b'.');
                    }
                    text.extend_from_slice(label);
                    pos = pos.saturating_add(label.len() + 1);
                }
            }
        }
        text.into()
    }

    /// The labels in lower case, as Zeek logs names.
    pub(super) fn text(&self) -> BString {
        let mut text = self.text_as_sent();
        text.make_ascii_lowercase();
        text
    }
}

/// The text of a name that `dns-parser` found in data whose names were walked before.
pub(super) fn parsed_text(name: &dns_parser::Name<'_>) -> BString {
    let mut text = Vec::with_capacity(32);
    // Writing to a vector cannot fail.
    let _ = write!(text, "{name}");
    text.make_ascii_lowercase();
    text.into()
}

/// What stands at a place in a name.
enum Step<'a> {
    Root,
    Label(&'a [u8]),
    Pointer(usize),
}

/// Reads what stands at `pos`, with no byte from `limit` on.
fn step(message: &[u8], pos: usize, limit: usize, long: bool) -> Result<Step<'_>, Fault> {
    let rest = message.get(pos..limit).ok_or(Fault::NamePastEnd)?;
    let (&length, rest) = rest.split_first().ok_or(Fault::NamePastEnd)?;
    match length {
        0 => Ok(Step::Root),
        0xc0.. => {
            let low = rest.first().ok_or(Fault::NamePastEnd)?;
            Ok(Step::Pointer(
                usize::from(length & 0x3f) << 8 | usize::from(*low),
            ))
        }
        64.. if !long => Err(Fault::LabelType),
        _ => rest
            .get(..usize::from(length))
            .map(Step::Label)
            .ok_or(Fault::NamePastEnd),
    }
}
