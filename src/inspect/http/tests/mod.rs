mod content;
mod http2;
mod inflate;

use super::*;
use crate::limits::Limits;
use crate::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

const O: Side = Side::Originator;
const R: Side = Side::Responder;

fn at(limits: &Limits) -> Context<'_> {
    Context {
        at: Timestamp::from_parts(7, 0),
        limits,
    }
}

/// What happens in a stream.
#[derive(Clone, Debug)]
enum Step {
    Data(Side, Vec<u8>),
    Gap(Side, u64),
    End(Side),
}

fn data(side: Side, text: &str) -> Step {
    Step::Data(side, text.as_bytes().to_vec())
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    transactions: Vec<HttpTransaction>,
    weirds: Vec<Weird>,
    verdict: Option<Verdict>,
    tunnel: bool,
    confirmed: bool,
}

/// Plays the steps, data in pieces of `sizes`; saves and restores between any two where `save`.
fn play_with(limits: &Limits, steps: &[Step], sizes: &[usize], save: bool) -> Told {
    let (mut inspector, mut found) = (HttpInspector::default(), Vec::new());
    let mut verdict = Verdict::More;
    let mut sizes = sizes.iter().copied().cycle();
    'all: for step in steps {
        let pieces: Vec<StreamEvent<'_>> = match step {
            Step::Gap(side, bytes) => vec![StreamEvent::Gap {
                side: *side,
                bytes: *bytes,
            }],
            Step::End(side) => vec![StreamEvent::End { side: *side }],
            Step::Data(side, bytes) => {
                let mut rest = &bytes[..];
                let mut pieces = Vec::new();
                while !rest.is_empty() {
                    let size = sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len());
                    let (bytes, behind) = rest.split_at(size);
                    pieces.push(StreamEvent::Data { side: *side, bytes });
                    rest = behind;
                }
                pieces
            }
        };
        for event in pieces {
            verdict = inspector.handle_stream(at(limits), event, &mut found);
            if save {
                let saved = postcard::to_stdvec(&inspector).unwrap();
                let restored = postcard::from_bytes(&saved).unwrap();
                assert_eq!(inspector, restored);
                inspector = restored;
            }
            if verdict != Verdict::More {
                break 'all;
            }
        }
    }
    if verdict != Verdict::NotMine {
        inspector.finish(at(limits), &mut found);
    }
    let mut told = Told {
        verdict: Some(verdict),
        tunnel: inspector.is_tunnel(),
        confirmed: inspector.is_confirmed(),
        ..Told::default()
    };
    for found in found {
        match found {
            Found::Http(transaction) => told.transactions.push(*transaction),
            Found::Weird(weird, _) => told.weirds.push(weird),
            other => panic!("HTTP found {other:?}"),
        }
    }
    told
}

fn play(steps: &[Step]) -> Told {
    let told = play_with(&Limits::DEFAULT, steps, &[], false);
    let bytewise = play_with(&Limits::DEFAULT, steps, &[1], true);
    assert_eq!(told, bytewise, "one byte at a time");
    told
}

/// `depth METHOD uri status request/response`, `-` for what is not there.
fn summary(transaction: &HttpTransaction) -> String {
    let text = |text: &Option<bstr::BString>| text.as_ref().map_or("-".into(), |t| t.to_string());
    format!(
        "{} {} {} {} {}/{}",
        transaction.trans_depth,
        text(&transaction.method),
        text(&transaction.uri),
        transaction
            .status_code
            .map_or("-".into(), |code| code.to_string()),
        transaction.request_body_len,
        transaction.response_body_len,
    )
}

fn summaries(steps: &[Step]) -> Vec<String> {
    play(steps).transactions.iter().map(summary).collect()
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

#[test]
fn a_transaction_has_every_column_of_its_heads() {
    let told = play(&[
        data(
            O,
            "POST http://x/%41%2g?q=%20 HTTP/1.1\r\nhOST:  www.example.org:81 \r\n\
             User-Agent: curl\r\n folded\r\nReferer: r\r\nOrigin: o\r\nExpect: 100-continue\r\n\
             Authorization: Basic YWxpY2U6c2VjcmV0\r\nVia: 1.1 p\r\nVia: 1.1 p\r\n\
             Content-Length: 5\r\n\r\n",
        ),
        data(R, "HTTP/1.1 100 Continue\r\n\r\n"),
        data(O, "hello"),
        data(
            R,
            "HTTP/1.1 201 All Made\r\nServer: s/1\r\nContent-Length: 2\r\n\r\nok",
        ),
    ]);
    let expected = HttpTransaction {
        at: Timestamp::from_parts(7, 0),
        trans_depth: 1,
        method: Some("POST".into()),
        host: Some("www.example.org:81".into()),
        uri: Some("http://x/A%2g?q= ".into()),
        referrer: Some("r".into()),
        version: Some("1.1".into()),
        user_agent: Some("curl folded".into()),
        server: Some("s/1".into()),
        origin: Some("o".into()),
        request_body_len: 5,
        response_body_len: 2,
        status_code: Some(201),
        status_msg: Some("All Made".into()),
        info_code: Some(100),
        info_msg: Some("Continue".into()),
        username: Some("alice".into()),
        proxied: vec!["VIA -> 1.1 p".into()],
        files: Default::default(),
    };
    assert_eq!(told.transactions, [expected]);
    assert_eq!((told.weirds, told.confirmed), (vec![], true));
    assert!(!told.tunnel);
}

#[test]
fn content_ends_where_its_framing_says() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: u\r\n\r\n";
    let cases: &[(&str, &str, &str, &str)] = &[
        (GET, OK, "1 GET /a 200 0/3", "length"),
        (GET, chunked, "1 GET /a 200 0/13", "chunks with a trailer"),
        (
            "HEAD / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            "1 HEAD / 200 0/0",
            "HEAD",
        ),
        (
            GET,
            "HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n",
            "1 GET /a 204 0/0",
            "204",
        ),
        (
            GET,
            "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
            "1 GET /a 304 0/0",
            "304",
        ),
        (
            GET,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "1 GET /a 200 0/0",
            "length 0",
        ),
        (
            GET,
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "1 GET /a 200 0/0",
            "no number",
        ),
    ];
    for (request, response, expected, what) in cases {
        // A second pair shows that the first one ended in the right place.
        let steps = [
            data(O, request),
            data(R, response),
            data(O, GET),
            data(R, OK),
        ];
        assert_eq!(summaries(&steps), [*expected, "2 GET /a 200 0/3"], "{what}");
    }
    let close = [
        data(O, GET),
        data(R, "HTTP/1.0 200 OK\n\nall of\n\nit"),
        Step::End(R),
    ];
    assert_eq!(summaries(&close), ["1 GET /a 200 0/10"], "until the end");
    let post = "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    assert_eq!(
        summaries(&[data(O, post), data(R, OK)]),
        ["1 POST /p 200 4/3"]
    );
}

#[test]
fn pipelined_requests_get_their_responses_in_order() {
    let requests = "GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\n\r\nGET /3 HTTP/1.1\r\n\r\n";
    let responses = format!("{OK}HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n{OK}");
    assert_eq!(
        summaries(&[data(O, requests), data(R, &responses)]),
        ["1 GET /1 200 0/3", "2 HEAD /2 404 0/0", "3 GET /3 200 0/3"]
    );
}

#[test]
fn one_sided_flows_are_told() {
    assert_eq!(
        summaries(&[data(O, GET), data(O, GET)]),
        ["1 GET /a - 0/0", "2 GET /a - 0/0"]
    );
    assert_eq!(
        summaries(&[data(R, OK), data(R, OK)]),
        ["1 - - 200 0/3", "2 - - 200 0/3"]
    );
    assert_eq!(
        summaries(&[data(R, OK), data(O, GET), data(R, OK)]),
        ["1 - - 200 0/3", "2 GET /a 200 0/3"],
        "a response before its request"
    );
    assert_eq!(
        summaries(&[
            data(O, "GET /cut HTTP/1.1\r\nHost: h\r\nUser-Ag"),
            Step::End(O)
        ]),
        ["1 GET /cut - 0/0"],
        "a head cut short"
    );
}

#[test]
fn connect_and_upgrades_are_tunnels() {
    for (request, status, tunnel) in [
        ("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "200 OK", true),
        ("CONNECT h:443 HTTP/1.0\r\n\r\n", "299 Fine", true),
        ("CONNECT h:443 HTTP/1.1\r\n\r\n", "407 Who", false),
        (GET, "101 Switching Protocols", true),
        (GET, "200 OK", false),
    ] {
        let told = play(&[
            data(O, request),
            data(
                R,
                &format!("HTTP/1.1 {status}\r\nUpgrade: websocket\r\n\r\n"),
            ),
        ]);
        assert_eq!(told.tunnel, tunnel, "{request} {status}");
        assert_eq!(
            told.verdict == Some(Verdict::Done),
            tunnel,
            "{request} {status}"
        );
        assert_eq!(told.transactions.len(), 1);
        assert_eq!(
            told.transactions[0].info_code,
            status.starts_with("101").then_some(101)
        );
    }
}

#[test]
fn gaps_within_content_are_counted_and_behind_others_the_next_message_is_found() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
    for (gap, behind, expected) in [
        (97, OK, ["1 GET /a 200 0/100", "2 GET /a 200 0/3"]),
        (98, OK, ["1 GET /a 200 0/100", "2 GET /a 200 0/3"]),
    ] {
        let steps = [
            data(O, GET),
            data(O, GET),
            data(R, head),
            Step::Gap(R, gap),
            data(R, behind),
        ];
        assert_eq!(summaries(&steps), expected, "a gap of {gap}");
    }
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nab";
    let steps = [
        data(O, GET),
        data(R, chunks),
        Step::Gap(R, 6),
        data(R, "\r\n0\r\n\r\n"),
    ];
    assert_eq!(summaries(&steps), ["1 GET /a 200 0/8"]);
    let steps = [
        data(O, GET),
        Step::Gap(O, 1),
        data(O, GET),
        data(R, OK),
        data(R, OK),
    ];
    assert_eq!(summaries(&steps), ["1 GET /a 200 0/3", "2 GET /a 200 0/3"]);
    let steps = [
        data(O, GET),
        Step::Gap(R, 10),
        data(R, "rest: of a head\r\n\r\nHTTP/1.1 is the version\r\n"),
        data(R, OK),
    ];
    assert_eq!(summaries(&steps), ["1 GET /a 200 0/3"]);
}

#[test]
fn what_is_no_head_hides_no_later_message() {
    let told = play(&[
        data(O, GET),
        data(O, "\0\0\0 nonsense\r\n"),
        data(O, GET),
        data(R, OK),
        data(R, OK),
    ]);
    assert_eq!(told.weirds, [Weird::HttpBadRequest]);
    assert_eq!(told.transactions.len(), 2);
    assert_eq!(summary(&told.transactions[1]), "2 GET /a 200 0/3");
}

#[test]
fn a_request_without_version_may_have_fields() {
    let told = play(&[
        data(O, "GET /\r\nUser-Agent: script\r\n\r\n"),
        data(R, "<html>"),
        Step::End(R),
    ]);
    let user_agent = told.transactions[0].user_agent.as_ref();
    assert_eq!(
        user_agent.map(|agent| agent.to_string()).as_deref(),
        Some("script")
    );
}

#[test]
fn a_request_without_version_ends_where_a_response_begins() {
    let steps = [
        data(R, "HTTP/1.1 100 Go\r\n\r\n"),
        data(O, "GET /old\r\n"),
        data(R, "no head\r\n"),
        data(O, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
    ];
    assert_eq!(summaries(&steps), ["1 - - 100 0/0", "2 GET /old - 0/0"]);
}

#[test]
fn oddities_of_heads_are_told() {
    let response = |head: &str| format!("HTTP/1.1 {head}\r\nContent-Length: 3\r\n\r\nabc");
    for (responses, expected) in [
        (
            vec!["http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()],
            Weird::HttpLowercaseName,
        ),
        (
            vec![
                response("200 OK"),
                response("200 OK").replace("/1.1", "/1.0"),
            ],
            Weird::HttpVersionMismatch,
        ),
        (
            vec![response("206 P\r\nContent-Range: bytes 0-8/9")],
            Weird::HttpRangeNotLength,
        ),
        (
            vec![response("206 P\r\nContent-Range: bytes a-b/c")],
            Weird::HttpRangeMalformed,
        ),
    ] {
        let responses = responses
            .iter()
            .flat_map(|text| [data(O, GET), data(R, text)]);
        let told = play(&responses.collect::<Vec<_>>());
        assert_eq!(told.weirds, [expected]);
    }
    let fine = response("206 P\r\nContent-Range: bytes 6-8/9");
    assert_eq!(play(&[data(O, GET), data(R, &fine)]).weirds, []);
}

#[test]
fn http_0_9_has_content_alone() {
    let steps = [data(O, "GET /old\r\n"), data(R, "<html>"), Step::End(R)];
    let told = play(&steps);
    assert_eq!(
        told.transactions.iter().map(summary).collect::<Vec<_>>(),
        ["1 GET /old 0 0/6"]
    );
    assert_eq!(told.transactions[0].version.as_deref(), Some("0.9"));
}

#[test]
fn other_protocols_are_not_mine() {
    for (side, text) in [
        (O, "NICK somebody\r\nUSER x\r\n"),
        (O, "OPTIONS rtsp://h RTSP/1.0\r\n\r\n"),
        (O, "EHLO mail.example\r\n"),
        (R, "220 mail.example ESMTP\r\n"),
        (O, "GET  HTTP/2.0\r\n\r\n"),
        (R, "HTTP/1.1\r\n\r\n"),
    ] {
        let told = play(&[data(side, text)]);
        assert_eq!(told.verdict, Some(Verdict::NotMine), "{text:?}");
        assert_eq!(told.transactions, [], "{text:?}");
    }
}

#[test]
fn the_first_bytes_tell_http_from_others() {
    for (side, first, expected) in [
        (O, "GET /", Probe::Mine),
        (O, "get /", Probe::Mine),
        (O, "UPDATEREDIRECTREF ", Probe::Mine),
        (O, "GE", Probe::Open),
        (O, "", Probe::Open),
        (O, " GET", Probe::NotMine),
        (O, "PRI * HTTP/2.0", Probe::NotMine),
        (O, "\x16\x03\x01", Probe::NotMine),
        (O, "HTTP/1.1 200 OK", Probe::NotMine),
        (O, "AAAAAAAAAAAAAAAAAAAAAAAA", Probe::NotMine),
        (R, "HTTP/1.1 200 OK", Probe::Mine),
        (R, "http/1.1 200 OK", Probe::Mine),
        (R, "HTTP", Probe::Open),
        (R, "HTTP/2", Probe::NotMine),
        (R, "220 ", Probe::NotMine),
    ] {
        assert_eq!(
            HttpInspector::probe(side, first.as_bytes()),
            expected,
            "{first:?}"
        );
    }
}

#[test]
fn an_exchange_may_open_behind_another_protocol() {
    for (side, segment, expected) in [
        (O, GET, true),
        (O, "GET /old\r\n", false),
        (O, "GET / HTTP/x\r\n", false),
        (O, "\x05\x01\x00", false),
        (O, "", false),
        (R, OK, true),
        (R, "HTTP", false),
        (R, "\x05\x00", false),
    ] {
        let opens = HttpInspector::opens_exchange(side, segment.as_bytes());
        assert_eq!(opens, expected, "{segment:?}");
    }
}

#[test]
fn what_is_held_is_bounded() {
    let limits = Limits {
        http_head_bytes_max: 200,
        http_pending_max: 3,
        ..Limits::DEFAULT
    };
    let told = play_with(&limits, &vec![data(O, GET); 5], &[], false);
    assert_eq!(told.transactions.len(), 5);
    assert_eq!(told.weirds, [Weird::HttpExcessivePipelining]);
    let long = format!("GET /long HTTP/1.1\r\nA: {}", "a".repeat(500));
    let told = play_with(&limits, &[data(O, &long)], &[7], false);
    assert_eq!(told.weirds, [Weird::HttpHeadTooLong]);
    assert_eq!(
        told.transactions.iter().map(summary).collect::<Vec<_>>(),
        ["1 GET /long - 0/0"]
    );
}

#[test]
fn a_chunk_size_that_is_no_number_ends_the_content() {
    for size in ["zz", "10000000000000000", "-1"] {
        let response =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n\r\n");
        let told = play(&[data(O, GET), data(R, &response), data(O, GET), data(R, OK)]);
        assert_eq!(told.weirds, [Weird::HttpBadChunkSize], "{size}");
        assert_eq!(summary(&told.transactions[1]), "2 GET /a 200 0/3", "{size}");
    }
}

/// Steps that are often HTTP.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = prop::sample::select(vec![
        GET,
        OK,
        "GET /old\r\n",
        "HEAD / HTTP/1.1\r\n\r\n",
        "CONNECT h:1 HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Go\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "\r\n",
        "A: b\r\n",
        "HTTP/",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n\x1f\u{8b}",
        "POST / HTTP/1.1\r\nContent-Length: 30\r\nContent-Type: multipart/x; boundary=b\r\n\r\n",
        "--b\r\n\r\nabc\r\n--b--",
        "x",
    ]);
    let bytes = prop_oneof![
        8 => text.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..20),
    ];
    let side = || prop::sample::select(vec![O, R]);
    let step = prop_oneof![
        12 => (side(), bytes).prop_map(|(side, bytes)| Step::Data(side, bytes)),
        1 => (side(), prop_oneof![1u64..9, any::<u64>()])
            .prop_map(|(side, bytes)| Step::Gap(side, bytes.max(1))),
        1 => side().prop_map(Step::End),
    ];
    vec(step, 0..14)
}

/// Data of one side that nothing stands between is one step.
fn merged(steps: &[Step]) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        match (merged.last_mut(), step) {
            (Some(Step::Data(before, held)), Step::Data(side, bytes)) if before == side => {
                held.extend_from_slice(bytes);
            }
            _ => merged.push(step.clone()),
        }
    }
    merged
}

proptest! {
    #[test]
    fn no_segmentation_and_no_moment_of_saving_changes_what_is_told(
        steps in steps(),
        sizes in vec(1usize..40, 1..6),
    ) {
        let whole = play_with(&Limits::DEFAULT, &merged(&steps), &[], false);
        let pieces = play_with(&Limits::DEFAULT, &steps, &sizes, true);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn no_bytes_panic(
        pieces in vec((any::<bool>(), vec(any::<u8>(), 1..60)), 0..8),
        status in any::<bool>(),
    ) {
        let first = if status { data(R, "HTTP/1.1 200") } else { data(O, "GET / HTTP/1.1\r\n") };
        let data = pieces.into_iter().map(|(to, bytes)| Step::Data(if to { O } else { R }, bytes));
        let steps: Vec<Step> = std::iter::once(first).chain(data).collect();
        play_with(&Limits::DEFAULT, &steps, &[], false);
    }
}
