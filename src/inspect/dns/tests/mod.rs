//! Hand-built messages, and what is told of them.

mod flows;
mod messages;
mod properties;

use super::*;
use crate::flow::stream::StreamEvent;
use crate::inspect::StreamInspector;
use crate::limits::Limits;
use crate::observe::DnsTransaction;
use crate::time::Timestamp;
use crate::weird::Weird;

pub(super) const LIMITS: &Limits = &Limits::DEFAULT;

/// A resolver's port.
pub(super) fn resolver() -> Endpoint {
    Endpoint {
        addr: IpAddr::from([192, 0, 2, 53]),
        port: 53,
    }
}

/// The group and port of multicast DNS.
pub(super) fn group() -> Endpoint {
    Endpoint {
        addr: IpAddr::from([224, 0, 0, 251]),
        port: 5353,
    }
}

/// A NetBIOS name server.
pub(super) fn name_server() -> Endpoint {
    Endpoint {
        addr: IpAddr::from([192, 0, 2, 137]),
        port: 137,
    }
}

/// The moment `millis` milliseconds after the epoch.
pub(super) fn ms(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis * 1_000_000)
}

/// A context at `millis` milliseconds.
pub(super) fn at(millis: i64) -> Context<'static> {
    Context {
        at: ms(millis),
        limits: LIMITS,
    }
}

/// `www.example` as labels; empty text is the root.
pub(super) fn labels(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// A message under construction.
#[derive(Clone, Debug)]
pub(super) struct Build {
    pub(super) bytes: Vec<u8>,
}

impl Build {
    /// A header without records.
    pub(super) fn new(id: u16, flags: u16) -> Build {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Build { bytes }
    }

    /// A recursive query.
    pub(super) fn query(id: u16, name: &str, qtype: u16) -> Build {
        Build::new(id, 0x0100).question(name, qtype, 1)
    }

    /// An answer with recursion available that repeats the question.
    pub(super) fn reply(id: u16, name: &str, qtype: u16) -> Build {
        Build::new(id, 0x8180).question(name, qtype, 1)
    }

    /// Adds one to a count: 0 questions, 1 answers, 2 authority, 3 additional.
    pub(super) fn count(mut self, section: usize) -> Build {
        let at = 4 + 2 * section;
        let count = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]) + 1;
        self.bytes[at..at + 2].copy_from_slice(&count.to_be_bytes());
        self
    }

    /// Adds bytes as they are.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Build {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn question(self, name: &str, qtype: u16, qclass: u16) -> Build {
        self.count(0)
            .raw(&labels(name))
            .raw(&qtype.to_be_bytes())
            .raw(&qclass.to_be_bytes())
    }

    /// Adds a record with an owner in wire form.
    pub(super) fn record(
        self,
        section: usize,
        owner: &[u8],
        rtype: u16,
        class: u16,
        ttl: u32,
        data: &[u8],
    ) -> Build {
        self.count(section)
            .raw(owner)
            .raw(&rtype.to_be_bytes())
            .raw(&class.to_be_bytes())
            .raw(&ttl.to_be_bytes())
            .raw(&(data.len() as u16).to_be_bytes())
            .raw(data)
    }

    /// Adds an answer about the question's name, with 60 seconds to live.
    pub(super) fn answer(self, rtype: u16, data: &[u8]) -> Build {
        self.record(1, &[0xc0, 12], rtype, 1, 60, data)
    }

    /// The message behind its length, as TCP carries it.
    pub(super) fn framed(&self) -> Vec<u8> {
        let mut framed = (self.bytes.len() as u16).to_be_bytes().to_vec();
        framed.extend_from_slice(&self.bytes);
        framed
    }
}

/// What inspectors found, apart.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) transactions: Vec<DnsTransaction>,
    pub(super) weirds: Vec<(Weird, String)>,
}

impl Told {
    pub(super) fn of(found: Vec<Found>) -> Told {
        let mut told = Told::default();
        for item in found {
            match item {
                Found::Dns(transaction) => told.transactions.push(*transaction),
                Found::Weird(weird, detail) => told.weirds.push((weird, detail.to_string())),
                other => panic!("not DNS: {other:?}"),
            }
        }
        told
    }

    /// The only transaction.
    pub(super) fn only(self) -> DnsTransaction {
        assert_eq!(self.transactions.len(), 1, "{:?}", self.transactions);
        self.transactions.into_iter().next().unwrap()
    }

    /// Queries in the order they were told.
    pub(super) fn queries(&self) -> Vec<String> {
        let name = |told: &DnsTransaction| match &told.query {
            Some(query) => query.to_string(),
            None => format!("#{}", told.id),
        };
        self.transactions.iter().map(name).collect()
    }

    /// Details of the weirds.
    pub(super) fn details(&self) -> Vec<&str> {
        self.weirds
            .iter()
            .map(|(_, detail)| detail.as_str())
            .collect()
    }
}

/// What a UDP flow tells of messages that arrive ten milliseconds apart.
pub(super) fn over_udp(responder: Endpoint, messages: &[&Build]) -> Told {
    let mut inspector = DnsInspector::new(responder);
    let mut found = Vec::new();
    let mut millis = 0;
    for message in messages {
        millis += 10;
        let side = Side::Originator;
        inspector.handle_datagram(at(millis), side, &message.bytes, true, &mut found);
    }
    inspector.finish(at(millis), &mut found);
    Told::of(found)
}

/// What is told of a query for `qtype` whose answer holds one record.
pub(super) fn answered(rtype: u16, data: &[u8]) -> DnsTransaction {
    let query = Build::query(7, "host.example", rtype);
    let reply = Build::reply(7, "host.example", rtype).answer(rtype, data);
    let told = over_udp(resolver(), &[&query, &reply]);
    assert_eq!(told.weirds, [], "type {rtype}");
    told.only()
}

/// The texts of a transaction's answers.
pub(super) fn answers(transaction: &DnsTransaction) -> Vec<String> {
    transaction
        .answers
        .iter()
        .flatten()
        .map(|text| text.to_string())
        .collect()
}

/// The name a transaction asked for.
pub(super) fn asked(transaction: &DnsTransaction) -> &[u8] {
    transaction.query.as_ref().expect("a name")
}
