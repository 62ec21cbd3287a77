//! From a multipart message, or a message within a message, to its files (RFC 2046, section 5.1).
//!
//! Parts within parts are one part here. Holds one line of a part's head and one file's first
//! bytes.

use super::content::{File, filename};
use crate::observe::HttpFiles;
use crate::weird::Weird;
use bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

/// Bytes of a part's head line that are read: more than any file name that is kept takes.
const LINE_BYTES_MAX: usize = 1024;

/// Bytes of a boundary: RFC 2046 allows 70; what is longer makes no parts.
const BOUNDARY_BYTES_MAX: usize = 256;

/// The parts of a message so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Multipart {
    /// Two hyphens and the boundary; none for a message within a message.
    delimiter: Option<Vec<u8>>,
    place: Place,
    /// The line at hand, without its end, as far as it is read.
    line: Vec<u8>,
    /// The line at hand has bytes.
    in_line: bool,
    /// The end of the line before, which is part of the file unless a delimiter follows.
    line_end: Vec<u8>,
    /// The rest of the line at hand is no delimiter.
    flows: bool,
    file: File,
    /// Files that are over.
    files: HttpFiles,
    /// What was odd, each once.
    odd: Vec<Weird>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Place {
    /// Before the first delimiter or behind the last.
    Outside,
    Head,
    File,
}

impl Multipart {
    /// Bytes of memory, itself included.
    pub(super) fn held_bytes(&self) -> usize {
        let delimiter = self.delimiter.as_ref().map_or(0, Vec::len);
        let lines = delimiter + self.line.len() + self.line_end.len();
        let names = self.files.names.iter().map(|name| name.len());
        let types = self.files.mime_types.iter().map(|name| name.len());
        let files = names.chain(types).sum::<usize>();
        size_of::<Multipart>() + lines + self.file.held_bytes() + files
    }

    /// The parts of content of the type that the value of a Content-Type field says, if it has
    /// any.
    pub(super) fn of(content_type: &[u8]) -> Option<Multipart> {
        let lower = content_type.to_ascii_lowercase();
        let delimiter = if lower.starts_with(b"multipart/") {
            let at = lower.find("boundary=")?;
            let rest = content_type.get(at + "boundary=".len()..)?;
            let boundary = match rest.strip_prefix(b"\"") {
                Some(quoted) => quoted.split(|b| *b == b'"').next()?,
                None => rest.split(|b| matches!(b, b';' | b' ')).next()?,
            };
            let fits = !boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX;
            Some(fits.then(|| [b"--", boundary].concat())?)
        } else if lower.starts_with(b"message/rfc822") || lower.starts_with(b"message/http") {
            None
        } else {
            return None;
        };
        Some(Multipart {
            place: if delimiter.is_some() {
                Place::Outside
            } else {
                Place::Head
            },
            delimiter,
            line: Vec::new(),
            in_line: false,
            line_end: Vec::new(),
            flows: false,
            file: File::default(),
            files: HttpFiles::default(),
            odd: Vec::new(),
        })
    }

    /// Whether the line at hand has bytes and no end, in a message with parts.
    pub(super) fn is_in_line(&self) -> bool {
        self.in_line && self.delimiter.is_some()
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = bytes.find_byte(b'\n');
            let line_len = end.map_or(bytes.len(), |at| at + 1);
            let (part, rest) = bytes.split_at(line_len);
            self.take_of_line(part);
            if end.is_some() {
                self.end_line();
            }
            bytes = rest;
        }
    }

    /// Takes bytes of one line, its end included if it is among them.
    fn take_of_line(&mut self, part: &[u8]) {
        self.in_line = true;
        if self.flows {
            return self.file.take(part);
        }
        let room = match self.place {
            Place::Head => LINE_BYTES_MAX,
            _ => self
                .delimiter
                .as_ref()
                .map_or(0, |delimiter| delimiter.len() + 4),
        };
        let (held, rest) = part.split_at(part.len().min(room.saturating_sub(self.line.len())));
        self.line.extend_from_slice(held);
        // A line that is longer than a delimiter and begins otherwise is the file's.
        if self.place == Place::File && !rest.is_empty() && !self.is_delimiter() {
            self.flows = true;
            self.put_line();
            self.file.take(rest);
        }
    }

    fn is_delimiter(&self) -> bool {
        let delimiter = self.delimiter.as_ref();
        delimiter.is_some_and(|delimiter| self.line.starts_with(delimiter))
    }

    /// Gives the file what is held.
    fn put_line(&mut self) {
        let line_end = std::mem::take(&mut self.line_end);
        self.file.take(&line_end);
        self.file.take(&std::mem::take(&mut self.line));
    }

    fn end_line(&mut self) {
        self.in_line = false;
        if self.flows {
            // A long line's end went to the file; only at a file's end that would matter.
            self.flows = false;
            return;
        }
        if self.is_delimiter() {
            let len = self.delimiter.as_ref().map_or(0, Vec::len);
            let closing = self
                .line
                .get(len..)
                .is_some_and(|rest| rest.starts_with(b"--"));
            self.end_file();
            self.place = if closing { Place::Outside } else { Place::Head };
            return;
        }
        let line = self.line.trim_end_with(|c| matches!(c, '\r' | '\n'));
        match self.place {
            Place::Head if line.is_empty() => self.place = Place::File,
            // A folded line belongs to the one before.
            Place::Head if line.starts_with(b" ") || line.starts_with(b"\t") => {}
            Place::Head => {
                let len = line.len();
                let line = std::mem::take(&mut self.line);
                self.note(line.get(..len).unwrap_or_default());
            }
            Place::File => {
                let len = line.len();
                let end = self.line.split_off(len);
                self.put_line();
                self.line_end = end;
            }
            Place::Outside => {}
        }
        self.line.clear();
    }

    /// Notes a line of a part's head.
    fn note(&mut self, line: &[u8]) {
        let Some((name, value)) = line.split_once_str(":") else {
            // As in Zeek, the head ends with it.
            self.place = Place::File;
            return self.note_oddity(Weird::HttpNestedHeadCut);
        };
        if name.eq_ignore_ascii_case(b"content-disposition") {
            let name: Option<BString> = filename(value);
            self.file = File::new(name);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.note_oddity(Weird::HttpNestedTransferCoding);
        }
    }

    fn note_oddity(&mut self, weird: Weird) {
        if !self.odd.contains(&weird) {
            self.odd.push(weird);
        }
    }

    /// What was odd, each once.
    pub(super) fn oddities(&self) -> impl Iterator<Item = Weird> {
        self.odd.iter().copied()
    }

    fn end_file(&mut self) {
        std::mem::take(&mut self.file).tell(&mut self.files);
        self.line.clear();
        self.line_end.clear();
    }

    /// Bytes are missing: the rest of the file is not read, and the next delimiter is looked for.
    pub(super) fn skip(&mut self) {
        self.put_line();
        self.file.skip();
        self.in_line = false;
        self.flows = true;
        self.place = Place::File;
    }

    /// The files so far.
    pub(super) fn files(&self) -> HttpFiles {
        let mut parts = self.clone();
        if !parts.is_delimiter() && parts.place == Place::File {
            parts.put_line();
        }
        parts.file.tell(&mut parts.files);
        parts.files
    }
}
