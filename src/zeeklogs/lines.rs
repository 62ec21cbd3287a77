//! From bytes to lines, none of them longer than the bound.

use super::LINE_BYTES_MAX;
use std::io::{self, BufRead, BufReader, Read};

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, which the buffer holds without its end.
    Line,
    /// A line above the bound, of which the buffer holds nothing.
    TooLong,
    /// The end.
    End,
}

/// Lines of one file.
pub struct Lines<R> {
    bytes: BufReader<R>,
    /// Of the line that was read last, from 1.
    pub number: u64,
}

impl<R: Read> Lines<R> {
    pub fn new(bytes: R) -> Lines<R> {
        Lines {
            bytes: BufReader::with_capacity(64 << 10, bytes),
            number: 0,
        }
    }

    /// What the lines come from.
    pub fn source(&self) -> &R {
        self.bytes.get_ref()
    }

    /// Reads the next line into `line`.
    ///
    /// # Errors
    /// What the source says; a line that it cut off is not handed out.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<Next> {
        line.clear();
        let (mut any, mut too_long) = (false, false);
        loop {
            let bytes = match self.bytes.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            if bytes.is_empty() && !any {
                return Ok(Next::End);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            too_long |= line.len() + part.len() > LINE_BYTES_MAX;
            match too_long {
                true => line.clear(),
                false => line.extend_from_slice(part),
            }
            let (taken, is_last) = (part.len() + usize::from(end.is_some()), bytes.is_empty());
            self.bytes.consume(taken);
            any = true;
            if end.is_some() || is_last {
                break;
            }
        }
        self.number += 1;
        if line.ends_with(b"\r") {
            line.pop();
        }
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(match too_long {
            true => Next::TooLong,
            false => Next::Line,
        })
    }
}
