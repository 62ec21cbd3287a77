//! From the cells of a row to what it tells, and when Zeek would have told it.

use super::cells::Cells;
use super::{CLOSE_DELAY, Kind, shape, value};
use crate::net::{Endpoint, Transport};
use crate::observe::ConnState;
use crate::observe::{
    DnsTransaction, Fact, FlowId, FlowSummary, HttpTransaction, SideTally, TlsSession,
};
use crate::time::{Span, Timestamp};
use bstr::BString;
use std::net::IpAddr;

/// How long before its own moment a certificate counts: it is logged a little later than the
/// session that shows it began.
const CERTIFICATE_AHEAD: Span = Span::from_secs(60);

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The moment it bears.
    pub ts: Timestamp,
    /// The moment at which it counts.
    pub at: Timestamp,
    /// Its flow; none for a certificate.
    pub flow: Option<FlowId>,
    /// What it tells.
    pub told: Told,
}

/// What a row tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// What needs no other row.
    Fact(Fact),
    /// A TLS session, and what its leaf certificate is known by.
    Tls(Box<TlsSession>, Option<BString>),
    /// A QUIC session, of whose hello `ssl.log` tells more where it is there.
    Quic(Box<TlsSession>),
    /// What a certificate is known by, and its names.
    Certificate(Vec<BString>, Vec<BString>),
}

const FLOW: usize = 6;

macro_rules! wanted {
    ($($name:literal),*) => {
        &["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", $($name),*]
    };
}

impl Kind {
    /// The columns that are read; the first ones are required.
    pub fn wanted(self) -> &'static [&'static str] {
        match self {
            Kind::Conn => wanted![
                "proto",
                "service",
                "duration",
                "orig_bytes",
                "resp_bytes",
                "conn_state",
                "missed_bytes",
                "history",
                "orig_pkts",
                "orig_ip_bytes",
                "resp_pkts",
                "resp_ip_bytes",
                "ip_proto",
                "vlan",
                "inner_vlan"
            ],
            Kind::Ssl => wanted![
                "server_name",
                "ja3",
                "ja3s",
                "ja4",
                "cert_chain_fps",
                "cert_chain_fuids",
                "established",
                "resumed",
                "next_protocol"
            ],
            Kind::Http => wanted![
                "trans_depth",
                "method",
                "host",
                "uri",
                "user_agent",
                "status_code",
                "request_body_len",
                "response_body_len"
            ],
            Kind::Dns => wanted![
                "proto", "rtt", "query", "qtype", "rcode", "answers", "TTLs", "trans_id", "opcode"
            ],
            Kind::Quic => wanted!["server_name", "client_protocol"],
            Kind::Profile => shape::WANTED,
            Kind::X509 => &["ts", "fingerprint", "id", "san.dns", "certificate.subject"],
        }
    }

    /// How many of the wanted columns no row can do without.
    pub fn required(self) -> usize {
        match self {
            Kind::X509 => 1,
            Kind::Profile => FLOW + shape::REQUIRED,
            _ => FLOW,
        }
    }
}

/// Reads a row's columns and remembers the first that is not sound.
pub struct Reading<'a> {
    kind: Kind,
    cells: &'a Cells,
    fault: Option<String>,
}

impl Reading<'_> {
    /// What `read` makes of the column; none where it is unset or, which is a fault, unsound.
    pub fn read<T>(&mut self, slot: usize, read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let text = self.cells.text(slot)?;
        let value = read(&text);
        if value.is_none() {
            self.note(slot, &text);
        }
        value
    }

    /// What `read` makes of each element.
    pub fn list<T>(&mut self, slot: usize, read: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
        let mut values = Vec::new();
        for text in self.cells.list(slot).unwrap_or_default() {
            match read(&text) {
                Some(value) => values.push(value),
                None => self.note(slot, &text),
            }
        }
        values
    }

    pub fn text(&self, slot: usize) -> Option<BString> {
        self.cells.text(slot)
    }

    pub fn string(&self, slot: usize) -> Option<Box<str>> {
        let text = self.cells.text(slot)?;
        Some(value::text(&text)?.into())
    }

    pub fn count(&mut self, slot: usize) -> u64 {
        self.read(slot, value::count).unwrap_or(0)
    }

    fn note(&mut self, slot: usize, text: &[u8]) {
        let name = self.kind.wanted().get(slot).copied().unwrap_or_default();
        let text = text.get(..40).unwrap_or(text);
        let text = String::from_utf8_lossy(text);
        self.fault
            .get_or_insert_with(|| format!("{name} cannot be `{text}`"));
    }
}

/// The row that `cells` make, or what is wrong with them.
pub fn read(kind: Kind, cells: &Cells) -> Result<Row, String> {
    let mut reading = Reading {
        kind,
        cells,
        fault: None,
    };
    let row = row(kind, &mut reading);
    match (reading.fault, row) {
        (Some(fault), _) => Err(fault),
        (None, Some(row)) => Ok(row),
        (None, None) => Err("without its moment, uid or endpoints".into()),
    }
}

fn row(kind: Kind, reading: &mut Reading<'_>) -> Option<Row> {
    let ts = reading.read(0, value::moment)?;
    if kind == Kind::X509 {
        let at = Timestamp::from_nanos(ts.as_nanos().saturating_sub(CERTIFICATE_AHEAD.as_nanos()));
        let told = certificate(reading);
        return Some(Row {
            ts,
            at,
            flow: None,
            told,
        });
    }
    let mut flow = FlowId {
        uid: reading.read(1, |text| (!text.is_empty()).then(|| value::uid(text)))?,
        first_at: ts,
        originator: endpoint(reading, 2)?,
        responder: endpoint(reading, 4)?,
        transport: Transport::Tcp,
    };
    let (at, told) = match kind {
        Kind::Conn => {
            flow.transport = reading.read(FLOW, |text| Some(value::transport(text)))?;
            let summary = summary(reading);
            let lasted = summary.duration.unwrap_or(Span::ZERO);
            (
                ts + lasted + CLOSE_DELAY,
                Told::Fact(Fact::Flow(Box::new(summary))),
            )
        }
        Kind::Ssl => {
            let leaf =
                [FLOW + 4, FLOW + 5].map(|slot| reading.list(slot, |text| Some(text.into())));
            let leaf = leaf.into_iter().flatten().next();
            (ts, Told::Tls(Box::new(session(reading, ts)), leaf))
        }
        Kind::Http => (
            ts,
            Told::Fact(Fact::Http(Box::new(transaction(reading, ts)))),
        ),
        Kind::Dns => {
            let proto = reading.read(FLOW, |text| Some(value::transport(text)));
            flow.transport = proto.unwrap_or(Transport::Udp);
            let dns = dns(reading, ts);
            (
                ts + dns.rtt.unwrap_or(Span::ZERO),
                Told::Fact(Fact::Dns(Box::new(dns))),
            )
        }
        Kind::Quic => {
            flow.transport = Transport::Udp;
            let session = TlsSession {
                at: ts,
                server_name: reading.text(FLOW),
                client_alpn: reading.text(FLOW + 1).into_iter().collect(),
                ..TlsSession::default()
            };
            (ts, Told::Quic(Box::new(session)))
        }
        Kind::Profile => {
            let profile = shape::profile(reading, FLOW, ts)?;
            (
                ts + profile.age,
                Told::Fact(Fact::Profile(Box::new(profile))),
            )
        }
        Kind::X509 => return None,
    };
    let flow = Some(flow);
    Some(Row { ts, at, flow, told })
}

fn endpoint(reading: &mut Reading<'_>, slot: usize) -> Option<Endpoint> {
    let port = reading.text(slot + 1)?;
    reading.read(slot, |host| value::endpoint(host, &port))
}

fn summary(reading: &mut Reading<'_>) -> FlowSummary {
    let mut slot = FLOW;
    let mut next = || {
        slot += 1;
        slot
    };
    let services = reading.string(next()).unwrap_or_default();
    let duration = reading
        .read(next(), value::span)
        .filter(|span| *span >= Span::ZERO);
    let bytes = [next(), next()].map(|slot| reading.count(slot));
    let state = reading.read(next(), value::state).unwrap_or(ConnState::Oth);
    let missed_bytes = reading.count(next());
    let history = reading.string(next()).unwrap_or_default();
    let [orig, orig_ip, resp, resp_ip] =
        [next(), next(), next(), next()].map(|slot| reading.count(slot));
    let ip_proto = reading.count(next());
    let vlan = [next(), next()].map(|slot| {
        let vlan = reading.read(slot, value::count);
        vlan.and_then(|vlan| u16::try_from(vlan).ok())
    });
    let tally = |bytes, packets, ip_bytes| SideTally {
        bytes,
        packets,
        ip_bytes,
    };
    let [up, down] = bytes;
    FlowSummary {
        duration,
        tally: [tally(up, orig, orig_ip), tally(down, resp, resp_ip)],
        state,
        history,
        missed_bytes,
        services: services
            .split(',')
            .filter(|s| !s.is_empty())
            .map(Into::into)
            .collect(),
        ip_proto: u8::try_from(ip_proto).unwrap_or_default(),
        vlan,
        macs: [None; 2],
        tunnel_parents: Vec::new(),
        // Whoever sent something asked once at least; a profile tells more.
        exchanges: u32::from(up > 0),
    }
}

fn session(reading: &mut Reading<'_>, ts: Timestamp) -> TlsSession {
    TlsSession {
        at: ts,
        server_name: reading.text(FLOW).filter(|name| !name.is_empty()),
        ja3: reading.string(FLOW + 1),
        ja3s: reading.string(FLOW + 2),
        ja4: reading.string(FLOW + 3),
        established: reading.read(FLOW + 6, value::truth).unwrap_or_default(),
        resumed: reading.read(FLOW + 7, value::truth).unwrap_or_default(),
        next_protocol: reading.text(FLOW + 8),
        ..TlsSession::default()
    }
}

fn transaction(reading: &mut Reading<'_>, ts: Timestamp) -> HttpTransaction {
    let status = reading.read(FLOW + 5, value::count);
    HttpTransaction {
        at: ts,
        trans_depth: u32::try_from(reading.count(FLOW)).unwrap_or(u32::MAX),
        method: reading.text(FLOW + 1),
        host: reading.text(FLOW + 2),
        uri: reading.text(FLOW + 3),
        user_agent: reading.text(FLOW + 4),
        status_code: status.and_then(|status| u16::try_from(status).ok()),
        request_body_len: reading.count(FLOW + 6),
        response_body_len: reading.count(FLOW + 7),
        ..HttpTransaction::default()
    }
}

fn dns(reading: &mut Reading<'_>, ts: Timestamp) -> DnsTransaction {
    let small = |number: Option<u64>| number.and_then(|number| u16::try_from(number).ok());
    let answers = reading.list(FLOW + 5, |text| Some(BString::from(text)));
    let ttls = reading.list(FLOW + 6, value::span);
    let seconds = |span: &Span| u32::try_from(span.as_nanos() / 1_000_000_000).unwrap_or(0);
    let addresses = answers.iter().zip(ttls.iter().map(seconds));
    let addr = |text: &BString| value::addr(text);
    let addresses: Vec<(IpAddr, u32)> = addresses
        .filter_map(|(answer, ttl)| Some((addr(answer)?, ttl)))
        .collect();
    DnsTransaction {
        at: ts,
        id: small(reading.read(FLOW + 7, value::count)).unwrap_or_default(),
        rtt: reading
            .read(FLOW + 1, value::span)
            .filter(|span| *span >= Span::ZERO),
        query: reading
            .text(FLOW + 2)
            .map(|name| name.to_ascii_lowercase().into()),
        qtype: small(reading.read(FLOW + 3, value::count)),
        rcode: small(reading.read(FLOW + 4, value::count)),
        opcode: small(reading.read(FLOW + 8, value::count)).map_or(0, |code| code as u8),
        answers: (!answers.is_empty()).then_some(answers),
        addresses,
        ..DnsTransaction::default()
    }
}

fn certificate(reading: &mut Reading<'_>) -> Told {
    let known_by = [1, 2].into_iter().filter_map(|slot| reading.text(slot));
    let known_by = known_by.filter(|key| !key.is_empty()).collect();
    let mut names = reading.list(3, |text| Some(BString::from(text)));
    if names.is_empty() {
        let subject = reading.text(4).unwrap_or_default();
        let parts = subject.split(|byte| *byte == b',');
        let name = parts.filter_map(|part| part.strip_prefix(b"CN=")).next();
        names.extend(name.map(BString::from));
    }
    Told::Certificate(known_by, names)
}
