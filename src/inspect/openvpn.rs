//! From OpenVPN's control channel to the TLS session in it.
//!
//! Reads control packets over UDP, and over TCP behind a length of two bytes, in clear or with the
//! HMAC of `tls-auth`. Under `tls-crypt` nothing of it is in clear, and it is not recognised. Of
//! data packets nothing is read. Holds of each direction at most [`PACKETS_MAX`] packets that came
//! too early, and over TCP one open packet of [`PACKET_LEN_MAX`] bytes.

use crate::fingerprint::Reader;
use crate::flow::stream::StreamEvent;
use crate::inspect::tls::{Memo, Probe, TlsInspector};
use crate::inspect::{Context, Found, StreamInspector, Verdict};
use crate::net::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Packets ahead of the next one; a sender has at most eight (`TLS_RELIABLE_N_SEND_BUFFERS`) or so
/// under way.
const PACKETS_MAX: u32 = 16;

/// A control packet fits into one datagram.
const PACKET_LEN_MAX: usize = 2048;

/// What a packet is: the upper five bits of its first byte.
mod opcode {
    pub const CONTROL: u8 = 4;
    pub const RESET_CLIENT: u8 = 7;
}

/// The first byte of a client's first packet: its opcode, and key 0.
const RESET_BYTE: u8 = opcode::RESET_CLIENT << 3;

/// The length of a client's first packet without authentication: opcode, session identifier, no
/// acknowledgement, packet number.
const RESET_LEN: usize = 1 + 8 + 1 + 4;

/// What `tls-auth` adds: the HMAC of any digest in use, a packet number and a time.
const AUTH_LENS: [usize; 7] = [0, 16 + 8, 20 + 8, 28 + 8, 32 + 8, 48 + 8, 64 + 8];

/// Length of the authentication in the client's first packet, whose length is `len`.
fn auth_len(len: usize) -> Option<usize> {
    let auth_len = len.checked_sub(RESET_LEN)?;
    AUTH_LENS.contains(&auth_len).then_some(auth_len)
}

/// Whether `packet` is the client's first one: a reset with key 0, nothing acknowledged, number 0.
pub fn opens(packet: &[u8]) -> bool {
    auth_len(packet.len()).is_some()
        && packet.first() == Some(&RESET_BYTE)
        && packet.ends_with(&[0; 5])
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Direction {
    /// Over TCP: the open packet behind its length.
    held: Vec<u8>,
    /// The number of the next packet with a piece of TLS, less one: a reset has number 0.
    read: u32,
    /// What came too early.
    early: BTreeMap<u32, Vec<u8>>,
}

/// The inspector of an OpenVPN flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenVpnInspector {
    /// Known from the client's first packet.
    auth_len: Option<usize>,
    directions: [Direction; 2],
    tls: TlsInspector,
}

impl OpenVpnInspector {
    /// Bytes of memory that this takes.
    pub fn held_bytes(&self) -> usize {
        let early = |one: &Direction| one.early.values().map(Vec::len).sum::<usize>();
        let direction = |one: &Direction| one.held.len() + early(one);
        let directions = self.directions.iter().map(direction);
        size_of_val(self) + directions.sum::<usize>() + self.tls.held_bytes()
    }

    /// Whether the first bytes of a TCP stream may be OpenVPN's: three decide.
    pub fn probe(side: Side, first: &[u8]) -> Probe {
        let is_len = |len: u8| auth_len(usize::from(len)).is_some();
        match (side, first) {
            (Side::Originator, [] | [0]) => Probe::Open,
            (Side::Originator, [0, len]) if is_len(*len) => Probe::Open,
            (Side::Originator, [0, len, RESET_BYTE, ..]) if is_len(*len) => Probe::Mine,
            _ => Probe::NotMine,
        }
    }

    /// Whether the client's first packet was seen.
    pub fn is_confirmed(&self) -> bool {
        self.auth_len.is_some()
    }

    /// Whether a hello was read in it.
    pub fn is_greeted(&self) -> bool {
        self.tls.is_confirmed()
    }

    /// Takes a packet, which over UDP is a datagram's payload.
    pub fn read_packet(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        side: Side,
        packet: &[u8],
        found: &mut Vec<Found>,
    ) -> Verdict {
        let Some(auth_len) = self.auth_len else {
            if side == Side::Responder || !opens(packet) {
                return Verdict::NotMine;
            }
            self.auth_len = auth_len(packet.len());
            return Verdict::More;
        };
        let direction = &mut self.directions[side.index()];
        if let Some((number, bytes)) = control(packet, auth_len)
            && number > direction.read
            && number - direction.read <= PACKETS_MAX
            && bytes.len() <= PACKET_LEN_MAX
        {
            let bytes = bytes.to_vec();
            direction.early.entry(number).or_insert(bytes);
        }
        loop {
            let direction = &mut self.directions[side.index()];
            let Some(bytes) = direction.early.remove(&direction.read.saturating_add(1)) else {
                return Verdict::More;
            };
            direction.read = direction.read.saturating_add(1);
            let event = StreamEvent::Data {
                side,
                bytes: &bytes,
            };
            match self.tls.read_stream(context, memo, event, found) {
                Verdict::More => {}
                // What was confirmed stays so.
                Verdict::Done | Verdict::NotMine => return Verdict::Done,
            }
        }
    }

    /// Takes the next event of either direction over TCP.
    pub fn read_stream(
        &mut self,
        context: Context<'_>,
        memo: &mut Memo,
        event: StreamEvent<'_>,
        found: &mut Vec<Found>,
    ) -> Verdict {
        let (side, mut bytes) = match event {
            StreamEvent::Data { side, bytes } => (side, bytes),
            StreamEvent::Gap { .. } if self.is_confirmed() => return Verdict::Done,
            StreamEvent::Gap { .. } => return Verdict::NotMine,
            StreamEvent::End { .. } => return Verdict::More,
        };
        while !bytes.is_empty() {
            let held = &mut self.directions[side.index()].held;
            let wanted = match held.first_chunk() {
                Some(len) => 2 + usize::from(u16::from_be_bytes(*len)),
                None => 2,
            };
            if wanted > PACKET_LEN_MAX {
                return match self.is_confirmed() {
                    true => Verdict::Done,
                    false => Verdict::NotMine,
                };
            }
            let missing = wanted.saturating_sub(held.len()).min(bytes.len());
            let (taken, rest) = bytes.split_at(missing);
            bytes = rest;
            held.extend_from_slice(taken);
            // A length of two bytes is not yet a packet, but where it is zero.
            if held.len() < wanted || wanted == 2 && **held != [0, 0] {
                continue;
            }
            let packet = std::mem::take(held);
            let packet = packet.get(2..).unwrap_or_default();
            match self.read_packet(context, memo, side, packet, found) {
                Verdict::More => {}
                verdict => return verdict,
            }
        }
        Verdict::More
    }

    /// The flow is over.
    pub fn finish(&mut self, context: Context<'_>, found: &mut Vec<Found>) {
        self.tls.finish(context, found);
    }
}

/// Number and payload of a control packet that carries TLS.
fn control(packet: &[u8], auth_len: usize) -> Option<(u32, &[u8])> {
    let mut reader = Reader::new(packet);
    if reader.byte()? >> 3 != opcode::CONTROL {
        return None;
    }
    reader.take(8)?; // session
    reader.take(auth_len)?;
    let acknowledged = usize::from(reader.byte()?);
    reader.take(4 * acknowledged)?;
    if acknowledged > 0 {
        reader.take(8)?; // the peer's session
    }
    let number = u32::from_be_bytes(*reader.take(4)?.first_chunk()?);
    Some((number, reader.rest()))
}

#[cfg(test)]
mod tests;
