//! The listener for endpoint agents against clients over real TLS: who is heard, what is answered,
//! what is bounded, and that nothing acknowledged is lost.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod reporting;

use flate2::Compression;
use flate2::write::GzEncoder;
use reporting::{PATIENCE, arrived, enrol, line, settings};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tapir::intake::{Agents, Authority, Gateways, Intake, Kind, Settings};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring::default_provider;
use ureq::tls::{ClientCert, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// What was answered.
struct Answer {
    status: u16,
    product: Option<String>,
    body: Value,
}

struct Client {
    http: ureq::Agent,
    url: String,
}

impl Client {
    /// A client that trusts the authority in `dir`, and shows what is in `identity`.
    fn new(intake: &Intake, dir: &Path, identity: Option<&str>) -> Client {
        let certificates = |pem: &str| -> Vec<_> {
            let items = parse_pem(pem.as_bytes()).map(Result::unwrap);
            let certificates = items.filter_map(|item| match item {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            });
            certificates.collect()
        };
        let authority = Authority::open(dir).unwrap();
        let client = identity.map(|pem| {
            let mut items = parse_pem(pem.as_bytes()).map(Result::unwrap);
            let key = items.find_map(|item| match item {
                PemItem::PrivateKey(key) => Some(key),
                _ => None,
            });
            ClientCert::new_with_certs(&certificates(pem)[..1], key.unwrap())
        });
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .root_certs(RootCerts::from(certificates(authority.certificate())))
            .client_cert(client)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        Client {
            http: config.build().into(),
            url: format!("https://{}", intake.addr.unwrap()),
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.http.run(request.body(body).unwrap())?;
        let product = response.headers().get("x-elastic-product");
        let product = product.map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().read_to_string()?;
        Ok(Answer {
            status: response.status().as_u16(),
            product,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body.as_bytes()).unwrap()
    }
}

/// A listener, and an agent that is enrolled with it.
fn listen(name: &str, kind: Kind, change: impl FnOnce(&mut Settings)) -> (Intake, Client, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let pem = enrol(dir, name, kind);
    let mut settings = settings(dir);
    change(&mut settings);
    let intake = Intake::start(&settings, Vec::new(), None).unwrap();
    let client = Client::new(&intake, dir, Some(&pem));
    (intake, client, folder)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn only_who_is_enrolled_is_heard() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = folder.path();
    let mine = enrol(dir, "host-a", Kind::Host);
    let strange = enrol(other.path(), "host-a", Kind::Host);
    let unlisted = Authority::open(dir).unwrap().identity("host-b", 2).unwrap();
    let intake = Intake::start(&settings(dir), Vec::new(), None).unwrap();
    let send = |pem: Option<&str>| {
        Client::new(&intake, dir, pem).send("POST", "/v1/events", &[], line(1).as_bytes())
    };
    assert!(send(None).is_err(), "no certificate");
    assert!(send(Some(&strange)).is_err(), "of another authority");
    assert_eq!(send(Some(&unlisted.pem)).unwrap().status, 401);
    assert_eq!(send(Some(&mine)).unwrap().status, 200);
    assert_eq!(arrived(&intake, 1), [("host-a".to_owned(), 1)]);

    let renewed = enrol(dir, "host-a", Kind::Host);
    let began = Instant::now();
    while send(Some(&mine)).unwrap().status != 401 {
        assert!(
            began.elapsed() < PATIENCE,
            "the old certificate still counts"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(send(Some(&renewed)).unwrap().status, 200);
    Agents::open(dir).unwrap().revoke("host-a").unwrap();
    while send(Some(&renewed)).unwrap().status != 401 {
        assert!(began.elapsed() < PATIENCE, "a revoked agent is heard");
        std::thread::sleep(Duration::from_millis(100));
    }
    intake.stop();
}

#[test]
fn every_line_gets_a_verdict_and_a_batch_counts_once() {
    let (intake, client, _folder) = listen("collector", Kind::Relay, |_| ());
    let deep = "[".repeat(10_000);
    let old = json!({
        "agent": "x", "window": {"from": 0, "to": 0}, "deed": {"inventory": {"hostname": "x"}},
    });
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let body = [
        &line(1),
        "{\"x\":1}",
        "{bad",
        &deep,
        &long,
        &old.to_string(),
        &line(2),
    ];
    let headers = [("X-Batch-Id", "7")];
    let body = body.join("\n");
    let send = || client.send("POST", "/v1/events", &headers, body.as_bytes());
    let first = send().unwrap();
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.body["accepted"], 2);
    let refused = first.body["refused"].as_array().unwrap();
    let told: Vec<(u64, &str)> = refused
        .iter()
        .map(|line| {
            (
                line["line"].as_u64().unwrap(),
                line["reason"].as_str().unwrap(),
            )
        })
        .collect();
    for ((line, reason), (place, part)) in told.iter().zip([
        (2, "its keys are x"),
        (3, "is no JSON"),
        (4, "nests deeper"),
        (5, "above 1048576"),
        (6, "is older than 24 h"),
    ]) {
        assert_eq!(*line, place);
        assert!(reason.contains(part), "{reason}");
    }
    let again = send().unwrap();
    assert_eq!(
        (&again.body["again"], &again.body["accepted"]),
        (&json!(true), &json!(2))
    );
    let list = format!("[{},\n{}]", line(3), line(4));
    assert_eq!(client.post("/v1/events", &list).body["accepted"], 2);
    // A relay speaks for the hosts that its lines name.
    let named = |port| ("who-the-line-says".to_owned(), port);
    assert_eq!(
        arrived(&intake, 4),
        [named(1), named(2), named(3), named(4)]
    );
    intake.stop();
}

/// Lines of text, as gateways write them now, each from another port of their client.
fn gateways_lines() -> [String; 2] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let millis = now.as_millis();
    let squid = format!(
        "{}.{:03} 12 10.0.0.5:50001 TCP_TUNNEL/200 99 CONNECT a.example:443 alice HIER_DIRECT/203.0.113.9 -",
        millis / 1000,
        millis % 1000
    );
    let cef = format!(
        "CEF:0|Example|Firewall|1|x|y|3|rt={millis} src=10.0.0.5 spt=50002 dst=203.0.113.9 dpt=443 \
         proto=TCP dvchost=who-the-line-says"
    );
    [squid, cef]
}

/// Who told of which ports of clients.
fn passed(intake: &Intake, n: usize) -> Vec<(String, u64)> {
    let mut told = Vec::new();
    while told.len() < n {
        let arrived = intake.arrived.recv_timeout(PATIENCE).expect("more reports");
        for report in arrived.reports {
            let passage = serde_json::to_value(&report.deed).unwrap();
            let port = &passage["passage"]["client"]["port"];
            told.push((report.agent.to_string(), port.as_u64().unwrap()));
        }
    }
    told
}

#[test]
fn only_a_gateway_speaks_of_other_hosts() {
    let lines = gateways_lines();
    let (intake, client, _folder) = listen("host-a", Kind::Host, |_| ());
    let answer = client.post("/v1/events", &lines.join("\n"));
    assert_eq!(answer.body["refused_n"], 2);
    let reason = "tells of other hosts, and host-a is no gateway: enrol it with `--gateway`, or \
                  name it in intake.gateways";
    assert_eq!(answer.body["refused"][0]["reason"], reason);
    intake.stop();

    let (intake, client, _folder) = listen("proxy-1", Kind::Gateway, |_| ());
    let text = [("content-type", "text/plain")];
    let body = lines.join("\n");
    let answer = client.send("POST", "/v1/events", &text, body.as_bytes());
    assert_eq!(answer.unwrap().body["accepted"], 2);
    let document = json!({"@timestamp": "2026-11-02T10:00:00Z", "message": lines[0]});
    let answer = client.post("/_bulk", &format!("{{\"create\":{{}}}}\n{document}\n"));
    assert_eq!(answer.body["errors"], false);
    let of = |port| ("proxy-1".to_owned(), port);
    assert_eq!(passed(&intake, 3), [of(50_001), of(50_002), of(50_001)]);
    intake.stop();
}

#[test]
fn a_relay_speaks_for_the_gateways_that_the_operator_lists() {
    let [squid, cef] = gateways_lines();
    let (intake, client, _folder) = listen("collector", Kind::Relay, |settings| {
        settings.gateways = Gateways::new(["who-the-line-says".to_owned()]);
    });
    let answer = client.post("/v1/events", &format!("{squid}\n{cef}"));
    // The first names nobody, so it is the collector's own.
    assert_eq!(answer.body["refused"][0]["line"], 1);
    assert_eq!(
        (&answer.body["accepted"], &answer.body["refused_n"]),
        (&1.into(), &1.into())
    );
    let named = ("who-the-line-says".to_owned(), 50_002);
    assert_eq!(passed(&intake, 1), [named]);
    intake.stop();
}

#[test]
fn bodies_are_bounded() {
    let (intake, client, _folder) = listen("host-a", Kind::Host, |_| ());
    let post = |encoding, body: &[u8]| {
        let headers = [("Content-Encoding", encoding)];
        client.send("POST", "/v1/events", &headers, body).unwrap()
    };
    let bomb = gzip(&vec![b' '; 200 << 20]);
    assert!(bomb.len() < 1 << 20);
    for (answer, status) in [
        (post("gzip", &bomb), 413),
        (post("gzip", b"no gzip"), 400),
        (post("gzip", &gzip(b"{}")[..10]), 400),
        (post("br", b"x"), 415),
    ] {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body["error"].is_string());
    }
    // What is too long is refused before it is read; the client may notice while it still sends.
    let long = client.send("POST", "/v1/events", &[], &vec![b' '; 9 << 20]);
    assert!(long.is_err() || long.is_ok_and(|answer| answer.status == 413));
    assert_eq!(post("gzip", &gzip(line(9).as_bytes())).body["accepted"], 1);
    intake.stop();
}

#[test]
fn an_agent_that_sends_too_fast_is_told_to_wait() {
    let slow = |settings: &mut Settings| settings.agent_lines_per_s = 0.1;
    let (intake, client, _folder) = listen("host-a", Kind::Host, slow);
    let two = line(1) + "\n" + &line(2);
    assert_eq!(client.post("/v1/events", &two).status, 200);
    assert_eq!(client.post("/v1/events", &two).status, 429);
    let bulk = format!("{{\"index\":{{}}}}\n{}\n", line(3));
    let answer = client.post("/_bulk", &bulk);
    assert_eq!((answer.status, &answer.body["errors"]), (200, &json!(true)));
    assert_eq!(answer.body["items"][0]["index"]["status"], 429);
    intake.stop();
}

#[test]
fn clients_of_elasticsearch_find_what_they_need() {
    let (intake, client, _folder) = listen("host-a", Kind::Host, |_| ());
    let beat = [("User-Agent", "Elastic-Filebeat/8.11.0 (linux; amd64)")];
    let root = client.send("GET", "/", &beat, b"").unwrap();
    assert_eq!(root.product.as_deref(), Some("Elasticsearch"));
    assert_eq!(root.body["version"]["number"], "8.11.0");
    for path in [
        "/_license?human=false",
        "/_cluster/health",
        "/_nodes/http",
        "/_ilm/policy/x",
    ] {
        let answer = client.send("GET", path, &[], b"").unwrap();
        assert_eq!(
            (answer.status, answer.body.is_object()),
            (200, true),
            "{path}"
        );
    }
    let body = format!(
        "{{\"create\":{{\"_index\":\"logs\",\"_id\":\"1\"}}}}\n{}\n{{\"index\":{{}}}}\n{{\"x\":1}}\n\
         {{\"delete\":{{\"_id\":\"1\"}}}}\n{{\"index\":{{\"_id\":\"2\"}}}}\n{}",
        line(1),
        line(2)
    );
    let statuses = |answer: &Answer| -> Vec<u64> {
        let items = answer.body["items"].as_array().unwrap().iter();
        let item = |item: &Value| item.as_object().unwrap().values().next().unwrap().clone();
        items.map(|i| item(i)["status"].as_u64().unwrap()).collect()
    };
    let headers = [(
        "Content-Type",
        "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
    )];
    let answer = client
        .send("PUT", "/_bulk", &headers, body.as_bytes())
        .unwrap();
    assert_eq!(statuses(&answer), [201, 400, 400, 201]);
    let again = client.post("/logs/_bulk", &body);
    assert_eq!(statuses(&again), [409, 400, 400, 201]);
    assert_eq!(client.post("/_bulk", "{\"x\":1}\n{}\n").status, 400);
    let ports: Vec<u64> = arrived(&intake, 3)
        .into_iter()
        .map(|(_, port)| port)
        .collect();
    assert_eq!(ports, [1, 2, 2]);
    intake.stop();
}

#[test]
fn osquery_enrols_is_configured_and_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let secret = Agents::open(dir).unwrap().enroll_secret("all").unwrap();
    let open = Settings {
        require_certificate: false,
        ..settings(dir)
    };
    let intake = Intake::start(&open, Vec::new(), None).unwrap();
    let client = Client::new(&intake, dir, None);
    let enroll = |secret: &str| {
        let asked = json!({
            "enroll_secret": secret, "host_identifier": "A1B2C3D4", "platform_type": "21",
            "host_details": {"os_version": {"platform": "darwin"}},
        });
        client.post("/osquery/enroll", &asked.to_string()).body
    };
    assert!(enroll("a guess")["error"].is_string());
    let node_key = enroll(&secret)["node_key"].as_str().unwrap().to_owned();
    let asked = json!({"node_key": node_key}).to_string();
    let config = client.post("/osquery/config", &asked).body;
    assert!(config["schedule"]["tapir_sockets"]["query"].is_string());
    assert_eq!(
        client.post("/osquery/distributed_read", &asked).body,
        json!({"queries": {}})
    );

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let row = |port: u16| {
        json!({
            "name": "tapir_sockets", "hostIdentifier": "not-me", "unixTime": now,
            "action": "added", "columns": {
                "pid": "612", "family": "2", "protocol": "6", "path": "/usr/bin/nc",
                "local_address": "10.0.0.5", "local_port": port.to_string(),
                "remote_address": "203.0.113.9", "remote_port": "443",
            },
        })
    };
    let log = |key: &str, kind: &str, data: Vec<Value>| {
        let log = json!({"node_key": key, "log_type": kind, "data": data});
        client.post("/osquery/log", &log.to_string()).body
    };
    assert_eq!(
        log(&node_key, "result", vec![row(1), json!({"x": 1})]),
        json!({})
    );
    assert_eq!(
        log(&node_key, "status", vec![json!({"message": "hello"})]),
        json!({})
    );
    let stranger = log("guess", "result", vec![row(2)]);
    assert_eq!(stranger["node_invalid"], true);
    // A status alone is taken for success: a body that cannot be read must say that it was not.
    assert!(client.post("/osquery/log", "{").body["error"].is_string());
    assert_eq!(arrived(&intake, 1), [("A1B2C3D4".to_owned(), 1)]);
    intake.stop();
}

#[test]
fn what_was_acknowledged_outlives_the_sensor() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let pem = enrol(dir, "host-a", Kind::Host);
    let mine = |port| ("host-a".to_owned(), port);
    let start = |from| Intake::start(&settings(dir), Vec::new(), from).unwrap();
    let intake = start(None);
    let client = Client::new(&intake, dir, Some(&pem));
    for port in [1, 2] {
        assert_eq!(client.post("/v1/events", &line(port)).status, 200);
    }
    // The sensor takes nothing, and ends.
    intake.stop();
    // A crash leaves half a line, which nobody was told is there.
    let journal = dir.join("journal/reports-00000000000000000000.ndjson");
    let mut file = fs::File::options().append(true).open(&journal).unwrap();
    file.write_all(b"{\"received_at\":").unwrap();

    let intake = start(None);
    assert_eq!(arrived(&intake, 2), [mine(1), mine(2)]);
    let client = Client::new(&intake, dir, Some(&pem));
    assert_eq!(client.post("/v1/events", &line(3)).status, 200);
    let last = intake.arrived.recv_timeout(PATIENCE).unwrap();
    intake.stop();
    // One whose saved state has seen the first line goes on with the second.
    let intake = start(Some(1));
    assert_eq!(arrived(&intake, 2), [mine(2), mine(3)]);
    intake.stop();
    let intake = start(Some(last.next));
    std::thread::sleep(Duration::from_millis(200));
    assert!(intake.arrived.try_recv().is_err());
    intake.stop();
}

#[test]
fn a_batch_that_comes_again_after_a_restart_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // A relay's name is in no line of the journal but that of the batch.
    let pem = enrol(dir, "collector", Kind::Relay);
    let start = |from| Intake::start(&settings(dir), Vec::new(), from).unwrap();
    let deliver = |intake: &Intake, id: &str, ports: [u16; 2]| {
        let client = Client::new(intake, dir, Some(&pem));
        let body = ports.map(line).join("\n") + "\n{}";
        let id = [("X-Batch-Id", id)];
        let answer = client.send("POST", "/v1/events", &id, body.as_bytes());
        let Answer { status, body, .. } = answer.unwrap();
        assert_eq!(status, 200);
        (body["accepted"].as_u64().unwrap(), body["again"] == true)
    };
    let intake = start(None);
    assert_eq!(deliver(&intake, "a \"b\"", [1, 2]), (2, false));
    assert_eq!(deliver(&intake, "c", [3, 4]), (2, false));
    intake.stop();
    // The crash came before the last line of the last batch was on the disk.
    let journal = dir.join("journal/reports-00000000000000000000.ndjson");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, &text[..text.len() - 20]).unwrap();

    let intake = start(Some(4));
    assert_eq!(deliver(&intake, "a \"b\"", [1, 2]), (2, true));
    assert_eq!(deliver(&intake, "c", [3, 4]), (2, false));
    assert_eq!(deliver(&intake, "c", [3, 4]), (2, true));
    let named = |port| ("who-the-line-says".to_owned(), port);
    assert_eq!(arrived(&intake, 2), [named(3), named(4)]);
    intake.stop();
}

#[test]
fn files_are_followed_however_they_are_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = (
        folder.path().join("intake"),
        folder.path().join("agent.log"),
    );
    let quiet = Settings {
        listen: None,
        ..settings(&dir)
    };
    let write = |text: String| {
        let mut options = fs::File::options();
        let mut out = options.create(true).append(true).open(&file).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    };
    let named = |port| ("who-the-line-says".to_owned(), port);
    write(line(1) + "\n{bad\n" + &line(2)[..40]);
    let start = || Intake::start(&quiet, vec![file.clone()], None).unwrap();
    let intake = start();
    assert_eq!(arrived(&intake, 1), [named(1)]);
    fs::rename(&file, folder.path().join("agent.log.1")).unwrap();
    write(line(3) + "\n");
    assert_eq!(arrived(&intake, 1), [named(3)]);
    intake.stop();
    write(line(4) + "\n");
    let intake = start();
    // What was in the journal before, then what was written meanwhile.
    assert_eq!(arrived(&intake, 3), [named(1), named(3), named(4)]);
    intake.stop();
}
