//! Rows for the tests of this module and of the sinks: one of each log, every column set where it
//! can be.

use super::attribution::AttributionRow;
use super::endpoint_samples;
use super::gateway::GatewayRow;
use super::{
    CaptureLossRow, ConnRow, DhcpRow, DnsRow, HostRow, HttpRow, NoticeRow, ProfileRow, QuicRow,
    Record, SslRow, StatsRow, TunnelRow, WeirdRow, X509Row,
};
use crate::host::Profile;
use crate::host::platform::Clue;
use crate::net::{Endpoint, HostKey, Mac, Side, Transport, TunnelKind, Uid};
use crate::observe::profile::{First, FlowProfile};
use crate::observe::{
    Certificate, ConnState, DnsTransaction, FlowId, FlowSummary, HttpTransaction, QuicSession,
    SideTally, TlsSession, TunnelAction, TunnelSeen, WeirdSeen,
};
use crate::record::known::{KnownHostRow, KnownServiceRow, SoftwareKind, SoftwareRow};
use crate::record::stats::CaptureStats;
use crate::time::{Span, Timestamp};
use crate::weird::Weird;
use bstr::BString;
use std::collections::{BTreeMap, BTreeSet};

/// 2026-11-21T02:00:00.123456789Z, rounded to .123457 in logs.
pub(crate) const AT: Timestamp = Timestamp::from_nanos(1_795_226_400_123_456_789);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

fn endpoint(addr: &str, port: u16) -> Endpoint {
    let addr = addr.parse().unwrap();
    Endpoint { addr, port }
}

pub(crate) fn flow() -> FlowId {
    FlowId {
        uid: Uid::from_words(0x1234_5678, 0x0123_4567_89ab_cdef),
        first_at: AT,
        originator: endpoint("192.0.2.10", 51_000),
        responder: endpoint("2001:db8::443", 443),
        transport: Transport::Tcp,
    }
}

pub(crate) fn summary() -> FlowSummary {
    let tally = |bytes, packets, ip_bytes| SideTally {
        bytes,
        packets,
        ip_bytes,
    };
    FlowSummary {
        duration: Some(Span::from_nanos(1_500_000_000)),
        tally: [tally(517, 9, 1001), tally(4096, 8, 4520)],
        state: ConnState::Sf,
        history: "ShADadFf".into(),
        missed_bytes: 0,
        services: vec!["ssl".into(), "http".into()],
        ip_proto: 6,
        vlan: [Some(10), None],
        macs: [Some(Mac([0, 0x11, 0x22, 0x33, 0x44, 0xff])), None],
        tunnel_parents: vec![Uid::from_words(1, 62)],
        exchanges: 1,
    }
}

pub(crate) fn session() -> TlsSession {
    TlsSession {
        at: AT,
        version: Some(0x0303),
        cipher: Some(0xc02f),
        curve: Some(29),
        server_name: Some("api.example.org".into()),
        last_alert: Some(0),
        next_protocol: Some("h2".into()),
        established: true,
        history: "CsxknGIi".into(),
        cert_chain_fps: Some(vec!["aa11".into(), "bb22".into()]),
        client_cert_chain_fps: Some(vec![]),
        sni_matches_cert: Some(true),
        ja3: Some("e7d705a3286e19ea42f587b344ee6865".into()),
        ja4: Some("t13d1516h2_8daaf6152771_e5627efa2ab1".into()),
        ..TlsSession::default()
    }
}

pub(crate) fn certificate() -> Certificate {
    Certificate {
        at: AT,
        fingerprint: "aa11".into(),
        version: 3,
        serial: "0A0B".into(),
        subject: "CN=*.example.org,O=Example\\, Inc".into(),
        issuer: "CN=Example CA".into(),
        not_valid_before: at(-1),
        not_valid_after: at(1_900_000_000),
        key_alg: "rsaEncryption".into(),
        sig_alg: "sha256WithRSAEncryption".into(),
        key_type: Some("rsa".into()),
        key_length: Some(2048),
        exponent: Some("65537".into()),
        curve: None,
        san_dns: Some(vec!["*.example.org".into(), "a,b".into()]),
        san_uri: None,
        san_email: Some(vec![]),
        san_ip: Some(vec!["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()]),
        ca: Some(false),
        path_len: None,
        host_cert: true,
        client_cert: false,
    }
}

pub(crate) fn transaction() -> DnsTransaction {
    DnsTransaction {
        at: AT,
        id: 4660,
        rtt: Some(Span::from_nanos(12_345_678)),
        query: Some("www.example.org".into()),
        qclass: Some(1),
        qtype: Some(1),
        rcode: Some(0),
        rd: true,
        ra: true,
        answers: Some(vec!["edge.example.net".into(), "192.0.2.80".into()]),
        ttls: Some(vec![300, 60]),
        ..DnsTransaction::default()
    }
}

pub(crate) fn http() -> HttpTransaction {
    HttpTransaction {
        at: AT,
        trans_depth: 1,
        method: Some("POST".into()),
        host: Some("www.example.org".into()),
        uri: Some("/form?a=1".into()),
        referrer: Some("http://www.example.org/".into()),
        version: Some("1.1".into()),
        user_agent: Some("curl/8.5.0".into()),
        server: Some("nginx/1.22.1".into()),
        origin: Some("http://www.example.org".into()),
        request_body_len: 12,
        response_body_len: 3456,
        status_code: Some(200),
        status_msg: Some("OK".into()),
        info_code: Some(100),
        info_msg: Some("Continue".into()),
        username: Some("alice".into()),
        proxied: vec!["VIA -> 1.1 proxy".into(), "CLIENT-IP -> 192.0.2.7".into()],
        files: Default::default(),
    }
}

fn host() -> HostRow {
    let mac = Mac([2, 0, 0, 0, 0, 10]);
    let profile = Profile {
        first_at: at(1_795_220_000),
        last_at: AT,
        mac: Some(mac),
        addresses: vec!["192.0.2.10".parse().unwrap(), "fe80::a".parse().unwrap()],
        names: BTreeSet::from(["LAPTOP-1A2B3C4D".into()]),
        vendor_class: Some("MSFT 5.0".into()),
        dhcp_parameters: Some("1,3,6,15".into()),
        services: BTreeSet::from(["_http._tcp".into()]),
        clues: BTreeMap::from([(Clue::SynWindows, 4), (Clue::DhcpVendorWindows, 1)]),
        ..Profile::default()
    };
    HostRow::new(AT, &HostKey::Mac(mac), profile)
}

fn dhcp() -> DhcpRow {
    let addr = |text: &str| Some(text.parse().unwrap());
    DhcpRow {
        at: AT,
        uids: vec!["CHhAvVGS1DHFjwGM9".into()],
        client_addr: addr("192.0.2.10"),
        server_addr: addr("192.0.2.1"),
        mac: Some(Mac([2, 0, 0, 0, 0, 10])),
        host_name: Some("laptop".into()),
        client_fqdn: Some("laptop.example.org".into()),
        domain: Some("example.org".into()),
        requested_addr: addr("192.0.2.10"),
        assigned_addr: addr("192.0.2.10"),
        lease_time: Some(Span::from_secs(3600)),
        client_message: None,
        server_message: Some("welcome".into()),
        msg_types: vec!["REQUEST".into(), "ACK".into()],
        duration: Span::from_millis(12),
    }
}

pub(crate) fn weird(detail: impl Into<BString>) -> WeirdRow {
    let seen = WeirdSeen {
        between: None,
        weird: Weird::SpontaneousFin,
        detail: detail.into(),
    };
    WeirdRow::new(AT, None, Box::new(seen))
}

fn quic() -> QuicSession {
    QuicSession {
        at: AT,
        version: 1,
        client_initial_dcid: Some("8394c8f03e515708".into()),
        client_scid: Some("c1".into()),
        server_scid: Some("f067a5502a4262b5".into()),
        server_name: Some("example.com".into()),
        client_protocol: Some("h3".into()),
        user_agent: None,
        history: "ISishhHOo".into(),
    }
}

fn tunnel() -> TunnelSeen {
    TunnelSeen {
        kind: TunnelKind::Vxlan,
        action: TunnelAction::Discover,
    }
}

fn profile() -> FlowProfile {
    let first = |side, len| First { at: AT, side, len };
    FlowProfile {
        age: Span::from_secs(600),
        open: true,
        rtt: Some(Span::from_millis(20)),
        first: vec![first(Side::Originator, 512), first(Side::Responder, 122)],
        inverted_share: Some(0.25),
        pcr: Some(-0.5),
        irregularity: Some(0.125),
        gap_log_sd: Some(0.75),
        pings: 12,
        ping_gaps: vec![(38, 10), (39, 1)],
        late_bytes: Some(24),
        fins: [Some(Side::Responder), Some(Side::Originator)],
        reset_by: Some(Side::Originator),
        ..FlowProfile::default()
    }
}

fn notice() -> NoticeRow {
    NoticeRow {
        sub: Some("72 of 72 exchanges\non the hour".into()),
        n: Some(72),
        community_id: Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".into()),
        ..NoticeRow::new(
            AT,
            Some(flow()),
            "Tapir::AN1601",
            "one-way use of a web service".into(),
        )
    }
}

fn stats() -> StatsRow {
    StatsRow {
        at: AT,
        mem_mb: 1,
        packets: 2,
        bytes: 3,
        capture: Some(CaptureStats {
            dropped: 4,
            link: 5,
            lag: Span::from_millis(6),
            filtered: None,
        }),
        flows_active: [10, 11, 12],
        flows: [13, 14, 15],
        dns_requests: 20,
        reassembly_bytes: 22,
        fragment_bytes: 64,
        flows_evicted: 23,
        holes_given_up: 24,
        inspect_bytes: 25,
        inspections_given_up: 26,
        undecoded: 27,
        bad_checksums: 28,
        datagrams_evicted: 29,
    }
}

pub(crate) fn records() -> Vec<Record> {
    let community_id = Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".into());
    vec![
        Record::Conn(ConnRow::new(
            flow(),
            Box::new(summary()),
            Some([true, false]),
            community_id,
        )),
        Record::Ssl(SslRow::new(flow(), Box::new(session()), None)),
        Record::X509(X509Row::new(Box::new(certificate()))),
        Record::Dns(DnsRow::new(flow(), Box::new(transaction()))),
        Record::Quic(QuicRow::new(flow(), Box::new(quic()))),
        Record::Http(HttpRow::new(flow(), Box::new(http()))),
        Record::Dhcp(Box::new(dhcp())),
        Record::Tunnel(TunnelRow::new(AT, flow(), tunnel())),
        Record::Profile(ProfileRow::new(flow(), Box::new(profile()))),
        Record::Weird(weird("")),
        Record::Attribution(Box::new(AttributionRow::new(
            AT,
            flow(),
            endpoint_samples::attribution(),
        ))),
        Record::Coverage(Box::new(endpoint_samples::coverage())),
        Record::Gateway(Box::new(GatewayRow::new(
            AT,
            flow(),
            endpoint_samples::passed(),
        ))),
        Record::Host(Box::new(host())),
        Record::KnownHost(KnownHostRow {
            at: AT,
            host: "192.0.2.10".parse().unwrap(),
        }),
        Record::KnownService(KnownServiceRow {
            at: AT,
            endpoint: endpoint("192.0.2.1", 443),
            transport: Transport::Tcp,
            services: vec!["SSL".into()],
        }),
        Record::Software(Box::new(SoftwareRow {
            at: AT,
            host: "192.0.2.10".parse().unwrap(),
            port: None,
            kind: SoftwareKind::HttpBrowser,
            name: "curl".into(),
            version: vec![8, 5, 0],
            addl: Some("DEV".into()),
            unparsed: "curl/8.5.0-DEV".into(),
        })),
        Record::Notice(Box::new(notice())),
        Record::CaptureLoss(CaptureLossRow {
            at: AT,
            span: Span::from_secs(900),
            gaps: 1,
            acks: 8,
        }),
        Record::Stats(Box::new(stats())),
    ]
}
