//! From a client hello to JA4 (FoxIO, "JA4: TLS Client Fingerprint", BSD-3-Clause).
//!
//! `t13d1516h2_8daaf6152771_e5627efa2ab1`: what can be read at a glance, then the first twelve
//! hexadecimal digits of the SHA-256 of the sorted cipher suites, then those of the sorted
//! extensions and the signature algorithms.

use super::{ClientOffer, hex, is_grease, push_hex};
use serde::{Deserialize, Serialize};

/// What carries the handshake: JA4's first letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Carrier {
    /// TLS over TCP: `t`.
    #[default]
    Tcp,
    /// QUIC: `q`.
    Quic,
    /// DTLS: `d`.
    Dtls,
}

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// JA4 of a client hello.
pub fn ja4(carrier: Carrier, offer: &ClientOffer<'_>) -> Box<str> {
    let (ciphers, rest) = lists(offer);
    let text = format!(
        "{}_{}_{}",
        prefix(carrier, offer),
        digest(&ciphers),
        digest(&rest)
    );
    text.into()
}

/// What JA4 hashes, in clear: FoxIO's `JA4_r`.
pub fn ja4_text(carrier: Carrier, offer: &ClientOffer<'_>) -> String {
    let (ciphers, rest) = lists(offer);
    format!("{}_{ciphers}_{rest}", prefix(carrier, offer))
}

fn prefix(carrier: Carrier, offer: &ClientOffer<'_>) -> String {
    let letter = match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
        Carrier::Dtls => 'd',
    };
    let sni = if offer.extensions.types().any(|kind| kind == SERVER_NAME) {
        'd'
    } else {
        'i'
    };
    let [first, last] = alpn_characters(offer.first_alpn);
    format!(
        "{letter}{}{sni}{:02}{:02}{first}{last}",
        version(carrier, offer),
        meant(offer.ciphers.iter()).count().min(99),
        meant(offer.extensions.types()).count().min(99),
    )
}

/// The highest version offered. DTLS counts downwards, so there the highest is the lowest number.
fn version(carrier: Carrier, offer: &ClientOffer<'_>) -> &'static str {
    let offered = meant(offer.versions.iter());
    let highest = match carrier {
        Carrier::Dtls => offered.min(),
        Carrier::Tcp | Carrier::Quic => offered.max(),
    };
    match highest.unwrap_or(offer.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first protocol; of its hexadecimal form where either is not
/// alphanumeric.
fn alpn_characters(protocol: Option<&[u8]>) -> [char; 2] {
    let Some((first, last)) = protocol.and_then(|name| name.first().zip(name.last())) else {
        return ['0', '0'];
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 15)]
}

/// The two hashed parts: sorted ciphers; sorted extensions without SNI and ALPN, `_`, signature
/// algorithms.
fn lists(offer: &ClientOffer<'_>) -> (String, String) {
    let mut ciphers: Vec<u16> = meant(offer.ciphers.iter()).collect();
    ciphers.sort_unstable();
    let mut extensions: Vec<u16> = meant(offer.extensions.types())
        .filter(|kind| !matches!(*kind, SERVER_NAME | ALPN))
        .collect();
    extensions.sort_unstable();
    let mut rest = comma_list(extensions.into_iter());
    let algorithms = comma_list(meant(offer.signature_algorithms.iter()));
    if !algorithms.is_empty() {
        rest.push('_');
        rest.push_str(&algorithms);
    }
    (comma_list(ciphers.into_iter()), rest)
}

fn meant(values: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    values.filter(|value| !is_grease(*value))
}

fn comma_list(values: impl Iterator<Item = u16>) -> String {
    let mut text = String::with_capacity(128);
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_hex(&mut text, &value.to_be_bytes());
    }
    text
}

fn digest(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    let mut full = hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    full.truncate(12);
    full
}
