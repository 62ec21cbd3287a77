//! From a User-Agent or Server header to a program's name and version.
//!
//! Reads one product: the browser's own among those that a browser names for compatibility, else
//! the first. Bounded by the header.

use bstr::{BString, ByteSlice};

/// Bytes of a name, and of what follows a version, that are kept.
const TEXT_BYTES_MAX: usize = 128;

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: BString,
    /// Up to four numbers of its version.
    pub version: Vec<u64>,
    /// What follows them within the product, or in parentheses behind it.
    pub addl: Option<BString>,
}

/// Products that a browser names beside those of others, the telling ones first, and what Zeek
/// calls them.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "MSIE"),
    ("Version/", "Safari"),
];

/// Reads a header's value; none where it names nothing.
pub fn read(header: &[u8]) -> Option<Program> {
    if header.starts_with(b"Mozilla/") {
        for (product, name) in BROWSERS {
            if let Some(at) = header.find(product) {
                let rest = header.get(at + product.len()..)?;
                let (version, addl) = version(rest);
                let name = BString::from(*name);
                return Some(Program {
                    name,
                    version,
                    addl,
                });
            }
        }
    }
    let end = header.find_byteset(b"/(");
    let digit = header
        .windows(2)
        .position(|pair| pair[0] == b' ' && pair[1].is_ascii_digit());
    let end = end
        .unwrap_or(header.len())
        .min(digit.unwrap_or(header.len()));
    let (name, rest) = header.split_at_checked(end)?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let rest = rest.strip_prefix(b"/").unwrap_or(rest).trim_start();
    let (version, addl) = version(rest);
    Some(Program {
        name: kept(name),
        version,
        addl,
    })
}

/// The numbers at the start of `text`, and what follows them.
fn version(text: &[u8]) -> (Vec<u64>, Option<BString>) {
    let text = text.strip_prefix(b"v").unwrap_or(text);
    let mut numbers = Vec::new();
    let mut rest = text;
    while numbers.len() < 4 {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Above 18 digits it is a serial number, and no 64 bits hold it.
        let (number, behind) = match rest.split_at_checked(digits) {
            Some((number, behind)) if (1..=18).contains(&digits) => (number, behind),
            _ => break,
        };
        numbers.push(
            number
                .iter()
                .fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0')),
        );
        rest = behind;
        match behind {
            [b'.' | b'-' | b'_', next, ..] if next.is_ascii_digit() => {
                rest = behind.get(1..).unwrap_or_default();
            }
            _ => break,
        }
    }
    let word = rest
        .split(|byte| matches!(byte, b' ' | b';' | b',' | b')'))
        .next();
    let word = word.unwrap_or_default();
    let word = word.trim_start_with(|c| matches!(c, '.' | '-' | '_' | '('));
    let comment = || {
        let inside = rest.strip_prefix(b" (")?;
        inside.get(..inside.find_byte(b')')?)
    };
    let addl = match word {
        [] => comment().filter(|_| !numbers.is_empty()),
        word => Some(word),
    };
    (numbers, addl.filter(|addl| !addl.is_empty()).map(kept))
}

fn kept(text: &[u8]) -> BString {
    text.get(..TEXT_BYTES_MAX).unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_names_a_program_and_its_version() {
        for (header, name, version, addl) in [
            ("curl/7.88.1", "curl", &[7, 88, 1][..], None),
            (
                "nginx/1.22.1 (Debian)",
                "nginx",
                &[1, 22, 1],
                Some("Debian"),
            ),
            ("Apache/2.4.57-rc1", "Apache", &[2, 4, 57], Some("rc1")),
            ("nginx", "nginx", &[], None),
            ("OpenSSL 3.0.2b", "OpenSSL", &[3, 0, 2], Some("b")),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/120.0.6099.71 Safari/537.36 Edg/120.0.2210.61",
                "Edge",
                &[120, 0, 2210, 61],
                None,
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
                "Firefox",
                &[115, 0],
                None,
            ),
            (
                "x/99999999999999999999",
                "x",
                &[],
                Some("99999999999999999999"),
            ),
        ] {
            let program = read(header.as_bytes()).unwrap();
            assert_eq!(program.name, name);
            assert_eq!(program.version, version, "{header}");
            assert_eq!(program.addl, addl.map(BString::from), "{header}");
        }
        assert_eq!(read(b""), None);
        assert_eq!(read(b"/1.0"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(header in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&header);
            read(&[b"Mozilla/ Chrome/", &header[..]].concat());
        }
    }
}
