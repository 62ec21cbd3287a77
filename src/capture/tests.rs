//! Captures are written here byte by byte, and read back whole, cut short, damaged, compressed and
//! in pieces.

mod compressed;
mod damage;
mod formats;
#[cfg(feature = "libpcap")]
mod oracle;
mod writing;

use super::{CaptureError, Reader};
use std::io::{self, Read};

/// A frame that outlives its reader: nanoseconds, link type, bytes, length on the wire.
type Owned = (i64, u16, Vec<u8>, u32);

/// All frames of a capture, and the error that ended them.
fn read(bytes: &[u8]) -> (Vec<Owned>, Option<CaptureError>) {
    read_from(io::Cursor::new(bytes.to_vec()))
}

fn read_from(bytes: impl Read + Send + 'static) -> (Vec<Owned>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut reader = match Reader::from_read("test", bytes) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push((
                frame.at.as_nanos(),
                frame.link.0,
                frame.bytes.to_vec(),
                frame.wire_len,
            )),
            Ok(None) => return (frames, None),
            Err(error) => {
                let after = reader.next_frame();
                assert!(matches!(after, Ok(None)), "an error is told once");
                return (frames, Some(error));
            }
        }
    }
}

/// All frames of a capture that is sound.
fn frames(bytes: &[u8]) -> Vec<Owned> {
    let (frames, error) = read(bytes);
    if let Some(error) = error {
        panic!("{error}");
    }
    frames
}

/// Gives its bytes in pieces of 1, 2, 3 ... bytes and is interrupted between them.
struct Pieces {
    bytes: io::Cursor<Vec<u8>>,
    piece: usize,
    interrupted: bool,
}

impl Pieces {
    fn of(bytes: &[u8]) -> Pieces {
        Pieces {
            bytes: io::Cursor::new(bytes.to_vec()),
            piece: 0,
            interrupted: false,
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.piece = self.piece % 7 + 1;
        let most = self.piece.min(into.len());
        self.bytes.read(&mut into[..most])
    }
}

/// Fails after its bytes.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("the disk is gone")),
            bytes => Ok(bytes),
        }
    }
}
