//! From flows of one host to one service to what the host asks of it.
//!
//! Holds sizes and times of the last [`FLOWS_MAX`] flows, no contents.

use crate::net::{Side, Transport, Uid};
use crate::observe::{FlowId, FlowSummary};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Flows remembered of one host and service; an alert lists them.
pub const FLOWS_MAX: usize = 16;
/// The window of the upload skew (ATT&CK AN1189, DataTransferThreshold: more than 1 MB in less than
/// 5 min).
pub const SKEW_WINDOW: Span = Span::from_secs(300);

/// One flow to the service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedFlow {
    /// Which.
    pub uid: Uid,
    /// The moment it was over.
    pub at: Timestamp,
    /// How long it lasted.
    pub duration: Span,
    /// Exchanges that started in it.
    pub exchanges: u32,
    /// Payload bytes to the service.
    pub up: u64,
    /// Payload bytes from it.
    pub down: u64,
    /// Bytes of either that were never seen.
    pub missed: u64,
}

impl UsedFlow {
    /// What a flow that was over at `at` adds; none where it made no request.
    pub fn new(at: Timestamp, flow: &FlowId, summary: &FlowSummary) -> Option<UsedFlow> {
        let (up, down) = (
            summary.side(Side::Originator).bytes,
            summary.side(Side::Responder).bytes,
        );
        // Exchanges are told apart in TCP streams; a datagram flow with an answer is at least one.
        let exchanges = match flow.transport {
            Transport::Udp if up > 0 => summary.exchanges.max(1),
            _ => summary.exchanges,
        };
        (exchanges > 0).then(|| UsedFlow {
            uid: flow.uid,
            at,
            duration: summary.duration.unwrap_or(Span::ZERO),
            exchanges,
            up,
            down,
            missed: summary.missed_bytes,
        })
    }
}

/// What one host asks of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// The end of the first flow.
    pub first_at: Timestamp,
    /// On how many earlier days the host had been active by then.
    pub host_days: u32,
    flows: VecDeque<UsedFlow>,
}

impl Usage {
    /// A first use at `first_at` by a host that had been active on `host_days` earlier days.
    pub fn new(first_at: Timestamp, host_days: u32) -> Usage {
        Usage {
            first_at,
            host_days,
            flows: VecDeque::new(),
        }
    }

    /// Adds a flow; a later account of a flow that is known replaces the earlier one.
    pub fn push(&mut self, flow: UsedFlow) {
        self.flows.retain(|known| known.uid != flow.uid);
        if self.flows.len() >= FLOWS_MAX {
            self.flows.pop_front();
        }
        self.flows.push_back(flow);
    }

    /// The flows that were over at most `window` before `at`.
    pub fn within(&self, window: Span, at: Timestamp) -> impl Iterator<Item = &UsedFlow> + Clone {
        self.flows.iter().filter(move |flow| at - flow.at <= window)
    }

    /// Bytes up and down in the five minutes before `at`. A longer flow counts with its mean rate.
    pub fn skew_bytes(&self, at: Timestamp) -> (u64, u64) {
        let share = |bytes: u64, duration: Span| {
            let whole = duration <= SKEW_WINDOW;
            let rate = SKEW_WINDOW.as_secs_f64() / duration.as_secs_f64().max(1.0);
            if whole {
                bytes
            } else {
                (bytes as f64 * rate) as u64
            }
        };
        self.within(SKEW_WINDOW, at)
            .fold((0, 0), |(up, down), flow| {
                let more = (
                    share(flow.up, flow.duration),
                    share(flow.down, flow.duration),
                );
                (
                    u64::saturating_add(up, more.0),
                    u64::saturating_add(down, more.1),
                )
            })
    }
}
