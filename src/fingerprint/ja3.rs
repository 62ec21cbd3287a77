//! From hellos to JA3 and JA3S (Salesforce, 2017).
//!
//! Fields are decimal, joined by `-` within and `,` between lists; GREASE is left out.

use super::{ClientOffer, Extensions, hex, is_grease};
use md5::{Digest, Md5};
use std::fmt::Write;

/// JA3 of a client hello: MD5 in hexadecimal.
pub fn ja3(offer: &ClientOffer<'_>) -> Box<str> {
    md5_hex(&ja3_text(offer))
}

/// What JA3 hashes: `version,ciphers,extensions,groups,point formats`.
pub fn ja3_text(offer: &ClientOffer<'_>) -> String {
    let mut text = String::with_capacity(256);
    push_list(&mut text, [offer.version].into_iter());
    text.push(',');
    push_list(&mut text, offer.ciphers.iter());
    text.push(',');
    push_list(&mut text, offer.extensions.types());
    text.push(',');
    push_list(&mut text, offer.groups.iter());
    text.push(',');
    push_list(
        &mut text,
        offer.point_formats.iter().copied().map(u16::from),
    );
    text
}

/// JA3S of a server hello: MD5 in hexadecimal.
pub fn ja3s(version: u16, cipher: u16, extensions: Extensions<'_>) -> Box<str> {
    md5_hex(&ja3s_text(version, cipher, extensions))
}

/// What JA3S hashes: `version,cipher,extensions`.
pub fn ja3s_text(version: u16, cipher: u16, extensions: Extensions<'_>) -> String {
    let mut text = format!("{version},{cipher},");
    push_list(&mut text, extensions.types());
    text
}

fn push_list(text: &mut String, values: impl Iterator<Item = u16>) {
    for (index, value) in values.filter(|value| !is_grease(*value)).enumerate() {
        let separator = if index == 0 { "" } else { "-" };
        let _ = write!(text, "{separator}{value}"); // A String takes all that is written to it.
    }
}

fn md5_hex(text: &str) -> Box<str> {
    hex(&Md5::digest(text)).into()
}
