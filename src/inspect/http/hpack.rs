//! From HTTP/2's field blocks to fields (RFC 7541).
//!
//! Holds the dynamic table ([`TABLE_BYTES_MAX`]). A block that says more than the bound on a head
//! is refused, however few bytes it takes.

use super::huffman;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Bytes that a dynamic table may hold: 16 times the default (RFC 9113, section 6.5.2), as much as
/// servers offer.
const TABLE_BYTES_MAX: usize = 1 << 16;

/// What an entry of the table weighs beside its texts (RFC 7541, section 4.1).
const ENTRY_BYTES: usize = 32;

/// The static table (RFC 7541, appendix A).
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The decoder of one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decoder {
    /// Newest first.
    table: VecDeque<(BString, BString)>,
    size: usize,
    max: usize,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder {
            table: VecDeque::new(),
            size: 0,
            max: 4096,
        }
    }
}

impl Decoder {
    /// Bytes of memory beside itself: an entry's size counts its overhead (RFC 7541, section 4.1).
    pub(super) fn held_bytes(&self) -> usize {
        self.size
    }

    /// Hands out the fields of a block, at most `limit` bytes of them; none if it is none.
    pub(super) fn decode(
        &mut self,
        mut block: &[u8],
        mut limit: usize,
        mut put: impl FnMut(&[u8], &[u8]),
    ) -> Option<()> {
        while let Some(&first) = block.first() {
            if first & 0xe0 == 0x20 {
                self.max = integer(&mut block, 5)?;
                if self.max > TABLE_BYTES_MAX {
                    return None;
                }
                self.evict(0);
                continue;
            }
            let (name, value) = match first & 0x80 {
                0x80 => self.entry(integer(&mut block, 7)?)?,
                _ => {
                    let prefix = if first & 0x40 != 0 { 6 } else { 4 };
                    let name = match integer(&mut block, prefix)? {
                        0 => string(&mut block)?,
                        index => self.entry(index)?.0,
                    };
                    let field = (name, string(&mut block)?);
                    if prefix == 6 {
                        self.insert(field.clone());
                    }
                    field
                }
            };
            limit = limit.checked_sub(name.len() + value.len() + ENTRY_BYTES)?;
            put(&name, &value);
        }
        Some(())
    }

    fn entry(&self, index: usize) -> Option<(BString, BString)> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some(((*name).into(), (*value).into())),
            None => self.table.get(index - STATIC.len()).cloned(),
        }
    }

    fn insert(&mut self, field: (BString, BString)) {
        let size = field.0.len() + field.1.len() + ENTRY_BYTES;
        self.evict(size);
        // What does not fit empties the table, and is no error.
        if size <= self.max {
            self.size += size;
            self.table.push_front(field);
        }
    }

    /// Makes room for `size` bytes.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.max {
            let Some((name, value)) = self.table.pop_back() else {
                return;
            };
            self.size -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

/// An integer whose first bits are the lowest `prefix` of the first byte (RFC 7541, section 5.1).
fn integer(block: &mut &[u8], prefix: u8) -> Option<usize> {
    let mut next = || {
        let (first, rest) = block.split_first()?;
        *block = rest;
        Some(*first)
    };
    let mask = (1u8 << prefix) - 1;
    let first = next()? & mask;
    let mut value = u64::from(first);
    if first == mask {
        // Four bytes more say more than any bound here.
        for shift in [0, 7, 14, 21] {
            let byte = next()?;
            value += u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).ok();
            }
        }
        return None;
    }
    usize::try_from(value).ok()
}

/// A string (RFC 7541, section 5.2).
fn string(block: &mut &[u8]) -> Option<BString> {
    let coded = block.first()? & 0x80 != 0;
    let len = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(len)?;
    *block = rest;
    match coded {
        true => huffman::decode(text).map(BString::from),
        false => Some(text.into()),
    }
}
