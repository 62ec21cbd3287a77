//! From what a side says to segments: numbers, windows, timestamps and acknowledgements.
//!
//! Of long messages a record a segment, as cards that merge segments deliver them, and of each the
//! first 96 bytes.

use super::talk::Talk;
use super::wire::{self, Made, Payload, Segment, flag};
use crate::net::Side;
use crate::time::Span;

/// What a side says: whole, or long and then a record a segment, of which the beginning is kept.
pub(super) enum Message {
    Whole(Vec<u8>),
    Long {
        /// The beginning of the first segment, in clear HTTP the head.
        head: Vec<u8>,
        /// Stream bytes in all.
        bytes: u64,
        /// Record header before each segment: bytes of overhead within.
        sealed: Option<u16>,
    },
}

/// Bytes of application data from which on a message is long.
pub(super) const LONG: u64 = 16 * 1024;
/// A record's plaintext (RFC 8446 section 5.1).
pub(super) const RECORD: u64 = 1 << 14;
/// Bytes kept of a long message's segments; the headers of frame, packet, segment and record fit.
const SNAPLEN: usize = 96;

impl Talk {
    /// Sends application bytes of `side`, at most `until` bytes of the stream of them.
    pub(super) fn say(&mut self, side: Side, bytes: u64, until: Option<u64>, out: &mut Vec<Made>) {
        let message = self.message(side, bytes);
        self.send(side, message, until, out);
    }

    /// Sends a message in segments; the other side acknowledges every second one.
    pub(super) fn send(
        &mut self,
        side: Side,
        message: Message,
        until: Option<u64>,
        out: &mut Vec<Made>,
    ) {
        let until = until.unwrap_or(u64::MAX);
        match message {
            Message::Whole(bytes) => {
                let len = bytes
                    .len()
                    .min(usize::try_from(until).unwrap_or(usize::MAX));
                let bytes = &bytes[..len];
                let mss = if self.system.stamps_at().is_some() {
                    1448
                } else {
                    1460
                };
                for (index, part) in bytes.chunks(mss).enumerate() {
                    let last = (index + 1) * mss >= len;
                    self.data(
                        side,
                        Payload {
                            bytes: part,
                            len: part.len(),
                        },
                        last,
                        out,
                    );
                }
            }
            Message::Long {
                head,
                bytes,
                sealed,
            } => {
                self.send_long(side, &head, [bytes, until], sealed, out);
            }
        }
    }

    fn send_long(
        &mut self,
        side: Side,
        head: &[u8],
        [bytes, until]: [u64; 2],
        sealed: Option<u16>,
        out: &mut Vec<Made>,
    ) {
        let mut left = bytes;
        let mut allowed = until.min(bytes);
        let mut kept = [0; SNAPLEN];
        let within = SNAPLEN - 14 - 20 - self.header_len();
        while allowed > 0 {
            let overhead = sealed.map_or(0, |overhead| u64::from(overhead) + 5);
            let record = left.min(RECORD + overhead);
            let len = record.min(allowed);
            self.random.fill(&mut kept);
            if sealed.is_some() {
                let [high, low] = (record.saturating_sub(5) as u16).to_be_bytes();
                kept[..5].copy_from_slice(&[23, 3, 3, high, low]);
            }
            let mut part = &kept[..within.min(len as usize)];
            if left == bytes && sealed.is_none() && !head.is_empty() {
                part = head;
            }
            left -= record;
            allowed -= len;
            let payload = Payload {
                bytes: part,
                len: len as usize,
            };
            self.data(side, payload, allowed == 0, out);
        }
    }

    /// One segment with payload.
    fn data(&mut self, side: Side, payload: Payload<'_>, last: bool, out: &mut Vec<Made>) {
        let index = side.index();
        self.pass(i64::from(self.script.byte_nanos) * payload.len as i64 + 4_000);
        if side == Side::Originator {
            self.greet_after_if_due(out);
        }
        let flags = if last {
            flag::PSH | flag::ACK
        } else {
            flag::ACK
        };
        self.put(side, flags, self.window[index], &[], Some(payload), out);
        self.seq[index] = self.seq[index].wrapping_add(payload.len as u32);
        self.waiting[index] += if payload.len > 2000 { 2 } else { 1 };
        self.waiting[side.peer().index()] = 0;
        self.spoke[index] = true;
        if self.waiting[index] >= 2 && !last {
            let now = self.now;
            match side {
                Side::Originator => self.now = self.now + self.rtt(),
                Side::Responder => self.pass(2_000),
            }
            self.acknowledge(side.peer(), out);
            self.now = now;
        }
    }

    /// A bare acknowledgement by `side`, where it has something to acknowledge.
    pub(super) fn acknowledge(&mut self, side: Side, out: &mut Vec<Made>) {
        if std::mem::take(&mut self.waiting[side.peer().index()]) > 0 {
            self.bare(side, flag::ACK, out);
        }
    }

    /// A segment without payload; SYN and FIN take a number.
    pub(super) fn bare(&mut self, side: Side, flags: u8, out: &mut Vec<Made>) {
        self.put(side, flags, self.window[side.index()], &[], None, out);
        if flags & flag::FIN != 0 {
            let seq = &mut self.seq[side.index()];
            *seq = seq.wrapping_add(1);
        }
    }

    /// The originator reads no more: its window, opened to so many bytes where it is smaller, only
    /// shrinks from here on. Gives how many bytes the server may send.
    pub(super) fn stop_reading(&mut self, bytes: u32) -> u64 {
        let scale = self.system.scale();
        self.window[0] = self.window[0].max((bytes >> scale) as u16);
        let open = u32::from(self.window[0]) << scale;
        self.edge = Some(self.seq[1].wrapping_add(open));
        u64::from(open)
    }

    /// Sends `bytes` of `side`, which acknowledge what the peer had sent up to `ack`.
    pub(super) fn send_acknowledging(
        &mut self,
        side: Side,
        ack: u32,
        bytes: &[u8],
        out: &mut Vec<Made>,
    ) {
        let index = side.peer().index();
        let ahead = std::mem::replace(&mut self.seq[index], ack);
        let waiting = self.waiting[index];
        let payload = Payload {
            bytes,
            len: bytes.len(),
        };
        self.put(
            side,
            flag::PSH | flag::ACK,
            self.window[side.index()],
            &[],
            Some(payload),
            out,
        );
        let own = &mut self.seq[side.index()];
        *own = own.wrapping_add(bytes.len() as u32);
        self.seq[index] = ahead;
        self.waiting[index] = waiting;
        self.waiting[side.index()] += 1;
    }

    /// One segment, as it is on the wire now.
    pub(super) fn put(
        &mut self,
        side: Side,
        flags: u8,
        window: u16,
        options: &[u8],
        payload: Option<Payload<'_>>,
        out: &mut Vec<Made>,
    ) {
        let [own, peer] = [side, side.peer()].map(Side::index);
        let mut stamped = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut options = options;
        let reset = flags & flag::RST != 0;
        if options.is_empty() && self.system.stamps_at().is_some() && !reset {
            let stamps = self.stamp_values(side).map(u32::to_be_bytes);
            stamped[4..].copy_from_slice(&stamps.concat());
            options = &stamped;
        }
        let mut segment = Segment {
            seq: self.seq[own],
            ack: if flags & flag::ACK != 0 {
                self.seq[peer]
            } else {
                0
            },
            flags,
            window,
            options,
        };
        if let (Side::Originator, Some(edge)) = (side, self.edge) {
            let open = edge.wrapping_sub(self.seq[peer]);
            segment.window = (open >> self.system.scale()) as u16;
        }
        let payload = payload.unwrap_or(Payload { bytes: &[], len: 0 });
        let [from, to] = [&self.ends[own], &self.ends[peer]];
        out.push(wire::tcp(self.now, from, to, &segment, payload));
    }

    /// Own and echoed timestamp, in milliseconds since an offset.
    pub(super) fn stamp_values(&self, side: Side) -> [u32; 2] {
        let millis = (self.now.as_nanos() / 1_000_000) as u32;
        let value = |side: Side| self.stamps[side.index()].wrapping_add(millis);
        [value(side), value(side.peer())]
    }

    fn header_len(&self) -> usize {
        if self.system.stamps_at().is_some() {
            32
        } else {
            20
        }
    }

    /// The server probes a window that is shut: one byte before what is next.
    pub(super) fn probe(&mut self, out: &mut Vec<Made>) {
        self.seq[1] = self.seq[1].wrapping_sub(1);
        self.bare(Side::Responder, flag::ACK, out);
        self.seq[1] = self.seq[1].wrapping_add(1);
        self.pass(40_000);
    }

    /// What the originator has sent so far.
    pub(super) fn sent(&self) -> u32 {
        self.seq[0]
    }

    pub(super) fn rtt(&self) -> Span {
        self.script.server.rtt
    }

    pub(super) fn pass(&mut self, nanos: i64) {
        self.now = self.now + Span::from_nanos(nanos);
    }
}
