//! From capture files, standard input and interfaces to frames.
//!
//! It does not look into a frame and does not know what is done with it. Files are never loaded
//! whole: a [`Reader`] lends each frame from one buffer of 128 KiB, which grows to the largest
//! record, at most 16 MiB.
#![allow(clippy::disallowed_methods)] // The shell opens files and waits for frames.

mod classic;
mod clock;
mod decompress;
mod error;
mod foreign;
mod pcapng;
mod stored;
mod window;

#[cfg(feature = "libpcap")]
mod filter;
#[cfg(feature = "libpcap")]
mod live;
#[cfg(not(feature = "libpcap"))]
mod without_libpcap;

#[cfg(test)]
mod tests;

pub use error::CaptureError;
#[cfg(feature = "libpcap")]
pub use filter::Filter;
#[cfg(feature = "libpcap")]
pub use live::Live;
pub use stored::Bytes;
#[cfg(not(feature = "libpcap"))]
pub use without_libpcap::{Filter, Live};

use crate::packet::frame::Frame;
use classic::Classic;
use error::Fault;
use pcapng::{Pcapng, SECTION_MAGIC};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use window::{Stop, Stored, Window};

/// Snaplen of a live capture unless told otherwise: libpcap's maximum, so that no frame is cut.
pub const SNAPLEN_DEFAULT: u32 = 262_144;

/// Bytes of the kernel's buffer for a live capture unless told otherwise: 50 ms of 10 Gbit/s.
pub const LIVE_BUFFER_BYTES_DEFAULT: u32 = 64 << 20;

/// What a live capture heard.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Nothing now, after waiting for a moment.
    Timeout,
}

/// What a live capture counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveStats {
    /// Frames that passed the filter, those dropped after it included. On loopback the kernel
    /// counts each twice, once on its way out, of which one is heard.
    pub received: u64,
    /// Frames that the kernel's buffer had no room for.
    pub dropped: u64,
    /// Frames that the interface or its driver dropped, where it tells.
    pub if_dropped: u64,
}

/// One capture file, or standard input, of any format that is read.
pub struct Reader {
    file: String,
    size: Option<u64>,
    window: Window,
    format: Format,
    compressed: bool,
    finished: bool,
}

enum Format {
    Classic(Classic),
    Pcapng(Pcapng),
}

impl Reader {
    /// Opens a capture and reads its header; `-` is standard input.
    ///
    /// # Errors
    /// [`CaptureError::NotACapture`], [`CaptureError::Io`], and [`CaptureError::Damaged`] where the
    /// header itself is cut short.
    pub fn open(path: &Path) -> Result<Reader, CaptureError> {
        let is_stdin = path.as_os_str() == "-";
        let name = match is_stdin {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        // A descriptor of our own: the standard library's handle has a buffer that we do not need.
        let opened = match is_stdin {
            true => io::stdin().as_fd().try_clone_to_owned().map(File::from),
            false => File::open(path),
        };
        let sized = opened.and_then(|file| Ok((file.metadata()?, file)));
        match sized {
            Ok((metadata, file)) => {
                let size = metadata.is_file().then_some(metadata.len());
                Reader::begin(name, size, file)
            }
            Err(source) => Err(CaptureError::Io { file: name, source }),
        }
    }

    /// Reads a capture from anything that has bytes, which errors call `name`.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_read(
        name: &str,
        bytes: impl Read + Send + 'static,
    ) -> Result<Reader, CaptureError> {
        Reader::begin(name.to_owned(), None, bytes)
    }

    /// The next frame, which lives until the one after is asked for; none at the end, and after an
    /// error.
    ///
    /// # Errors
    /// [`CaptureError::Damaged`] once all frames before the damage were handed out,
    /// [`CaptureError::Io`].
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.finished {
            return Ok(None);
        }
        let next = match &mut self.format {
            Format::Classic(classic) => classic.next(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window),
        };
        next.map_err(|fault| {
            self.finished = true;
            name_fault(&self.file, self.compressed, fault)
        })
    }

    /// Bytes read so far of the file as it is stored, compressed or not: up to a buffer ahead of
    /// the frames.
    pub fn bytes_read(&self) -> u64 {
        self.window.stored_bytes()
    }

    /// Bytes of the file as it is stored, where it is a file and not a pipe.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    fn begin(
        file: String,
        size: Option<u64>,
        bytes: impl Read + Send + 'static,
    ) -> Result<Reader, CaptureError> {
        let stored = Window::new(Box::new(Stored::new(bytes)));
        let (mut window, compressed) =
            stored::plain(stored).map_err(|source| CaptureError::Io {
                file: file.clone(),
                source,
            })?;
        let format =
            Format::detect(&mut window).map_err(|fault| name_fault(&file, compressed, fault))?;
        Ok(Reader {
            file,
            size,
            window,
            format,
            compressed,
            finished: false,
        })
    }
}

impl Format {
    /// Tells the format from the first bytes and reads its header.
    fn detect(window: &mut Window) -> Result<Format, Fault> {
        // Enough for the magic of pcapng, which is in two places, and to name what else it may be.
        window.has(foreign::BYTES);
        let Some(first) = window.bytes().first_chunk::<4>().copied() else {
            return Err(match window.take_stop() {
                Stop::Io(error) => Fault::Io(error),
                // Whether it is a capture cannot be told: say what is known.
                Stop::Broken(what) => Fault::Damaged { offset: 0, what },
                Stop::End => Fault::NotACapture(foreign::describe(window.bytes())),
            });
        };
        if Classic::begins(first) {
            return Ok(Format::Classic(Classic::open(window)?));
        }
        let order = window.bytes().get(8..12);
        let is_ordered = matches!(
            order,
            None | Some([0x1a, 0x2b, 0x3c, 0x4d] | [0x4d, 0x3c, 0x2b, 0x1a])
        );
        if first == SECTION_MAGIC && is_ordered {
            return Ok(Format::Pcapng(Pcapng::new()));
        }
        Err(Fault::NotACapture(foreign::describe(window.bytes())))
    }
}

/// Puts the file's name to what ended its stream.
#[cold]
fn name_fault(file: &str, compressed: bool, fault: Fault) -> CaptureError {
    let file = file.to_owned();
    match fault {
        Fault::Io(source) => CaptureError::Io { file, source },
        Fault::NotACapture(what) if compressed => {
            let what = format!("decompressed, {what}");
            CaptureError::NotACapture { file, what }
        }
        Fault::NotACapture(what) => CaptureError::NotACapture { file, what },
        Fault::Damaged { offset, mut what } => {
            if compressed {
                what.push_str(" (counted in what it decompresses to)");
            }
            CaptureError::Damaged { file, offset, what }
        }
    }
}
