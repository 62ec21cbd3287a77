//! From the name of a system to what its TCP shows.
//!
//! The defaults of Linux, macOS and Windows, by which a passive sensor tells them apart.

/// The system whose TCP opens the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the makers'.
pub enum System {
    Linux,
    Apple,
    Windows,
}

impl System {
    /// Hops left in what it sends.
    pub fn ttl(self) -> u8 {
        match self {
            System::Linux | System::Apple => 64,
            System::Windows => 128,
        }
    }

    /// The options of its SYN, timestamps being zero; a multiple of four bytes.
    pub fn syn_options(self) -> &'static [u8] {
        match self {
            System::Linux => &[
                2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7,
            ],
            System::Apple => &[
                2, 4, 5, 180, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 4, 2, 0, 0,
            ],
            System::Windows => &[2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2],
        }
    }

    /// By how many bits its windows are shifted.
    pub fn scale(self) -> u8 {
        match self {
            System::Linux => 7,
            System::Apple => 6,
            System::Windows => 8,
        }
    }

    /// Where the timestamps stand in them; Windows sends none.
    pub fn stamps_at(self) -> Option<usize> {
        match self {
            System::Linux => Some(8),
            System::Apple => Some(12),
            System::Windows => None,
        }
    }
}
