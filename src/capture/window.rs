//! From a source of bytes to a window on them that records are read from in place.
//!
//! It does not know what a record is. One buffer of 128 KiB is reused for everything; it doubles
//! only while a record does not fit and its bytes are really there, so a length that lies costs
//! nothing. What bounds it is the largest record that a format lets through.

use super::error::Fault;
use std::io::{self, Read};

/// Bytes of the buffer before any record outgrows it. Measured: reading into 128 KiB costs least, 1
/// MiB costs 3 % more (it leaves the cache), a memory map 41 % more (page faults).
const BUFFER_BYTES: usize = 128 << 10;

/// What a source always has room for: deflate's window, see [`super::decompress`].
pub(super) const ROOM_BYTES_MIN: usize = 32 << 10;

/// Why a source has no more bytes to give.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is over, as it should be.
    End,
    /// The system said so.
    Io(io::Error),
    /// What it decompresses is damaged or cut short.
    Broken(String),
}

/// Where a window gets its bytes from.
pub(super) trait Source: Send {
    /// Writes the next bytes to the front of `into`, which has room for [`ROOM_BYTES_MIN`] at
    /// least, and says how many; never 0.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Stop>;

    /// How many bytes were taken from the file as it is stored.
    fn stored_bytes(&self) -> u64;
}

/// Bytes as they are stored: a file, a pipe, a slice.
pub(super) struct Stored<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read + Send> Stored<R> {
    pub(super) fn new(reader: R) -> Stored<R> {
        Stored { reader, bytes: 0 }
    }
}

impl<R: Read + Send> Source for Stored<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Stop> {
        loop {
            match self.reader.read(into) {
                Ok(0) => return Err(Stop::End),
                Ok(bytes) => {
                    self.bytes += bytes as u64;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Io(error)),
            }
        }
    }

    fn stored_bytes(&self) -> u64 {
        self.bytes
    }
}

/// The unread bytes of a source that are in memory, and the means to get more of them.
pub(super) struct Window {
    source: Box<dyn Source>,
    buffer: Vec<u8>,
    /// Unread are `buffer[start..end]`; `start <= end <= buffer.len()` always.
    start: usize,
    end: usize,
    /// Where in the stream `buffer[0]` is.
    base: u64,
    /// Why the source gives no more; it is not asked again.
    stop: Option<Stop>,
}

impl Window {
    pub(super) fn new(source: Box<dyn Source>) -> Window {
        Window {
            source,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            base: 0,
            stop: None,
        }
    }

    /// Whether `wanted` unread bytes are there, after reading as much as that takes.
    #[inline]
    pub(super) fn has(&mut self, wanted: usize) -> bool {
        self.end - self.start >= wanted || self.fill(wanted)
    }

    /// The unread bytes in memory.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The next `count` bytes, which are read thereby; all that are in memory if those are fewer.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start += count.min(self.end - from);
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// Reads past `count` bytes without keeping them; false if the source stops before.
    pub(super) fn skip(&mut self, mut count: u64) -> bool {
        loop {
            let here = (self.end - self.start) as u64;
            let passed = here.min(count);
            self.start += passed as usize;
            count -= passed;
            if count == 0 {
                return true;
            }
            if !self.fill(1) {
                return false;
            }
        }
    }

    /// Where in the stream the first unread byte is.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// How many bytes were taken from the file as it is stored.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.source.stored_bytes()
    }

    /// Whether the source ended, as it should, with the last byte that was read. Reads if it must.
    pub(super) fn at_end(&mut self) -> bool {
        !self.has(1) && matches!(self.stop, Some(Stop::End))
    }

    /// Takes the reason why [`Window::has`] was false.
    pub(super) fn take_stop(&mut self) -> Stop {
        self.stop.replace(Stop::End).unwrap_or(Stop::End)
    }

    /// What to say of a record, begun at `offset`, whose bytes are not all there.
    #[cold]
    pub(super) fn cut_short(&mut self, offset: u64, record: &str) -> Fault {
        let what = match self.take_stop() {
            Stop::Io(error) => return Fault::Io(error),
            Stop::Broken(what) => what,
            Stop::End => {
                let there = (self.base + self.end as u64).saturating_sub(offset);
                format!("{record} is cut short, {there} bytes of it are there")
            }
        };
        Fault::Damaged { offset, what }
    }

    #[cold]
    fn fill(&mut self, wanted: usize) -> bool {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted {
            if self.stop.is_some() {
                return false;
            }
            if self.buffer.len() - self.end < ROOM_BYTES_MIN {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let room_bytes = room.len();
            match self.source.read(room) {
                Ok(bytes) => self.end += bytes.min(room_bytes),
                Err(stop) => self.stop = Some(stop),
            }
        }
        true
    }
}
