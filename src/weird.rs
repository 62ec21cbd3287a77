//! From something odd on the wire to a counted name.
//!
//! A closed list: names are Zeek's where Zeek has one. A weird never stops processing.

use serde::{Deserialize, Serialize};

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
    /// A tunnel's header is cut short.
    TruncatedTunnel = "truncated_tunnel_header",
    /// More tunnels within each other than are opened (Zeek's name).
    TunnelTooDeep = "exceeded_tunnel_max_depth",
    /// An IP header is cut short or its lengths contradict each other.
    TruncatedIp = "truncated_IP",
    /// A transport header is cut short.
    TruncatedTransport = "truncated_transport_header",
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
}
