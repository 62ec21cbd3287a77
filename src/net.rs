//! From address bytes to endpoints, sides and names.
//!
//! Knows no packet layout: what the numbers mean on the wire is `packet`'s business.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// An address and a port; for ICMP the port is a type or a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// IPv4 or IPv6 address.
    pub addr: IpAddr,
    /// TCP or UDP port, ICMP type or code, 0 for protocols without ports.
    pub port: u16,
}

/// Who sent something within a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// The endpoint that opened the flow.
    Originator,
    /// The endpoint that was called.
    Responder,
}

impl Side {
    /// The other side.
    pub fn peer(self) -> Side {
        match self {
            Side::Originator => Side::Responder,
            Side::Responder => Side::Originator,
        }
    }

    /// 0 for the originator, 1 for the responder: for arrays of two.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// The transport of a flow as Zeek's `proto` column names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// ICMP and ICMPv6.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Any other protocol over IP.
    Unknown,
}

impl Transport {
    /// Zeek's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Icmp => "icmp",
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Unknown => "unknown_transport",
        }
    }
}

/// How packets, or a session, travel within others: Zeek's `Tunnel::Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TunnelKind {
    /// IP in IP: RFC 2003, 2473 and 4213.
    Ip,
    /// AYIYA over UDP.
    Ayiya,
    /// Teredo over UDP (RFC 4380).
    Teredo,
    /// A session through a SOCKS proxy.
    Socks,
    /// GTPv1-U over UDP (3GPP TS 29.281).
    Gtp,
    /// A session through an HTTP proxy's CONNECT.
    Http,
    /// GRE, over IP or UDP, and what is built on it: PPTP, ERSPAN.
    Gre,
    /// VXLAN over UDP (RFC 7348).
    Vxlan,
    /// GENEVE over UDP (RFC 8926).
    Geneve,
}

impl TunnelKind {
    /// Zeek's spelling.
    pub fn name(self) -> &'static str {
        match self {
            TunnelKind::Ip => "Tunnel::IP",
            TunnelKind::Ayiya => "Tunnel::AYIYA",
            TunnelKind::Teredo => "Tunnel::TEREDO",
            TunnelKind::Socks => "Tunnel::SOCKS",
            TunnelKind::Gtp => "Tunnel::GTPv1",
            TunnelKind::Http => "Tunnel::HTTP",
            TunnelKind::Gre => "Tunnel::GRE",
            TunnelKind::Vxlan => "Tunnel::VXLAN",
            TunnelKind::Geneve => "Tunnel::GENEVE",
        }
    }

    /// What a flow that is such a tunnel has as its service; none where the tunnel is no flow, or
    /// its session names the service.
    pub fn service(self) -> Option<&'static str> {
        match self {
            TunnelKind::Ayiya => Some("ayiya"),
            TunnelKind::Teredo => Some("teredo"),
            TunnelKind::Gtp => Some("gtpv1"),
            TunnelKind::Vxlan => Some("vxlan"),
            TunnelKind::Geneve => Some("geneve"),
            TunnelKind::Socks => Some("socks"),
            TunnelKind::Ip | TunnelKind::Gre | TunnelKind::Http => None,
        }
    }
}

/// A link-layer address, shown as `00:11:22:33:44:55`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Where a binding of an address to a hardware address was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NeighbourKind {
    /// ARP (RFC 826), request or reply.
    Arp,
    /// A neighbour or router solicitation (RFC 4861).
    Solicitation,
    /// A neighbour advertisement of a host.
    Advertisement,
    /// A router advertisement, or a neighbour advertisement of a router.
    Router,
}

/// An address and the hardware address that claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The address.
    pub addr: IpAddr,
    /// Who claims it.
    pub mac: Mac,
    /// In which way.
    pub kind: NeighbourKind,
    /// In which VLAN; addresses may repeat in others.
    pub vlan: Option<u16>,
}

/// What a host is known by over time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostKey {
    /// The identity that an endpoint agent reports.
    Agent(Box<str>),
    /// Its hardware address.
    Mac(Mac),
    /// Its address, where nothing better is known.
    Addr(IpAddr),
}

impl HostKey {
    /// `agent`, `mac` or `address`.
    pub fn kind(&self) -> &'static str {
        match self {
            HostKey::Agent(_) => "agent",
            HostKey::Mac(_) => "mac",
            HostKey::Addr(_) => "address",
        }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostKey::Agent(id) => f.write_str(id),
            HostKey::Mac(mac) => mac.fmt(f),
            HostKey::Addr(addr) => addr.fmt(f),
        }
    }
}

/// The identity of a flow in every log: 96 bits, written as Zeek writes a connection's uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uid(u32, u64);

impl Uid {
    /// The uid of these 96 bits.
    pub const fn from_words(high: u32, low: u64) -> Uid {
        Uid(high, low)
    }

    /// The uid that is shown as `text`; none where no uid is.
    ///
    /// Where the first word ends is not written. Of several ways to cut, any gives the same text,
    /// so the first is taken.
    pub fn parse(text: &[u8]) -> Option<Uid> {
        let digits = text.strip_prefix(b"C")?;
        (1..digits.len()).find_map(|at| {
            let (high, low) = digits.split_at(at);
            let high = u32::try_from(base62(high)?).ok()?;
            Some(Uid(high, base62(low)?))
        })
    }
}

/// The number whose digits in base 62 these are, least significant first; none where they are not
/// as [`Uid`] writes them.
fn base62(digits: &[u8]) -> Option<u64> {
    // A last zero would not have been written, unless it is the only digit.
    if digits.len() > 1 && digits.ends_with(b"0") {
        return None;
    }
    digits.iter().rev().try_fold(0u64, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            b'A'..=b'Z' => digit - b'A' + 36,
            _ => return None,
        };
        number.checked_mul(62)?.checked_add(u64::from(value))
    })
}

/// `C`, then both words in base 62 without padding, least significant digit first.
impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut text = [b'C'; 24];
        let mut len = 1;
        for word in [u64::from(self.0), self.1] {
            let mut rest = word;
            loop {
                text[len] = DIGITS[(rest % 62) as usize];
                len += 1;
                rest /= 62;
                if rest == 0 {
                    break;
                }
            }
        }
        f.write_str(std::str::from_utf8(&text[..len]).expect("digits are ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_uid_reads_back_as_the_text_it_is_shown_as(high in any::<u32>(), low in any::<u64>()) {
            let text = Uid(high, low).to_string();
            let read = Uid::parse(text.as_bytes()).expect("it is a uid");
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_uid_is_none() {
        for text in [
            "",
            "C",
            "C1",
            "arKYeMETxOg",
            "C!!",
            "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCC",
        ] {
            assert_eq!(Uid::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Uid::parse(b"C00"), Some(Uid(0, 0)));
    }
}
