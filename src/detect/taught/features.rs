//! From what a flow shows in passing to the features that programs are told by.
//!
//! Judges nothing. Everything here is from the wire, so each part is cut to a bound.

use crate::detect::called::Called;
use crate::detect::settings::Settings;
use crate::endpoint::attribution::Level;
use crate::endpoint::report::Process;
use crate::net::Side;
use crate::observe::profile::FlowProfile;
use crate::observe::{FlowId, HttpTransaction, TlsSession};
use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Records of the client whose lengths are its rhythm; a handshake's and a request or two.
const RHYTHM_MAX: usize = 5;
/// A JA4 has 36 bytes; the family of a user agent is cut to this.
const FAMILY_BYTES_MAX: usize = 32;
/// Characters of a program's name.
const PROGRAM_CHARS_MAX: usize = 64;
/// Any number, but always the same.
const SEED: u64 = 0x7461_7069_7200_0003;
/// Browsers by what their user agents hold; the later ones name themselves as earlier ones too.
const BROWSERS: [&str; 5] = ["Firefox/", "Edg/", "OPR/", "Chrome/", "Safari/"];

/// The same hash everywhere and always.
pub fn hash(of: &impl std::hash::Hash) -> u64 {
    FixedState::with_seed(SEED).hash_one(of)
}

/// What an open flow has shown of its program so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// JA4, or `ua:` and the family of a user agent in clear; empty before either.
    stack: Box<str>,
    hello: u64,
    rhythm: Box<[u8]>,
    ending: Option<u8>,
}

/// What a flow shows of its program, and what it calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Features {
    /// JA4, or `ua:` and the family of a user agent in clear.
    stack: Box<str>,
    /// A hash of what JA4 leaves out: the order of the hello (JA3; nothing where it greases, since
    /// such clients shuffle), the protocols it offers, and the version that was agreed on.
    hello: u64,
    /// Lengths of the client's first records after the hello, or of its first pieces in clear, as
    /// their count of bits.
    rhythm: Box<[u8]>,
    /// Who closed first, and who reset the flow; see [`ending`]. None of one that goes on.
    ending: Option<u8>,
    /// What is called: a service, a registrable domain or a network.
    object: Arc<str>,
    /// Its category in the catalogue, or whether it has a name at all.
    class: Box<str>,
    /// Its port.
    port: u16,
}

/// What flows that are alike on one level have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// On which level.
    pub level: Level,
    stack: Box<str>,
    hello: u64,
    rhythm: Option<Box<[u8]>>,
    ending: Option<u8>,
    /// What is called or its kind, and the port.
    place: Option<(Box<str>, u16)>,
}

impl Key {
    /// The key as text, for tables of names.
    pub fn text(&self) -> String {
        format!("{:016x}", hash(self))
    }
}

impl Shown {
    /// A hello was seen.
    pub fn handle_tls(&mut self, tls: &TlsSession) {
        let Some(ja4) = &tls.ja4 else { return };
        let greases = tls.hello.is_none_or(|hello| hello.grease);
        let order = tls.ja3.as_deref().filter(|_| !greases);
        self.hello = hash(&(order, &tls.client_alpn, tls.version));
        self.stack.clone_from(ja4);
    }

    /// A request in clear was seen: the first one tells.
    pub fn handle_http(&mut self, http: &HttpTransaction) {
        let agent = http.user_agent.as_deref().map(|agent| &**agent);
        if let Some(family) = agent.and_then(family).filter(|_| self.stack.is_empty()) {
            self.stack = format!("ua:{family}").into();
        }
    }

    /// The flow's shape was told.
    pub fn handle_profile(&mut self, profile: &FlowProfile) {
        let own = |side: &Side| *side == Side::Originator;
        let lengths = profile.first.iter().filter(|first| own(&first.side));
        // The hello's length is that of the server's name.
        let lengths = lengths.skip(usize::from(profile.tls)).take(RHYTHM_MAX);
        let bits = |len: u16| (u16::BITS - len.leading_zeros()) as u8;
        self.rhythm = lengths.map(|first| bits(first.len)).collect();
        self.ending = (!profile.open).then(|| ending(profile));
    }
}

impl Features {
    /// Of a flow that showed a hello or a user agent.
    pub fn of(settings: &Settings, flow: &FlowId, called: &Called) -> Option<Features> {
        let Shown {
            stack,
            hello,
            rhythm,
            ending,
        } = &called.shown;
        if stack.is_empty() {
            return None;
        }
        let class = match (called.lookup(settings), &called.name) {
            (Some(found), _) => found.service.category.name(),
            (None, Some(_)) => "named",
            (None, None) => "address",
        };
        Some(Features {
            stack: stack.clone(),
            hello: *hello,
            rhythm: rhythm.clone(),
            ending: *ending,
            object: called.object.clone(),
            class: class.into(),
            port: flow.responder.port,
        })
    }

    /// JA4, or `ua:` and the family of a user agent in clear.
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// What it has in common with others on `level`; none where the flow did not show so much, or
    /// more.
    pub fn key(&self, level: Level) -> Option<Key> {
        let rhythm = || (!self.rhythm.is_empty()).then(|| self.rhythm.clone());
        let place = |of: &str| Some((of.into(), self.port));
        let over = || self.ending;
        let (rhythm, ending, place) = match level {
            Level::Whole => (Some(rhythm()?), Some(over()?), place(&self.object)),
            Level::Shape => (Some(rhythm()?), Some(over()?), None),
            Level::Manner => (None, Some(over()?), place(&self.class)),
            Level::Begun => (Some(rhythm()?), None, place(&self.object)),
        };
        Some(Key {
            level,
            stack: self.stack.clone(),
            hello: self.hello,
            rhythm,
            ending,
            place,
        })
    }

    /// Whether the flow is over.
    pub fn is_over(&self) -> bool {
        self.ending.is_some()
    }

    /// The same before the flow was over.
    pub fn begun(&self) -> Features {
        Features {
            ending: None,
            ..self.clone()
        }
    }

    /// Of a flow that is over.
    #[cfg(test)]
    pub fn of_parts(stack: &str, rhythm: &[u8], object: &str) -> Features {
        Features {
            stack: stack.into(),
            hello: 1,
            rhythm: rhythm.into(),
            ending: Some(1),
            object: object.into(),
            class: "named".into(),
            port: 443,
        }
    }
}

/// Who sent the first FIN, and who reset the flow: 0 nobody, 1 the originator, 2 the responder; the
/// second times 3. Programs differ in whether they wait for the server, and in what they leave.
fn ending(profile: &FlowProfile) -> u8 {
    let number = |side: Option<Side>| side.map_or(0, |side| side.index() as u8 + 1);
    let [first, _] = profile.fins;
    number(first) + 3 * number(profile.reset_by)
}

/// What a user agent calls itself: its first word without a version, in lower case; of browsers,
/// which all begin alike, their own name.
fn family(agent: &[u8]) -> Option<String> {
    let agent = agent.get(..1024).unwrap_or(agent);
    let text = std::str::from_utf8(agent).ok()?;
    let browser = BROWSERS.iter().find(|mark| text.contains(*mark));
    let first = || text.split(['/', ' ', ';', '(']).next();
    let name = match browser {
        Some(mark) => mark.trim_end_matches('/'),
        None => first()?,
    };
    let sane = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = name.chars().filter(|c| sane(*c)).collect();
    let name = name.get(..FAMILY_BYTES_MAX).unwrap_or(&name);
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// The program that a process runs, by the last part of its path: in lower case and without a
/// version at its end, so that `python3.11` and `python3` are one; none where that is nothing.
pub fn program(process: &Process) -> Option<Box<str>> {
    let path = process.path.as_deref().or(process.name.as_deref())?;
    let name = path.rsplit(['/', '\\']).next()?.to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let version = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    let short = name.trim_end_matches(version);
    let name = if short.len() >= 2 { short } else { name };
    let sane = name.chars().filter(|c| !c.is_control());
    let name: String = sane.take(PROGRAM_CHARS_MAX).collect();
    (!name.is_empty()).then(|| name.into())
}
