//! From the header of a gzip stream to its end (RFC 1952, section 2.3).
//!
//! Nothing of it is kept.

use serde::{Deserialize, Serialize};

/// The fields of a gzip header that follow its identification.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum GzipField {
    Fixed { left: u8, flags: u8 },
    ExtraLen { flags: u8 },
    Extra { left: u16, flags: u8 },
    Text { texts: u8, flags: u8 },
    HeaderCrc { flags: u8 },
}

impl GzipField {
    /// The first field.
    pub(super) const FIRST: GzipField = GzipField::Fixed { left: 8, flags: 0 };

    /// The field behind this one, or none behind the last; nothing at all where `bits`, which hands
    /// out so many bits of the input, has too few.
    pub(super) fn next(self, mut bits: impl FnMut(u8) -> Option<u16>) -> Option<Option<GzipField>> {
        const CRC: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        let texts = |flags: u8| u8::from(flags & NAME != 0) + u8::from(flags & COMMENT != 0);
        let next = match self {
            GzipField::Fixed { left: 0, flags } if flags & EXTRA != 0 => {
                GzipField::ExtraLen { flags }
            }
            GzipField::Fixed { left: 0, flags } | GzipField::Extra { left: 0, flags } => {
                GzipField::Text {
                    texts: texts(flags),
                    flags,
                }
            }
            GzipField::Fixed { left, flags } => {
                let byte = bits(8)?;
                let flags = if left == 7 { byte as u8 } else { flags };
                GzipField::Fixed {
                    left: left - 1,
                    flags,
                }
            }
            GzipField::ExtraLen { flags } => GzipField::Extra {
                left: bits(16)?,
                flags,
            },
            GzipField::Extra { left, flags } => {
                bits(8)?;
                GzipField::Extra {
                    left: left - 1,
                    flags,
                }
            }
            GzipField::Text { texts: 0, flags } => GzipField::HeaderCrc { flags },
            GzipField::Text { texts, flags } => {
                let texts = texts - u8::from(bits(8)? == 0);
                GzipField::Text { texts, flags }
            }
            GzipField::HeaderCrc { flags } => {
                if flags & CRC != 0 {
                    bits(16)?;
                }
                return Some(None);
            }
        };
        Some(Some(next))
    }
}
