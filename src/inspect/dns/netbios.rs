//! From a first-level encoded NetBIOS name (RFC 1001, 14.1) to the name that users know.
//!
//! Decodes whole names only, and leaves out the sixteenth byte, which is a suffix and no character.

use bstr::BString;

/// The name behind `encoded` in Zeek's form: up to 15 bytes, cut at the first byte that is neither
/// printable nor below 3, without trailing blanks and NULs. None where nothing is left or where
/// `encoded` is not 32 letters of `a` to `p`.
pub(super) fn decode(encoded: &[u8]) -> Option<BString> {
    if encoded.len() != 32 {
        return None;
    }
    let mut name = Vec::with_capacity(16);
    for pair in encoded.chunks_exact(2) {
        let &[high, low] = pair else { return None };
        let byte = nibble(high)? << 4 | nibble(low)?;
        // 1 and 2 frame the name of the master browsers, `\x01\x02__MSBROWSE__\x02`.
        if !(byte.is_ascii_graphic() || byte == b' ' || byte < 3) {
            break;
        }
        name.push(byte);
    }
    name.truncate(15);
    while matches!(name.last(), Some(b' ' | 0)) {
        name.pop();
    }
    (!name.is_empty()).then(|| name.into())
}

/// The four bits behind a letter of `a` to `p`.
fn nibble(letter: u8) -> Option<u8> {
    match letter.to_ascii_lowercase() {
        letter @ b'a'..=b'p' => Some(letter - b'a'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(name: &[u8; 16]) -> Vec<u8> {
        name.iter()
            .flat_map(|byte| [b'a' + (byte >> 4), b'A' + (byte & 15)])
            .collect()
    }

    #[test]
    fn names_lose_their_padding_and_suffix_and_nothing_else() {
        let cases: [(&[u8; 16], Option<&[u8]>); 6] = [
            (b"PRINTER        \x20", Some(b"PRINTER")),
            (
                b"\x01\x02__MSBROWSE__\x02\x01",
                Some(b"\x01\x02__MSBROWSE__\x02"),
            ),
            (b"SIXTEEN LETTERS!", Some(b"SIXTEEN LETTERS")),
            (b"CUT\x80HERE        ", Some(b"CUT")),
            (b"*\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", Some(b"*")),
            (b"               \x1c", None),
        ];
        for (plain, want) in cases {
            assert_eq!(decode(&encode(plain)), want.map(BString::from), "{plain:?}");
        }
    }

    #[test]
    fn what_is_no_encoding_is_left_alone() {
        for name in [&b"ab"[..], &[b'q'; 32], &[b'a'; 34], b""] {
            assert_eq!(decode(name), None);
        }
    }
}
