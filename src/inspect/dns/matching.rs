//! From DNS messages in the order of their arrival to transactions.
//!
//! Queries and answers find each other by transaction id alone, first come, first served, as in
//! Zeek; the direction a message took does not count. What waits for its other half is bounded by
//! [`Limits::dns_pending_max`](crate::limits::Limits) and [`HELD_BYTES_MAX`].

use super::Dialect;
use super::message::{self, Message};
use super::netbios;
use crate::inspect::{Context, Found, Verdict};
use crate::observe::DnsTransaction;
use crate::time::{Span, Timestamp};
use crate::weird::Weird;
use bstr::BString;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Bytes of names and answers that wait in one flow: one large answer over TCP, or many queries.
const HELD_BYTES_MAX: usize = 1 << 16;

/// Messages at the start of a flow that may be unreadable before it is not DNS. Were it one, a
/// single datagram of junk would hide all that follows.
const FALSE_STARTS_MAX: u8 = 3;

/// What one flow has asked and answered so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Matching {
    dialect: Dialect,
    /// Queries without an answer, oldest first.
    queries: VecDeque<DnsTransaction>,
    /// Answers without a query, oldest first.
    replies: VecDeque<DnsTransaction>,
    /// Bytes of names and answers in both.
    held_bytes: usize,
    /// Whether a whole message was read.
    confirmed: bool,
    /// Unreadable messages before the first readable one.
    false_starts: u8,
}

impl Matching {
    /// Nothing asked yet.
    pub(super) fn new(dialect: Dialect) -> Matching {
        Matching {
            dialect,
            queries: VecDeque::new(),
            replies: VecDeque::new(),
            held_bytes: 0,
            confirmed: false,
            false_starts: 0,
        }
    }

    /// Whether a whole message was read: where Zeek sets the flow's service.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Bytes of memory that what waits takes.
    pub(super) fn held_bytes(&self) -> usize {
        // Queues grow by doubling; their capacity would not survive a restart.
        let room = |queue: &VecDeque<_>| match queue.len() {
            0 => 0,
            waiting => waiting.next_power_of_two().max(4),
        };
        let room = room(&self.queries) + room(&self.replies);
        self.held_bytes + room * size_of::<DnsTransaction>()
    }

    /// Whether the flow began with something unreadable.
    pub(super) fn has_false_start(&self) -> bool {
        self.false_starts > 0
    }

    /// Takes one message; `complete` is false where its end was not seen.
    pub(super) fn take(
        &mut self,
        context: Context<'_>,
        bytes: &[u8],
        complete: bool,
        found: &mut Vec<Found>,
    ) -> Verdict {
        let Some(message) = message::read(bytes, self.dialect) else {
            if complete {
                found.push(super::fault::Fault::HeaderShort.found());
            }
            return self.false_start(complete);
        };
        let cut = !complete || message.header.tc;
        if let Some(fault) = message
            .fault
            .filter(|fault| !(cut && fault.is_truncation()))
        {
            found.push(fault.found());
        }
        self.confirmed |= message.answers_whole;
        if !self.confirmed && complete && !message.questions_whole {
            return self.false_start(complete);
        }
        // Query, notify (RFC 1996) and update (RFC 2136) are what Zeek logs.
        if matches!(message.header.opcode, 0 | 4 | 5) {
            self.transact(context, message, found);
        }
        Verdict::More
    }

    /// Counts a message that is not readable.
    fn false_start(&mut self, complete: bool) -> Verdict {
        if self.confirmed || !complete {
            return Verdict::More;
        }
        self.false_starts = self.false_starts.saturating_add(1);
        match self.false_starts >= FALSE_STARTS_MAX {
            true => Verdict::NotMine,
            false => Verdict::More,
        }
    }

    /// Finds the message its transaction, and tells or keeps that.
    fn transact(&mut self, context: Context<'_>, message: Message, found: &mut Vec<Found>) {
        let (id, reply) = (message.header.id, message.header.reply);
        // To a multicast group anybody may answer anybody's question: each message is told alone.
        let other = match (self.dialect.multicast, reply) {
            (true, _) => None,
            (false, true) => self.pop(false, id),
            (false, false) => self.pop(true, id),
        };
        let whole = self.dialect.multicast || other.is_some();
        let mut transaction = other.unwrap_or_else(|| DnsTransaction {
            at: context.at,
            id,
            ..Default::default()
        });
        transaction.opcode = message.header.opcode;
        match reply {
            true => add_reply(&mut transaction, context.at, message),
            false => add_query(&mut transaction, self.dialect, message),
        }
        if whole {
            found.push(Found::Dns(Box::new(transaction)));
            return;
        }
        self.held_bytes = self.held_bytes.saturating_add(weight(&transaction));
        let queue = if reply {
            &mut self.replies
        } else {
            &mut self.queries
        };
        queue.push_back(transaction);
        let pending_max = context.limits.dns_pending_max;
        while self.queries.len() + self.replies.len() > pending_max
            || self.held_bytes > HELD_BYTES_MAX
        {
            match self.pop_oldest() {
                Some((true, transaction)) => tell_reply(transaction, found),
                Some((false, transaction)) => {
                    found.push(Found::Weird(Weird::DnsUnmatchedMessage, BString::default()));
                    found.push(Found::Dns(Box::new(transaction)));
                }
                None => return,
            }
        }
    }

    /// Takes the oldest answer (`reply`) or query with `id` out of its queue.
    fn pop(&mut self, reply: bool, id: u16) -> Option<DnsTransaction> {
        let queue = if reply {
            &mut self.replies
        } else {
            &mut self.queries
        };
        let index = queue.iter().position(|waiting| waiting.id == id)?;
        let transaction = queue.remove(index)?;
        if queue.is_empty() {
            // Most flows ask once and then linger: they give their memory back.
            *queue = VecDeque::new();
        }
        self.held_bytes = self.held_bytes.saturating_sub(weight(&transaction));
        Some(transaction)
    }

    /// Takes out what waits longest, and says whether it is an answer.
    fn pop_oldest(&mut self) -> Option<(bool, DnsTransaction)> {
        let reply = match (self.queries.front(), self.replies.front()) {
            (Some(query), Some(reply)) => reply.at < query.at,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let queue = if reply {
            &mut self.replies
        } else {
            &mut self.queries
        };
        let transaction = queue.pop_front()?;
        self.held_bytes = self.held_bytes.saturating_sub(weight(&transaction));
        Some((reply, transaction))
    }

    /// Tells what still waits, in order of its moment.
    pub(super) fn finish(&mut self, found: &mut Vec<Found>) {
        while let Some((reply, transaction)) = self.pop_oldest() {
            match reply {
                true => tell_reply(transaction, found),
                false => found.push(Found::Dns(Box::new(transaction))),
            }
        }
    }
}

/// Tells an answer whose query was not seen.
fn tell_reply(transaction: DnsTransaction, found: &mut Vec<Found>) {
    found.push(Found::Weird(Weird::DnsUnmatchedReply, BString::default()));
    found.push(Found::Dns(Box::new(transaction)));
}

/// Adds what a query says. Of a dynamic update Zeek logs only what its answer repeats.
fn add_query(transaction: &mut DnsTransaction, dialect: Dialect, message: Message) {
    let Some(question) = message.question.filter(|_| !message.update) else {
        return;
    };
    transaction.rd = message.header.rd;
    transaction.tc = message.header.tc;
    transaction.z = message.header.z;
    transaction.qclass = Some(question.qclass);
    transaction.qtype = Some(question.qtype);
    let decoded = dialect
        .netbios
        .then(|| netbios::decode(&question.name))
        .flatten();
    transaction.query = Some(decoded.unwrap_or(question.name));
}

/// Adds what an answer says. AA, RA and the time it took count, as in Zeek, only where it answers
/// something.
fn add_reply(transaction: &mut DnsTransaction, at: Timestamp, message: Message) {
    let header = message.header;
    let rcode = u16::from(header.rcode);
    transaction.rcode = Some(u16::from(message.extended_rcode) << 4 | rcode);
    let bare = header.records == [0; 3];
    transaction.rejected |= match message.question {
        Some(_) => bare,
        None => rcode != 0 && header.questions == 0,
    };
    if let Some(owner) = message.owner {
        transaction.query.get_or_insert(owner);
        transaction.aa = header.aa;
        transaction.ra = header.ra;
        let rtt = at - transaction.at;
        transaction.rtt = transaction.rtt.or((rtt != Span::ZERO).then_some(rtt));
    }
    if !message.answers.is_empty() {
        transaction.answers = Some(message.answers);
        transaction.ttls = Some(message.ttls);
    }
    transaction.addresses = message.addresses;
    transaction.announced = message.announced;
    transaction.service_bindings = message.bindings;
}

/// Bytes that a waiting transaction holds beside its own size.
fn weight(transaction: &DnsTransaction) -> usize {
    let texts = transaction
        .answers
        .iter()
        .flatten()
        .chain(&transaction.query);
    let bindings = transaction.service_bindings.iter();
    texts
        .map(|text| text.len() + size_of::<BString>())
        .sum::<usize>()
        + size_of_val(transaction.addresses.as_slice())
        + transaction
            .ttls
            .as_ref()
            .map_or(0, |ttls| size_of_val(ttls.as_slice()))
        + bindings
            .map(|binding| {
                size_of_val(binding)
                    + binding.target.len()
                    + size_of_val(binding.hints.as_slice())
                    + binding
                        .alpn
                        .iter()
                        .map(|alpn| alpn.len() + size_of::<BString>())
                        .sum::<usize>()
            })
            .sum::<usize>()
}
