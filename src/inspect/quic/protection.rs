//! From an Initial packet to its frames (RFC 9001, sections 5.2 to 5.4).
//!
//! The keys of Initial packets follow from a connection identifier that anybody can read; no other
//! packet can be opened. Holds three keys for each direction.

use super::packet::LongPacket;
use super::version::{V2, salt};
use crate::net::Side;
use ring::aead::{self, quic};
use ring::hkdf;
use serde::{Deserialize, Serialize};

/// The keys of one direction's Initial packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialKeys {
    pub(super) key: [u8; 16],
    pub(super) iv: [u8; 12],
    pub(super) mask: [u8; 16],
}

impl InitialKeys {
    /// The keys of what `side`, the client being the originator, protects in `version`; none for a
    /// version that is not known.
    pub fn derive(version: u32, dcid: &[u8], side: Side) -> Option<InitialKeys> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, salt(version)?);
        let label: &[u8] = match side {
            Side::Originator => b"tls13 client in",
            Side::Responder => b"tls13 server in",
        };
        let secret: [u8; 32] = expand(&salt.extract(dcid), label)?;
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        let labels: [&[u8]; 3] = match version {
            V2 => [b"tls13 quicv2 key", b"tls13 quicv2 iv", b"tls13 quicv2 hp"],
            _ => [b"tls13 quic key", b"tls13 quic iv", b"tls13 quic hp"],
        };
        Some(InitialKeys {
            key: expand(&secret, labels[0])?,
            iv: expand(&secret, labels[1])?,
            mask: expand(&secret, labels[2])?,
        })
    }

    /// The frames of an Initial packet; none where it was not protected with these keys.
    pub fn open(&self, packet: &LongPacket<'_>) -> Option<Vec<u8>> {
        let number_at = packet.number_at;
        let sample = packet.bytes.get(number_at..)?.get(4..20)?;
        let mask = quic::HeaderProtectionKey::new(&quic::AES_128, &self.mask).ok()?;
        let mask = mask.new_mask(sample).ok()?;
        let mut bytes = packet.bytes.to_vec();
        let first = bytes.first_mut()?;
        *first ^= mask[0] & 0x0f;
        let number_len = usize::from(*first & 3) + 1;
        let (header, payload) = bytes.split_at_mut_checked(number_at + number_len)?;
        let mut nonce = self.iv;
        // The first packets' numbers are small: nothing above what is sent needs to be restored.
        let number = header.get_mut(number_at..)?;
        for (byte, mask) in number.iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        for (byte, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= number;
        }
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &self.key).ok()?;
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let len = aead::LessSafeKey::new(key)
            .open_in_place(nonce, aead::Aad::from(&*header), payload)
            .ok()?
            .len();
        let start = number_at + number_len;
        bytes.truncate(start + len);
        bytes.drain(..start);
        Some(bytes)
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label without context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &hkdf::Prk, label: &[u8]) -> Option<[u8; N]> {
    let [high, low] = u16::try_from(N).ok()?.to_be_bytes();
    let prefix = [high, low, u8::try_from(label.len()).ok()?];
    let mut out = [0; N];
    secret
        .expand(&[&prefix, label, &[0]], Length(N))
        .and_then(|okm| okm.fill(&mut out))
        .ok()?;
    Some(out)
}
