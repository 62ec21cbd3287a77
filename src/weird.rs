//! From something odd on the wire to a counted name.
//!
//! A closed list: names are Zeek's where Zeek has one. A weird never stops processing.

use bstr::BString;
use serde::{Deserialize, Serialize};

/// Anomalies that a packet showed, in order, each with what exactly was odd, which may be empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weirds(Vec<(Weird, BString)>);

impl Weirds {
    /// Adds an anomaly whose name says all.
    pub fn push(&mut self, weird: Weird) {
        self.0.push((weird, BString::default()));
    }

    /// Adds an anomaly with what exactly was odd.
    pub fn push_with(&mut self, weird: Weird, detail: String) {
        self.0.push((weird, detail.into()));
    }

    /// Whether nothing was odd.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Weirds {
    type Item = (Weird, BString);
    type IntoIter = std::vec::IntoIter<(Weird, BString)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

macro_rules! weirds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A protocol anomaly.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Weird { $($(#[doc = $doc])+ $variant,)+ }

        impl Weird {
            /// Every weird there is.
            pub const ALL: &'static [Weird] = &[$(Weird::$variant,)+];

            /// The name in `weird.log`.
            pub fn name(self) -> &'static str {
                match self { $(Weird::$variant => $name,)+ }
            }
        }
    };
}

weirds! {
    /// A TCP, UDP or ICMP checksum that does not fit.
    BadTcpChecksum = "bad_TCP_checksum",
    /// A UDP checksum that does not fit.
    BadUdpChecksum = "bad_UDP_checksum",
    /// An ICMP checksum that does not fit.
    BadIcmpChecksum = "bad_ICMP_checksum",
    /// An IPv4 header checksum that does not fit.
    BadIpChecksum = "bad_IP_checksum",
    /// Two segments claim the same stream bytes with different content; the first is kept.
    InconsistentOverlap = "rexmit_inconsistency",
    /// A link header is cut short.
    TruncatedLink = "truncated_header",
    /// A GRE header, or what it says of its payload, is cut short.
    TruncatedGre = "truncated_GRE",
    /// A GRE header of a version that is neither 0 nor 1.
    UnknownGreVersion = "unknown_gre_version",
    /// A GRE header with flags that no version has.
    UnknownGreFlags = "unknown_gre_flags",
    /// A GRE header with the source route that RFC 2784 took out.
    GreRouting = "gre_routing",
    /// An enhanced GRE header (RFC 2637) before something that is not PPP.
    EnhancedGreProtocol = "egre_protocol_type",
    /// An IP packet within a tunnel is longer than what carries it.
    TruncatedInnerIp = "truncated_inner_IP",
    /// A packet within a tunnel is not of the IP version that the tunnel says.
    InnerIpMismatch = "inner_IP_payload_mismatch",
    /// A GENEVE header with nothing behind it.
    GeneveEmpty = "geneve_empty_packet",
    /// A Teredo bubble (RFC 4380 section 2.8) with bytes behind its header.
    TeredoBubbleWithPayload = "Teredo_bubble_with_payload",
    /// More tunnels within each other than are opened (Zeek's name).
    TunnelTooDeep = "exceeded_tunnel_max_depth",
    /// An IP header is cut short or its lengths contradict each other.
    TruncatedIp = "truncated_IP",
    /// A transport header is cut short on the wire.
    TruncatedTransport = "truncated_transport_header",
    /// The capture cut a transport header off.
    InternallyTruncated = "internally_truncated_header",
    /// A TCP header that says it is shorter than any.
    BadTcpHeaderLength = "bad_TCP_header_len",
    /// An IPv6 type 0 routing header, which RFC 5095 forbids.
    Routing0 = "routing0_hdr",
    /// A link type that is not decoded.
    UnknownLink = "unknown_link_type",
    /// Handshake bytes beyond the bound; the TLS inspector gave up.
    TlsHandshakeTooLong = "tls_handshake_too_long",
    /// A TLS record or handshake message that contradicts itself.
    TlsMalformed = "tls_malformed",
    /// A certificate that does not parse.
    CertificateMalformed = "x509_malformed",
    /// A DNS message whose header or records contradict the message's length.
    DnsMalformed = "dns_malformed",
    /// An SVCB or HTTPS record whose parts do not add up to its length.
    DnsSvcbWrongLength = "DNS_SVCB_wrong_length",
    /// A DNS answer without a query.
    DnsUnmatchedReply = "dns_unmatched_reply",
    /// A DNS query that no answer came to, pushed out by the bound on waiting queries.
    DnsUnmatchedMessage = "dns_unmatched_msg",
    /// A request line that is none, after HTTP was read.
    HttpBadRequest = "bad_HTTP_request",
    /// A status line that is none, after HTTP was read.
    HttpBadReply = "bad_HTTP_reply",
    /// A chunk whose size is no number.
    HttpBadChunkSize = "HTTP_bad_chunk_size",
    /// An HTTP head beyond the bound; its direction was given up.
    HttpHeadTooLong = "http_head_too_long",
    /// More requests wait for a response than the bound allows; they were told without.
    HttpExcessivePipelining = "HTTP_excessive_pipelining",
    /// Two hardware addresses claim one address in turn, by ARP or neighbour discovery.
    AddressConflict = "address_claimed_by_two",
    /// The protocol's name is not in capitals.
    HttpLowercaseName = "lowercase_HTTP_keyword",
    /// A message of another version than the one before in its direction.
    HttpVersionMismatch = "HTTP_version_mismatch",
    /// A Content-Range that is none.
    HttpRangeMalformed = "HTTP_content_range_cannot_parse",
    /// A partial response that is not as long as its range.
    HttpRangeNotLength = "HTTP_range_not_matching_len",
    /// The head of a message within a message has a line that is no field.
    HttpNestedHeadCut = "http_no_crlf_in_header_list",
    /// A message within a message says that it is in a transfer coding.
    HttpNestedTransferCoding = "HTTP_nested_transfer_encoding_header",
    /// A response names its file while a request's content ended within the response's head.
    HttpMissingEntity = "missing_HTTP_entity",
    /// A line of a multipart message whose end the message's end cut off.
    LineWithoutEnd = "line_terminated_without_CRLF",
    /// A SYN in the middle of an established flow.
    SynInsideConnection = "SYN_inside_connection",
    /// A SYN after the flow was closed.
    SynAfterClose = "SYN_after_close",
    /// A SYN after the flow was reset.
    SynAfterReset = "SYN_after_reset",
    /// A SYN whose sequence number differs from the first one.
    SynSeqJump = "SYN_seq_jump",
    /// A FIN as the first thing seen of a side.
    SpontaneousFin = "spontaneous_FIN",
    /// A RST as the first thing seen of a side.
    SpontaneousRst = "spontaneous_RST",
    /// Payload before the handshake was complete.
    DataBeforeEstablished = "data_before_established",
    /// New payload after a RST.
    DataAfterReset = "data_after_reset",
    /// A second SYN-ACK.
    RepeatedSynWithAck = "repeated_SYN_with_ack",
    /// A fragment of a datagram that forbids fragmenting.
    FragmentWithDf = "fragment_with_DF",
    /// A fragment repeats bytes of another.
    FragmentOverlap = "fragment_overlap",
    /// Two fragments claim the same bytes with different content.
    FragmentInconsistency = "fragment_inconsistency",
    /// Fragments disagree on where their datagram ends, or one ends where the next cannot begin.
    FragmentSizeInconsistency = "fragment_size_inconsistency",
    /// Fragments of a datagram disagree on its protocol or the length of its header.
    FragmentProtocolInconsistency = "fragment_protocol_inconsistency",
    /// A fragment, not the last, of less than 64 bytes.
    ExcessivelySmallFragment = "excessively_small_fragment",
    /// A fragment that ends beyond the longest datagram there is.
    ExcessivelyLargeFragment = "excessively_large_fragment",
    /// A SYN-ACK was sent before, and now a bare SYN.
    RepeatedSynReplyWithoutAck = "repeated_SYN_reply_wo_ack",
    /// A SYN-ACK from the originator.
    OriginatorSynAck = "connection_originator_SYN_ack",
    /// A SYN-ACK to a SYN that was not seen.
    UnsolicitedSynResponse = "unsolicited_SYN_response",
    /// Both sides sent a SYN before either answered (a split handshake, or simultaneous open).
    SimultaneousOpen = "TCP_simultaneous_open",
    /// A SYN of a side that was picked up midstream.
    SynAfterPartial = "SYN_after_partial",
    /// A SYN with payload (TCP Fast Open, RFC 7413, or evasion).
    SynWithData = "SYN_with_data",
    /// A SYN that is urgent.
    BaroqueSyn = "baroque_SYN",
    /// A SYN that is a RST too.
    Christmas = "TCP_christmas",
    /// A SYN's options contradict their lengths.
    CorruptTcpOptions = "corrupt_tcp_options",
    /// A window scale above 14 (RFC 7323 section 2.3).
    TcpScaleRange = "TCP_scale_range",
    /// A side acknowledges what was never seen: the other direction takes another path.
    PossibleSplitRouting = "possible_split_routing",
    /// A FIN before the handshake was answered.
    InappropriateFin = "inappropriate_FIN",
    /// A second FIN that lies behind the first one.
    FinAdvancedLastSeq = "FIN_advanced_last_seq",
    /// A FIN after a RST.
    FinAfterReset = "FIN_after_reset",
    /// A sequence number before the side's first one.
    TcpSeqUnderflow = "TCP_seq_underflow_or_misorder",
    /// An acknowledgement of what lies before the other side's first sequence number.
    TcpAckUnderflow = "TCP_ack_underflow_or_misorder",
    /// A side took back part of the window that it offered.
    WindowRecision = "window_recision",
    /// Payload above a hole, and nobody acknowledges; the hole was passed over.
    AboveHoleWithoutAcks = "above_hole_data_without_any_acks",
    /// More out-of-order payload than is held; the hole was passed over.
    ExcessiveWithoutAcks = "excessive_data_without_further_acks",
    /// A RST whose sequence number lies far outside of what the side sent; it was not believed.
    RstOutsideWindow = "TCP_RST_outside_window",
    /// A segment came over far more hops than its side's others: it may not reach the receiver, or
    /// another host sent it.
    TtlJump = "TCP_TTL_jump",
}

impl Weird {
    /// The analyzer that Zeek names in `source`; none where it names none.
    pub fn source(self) -> Option<&'static str> {
        use Weird::*;
        let source = match self {
            BadIpChecksum | TruncatedIp | Routing0 => "IP",
            BadUdpChecksum => "UDP",
            BadIcmpChecksum => "ICMP",
            _ if self.name().contains("TCP") || self.name().contains("SYN") => "TCP",
            _ if self.name().contains("FIN") || self.name().contains("RST") => "TCP",
            DataBeforeEstablished
            | DataAfterReset
            | PossibleSplitRouting
            | WindowRecision
            | AboveHoleWithoutAcks
            | ExcessiveWithoutAcks
            | CorruptTcpOptions
            | InconsistentOverlap => "TCP",
            _ if self.name().starts_with("dns_") || self.name().starts_with("DNS_") => "DNS",
            _ if self.name().to_ascii_lowercase().contains("http") => "HTTP",
            TlsHandshakeTooLong | TlsMalformed => "SSL",
            CertificateMalformed => "X509",
            _ => return None,
        };
        Some(source)
    }
}

#[cfg(test)]
mod tests;
