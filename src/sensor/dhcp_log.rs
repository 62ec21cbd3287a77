//! From DHCP messages to transactions, over all the flows that carry them.
//!
//! Requests are broadcast and answers may not be, so a transaction is known by its identifier and
//! the client's hardware address alone. It is told five seconds after its last message, or 30
//! seconds after its first (Zeek's `DHCP::max_txid_watch_time`). At most `dhcp_pending_max` are
//! followed; beyond that the one that is due first is told early.

use crate::baseline::Bounded;
use crate::inspect::dhcp::message_name;
use crate::limits::Limits;
use crate::net::{Mac, Side};
use crate::observe::{DhcpMessage, FlowId};
use crate::record::DhcpRow;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// A transaction without messages is over after this (Zeek's script).
const SILENCE: Span = Span::from_secs(5);
/// No transaction is followed for longer.
const WATCH: Span = Span::from_secs(30);
/// Flows told of one transaction (`DHCP::max_uids_per_log_entry`).
const UIDS_MAX: usize = 10;
/// Message types told of one transaction (`DHCP::max_msg_types_per_log_entry`).
const TYPES_MAX: usize = 50;

/// Identifier and client.
type Key = (u32, Option<Mac>);

/// The transactions that are followed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct DhcpLog {
    waiting: Bounded<Key, DhcpRow>,
}

impl DhcpLog {
    /// When the next row is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.waiting.first_moment()
    }

    /// The row that is due first, and when.
    pub fn pop(&mut self) -> Option<(Timestamp, DhcpRow)> {
        let (deadline, _, row) = self.waiting.pop_first()?;
        Some((deadline, row))
    }

    /// Takes a message known at `at`; gives a row where another transaction must leave for its.
    pub fn take(
        &mut self,
        limits: &Limits,
        at: Timestamp,
        flow: &FlowId,
        message: DhcpMessage,
    ) -> Option<DhcpRow> {
        let key = (message.xid, message.chaddr);
        let known = self.waiting.remove(&key);
        let early = match self.waiting.len() >= limits.dhcp_pending_max.max(1) {
            true => self.pop(),
            false => None,
        };
        let mut row = known.unwrap_or_else(|| DhcpRow {
            at: message.at,
            ..DhcpRow::default()
        });
        add(&mut row, flow, message);
        let deadline = (at + SILENCE).min(row.at + WATCH).max(at);
        self.waiting
            .insert(key, deadline, row, limits.dhcp_pending_max);
        early.map(|(_, row)| row)
    }
}

/// Adds what a message says, as Zeek's script does.
fn add(row: &mut DhcpRow, flow: &FlowId, message: DhcpMessage) {
    row.duration = message.at - row.at;
    let uid = flow.uid.to_string().into_boxed_str();
    if !row.uids.contains(&uid) && row.uids.len() < UIDS_MAX {
        row.uids.push(uid);
    }
    if row.msg_types.len() < TYPES_MAX {
        row.msg_types.push(message_name(message.kind).into());
    }
    let sender = match message.side {
        Side::Originator => flow.originator.addr,
        Side::Responder => flow.responder.addr,
    };
    match message.request {
        true => add_request(row, sender, message),
        false => add_reply(row, sender, message),
    }
}

fn add_request(row: &mut DhcpRow, sender: IpAddr, message: DhcpMessage) {
    if !sender.is_unspecified() {
        row.client_addr = Some(sender);
    }
    row.mac = message.client_id.or(row.mac);
    row.requested_addr = message
        .requested_addr
        .map(IpAddr::V4)
        .or(row.requested_addr);
    for (known, said) in [
        (&mut row.client_message, message.message),
        (&mut row.host_name, message.host_name),
        (&mut row.client_fqdn, message.client_fqdn),
    ] {
        if said.is_some() {
            *known = said;
        }
    }
}

fn add_reply(row: &mut DhcpRow, sender: IpAddr, message: DhcpMessage) {
    if message.message.is_some() {
        row.server_message = message.message;
    }
    row.mac = row.mac.or(message.chaddr);
    if message.yiaddr != Ipv4Addr::UNSPECIFIED {
        let assigned = IpAddr::V4(message.yiaddr);
        row.server_addr = Some(message.server_addr.map_or(sender, IpAddr::V4));
        row.assigned_addr = Some(assigned);
        row.client_addr.get_or_insert(assigned);
    }
    if message.domain.is_some() {
        row.domain = message.domain;
    }
    row.lease_time = message.lease_time.or(row.lease_time);
}

#[cfg(test)]
mod tests;
