//! From what something is made of to a short name for it.
//!
//! Not a secret and not a signature. 128 bits of SHA-256: two things share a name by accident
//! never.

use ring::digest::{Context, SHA256};
use std::fmt::Write;

/// 32 hexadecimal digits that stand for `parts`, in order, each with its length.
pub fn digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Box<str> {
    let mut context = Context::new(&SHA256);
    for part in parts {
        let part = part.as_ref();
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    let mut text = String::with_capacity(32);
    for byte in digest.as_ref().iter().take(16) {
        write!(text, "{byte:02x}").expect("a string takes every write");
    }
    text.into_boxed_str()
}
