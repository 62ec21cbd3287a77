//! From a certificate's names to text, as OpenSSL prints them with `XN_FLAG_RFC2253`, which is what
//! Zeek logs.
//!
//! Last attribute first, `,` between and `+` within relative names, OpenSSL's short names. Text
//! becomes UTF-8 and is escaped to ASCII, so the result is bounded by three times the name plus
//! four bytes for each character.

use crate::fingerprint::Reader;
use bstr::BString;
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// A name in OpenSSL's RFC 2253 order and spelling.
pub fn name_text(name: &X509Name<'_>) -> BString {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for relative in name.iter() {
        for (index, attribute) in relative.iter().enumerate() {
            parts.push((index > 0, attribute_text(attribute)));
        }
    }
    let mut text = String::new();
    // Whether the part printed before, which comes later in the name, belongs to the same relative
    // name.
    let mut joined = false;
    for (index, (continues, part)) in parts.iter().rev().enumerate() {
        if index > 0 {
            text.push(if joined { '+' } else { ',' });
        }
        joined = *continues;
        text.push_str(part);
    }
    text.into()
}

fn attribute_text(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let known = short_name(&oid);
    let name = known.unwrap_or(&oid);
    let value = match characters(attribute.attr_value()) {
        Some(text) if known.is_some() => escape(&text),
        _ => dump(attribute.attr_value()),
    };
    format!("{name}={value}")
}

/// The text of a character string; none for types that OpenSSL dumps.
fn characters(value: &Any<'_>) -> Option<String> {
    let bytes = value.data;
    match value.tag() {
        Tag::Utf8String => Some(String::from_utf8_lossy(bytes).into_owned()),
        Tag::NumericString
        | Tag::PrintableString
        | Tag::T61String
        | Tag::Ia5String
        | Tag::VisibleString
        | Tag::UtcTime
        | Tag::GeneralizedTime => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => wide(bytes, |reader| reader.word().map(u32::from)),
        Tag::UniversalString => wide(bytes, |reader| {
            Some(u32::from(reader.word()?) << 16 | u32::from(reader.word()?))
        }),
        _ => None,
    }
}

fn wide(bytes: &[u8], next: fn(&mut Reader<'_>) -> Option<u32>) -> Option<String> {
    let mut reader = Reader::new(bytes);
    let mut text = String::new();
    while !reader.is_empty() {
        let code = next(&mut reader)?;
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Some(text)
}

/// RFC 2253's escapes, and `\XX` for control characters and all bytes above ASCII.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (index, byte) in text.bytes().enumerate() {
        let edge = (index == 0 && matches!(byte, b' ' | b'#')) || (index == last && byte == b' ');
        match byte {
            0..=31 | 127.. => escaped.push_str(&format!("\\{byte:02X}")),
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                escaped.push('\\');
                escaped.push(char::from(byte));
            }
            _ => {
                if edge {
                    escaped.push('\\');
                }
                escaped.push(char::from(byte));
            }
        }
    }
    escaped
}

/// `#` and the value's DER in hexadecimal.
fn dump(value: &Any<'_>) -> String {
    let constructed = if value.header.is_constructed() {
        0x20
    } else {
        0
    };
    // Tags of one byte alone occur in names; a higher one would be printed wrong, never read wrong.
    let tag = (value.tag().0 & 0x1f) as u8 | constructed | (value.class() as u8) << 6;
    let mut text = format!("#{tag:02X}");
    match value.data.len() {
        len @ 0..128 => text.push_str(&format!("{len:02X}")),
        len @ 128..256 => text.push_str(&format!("81{len:02X}")),
        len => text.push_str(&format!("82{len:04X}")),
    }
    for byte in value.data {
        text.push_str(&format!("{byte:02X}"));
    }
    text
}

/// OpenSSL's short name of an attribute type.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.15" => "businessCategory",
        "2.5.4.16" => "postalAddress",
        "2.5.4.17" => "postalCode",
        "2.5.4.18" => "postOfficeBox",
        "2.5.4.20" => "telephoneNumber",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationQualifier",
        "2.5.4.45" => "x500UniqueIdentifier",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.72" => "role",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.3" => "mail",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.2.840.113549.1.9.2" => "unstructuredName",
        "1.2.840.113549.1.9.8" => "unstructuredAddress",
        "1.3.6.1.4.1.311.60.2.1.1" => "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        "1.2.643.3.131.1.1" => "INN",
        "1.2.643.100.1" => "OGRN",
        "1.2.643.100.3" => "SNILS",
        _ => return None,
    })
}
