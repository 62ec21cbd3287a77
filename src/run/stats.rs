//! From what the sensor and the kernel counted to rows of `stats.log`.

use crate::capture::LiveStats;
use crate::net::Transport;
use crate::record::stats::CaptureStats;
use crate::record::{Record, StatsRow};
use crate::sensor::Line;
use crate::sensor::counters::Counters;
use crate::time::{Span, Timestamp};

/// What the shell knows at the moment of an account.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The wall clock.
    pub at: Timestamp,
    /// How far the newest frame is behind it.
    pub lag: Span,
    /// What the kernel counted since the start.
    pub live: LiveStats,
    /// Resident memory, in MB.
    pub mem_mb: u64,
}

/// The account before the next one: most columns tell what is new since then.
#[derive(Debug, Default)]
pub struct Stats {
    counters: Counters,
    live: LiveStats,
}

impl Stats {
    /// What was counted so far was accounted for before.
    pub fn since(counters: Counters) -> Stats {
        Stats {
            counters,
            live: LiveStats::default(),
        }
    }

    /// The row of an account.
    pub fn line(&mut self, moment: Moment, counters: Counters) -> Line {
        let (before, live) = (&self.counters, moment.live);
        let count = |counters: &Counters, transport: Transport| {
            counters.flows.get(&transport).copied().unwrap_or(0)
        };
        let ended = |transport| counters.flows_ended.get(&transport).copied().unwrap_or(0);
        let dns = |counters: &Counters| counters.sessions.get("dns").copied().unwrap_or(0);
        let transports = [Transport::Tcp, Transport::Udp, Transport::Icmp];
        let dropped = |stats: LiveStats| stats.dropped + stats.if_dropped;
        let row = StatsRow {
            at: moment.at,
            mem_mb: moment.mem_mb,
            packets: counters.frames - before.frames,
            bytes: counters.frame_bytes - before.frame_bytes,
            capture: Some(CaptureStats {
                dropped: dropped(live).saturating_sub(dropped(self.live)),
                link: live.received.saturating_sub(self.live.received),
                lag: moment.lag,
                filtered: None,
            }),
            flows_active: transports.map(|t| count(&counters, t).saturating_sub(ended(t))),
            flows: transports.map(|t| count(&counters, t) - count(before, t)),
            dns_requests: dns(&counters) - dns(before),
            reassembly_bytes: counters.held_bytes as u64,
            fragment_bytes: counters.fragments.held_bytes as u64,
            flows_evicted: counters.flows_evicted - before.flows_evicted,
            holes_given_up: counters.holes_given_up - before.holes_given_up,
            inspect_bytes: counters.inspect_bytes as u64,
            inspections_given_up: counters.inspections_given_up - before.inspections_given_up,
            undecoded: counters.undecoded - before.undecoded,
            bad_checksums: counters.bad_checksums - before.bad_checksums,
            datagrams_evicted: counters.fragments.evicted - before.fragments.evicted,
        };
        (self.counters, self.live) = (counters, live);
        Line::Row(Record::Stats(Box::new(row)))
    }
}
