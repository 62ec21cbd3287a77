//! From a server's name to a certificate for it, as DER.
//!
//! Well-formed and good for nothing: key and signature are random bytes, which a passive sensor
//! does not verify.

use super::random::Random;
use crate::time::Timestamp;

/// Who issued a certificate, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// An authority: 90 days.
    Authority,
    /// The server itself: ten years.
    Own,
}

fn tagged(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let len: usize = parts.iter().map(Vec::len).sum();
    let mut out = vec![tag];
    match len {
        0..=127 => out.push(len as u8),
        128..=255 => out.extend([0x81, len as u8]),
        _ => {
            out.push(0x82);
            out.extend((len as u16).to_be_bytes());
        }
    }
    parts.iter().for_each(|part| out.extend(part));
    out
}

fn raw(tag: u8, bytes: &[u8]) -> Vec<u8> {
    tagged(tag, &[bytes.to_vec()])
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 6;

/// SHA-256 with RSA (1.2.840.113549.1.1.11), RSA (…1.1.1).
const SHA256_RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

fn algorithm(oid: &[u8]) -> Vec<u8> {
    tagged(SEQUENCE, &[raw(OID, oid), vec![5, 0]])
}

/// A distinguished name: attribute of 2.5.4, text.
fn name(attributes: &[(u8, &str)]) -> Vec<u8> {
    let relative = |(kind, text): &(u8, &str)| {
        let pair = [raw(OID, &[0x55, 4, *kind]), raw(12, text.as_bytes())];
        tagged(SET, &[tagged(SEQUENCE, &pair)])
    };
    tagged(
        SEQUENCE,
        &attributes.iter().map(relative).collect::<Vec<_>>(),
    )
}

/// `GeneralizedTime` of a day, counted from 1970 (civil calendar after Hinnant).
fn day(days: i64) -> Vec<u8> {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    raw(
        0x18,
        format!("{year:04}{month:02}{date:02}000000Z").as_bytes(),
    )
}

/// The certificate that `server` shows at `at`.
pub fn der(server: &str, issuer: Issuer, at: Timestamp, random: &mut Random) -> Vec<u8> {
    let today = at.hour().div_euclid(24);
    let (by, validity) = match issuer {
        Issuer::Authority => (
            name(&[(6, "ZZ"), (10, "Example Trust"), (3, "Example CA R3")]),
            [today - 30, today + 60],
        ),
        Issuer::Own => (name(&[(3, server)]), [today - 1, today + 3649]),
    };
    let mut serial = random.opaque(16);
    serial[0] = 0x40 | (serial[0] & 0x3f);
    let mut modulus = vec![0];
    modulus.extend(random.opaque(256));
    modulus[1] |= 0x80;
    let key = tagged(SEQUENCE, &[raw(2, &modulus), raw(2, &[1, 0, 1])]);
    let mut key_bits = vec![0];
    key_bits.extend(key);
    let names = tagged(SEQUENCE, &[raw(0x82, server.as_bytes())]);
    let alternative = tagged(SEQUENCE, &[raw(OID, &[0x55, 0x1d, 17]), raw(4, &names)]);
    let body = tagged(
        SEQUENCE,
        &[
            vec![0xa0, 3, 2, 1, 2],
            raw(2, &serial),
            algorithm(&SHA256_RSA),
            by,
            tagged(SEQUENCE, &validity.map(day)),
            name(&[(3, server)]),
            tagged(SEQUENCE, &[algorithm(&RSA), raw(3, &key_bits)]),
            tagged(0xa3, &[tagged(SEQUENCE, &[alternative])]),
        ],
    );
    let mut signature = vec![0];
    signature.extend(random.opaque(256));
    tagged(
        SEQUENCE,
        &[body, algorithm(&SHA256_RSA), raw(3, &signature)],
    )
}
