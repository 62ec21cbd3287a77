//! From base64 to bytes (RFC 4648, section 4).
//!
//! Takes what is not padded, and nothing else that the RFC does not have. As long as three quarters
//! of its input.

/// The bytes that `text` stands for.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0u32);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 & 0xffff | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// The bytes that `text` stands for, in hexadecimal.
pub(super) fn to_hex(text: &str) -> Option<String> {
    let bytes = decode(text)?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
