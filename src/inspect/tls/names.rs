//! From the numbers of TLS to the names that Zeek's logs give them.
//!
//! Cipher suites come from `tls-parser`'s copy of the IANA registry; what Zeek spells otherwise or
//! knows beside it stands here. Every number has a name: the unknown are `unknown-<decimal>`, as in
//! Zeek.

use crate::fingerprint::is_grease;
use std::borrow::Cow;
use tls_parser::TlsCipherSuite;

type Name = Cow<'static, str>;

/// A protocol version: `TLSv12`, `DTLSv10`, `TLSv13-draft23`, `SSLv2`.
pub fn version_name(version: u16) -> Name {
    let name = match version {
        0x0002 => "SSLv2",
        0x0300 => "SSLv3",
        0x0301 => "TLSv10",
        0x0302 => "TLSv11",
        0x0303 => "TLSv12",
        0x0304 => "TLSv13",
        0xfeff => "DTLSv10",
        0xfefd => "DTLSv12",
        0xfefc => "DTLSv13",
        draft if is_draft_version(draft) => {
            return format!("TLSv13-draft{}", draft & 0xff).into();
        }
        other => return unknown(other),
    };
    name.into()
}

/// Whether a version is a draft of TLS 1.3 (0x7f and the draft's number).
pub fn is_draft_version(version: u16) -> bool {
    version >> 8 == 0x7f
}

/// A cipher suite: `TLS_AES_128_GCM_SHA256`.
pub fn cipher_name(cipher: u16) -> Name {
    if is_grease(cipher) {
        return grease(cipher);
    }
    if let Some(name) = unregistered_cipher(cipher) {
        return name.into();
    }
    match TlsCipherSuite::from_id(cipher) {
        Some(suite) if suite.name.contains("_anon_") => {
            suite.name.replace("_anon_", "_ANON_").into()
        }
        Some(suite) => suite.name.into(),
        None => unknown(cipher),
    }
}

/// Suites that never were in the registry, or joined it after `tls-parser`'s copy was made.
fn unregistered_cipher(cipher: u16) -> Option<&'static str> {
    Some(match cipher {
        0x001c => "SSL_FORTEZZA_KEA_WITH_NULL_SHA",
        0x001d => "SSL_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA",
        0x0072 => "TLS_DHE_DSS_WITH_3DES_EDE_CBC_RMD",
        0x0073 => "TLS_DHE_DSS_WITH_AES_128_CBC_RMD",
        0x0074 => "TLS_DHE_DSS_WITH_AES_256_CBC_RMD",
        0x0077 => "TLS_DHE_RSA_WITH_3DES_EDE_CBC_RMD",
        0x0078 => "TLS_DHE_RSA_WITH_AES_128_CBC_RMD",
        0x0079 => "TLS_DHE_RSA_WITH_AES_256_CBC_RMD",
        0x007c => "TLS_RSA_WITH_3DES_EDE_CBC_RMD",
        0x007d => "TLS_RSA_WITH_AES_128_CBC_RMD",
        0x007e => "TLS_RSA_WITH_AES_256_CBC_RMD",
        0x0080 => "TLS_GOSTR341094_WITH_28147_CNT_IMIT",
        0x0081 => "TLS_GOSTR341001_WITH_28147_CNT_IMIT",
        0x0082 => "TLS_GOSTR341094_WITH_NULL_GOSTR3411",
        0x0083 => "TLS_GOSTR341001_WITH_NULL_GOSTR3411",
        0x00c6 => "TLS_SM4_GCM_SM3",
        0x00c7 => "TLS_SM4_CCM_SM3",
        0x00ff => "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
        0x1306 => "TLS_AEGIS_256_SHA384",
        0x1307 => "TLS_AEGIS_128L_SHA256",
        0x16b7 => "TLS_CECPQ1_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0x16b8 => "TLS_CECPQ1_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        0x16b9 => "TLS_CECPQ1_RSA_WITH_AES_256_GCM_SHA384",
        0x16ba => "TLS_CECPQ1_ECDSA_WITH_AES_256_GCM_SHA384",
        0x5600 => "TLS_FALLBACK_SCSV",
        0xc100 => "TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC",
        0xc101 => "TLS_GOSTR341112_256_WITH_MAGMA_CTR_OMAC",
        0xc102 => "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT",
        0xc103 => "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L",
        0xc104 => "TLS_GOSTR341112_256_WITH_MAGMA_MGM_L",
        0xc105 => "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_S",
        0xc106 => "TLS_GOSTR341112_256_WITH_MAGMA_MGM_S",
        0xcc13 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256_OLD",
        0xcc14 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256_OLD",
        0xcc15 => "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256_OLD",
        0xd004 => "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256_OLD",
        0xfefe => "SSL_RSA_FIPS_WITH_DES_CBC_SHA",
        0xfeff => "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA",
        0xffe0 => "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA_2",
        0xffe1 => "SSL_RSA_FIPS_WITH_DES_CBC_SHA_2",
        0xff80 => "SSL_RSA_WITH_RC2_CBC_MD5",
        0xff81 => "SSL_RSA_WITH_IDEA_CBC_MD5",
        0xff82 => "SSL_RSA_WITH_DES_CBC_MD5",
        0xff83 => "SSL_RSA_WITH_3DES_EDE_CBC_MD5",
        _ => return None,
    })
}

/// The named groups 1 to 41, in order (IANA, "TLS Supported Groups").
const LOW_GROUPS: [&str; 41] = [
    "sect163k1",
    "sect163r1",
    "sect163r2",
    "sect193r1",
    "sect193r2",
    "sect233k1",
    "sect233r1",
    "sect239k1",
    "sect283k1",
    "sect283r1",
    "sect409k1",
    "sect409r1",
    "sect571k1",
    "sect571r1",
    "secp160k1",
    "secp160r1",
    "secp160r2",
    "secp192k1",
    "secp192r1",
    "secp224k1",
    "secp224r1",
    "secp256k1",
    "secp256r1",
    "secp384r1",
    "secp521r1",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "x25519",
    "x448",
    "brainpoolP256r1tls13",
    "brainpoolP384r1tls13",
    "brainpoolP512r1tls13",
    "GC256A",
    "GC256B",
    "GC256C",
    "GC256D",
    "GC512A",
    "GC512B",
    "GC512C",
    "curveSM2",
];

/// A named group: `x25519`, `secp256r1`, `X25519MLKEM768`.
pub fn curve_name(group: u16) -> Name {
    if is_grease(group) {
        return grease(group);
    }
    let low = usize::from(group)
        .checked_sub(1)
        .and_then(|index| LOW_GROUPS.get(index));
    let name = match (low, group) {
        (Some(name), _) => name,
        (_, 256) => "ffdhe2048",
        (_, 257) => "ffdhe3072",
        (_, 258) => "ffdhe4096",
        (_, 259) => "ffdhe6144",
        (_, 260) => "ffdhe8192",
        (_, 512) => "MLKEM512",
        (_, 513) => "MLKEM768",
        (_, 514) => "MLKEM1024",
        (_, 4587) => "SecP256r1MLKEM768",
        (_, 4588) => "X25519MLKEM768",
        (_, 4589) => "SecP384r1MLKEM1024",
        (_, 4590) => "curveSM2MLKEM768",
        (_, 16696) => "CECPQ2",
        (_, 25497) => "X25519Kyber768Draft00",
        (_, 25498) => "SecP256r1Kyber768Draft00",
        (_, 0xff01) => "arbitrary_explicit_prime_curves",
        (_, 0xff02) => "arbitrary_explicit_char2_curves",
        (_, other) => return unknown(other),
    };
    name.into()
}

/// The description of an alert: `handshake_failure`.
pub fn alert_name(description: u8) -> Name {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        117 => "general_error",
        120 => "no_application_protocol",
        121 => "ech_required",
        other => return unknown(u16::from(other)),
    };
    name.into()
}

fn grease(value: u16) -> Name {
    format!("grease_0x{value:04X}").into()
}

fn unknown(value: u16) -> Name {
    format!("unknown-{value}").into()
}
