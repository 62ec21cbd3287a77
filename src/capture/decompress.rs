//! From compressed bytes to those that were compressed: gzip (RFC 1952) and zstd (RFC 8878).
//!
//! Members and frames that follow each other are one stream, and what was decompressed before the
//! damage is handed out to the last byte, which the readers of `flate2` and `zstd` do not promise.
//! Memory is bounded by the window: 32 KiB for gzip, 128 MiB for zstd (its default; more must be
//! asked for when compressing, too).

use super::window::{ROOM_BYTES_MIN, Source, Stop, Window};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder, Operation};

/// The longest file name or comment in a gzip header that is read past.
const GZIP_TEXT_BYTES_MAX: usize = 64 << 10;

/// The first bytes of a gzip member: the identification and the only method there is.
pub(super) const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Whether a stream that begins with these bytes is zstd: a frame, or a skippable one as pzstd puts
/// first.
pub(super) fn is_zstd(first: &[u8]) -> bool {
    matches!(
        first,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    )
}

/// Where in a member the next compressed byte is.
enum Part {
    Header,
    Body,
    Trailer,
    Broken(String),
}

/// Reads gzip.
pub(super) struct Gunzip {
    input: Window,
    inflate: Decompress,
    check: Crc,
    part: Part,
}

impl Gunzip {
    pub(super) fn new(input: Window) -> Gunzip {
        Gunzip {
            input,
            inflate: Decompress::new(false),
            check: Crc::new(),
            part: Part::Header,
        }
    }

    /// Reads past a member's header (RFC 1952, 2.3).
    fn header(&mut self) -> Result<(), Stop> {
        const CHECK: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        if self.input.at_end() {
            return Err(Stop::End);
        }
        let flags = match *self.fixed(10)? {
            [a, b, c, flags, ..] if [a, b, c] == GZIP_MAGIC => flags,
            _ => return Err(broken("what follows a gzip member is not another one")),
        };
        if flags & EXTRA != 0 {
            let bytes = match *self.fixed(2)? {
                [low, high] => u16::from_le_bytes([low, high]),
                _ => 0,
            };
            self.fixed(usize::from(bytes))?;
        }
        for flag in [NAME, COMMENT] {
            if flags & flag != 0 {
                self.text()?;
            }
        }
        if flags & CHECK != 0 {
            self.fixed(2)?;
        }
        self.inflate.reset(false);
        self.check.reset();
        self.part = Part::Body;
        Ok(())
    }

    fn fixed(&mut self, bytes: usize) -> Result<&[u8], Stop> {
        if !self.input.has(bytes) {
            return Err(early(&mut self.input, "gzip"));
        }
        Ok(self.input.take(bytes))
    }

    fn text(&mut self) -> Result<(), Stop> {
        for _ in 0..GZIP_TEXT_BYTES_MAX {
            if self.fixed(1)? == [0] {
                return Ok(());
            }
        }
        Err(broken("a name in a gzip header does not end"))
    }

    /// Decompresses some of a member; 0 when there was nothing to hand out this time.
    fn body(&mut self, into: &mut [u8]) -> Result<usize, Stop> {
        // Without input there may still be output that did not fit the last time.
        let more = self.input.has(1);
        let (read_before, made_before) = (self.inflate.total_in(), self.inflate.total_out());
        // It decompresses into a ring of this size and, when it fails, forgets what is there that
        // did not fit into the output. So the output never reaches beyond the ring's end.
        let room = ROOM_BYTES_MIN - made_before as usize % ROOM_BYTES_MIN;
        let into = into.get_mut(..room).unwrap_or_default();
        let status = self
            .inflate
            .decompress(self.input.bytes(), into, FlushDecompress::None);
        let read = (self.inflate.total_in() - read_before) as usize;
        let made = (self.inflate.total_out() - made_before) as usize;
        self.input.take(read);
        self.check.update(into.get(..made).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => self.part = Part::Trailer,
            Err(error) => self.part = Part::Broken(format!("the gzip data is corrupt: {error}")),
            Ok(_) if read == 0 && made == 0 && !more => return Err(early(&mut self.input, "gzip")),
            Ok(_) if read == 0 && made == 0 => return Err(broken("the gzip data does not go on")),
            Ok(_) => {}
        }
        Ok(made)
    }

    /// Compares checksum and length (modulo 2^32) of what was handed out with what the member says.
    fn trailer(&mut self) -> Result<(), Stop> {
        let said = self.fixed(8)?.to_vec();
        let sum = self.check.sum().to_le_bytes();
        let amount = self.check.amount().to_le_bytes();
        if said != [sum, amount].concat() {
            return Err(broken("the gzip checksum does not fit the data"));
        }
        self.part = Part::Header;
        Ok(())
    }
}

impl Source for Gunzip {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Stop> {
        loop {
            match &mut self.part {
                Part::Header => self.header()?,
                Part::Body => match self.body(into)? {
                    0 => {}
                    made => return Ok(made),
                },
                Part::Trailer => self.trailer()?,
                Part::Broken(what) => return Err(Stop::Broken(std::mem::take(what))),
            }
        }
    }

    fn stored_bytes(&self) -> u64 {
        self.input.stored_bytes()
    }
}

/// Reads zstd.
pub(super) struct Unzstd {
    input: Window,
    decoder: Decoder<'static>,
    /// How many bytes the decoder asked for: the rest of its block. 0 between frames.
    asked: usize,
}

impl Unzstd {
    pub(super) fn new(input: Window) -> std::io::Result<Unzstd> {
        Ok(Unzstd {
            input,
            decoder: Decoder::new()?,
            asked: 0,
        })
    }
}

impl Source for Unzstd {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Stop> {
        /// A block's header, which the decoder asks for with the block before it.
        const BLOCK_HEADER: usize = 3;
        /// The longest block (RFC 8878 section 3.1.1.2.4); a skippable frame asks for more.
        const BLOCK_MAX: usize = 128 << 10;
        loop {
            if self.asked == 0 && self.input.at_end() {
                return Err(Stop::End);
            }
            // Never beyond the end of a block: a decoder that fails forgets what it wrote in that
            // call. And all of it at once, so that damage shows the same however the bytes come.
            let given = self.asked.saturating_sub(BLOCK_HEADER).clamp(1, BLOCK_MAX);
            self.input.has(given);
            let bytes = self.input.bytes();
            let bytes = bytes.get(..given).unwrap_or(bytes);
            let status = self
                .decoder
                .run_on_buffers(bytes, into)
                .map_err(|error| Stop::Broken(format!("the zstd data is corrupt: {error}")))?;
            self.asked = status.remaining;
            let idle = status.bytes_read == 0 && status.bytes_written == 0;
            if idle && bytes.is_empty() {
                return Err(early(&mut self.input, "zstd"));
            }
            if idle {
                return Err(broken("the zstd data does not go on"));
            }
            self.input.take(status.bytes_read);
            if status.bytes_written > 0 {
                return Ok(status.bytes_written);
            }
        }
    }

    fn stored_bytes(&self) -> u64 {
        self.input.stored_bytes()
    }
}

fn broken(what: &str) -> Stop {
    Stop::Broken(what.to_owned())
}

fn early(input: &mut Window, method: &str) -> Stop {
    match input.take_stop() {
        Stop::Io(error) => Stop::Io(error),
        Stop::Broken(what) => Stop::Broken(what),
        Stop::End => Stop::Broken(format!("the {method} data ends early")),
    }
}
