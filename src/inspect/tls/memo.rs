//! From what was read before to what it said then: certificates and client hellos repeat.
//!
//! A site's clients send one of a few dozen hellos and are shown one of a few hundred certificates,
//! and reading them anew was a third of the work on short flows. Nothing here can change a row: a
//! certificate is known by its SHA-256, and a hello's fingerprints by all that they are made of. So
//! a memo is not part of the saved state, and starts empty after it is restored. Holds at most
//! [`CERTIFICATES_MAX`] certificates of [`DER_MAX`] bytes and [`HELLOS_MAX`] hellos; when either is
//! full, it starts over.

use super::certificate::{self, ParsedCertificate};
use crate::fingerprint::{Carrier, ClientOffer, hex, is_grease, ja3, ja4};
use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Certificates of one shard: with 64 shards, 4096 in all.
const CERTIFICATES_MAX: usize = 64;

/// The longest certificate that is remembered, in bytes of DER; usual ones take 1 to 2 KiB.
const DER_MAX: usize = 8192;

/// Hellos of one shard, of a few hundred bytes each.
const HELLOS_MAX: usize = 256;

/// The longest description of a hello that is remembered, in bytes.
const OFFER_MAX: usize = 1024;

/// JA3 and JA4 of a client hello.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    /// JA3.
    pub ja3: Box<str>,
    /// JA4.
    pub ja4: Box<str>,
}

/// What one shard has read before.
#[derive(Debug, Default)]
pub struct Memo {
    /// By SHA-256; none for what is no certificate.
    certificates: BTreeMap<[u8; 32], Option<ParsedCertificate>>,
    /// By what the fingerprints are made of.
    hellos: BTreeMap<Box<[u8]>, Fingerprints>,
}

impl Memo {
    /// The certificate in `der`, seen at `at`, and its SHA-256 in hexadecimal; none where it is not
    /// X.509.
    pub fn certificate(
        &mut self,
        at: Timestamp,
        der: &[u8],
    ) -> (Box<str>, Option<ParsedCertificate>) {
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        let fingerprint: Box<str> = hex(digest.as_ref()).into();
        let key = <[u8; 32]>::try_from(digest.as_ref()).unwrap_or_default();
        if let Some(known) = self.certificates.get(&key) {
            let mut known = known.clone();
            if let Some(parsed) = &mut known {
                parsed.certificate.at = at;
            }
            return (fingerprint, known);
        }
        let parsed = certificate::parse(at, &fingerprint, der);
        if der.len() <= DER_MAX {
            if self.certificates.len() >= CERTIFICATES_MAX {
                self.certificates.clear();
            }
            self.certificates.insert(key, parsed.clone());
        }
        (fingerprint, parsed)
    }

    /// The fingerprints of a client hello.
    pub fn fingerprints(&mut self, carrier: Carrier, offer: &ClientOffer<'_>) -> Fingerprints {
        let key = description(carrier, offer);
        if let Some(known) = self.hellos.get(key.as_slice()) {
            return known.clone();
        }
        let fingerprints = Fingerprints {
            ja3: ja3(offer),
            ja4: ja4(carrier, offer),
        };
        if key.len() <= OFFER_MAX {
            if self.hellos.len() >= HELLOS_MAX {
                self.hellos.clear();
            }
            self.hellos.insert(key.into(), fingerprints.clone());
        }
        fingerprints
    }
}

/// All that fingerprints are made of, each list behind its length. GREASE is left out, as they do:
/// it changes with every hello.
fn description(carrier: Carrier, offer: &ClientOffer<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(carrier as u8);
    bytes.extend(offer.version.to_be_bytes());
    push_words(&mut bytes, offer.ciphers.iter());
    push_words(&mut bytes, offer.extensions.types());
    push_words(&mut bytes, offer.groups.iter());
    push_words(&mut bytes, offer.signature_algorithms.iter());
    push_words(&mut bytes, offer.versions.iter());
    push_words(
        &mut bytes,
        offer.point_formats.iter().copied().map(u16::from),
    );
    bytes.push(u8::from(offer.first_alpn.is_some()));
    bytes.extend(offer.first_alpn.unwrap_or_default());
    bytes
}

fn push_words(bytes: &mut Vec<u8>, words: impl Iterator<Item = u16>) {
    let start = bytes.len();
    bytes.extend([0; 4]);
    words
        .filter(|word| !is_grease(*word))
        .for_each(|word| bytes.extend(word.to_be_bytes()));
    // Each list stands behind 16 bits in its message, so that it fits.
    let len = u32::try_from(bytes.len() - start).unwrap_or(u32::MAX);
    if let Some(slot) = bytes.get_mut(start..start + 4) {
        slot.copy_from_slice(&len.to_be_bytes());
    }
}

impl Serialize for Memo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Memo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Memo, D::Error> {
        <()>::deserialize(deserializer).map(|()| Memo::default())
    }
}
