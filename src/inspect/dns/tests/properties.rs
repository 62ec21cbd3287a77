//! What holds for any bytes, any segmentation and any moment of saving; and what `hickory-proto`
//! reads.

use super::*;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::svcb::{Alpn, IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, MX, NAPTR, NS, PTR, SOA, SRV, SVCB, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::collection::vec;
use proptest::prelude::*;

/// A message that is often nearly right.
fn message() -> impl Strategy<Value = Build> {
    let name = prop::sample::select(vec!["a.example", "B.example", "x", "", "_s._tcp.example"]);
    let rtype = prop::sample::select(vec![
        1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 41, 46, 65, 257, 999,
    ]);
    let data = prop_oneof![
        vec(any::<u8>(), 0..24),
        Just(vec![192, 0, 2, 1]),
        Just(labels("target.example")),
        Just(vec![0xc0, 12]),
        Just(b"\x00\x01\x00\x00\x01\x00\x03\x02h2".to_vec()),
    ];
    let records = vec(
        (1usize..4, rtype.clone(), any::<u16>(), any::<u32>(), data),
        0..5,
    );
    let flags = prop_oneof![
        Just(0x0100u16),
        Just(0x8180),
        Just(0x8583),
        Just(0x2800),
        any::<u16>()
    ];
    (0u16..4, flags, name, rtype, records).prop_map(|(id, flags, name, qtype, mut records)| {
        records.sort_by_key(|record| record.0);
        let mut build = Build::new(id, flags).question(name, qtype, 1);
        for (section, rtype, class, ttl, data) in records {
            build = build.record(section, &[0xc0, 12], rtype, class, ttl, &data);
        }
        build
    })
}

/// A message with some bytes changed and the end cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (
        message(),
        changes,
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|(build, changes, end, cut)| {
            let mut bytes = build.bytes;
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        })
}

/// Kinds of called endpoints.
fn responder() -> impl Strategy<Value = Endpoint> {
    prop::sample::select(vec![resolver(), group(), name_server()])
}

/// Sends `bytes` in pieces, the sides as they come, and tells what was found and said.
fn in_pieces(messages: &[(bool, Vec<u8>)], cuts: &[usize], save: bool) -> (Told, Vec<Verdict>) {
    let mut inspector = DnsStreamInspector::new(resolver());
    let (mut found, mut verdicts) = (Vec::new(), Vec::new());
    let mut cut = 0;
    'all: for (reply, bytes) in messages {
        let side = if *reply {
            Side::Responder
        } else {
            Side::Originator
        };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let size = cuts
                .get(cut % cuts.len().max(1))
                .copied()
                .unwrap_or(rest.len());
            cut += 1;
            let (piece, behind) = rest.split_at(size.clamp(1, rest.len()));
            rest = behind;
            if save {
                let saved = postcard::to_stdvec(&inspector).unwrap();
                let restored = postcard::from_bytes(&saved).unwrap();
                assert_eq!(inspector, restored);
                inspector = restored;
            }
            let event = StreamEvent::Data { side, bytes: piece };
            let verdict = inspector.handle_stream(at(1), event, &mut found);
            if verdict != Verdict::More {
                verdicts.push(verdict);
                break 'all;
            }
        }
    }
    inspector.finish(at(2), &mut found);
    (Told::of(found), verdicts)
}

fn text_name() -> impl Strategy<Value = String> {
    "[a-z0-9_][a-z0-9_-]{0,11}(\\.[A-Za-z0-9][A-Za-z0-9-]{0,19}){0,5}"
}

/// A record's data as `hickory-proto` writes it, and what Zeek would print of it.
fn known() -> impl Strategy<Value = (RData, Option<String>)> {
    let name = || text_name().prop_map(|text| Name::from_ascii(text + ".").unwrap());
    let shown = |name: &Name| name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| {
            let ip = std::net::Ipv4Addr::from(ip);
            (RData::A(A(ip)), Some(ip.to_string()))
        }),
        any::<[u8; 16]>().prop_map(|ip| {
            let ip = std::net::Ipv6Addr::from(ip);
            (RData::AAAA(AAAA(ip)), Some(ip.to_string()))
        }),
        name().prop_map(move |n| (RData::CNAME(CNAME(n.clone())), Some(shown(&n)))),
        name().prop_map(move |n| (RData::NS(NS(n.clone())), Some(shown(&n)))),
        name().prop_map(move |n| (RData::PTR(PTR(n.clone())), Some(shown(&n)))),
        (any::<u16>(), name())
            .prop_map(move |(p, n)| (RData::MX(MX::new(p, n.clone())), Some(shown(&n)))),
        (any::<u16>(), name())
            .prop_map(move |(p, n)| (RData::SRV(SRV::new(p, p, p, n.clone())), Some(shown(&n)))),
        (name(), name(), any::<u32>()).prop_map(move |(m, r, s)| {
            (
                RData::SOA(SOA::new(m.clone(), r, s, 1, 2, 3, 4)),
                Some(shown(&m)),
            )
        }),
        vec("[ -~]{0,40}", 1..4).prop_map(|texts| {
            let shown: Vec<_> = texts
                .iter()
                .map(|t| format!("TXT {} {t}", t.len()))
                .collect();
            (RData::TXT(TXT::new(texts)), Some(shown.join(" ")))
        }),
        (any::<u16>(), "[a-z]", "[A-Z+2]{1,9}", name()).prop_map(
            move |(order, flag, service, n)| {
                let text = format!("NAPTR {order} 7 {flag} {service} {}", shown(&n));
                let boxed = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
                let empty = Vec::new().into_boxed_slice();
                let naptr = NAPTR::new(order, 7, boxed(&flag), boxed(&service), empty, n);
                (RData::NAPTR(naptr), Some(text))
            }
        ),
        (name(), vec("[a-z0-9]{1,8}", 1..4), any::<[u8; 4]>()).prop_map(|(n, protocols, ip)| {
            let parameters = vec![
                (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(protocols))),
                (
                    SvcParamKey::Ipv4Hint,
                    SvcParamValue::Ipv4Hint(IpHint(vec![A(ip.into())])),
                ),
            ];
            (RData::HTTPS(HTTPS(SVCB::new(1, n, parameters))), None)
        }),
    ]
}

/// Cheap cases, and no file of failures beside the source.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_datagrams_make_it_panic(
        responder in responder(),
        datagrams in vec((prop_oneof![damaged(), vec(any::<u8>(), 0..80)], any::<bool>()), 1..8),
    ) {
        let mut inspector = DnsInspector::new(responder);
        let mut found = Vec::new();
        for (index, (bytes, complete)) in datagrams.iter().enumerate() {
            let millis = index as i64;
            inspector.handle_datagram(at(millis), Side::Originator, bytes, *complete, &mut found);
        }
        inspector.finish(at(99), &mut found);
        let told = Told::of(found);
        prop_assert!(told.transactions.len() <= datagrams.len());
    }

    #[test]
    fn no_events_of_a_stream_make_it_panic(
        events in vec((any::<bool>(), 0u8..8, vec(any::<u8>(), 1..40)), 0..20),
    ) {
        let mut inspector = DnsStreamInspector::new(resolver());
        let mut found = Vec::new();
        for (reply, kind, bytes) in &events {
            let side = if *reply { Side::Responder } else { Side::Originator };
            let event = match kind {
                0 => StreamEvent::Gap { side, bytes: 5 },
                1 => StreamEvent::End { side },
                _ => StreamEvent::Data { side, bytes },
            };
            inspector.handle_stream(at(1), event, &mut found);
        }
        inspector.finish(at(2), &mut found);
        Told::of(found);
    }

    #[test]
    fn any_segmentation_tells_the_same(
        messages in vec((any::<bool>(), damaged()), 1..6),
        cuts in vec(1usize..30, 1..20),
        save in any::<bool>(),
    ) {
        let frame = |bytes: &Vec<u8>| (Build { bytes: bytes.clone() }).framed();
        let framed: Vec<(bool, Vec<u8>)> =
            messages.iter().map(|(reply, bytes)| (*reply, frame(bytes))).collect();
        let whole = in_pieces(&framed, &[], false);
        prop_assert_eq!(in_pieces(&framed, &cuts, save), whole);
    }

    #[test]
    fn saving_and_restoring_between_datagrams_changes_nothing(
        responder in responder(),
        messages in vec(message(), 1..8),
    ) {
        let mut plain = DnsInspector::new(responder);
        let mut saved = plain.clone();
        let (mut found, mut again) = (Vec::new(), Vec::new());
        for (index, message) in messages.iter().enumerate() {
            let context = at(index as i64);
            plain.handle_datagram(context, Side::Originator, &message.bytes, true, &mut found);
            saved = postcard::from_bytes(&postcard::to_stdvec(&saved).unwrap()).unwrap();
            saved.handle_datagram(context, Side::Originator, &message.bytes, true, &mut again);
            prop_assert_eq!(&saved, &plain);
        }
        plain.finish(at(99), &mut found);
        saved.finish(at(99), &mut again);
        prop_assert_eq!(Told::of(found), Told::of(again));
    }

    #[test]
    fn what_hickory_writes_is_told_as_it_was_meant(
        question in text_name(),
        records in vec((text_name(), any::<u32>(), known()), 0..8),
    ) {
        let name = |text: &str| Name::from_ascii(format!("{text}.")).unwrap();
        let mut message = Message::new(77, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name(&question), RecordType::A));
        for (owner, ttl, (data, _)) in &records {
            message.add_answer(Record::from_rdata(name(owner), *ttl, data.clone()));
        }
        let bytes = message.to_vec().unwrap();
        let told = over_udp(resolver(), &[&Build::query(77, &question, 1), &Build { bytes }]);
        prop_assert_eq!(told.details(), Vec::<&str>::new());
        let told = told.only();
        let printed = records.iter().filter_map(|(_, _, (_, text))| text.as_ref());
        let want: Vec<&String> = printed.collect();
        let got = answers(&told);
        prop_assert_eq!(got.iter().collect::<Vec<_>>(), want);
        let printed = records.iter().filter(|(_, _, (_, text))| text.is_some());
        let ttls: Vec<u32> = printed.map(|(_, ttl, _)| *ttl).collect();
        prop_assert_eq!(told.ttls.unwrap_or_default(), ttls);
        prop_assert_eq!(told.query.unwrap(), question.to_ascii_lowercase());
        let bindings: Vec<&SVCB> = records
            .iter()
            .filter_map(|(_, _, (data, _))| match data {
                RData::HTTPS(https) => Some(&https.0),
                _ => None,
            })
            .collect();
        prop_assert_eq!(told.service_bindings.len(), bindings.len());
        for (got, want) in told.service_bindings.iter().zip(bindings) {
            let target = want.target_name.to_ascii();
            prop_assert_eq!(got.target.to_string(), target.trim_end_matches('.'));
            prop_assert_eq!(got.hints.len(), 1);
            for (key, value) in &want.svc_params {
                if let (SvcParamKey::Alpn, SvcParamValue::Alpn(protocols)) = (key, value) {
                    let got: Vec<String> = got.alpn.iter().map(|p| p.to_string()).collect();
                    prop_assert_eq!(&got, &protocols.0);
                }
            }
        }
    }
}
