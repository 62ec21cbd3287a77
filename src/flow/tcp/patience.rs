//! From what a sender repeats to how long to wait for the next repetition.

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// SYNs that nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    syns: Patience,
    /// The first segment that goes on as though there had been an answer: the other side's half of
    /// the flow is not seen.
    went_on_at: Option<Timestamp>,
}

impl Attempt {
    pub(in crate::flow) fn since(at: Timestamp) -> Attempt {
        Attempt {
            syns: Patience::since(at),
            went_on_at: None,
        }
    }

    pub(in crate::flow) fn continued(self, at: Timestamp, syn: bool) -> Attempt {
        match syn && self.went_on_at.is_none() {
            true => Attempt {
                syns: self.syns.repeated(at),
                ..self
            },
            false => Attempt {
                went_on_at: self.went_on_at.or(Some(at)),
                ..self
            },
        }
    }

    /// When to stop waiting: where the SYNs are not repeated `span` after the last one, as Zeek
    /// does, whatever else follows.
    pub fn deadline(self, span: Span) -> Timestamp {
        let fixed = self.syns.last_at + span;
        match self.went_on_at {
            None => self.syns.deadline(span),
            Some(at) if at < fixed => fixed,
            Some(at) => at + span,
        }
    }
}

/// How long to wait for a repetition of what came last. A sender doubles its retransmission timer
/// (RFC 6298 section 5.5), so the next repetition is due within about twice the last gap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    last_at: Timestamp,
    gap: Span,
}

impl Patience {
    pub(super) fn since(at: Timestamp) -> Patience {
        Patience {
            last_at: at,
            gap: Span::ZERO,
        }
    }

    pub(super) fn repeated(self, at: Timestamp) -> Patience {
        Patience {
            last_at: at,
            gap: at - self.last_at,
        }
    }

    /// When to stop waiting; never sooner than `span` after what came last.
    pub fn deadline(self, span: Span) -> Timestamp {
        let doubled = self.gap.as_nanos().saturating_mul(5) / 2;
        self.last_at + span.max(Span::from_nanos(doubled))
    }
}
