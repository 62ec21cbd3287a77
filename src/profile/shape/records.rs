//! From one direction's bytes to the headers of its TLS records.
//!
//! Looks at five bytes a record and at none of the bodies. After missing bytes it goes on where
//! they lay within one body, and else where a piece of the stream begins with the header of a
//! sealed record, as nearly all do; until then it is lost, and says so.

use serde::{Deserialize, Serialize};

/// The longest body: 2^14 bytes and 2048 of expansion (RFC 5246 section 6.2.3).
const BODY_MAX: u16 = (1 << 14) + 2048;
/// Pieces of a stream within which TLS may begin, as after STARTTLS or CONNECT.
const PIECES_UNTIL_TLS_MAX: u8 = 32;
const HEADER: usize = 5;

/// Content types (RFC 8446 section 5.1).
pub mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    pub const HEARTBEAT: u8 = 24;
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its content type.
    pub kind: u8,
    /// Bytes of its body.
    pub len: u16,
}

/// One direction's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    state: State,
    header: [u8; HEADER],
    filled: u8,
    left: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    /// Nothing came yet.
    Fresh,
    /// No TLS so far; so many more pieces are looked at.
    Searching(u8),
    /// Every header is found.
    Following,
    /// Which bytes are headers is not known.
    Lost,
}

impl Default for Records {
    fn default() -> Records {
        Records {
            state: State::Fresh,
            header: [0; HEADER],
            filled: 0,
            left: 0,
        }
    }
}

impl Records {
    /// Whether this direction is made of records, also where they are lost at present.
    pub fn is_tls(&self) -> bool {
        matches!(self.state, State::Following | State::Lost)
    }

    /// Whether a record is open whose body is not complete.
    pub fn is_within(&self) -> bool {
        self.state == State::Following && (self.left > 0 || self.filled > 0)
    }

    /// Takes the next bytes, never empty; `put` gets the records that begin in them. Gives whether
    /// the records were lost here.
    pub fn handle(&mut self, bytes: &[u8], put: &mut impl FnMut(Record)) -> bool {
        if !self.follows(bytes) {
            return false;
        }
        let mut rest = bytes;
        loop {
            let within = usize::from(self.left).min(rest.len());
            // No more than `left`, so it fits.
            self.left -= within as u16;
            rest = &rest[within..];
            while usize::from(self.filled) < HEADER {
                let Some((byte, after)) = rest.split_first() else {
                    return false;
                };
                self.header[usize::from(self.filled)] = *byte;
                self.filled += 1;
                rest = after;
            }
            self.filled = 0;
            if !is_header(&self.header) {
                self.lose();
                return true;
            }
            let [kind, _, _, high, low] = self.header;
            self.left = u16::from_be_bytes([high, low]);
            put(Record {
                kind,
                len: self.left,
            });
        }
    }

    /// Bytes are missing; gives whether the records were lost here.
    pub fn skip(&mut self, bytes: u64) -> bool {
        match self.state {
            State::Following if self.filled == 0 && bytes <= u64::from(self.left) => {
                // No more than `left`, so it fits.
                self.left -= bytes as u16;
                false
            }
            State::Following => {
                self.lose();
                true
            }
            State::Fresh => {
                self.state = State::Searching(PIECES_UNTIL_TLS_MAX);
                false
            }
            State::Searching(_) | State::Lost => false,
        }
    }

    fn lose(&mut self) {
        *self = Records {
            state: State::Lost,
            ..Records::default()
        };
    }

    /// Whether `bytes` go on with records, or begin them.
    fn follows(&mut self, bytes: &[u8]) -> bool {
        let begins = match self.state {
            State::Following => return true,
            State::Fresh => is_header(bytes) && bytes.first() != Some(&content::HEARTBEAT),
            State::Searching(0) => return false,
            // Either hello.
            State::Searching(_) => matches!(bytes, [22, 3, 0..=3, _, _, 1 | 2, 0, ..]),
            State::Lost => matches!(bytes, [23, 3, 3, high, _, ..] if *high <= 0x48),
        };
        self.state = match self.state {
            _ if begins => State::Following,
            State::Fresh => State::Searching(PIECES_UNTIL_TLS_MAX),
            State::Searching(left) => State::Searching(left - 1),
            state => state,
        };
        begins
    }
}

/// Whether the bytes, as far as there are any, are the beginning of a record.
fn is_header(bytes: &[u8]) -> bool {
    let holds = |index: usize, fits: fn(u8) -> bool| bytes.get(index).is_none_or(|b| fits(*b));
    holds(0, |kind| matches!(kind, 20..=24))
        && holds(1, |major| major == 3)
        && holds(2, |minor| minor <= 4)
        && holds(3, |high| high <= (BODY_MAX >> 8) as u8)
}
