//! From hellos and flow keys to fingerprints.
//!
//! Pure functions of what a whole hello says: nothing here reassembles, and no caller may pass a
//! hello that was cut short. Of FoxIO's suite this holds JA4 of the TLS client alone
//! (BSD-3-Clause); JA4S, JA4H, JA4X and the rest of JA4+ carry another licence and are left out on
//! purpose. Work is linear in the hello, but for sorting its cipher suites and extensions.

mod community;
mod ja3;
mod ja4;
mod wire;

pub use community::community_id;
pub use ja3::{ja3, ja3_text, ja3s, ja3s_text};
pub use ja4::{Carrier, ja4, ja4_text};
pub use wire::{Extensions, Reader, Words};

/// What a client offers in its hello: the lists that fingerprints are made of, as slices of the
/// message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientOffer<'a> {
    /// `legacy_version` of the hello.
    pub version: u16,
    /// Cipher suites in order, GREASE included.
    pub ciphers: Words<'a>,
    /// Extensions in order, GREASE included.
    pub extensions: Extensions<'a>,
    /// `supported_groups` (RFC 8422, RFC 7919).
    pub groups: Words<'a>,
    /// `ec_point_formats` (RFC 8422), one byte each.
    pub point_formats: &'a [u8],
    /// `signature_algorithms` (RFC 8446, section 4.2.3).
    pub signature_algorithms: Words<'a>,
    /// `supported_versions` (RFC 8446, section 4.2.1).
    pub versions: Words<'a>,
    /// The first protocol of `application_layer_protocol_negotiation` (RFC 7301).
    pub first_alpn: Option<&'a [u8]>,
}

/// Whether a value is one of the sixteen reserved by RFC 8701: both bytes equal, low nibbles `a`.
pub fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests;
