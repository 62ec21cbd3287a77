//! From the bytes of a TLS message to its numbers and lists.
//!
//! Copies and allocates nothing, and never reads past what it was given.

/// Takes big-endian fields off the front of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// What was not yet taken.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether all was taken.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of one byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number of two bytes.
    pub fn word(&mut self) -> Option<u16> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*taken))
    }

    /// Bytes behind a length of one byte.
    pub fn short_vector(&mut self) -> Option<&'a [u8]> {
        let len = self.byte()?;
        self.take(usize::from(len))
    }

    /// Bytes behind a length of two bytes.
    pub fn vector(&mut self) -> Option<&'a [u8]> {
        let len = self.word()?;
        self.take(usize::from(len))
    }
}

/// A list of 16-bit numbers as it stands in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// The list in `bytes`; none where a byte is left over.
    pub fn new(bytes: &'a [u8]) -> Option<Words<'a>> {
        bytes.len().is_multiple_of(2).then_some(Words(bytes))
    }

    /// The numbers in order.
    pub fn iter(self) -> impl Iterator<Item = u16> + Clone + 'a {
        self.0
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| u16::from_be_bytes(*pair))
    }
}

/// An extension block whose lengths were checked once: iterating it cannot fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// The extensions in `bytes`, the block without its own length; none where their lengths do not
    /// add up.
    pub fn new(bytes: &'a [u8]) -> Option<Extensions<'a>> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            reader.word()?;
            reader.vector()?;
        }
        Some(Extensions(bytes))
    }

    /// Types and bodies in order.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> + Clone {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || Some((reader.word()?, reader.vector()?)))
    }

    /// The types in order.
    pub fn types(self) -> impl Iterator<Item = u16> + Clone + 'a {
        self.iter().map(|(kind, _)| kind)
    }
}
