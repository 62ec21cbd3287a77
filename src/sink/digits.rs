//! From numbers and addresses to their text, without floats and without the formatting machinery.
//!
//! A row is mostly numbers, so this is where the time of writing a log goes.

use crate::net::Mac;
use std::io::Write;
use std::net::IpAddr;

/// The lower-case hexadecimal digits.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `number` in decimal.
pub(super) fn write_count(number: u64, out: &mut Vec<u8>) {
    let mut text = [0; 20];
    let mut from = text.len();
    let mut rest = number;
    for (index, digit) in text.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        from = index;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
}

/// Appends `number` in decimal with leading zeros to at least `width` digits.
pub(super) fn write_padded(number: u64, width: u32, out: &mut Vec<u8>) {
    for position in (1..width).rev() {
        if number >= 10u64.saturating_pow(position) {
            break;
        }
        out.push(b'0');
    }
    write_count(number, out);
}

/// Appends `nanos` as seconds with exactly six decimals, rounded to the microsecond first so that
/// the fraction carries into the seconds; half a microsecond away from zero.
pub(super) fn write_seconds(nanos: i64, out: &mut Vec<u8>) {
    let micros = (nanos.unsigned_abs() + 500) / 1000;
    if nanos < 0 && micros > 0 {
        out.push(b'-');
    }
    write_count(micros / 1_000_000, out);
    let mut text = *b".000000";
    let mut rest = micros % 1_000_000;
    for digit in text.iter_mut().skip(1).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&text);
}

/// Appends `nanos` as [`write_seconds`] does, without the zeros that end it but for the first
/// decimal.
pub(super) fn write_seconds_trimmed(nanos: i64, out: &mut Vec<u8>) {
    write_seconds(nanos, out);
    while out.ends_with(b"0") && !out.ends_with(b".0") {
        out.pop();
    }
}

/// Appends `addr` as text, IPv6 without brackets.
pub(super) fn write_addr(addr: IpAddr, out: &mut Vec<u8>) {
    match addr {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                write_count(u64::from(octet), out);
            }
        }
        IpAddr::V6(v6) => write_display(v6, out),
    }
}

/// Appends `mac` as its display does, which is most of the time of a row where a row has two.
pub(super) fn write_mac(mac: Mac, out: &mut Vec<u8>) {
    for (index, byte) in mac.0.into_iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        write_hex(byte, out);
    }
}

/// Appends what `value` displays; writing to memory cannot fail.
pub(super) fn write_display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    let _ = write!(out, "{value}");
}

/// Appends `byte` as two lower-case hexadecimal digits.
pub(super) fn write_hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[byte >> 4, byte & 15].map(|nibble| HEX[usize::from(nibble)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn counts_are_written_as_the_standard_library_writes_them() {
        for number in [0, 1, 9, 10, 65_535, 1_000_000, u64::MAX - 1, u64::MAX] {
            assert_eq!(text(|out| write_count(number, out)), number.to_string());
        }
        assert_eq!(text(|out| write_padded(0, 2, out)), "00");
        assert_eq!(text(|out| write_padded(7, 4, out)), "0007");
        assert_eq!(text(|out| write_padded(12_345, 4, out)), "12345");
    }

    #[test]
    fn times_round_to_the_microsecond_and_carry_into_the_seconds() {
        for (nanos, fixed, trimmed) in [
            (0, "0.000000", "0.0"),
            (499, "0.000000", "0.0"),
            (500, "0.000001", "0.000001"),
            (-499, "0.000000", "0.0"),
            (-1_500_000_000, "-1.500000", "-1.5"),
            (999_999_499, "0.999999", "0.999999"),
            (999_999_500, "1.000000", "1.0"),
            (
                1_763_700_000_123_456_000,
                "1763700000.123456",
                "1763700000.123456",
            ),
            (10_000_000_000, "10.000000", "10.0"),
            (i64::MAX, "9223372036.854776", "9223372036.854776"),
            (i64::MIN, "-9223372036.854776", "-9223372036.854776"),
        ] {
            assert_eq!(text(|out| write_seconds(nanos, out)), fixed);
            assert_eq!(text(|out| write_seconds_trimmed(nanos, out)), trimmed);
        }
    }

    #[test]
    fn link_addresses_are_written_as_they_display() {
        let mac = Mac([0, 0x1f, 0xf1, 9, 0xa0, 0xff]);
        assert_eq!(text(|out| write_mac(mac, out)), mac.to_string());
    }

    #[test]
    fn addresses_have_no_brackets() {
        for addr in [
            "0.0.0.0",
            "192.168.100.255",
            "::",
            "2001:db8::1",
            "fe80::a:b",
        ] {
            assert_eq!(text(|out| write_addr(addr.parse().unwrap(), out)), addr);
        }
    }
}
