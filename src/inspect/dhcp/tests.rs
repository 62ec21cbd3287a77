use super::*;
use crate::limits::Limits;
use crate::net::Mac;
use crate::observe::{Dhcp6Message, DhcpMessage};
use crate::time::{Span, Timestamp};
use proptest::prelude::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x17];

/// A message of version 4 with these options; `fields` are written at their offsets.
fn v4(op: u8, fields: &[(usize, &[u8])], options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..8].copy_from_slice(&[op, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    bytes[28..34].copy_from_slice(&MAC);
    for (at, value) in fields {
        bytes[*at..at + value.len()].copy_from_slice(value);
    }
    bytes.extend_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    bytes.extend_from_slice(options);
    bytes
}

fn inspect(v6: bool, bytes: &[u8]) -> (Verdict, Vec<Found>) {
    let mut found = Vec::new();
    let context = Context {
        at: Timestamp::from_nanos(7),
        limits: &Limits::DEFAULT,
    };
    let mut inspector = DhcpInspector::new(v6);
    let verdict = inspector.handle_datagram(context, Side::Originator, bytes, true, &mut found);
    (verdict, found)
}

fn read4(bytes: &[u8]) -> Option<DhcpMessage> {
    match inspect(false, bytes).1.pop() {
        Some(Found::Dhcp(message)) => Some(*message),
        _ => None,
    }
}

fn read6(bytes: &[u8]) -> Option<Dhcp6Message> {
    match inspect(true, bytes).1.pop() {
        Some(Found::Dhcp6(message)) => Some(*message),
        _ => None,
    }
}

/// An option of version 6.
fn option6(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&code.to_be_bytes(), &length.to_be_bytes(), value].concat()
}

#[test]
fn a_request_says_who_asks_and_for_what() {
    let options = [
        &[0, 53, 1, 3, 12, 5][..],
        b"host\0",
        &[50, 4, 10, 0, 0, 9, 61, 7, 1, 2, 0, 0, 0, 0, 0x17, 60, 8],
        b"MSFT 5.0",
        &[55, 3, 1, 3, 6, 81, 9, 0, 0, 0],
        b"h.test",
        &[82, 6, 2, 0, 1, 2, 0xab, 0xcd, 255, 12, 1, b'x'],
    ]
    .concat();
    let message = read4(&v4(1, &[], &options)).unwrap();
    assert!(message.request);
    assert_eq!((message.xid, message.kind), (0xdead_beef, 3));
    assert_eq!(message.chaddr, Some(Mac(MAC)));
    assert_eq!(message.client_id, Some(Mac(MAC)));
    assert_eq!(message.host_name, Some("host".into()));
    assert_eq!(message.client_fqdn, Some("h.test".into()));
    assert_eq!(message.vendor_class, Some("MSFT 5.0".into()));
    assert_eq!(message.parameters.as_deref(), Some(&[1, 3, 6][..]));
    assert_eq!(message.requested_addr, Some([10, 0, 0, 9].into()));
    assert_eq!(message.circuit_id.as_deref(), Some("abcd"));
}

#[test]
fn options_overflow_into_the_fields_that_option_52_names_and_split_ones_are_joined() {
    let file: &[u8] = &[12, 2, b'a', b'b', 255];
    let name: &[u8] = &[12, 1, b'c', 15, 1, b'd', 255];
    for (overload, host, domain) in [
        (0, None, None),
        (1, Some("ab"), None),
        (2, Some("c"), Some("d")),
        (3, Some("abc"), Some("d")),
        (7, None, None),
    ] {
        let bytes = v4(2, &[(44, name), (108, file)], &[52, 1, overload, 53, 1, 5]);
        let message = read4(&bytes).unwrap();
        let text = |text: Option<&str>| text.map(BString::from);
        assert_eq!(message.host_name, text(host), "{overload}");
        assert_eq!(message.domain, text(domain), "{overload}");
        assert_eq!(message.kind, 5);
    }
}

#[test]
fn an_answer_says_the_lease() {
    let options = [51, 4, 0, 0, 0x0e, 0x10, 54, 4, 10, 0, 0, 1, 53, 1, 5];
    let message = read4(&v4(2, &[(16, &[10, 0, 0, 9])], &options)).unwrap();
    assert!(!message.request);
    assert_eq!(message.yiaddr, std::net::Ipv4Addr::new(10, 0, 0, 9));
    assert_eq!(message.lease_time, Some(Span::from_secs(3600)));
    assert_eq!(message.server_addr, Some([10, 0, 0, 1].into()));
}

#[test]
fn a_name_in_dns_form_is_read_where_its_flag_says_so() {
    let options = [81, 11, 4, 0, 0, 1, b'h', 4, b't', b'e', b's', b't', 0];
    let message = read4(&v4(1, &[], &options)).unwrap();
    assert_eq!(message.client_fqdn, Some("h.test".into()));
}

#[test]
fn what_is_no_dhcp_is_left_after_three_datagrams() {
    let mut inspector = DhcpInspector::new(false);
    let context = Context {
        at: Timestamp::from_nanos(7),
        limits: &Limits::DEFAULT,
    };
    let mut found = Vec::new();
    let mut hand = |inspector: &mut DhcpInspector, bytes: &[u8]| {
        inspector.handle_datagram(context, Side::Originator, bytes, true, &mut found)
    };
    assert_eq!(hand(&mut inspector, b"junk"), Verdict::More);
    assert_eq!(hand(&mut inspector, &v4(3, &[], &[])), Verdict::More);
    assert_eq!(hand(&mut inspector, b""), Verdict::NotMine);
    let mut inspector = DhcpInspector::new(false);
    assert_eq!(hand(&mut inspector, &v4(1, &[], &[])), Verdict::More);
    assert!(inspector.is_confirmed());
    for _ in 0..9 {
        assert_eq!(hand(&mut inspector, b"junk"), Verdict::More);
    }
}

#[test]
fn a_relayed_message_of_version_6_says_the_client_and_its_addresses() {
    let addr = "2001:db8::9".parse::<std::net::Ipv6Addr>().unwrap();
    let lease = [&addr.octets()[..], &[0, 0, 0, 60, 0, 0, 0, 120]].concat();
    let association = [&[0; 12][..], &option6(5, &lease)].concat();
    let duid = [&[0, 1, 0, 1, 9, 9, 9, 9][..], &MAC].concat();
    let inner = [
        &[7, 1, 2, 3][..],
        &option6(1, &duid),
        &option6(3, &association),
        &option6(39, b"\0\x01h\x04test\0"),
    ]
    .concat();
    let relay = |inner: &[u8]| [&[12; 34][..], &option6(9, inner)].concat();
    for bytes in [inner.clone(), relay(&inner), relay(&relay(&inner))] {
        let message = read6(&bytes).unwrap();
        assert_eq!(message.kind, 7);
        assert_eq!(message.mac, Some(Mac(MAC)));
        assert_eq!(message.client_fqdn, Some("h.test".into()));
        assert_eq!(message.addresses, [(addr, 120)]);
    }
    let deep = (0..20).fold(inner, |bytes, _| relay(&bytes));
    assert_eq!(read6(&deep), None);
}

#[test]
fn message_types_have_zeeks_names() {
    assert_eq!(message_name(1), "DISCOVER");
    assert_eq!(message_name(18), "TLS");
    assert_eq!(message_name(0), "unknown-message-type-0");
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..700), v6: bool) {
        inspect(v6, &bytes);
        inspect(false, &v4(1, &[], &bytes));
        inspect(true, &[&[7, 0, 0, 0][..], &bytes].concat());
        inspect(true, &[&[12; 34][..], &option6(9, &bytes)].concat());
    }
}
