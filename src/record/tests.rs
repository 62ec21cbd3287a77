use super::*;
use crate::observe::FlowSummary;
use crate::record::samples::{flow, records, summary, transaction};

/// A conn row's values by column name.
fn conn(
    change: impl FnOnce(&mut FlowSummary),
    local: Option<[bool; 2]>,
) -> Vec<(&'static str, String)> {
    let mut summary = summary();
    change(&mut summary);
    let row = ConnRow::new(flow(), Box::new(summary), local, None);
    let mut names = row.schema().columns.iter().map(|column| column.name);
    let mut values = Vec::new();
    row.values(&mut |value| values.push((names.next().unwrap(), format!("{value:?}"))));
    values
}

fn unset(values: &[(&'static str, String)]) -> Vec<&'static str> {
    let unset = values.iter().filter(|(_, value)| value == "Unset");
    unset.map(|(name, _)| *name).collect()
}

/// Whether a value may stand in a column of Zeek type `kind`.
fn fits(value: &Value<'_>, kind: &str) -> bool {
    match value {
        Value::Unset => true,
        Value::Time(_) => kind == "time",
        Value::Interval(_) => kind == "interval",
        Value::Count(_) => matches!(kind, "count" | "int" | "port"),
        Value::Double(_) => kind == "double",
        Value::Bool(_) => kind == "bool",
        Value::Addr(_) => kind == "addr",
        Value::Uid(_) | Value::Mac(_) | Value::Text(_) | Value::Joined(_) => kind == "string",
        Value::Name(_) => matches!(kind, "enum" | "string"),
        Value::List(list) => {
            let element = kind
                .split_once('[')
                .map_or("", |(_, rest)| rest.trim_end_matches(']'));
            kind.ends_with(']') && list.elements().all(|value| fits(&value, element))
        }
    }
}

#[test]
fn every_row_hands_out_a_value_of_the_right_type_for_each_column() {
    let records = records();
    assert_eq!(records.len(), Record::SCHEMAS.len());
    for (record, schema) in records.iter().zip(Record::SCHEMAS) {
        assert_eq!(record.row().schema(), schema);
        assert_eq!(record.path(), schema.path);
        let mut columns = schema.columns.iter();
        record.row().values(&mut |value| {
            let column = columns.next().expect("no more values than columns");
            assert!(
                fits(&value, column.kind),
                "{} {}: {value:?}",
                schema.path,
                column.name
            );
        });
        assert_eq!(
            columns.next(),
            None,
            "{} has a value for each column",
            schema.path
        );
    }
}

#[test]
fn logs_have_as_many_columns_as_readers_by_position_expect() {
    let columns = Record::SCHEMAS.map(|schema| (schema.path, schema.positional().count()));
    let expected = [
        ("conn", 27),
        ("ssl", 21),
        ("x509", 22),
        ("dns", 26),
        ("quic", 13),
        ("http", 30),
        ("dhcp", 15),
        ("tunnel", 8),
        ("profile", 44),
        ("weird", 11),
        ("attribution", 30),
        ("coverage", 14),
        ("gateway", 35),
        ("hosts", 17),
        ("known_hosts", 2),
        ("known_services", 5),
        ("software", 11),
        ("notice", 27),
        ("capture_loss", 6),
        ("stats", 34),
    ];
    assert_eq!(columns, expected);
}

#[test]
fn a_record_survives_being_saved_and_restored() {
    for record in records() {
        let saved = postcard::to_allocvec(&record).unwrap();
        assert_eq!(postcard::from_bytes::<Record>(&saved).unwrap(), record);
    }
}

#[test]
fn a_flow_of_one_moment_has_neither_duration_nor_bytes_but_packets() {
    let always = ["inner_vlan", "resp_l2_addr", "community_id"];
    let bytes = ["duration", "orig_bytes", "resp_bytes"];
    for (duration, absent) in [
        (None, true),
        (Some(Span::ZERO), true),
        (Some(Span::from_nanos(-5)), true),
        (Some(Span::from_nanos(1)), false),
    ] {
        let values = conn(|summary| summary.duration = duration, Some([true, true]));
        let mut expected = always.to_vec();
        if absent {
            expected.splice(0..0, bytes);
        }
        assert_eq!(unset(&values), expected, "{duration:?}");
    }
}

#[test]
fn locality_is_unset_without_local_networks() {
    let values = conn(|_| {}, None);
    assert!(unset(&values).starts_with(&["local_orig", "local_resp"]));
}

#[test]
fn no_service_and_no_history_are_unset_and_not_empty() {
    let nothing = |summary: &mut FlowSummary| {
        summary.services.clear();
        summary.history = "".into();
    };
    let values = conn(nothing, Some([true, true]));
    assert!(unset(&values).starts_with(&["service", "history"]));
}

#[test]
fn an_anomaly_outside_of_any_flow_has_no_endpoints() {
    let mut values = Vec::new();
    samples::weird("what").values(&mut |value| values.push(value == Value::Unset));
    let endpoints = [false, true, true, true, true, true];
    assert!(values.starts_with(&endpoints), "{values:?}");
}

#[test]
fn a_netbios_query_has_the_names_of_netbios() {
    for (port, name) in [(53, "SRV"), (137, "NBSTAT")] {
        let mut flow = flow();
        flow.responder.port = port;
        let mut transaction = transaction();
        transaction.qtype = Some(33);
        let mut names = Vec::new();
        DnsRow::new(flow, Box::new(transaction)).values(&mut |value| {
            if let Value::Name(name) = value {
                names.push(name.to_owned());
            }
        });
        assert!(names.contains(&name.to_owned()), "{port}: {names:?}");
    }
}
