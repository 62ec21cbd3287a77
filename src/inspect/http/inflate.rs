//! From compressed content to how long it is decompressed (RFC 1950, RFC 1951, RFC 1952).
//!
//! It only counts, and hands out the first bytes: a repetition is as long as it says, so that
//! there is no window to keep and a decompression bomb costs what its compressed bytes cost. It
//! does not verify checksums. Holds two code tables and the bytes it hands out.

use super::prefix_code::{Code, Peek};
use serde::{Deserialize, Serialize};

/// A decompressor that counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Inflate {
    step: Step,
    /// Bits taken from the input and not used yet, the next one lowest.
    bits: u64,
    /// How many.
    held: u8,
    /// This is the stream's last block.
    last: bool,
    /// Code lengths while a block's tables are read.
    lengths: Vec<u8>,
    literals: Code,
    distances: Code,
    /// Bytes so far.
    len: u64,
    /// The first of them, at most `room`.
    first: Vec<u8>,
    room: usize,
    /// Whether the stream may come without a header.
    bare: bool,
}

/// What comes next in the input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Step {
    /// The first two bytes tell gzip, zlib and neither apart.
    Wrapper,
    Gzip(GzipField),
    Block,
    StoredLen,
    Stored(u16),
    /// The numbers of codes in a dynamic block.
    Numbers,
    /// The lengths of the code that codes the lengths: how many were read, of how many.
    LengthCode {
        read: u8,
        of: u8,
        literals: u16,
        distances: u8,
    },
    /// The lengths of the literal and distance codes.
    Lengths {
        literals: u16,
        distances: u8,
    },
    Symbol,
    /// The end, or an error: nothing more is counted.
    Over,
}

/// The fields of a gzip header that follow its identification.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum GzipField {
    Fixed { left: u8, flags: u8 },
    ExtraLen { flags: u8 },
    Extra { left: u16, flags: u8 },
    Text { texts: u8, flags: u8 },
    HeaderCrc { flags: u8 },
}

/// More bits than any step looks at: a length and a distance with their extra bits take 48.
const BITS_WANTED: u8 = 56;

/// Base and extra bits of the length symbols from 257 on (RFC 1951, section 3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// In which order the lengths of the length code are given (RFC 1951, section 3.2.7).
const LENGTH_ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Base and extra bits of a distance symbol, below 30 (RFC 1951, section 3.2.5).
fn distance_of(symbol: u16) -> (u64, u8) {
    let extra = (symbol / 2).saturating_sub(1);
    match symbol {
        0..4 => (u64::from(symbol) + 1, 0),
        _ => (((2 + u64::from(symbol & 1)) << extra) + 1, extra as u8),
    }
}

impl Inflate {
    /// A decompressor that hands out the first `room` bytes. What begins with neither a gzip nor a
    /// zlib header is read nevertheless where `bare` says so: some servers that say deflate leave
    /// the header out.
    pub(super) fn new(room: usize, bare: bool) -> Inflate {
        Inflate {
            step: Step::Wrapper,
            bits: 0,
            held: 0,
            last: false,
            lengths: Vec::new(),
            literals: Code::default(),
            distances: Code::default(),
            len: 0,
            first: Vec::new(),
            room,
            bare,
        }
    }

    /// Bytes so far, decompressed.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The first of them.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Nothing that follows can be decompressed.
    pub(super) fn give_up(&mut self) {
        self.step = Step::Over;
    }

    /// Takes the next bytes of the compressed content.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        loop {
            while self.held <= BITS_WANTED {
                let Some((byte, rest)) = bytes.split_first() else {
                    break;
                };
                self.bits |= u64::from(*byte) << self.held;
                self.held += 8;
                bytes = rest;
            }
            match self.advance() {
                Some(true) => {}
                Some(false) if bytes.is_empty() => return,
                // All held bits did not do: no step needs as many.
                Some(false) | None => {
                    self.step = Step::Over;
                    return;
                }
            }
        }
    }

    fn drop_bits(&mut self, count: u8) {
        self.bits = self.bits.checked_shr(count.into()).unwrap_or(0);
        self.held = self.held.saturating_sub(count);
    }

    /// The next `count` bits, at most 16; none where fewer are held.
    fn bits(&mut self, count: u8) -> Option<u16> {
        if self.held < count {
            return None;
        }
        let value = (self.bits & ((1 << count) - 1)) as u16;
        self.drop_bits(count);
        Some(value)
    }

    /// Takes a step; whether there were enough bits for it, and none if it failed.
    fn advance(&mut self) -> Option<bool> {
        let next = match self.step {
            Step::Over => return None,
            Step::Wrapper => self.wrapper(),
            Step::Gzip(field) => self.gzip(field),
            Step::Block => return self.block(),
            Step::StoredLen => {
                // The length and its complement stand on a byte's boundary.
                self.drop_bits(self.held % 8);
                if self.held < 32 {
                    return Some(false);
                }
                let (len, complement) = (self.bits(16)?, self.bits(16)?);
                if len != !complement {
                    return None;
                }
                Some(Step::Stored(len))
            }
            Step::Stored(0) => Some(self.behind_block()),
            Step::Stored(left) => self.bits(8).map(|byte| {
                self.put(byte as u8);
                Step::Stored(left - 1)
            }),
            Step::Numbers => match self.bits(14) {
                None => None,
                Some(numbers) => {
                    self.lengths = vec![0; 19];
                    Some(Step::LengthCode {
                        read: 0,
                        of: (numbers >> 10) as u8 + 4,
                        literals: (numbers & 31) + 257,
                        distances: (numbers >> 5 & 31) as u8 + 1,
                    })
                }
            },
            Step::LengthCode {
                read,
                of,
                literals,
                distances,
            } if read < of => self.bits(3).map(|length| {
                let place = LENGTH_ORDER.get(usize::from(read)).copied().unwrap_or(0);
                self.lengths[usize::from(place)] = length as u8;
                Step::LengthCode {
                    read: read + 1,
                    of,
                    literals,
                    distances,
                }
            }),
            Step::LengthCode {
                literals,
                distances,
                ..
            } => {
                self.literals = Code::new(&self.lengths)?;
                self.lengths.clear();
                Some(Step::Lengths {
                    literals,
                    distances,
                })
            }
            Step::Lengths {
                literals,
                distances,
            } => return self.lengths(literals, distances),
            Step::Symbol => return self.symbol(),
        };
        self.step = next.unwrap_or(self.step);
        Some(next.is_some())
    }

    fn wrapper(&mut self) -> Option<Step> {
        if self.held < 16 {
            return None;
        }
        let [first, second, ..] = self.bits.to_le_bytes();
        let zlib = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
        let step = match (first, second) {
            (0x1f, 0x8b) => Step::Gzip(GzipField::Fixed { left: 8, flags: 0 }),
            _ if zlib => Step::Block,
            _ if self.bare => return Some(Step::Block),
            _ => return Some(Step::Over),
        };
        self.drop_bits(16);
        Some(step)
    }

    fn gzip(&mut self, field: GzipField) -> Option<Step> {
        const CRC: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        let texts = |flags: u8| u8::from(flags & NAME != 0) + u8::from(flags & COMMENT != 0);
        let next = match field {
            GzipField::Fixed { left: 0, flags } if flags & EXTRA != 0 => {
                GzipField::ExtraLen { flags }
            }
            GzipField::Fixed { left: 0, flags } | GzipField::Extra { left: 0, flags } => {
                GzipField::Text {
                    texts: texts(flags),
                    flags,
                }
            }
            GzipField::Fixed { left, flags } => {
                let byte = self.bits(8)?;
                let flags = if left == 7 { byte as u8 } else { flags };
                GzipField::Fixed {
                    left: left - 1,
                    flags,
                }
            }
            GzipField::ExtraLen { flags } => GzipField::Extra {
                left: self.bits(16)?,
                flags,
            },
            GzipField::Extra { left, flags } => {
                self.bits(8)?;
                GzipField::Extra {
                    left: left - 1,
                    flags,
                }
            }
            GzipField::Text { texts: 0, flags } => GzipField::HeaderCrc { flags },
            GzipField::Text { texts, flags } => {
                let texts = texts - u8::from(self.bits(8)? == 0);
                GzipField::Text { texts, flags }
            }
            GzipField::HeaderCrc { flags } => {
                if flags & CRC != 0 {
                    self.bits(16)?;
                }
                return Some(Step::Block);
            }
        };
        Some(Step::Gzip(next))
    }

    fn block(&mut self) -> Option<bool> {
        let Some(head) = self.bits(3) else {
            return Some(false);
        };
        self.last = head & 1 == 1;
        self.step = match head >> 1 {
            0 => Step::StoredLen,
            1 => {
                let lengths = [(8, 144), (9, 112), (7, 24), (8, 8)];
                let lengths = lengths.map(|(length, count)| vec![length; count]).concat();
                self.literals = Code::new(&lengths)?;
                self.distances = Code::new(&[5; 30])?;
                Step::Symbol
            }
            2 => Step::Numbers,
            _ => return None,
        };
        Some(true)
    }

    fn behind_block(&self) -> Step {
        match self.last {
            true => Step::Over,
            false => Step::Block,
        }
    }

    fn lengths(&mut self, literals: u16, distances: u8) -> Option<bool> {
        let all = usize::from(literals) + usize::from(distances);
        if self.lengths.len() >= all {
            let (literals, distances) = self.lengths.split_at_checked(literals.into())?;
            self.literals = Code::new(literals)?;
            self.distances = Code::new(distances)?;
            self.lengths = Vec::new();
            self.step = Step::Symbol;
            return Some(true);
        }
        let (symbol, taken) = match self.literals.peek(self.bits, self.held) {
            Peek::Symbol(symbol, taken) => (symbol, taken),
            Peek::Short => return Some(false),
            Peek::Bad => return None,
        };
        let (extra, base) = match symbol {
            16 => (2, 3),
            17 => (3, 3),
            18 => (7, 11),
            _ => (0, 1),
        };
        if self.held < taken + extra {
            return Some(false);
        }
        self.drop_bits(taken);
        let repeats = usize::from(base + self.bits(extra)?);
        let length = match symbol {
            16 => *self.lengths.last()?,
            17 | 18 => 0,
            length => length as u8,
        };
        if self.lengths.len() + repeats > all {
            return None;
        }
        self.lengths.resize(self.lengths.len() + repeats, length);
        Some(true)
    }

    fn symbol(&mut self) -> Option<bool> {
        let (symbol, taken) = match self.literals.peek(self.bits, self.held) {
            Peek::Symbol(symbol, taken) => (symbol, taken),
            Peek::Short => return Some(false),
            Peek::Bad => return None,
        };
        if symbol <= 256 {
            self.drop_bits(taken);
            match symbol {
                256 => self.step = self.behind_block(),
                literal => self.put(literal as u8),
            }
            return Some(true);
        }
        let (base, extra) = *LENGTHS.get(usize::from(symbol) - 257)?;
        if self.held < taken + extra {
            return Some(false);
        }
        let behind = self.bits >> (taken + extra);
        let held = self.held - taken - extra;
        let (distance, distance_taken) = match self.distances.peek(behind, held) {
            Peek::Symbol(symbol @ 0..30, taken) => (symbol, taken),
            Peek::Short => return Some(false),
            Peek::Symbol(..) | Peek::Bad => return None,
        };
        let (distance_base, distance_extra) = distance_of(distance);
        if held < distance_taken + distance_extra {
            return Some(false);
        }
        self.drop_bits(taken);
        let length = base + self.bits(extra)?;
        self.drop_bits(distance_taken);
        let distance = distance_base + u64::from(self.bits(distance_extra)?);
        if distance > self.len {
            return None;
        }
        self.repeat(distance, length);
        Some(true)
    }

    fn put(&mut self, byte: u8) {
        self.len = self.len.saturating_add(1);
        if self.first.len() < self.room {
            self.first.push(byte);
        }
    }

    /// What came `distance` bytes ago comes again.
    fn repeat(&mut self, distance: u64, length: u16) {
        for _ in 0..length {
            if self.first.len() >= self.room {
                break;
            }
            // Until the room is full, all there was is in it.
            let from = self.first.len().saturating_sub(distance as usize);
            let byte = self.first.get(from).copied().unwrap_or(0);
            self.first.push(byte);
        }
        self.len = self.len.saturating_add(length.into());
    }
}
