//! From the first bytes of a file that is no capture to words for what it is.

/// How many bytes are looked at, and shown.
pub(super) const BYTES: usize = 16;

/// Formats that a capture is kept in or that are taken for one, by how they begin.
const KNOWN: [(&[u8], &str); 12] = [
    (b"\x1f\x8b", "gzip within what was decompressed"),
    (b"\x28\xb5\x2f\xfd", "zstd within what was decompressed"),
    (b"\xfd7zXZ\0", "xz, decompress it first"),
    (b"BZh", "bzip2, decompress it first"),
    (b"\x04\x22\x4d\x18", "lz4, decompress it first"),
    (b"PK\x03\x04", "a zip archive, unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, unpack it first"),
    (b"snoop\0\0\0", "a snoop capture, convert it with editcap"),
    (
        b"GMBU",
        "a Network Monitor capture, convert it with editcap",
    ),
    (
        b"RTSS",
        "a Network Monitor capture, convert it with editcap",
    ),
    (b"XCP\0", "a NetXray capture, convert it with editcap"),
    (b"TRSNIFF", "a Sniffer capture, convert it with editcap"),
];

/// What begins with `first`, as the rest of the sentence "it is no capture: ...".
pub(super) fn describe(first: &[u8]) -> String {
    if first.is_empty() {
        return "it is empty".to_owned();
    }
    let shown = first.get(..BYTES).unwrap_or(first);
    let known = KNOWN.iter().find(|(magic, _)| first.starts_with(magic));
    let guess = known.map_or(String::new(), |(_, format)| format!(", {format}"));
    let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "it begins with {} (\"{}\"){guess}",
        hex.join(" "),
        shown.escape_ascii()
    )
}
