//! From a server's handshake messages to what it chose.
//!
//! `tls-parser` reads each complete message once. Its extension lists end silently at the first
//! malformed entry, so extensions are walked here, from the block it hands out. Linear in the
//! message.

use super::names::is_draft_version;
use crate::fingerprint::{Extensions, Reader};
use tls_parser::{
    ECParametersContent, TlsCipherAu, TlsCipherKx, TlsCipherSuite, TlsMessageHandshake,
};

/// The random of a HelloRetryRequest (RFC 8446, section 4.1.3): SHA-256 of "HelloRetryRequest".
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A ServerHello or HelloRetryRequest (RFC 8446, section 4.1.3), as slices of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// `legacy_version`; 0x7fNN in drafts of TLS 1.3.
    pub version: u16,
    /// Whether it asks for a second ClientHello.
    pub retry: bool,
    /// The session's identifier; empty for none.
    pub session_id: &'a [u8],
    /// The cipher suite.
    pub cipher: u16,
    /// The extensions in order.
    pub extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// The hello in `body`, a handshake message without its header.
    pub fn parse(body: &'a [u8]) -> Option<ServerHello<'a>> {
        if body.first() != Some(&3) {
            return ServerHello::parse_other(body);
        }
        let (rest, hello) = tls_parser::parse_tls_handshake_server_hello(body).ok()?;
        // Of SSLv3 it reads no extensions, but there are servers that send them.
        let block = match hello.ext {
            None if !rest.is_empty() => {
                let mut reader = Reader::new(rest);
                let block = reader.vector()?;
                reader.is_empty().then_some(block)?
            }
            Some(_) if !rest.is_empty() => return None,
            block => block.unwrap_or_default(),
        };
        Some(ServerHello {
            version: hello.version.0,
            retry: hello.random == RETRY_RANDOM,
            session_id: hello.session_id.unwrap_or_default(),
            cipher: hello.cipher.0,
            extensions: Extensions::new(block)?,
        })
    }

    /// What `tls-parser` does not take: DTLS, whose hello is like that of TLS, and drafts 18 to 21
    /// of TLS 1.3, which have neither session id nor compression method.
    fn parse_other(body: &'a [u8]) -> Option<ServerHello<'a>> {
        let mut reader = Reader::new(body);
        let version = reader.word()?;
        let random = reader.take(32)?;
        let draft = is_draft_version(version);
        let session_id = if draft { &[] } else { reader.short_vector()? };
        let cipher = reader.word()?;
        if !draft {
            reader.byte()?;
        }
        let block = if reader.is_empty() {
            &[]
        } else {
            reader.vector()?
        };
        let extensions = Extensions::new(block)?;
        reader.is_empty().then_some(ServerHello {
            version,
            retry: random == RETRY_RANDOM,
            session_id,
            cipher,
            extensions,
        })
    }
}

/// The DER certificates of a Certificate message up to TLS 1.2, leaf first, and whether the list
/// adds up.
pub fn certificate_chain(body: &[u8]) -> Option<(Vec<&[u8]>, bool)> {
    let (rest, message) = tls_parser::parse_tls_handshake_msg_certificate(body).ok()?;
    let TlsMessageHandshake::Certificate(contents) = message else {
        return None;
    };
    let chain: Vec<&[u8]> = contents.cert_chain.iter().map(|raw| raw.data).collect();
    // A list that ends early is not reported as an error: three bytes of length each, and three for
    // the list.
    let counted: usize = chain.iter().map(|der| der.len().saturating_add(3)).sum();
    let whole = rest.is_empty() && counted.saturating_add(3) == body.len();
    Some((chain, whole))
}

/// The named group of a ServerKeyExchange (RFC 8422, section 5.4); none for suites without one.
pub fn key_exchange_group(cipher: u16, body: &[u8]) -> Option<u16> {
    let suite = TlsCipherSuite::from_id(cipher)?;
    if !matches!(suite.kx, TlsCipherKx::Ecdh | TlsCipherKx::Ecdhe) {
        return None;
    }
    let mut reader = Reader::new(body);
    if suite.au == TlsCipherAu::Psk {
        reader.vector()?; // identity hint (RFC 5489, section 2)
    }
    let (_, parameters) = tls_parser::parse_ec_parameters(reader.rest()).ok()?;
    match parameters.params_content {
        ECParametersContent::NamedGroup(group) => Some(group.0),
        ECParametersContent::ExplicitPrime(_) => None,
    }
}
