//! From the addresses that agents write to the one form in which they compare.
//!
//! Looks up no names. Constant in time and space.

use crate::endpoint::report::Place;
use crate::net::{Mac, Transport};
use std::net::IpAddr;

/// The address written as `text`: a zone is left out, IPv4 in IPv6 is IPv4, brackets may stand
/// around it; none for the unspecified ones.
pub(super) fn addr(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    let bare = bare.split_once('%').map_or(bare, |(addr, _)| addr);
    canonical(bare.parse().ok()?)
}

/// The one form of an address; none for the unspecified ones.
pub(super) fn canonical(addr: IpAddr) -> Option<IpAddr> {
    let addr = addr.to_canonical();
    (!addr.is_unspecified()).then_some(addr)
}

/// One end of a flow.
pub(super) fn place(addr: Option<IpAddr>, port: Option<u16>) -> Place {
    Place {
        addr: addr.and_then(canonical),
        port: port.filter(|port| *port != 0),
    }
}

/// The hardware address written as `text`, with `:`, `-`, `.` or nothing between its digits; none
/// where it is all zeros.
pub(super) fn mac(text: &str) -> Option<Mac> {
    let digits = text.bytes().filter(|b| !matches!(b, b':' | b'-' | b'.'));
    let (mut value, mut count) = (0u64, 0);
    for digit in digits.take(13) {
        let digit = char::from(digit).to_digit(16)?;
        value = value << 4 | u64::from(digit);
        count += 1;
    }
    let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
    (count == 12 && value != 0).then_some(Mac([a, b, c, d, e, f]))
}

/// The transport that an agent names, or gives the number of; `Some(None)` where the agent says
/// that it does not know, none where it is neither TCP nor UDP.
pub(super) fn transport(text: &str) -> Option<Option<Transport>> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "0" | "-" | "unknown" => Some(None),
        "6" | "tcp" | "tcp4" | "tcp6" | "ipproto_tcp" | "tcpv4" | "tcpv6" => {
            Some(Some(Transport::Tcp))
        }
        "17" | "udp" | "udp4" | "udp6" | "ipproto_udp" | "udpv4" | "udpv6" => {
            Some(Some(Transport::Udp))
        }
        _ => None,
    }
}

/// Whether it belongs to a network of its owner's: what a host's own address most often is.
pub(super) fn is_private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}
