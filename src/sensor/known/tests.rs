use super::*;
use crate::config::File;
use crate::record::samples;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(1_795_226_400 + seconds, 0)
}

fn flow(originator: &str, responder: &str) -> FlowId {
    let mut flow = samples::flow();
    flow.originator.addr = originator.parse().unwrap();
    flow.responder.addr = responder.parse().unwrap();
    flow
}

/// The logs that get a row for each fact.
fn logs(facts: Vec<(i64, FlowId, Fact)>) -> Vec<Vec<&'static str>> {
    let settings = File::default().resolve().unwrap();
    let mut known = Known::default();
    let told = facts.into_iter().map(|(seconds, flow, fact)| {
        let mut records = Vec::new();
        let observation = Observation {
            at: at(seconds),
            flow: Some(flow),
            fact,
        };
        known.take(&settings, &observation, &mut records);
        records.iter().map(Record::path).collect()
    });
    told.collect()
}

#[test]
fn local_hosts_are_told_once_a_day() {
    let both = flow("10.0.0.9", "10.0.0.1");
    let out = flow("10.0.0.9", "198.51.100.1");
    let facts = [
        (0, both),
        (1, out),
        (86_399, both),
        (86_401, out),
        (86_402, both),
    ];
    let facts = facts.map(|(seconds, flow)| (seconds, flow, Fact::Established(None)));
    let counts: Vec<usize> = logs(facts.into()).iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 0, 0, 1, 1]);
}

#[test]
fn a_service_is_told_again_where_it_turns_out_to_be_another() {
    let summary = |services: &[&str], state, packets| {
        let mut summary = samples::summary();
        summary.services = services.iter().map(|name| Box::from(*name)).collect();
        summary.state = state;
        summary.tally[1].packets = packets;
        Fact::Flow(Box::new(summary))
    };
    let local = flow("198.51.100.1", "10.0.0.1");
    let facts = vec![
        (0, local, summary(&[], ConnState::S0, 0)),
        (1, local, summary(&[], ConnState::Rej, 1)),
        (2, local, summary(&[], ConnState::Sf, 3)),
        (3, local, summary(&[], ConnState::Sf, 3)),
        (4, local, summary(&["ssl"], ConnState::Sf, 3)),
        (5, local, summary(&["ssl"], ConnState::S1, 3)),
        (6, local, summary(&["ssl", "http"], ConnState::S1, 3)),
        (
            7,
            flow("10.0.0.1", "198.51.100.1"),
            summary(&["ssl"], ConnState::Sf, 3),
        ),
    ];
    let counts: Vec<usize> = logs(facts).iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 0, 1, 0, 1, 0, 1, 0]);
}

#[test]
fn a_program_is_told_again_in_another_version() {
    let http = |agent: &str, server: &str| {
        let mut http = samples::http();
        (http.user_agent, http.server) = (Some(agent.into()), Some(server.into()));
        Fact::Http(Box::new(http))
    };
    let both = flow("10.0.0.9", "10.0.0.1");
    let facts = vec![
        (0, both, http("curl/8.5.0", "nginx/1.22")),
        (1, both, http("curl/8.5.0", "nginx/1.22")),
        (2, both, http("curl/8.6.0", "nginx/1.22")),
        (
            3,
            flow("198.51.100.1", "198.51.100.2"),
            http("curl/1", "nginx"),
        ),
    ];
    let counts: Vec<usize> = logs(facts).iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 0, 1, 0]);
}
