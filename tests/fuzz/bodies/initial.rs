//! From QUIC frames to the Initial packet that holds them (RFC 9001, section 5), so that a fuzzer
//! need not break the cipher to reach what reads them.

use ring::aead::{self, quic};
use tapir::net::Side;

/// The client's first destination in RFC 9001, appendix A, whose keys follow.
const DCID: [u8; 8] = 0x8394_c8f0_3e51_5708_u64.to_be_bytes();

struct Keys {
    key: u128,
    iv: u128,
    mask: u128,
}

/// RFC 9001, A.1: the client's keys and the server's.
const KEYS: [Keys; 2] = [
    Keys {
        key: 0x1f36_9613_dd76_d546_7730_efcb_e3b1_a22d,
        iv: 0xfa04_4b2f_42a3_fd3b_46fb_255c,
        mask: 0x9f50_449e_04a0_e810_283a_1e99_33ad_edd2,
    },
    Keys {
        key: 0xcf3a_5331_653c_364c_88f0_f379_b606_7e37,
        iv: 0x0ac1_493c_a190_5853_b0bb_a03e,
        mask: 0xc206_b8d9_b9f0_f376_4443_0b49_0eea_a314,
    },
];

/// The datagram of `side` that holds `frames`.
pub fn seal(side: Side, number: u8, frames: &[u8]) -> Vec<u8> {
    let keys = &KEYS[side.index()];
    let mut frames = frames[..frames.len().min(16_000)].to_vec();
    // Long enough for the sample of header protection.
    frames.resize(frames.len().max(20), 0);
    let (to, from): (&[u8], &[u8]) = match side {
        Side::Originator => (&DCID, &[]),
        Side::Responder => (&[], &[1; 8]),
    };
    let mut header = vec![0xc0, 0, 0, 0, 1, to.len() as u8];
    header.extend(to);
    header.push(from.len() as u8);
    header.extend(from);
    header.push(0);
    header.extend(((frames.len() + 17) as u16 | 0x4000).to_be_bytes());
    let number_at = header.len();
    header.push(number);
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&(keys.iv ^ u128::from(number)).to_be_bytes()[4..]);
    let key = aead::UnboundKey::new(&aead::AES_128_GCM, &keys.key.to_be_bytes());
    let sealed = aead::LessSafeKey::new(key.expect("16 bytes")).seal_in_place_append_tag(
        aead::Nonce::assume_unique_for_key(nonce),
        aead::Aad::from(&header),
        &mut frames,
    );
    sealed.expect("short enough");
    let mut packet = [header, frames].concat();
    let mask = quic::HeaderProtectionKey::new(&quic::AES_128, &keys.mask.to_be_bytes());
    let sample = &packet[number_at + 4..][..16];
    let mask = mask.expect("16 bytes").new_mask(sample).expect("16 bytes");
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}
