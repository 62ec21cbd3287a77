//! From a string in HTTP/2's code to its bytes (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical, so that the lengths of its symbols are all there is to know. Keeps
//! nothing.

use std::sync::LazyLock;

/// The length in bits of each byte's code, in order, then the end's (RFC 7541, appendix B).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The symbol that ends a string; it never appears in one.
const END: u16 = 256;

/// The code in the order of its codes: how many symbols of each length there are, and which.
struct Code {
    counts: [u32; 31],
    symbols: Vec<u16>,
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let length = |symbol: &u16| LENGTHS[usize::from(*symbol)];
    let mut symbols: Vec<u16> = (0..=END).collect();
    symbols.sort_by_key(length);
    let mut counts = [0; 31];
    for length in LENGTHS {
        counts[usize::from(length)] += 1;
    }
    Code { counts, symbols }
});

/// The bytes that `coded` stands for; none if it is no string in this code.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let code = &*CODE;
    let mut out = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut bits, mut first, mut index, mut length) = (0u32, 0u32, 0u32, 0usize);
    let mut padding = true;
    for bit in coded
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
    {
        bits = bits << 1 | u32::from(bit);
        first <<= 1;
        length += 1;
        padding &= bit == 1;
        let count = *code.counts.get(length)?;
        if let Some(behind) = bits.checked_sub(first).filter(|behind| *behind < count) {
            let symbol = *code.symbols.get((index + behind) as usize)?;
            out.push(u8::try_from(symbol).ok()?);
            (bits, first, index, length, padding) = (0, 0, 0, 0, true);
        } else {
            index += count;
            first += count;
        }
    }
    // What is left are the first bits of the end, less than a byte of them.
    (padding && length < 8).then_some(out)
}

#[cfg(test)]
#[test]
fn the_code_is_complete_and_the_rfcs_examples_decode() {
    let whole: u64 = LENGTHS.iter().map(|length| 1u64 << (30 - length)).sum();
    assert_eq!(whole, 1 << 30);
    let host = [
        0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
    ];
    assert_eq!(decode(&host).unwrap(), b"www.example.com");
    assert_eq!(
        decode(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(),
        b"no-cache"
    );
    assert_eq!(decode(&[0xff]), None, "padding of a byte");
    assert_eq!(
        decode(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbe]),
        None,
        "padding with a 0"
    );
    assert_eq!(decode(&[0xff; 4]), None, "the end within");
}
