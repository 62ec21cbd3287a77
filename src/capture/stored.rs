//! From a file that is no capture to its bytes, decompressed where it is gzip or zstd.
//!
//! The same readers as those of captures, without their look at what the bytes mean.

use super::decompress::{GZIP_MAGIC, Gunzip, Unzstd, is_zstd};
use super::window::{Stop, Stored, Window};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The bytes of a file. What is damaged in compression ends them with an error of the kind
/// [`io::ErrorKind::InvalidData`], after everything before the damage.
pub struct Bytes(Window);

impl Bytes {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Bytes> {
        let (window, _) = plain(Window::new(Box::new(Stored::new(File::open(path)?))))?;
        Ok(Bytes(window))
    }

    /// Reads from anything that has bytes.
    ///
    /// # Errors
    /// Where zstd has no memory.
    pub fn from_read(bytes: impl Read + Send + 'static) -> io::Result<Bytes> {
        let (window, _) = plain(Window::new(Box::new(Stored::new(bytes))))?;
        Ok(Bytes(window))
    }

    /// Bytes read so far of the file as it is stored.
    pub fn stored_bytes(&self) -> u64 {
        self.0.stored_bytes()
    }
}

impl Read for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if !self.0.has(1) {
            return match self.0.take_stop() {
                Stop::End => Ok(0),
                Stop::Io(error) => Err(error),
                Stop::Broken(what) => Err(io::Error::new(io::ErrorKind::InvalidData, what)),
            };
        }
        let bytes = self.0.take(into.len());
        let (into, _) = into.split_at_mut(bytes.len());
        into.copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

/// What `window` shows, decompressed if it is compressed, and whether it was.
pub(super) fn plain(mut window: Window) -> io::Result<(Window, bool)> {
    window.has(4);
    if window.bytes().starts_with(&GZIP_MAGIC) {
        return Ok((Window::new(Box::new(Gunzip::new(window))), true));
    }
    if is_zstd(window.bytes()) {
        return Ok((Window::new(Box::new(Unzstd::new(window)?)), true));
    }
    Ok((window, false))
}
