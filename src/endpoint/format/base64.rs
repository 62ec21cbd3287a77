//! From base64 (RFC 4648, section 4), padded or not, to bytes.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that `text` stands for.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// The bytes that `text` stands for, in hexadecimal.
pub(super) fn to_hex(text: &str) -> Option<String> {
    let bytes = decode(text)?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
