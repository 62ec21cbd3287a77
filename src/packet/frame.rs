//! From a capture's record to the frame that the packet layer reads: moment, link type, bytes.
//!
//! It does not own the bytes and does not look into them; a frame lives as long as the buffer that
//! a reader lends it from, so it costs no allocation and no copy.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One frame as captured, borrowed from the buffer of whoever read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured; a record without a time has that of the record before it.
    pub at: Timestamp,
    /// What its first byte belongs to.
    pub link: LinkType,
    /// The captured bytes: fewer than [`Frame::wire_len`] where a snaplen cut them. May be empty.
    pub bytes: &'a [u8],
    /// Bytes it had on the wire, as the capture says: not checked, so it may be less than `bytes`.
    pub wire_len: u32,
}

/// A link type by its number in the LINKTYPE registry of tcpdump.org, where files take theirs from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LinkType(pub u16);

macro_rules! link_types {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        impl LinkType {
            $(#[doc = $doc] pub const $name: LinkType = LinkType($number);)*

            /// The registry's name, or `"unknown"` for a number that has none here.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "unknown",
                }
            }
        }
    };
}

link_types! {
    NULL = 0, "BSD loopback: address family in the byte order of the capturing host.";
    ETHERNET = 1, "Ethernet, from the destination address on.";
    IEEE802_5 = 6, "Token Ring.";
    ARCNET_BSD = 7, "ARCNET on BSD.";
    SLIP = 8, "SLIP, with a direction header in front.";
    PPP = 9, "PPP, with or without the HDLC address and control bytes.";
    FDDI = 10, "FDDI.";
    RAW_BSD = 12, "Raw IP as most systems number it in `DLT_` space; seen in files all the same.";
    RAW_OPENBSD = 14, "Raw IP as OpenBSD numbers it in `DLT_` space; seen in files all the same.";
    PPP_SERIAL = 50, "PPP in HDLC-like framing (RFC 1662) or Cisco HDLC.";
    PPP_ETHER = 51, "PPPoE session packets (RFC 2516), from the PPPoE header on.";
    ATM_RFC1483 = 100, "LLC-encapsulated ATM (RFC 1483).";
    RAW = 101, "Raw IP: version 4 or 6 as the first nibble says.";
    C_HDLC = 104, "Cisco HDLC.";
    IEEE802_11 = 105, "802.11 without a capture header.";
    ATM_CLIP = 106, "Classical IP over ATM on Linux.";
    FRELAY = 107, "Frame Relay.";
    LOOP = 108, "OpenBSD loopback: address family in network byte order.";
    ENC = 109, "OpenBSD IPsec, decapsulated.";
    LINUX_SLL = 113, "Linux cooked capture, 16-byte header.";
    LTALK = 114, "LocalTalk.";
    PFLOG = 117, "OpenBSD's packet filter log.";
    PRISM = 119, "802.11 behind a Prism header.";
    IP_OVER_FC = 122, "IP over Fibre Channel (RFC 2625).";
    SUNATM = 123, "SunATM.";
    IEEE802_11_RADIO = 127, "802.11 behind a radiotap header.";
    ARCNET_LINUX = 129, "ARCNET on Linux.";
    APPLE_IP_OVER_IEEE1394 = 138, "IP over FireWire (RFC 2734) on macOS.";
    USER2 = 149, "Private use 2.";
    IEEE802_11_AVS = 163, "802.11 behind an AVS header.";
    JUNIPER_ETHER = 178, "Ethernet behind a Juniper header.";
    MFR = 182, "Multilink Frame Relay (FRF.16).";
    USB_LINUX = 189, "USB on Linux, 48-byte header.";
    PPI = 192, "Per-packet information in front of another link type.";
    IEEE802_15_4 = 195, "802.15.4 with its check sequence.";
    ERF = 197, "Endace ERF records.";
    PPP_WITH_DIR = 204, "PPP behind a byte of direction.";
    C_HDLC_WITH_DIR = 205, "Cisco HDLC behind a byte of direction.";
    FRELAY_WITH_DIR = 206, "Frame Relay behind a byte of direction.";
    IPNET = 226, "Solaris ipnet.";
    USB_LINUX_MMAPPED = 220, "USB on Linux, 64-byte header.";
    IPV4 = 228, "Raw IPv4.";
    IPV6 = 229, "Raw IPv6.";
    DBUS = 231, "Raw D-Bus messages.";
    MUX27010 = 236, "3GPP 27.010 multiplexing.";
    NFLOG = 239, "Linux netfilter log, TLVs.";
    NETANALYZER = 240, "Ethernet behind a netANALYZER header.";
    NETANALYZER_TRANSPARENT = 241, "The same with preamble and start delimiter.";
    IPOIB = 242, "IP over InfiniBand.";
    USBPCAP = 249, "USB on Windows.";
    PKTAP = 258, "Apple PKTAP.";
    VSOCK = 271, "Linux vsock.";
    ETHERNET_MPACKET = 274, "Ethernet with preamble and start delimiter.";
    LINUX_SLL2 = 276, "Linux cooked capture, 20-byte header with an interface index.";
    EBHSCR = 279, "Elektrobit high-speed capture and replay.";
    DSA_TAG_BRCM = 281, "Ethernet with a Broadcom switch tag behind the addresses.";
    DSA_TAG_BRCM_PREPEND = 282, "Ethernet behind a Broadcom switch tag.";
    ATSC_ALP = 289, "ATSC link-layer protocol.";
}

impl fmt::Display for LinkType {
    /// The name and the number, as in `ETHERNET (1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_type_says_its_name_and_number() {
        assert_eq!(LinkType::ETHERNET.to_string(), "ETHERNET (1)");
        assert_eq!(LinkType(276).name(), "LINUX_SLL2");
        assert_eq!(LinkType(65_535).to_string(), "unknown (65535)");
    }
}
