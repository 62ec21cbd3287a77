//! From compressed content to how long it is decompressed (RFC 1950, RFC 1951, RFC 1952).
//!
//! It only counts, and hands out the first bytes: a repetition is as long as it says, so that
//! there is no window to keep and a decompression bomb costs what its compressed bytes cost. It
//! does not verify checksums. Holds two code tables and the bytes it hands out.

use super::gzip_header::GzipField;
use super::prefix_code::{Code, LENGTHS, Peek, distance_of};
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

/// More bits than any step looks at: a length and a distance with their extra bits take 48.
const BITS_WANTED: u8 = 56;

/// In which order the lengths of the length code are given (RFC 1951, section 3.2.7).
const LENGTH_ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

impl Inflate {
    /// Bytes of memory, itself included.
    pub(super) fn held_bytes(&self) -> usize {
        let codes = self.literals.held_bytes() + self.distances.held_bytes();
        size_of::<Inflate>() + self.lengths.len() + codes + self.first.len()
    }

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
            Step::Gzip(field) => {
                let next = field.next(|count| self.bits(count));
                next.map(|next| next.map_or(Step::Block, Step::Gzip))
            }
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
            Step::Numbers => self.numbers(),
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
            (0x1f, 0x8b) => Step::Gzip(GzipField::FIRST),
            _ if zlib => Step::Block,
            _ if self.bare => return Some(Step::Block),
            _ => return Some(Step::Over),
        };
        self.drop_bits(16);
        Some(step)
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

    fn drop_bits(&mut self, count: u8) {
        self.bits = self.bits.checked_shr(count.into()).unwrap_or(0);
        self.held = self.held.saturating_sub(count);
    }

    /// The numbers of codes in a dynamic block (RFC 1951, section 3.2.7).
    fn numbers(&mut self) -> Option<Step> {
        let numbers = self.bits(14)?;
        self.lengths = vec![0; 19];
        Some(Step::LengthCode {
            read: 0,
            of: (numbers >> 10) as u8 + 4,
            literals: (numbers & 31) + 257,
            distances: (numbers >> 5 & 31) as u8 + 1,
        })
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
