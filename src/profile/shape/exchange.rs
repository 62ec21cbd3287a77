//! From application bytes of either side to exchanges: who asks, who answers, how regularly.
//!
//! O(1) for each piece of a stream; holds the exchange at hand and sums.

use crate::net::Side;
use crate::profile::cadence::{Gaps, bin};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Silence that ends an exchange.
const IDLE: Span = Span::from_secs(1);
/// How long an answer is waited for.
const ANSWER_WITHIN: Span = Span::from_secs(60);
/// An exchange of at most so many bytes each way is a keep-alive.
const PING_BYTES_MAX: u64 = 100;
/// The peer of who began an exchange sends more than twice as much and this: an inverted exchange.
const INVERTED_BYTES_MIN: u64 = 256;
/// Cells of the irregularity's histogram, in natural logarithms from that of 50 ms.
const CELLS: usize = 46;
const CELL_WIDTH: f64 = 0.35;
const SHORTEST_S: f64 = 0.05;

/// A flow's exchanges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchanges {
    open: Option<Open>,
    /// All but keep-alives, and those of them that the responder began.
    pub count: u32,
    /// Exchanges that the responder began.
    pub by_responder: u32,
    /// Of these the ones whose answer outweighs the question.
    pub inverted: u32,
    inverted_bytes: u64,
    /// Application bytes of originator and responder.
    pub bytes: [u64; 2],
    /// Time within exchanges.
    pub busy: Span,
    began_at: Option<Timestamp>,
    rhythm: Rhythm,
    /// Keep-alives, and the gaps between their beginnings.
    pub pings: u32,
    pinged_at: Option<Timestamp>,
    ping_gaps: Gaps,
}

/// The exchange at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    by: Side,
    began_at: Timestamp,
    last_at: Timestamp,
    bytes: [u64; 2],
}

/// Gaps between the beginnings of exchanges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Rhythm {
    /// [`CELLS`] counts, once there is a gap.
    cells: Vec<u16>,
    n: u32,
    sum: f64,
    squares: f64,
}

impl Exchanges {
    /// Takes application bytes of `side`.
    pub fn handle(&mut self, at: Timestamp, side: Side, bytes: u64) {
        if self.open.as_ref().is_none_or(|open| open.is_over(at, side)) {
            self.close();
            self.open = Some(Open {
                by: side,
                began_at: at,
                last_at: at,
                bytes: [0; 2],
            });
        }
        if let Some(open) = &mut self.open {
            open.bytes[side.index()] = open.bytes[side.index()].saturating_add(bytes);
            open.last_at = open.last_at.max(at);
        }
        let total = &mut self.bytes[side.index()];
        *total = total.saturating_add(bytes);
    }

    /// The same with the exchange at hand closed.
    pub fn closed(&self) -> Exchanges {
        let mut closed = self.clone();
        closed.close();
        closed
    }

    /// The originator's bytes in inverted exchanges over all of its bytes.
    pub fn inverted_share(&self) -> Option<f64> {
        let [all, _] = self.bytes;
        (all > 0).then(|| self.inverted_bytes as f64 / all as f64)
    }

    /// Producer-consumer ratio: +1 is pure upload, -1 pure download.
    pub fn pcr(&self) -> Option<f64> {
        let [up, down] = self.bytes.map(|bytes| bytes as f64);
        (up + down > 0.0).then(|| (up - down) / (up + down))
    }

    /// Gaps between the beginnings of exchanges: non-empty cells in order, each with its count.
    pub fn gaps(&self) -> impl Iterator<Item = (u8, u16)> + '_ {
        let cells = (0..=u8::MAX).zip(self.rhythm.cells.iter().copied());
        cells.filter(|(_, count)| *count > 0)
    }

    /// One less the share of the three neighbouring cells that hold most gaps.
    pub fn irregularity(&self) -> Option<f64> {
        self.rhythm.irregularity()
    }

    /// Standard deviation of the gaps' natural logarithms.
    pub fn gap_log_sd(&self) -> Option<f64> {
        let n = f64::from(self.rhythm.n);
        (self.rhythm.n > 1).then(|| {
            let mean = self.rhythm.sum / n;
            (self.rhythm.squares / n - mean * mean).max(0.0).sqrt()
        })
    }

    /// Gaps between the beginnings of keep-alives, for the cadence engine.
    pub fn ping_gaps(&self) -> &Gaps {
        &self.ping_gaps
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.rhythm.cells.capacity() * size_of::<u16>() + self.ping_gaps.heap_bytes()
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        self.busy = Span::from_nanos(
            self.busy
                .as_nanos()
                .saturating_add((open.last_at - open.began_at).as_nanos()),
        );
        let [up, down] = open.bytes;
        if up.max(down) <= PING_BYTES_MAX {
            self.pings = self.pings.saturating_add(1);
            if let Some(before) = self.pinged_at.replace(open.began_at) {
                self.ping_gaps.add(bin(open.began_at - before));
            }
            return;
        }
        self.count = self.count.saturating_add(1);
        if let Some(before) = self.began_at.replace(open.began_at) {
            self.rhythm.add((open.began_at - before).as_secs_f64());
        }
        if open.by == Side::Responder {
            self.by_responder = self.by_responder.saturating_add(1);
            if up > down.saturating_mul(2).max(INVERTED_BYTES_MIN) {
                self.inverted = self.inverted.saturating_add(1);
                self.inverted_bytes = self.inverted_bytes.saturating_add(up);
            }
        }
    }
}

impl Open {
    /// Whether bytes of `side` at `at` belong to another exchange: after a pause, unless they are
    /// the answer that is waited for; or where who began speaks again after an answer.
    fn is_over(&self, at: Timestamp, side: Side) -> bool {
        let pause = at - self.last_at;
        let answered = self.bytes[self.by.peer().index()] > 0;
        if side == self.by {
            return pause > IDLE || answered;
        }
        pause > IDLE && (answered || pause >= ANSWER_WITHIN)
    }
}

impl Rhythm {
    fn add(&mut self, gap_s: f64) {
        let log = libm::log(gap_s.max(SHORTEST_S));
        let cell = (log - libm::log(SHORTEST_S)) / CELL_WIDTH;
        self.cells.resize(CELLS, 0);
        if let Some(count) = self.cells.get_mut((cell as usize).min(CELLS - 1)) {
            *count = count.saturating_add(1);
        }
        self.n = self.n.saturating_add(1);
        self.sum += log;
        self.squares += log * log;
    }

    fn irregularity(&self) -> Option<f64> {
        let sum = |cells: &[u16]| cells.iter().map(|count| u32::from(*count)).sum::<u32>();
        let modal = self.cells.windows(3).map(sum).max()?;
        let all = sum(&self.cells);
        (all > 0).then(|| 1.0 - f64::from(modal) / f64::from(all))
    }
}

/// Silence after which the originator's bytes begin another event, and that in round trips.
const EVENT_IDLE: Span = Span::from_secs(2);
const EVENT_IDLE_ROUND_TRIPS: i64 = 3;

/// The events that cadences are made of: the originator speaks after at least two seconds, or three
/// round trips, of silence. The responder may speak so too: a push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    last_at: Option<Timestamp>,
    open: Option<Begun>,
}

/// An event: when it began, and how much the originator sent until it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When it began.
    pub at: Timestamp,
    /// Who began it.
    pub by: Side,
    /// Application bytes of the originator.
    pub upload_bytes: u64,
}

impl Events {
    /// Takes application bytes of `side`; gives the event that was answered or passed over by them.
    pub fn handle(
        &mut self,
        at: Timestamp,
        side: Side,
        bytes: u64,
        rtt: Option<Span>,
    ) -> Option<Begun> {
        let round_trips = rtt.unwrap_or_default().as_nanos();
        let idle = Span::from_nanos(round_trips.saturating_mul(EVENT_IDLE_ROUND_TRIPS));
        let idle = idle.max(EVENT_IDLE);
        let greets = self.last_at.is_none();
        let silent = self.last_at.is_none_or(|last_at| at - last_at >= idle);
        self.last_at = Some(at);
        if side == Side::Responder {
            let pushed = silent && !greets;
            let push = pushed.then_some(Begun {
                at,
                by: Side::Responder,
                upload_bytes: 0,
            });
            return self.open.take().or(push);
        }
        let over = if silent { self.open.take() } else { None };
        match &mut self.open {
            Some(open) => open.upload_bytes = open.upload_bytes.saturating_add(bytes),
            None if silent => {
                self.open = Some(Begun {
                    at,
                    by: Side::Originator,
                    upload_bytes: bytes,
                });
            }
            None => {}
        }
        over
    }

    /// The event that nothing answered.
    pub fn finish(&mut self) -> Option<Begun> {
        self.open.take()
    }
}
