//! From a DER certificate to what `x509.log` says of it.
//!
//! Proves nothing: signatures, validity and revocation are nobody's business here. `x509-parser`
//! reads it; names and algorithms are spelled as OpenSSL and therefore Zeek spell them. Linear in
//! the certificate.

use super::distinguished_name::name_text;
use crate::observe::Certificate;
use crate::time::Timestamp;
use bstr::{BString, ByteSlice};
use std::fmt::Write;
use std::net::IpAddr;
use x509_parser::asn1_rs::{FromDer as _, Integer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A certificate and the names it vouches for.
#[derive(Clone, Debug)]
pub struct ParsedCertificate {
    /// What the log says.
    pub certificate: Certificate,
    /// DNS names: subject alternative names, or common names where there is none of the former.
    pub names: Vec<BString>,
}

/// Reads one certificate, whose SHA-256 in hexadecimal is its name in every log; none where it is
/// not X.509. Whose it is, the caller fills in.
pub fn parse(at: Timestamp, fingerprint: &str, der: &[u8]) -> Option<ParsedCertificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let seconds = |time: i64| Timestamp::from_parts(time, 0);
    let key = Key::read(parsed.public_key());
    let mut certificate = Certificate {
        at,
        fingerprint: fingerprint.into(),
        version: u64::from(parsed.version().0).saturating_add(1),
        serial: serial_text(parsed.raw_serial()).into(),
        subject: name_text(parsed.subject()),
        issuer: name_text(parsed.issuer()),
        not_valid_before: seconds(parsed.validity().not_before.timestamp()),
        not_valid_after: seconds(parsed.validity().not_after.timestamp()),
        key_alg: algorithm_name(&parsed.public_key().algorithm.algorithm.to_id_string()),
        sig_alg: algorithm_name(&parsed.signature_algorithm.algorithm.to_id_string()),
        key_type: key.kind,
        key_length: key.bits,
        exponent: key.exponent,
        curve: key.curve,
        san_dns: None,
        san_uri: None,
        san_email: None,
        san_ip: None,
        ca: None,
        path_len: None,
        host_cert: false,
        client_cert: false,
    };
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                names
                    .general_names
                    .iter()
                    .for_each(|name| push_alternative(&mut certificate, name));
            }
            ParsedExtension::BasicConstraints(constraints) => {
                certificate.ca = Some(constraints.ca);
                certificate.path_len = constraints.path_len_constraint.map(u64::from);
            }
            _ => {}
        }
    }
    let names = certificate.san_dns.clone().unwrap_or_else(|| {
        let common = parsed.subject().iter_common_name();
        common.map(|name| name.as_slice().into()).collect()
    });
    Some(ParsedCertificate { certificate, names })
}

/// Alternative names of each kind that are kept; the longest lists of public authorities have some
/// hundreds.
const ALTERNATIVE_NAMES_MAX: usize = 1000;

fn push_alternative(certificate: &mut Certificate, name: &GeneralName<'_>) {
    fn push<T>(list: &mut Option<Vec<T>>, value: T) {
        let list = list.get_or_insert_default();
        if list.len() < ALTERNATIVE_NAMES_MAX {
            list.push(value);
        }
    }
    match name {
        GeneralName::DNSName(name) => push(&mut certificate.san_dns, BString::from(*name)),
        GeneralName::URI(uri) => push(&mut certificate.san_uri, BString::from(*uri)),
        GeneralName::RFC822Name(mail) => push(&mut certificate.san_email, BString::from(*mail)),
        GeneralName::IPAddress(bytes) => {
            if let Ok(v4) = <[u8; 4]>::try_from(*bytes) {
                push(&mut certificate.san_ip, IpAddr::from(v4));
            } else if let Ok(v6) = <[u8; 16]>::try_from(*bytes) {
                push(&mut certificate.san_ip, IpAddr::from(v6));
            }
        }
        _ => {}
    }
}

/// As OpenSSL's `i2a_ASN1_INTEGER`: upper case, whole bytes, no leading zero bytes, `-` before a
/// negative.
fn serial_text(content: &[u8]) -> String {
    let negative = content.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = content.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let mut text = String::from(if negative { "-" } else { "" });
    for byte in magnitude.iter().skip(zeros) {
        let _ = write!(text, "{byte:02X}"); // A String takes all that is written to it.
    }
    if zeros == magnitude.len() {
        text.push_str("00");
    }
    text
}

#[derive(Default)]
struct Key {
    kind: Option<Box<str>>,
    bits: Option<u64>,
    exponent: Option<Box<str>>,
    curve: Option<Box<str>>,
}

impl Key {
    fn read(info: &SubjectPublicKeyInfo<'_>) -> Key {
        let oid = info.algorithm.algorithm.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.1.1" => Key::rsa(info),
            "1.2.840.10045.2.1" => Key::elliptic(info),
            "1.2.840.10040.4.1" => Key {
                kind: Some("dsa".into()),
                bits: dsa_prime_bits(info),
                ..Key::default()
            },
            other => match other_key_bits(other) {
                Some(bits) => Key {
                    kind: Some(algorithm_name(other)),
                    bits: Some(bits),
                    ..Key::default()
                },
                None => Key::default(),
            },
        }
    }

    fn rsa(info: &SubjectPublicKeyInfo<'_>) -> Key {
        let Ok(PublicKey::RSA(key)) = info.parsed() else {
            return Key::default();
        };
        // Exponents beyond 128 bits are nothing but a stunt; they stay unsaid.
        let exponent = key
            .exponent
            .iter()
            .try_fold(0_u128, |sum, byte| {
                sum.checked_mul(256)?.checked_add(u128::from(*byte))
            })
            .map(|exponent| exponent.to_string().into());
        Key {
            kind: Some("rsa".into()),
            bits: Some(bit_length(key.modulus)),
            exponent,
            curve: None,
        }
    }

    fn elliptic(info: &SubjectPublicKeyInfo<'_>) -> Key {
        let parameters = info.algorithm.parameters.as_ref();
        let oid = parameters.and_then(|any| any.as_oid().ok());
        let curve = oid.and_then(|oid| elliptic_curve(&oid.to_id_string()));
        Key {
            kind: Some("ecdsa".into()),
            bits: curve.map(|(_, bits)| bits),
            exponent: None,
            curve: curve.map(|(name, _)| name.into()),
        }
    }
}

/// The bits of DSA's p, the first integer of its parameters (RFC 3279, section 2.3.2).
fn dsa_prime_bits(info: &SubjectPublicKeyInfo<'_>) -> Option<u64> {
    let parameters = info.algorithm.parameters.as_ref()?;
    let (_, prime) = Integer::from_der(parameters.data).ok()?;
    Some(bit_length(prime.as_ref()))
}

/// The bits of a big-endian number.
fn bit_length(number: &[u8]) -> u64 {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = number.get(zeros..).unwrap_or_default();
    match significant.first() {
        Some(first) => (significant.len() as u64 * 8).saturating_sub(first.leading_zeros().into()),
        None => 0,
    }
}

/// Bits of keys whose algorithm alone decides them, as OpenSSL's `EVP_PKEY_bits` counts.
fn other_key_bits(oid: &str) -> Option<u64> {
    Some(match oid {
        "1.3.101.112" => 253,
        "1.3.101.113" => 456,
        "2.16.840.1.101.3.4.3.17" => 1312 * 8,
        "2.16.840.1.101.3.4.3.18" => 1952 * 8,
        "2.16.840.1.101.3.4.3.19" => 2592 * 8,
        _ => return None,
    })
}

/// OpenSSL's short name of a curve, and the bits of its order.
fn elliptic_curve(oid: &str) -> Option<(&'static str, u64)> {
    Some(match oid {
        "1.2.840.10045.3.1.1" => ("prime192v1", 192),
        "1.2.840.10045.3.1.7" => ("prime256v1", 256),
        "1.3.132.0.10" => ("secp256k1", 256),
        "1.3.132.0.33" => ("secp224r1", 224),
        "1.3.132.0.34" => ("secp384r1", 384),
        "1.3.132.0.35" => ("secp521r1", 521),
        "1.3.36.3.3.2.8.1.1.7" => ("brainpoolP256r1", 256),
        "1.3.36.3.3.2.8.1.1.11" => ("brainpoolP384r1", 384),
        "1.3.36.3.3.2.8.1.1.13" => ("brainpoolP512r1", 512),
        "1.2.156.10197.1.301" => ("SM2", 256),
        _ => return None,
    })
}

/// OpenSSL's long name of an algorithm; its number where it has none.
fn algorithm_name(oid: &str) -> Box<str> {
    let name = match oid {
        "1.2.840.113549.1.1.1" => "rsaEncryption",
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.3" => "md4WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.7" => "rsaesOaep",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.3.14.3.2.29" => "sha1WithRSA",
        "1.2.840.113549.1.3.1" => "dhKeyAgreement",
        "1.2.840.10040.4.1" => "dsaEncryption",
        "1.2.840.10040.4.3" => "dsaWithSHA1",
        "2.16.840.1.101.3.4.3.1" => "dsa_with_SHA224",
        "2.16.840.1.101.3.4.3.2" => "dsa_with_SHA256",
        "1.2.840.10045.2.1" => "id-ecPublicKey",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        "1.2.156.10197.1.501" => "SM2-with-SM3",
        "1.2.643.2.2.19" => "GOST R 34.10-2001",
        "1.2.643.2.2.3" => "GOST R 34.11-94 with GOST R 34.10-2001",
        "1.2.643.7.1.1.1.1" => "GOST R 34.10-2012 with 256 bit modulus",
        "1.2.643.7.1.1.1.2" => "GOST R 34.10-2012 with 512 bit modulus",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        other => other,
    };
    name.into()
}

/// Whether one of a certificate's names covers `host`: the same name, or `*` for exactly its first
/// label.
///
/// As OpenSSL's `X509_check_host`, a wildcard needs at least two labels after it. ASCII case does
/// not matter.
pub fn covers(names: &[BString], host: &[u8]) -> bool {
    names.iter().any(|name| {
        if name.eq_ignore_ascii_case(host) {
            return true;
        }
        let Some(suffix) = name.strip_prefix(b"*.") else {
            return false;
        };
        match host.split_once_str(".") {
            Some((label, rest)) => {
                !label.is_empty() && suffix.contains(&b'.') && rest.eq_ignore_ascii_case(suffix)
            }
            None => false,
        }
    })
}
