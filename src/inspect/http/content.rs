//! From a message's content to its length and what it holds, as Zeek tells both.
//!
//! Content is counted as it decompresses and recognised by its first bytes; it is never kept. Parts
//! of a compressed message are read as far as its first bytes go. Holds the first bytes of
//! one file ([`HTTP_SNIFF_BYTES_MAX`]) and a line of a part's head.
//!
//! [`HTTP_SNIFF_BYTES_MAX`]: crate::limits::HTTP_SNIFF_BYTES_MAX

use super::inflate::Inflate;
use super::mime::mime_type;
use super::multipart::Multipart;
use crate::limits::HTTP_SNIFF_BYTES_MAX;
use crate::observe::HttpFiles;
use crate::weird::Weird;
use bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Files of a message that are told (Zeek's `HTTP::max_files_orig`).
const FILES_MAX: usize = 15;

/// What a message's head says of its content.
#[derive(Debug, Default)]
pub(super) struct ContentFields {
    coding: Option<Coding>,
    filename: Option<BString>,
    multipart: Option<Multipart>,
}

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coding {
    Gzip,
    Deflate,
}

impl ContentFields {
    /// Whether the message names a file.
    pub(super) fn has_filename(&self) -> bool {
        self.filename.is_some()
    }

    /// Notes a field that says something of the content.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"content-encoding") {
            let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
            self.coding = match () {
                () if is("gzip") || is("x-gzip") => Some(Coding::Gzip),
                () if is("deflate") => Some(Coding::Deflate),
                () => None,
            };
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            self.filename = filename(value).or(self.filename.take());
        } else if name.eq_ignore_ascii_case(b"content-type") {
            self.multipart = Multipart::of(value);
        }
    }
}

/// The content of one message so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Content {
    len: u64,
    inflate: Option<Box<Inflate>>,
    multipart: Option<Box<Multipart>>,
    file: File,
}

impl Content {
    /// The content of a message with these fields.
    pub(super) fn new(fields: ContentFields) -> Content {
        let coding = fields.coding;
        let inflate = |coding| Inflate::new(HTTP_SNIFF_BYTES_MAX, coding == Coding::Deflate);
        Content {
            len: 0,
            inflate: coding.map(|coding| Box::new(inflate(coding))),
            multipart: fields.multipart.map(Box::new),
            file: File::new(fields.filename),
        }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if let Some(inflate) = &mut self.inflate {
            return inflate.take(bytes);
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        match &mut self.multipart {
            Some(multipart) => multipart.take(bytes),
            None => self.file.take(bytes),
        }
    }

    /// Counts bytes that are missing.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.len = self.len.saturating_add(bytes);
        if let Some(inflate) = &mut self.inflate {
            inflate.give_up();
        }
        match &mut self.multipart {
            Some(multipart) => multipart.skip(),
            None => self.file.skip(),
        }
    }

    /// The message is complete; what was odd in it. A last line without its end Zeek counts as if
    /// it were there.
    pub(super) fn complete(&mut self) -> Vec<Weird> {
        let Some(parts) = self.parts() else {
            return Vec::new();
        };
        let mut odd: Vec<Weird> = parts.oddities().collect();
        let cut = parts.is_in_line() && self.inflate.is_none();
        drop(parts);
        if cut {
            self.len = self.len.saturating_add(2);
            odd.push(Weird::LineWithoutEnd);
        }
        odd
    }

    /// The parts so far; of compressed content those in its first bytes.
    fn parts(&self) -> Option<Cow<'_, Multipart>> {
        let parts = self.multipart.as_ref()?;
        Some(match &self.inflate {
            None => Cow::Borrowed(parts),
            Some(inflate) => {
                let mut parts = Multipart::clone(parts);
                parts.take(inflate.first());
                Cow::Owned(parts)
            }
        })
    }

    /// Bytes of memory beside itself.
    pub(super) fn held_bytes(&self) -> usize {
        let inflate = self.inflate.as_ref().map_or(0, |it| it.held_bytes());
        let multipart = self.multipart.as_ref().map_or(0, |it| it.held_bytes());
        inflate + multipart + self.file.held_bytes()
    }

    /// Bytes so far, decompressed.
    pub(super) fn len(&self) -> u64 {
        let inflated = self.inflate.as_ref().map_or(0, |inflate| inflate.len());
        self.len.saturating_add(inflated)
    }

    /// What it holds, as far as it came.
    pub(super) fn files(&self) -> HttpFiles {
        let mut files = HttpFiles::default();
        match (self.parts(), &self.inflate) {
            (Some(parts), _) => return parts.files(),
            (None, None) => self.file.tell(&mut files),
            (None, Some(inflate)) => {
                let mut file = self.file.clone();
                file.take(inflate.first());
                file.tell(&mut files);
            }
        }
        files
    }
}

/// A file that a message carries: its content, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct File {
    name: Option<BString>,
    /// Its first bytes, until they were looked at.
    first: Vec<u8>,
    /// Its type, once it was looked for.
    looked: Option<Option<Box<str>>>,
}

impl File {
    /// Bytes of memory beside itself.
    pub(super) fn held_bytes(&self) -> usize {
        self.first.len() + self.name.as_ref().map_or(0, |name| name.len())
    }

    /// A file of this name.
    pub(super) fn new(name: Option<BString>) -> File {
        File {
            name,
            ..File::default()
        }
    }

    /// Takes its next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if self.looked.is_some() {
            return;
        }
        if self.first.is_empty() && bytes.len() >= HTTP_SNIFF_BYTES_MAX {
            let first = &bytes[..HTTP_SNIFF_BYTES_MAX];
            self.looked = Some(mime_type(first).map(Box::from));
            return;
        }
        let room = HTTP_SNIFF_BYTES_MAX.saturating_sub(self.first.len());
        self.first
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.first.len() >= HTTP_SNIFF_BYTES_MAX {
            self.look();
        }
    }

    /// Bytes are missing: what came before them has to do.
    pub(super) fn skip(&mut self) {
        if self.looked.is_none() {
            self.look();
        }
    }

    fn look(&mut self) {
        let first = std::mem::take(&mut self.first);
        self.looked = Some(mime_type(&first).map(Box::from));
    }

    /// Adds it to `files`, if it has any byte.
    pub(super) fn tell(&self, files: &mut HttpFiles) {
        if self.first.is_empty() && self.looked.is_none() {
            return;
        }
        let mime = match &self.looked {
            Some(looked) => looked.clone(),
            None => mime_type(&self.first).map(Box::from),
        };
        if let Some(mime) = mime.filter(|_| files.mime_types.len() < FILES_MAX) {
            files.mime_types.push(mime);
        }
        if let Some(name) = &self.name
            && files.names.len() < FILES_MAX
        {
            files.names.push(name.clone());
        }
    }
}

/// The file's name in the value of a Content-Disposition field (RFC 6266, RFC 7578).
pub(super) fn filename(value: &[u8]) -> Option<BString> {
    const NAME_BYTES_MAX: usize = 255;
    let lower = value.to_ascii_lowercase();
    let parameter = lower.rfind("filename")?;
    let mut rest = value.get(parameter + "filename".len()..)?;
    let extended = rest.first() == Some(&b'*');
    rest = rest.get(usize::from(extended)..)?;
    rest = rest.trim_start_with(|c| c == ' ').strip_prefix(b"=")?;
    rest = rest.trim_start_with(|c| c == ' ');
    let name = match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|b| *b == b'"').next()?,
        None => rest.split(|b| *b == b';').next()?.trim_with(|c| c == ' '),
    };
    // An extended value (RFC 8187) begins with a charset and a language.
    let name = match extended {
        true => super::head::unescape(name.splitn(3, |b| *b == b'\'').last()?),
        false => name.into(),
    };
    (!name.is_empty()).then(|| name.get(..NAME_BYTES_MAX).unwrap_or(&name).into())
}
