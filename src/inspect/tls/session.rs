//! From handshake messages, alerts and cipher changes of both sides to one session.
//!
//! The semantics are those of Zeek's ssl analyzer and its base scripts. Nothing is decrypted, and
//! no certificate is validated. Holds what the session's log line will say, and of certificates at
//! most [`CERTIFICATES_MAX`].

use super::certificate;
use super::hello::{ClientHello, extension, server_alpn};
use super::memo::{Fingerprints, Memo};
use super::names::is_draft_version;
use super::server::{ServerHello, certificate_chain, key_exchange_group};
use crate::fingerprint::{Carrier, Reader, ja3s};
use crate::inspect::{Context, Found};
use crate::net::Side;
use crate::observe::TlsSession;
use crate::weird::Weird;
use bstr::BString;
use serde::{Deserialize, Serialize};

/// Certificates of one session that are read; real chains have two to five.
pub const CERTIFICATES_MAX: usize = 64;

/// Protocols of a client's ALPN list that are kept; browsers offer two.
const ALPN_MAX: usize = 32;

/// Zeek's `max_ssl_history_length`.
const HISTORY_MAX: usize = 100;

/// Why the inspector gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub Weird, pub &'static str);

/// What reading needs beside the bytes.
#[derive(Debug)]
pub struct Output<'a> {
    /// What was read before.
    pub memo: &'a mut Memo,
    /// Where findings go.
    pub found: &'a mut Vec<Found>,
}

/// Handshake message types (IANA, "TLS HandshakeType").
mod message {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const CERTIFICATE: u8 = 11;
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
}

/// What is known of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    carrier: Carrier,
    /// What the log will say.
    facts: TlsSession,
    history: String,
    /// A handshake message, alert or cipher change was seen.
    seen: bool,
    /// A hello was seen.
    greeted: bool,
    /// The responder acts as the client.
    flipped: bool,
    /// A HelloRetryRequest came, and no ServerHello since.
    retrying: bool,
    /// The identifier of the session that the client would resume.
    session_id: Vec<u8>,
    ticket_seen: bool,
    pre_shared_key_seen: bool,
    key_exchange_seen: bool,
    /// The server's leaf certificate was read.
    leaf_seen: bool,
    certificates: usize,
}

impl Session {
    /// A session of which nothing is known yet.
    pub fn new(carrier: Carrier) -> Session {
        Session {
            carrier,
            ..Session::default()
        }
    }

    /// Whether there is anything to tell.
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// Whether a hello was seen: the flow is TLS beyond doubt.
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether a cipher change is for show only, since a second ClientHello will follow in clear.
    pub fn is_retrying(&self) -> bool {
        self.retrying
    }

    /// Whether application data before a cipher change means encryption: not in TLS 1.2 and before.
    pub fn seals_by_application_data(&self) -> bool {
        !matches!(
            self.facts.version,
            Some(0x0002 | 0x0300..=0x0303 | 0xfefd | 0xfeff)
        )
    }

    /// The server name and the ALPN protocols of the client's hello, so far.
    pub fn client_offer(&self) -> (Option<&BString>, &[BString]) {
        (self.facts.server_name.as_ref(), &self.facts.client_alpn)
    }

    /// Both sides encrypt, and encrypted bytes came: the handshake is complete.
    pub fn establish(&mut self) {
        self.facts.established = true;
    }

    /// Hands out the session; call once.
    pub fn tell(&mut self, found: &mut Vec<Found>) {
        let mut facts = std::mem::take(&mut self.facts);
        facts.history = std::mem::take(&mut self.history).into();
        facts.sni_matches_cert = match &facts.server_name {
            Some(name) if self.leaf_seen => {
                Some(certificate::covers(&facts.certificate_names, name))
            }
            _ => None,
        };
        found.push(Found::Tls(Box::new(facts)));
    }

    /// A change of cipher in clear.
    pub fn handle_cipher_change(&mut self, context: Context<'_>, side: Side) {
        self.see(context, side, b'i');
        if self.is_client(side) && self.ticket_seen && !self.key_exchange_seen {
            self.facts.resumed = true;
        }
    }

    /// An alert in clear.
    pub fn handle_alert(&mut self, context: Context<'_>, side: Side, description: u8) {
        self.see(context, side, b'l');
        self.facts.last_alert = Some(description);
    }

    /// A heartbeat in clear (RFC 6520).
    pub fn handle_heartbeat(&mut self, context: Context<'_>, side: Side) {
        self.see(context, side, b'b');
    }

    /// An SSLv2 client hello (RFC 5246, appendix E.2), which may lead to any version.
    pub fn handle_sslv2_client_hello(
        &mut self,
        context: Context<'_>,
        side: Side,
        session_id: &[u8],
    ) {
        self.turn(context, side);
        self.greeted = true;
        self.remember_session(session_id);
        self.see(context, side, b'c');
    }

    /// An SSLv2 server hello: the session goes on in SSLv2, where nothing more is read.
    pub fn handle_sslv2_server_hello(&mut self, context: Context<'_>, side: Side) {
        self.turn(context, side.peer());
        self.greeted = true;
        self.facts.version.get_or_insert(0x0002);
        self.see(context, side, b's');
    }

    /// A whole handshake message in clear.
    pub fn handle_message(
        &mut self,
        context: Context<'_>,
        side: Side,
        kind: u8,
        body: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let mut letter = letter(kind).ok_or(Fault(Weird::TlsMalformed, "unknown message"))?;
        match kind {
            message::CLIENT_HELLO => self.read_client_hello(context, side, body, out)?,
            message::SERVER_HELLO => {
                self.read_server_hello(context, side, body)?;
                if self.retrying {
                    letter = b'j';
                }
            }
            message::CERTIFICATE => self.read_certificates(context, side, body, out)?,
            message::SERVER_KEY_EXCHANGE => {
                let group = |cipher| key_exchange_group(cipher, body);
                self.facts.curve = self.facts.cipher.and_then(group).or(self.facts.curve);
            }
            message::CLIENT_KEY_EXCHANGE if self.is_client(side) => self.key_exchange_seen = true,
            _ => {}
        }
        self.see(context, side, letter);
        Ok(())
    }

    /// A handshake message that was read before came again: only the history shows it.
    pub fn handle_repetition(&mut self, context: Context<'_>, side: Side, kind: u8) {
        let letter = match letter(kind) {
            Some(b's') if self.retrying => b'j',
            Some(letter) => letter,
            None => return,
        };
        self.see(context, side, letter);
    }

    fn read_client_hello(
        &mut self,
        context: Context<'_>,
        side: Side,
        body: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let hello = ClientHello::parse(self.carrier, body)
            .ok_or(Fault(Weird::TlsMalformed, "client hello"))?;
        self.turn(context, side);
        self.greeted = true;
        if let Some(name) = hello.server_name {
            self.facts.server_name = Some(name.into());
        }
        self.facts.ech = hello.ech.or(self.facts.ech);
        self.pre_shared_key_seen |= hello.pre_shared_key;
        self.ticket_seen |= hello.ticket;
        self.remember_session(hello.session_id);
        // Of two hellos the first is the client's own; the second is bent to the server's
        // HelloRetryRequest.
        if self.facts.hello.is_none() {
            self.facts.hello = Some(hello.traits());
            let Fingerprints { ja3, ja4 } = out.memo.fingerprints(self.carrier, &hello.offer);
            (self.facts.ja3, self.facts.ja4) = (Some(ja3), Some(ja4));
            self.facts.client_alpn = hello.alpn().take(ALPN_MAX).map(BString::from).collect();
        }
        Ok(())
    }

    fn read_server_hello(
        &mut self,
        context: Context<'_>,
        side: Side,
        body: &[u8],
    ) -> Result<(), Fault> {
        let hello = ServerHello::parse(body).ok_or(Fault(Weird::TlsMalformed, "server hello"))?;
        self.turn(context, side.peer());
        self.greeted = true;
        self.facts.cipher = Some(hello.cipher);
        // As of the client's hellos, so of the server's: the fingerprint is the first one's.
        let fingerprint = || ja3s(hello.version, hello.cipher, hello.extensions);
        self.facts.ja3s.get_or_insert_with(fingerprint);
        let mut version = hello.version;
        for (kind, body) in hello.extensions.iter() {
            let word = Reader::new(body).word();
            match kind {
                extension::SUPPORTED_VERSIONS => version = word.unwrap_or(version),
                extension::KEY_SHARE | extension::KEY_SHARE_OLD => {
                    self.facts.curve = word.or(self.facts.curve);
                }
                extension::PRE_SHARED_KEY if self.pre_shared_key_seen => {
                    self.facts.resumed = true;
                }
                extension::ALPN => self.facts.next_protocol = server_alpn(body).map(BString::from),
                _ => {}
            }
        }
        self.facts.version = Some(version);
        // TLS 1.3 echoes the client's identifier whether it resumes or not.
        let echo = !self.session_id.is_empty() && self.session_id == hello.session_id;
        if echo && !matches!(version, 0x0304 | 0xfefc) && !is_draft_version(version) {
            self.facts.resumed = true;
        }
        self.retrying = hello.retry;
        Ok(())
    }

    fn read_certificates(
        &mut self,
        context: Context<'_>,
        side: Side,
        body: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Fault> {
        let fault = Fault(Weird::TlsMalformed, "certificate list");
        let (chain, whole) = certificate_chain(body).ok_or(fault)?;
        if !whole {
            return Err(fault);
        }
        let client = self.is_client(side);
        for der in chain {
            if self.certificates == CERTIFICATES_MAX {
                break;
            }
            self.certificates += 1;
            self.read_certificate(context, client, der, out);
        }
        Ok(())
    }

    fn read_certificate(
        &mut self,
        context: Context<'_>,
        client: bool,
        der: &[u8],
        out: &mut Output<'_>,
    ) {
        // As in Zeek, both lists are there once either side sent a certificate.
        let server_chain = self.facts.cert_chain_fps.get_or_insert_default();
        let client_chain = self.facts.client_cert_chain_fps.get_or_insert_default();
        let chain = if client { client_chain } else { server_chain };
        let leaf = chain.is_empty();
        let (fingerprint, parsed) = out.memo.certificate(context.at, der);
        chain.push(fingerprint);
        let Some(parsed) = parsed else {
            out.found.push(Found::Weird(
                Weird::CertificateMalformed,
                BString::default(),
            ));
            return;
        };
        let mut certificate = parsed.certificate;
        certificate.host_cert = leaf;
        certificate.client_cert = client;
        if leaf && !client {
            self.leaf_seen = true;
            self.facts.subject = Some(certificate.subject.clone());
            self.facts.issuer = Some(certificate.issuer.clone());
            self.facts.certificate_names = parsed.names;
        }
        out.found.push(Found::Certificate(Box::new(certificate)));
    }

    /// Keeps the identifier that the client would resume; thirty-two zero bytes are none (as in
    /// Zeek).
    fn remember_session(&mut self, session_id: &[u8]) {
        if !session_id.is_empty() && session_id != [0; 32] {
            self.session_id = session_id.to_vec();
            self.ticket_seen = false;
        }
    }

    /// Notes that `client` acts as the client, and that the direction flipped if that is news.
    fn turn(&mut self, context: Context<'_>, client: Side) {
        let flipped = client == Side::Responder;
        if flipped != self.flipped {
            self.flipped = flipped;
            self.see(context, client, b'^');
        }
    }

    fn is_client(&self, side: Side) -> bool {
        (side == Side::Originator) != self.flipped
    }

    /// Adds a letter to the history, upper case for the client.
    fn see(&mut self, context: Context<'_>, side: Side, letter: u8) {
        if !self.seen {
            self.seen = true;
            self.facts.at = context.at;
        }
        if self.history.len() < HISTORY_MAX {
            let letter = if self.is_client(side) {
                letter.to_ascii_uppercase()
            } else {
                letter
            };
            self.history.push(char::from(letter));
        }
    }
}

/// Zeek's history letter of a handshake message; none for types that no TLS has.
fn letter(kind: u8) -> Option<u8> {
    Some(match kind {
        0 => b'h',
        1 => b'c',
        2 => b's',
        3 => b'v',
        4 => b't',
        5 => b'e',
        6 => b'j',
        8 => b'o',
        11 => b'x',
        12 => b'k',
        13 => b'r',
        14 => b'n',
        15 => b'y',
        16 => b'g',
        20 => b'f',
        21 => b'w',
        22 => b'u',
        23 => b'a',
        24 => b'p',
        25 | 26 | 67 => b'z',
        254 => b'm',
        _ => return None,
    })
}
