//! From one direction's bytes to its records.
//!
//! Knows nothing of what records mean. Bodies are handed on as they come, so only the header of
//! five bytes and, for the owner, the open handshake message are held.

use serde::{Deserialize, Serialize};

/// `change_cipher_spec` and so on: content types of records (RFC 8446, section 5.1; RFC 6520).
pub mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    pub const HEARTBEAT: u8 = 24;
}

/// The longest body: 2^14 bytes and 2048 of expansion (RFC 5246, section 6.2.3).
pub const BODY_MAX: u16 = (1 << 14) + 2048;

/// How an open record's body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// It is in clear.
    #[default]
    Clear,
    /// It is encrypted or of no interest: counted, never read.
    Sealed,
    /// It is an SSLv2 message.
    Sslv2,
}

/// What came next in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// All bytes are consumed.
    Starved,
    /// Five bytes of header are there: [`Direction::open`] or [`Direction::lose`] must follow.
    Header([u8; 5]),
    /// Bytes of the open record's body, which may be empty; `last` where they end it.
    Body { bytes: &'a [u8], last: bool },
}

/// One direction of a TLS flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// What it sends now is encrypted.
    pub encrypted: bool,
    /// It will send no more.
    pub ended: bool,
    /// The bytes of a message that is not yet complete: a handshake message in clear, an alert, or
    /// SSLv2.
    pub held: Vec<u8>,
    header: [u8; 5],
    filled: u8,
    open: bool,
    body: Body,
    left: u16,
    lost: bool,
}

impl Direction {
    /// Whether its records can no longer be told apart.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The content type of the open record.
    pub fn content(&self) -> u8 {
        self.header[0]
    }

    /// How the open record's body is read.
    pub fn body(&self) -> Body {
        self.body
    }

    /// Starts the body of the record whose header was just handed out.
    pub fn open(&mut self, len: u16, body: Body) {
        self.open = true;
        self.left = len;
        self.body = body;
    }

    /// Gives the direction up: nothing of it is read any more.
    pub fn lose(&mut self) {
        self.lost = true;
        self.held = Vec::new();
    }

    /// Missing bytes: harmless where they lie within one sealed body, else the end of this
    /// direction.
    ///
    /// Tells whether they completed the sealed record.
    pub fn skip(&mut self, bytes: u64) -> bool {
        let left = u64::from(self.left);
        if !self.open || self.body != Body::Sealed || bytes > left {
            self.lose();
            return false;
        }
        // No more than `left`, so it fits.
        self.left -= bytes as u16;
        if self.left == 0 {
            self.close();
        }
        self.left == 0
    }

    /// Takes the next step through `bytes`, from which it removes what it consumed.
    pub fn step<'a>(&mut self, bytes: &mut &'a [u8]) -> Step<'a> {
        if self.lost {
            return Step::Starved;
        }
        if self.open {
            let wanted = usize::from(self.left);
            if bytes.is_empty() && wanted > 0 {
                return Step::Starved;
            }
            let (piece, rest) = bytes.split_at(wanted.min(bytes.len()));
            *bytes = rest;
            // No more than `left`, so it fits.
            self.left -= piece.len() as u16;
            let last = self.left == 0;
            if last {
                self.close();
            }
            return Step::Body { bytes: piece, last };
        }
        while let Some(slot) = self.header.get_mut(usize::from(self.filled)) {
            let Some((byte, rest)) = bytes.split_first() else {
                return Step::Starved;
            };
            *slot = *byte;
            *bytes = rest;
            self.filled += 1;
        }
        Step::Header(self.header)
    }

    fn close(&mut self) {
        self.open = false;
        self.filled = 0;
    }
}
