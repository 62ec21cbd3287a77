//! From the bytes of a DHCPv6 message to who its client is.
//!
//! Unwraps what relays forward, at most [`RELAYS_MAX`] deep, and keeps [`ADDRESSES_MAX`] addresses.
//! Prefixes, and everything that names no host, are passed over.

use super::wire_name;
use crate::fingerprint::hex;
use crate::net::Mac;
use crate::observe::Dhcp6Message;
use std::net::Ipv6Addr;

/// HOP_COUNT_LIMIT (RFC 8415, 7.6).
const RELAYS_MAX: usize = 8;

/// Addresses kept of one message; clients ask for one or two.
const ADDRESSES_MAX: usize = 8;

/// A DUID has at most 128 bytes behind its type (RFC 8415, 11.1).
const DUID_BYTES_MAX: usize = 130;

/// Reads a message; none where `bytes` are none.
pub(super) fn read(mut bytes: &[u8]) -> Option<Dhcp6Message> {
    for _ in 0..=RELAYS_MAX {
        let kind = *bytes.first()?;
        match kind {
            1..=11 => return Some(message(kind, bytes.get(4..)?)),
            // A relay: hop count, two addresses, and options one of which is the message.
            12 | 13 => {
                let mut relayed = None;
                options(bytes.get(34..)?, |code, value| {
                    if code == 9 {
                        relayed = Some(value);
                    }
                });
                bytes = relayed?;
            }
            _ => return None,
        }
    }
    None
}

fn message(kind: u8, bytes: &[u8]) -> Dhcp6Message {
    let mut message = Dhcp6Message {
        kind,
        duid: None,
        mac: None,
        client_fqdn: None,
        addresses: Vec::new(),
    };
    options(bytes, |code, value| match code {
        1 if value.len() <= DUID_BYTES_MAX => {
            message.duid = Some(hex(value).into());
            message.mac = duid_mac(value);
        }
        // An identity association: its identifier, two times (none for a temporary one), options.
        3 => addresses(value.get(12..), &mut message.addresses),
        4 => addresses(value.get(4..), &mut message.addresses),
        39 => message.client_fqdn = value.get(1..).and_then(wire_name),
        _ => {}
    });
    message
}

/// The addresses among the options of an identity association.
fn addresses(bytes: Option<&[u8]>, addresses: &mut Vec<(Ipv6Addr, u32)>) {
    options(bytes.unwrap_or_default(), |code, value| {
        if code != 5 || addresses.len() >= ADDRESSES_MAX {
            return;
        }
        // Address, preferred lifetime, valid lifetime (RFC 8415, 21.6).
        if let Some((addr, rest)) = value.split_first_chunk::<16>()
            && let Some([_, _, _, _, a, b, c, d]) = rest.first_chunk::<8>()
        {
            let valid = u32::from_be_bytes([*a, *b, *c, *d]);
            addresses.push((Ipv6Addr::from(*addr), valid));
        }
    });
}

/// The Ethernet address of a DUID of type 1 (with a time) or 3 (RFC 8415, 11.2 and 11.4).
fn duid_mac(duid: &[u8]) -> Option<Mac> {
    let mac = match duid {
        [0, 1, 0, 1, _, _, _, _, mac @ ..] | [0, 3, 0, 1, mac @ ..] => mac,
        _ => return None,
    };
    mac.try_into().ok().map(Mac)
}

/// Hands out the options: a code and a length of two bytes each, then the value.
fn options<'a>(mut bytes: &'a [u8], mut put: impl FnMut(u16, &'a [u8])) {
    while let [a, b, c, d, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return;
        };
        put(u16::from_be_bytes([*a, *b]), value);
        bytes = rest;
    }
}
