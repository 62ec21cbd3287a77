//! From the bytes of a DHCPv4 message to what it says.
//!
//! Options that were split (RFC 3396) are joined, and the two fields that options may overflow into
//! (option 52) are read in the order of RFC 2131, section 4.1. What is cut short is left out.

use super::{text, wire_name};
use crate::fingerprint::hex;
use crate::net::{Mac, Side};
use crate::observe::DhcpMessage;
use crate::time::{Span, Timestamp};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What the options begin with (RFC 2131, section 3).
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

/// Parameters kept of option 55; there are 255 codes.
const PARAMETERS_MAX: usize = 255;

/// Reads a message; none where `bytes` are none.
pub(super) fn read(at: Timestamp, side: Side, bytes: &[u8]) -> Option<DhcpMessage> {
    let (fixed, rest) = bytes.split_first_chunk::<236>()?;
    let options = rest.strip_prefix(&COOKIE)?;
    let request = match fixed.first()? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let options = Options::read(fixed, options);
    let ethernet = fixed.get(1..3) == Some(&[1, 6]);
    Some(DhcpMessage {
        at,
        side,
        request,
        xid: u32::from_be_bytes(fixed.get(4..8)?.try_into().ok()?),
        kind: options.byte(53).unwrap_or(0),
        chaddr: fixed.get(28..34).filter(|_| ethernet).and_then(mac),
        ciaddr: addr(fixed.get(12..16)?)?,
        yiaddr: addr(fixed.get(16..20)?)?,
        host_name: options.get(12).and_then(text),
        client_fqdn: options.get(81).and_then(fqdn),
        domain: options.get(15).and_then(text),
        requested_addr: options.get(50).and_then(addr),
        server_addr: options.get(54).and_then(addr),
        lease_time: options.get(51).and_then(seconds),
        client_id: options.get(61).and_then(client_id),
        vendor_class: options.get(60).and_then(text),
        parameters: options
            .get(55)
            .map(|list| Box::from(list.get(..PARAMETERS_MAX).unwrap_or(list))),
        message: options.get(56).and_then(text),
        circuit_id: options.get(82).and_then(circuit_id),
    })
}

/// The options of a message by their code.
struct Options(BTreeMap<u8, Vec<u8>>);

impl Options {
    fn read(fixed: &[u8; 236], bytes: &[u8]) -> Options {
        let mut options = Options(BTreeMap::new());
        options.add(bytes);
        // 1: the file field holds options, 2: the server name's does, 3: both.
        let overload = options.byte(52).unwrap_or(0);
        let (server_name, file) = (fixed.get(44..108), fixed.get(108..236));
        for (bit, field) in [(1, file), (2, server_name)] {
            if overload & bit != 0 && overload <= 3 {
                options.add(field.unwrap_or_default());
            }
        }
        options
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while let Some((&code, rest)) = bytes.split_first() {
            bytes = match (code, rest.split_first()) {
                (0, _) => rest,
                (255, _) | (_, None) => return,
                (code, Some((&length, rest))) => {
                    let Some((value, rest)) = rest.split_at_checked(usize::from(length)) else {
                        return;
                    };
                    self.0.entry(code).or_default().extend_from_slice(value);
                    rest
                }
            };
        }
    }

    fn get(&self, code: u8) -> Option<&[u8]> {
        self.0.get(&code).map(Vec::as_slice)
    }

    fn byte(&self, code: u8) -> Option<u8> {
        self.get(code)?.first().copied()
    }
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok().map(Mac)
}

fn addr(bytes: &[u8]) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = bytes.try_into().ok()?;
    Some(Ipv4Addr::from(bytes))
}

fn seconds(bytes: &[u8]) -> Option<Span> {
    let bytes: [u8; 4] = bytes.try_into().ok()?;
    Some(Span::from_secs(i64::from(u32::from_be_bytes(bytes))))
}

/// A hardware type (1 is Ethernet) and an address.
fn client_id(bytes: &[u8]) -> Option<Mac> {
    mac(bytes.strip_prefix(&[1])?)
}

/// Flags, two retired bytes, and a name: in DNS form where the flag E says so (RFC 4702, 2.1).
fn fqdn(bytes: &[u8]) -> Option<bstr::BString> {
    let (fixed, name) = bytes.split_first_chunk::<3>()?;
    match fixed[0] & 4 != 0 {
        true => wire_name(name),
        false => text(name),
    }
}

/// Sub-option 1 of the relay agent's information (RFC 3046).
fn circuit_id(mut bytes: &[u8]) -> Option<Box<str>> {
    while let [code, length, rest @ ..] = bytes {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *code == 1 {
            return Some(hex(value).into());
        }
        bytes = rest;
    }
    None
}
