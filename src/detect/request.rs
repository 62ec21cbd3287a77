//! From a request in clear to the name that it asks for, and how random its URI looks.

use bstr::BString;

/// The name of a Host header, without its port; nothing where it is an address.
pub fn host_name(host: &[u8]) -> BString {
    let name = host.split(|byte| *byte == b':').next().unwrap_or_default();
    let numbers = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    match host.starts_with(b"[") || name.iter().all(numbers) {
        true => BString::default(),
        false => name.into(),
    }
}

/// URIs below so many bytes are too short to look random.
const URI_BYTES_MIN: usize = 32;
/// Bytes of a URI that are looked at.
const URI_BYTES_MAX: usize = 1024;

/// The entropy of a URI's characters, in hundredths of a bit for each; 0 for short ones.
pub fn uri_centibits(uri: &[u8]) -> u16 {
    let uri = uri.get(..URI_BYTES_MAX).unwrap_or(uri);
    if uri.len() < URI_BYTES_MIN {
        return 0;
    }
    let mut counts = [0u16; 256];
    for byte in uri {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let n = uri.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0);
    let shares = shares.map(|count| f64::from(*count) / n);
    let bits: f64 = shares.map(|share| -share * libm::log2(share)).sum();
    (bits * 100.0).round() as u16
}
