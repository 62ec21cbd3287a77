//! From a connection and a request's headers to who speaks.

use super::agents::{Agents, Kind};
use super::room::{Room, Sender};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub addr: IpAddr,
    /// Name and serial number in the certificate that TLS has checked.
    pub certificate: Option<Arc<(String, String)>>,
    /// What it may take of the listener's room.
    pub sender: Arc<Sender>,
}

impl Peer {
    /// Who is at `addr`, with a certificate that says this.
    pub fn new(addr: IpAddr, certificate: Option<(String, String)>, room: &Room) -> Peer {
        let addr = addr.to_canonical();
        let sender = match &certificate {
            Some((name, _)) => room.sender(&format!("agent {name}")),
            None => room.sender(&format!("address {addr}")),
        };
        Peer {
            addr,
            certificate: certificate.map(Arc::new),
            sender,
        }
    }
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub name: String,
    pub kind: Kind,
}

impl Caller {
    /// What counts as the agent's name before any in its lines.
    pub fn agent(&self) -> Option<&str> {
        match self.kind {
            Kind::Host | Kind::Gateway => Some(&self.name),
            Kind::Relay => None,
        }
    }
}

/// Who speaks, by certificate or else by token (`Bearer NAME:TOKEN`, or `ApiKey` and `Basic` with
/// the same in base64: RFC 7617, RFC 6750, Elasticsearch).
pub(super) fn identify(agents: &Agents, peer: &Peer, headers: &HeaderMap) -> Option<Caller> {
    let caller = |name: &str, kind| Caller {
        name: name.to_owned(),
        kind,
    };
    if let Some((name, serial)) = peer.certificate.as_deref() {
        let agent = agents.of_certificate(name, serial)?;
        return Some(caller(name, agent.kind));
    }
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let pair = match scheme.to_ascii_lowercase().as_str() {
        "apikey" | "basic" => String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?,
        "bearer" => credentials.trim().to_owned(),
        _ => return None,
    };
    let (name, token) = pair.rsplit_once(':')?;
    Some(caller(name, agents.of_token(name, token)?.kind))
}
