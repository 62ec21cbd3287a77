//! From a TLS handshake to what is told of the session and its certificates.

use super::ech::EchOffer;
use crate::time::Timestamp;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A TLS session: what `ssl.log` says, and what the analytics read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TlsSession {
    /// The moment of the first handshake record.
    pub at: Timestamp,
    /// The version that the server chose (0x0303, also from supported_versions: 0x0304); SSLv2 is
    /// 0x0002.
    pub version: Option<u16>,
    /// The cipher suite that the server chose.
    pub cipher: Option<u16>,
    /// The named group of the key exchange.
    pub curve: Option<u16>,
    /// Server name of the hello; where `ech` is there, the outer one.
    pub server_name: Option<BString>,
    /// An encrypted server name that the client offered, real or GREASE.
    pub ech: Option<EchOffer>,
    /// Whether an earlier session was resumed (id, ticket or PSK).
    pub resumed: bool,
    /// The description of the last alert in clear.
    pub last_alert: Option<u8>,
    /// The ALPN protocol that the server chose in clear.
    pub next_protocol: Option<BString>,
    /// The ALPN protocols that the client offered.
    pub client_alpn: Vec<BString>,
    /// Whether the handshake was completed.
    pub established: bool,
    /// Zeek's `ssl_history` letters.
    pub history: Box<str>,
    /// SHA-256 of the server's certificates, leaf first, hexadecimal.
    pub cert_chain_fps: Option<Vec<Box<str>>>,
    /// SHA-256 of the client's certificates, leaf first, hexadecimal.
    pub client_cert_chain_fps: Option<Vec<Box<str>>>,
    /// Subject and issuer of the server's leaf certificate, RFC 2253 order as Zeek prints them.
    pub subject: Option<BString>,
    /// Its issuer.
    pub issuer: Option<BString>,
    /// Whether the leaf certificate names the server name; none without SNI or certificate.
    pub sni_matches_cert: Option<bool>,
    /// DNS names of the leaf certificate: subject alternative names, else the common name.
    pub certificate_names: Vec<BString>,
    /// JA3 of the client hello, MD5 in hexadecimal.
    pub ja3: Option<Box<str>>,
    /// JA3S of the server hello, MD5 in hexadecimal.
    pub ja3s: Option<Box<str>>,
    /// JA4 of the client hello.
    pub ja4: Option<Box<str>>,
    /// What of the client hello tells browsers from libraries; none where no whole hello was seen.
    pub hello: Option<HelloTraits>,
}

/// Traits of a client hello that fingerprints hash away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloTraits {
    /// It carries GREASE values (RFC 8701).
    pub grease: bool,
    /// It carries an encrypted_client_hello extension (0xfe0d), real or GREASE.
    pub ech: bool,
    /// It offers certificate compression (27), as browsers do.
    pub compress_certificate: bool,
    /// It offers application settings (17513 or 17613), as Chromium does.
    pub application_settings: bool,
    /// How many cipher suites it offers, GREASE left out.
    pub ciphers: u16,
    /// How many extensions it has, GREASE left out.
    pub extensions: u16,
}

/// A certificate seen in clear: what `x509.log` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The moment its message was complete.
    pub at: Timestamp,
    /// SHA-256 of its DER, hexadecimal.
    pub fingerprint: Box<str>,
    /// 1 to 3.
    pub version: u64,
    /// Serial number, upper-case hexadecimal.
    pub serial: Box<str>,
    /// Subject as Zeek prints it.
    pub subject: BString,
    /// Issuer as Zeek prints it.
    pub issuer: BString,
    /// Valid from.
    pub not_valid_before: Timestamp,
    /// Valid to.
    pub not_valid_after: Timestamp,
    /// Algorithm of the key (`rsaEncryption`, `id-ecPublicKey`).
    pub key_alg: Box<str>,
    /// Algorithm of the signature (`sha256WithRSAEncryption`).
    pub sig_alg: Box<str>,
    /// `rsa`, `dsa`, `ecdsa`, or the algorithm of keys that have one size (`ED25519`); none for
    /// others.
    pub key_type: Option<Box<str>>,
    /// Bits of the key.
    pub key_length: Option<u64>,
    /// RSA exponent, decimal.
    pub exponent: Option<Box<str>>,
    /// Name of the elliptic curve.
    pub curve: Option<Box<str>>,
    /// Subject alternative names: none without the extension.
    pub san_dns: Option<Vec<BString>>,
    /// URIs.
    pub san_uri: Option<Vec<BString>>,
    /// Mail addresses.
    pub san_email: Option<Vec<BString>>,
    /// Addresses.
    pub san_ip: Option<Vec<IpAddr>>,
    /// Whether it may sign others: none without the extension.
    pub ca: Option<bool>,
    /// The longest chain below it.
    pub path_len: Option<u64>,
    /// Whether it is the leaf of its chain.
    pub host_cert: bool,
    /// Whether a client sent it.
    pub client_cert: bool,
}
