use super::*;
use crate::endpoint::format::read_line;
use crate::endpoint::passage::PassageKind;
use crate::time::Timestamp;

const SOURCE: Source<'_> = Source {
    agent: Some("gateway-1"),
    received_at: Timestamp::from_nanos(0),
};

/// The passage of a line that has one.
fn passage(line: &str) -> Passage {
    let reports = read_line(line.as_bytes(), &SOURCE).unwrap();
    match reports.into_iter().next().map(|report| report.deed) {
        Some(Deed::Passage(passage)) => *passage,
        other => panic!("a passage: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    let source = Source {
        agent: None,
        ..SOURCE
    };
    read_line(line.as_bytes(), &source).unwrap_err().to_string()
}

#[test]
fn of_a_url_neither_query_nor_credentials_stay() {
    let target = Target::of("https://user:p@ss@Files.Example.org:8443/a/b?token=x#y");
    assert_eq!(
        target.url.as_deref(),
        Some("https://Files.Example.org:8443/a/b")
    );
    assert_eq!(target.name.as_deref(), Some("files.example.org"));
    assert_eq!(target.server.port, Some(8443));
    let connect = Target::of("[2001:db8::7]:443");
    assert_eq!((&connect.url, &connect.name), (&None, &None));
    assert_eq!(connect.server, place("[2001:db8::7]:443"));
    assert!(connect.server.addr.is_some());
    assert_eq!(Target::of("/a?b").url.as_deref(), Some("/a"));
    assert_eq!(Target::of("http://h").server.port, Some(80));
    for nothing in ["", "-", "?", "://", "@", "a://@:"] {
        assert_eq!(Target::of(nothing).name, None, "{nothing}");
    }
}

#[test]
fn a_place_is_read_with_its_port_and_without() {
    for (text, port) in [
        ("192.0.2.5", None),
        ("192.0.2.5:80", Some(80)),
        ("2001:db8::5", None),
        ("[2001:db8::5]:80", Some(80)),
        ("[192.0.2.5]:80", Some(80)),
    ] {
        let place = place(text);
        assert!(place.addr.is_some(), "{text}");
        assert_eq!(place.port, port, "{text}");
    }
    for nothing in ["-", "", "example.com:80", "-:0", ":80"] {
        assert_eq!(place(nothing), Place::default(), "{nothing}");
    }
}

#[test]
fn what_policies_do_is_told_in_many_words() {
    for (said, done) in [
        ("Denied", Some(PolicyAction::Denied)),
        ("blocked by policy", Some(PolicyAction::Denied)),
        ("DROP", Some(PolicyAction::Denied)),
        ("allow", Some(PolicyAction::Allowed)),
        ("Permitted", Some(PolicyAction::Allowed)),
        ("Bypass SSL inspection", Some(PolicyAction::Bypassed)),
        ("not allowed", None),
        ("unblocked", None),
        ("login", None),
    ] {
        assert_eq!(action(said), done, "{said}");
    }
}

#[test]
fn a_password_that_squid_asks_for_is_no_denial() {
    let line =
        "1790000003.000 0 192.0.2.6 TCP_DENIED/407 4012 CONNECT a.example:443 - HIER_NONE/- -";
    assert_eq!(passage(line).action, None);
    let denied = line.replace("407", "403");
    assert_eq!(passage(&denied).action, Some(PolicyAction::Denied));
}

#[test]
fn the_client_of_squid_is_told_with_its_port_where_the_log_has_it() {
    let line = "1790000003.000 9 [192.0.2.6]:5000 TCP_TUNNEL/200 9 CONNECT a.example:443 bob \
                HIER_DIRECT/198.51.100.7 - \"curl/8.5.0\" 7 203.0.113.4:40100 192.0.2.1:3128";
    let told = passage(line);
    assert_eq!(told.client, place("192.0.2.6:5000"));
    assert_eq!(told.source, place("203.0.113.4:40100"));
    assert_eq!(told.gateway, place("192.0.2.1:3128"));
    assert_eq!(told.peer, place("198.51.100.7:443"));
    assert_eq!(told.bytes, Some([7, 9]));
    assert_eq!(told.user_agent.as_deref(), Some("curl/8.5.0"));
}

#[test]
fn values_of_cef_may_have_blanks_and_equal_signs() {
    let line = r"CEF:0|a|b \| c|1|x|y|1|rt=1790000000212 src=192.0.2.5 request=http://h.example/a?b=c \
                 requestClientApplication=A b\=c (d) suser=x act=permit";
    let told = passage(line);
    assert_eq!(told.kind, PassageKind::Web);
    assert_eq!(told.url.as_deref(), Some("http://h.example/a"));
    assert_eq!(told.user_agent.as_deref(), Some("A b=c (d)"));
    assert_eq!(told.user.as_deref(), Some("x"));
    assert_eq!(told.action, Some(PolicyAction::Allowed));
}

#[test]
fn what_cannot_be_taken_is_refused_with_its_reason() {
    let squid = "1790000003.000 x 192.0.2.6 TCP_MISS/200 9 GET http://a.example/ - HIER_NONE/- -";
    assert_eq!(
        refused(squid),
        "Squid names no host here: say which agent sends it"
    );
    let named = read_line(squid.as_bytes(), &SOURCE).unwrap_err();
    assert_eq!(
        named.to_string(),
        "Squid without a usable `elapsed`: send the event as the agent wrote it"
    );
    assert_eq!(
        refused("CEF:0|a|b|c|d"),
        "CEF without a usable `extension after seven bars`: send the event as the agent wrote it"
    );
    assert_eq!(
        refused("CEF:0|a|b|1|x|y|1|src=192.0.2.5 dvchost=fw"),
        "CEF without a usable `rt`: send the event as the agent wrote it"
    );
    assert_eq!(
        refused("hello world"),
        "is no JSON at column 1, and no line of Squid or CEF: send one whole JSON object on each \
         line"
    );
}

#[test]
fn what_nothing_on_the_wire_can_be_matched_with_says_nothing() {
    for line in [
        "CEF:0|a|b|1|x|y|1|rt=1790000000212 suser=admin",
        "CEF:0|a|b|1|x|y|1|rt=1790000000212 src=127.0.0.1 dst=192.0.2.1 dpt=80",
        "1790000003.000 9 192.0.2.6 TCP_MISS/200 9 GET /x - HIER_NONE/- -",
    ] {
        assert_eq!(read_line(line.as_bytes(), &SOURCE).unwrap(), [], "{line}");
    }
}

#[test]
fn a_process_makes_a_document_a_hosts_own() {
    let of_host = r#"{"@timestamp":"2026-09-21T14:13:20Z","event":{"category":["network"]},
        "process":{"pid":7},"host":{"name":"h"},"source":{"ip":"192.0.2.5","port":1},
        "destination":{"ip":"198.51.100.7","port":443},"observer":{"name":"o"}}"#;
    let of_host = of_host.replace('\n', "");
    let reports = read_line(of_host.as_bytes(), &SOURCE).unwrap();
    assert!(matches!(reports[0].deed, Deed::Flow(_)));
    let of_gateway = of_host.replace(r#""process":{"pid":7},"#, "");
    assert_eq!(passage(&of_gateway).kind, PassageKind::Flow);
}
