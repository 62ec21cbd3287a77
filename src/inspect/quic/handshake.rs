//! From Initial packets to their frames, while the hellos are not read.
//!
//! Finds the keys, of either direction and after a change of the client's first destination. Tries
//! at most [`OPENED_MAX`] packets of a flow.

use super::packet::{Kind, LongPacket};
use super::protection::InitialKeys;
use crate::inspect::pieces::Pieces;
use crate::net::Side;
use serde::{Deserialize, Serialize};

/// Initial packets of one flow that are tried to open; a handshake has less than a dozen.
const OPENED_MAX: u16 = 256;

/// What can be read in clear, until the hellos are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    /// The destination that the client chose first, which all keys follow from.
    dcid: Option<Vec<u8>>,
    /// Keys of either direction, with the version that they belong to.
    keys: [Option<(u32, InitialKeys)>; 2],
    /// Bytes of the CRYPTO frames of either direction.
    pub streams: [Pieces; 2],
    /// Whose hello is read: as in Zeek, what that side repeats is not opened.
    pub read: [bool; 2],
    /// How many Initial packets were tried.
    tried: u16,
}

/// What came of an Initial packet.
pub enum Opened {
    /// Its frames.
    Frames(Vec<u8>),
    /// Its keys are not known, or there is nothing new in it.
    Nothing,
    /// No more are tried.
    TooMany,
}

impl Handshake {
    /// Forgets everything but the work that was done.
    pub fn restart(&mut self) {
        *self = Handshake {
            tried: self.tried,
            ..Handshake::default()
        };
    }

    /// Notes the destination that the client chose first.
    pub fn remember_dcid(&mut self, side: Side, packet: &LongPacket<'_>) {
        if side == Side::Originator {
            self.dcid.get_or_insert_with(|| packet.dcid.to_vec());
        }
    }

    /// Whether a packet of the responder proves it to be the client, of whom nothing was read yet.
    pub fn is_flipped(&mut self, side: Side, packet: &LongPacket<'_>) -> bool {
        if side == Side::Originator
            || packet.kind != Kind::Initial
            || self.read != [false; 2]
            || self.tried >= OPENED_MAX
        {
            return false;
        }
        self.tried += 1;
        InitialKeys::derive(packet.version, packet.dcid, Side::Originator)
            .is_some_and(|keys| keys.open(packet).is_some())
    }

    /// The frames of an Initial packet, where its keys are known.
    pub fn unprotect(&mut self, side: Side, packet: &LongPacket<'_>) -> Opened {
        self.remember_dcid(side, packet);
        if self.read[side.index()] {
            return Opened::Nothing;
        }
        self.tried = self.tried.saturating_add(1);
        if self.tried >= OPENED_MAX {
            return Opened::TooMany;
        }
        match self.try_keys(side, packet) {
            Some(frames) => Opened::Frames(frames),
            None => Opened::Nothing,
        }
    }

    fn try_keys(&mut self, side: Side, packet: &LongPacket<'_>) -> Option<Vec<u8>> {
        let dcid = self.dcid.as_ref()?;
        let keys = &mut self.keys[side.index()];
        if keys
            .as_ref()
            .is_none_or(|(version, _)| *version != packet.version)
        {
            let derived = InitialKeys::derive(packet.version, dcid, side)?;
            *keys = Some((packet.version, derived));
        }
        if let Some((_, keys)) = keys
            && let Some(frames) = keys.open(packet)
        {
            return Some(frames);
        }
        // The first datagram may have been missed, or be of a handshake that was given up.
        if side == Side::Responder || *dcid == packet.dcid {
            return None;
        }
        let derived = InitialKeys::derive(packet.version, packet.dcid, side)?;
        let frames = derived.open(packet)?;
        self.restart();
        self.dcid = Some(packet.dcid.to_vec());
        self.keys[side.index()] = Some((packet.version, derived));
        Some(frames)
    }
}
