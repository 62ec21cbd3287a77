//! From an IP body to ports, flags and payload.

use super::{Ip, Tcp, TcpFlags, Transport};
use crate::weird::Weird;
use etherparse::{TcpHeaderSlice, UdpHeaderSlice};

/// Protocol numbers (IANA "Protocol Numbers") that flows tell apart.
pub(crate) mod proto {
    pub const ICMP: u8 = 1;
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const GRE: u8 = 47;
    pub const ICMP6: u8 = 58;
    pub const NO_NEXT: u8 = 59;
}

/// The transport header at the start of `body` and its length in bytes.
pub(super) fn decode(ip: &Ip, body: &[u8]) -> Result<(Transport, usize), Weird> {
    let cut = match body.len() < ip.body_len as usize {
        true => Weird::InternallyTruncated,
        false => Weird::TruncatedTransport,
    };
    match ip.proto {
        proto::TCP => {
            let short = |_| match body.get(12) {
                Some(byte) if byte >> 4 < 5 => Weird::BadTcpHeaderLength,
                _ => cut,
            };
            let header = TcpHeaderSlice::from_slice(body).map_err(short)?;
            let options = match header.syn() {
                true => options(header.options()),
                false => Some(None),
            };
            let tcp = Tcp {
                src: header.source_port(),
                dst: header.destination_port(),
                seq: header.sequence_number(),
                ack: header.acknowledgment_number(),
                flags: TcpFlags {
                    syn: header.syn(),
                    ack: header.ack(),
                    fin: header.fin(),
                    rst: header.rst(),
                    urg: header.urg(),
                },
                window: header.window_size(),
                scale: options.flatten(),
                bad_options: options.is_none(),
            };
            Ok((Transport::Tcp(tcp), header.slice().len()))
        }
        proto::UDP => {
            let header = UdpHeaderSlice::from_slice(body).map_err(|_| cut)?;
            let ports = Transport::Udp {
                src: header.source_port(),
                dst: header.destination_port(),
                len: header.length().saturating_sub(8),
            };
            Ok((ports, 8))
        }
        proto::ICMP | proto::ICMP6 => match body {
            [kind, code, ..] if ip.body_len >= 8 => {
                let icmp = Transport::Icmp {
                    kind: *kind,
                    code: *code,
                };
                Ok((icmp, 8))
            }
            _ => Err(cut),
        },
        _ => Ok((Transport::Other, 0)),
    }
}

/// The window scale among a SYN's options; none where the options contradict their lengths.
fn options(mut bytes: &[u8]) -> Option<Option<u8>> {
    let mut scale = None;
    loop {
        match bytes {
            [] | [0, ..] => return Some(scale),
            [1, rest @ ..] => bytes = rest,
            [kind, length, ..] if *length >= 2 && usize::from(*length) <= bytes.len() => {
                if (*kind, *length) == (3, 3) {
                    scale = bytes.get(2).copied();
                }
                bytes = &bytes[usize::from(*length)..];
            }
            _ => return None,
        }
    }
}
