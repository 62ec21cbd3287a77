//! From what hosts say of themselves to the facts that tell who they are.

use crate::net::{Mac, Side};
use crate::time::{Span, Timestamp};
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A DHCPv4 message (RFC 2131, 2132): what `dhcp.log` and host identity want of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DhcpMessage {
    /// The moment of its packet.
    pub at: Timestamp,
    /// Who of the flow sent it.
    pub side: Side,
    /// Whether it goes from a client to a server (operation code 1).
    pub request: bool,
    /// Transaction identifier.
    pub xid: u32,
    /// Message type (option 53); 0 for BOOTP, which has none.
    pub kind: u8,
    /// The client's hardware address; none where it is not six bytes long.
    pub chaddr: Option<Mac>,
    /// The address that the client says it has.
    pub ciaddr: Ipv4Addr,
    /// The address that the client is given.
    pub yiaddr: Ipv4Addr,
    /// Host name (option 12).
    pub host_name: Option<BString>,
    /// Fully qualified name (option 81, RFC 4702).
    pub client_fqdn: Option<BString>,
    /// Domain (option 15).
    pub domain: Option<BString>,
    /// Address asked for (option 50).
    pub requested_addr: Option<Ipv4Addr>,
    /// Server identifier (option 54).
    pub server_addr: Option<Ipv4Addr>,
    /// Lease time (option 51).
    pub lease_time: Option<Span>,
    /// Client identifier (option 61) of hardware type Ethernet.
    pub client_id: Option<Mac>,
    /// Vendor class (option 60).
    pub vendor_class: Option<BString>,
    /// The options that the client asks for, in its order (option 55): differs between systems.
    pub parameters: Option<Box<[u8]>>,
    /// What went wrong, in words (option 56).
    pub message: Option<BString>,
    /// The circuit that a relay saw the client on (option 82, sub-option 1), hexadecimal.
    pub circuit_id: Option<Box<str>>,
}

/// A DHCPv6 message (RFC 8415): who the client is, and the addresses it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dhcp6Message {
    /// Message type of the innermost message; relays are passed over.
    pub kind: u8,
    /// The client's identifier, hexadecimal.
    pub duid: Option<Box<str>>,
    /// The hardware address within it, where it has an Ethernet one.
    pub mac: Option<Mac>,
    /// Fully qualified name (option 39, RFC 4704).
    pub client_fqdn: Option<BString>,
    /// Addresses with their valid lifetime in seconds.
    pub addresses: Vec<(Ipv6Addr, u32)>,
}

/// What a SYN shows of the stack that sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynTraits {
    /// Time to live, or hop limit, as it arrived.
    pub ttl: u8,
    /// Window, unscaled.
    pub window: u16,
    /// Maximum segment size; 0 where it has none.
    pub mss: u16,
    /// Window scale; none where it has none.
    pub scale: Option<u8>,
    /// Kinds of its options in their order, four bits each from the lowest on, at most 16; kinds
    /// above 14 are 15.
    pub options: u64,
}
