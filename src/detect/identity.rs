//! From what something is made of to a short name for it.
//!
//! Not a secret and not a signature. 128 bits of SHA-256: two things share a name by accident
//! never.

use crate::fingerprint::hex;
use ring::digest::{Context, SHA256};

/// 32 hexadecimal digits that stand for `parts`, in order, each with its length.
pub fn digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Box<str> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        let part = part.as_ref();
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut text = hex(context.finish().as_ref());
    text.truncate(32);
    text.into_boxed_str()
}
