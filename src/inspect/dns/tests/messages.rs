//! What one message says.

use super::*;
use crate::inspect::dns::domain::{HOPS_MAX, Names};
use crate::observe::EchConfig;

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn every_type_is_printed_the_way_zeek_prints_it() {
    let mx = join(&[&[0, 10], &labels("Mail.Example")]);
    let soa = join(&[&labels("NS.example"), &labels("admin.example"), &[0; 20]]);
    let srv = join(&[&[0, 1, 0, 2, 0, 3], &labels("sip.example")]);
    let rrsig = join(&[&[0, 48], &[0; 16], &labels("Example"), b"signature"]);
    let rrsig_root = join(&[&[0, 2], &[0; 16], &[0], b"signature"]);
    let naptr = join(&[
        &[0, 100, 0, 50],
        b"\x01s\x08SIPS+D2T\x00",
        &labels("_sips.example"),
    ]);
    let naptr_both = join(&[&[0, 1, 0, 2], b"\x01u\x03E2U\x05!a!b!", &labels("x.y")]);
    let nsec = join(&[&labels("Next.example"), &[0, 1, 0x40]]);
    let cases: &[(u16, &[u8], Option<&str>)] = &[
        (1, &[192, 0, 2, 1], Some("192.0.2.1")),
        (
            28,
            &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            Some("2001:db8::1"),
        ),
        (38, &[0; 16], Some("::")),
        (2, &labels("NS1.Example"), Some("ns1.example")),
        (5, &labels("Alias.Example"), Some("alias.example")),
        (12, &labels("Host.Example"), Some("host.example")),
        (12, &[0xc0, 12], Some("host.example")),
        (12, b"\x03www\xc0\x0c", Some("www.host.example")),
        (12, b"\x03w\xffw\xc0\x0c", Some("w\u{fffd}w.host.example")),
        (2, &[0], None),
        (6, &soa, Some("ns.example")),
        (11, &[192, 0, 2, 1, 6, 0x80], None),
        (13, b"\x03x86\x05Linux", None),
        (15, &mx, Some("mail.example")),
        (16, b"\x05hello", Some("TXT 5 hello")),
        (
            29,
            &[0, 0x12, 0x16, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Some("LOC:  18 22 19"),
        ),
        (32, &[0, 0, 192, 0, 2, 9], None),
        (33, &srv, Some("sip.example")),
        (35, &naptr, Some("NAPTR 100 50 s SIPS+D2T _sips.example")),
        (35, &naptr_both, Some("NAPTR 1 2 u E2U !a!b! x.y")),
        (43, &[0x12, 0x34, 8, 2, 0xaa], Some("DS 8 2")),
        (44, &[1, 2, 0xab, 0x0c], Some("SSHFP: ab0c")),
        (46, &rrsig, Some("RRSIG 48 example")),
        (46, &rrsig_root, Some("RRSIG 2 <Root>")),
        (47, &nsec, Some("NSEC host.example next.example")),
        (48, &[1, 1, 3, 13, 9, 9], Some("DNSKEY 13")),
        (50, &[1, 0, 0, 1, 0, 0], Some("NSEC3")),
        (51, &[1, 0, 0, 1, 0], Some("NSEC3PARAM")),
        (99, b"\x06v=spf1\x04-all", Some("SPF 6 v=spf1 SPF 4 -all")),
        (257, b"\x00\x05issueca.example", None),
        (39, &labels("d.example"), Some("<unknown type=39>")),
        (10, b"anything", Some("<unknown type=10>")),
        (4711, b"", Some("<unknown type=4711>")),
        (65534, &[8, 0, 1, 0, 1], Some("BIND9 signing signal")),
    ];
    for &(rtype, data, want) in cases {
        let told = answered(rtype, data);
        assert_eq!(
            answers(&told),
            want.into_iter().collect::<Vec<_>>(),
            "type {rtype}"
        );
        assert_eq!(told.ttls, want.map(|_| vec![60]), "type {rtype}");
    }
}

#[test]
fn strings_of_a_txt_record_are_joined_and_bounded() {
    let told = answered(16, b"\x03a b\x00\x01c");
    assert_eq!(answers(&told), ["TXT 3 a b TXT 0  TXT 1 c"]);
    let long: Vec<u8> = [&[255][..], &[b'x'; 255]].concat().repeat(40);
    let told = answered(16, &long);
    assert_eq!(told.answers.unwrap()[0].len(), 4096);
}

#[test]
fn no_more_than_a_hundred_answers_are_kept() {
    let mut reply = Build::reply(7, "host.example", 1);
    for _ in 0..150 {
        reply = reply.answer(1, &[192, 0, 2, 1]);
    }
    let told = over_udp(resolver(), &[&Build::query(7, "host.example", 1), &reply]).only();
    assert_eq!(told.answers.unwrap().len(), 100);
    assert_eq!(told.ttls.unwrap().len(), 100);
    assert_eq!(told.addresses.len(), 100);
}

#[test]
fn addresses_are_kept_with_their_time_to_live() {
    let reply = Build::reply(7, "host.example", 1)
        .answer(5, &labels("other.example"))
        .record(1, &labels("other.example"), 1, 1, 5, &[192, 0, 2, 1])
        .record(2, &labels("other.example"), 1, 1, 6, &[192, 0, 2, 2])
        .record(3, &labels("other.example"), 1, 1, 7, &[192, 0, 2, 3]);
    let told = over_udp(resolver(), &[&Build::query(7, "host.example", 1), &reply]).only();
    assert_eq!(told.addresses, [(IpAddr::from([192, 0, 2, 1]), 5)]);
    assert_eq!(answers(&told), ["other.example", "192.0.2.1"]);
}

#[test]
fn https_records_offer_protocols_hints_and_ech() {
    let data = join(&[
        &[0, 1, 0],
        b"\x00\x01\x00\x06\x02h3\x02h2",
        b"\x00\x03\x00\x02\x01\xbb",
        b"\x00\x04\x00\x08\xc0\x00\x02\x01\xc0\x00\x02\x02",
        b"\x00\x05\x00\x03ech",
        b"\x00\x06\x00\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
    ]);
    let told = answered(65, &data);
    assert_eq!(told.answers, None);
    assert_eq!(told.service_bindings.len(), 1);
    let binding = &told.service_bindings[0];
    assert_eq!(
        (binding.priority, binding.target.to_string()),
        (1, ".".to_owned())
    );
    assert_eq!(binding.alpn, ["h3", "h2"]);
    let hints: Vec<String> = binding.hints.iter().map(|hint| hint.to_string()).collect();
    assert_eq!(hints, ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    assert!(binding.ech);
    let alias = answered(64, &join(&[&[0, 0], &labels("Svc.Example")]));
    assert_eq!(alias.service_bindings[0].target, "Svc.Example");
    assert!(!alias.service_bindings[0].ech);
}

/// An ECHConfig (RFC 9849, section 4).
fn ech_config(version: [u8; 2], config_id: u8, public_name: &[u8]) -> Vec<u8> {
    let contents = join(&[
        &[config_id, 0, 32, 0, 4, 1, 2, 3, 4, 0, 4, 0, 1, 0, 1, 0],
        &[public_name.len() as u8],
        public_name,
        &[0, 0],
    ]);
    join(&[&version, &[0, contents.len() as u8], &contents])
}

#[test]
fn ech_configurations_tell_identifier_and_public_name() {
    let list = join(&[
        &ech_config([0xfe, 0x0a], 1, b"old.example"),
        &ech_config([0xfe, 0x0d], 7, b"Front.example"),
        &ech_config([0xfe, 0x0d], 8, b"b.example"),
    ]);
    let told = |list: &[u8]| {
        let len = list.len() as u8 + 2;
        let data = join(&[&[0, 1, 0, 0, 5, 0, len], &[0, len - 2], list]);
        let binding = answered(65, &data).service_bindings.remove(0);
        assert!(binding.ech);
        let told = |config: EchConfig| (config.config_id, config.public_name.to_string());
        binding
            .ech_configs
            .into_iter()
            .map(told)
            .collect::<Vec<_>>()
    };
    let both = [(7, "front.example".to_owned()), (8, "b.example".to_owned())];
    assert_eq!(told(&list), both);
    assert_eq!(told(&list[..list.len() - 1]), both[..1]);
    for cut in 0..list.len() {
        told(&list[..cut]);
    }
}

#[test]
fn flags_come_from_the_side_that_zeek_takes_them_from() {
    // Query: flags; answer: flags, with a record or not. AA and RA count only with a record.
    let cases = [
        (0x0100, 0x8180, true, "rd ra"),
        (0x0120, 0x8580, true, "aa rd ra z2"),
        (0x0000, 0x8780, true, "aa ra"),
        (0x0370, 0x8000, true, "tc rd z7"),
        (0x0100, 0x8580, false, "rd"),
    ];
    for (asked, said, record, want) in cases {
        let query = Build::new(1, asked).question("a.example", 1, 1);
        let mut reply = Build::new(1, said).question("a.example", 1, 1);
        if record {
            reply = reply.answer(1, &[192, 0, 2, 1]);
        }
        let told = over_udp(resolver(), &[&query, &reply]).only();
        let flags = [
            (told.aa, "aa"),
            (told.tc, "tc"),
            (told.rd, "rd"),
            (told.ra, "ra"),
        ];
        let mut shown: Vec<String> = flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, name)| name.to_string())
            .collect();
        if told.z > 0 {
            shown.push(format!("z{}", told.z));
        }
        assert_eq!(shown.join(" "), want, "{asked:04x} {said:04x}");
        assert_eq!(told.rtt.is_some(), record);
    }
}

#[test]
fn an_answer_is_rejected_where_zeek_says_so() {
    let authority = |reply: Build| reply.record(2, &[0], 6, 1, 60, &[0; 22]);
    let cases = [
        (Build::reply(1, "a.example", 1), true),
        (Build::new(1, 0x8183).question("a.example", 1, 1), true),
        (
            authority(Build::new(1, 0x8183).question("a.example", 1, 1)),
            false,
        ),
        (Build::new(1, 0x8185), true),
        (Build::new(1, 0x8180), false),
        (
            Build::reply(1, "a.example", 1).answer(1, &[192, 0, 2, 1]),
            false,
        ),
    ];
    for (index, (reply, rejected)) in cases.into_iter().enumerate() {
        let told = over_udp(resolver(), &[&Build::query(1, "a.example", 1), &reply]).only();
        assert_eq!(told.rejected, rejected, "case {index}");
    }
}

#[test]
fn edns_extends_the_response_code_and_its_options_are_checked() {
    let query = Build::query(1, "a.example", 1);
    let reply = Build::reply(1, "a.example", 1);
    let version = reply.clone().record(3, &[0], 41, 1232, 1 << 24, &[]);
    let told = over_udp(resolver(), &[&query, &version]);
    assert_eq!(told.weirds, []);
    assert_eq!(told.only().rcode, Some(16));
    let cookie = reply
        .clone()
        .record(3, &[0], 41, 1232, 0, b"\x00\x0a\x00\x02ab");
    assert_eq!(over_udp(resolver(), &[&query, &cookie]).weirds, []);
    let lie = reply.record(3, &[0], 41, 1232, 0, b"\x00\x0a\x00\x03ab");
    let told = over_udp(resolver(), &[&query, &lie]);
    assert_eq!(told.details(), ["EDNS_truncated_option"]);
    assert_eq!(told.only().rcode, Some(0));
}

#[test]
fn names_are_lowered_and_odd_bytes_kept() {
    let cases: [(&[u8], &[u8]); 6] = [
        (b"\x03WwW\x07eXample\x00", b"www.example"),
        (b"\x00", b""),
        (b"\x02\x00\x01\x00", b"\x00\x01"),
        (b"\x03a.b\x01c\x00", b"a.b.c"),
        (b"\x03\xffA\x80\x00", b"\xffa\x80"),
        (b"\x05_http\x04_tcp\x00", b"_http._tcp"),
    ];
    for (wire, want) in cases {
        let query = Build::new(1, 0).count(0).raw(wire).raw(&[0, 1, 0, 1]);
        let told = over_udp(resolver(), &[&query]).only();
        assert_eq!(asked(&told), want, "{wire:?}");
    }
}

#[test]
fn a_name_that_ends_in_a_pointer_to_the_root_has_no_final_dot() {
    let query = Build::query(1, "a.example", 2);
    // Offset 22 is the root label of the question's name.
    let reply = Build::reply(1, "a.example", 2).answer(2, b"\x02ns\xc0\x16");
    let told = over_udp(resolver(), &[&query, &reply]).only();
    assert_eq!(answers(&told), ["ns"]);
}

#[test]
fn what_is_malformed_is_said_and_the_rest_is_told() {
    let query = Build::query(1, "a.example", 1);
    let good: &[u8] = &[192, 0, 2, 1];
    let reply = || Build::reply(1, "a.example", 1).answer(1, good);
    let header = [0, 1, 0, 1, 0, 0, 0, 60];
    let owner = |owner: &[u8]| {
        reply()
            .count(1)
            .raw(owner)
            .raw(&header)
            .raw(&[0, 4])
            .raw(good)
    };
    let long = [&[63][..], &[b'x'; 63]].concat().repeat(4);
    let data = |rtype, data: &[u8]| reply().answer(rtype, data);
    let cases: Vec<(Build, &str, usize)> = vec![
        (reply().count(1), "DNS_label_len_gt_pkt", 1),
        (
            reply().count(1).raw(&[0, 0, 1]),
            "DNS_truncated_ans_too_short",
            1,
        ),
        (
            reply().count(1).raw(&[0]).raw(&header).raw(&[0, 9]),
            "DNS_truncated_RR_rdlength_lt_len",
            1,
        ),
        (owner(&[0xff, 0xff]), "DNS_label_forward_compress_offset", 1),
        // Offset 43 is the pointer itself.
        (owner(&[0xc0, 43]), "DNS_label_forward_compress_offset", 1),
        (owner(&[0x40, 0]), "DNS_label_too_long", 1),
        (owner(&[&long[..], &[0]].concat()), "DNS_NAME_too_long", 1),
        (owner(&[60, b'x']), "DNS_label_len_gt_pkt", 1),
        (data(1, &[1, 2, 3]), "DNS_RR_bad_length", 1),
        (data(28, good), "DNS_RR_bad_length", 1),
        (data(15, &[0]), "DNS_label_len_gt_pkt", 1),
        (data(6, &[0, 0, 1]), "DNS_RR_bad_length", 1),
        (data(16, b"\x05hell"), "DNS_TXT_char_str_past_rdlen", 1),
        (
            data(35, b"\0\x01\0\x02\x01s"),
            "DNS_TXT_char_str_past_rdlen",
            1,
        ),
        (data(46, &[0, 48]), "DNS_label_len_gt_pkt", 1),
        // A record that can be passed over costs only itself.
        (data(1, &[1, 2, 3]).answer(1, good), "DNS_RR_bad_length", 2),
        (data(65, &[0, 1]), "", 1),
        (data(65, b"\x00\x01\x00\x00\x01\x00\x09h3"), "", 1),
    ];
    for (index, (reply, detail, count)) in cases.into_iter().enumerate() {
        let told = over_udp(resolver(), &[&query, &reply]);
        assert_eq!(told.details(), [detail], "case {index}");
        let told = told.only();
        assert_eq!(answers(&told).len(), count, "case {index}");
        assert_eq!(told.query.unwrap(), "a.example");
    }
}

#[test]
fn a_datagram_cut_by_the_capture_tells_what_is_whole_and_is_no_weird() {
    let query = Build::query(1, "a.example", 1);
    let reply = Build::reply(1, "a.example", 1)
        .answer(1, &[192, 0, 2, 1])
        .answer(1, &[192, 0, 2, 2])
        .bytes;
    let (question_end, first_end) = (27, 43);
    for length in 0..reply.len() {
        let mut inspector = DnsInspector::new(resolver());
        let mut found = Vec::new();
        inspector.handle_datagram(at(0), Side::Originator, &query.bytes, true, &mut found);
        let cut = &reply[..length];
        inspector.handle_datagram(at(5), Side::Responder, cut, false, &mut found);
        inspector.finish(at(9), &mut found);
        let told = Told::of(found);
        assert_eq!(told.weirds, [], "{length}");
        let told = told.only();
        assert_eq!(asked(&told), b"a.example");
        assert_eq!(told.rcode.is_some(), length >= 12, "{length}");
        assert_eq!(
            answers(&told).len(),
            usize::from(length >= first_end),
            "{length}"
        );
        assert!(!told.rejected || length < question_end);
    }
}

#[test]
fn a_message_that_says_it_is_truncated_may_end_early() {
    let query = Build::query(1, "a.example", 1);
    let reply = Build::new(1, 0x8380)
        .question("a.example", 1, 1)
        .answer(1, &[192, 0, 2, 1]);
    let told = over_udp(resolver(), &[&query, &reply.count(1)]);
    assert_eq!(told.weirds, []);
    assert_eq!(answers(&told.only()), ["192.0.2.1"]);
}

#[test]
fn a_name_may_have_sixteen_pointers_and_no_more() {
    for (hops, fine) in [(1, true), (HOPS_MAX, true), (HOPS_MAX + 1, false)] {
        let mut bytes = vec![0; 12];
        bytes.extend_from_slice(b"\x01x\x00");
        let mut target = 12;
        for _ in 0..hops {
            let at = bytes.len();
            bytes.extend_from_slice(&[1, b'y', 0xc0 | (target >> 8) as u8, target as u8]);
            target = at;
        }
        let read = Names::new(&bytes, false).read(target, bytes.len());
        assert_eq!(read.is_ok(), fine, "{hops}");
        if let Ok(name) = read {
            assert_eq!(name.text().len(), 1 + 2 * hops);
            assert_eq!(name.end, bytes.len());
        }
    }
}

/// A message of `records` records whose owners and names point into one long chain of pointers.
fn pointer_chain(records: usize) -> Build {
    let mut build = Build::reply(1, "a", 5);
    let mut target = 12;
    let start = build.bytes.len();
    let chain = (records * 8).min(8 * 1024);
    build = build.record(1, &[0], 10, 1, 0, &vec![0; chain]);
    for link in 0..chain / 2 {
        let at = start + 11 + 2 * link;
        build.bytes[at..at + 2].copy_from_slice(&(0xc000 | target as u16).to_be_bytes());
        target = at;
    }
    let name = (0xc000 | target as u16).to_be_bytes();
    for _ in 0..records {
        build = build.record(1, &name, 5, 1, 0, &name);
    }
    build
}

#[test]
fn a_chain_of_pointers_costs_a_bounded_number_of_steps_a_name() {
    for records in [100, 1000, 1500] {
        let message = pointer_chain(records);
        let bytes = &message.bytes;
        let mut names = Names::new(bytes, false);
        let all = names.steps_left();
        for at in 12..bytes.len() {
            let before = names.steps_left();
            let _ = names.read(at, bytes.len());
            assert!(before - names.steps_left() <= 255 + HOPS_MAX + 1);
        }
        assert!(
            all <= 16 * bytes.len() + 1024,
            "{all} steps of {} bytes",
            bytes.len()
        );
        let told = over_udp(resolver(), &[&Build::query(1, "a", 5), &message]);
        assert_eq!(told.details(), ["DNS_name_pointers_too_many"]);
    }
}

#[test]
fn names_of_full_length_throughout_use_up_the_message_allowance() {
    let mut long = [&[63][..], &[b'x'; 63]].concat().repeat(3);
    long.extend_from_slice(&[61]);
    long.extend_from_slice(&[b'x'; 61]);
    long.push(0);
    assert_eq!(long.len(), 255);
    let mut build = Build::reply(1, "a", 10).record(1, &[0], 10, 1, 0, &long);
    let at = 12 + 7 + 11;
    for _ in 0..2000 {
        build = build.record(1, &[0xc0, at], 10, 1, 0, &[]);
    }
    let steps = Names::new(&build.bytes, false).steps_left();
    assert!(
        steps < 2000 * 254,
        "the allowance is smaller than what the names ask for"
    );
    let told = over_udp(resolver(), &[&Build::query(1, "a", 10), &build]);
    assert_eq!(told.details(), ["DNS_names_too_costly"]);
    assert_eq!(answers(&told.only()).len(), 100);
}
