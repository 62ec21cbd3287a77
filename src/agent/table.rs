//! From one look at the sockets after another, and sockets' ends, to reports of flows.
//!
//! Asks nobody who has a socket: it says which inodes are to be looked for, and is told. Holds
//! [`SOCKETS_MAX`] sockets; those that are too many are counted and not told.

use super::lines::Told;
use super::sockets::Row;
use crate::endpoint::report::{
    Deed, Direction, FlowActivity, FlowReport, Method, Place, Process, Window,
};
use crate::net::Transport;
use crate::time::{Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Sockets that are followed at a time.
const SOCKETS_MAX: usize = 131_072;
/// How often the owner of a socket is looked for: one that the kernel owns, or a process elsewhere,
/// is never found.
const TRIES_MAX: u8 = 5;

/// How long a socket is missed before it counts as ended.
const MISSED_FOR: Span = Span::from_secs(1);

/// The sockets of the host, as of the last look.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Tell of flows within the host too.
    loopback: bool,
    sockets: BTreeMap<u64, Held>,
    looks: u64,
    looked_at: Option<Timestamp>,
    /// What was not told.
    pub untold: Untold,
}

/// Flows that could not be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// They began and ended between two looks.
    pub unseen: u64,
    /// They were seen, and nobody was found who has them.
    pub ownerless: u64,
    /// There were too many at a time.
    pub too_many: u64,
}

#[derive(Debug)]
struct Held {
    row: Row,
    direction: Option<Direction>,
    /// When it was first seen, and whether it began then.
    window: Window,
    activity: FlowActivity,
    process: Option<Arc<Process>>,
    tries: u8,
    /// The number of the last look that saw it, and when it went missing after that.
    look: u64,
    missed_in: Option<Window>,
}

impl Table {
    pub fn new(loopback: bool) -> Table {
        Table {
            loopback,
            ..Table::default()
        }
    }

    /// Takes in a look that lasted `from` one moment `to` another; gives what ended before it, and
    /// whether something new is there.
    pub fn look(&mut self, rows: Vec<Row>, from: Timestamp, to: Timestamp) -> (Vec<Told>, bool) {
        let before = self.looked_at.replace(from);
        self.looks += 1;
        let window = Window {
            from: before.unwrap_or(from).min(to),
            to,
        };
        let activity = match before {
            Some(_) => FlowActivity::Open,
            None => FlowActivity::Seen,
        };
        let listening: BTreeSet<(IpAddr, u16)> = (rows.iter())
            .filter(|row| row.listens)
            .map(|row| (row.local.ip(), row.local.port()))
            .collect();
        let (mut told, mut is_new) = (Vec::new(), false);
        for row in rows {
            if row.listens || !self.is_wanted(&row) {
                continue;
            }
            if let Some(held) = self.sockets.get_mut(&row.cookie) {
                if (held.row.local, held.row.remote) == (row.local, row.remote) {
                    held.look = self.looks;
                    held.missed_in = None;
                    held.row = row;
                    continue;
                }
                // The same socket has another flow now.
                if let Some(held) = self.sockets.remove(&row.cookie) {
                    told.extend(self.close(held, window, Method::Poll));
                }
            }
            is_new = true;
            if self.sockets.len() >= SOCKETS_MAX {
                self.untold.too_many += 1;
                continue;
            }
            let held = Held {
                direction: direction(&row, &listening),
                window,
                activity,
                process: None,
                tries: 0,
                look: self.looks,
                missed_in: None,
                row,
            };
            self.sockets.insert(held.row.cookie, held);
        }
        told.extend(self.missed(window));
        (told, is_new)
    }

    /// Gives what has ended and nobody told of: what is missed for long. A table that changes while
    /// it is read may leave out what is there, and the kernel tells of an end, with its bytes, when
    /// it has time.
    fn missed(&mut self, window: Window) -> Vec<Told> {
        let mut gone = Vec::new();
        let missed = self
            .sockets
            .values_mut()
            .filter(|held| held.look < self.looks);
        for held in missed {
            let since = held.missed_in.get_or_insert(window);
            let long = (window.to - since.to).as_nanos().saturating_abs();
            if long >= MISSED_FOR.as_nanos() {
                gone.push((held.row.cookie, *since));
            }
        }
        let close = |(cookie, since): (u64, Window)| {
            let held = self.sockets.remove(&cookie)?;
            self.close(held, since, Method::Poll)
        };
        gone.into_iter().filter_map(close).collect()
    }

    /// The inodes of sockets whose owner is not known, each with its socket's cookie.
    pub fn ownerless(&self) -> BTreeMap<u32, u64> {
        let ownerless = self
            .sockets
            .values()
            .filter(|held| held.process.is_none() && held.row.inode != 0 && held.tries < TRIES_MAX);
        ownerless
            .map(|held| (held.row.inode, held.row.cookie))
            .collect()
    }

    /// The owner of a socket was found, or not; gives the report of its flow.
    pub fn found(&mut self, cookie: u64, owner: Option<Arc<Process>>) -> Option<Told> {
        let held = self.sockets.get_mut(&cookie)?;
        held.tries += 1;
        held.process = owner;
        let report = report(held, held.activity)?;
        Some(Told {
            window: held.window,
            method: Method::Poll,
            deed: Deed::Flow(Box::new(report)),
        })
    }

    /// A socket ended at `at`.
    pub fn ended(&mut self, row: Row, at: Timestamp) -> Option<Told> {
        let Some(mut held) = self.sockets.remove(&row.cookie) else {
            let called = row.remote.port() != 0 && row.local.port() != 0;
            self.untold.unseen += u64::from(called && self.is_wanted(&row));
            return None;
        };
        held.row.bytes = row.bytes.or(held.row.bytes);
        let window = Window { from: at, to: at };
        self.close(held, window, Method::Event)
    }

    fn close(&mut self, held: Held, window: Window, method: Method) -> Option<Told> {
        let report = report(&held, FlowActivity::Close);
        self.untold.ownerless += u64::from(report.is_none());
        Some(Told {
            window,
            method,
            deed: Deed::Flow(Box::new(report?)),
        })
    }

    /// Whether the socket has a flow that is told.
    pub fn is_wanted(&self, row: &Row) -> bool {
        let within = row.local.ip().is_loopback() || row.remote.ip().is_loopback();
        let called = row.remote.port() != 0;
        row.local.port() != 0
            && (self.loopback || !within)
            && match row.transport {
                Transport::Tcp => called,
                Transport::Udp => true,
                _ => false,
            }
    }
}

/// Who opened the flow of a socket that is there: whoever calls a port on which somebody listens
/// is the other end.
fn direction(row: &Row, listening: &BTreeSet<(IpAddr, u16)>) -> Option<Direction> {
    if row.remote.port() == 0 {
        return None;
    }
    let any: [IpAddr; 2] = [
        std::net::Ipv4Addr::UNSPECIFIED.into(),
        std::net::Ipv6Addr::UNSPECIFIED.into(),
    ];
    let mut at = any.into_iter().chain([row.local.ip()]);
    let called = row.transport == Transport::Tcp
        && at.any(|addr| listening.contains(&(addr, row.local.port())));
    Some(match called {
        true => Direction::Inbound,
        false => Direction::Outbound,
    })
}

/// The report of a flow whose owner is known.
fn report(held: &Held, activity: FlowActivity) -> Option<FlowReport> {
    Some(FlowReport {
        activity,
        transport: Some(held.row.transport),
        direction: held.direction,
        local: place(held.row.local),
        remote: place(held.row.remote),
        remote_name: None,
        bytes: held.row.bytes,
        process: Process::clone(held.process.as_ref()?),
    })
}

fn place(place: SocketAddr) -> Place {
    Place {
        addr: Some(place.ip()).filter(|addr| !addr.is_unspecified()),
        port: Some(place.port()).filter(|port| *port != 0),
    }
}

#[cfg(test)]
mod tests;
