use super::*;
use crate::net::{Endpoint, Transport, Uid};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(1_795_226_400 + seconds, 0)
}

fn flow(number: u64, from: &str) -> FlowId {
    let endpoint = |addr: &str, port| Endpoint {
        addr: addr.parse().unwrap(),
        port,
    };
    FlowId {
        uid: Uid::from_words(0, number),
        first_at: at(0),
        originator: endpoint(from, 68),
        responder: endpoint("255.255.255.255", 67),
        transport: Transport::Udp,
    }
}

fn message(seconds: i64, kind: u8) -> DhcpMessage {
    let request = matches!(kind, 1 | 3 | 4 | 7 | 8);
    let zero = Ipv4Addr::UNSPECIFIED;
    DhcpMessage {
        at: at(seconds),
        side: Side::Originator,
        request,
        xid: 1,
        kind,
        chaddr: Some(Mac([2; 6])),
        ciaddr: zero,
        yiaddr: if request { zero } else { [10, 0, 0, 9].into() },
        host_name: request.then(|| "laptop".into()),
        client_fqdn: None,
        domain: None,
        requested_addr: None,
        server_addr: (!request).then(|| [10, 0, 0, 1].into()),
        lease_time: (!request).then(|| Span::from_secs(3600)),
        client_id: None,
        vendor_class: None,
        parameters: None,
        message: None,
        circuit_id: None,
    }
}

#[test]
fn a_lease_over_two_flows_is_one_row_five_seconds_after_its_last_message() {
    let (mut log, limits) = (DhcpLog::default(), Limits::DEFAULT);
    for (seconds, kind) in [(0, 1), (1, 2), (2, 3), (3, 5)] {
        let message = message(seconds, kind);
        let (number, from) = match message.request {
            true => (1, "0.0.0.0"),
            false => (2, "10.0.0.1"),
        };
        let early = log.take(&limits, at(seconds), &flow(number, from), message);
        assert_eq!(early, None);
    }
    assert_eq!(log.deadline(), Some(at(8)));
    let (deadline, row) = log.pop().unwrap();
    assert_eq!(deadline, at(8));
    assert_eq!(row.uids.len(), 2);
    assert_eq!(row.msg_types.join(" "), "DISCOVER OFFER REQUEST ACK");
    let addr = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(row.client_addr, addr("10.0.0.9"));
    assert_eq!(row.assigned_addr, addr("10.0.0.9"));
    assert_eq!(row.server_addr, addr("10.0.0.1"));
    assert_eq!(row.mac, Some(Mac([2; 6])));
    assert_eq!(row.host_name, Some("laptop".into()));
    assert_eq!(row.duration, Span::from_secs(3));
}

#[test]
fn a_client_that_never_stops_is_told_after_thirty_seconds_within_bounds() {
    let (mut log, limits) = (DhcpLog::default(), Limits::DEFAULT);
    for tenth in 0..300 {
        let seconds = tenth / 10;
        let flow = flow(tenth as u64, "0.0.0.0");
        log.take(&limits, at(seconds), &flow, message(seconds, 1));
    }
    assert_eq!(log.deadline(), Some(at(30)));
    let (_, row) = log.pop().unwrap();
    assert_eq!((row.uids.len(), row.msg_types.len()), (UIDS_MAX, TYPES_MAX));
}

#[test]
fn beyond_the_bound_the_transaction_that_is_due_first_is_told_early() {
    let mut log = DhcpLog::default();
    let limits = Limits {
        dhcp_pending_max: 2,
        ..Limits::DEFAULT
    };
    for xid in 0..5 {
        let message = DhcpMessage {
            xid,
            ..message(0, 1)
        };
        let early = log.take(&limits, at(i64::from(xid)), &flow(1, "0.0.0.0"), message);
        assert_eq!(early.is_some(), xid >= 2);
    }
}

#[test]
fn one_identifier_of_two_clients_is_two_transactions() {
    let (mut log, limits) = (DhcpLog::default(), Limits::DEFAULT);
    for mac in [1, 2] {
        let chaddr = Some(Mac([mac; 6]));
        let message = DhcpMessage {
            chaddr,
            ..message(0, 1)
        };
        log.take(&limits, at(0), &flow(1, "0.0.0.0"), message);
    }
    assert!(log.pop().is_some() && log.pop().is_some() && log.pop().is_none());
}
