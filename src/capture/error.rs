//! From what a source of frames cannot do to a sentence for the operator and an exit code.

use std::io;

/// Why there are no frames, or no more of them.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file is none of the formats that are read. Exit code 4.
    #[error(
        "{file} is no capture: {what}; pcap and pcapng are read, as they are or in gzip or zstd"
    )]
    NotACapture {
        /// The file as the operator named it.
        file: String,
        /// What was found in place of a capture.
        what: String,
    },
    /// The file is cut short or contradicts itself; every frame before that was handed out. Exit
    /// code 3.
    #[error("{file} is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file as the operator named it.
        file: String,
        /// Where the damaged record begins, in bytes of the (decompressed) stream.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The system refused to open or read. Exit code 1.
    #[error("{file}: {source}")]
    Io {
        /// The file as the operator named it.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The filter expression does not compile. Exit code 2.
    #[error("filter `{expression}`: {what}")]
    Filter {
        /// The expression as typed.
        expression: String,
        /// What libpcap said.
        what: String,
    },
    /// The interface cannot be captured from, or no longer. Exit code 1.
    #[error("interface {interface}: {what}")]
    Interface {
        /// Its name.
        interface: String,
        /// What libpcap said.
        what: String,
    },
    /// This program was built without what the request needs. Exit code 1.
    #[error("{what} needs libpcap, and this tapir was built without its feature `libpcap`")]
    NotBuilt {
        /// What was asked for.
        what: &'static str,
    },
}

impl CaptureError {
    /// The exit code of a run that ends with this: 1 could not run, 2 wrong usage, 3 an input was
    /// damaged, 4 an input is no capture.
    pub fn exit_code(&self) -> u8 {
        match self {
            CaptureError::Io { .. }
            | CaptureError::Interface { .. }
            | CaptureError::NotBuilt { .. } => 1,
            CaptureError::Filter { .. } => 2,
            CaptureError::Damaged { .. } => 3,
            CaptureError::NotACapture { .. } => 4,
        }
    }
}

/// What ends a stream of records, before a file's name is put to it.
#[derive(Debug)]
pub(super) enum Fault {
    /// The system said so.
    Io(io::Error),
    /// It never was one of records, but this.
    NotACapture(String),
    /// The bytes say so.
    Damaged {
        /// Where the damaged record begins, in bytes of the (decompressed) stream.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
}
