//! From datagrams of DHCPv4 (RFC 2131, 2132) and DHCPv6 (RFC 8415) to messages.
//!
//! Joins no messages into transactions: those span flows, so the detector does. Holds nothing
//! between datagrams; every option is read once, and a text is cut at [`TEXT_BYTES_MAX`].

mod v4;
mod v6;

#[cfg(test)]
mod tests;

use super::{Context, DatagramInspector, Found, Verdict};
use crate::net::{Endpoint, Side};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes kept of a text; names are at most 253 long (RFC 1035), and vendor classes are short.
const TEXT_BYTES_MAX: usize = 1024;

/// Datagrams at the start of a flow that may be something else before it is not DHCP.
const FALSE_STARTS_MAX: u8 = 3;

/// Which DHCP a flow between these endpoints speaks: `Some(true)` for version 6.
pub fn version(originator: Endpoint, responder: Endpoint) -> Option<bool> {
    let has = |port| originator.port == port || responder.port == port;
    match originator.addr.is_ipv6() {
        // The server's port; its clients' are 68 and 546. 4011 is PXE's.
        true => has(547).then_some(true),
        false => (has(67) || responder.port == 4011).then_some(false),
    }
}

/// Zeek's name of a message type of DHCPv4 (RFC 2132, 9.6, and its successors).
pub fn message_name(kind: u8) -> Cow<'static, str> {
    const NAMES: [&str; 18] = [
        "DISCOVER",
        "OFFER",
        "REQUEST",
        "DECLINE",
        "ACK",
        "NAK",
        "RELEASE",
        "INFORM",
        "FORCERENEW",
        "LEASEQUERY",
        "LEASEUNASSIGNED",
        "LEASEUNKNOWN",
        "LEASEACTIVE",
        "BULKLEASEQUERY",
        "LEASEQUERYDONE",
        "ACTIVELEASEQUERY",
        "LEASEQUERYSTATUS",
        "TLS",
    ];
    let name = usize::from(kind)
        .checked_sub(1)
        .and_then(|at| NAMES.get(at));
    match name {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("unknown-message-type-{kind}")),
    }
}

/// The inspector of DHCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DhcpInspector {
    v6: bool,
    confirmed: bool,
    false_starts: u8,
}

impl DhcpInspector {
    /// An inspector of version 6, or of version 4.
    pub fn new(v6: bool) -> DhcpInspector {
        DhcpInspector {
            v6,
            confirmed: false,
            false_starts: 0,
        }
    }

    /// Whether a message of version 4 was read; version 6 has no name among Zeek's services.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed && !self.v6
    }
}

impl DatagramInspector for DhcpInspector {
    fn handle_datagram(
        &mut self,
        context: Context<'_>,
        side: Side,
        payload: &[u8],
        _complete: bool,
        found: &mut Vec<Found>,
    ) -> Verdict {
        let message = match self.v6 {
            true => v6::read(payload).map(|message| Found::Dhcp6(Box::new(message))),
            false => {
                v4::read(context.at, side, payload).map(|message| Found::Dhcp(Box::new(message)))
            }
        };
        match message {
            Some(message) => {
                self.confirmed = true;
                found.push(message);
            }
            None if !self.confirmed => {
                self.false_starts = self.false_starts.saturating_add(1);
                if self.false_starts >= FALSE_STARTS_MAX {
                    return Verdict::NotMine;
                }
            }
            None => {}
        }
        Verdict::More
    }

    fn finish(&mut self, _context: Context<'_>, _found: &mut Vec<Found>) {}
}

/// A text option: cut at its bound, without the NULs that some clients end it with; none where
/// nothing is left.
fn text(bytes: &[u8]) -> Option<BString> {
    let bytes = bytes.get(..TEXT_BYTES_MAX).unwrap_or(bytes);
    let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    bytes.get(..end).map(BString::from)
}

/// A name in DNS form (RFC 1035, 3.1), without compression and without its final dot.
fn wire_name(mut bytes: &[u8]) -> Option<BString> {
    let mut name = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        if length == 0 {
            break;
        }
        let (label, rest) = rest.split_at_checked(usize::from(length))?;
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
        bytes = rest;
    }
    text(&name)
}
