//! From the bytes of a whole ClientHello to what it offers, without a copy or an allocation.
//!
//! A pure function over the body of one handshake message, so that it serves TLS records, QUIC
//! CRYPTO streams and DTLS alike. A message whose lengths do not add up to exactly its end is no
//! hello: nothing is ever told, and no fingerprint made, of one that was cut short. One pass,
//! linear in the message.

use crate::fingerprint::{Carrier, ClientOffer, Extensions, Reader, Words, is_grease};
use crate::observe::{EchOffer, HelloTraits};

/// Extension types (IANA, "TLS ExtensionType Values"; application settings: Chromium).
pub(super) mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const EC_POINT_FORMATS: u16 = 11;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const COMPRESS_CERTIFICATE: u16 = 27;
    pub const SESSION_TICKET: u16 = 35;
    pub const PRE_SHARED_KEY: u16 = 41;
    pub const SUPPORTED_VERSIONS: u16 = 43;
    pub const KEY_SHARE_OLD: u16 = 40;
    pub const KEY_SHARE: u16 = 51;
    pub const APPLICATION_SETTINGS_OLD: u16 = 17513;
    pub const APPLICATION_SETTINGS: u16 = 17613;
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
    pub const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
}

/// A ClientHello (RFC 8446, section 4.1.2; RFC 6347, section 4.2.1 for DTLS), as slices of its
/// message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// What fingerprints are made of.
    pub offer: ClientOffer<'a>,
    /// The session that the client would resume; empty for none.
    pub session_id: &'a [u8],
    /// The first host name of `server_name` (RFC 6066).
    pub server_name: Option<&'a [u8]>,
    /// Whether a session ticket is presented (RFC 5077), not only asked for.
    pub ticket: bool,
    /// Whether a pre-shared key is presented.
    pub pre_shared_key: bool,
    /// An encrypted server name; none of an inner hello.
    pub ech: Option<EchOffer>,
    alpn: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// The hello in `body`, a handshake message without its header of four (DTLS: twelve) bytes.
    pub fn parse(carrier: Carrier, body: &'a [u8]) -> Option<ClientHello<'a>> {
        let mut reader = Reader::new(body);
        let mut hello = ClientHello::default();
        hello.offer.version = reader.word()?;
        reader.take(32)?; // random
        hello.session_id = reader.short_vector()?;
        if carrier == Carrier::Dtls {
            reader.short_vector()?; // cookie
        }
        hello.offer.ciphers = Words::new(reader.vector()?)?;
        reader.short_vector()?; // compression methods
        if !reader.is_empty() {
            hello.offer.extensions = Extensions::new(reader.vector()?)?;
        }
        for (kind, body) in hello.offer.extensions.iter() {
            hello.read_extension(kind, body)?;
        }
        reader.is_empty().then_some(hello)
    }

    /// The protocols of `application_layer_protocol_negotiation`, in the client's order.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        names(self.alpn)
    }

    /// What tells browsers from libraries.
    pub fn traits(&self) -> HelloTraits {
        let types = || self.offer.extensions.types();
        let has = |wanted: u16| types().any(|kind| kind == wanted);
        // Below 2^15 each: both lists stand behind a 16-bit length in bytes.
        let meant = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        HelloTraits {
            grease: types().chain(self.offer.ciphers.iter()).any(is_grease),
            ech: has(extension::ENCRYPTED_CLIENT_HELLO),
            compress_certificate: has(extension::COMPRESS_CERTIFICATE),
            application_settings: has(extension::APPLICATION_SETTINGS_OLD)
                || has(extension::APPLICATION_SETTINGS),
            ciphers: meant(self.offer.ciphers.iter().filter(|c| !is_grease(*c)).count()),
            extensions: meant(types().filter(|kind| !is_grease(*kind)).count()),
        }
    }

    /// Takes in one extension; none where it contradicts itself.
    fn read_extension(&mut self, kind: u16, body: &'a [u8]) -> Option<()> {
        match kind {
            extension::SERVER_NAME => self.server_name = host_name(body),
            extension::SUPPORTED_GROUPS => self.offer.groups = Words::new(only_vector(body)?)?,
            extension::EC_POINT_FORMATS => self.offer.point_formats = only_short_vector(body)?,
            extension::SIGNATURE_ALGORITHMS => {
                self.offer.signature_algorithms = Words::new(only_vector(body)?)?;
            }
            extension::ALPN => {
                self.alpn = only_vector(body)?;
                self.offer.first_alpn = names(self.alpn).next();
            }
            // type outer, cipher suite, identifier (RFC 9849, section 5)
            extension::ENCRYPTED_CLIENT_HELLO => {
                if let [0, _, _, _, _, config_id, ..] = *body {
                    self.ech = Some(EchOffer::Ech { config_id });
                }
            }
            extension::ENCRYPTED_SERVER_NAME => self.ech = Some(EchOffer::Esni),
            extension::SESSION_TICKET => self.ticket = !body.is_empty(),
            extension::PRE_SHARED_KEY => self.pre_shared_key = true,
            extension::SUPPORTED_VERSIONS => {
                self.offer.versions = Words::new(only_short_vector(body)?)?;
            }
            _ => {}
        }
        Some(())
    }
}

/// The names in the body of `application_layer_protocol_negotiation` of a ServerHello.
pub(super) fn server_alpn(body: &[u8]) -> Option<&[u8]> {
    names(only_vector(body)?).next()
}

fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(list);
    std::iter::from_fn(move || reader.short_vector())
}

/// The first entry of type host_name; a list that is cut short says nothing.
fn host_name(body: &[u8]) -> Option<&[u8]> {
    let mut list = Reader::new(only_vector(body)?);
    while !list.is_empty() {
        let kind = list.byte()?;
        let name = list.vector()?;
        if kind == 0 {
            return Some(name);
        }
    }
    None
}

/// A vector with a length of two bytes that fills `body`.
fn only_vector(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    let vector = reader.vector()?;
    reader.is_empty().then_some(vector)
}

/// A vector with a length of one byte that fills `body`.
fn only_short_vector(body: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(body);
    let vector = reader.short_vector()?;
    reader.is_empty().then_some(vector)
}
