//! Real shippers and clients deliver to the listener over mutual TLS: rsyslog, syslog-ng, and the
//! official Elasticsearch clients for Python and JavaScript; rsyslog also what the kernel tells
//! auditd, and auditd laurel.
//!
//! Each test says what is missing and passes where its program is not installed. The clients are
//! looked for in the folder that `TAPIR_SHIPPERS` names, else in `target/shippers`: a virtual
//! environment `venv`, and `node_modules`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout)]

#[path = "shippers/audit.rs"]
mod audit;
mod reporting;

use audit::{Audit, NODE};
use reporting::{PATIENCE, arrived, enrol, line, settings};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tapir::endpoint::report::Deed;
use tapir::intake::{Authority, Intake, Kind};

/// A listener, and the files by which a shipper knows it and is known.
struct Site {
    folder: tempfile::TempDir,
    intake: Intake,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("intake");
        let pem = enrol(&dir, "collector", Kind::Relay);
        let authority = Authority::open(&dir).unwrap();
        let intake = Intake::start(&settings(&dir), Vec::new(), None).unwrap();
        let site = Site { folder, intake };
        // Some programs want certificate and key apart.
        let key = pem.find("-----BEGIN PRIVATE KEY").unwrap();
        let end = pem.find("-----END PRIVATE KEY-----").unwrap() + 25;
        fs::write(site.file("cert.pem"), &pem[..key]).unwrap();
        fs::write(site.file("key.pem"), pem[key..end].to_owned() + "\n").unwrap();
        fs::write(site.file("ca.pem"), authority.certificate()).unwrap();
        site
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn port(&self) -> u16 {
        self.intake.addr.unwrap().port()
    }

    /// The reports of `lines(n)` arrive, whoever brings them.
    fn expect(self, n: u16) {
        let mut found = arrived(&self.intake, usize::from(n));
        found.sort();
        let named = |port| ("who-the-line-says".to_owned(), u64::from(port));
        assert_eq!(found, (1..=n).map(named).collect::<Vec<_>>());
        self.intake.stop();
    }
}

fn lines(n: u16) -> String {
    (1..=n).map(|port| line(port) + "\n").collect()
}

/// Ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let which = ["-c", &format!("command -v {program}")];
    let found = Command::new("sh").args(which).output();
    found.is_ok_and(|out| out.status.success())
}

/// The folder of installed clients.
fn clients() -> PathBuf {
    let named = std::env::var_os("TAPIR_SHIPPERS").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/shippers"))
}

fn has_rsyslog() -> bool {
    let module = "/usr/lib/x86_64-linux-gnu/rsyslog/omelasticsearch.so";
    let is_there = is_installed("rsyslogd") && Path::new(module).exists();
    if !is_there {
        println!("skipped: rsyslog with rsyslog-elasticsearch is not installed");
    }
    is_there
}

/// rsyslog, that follows `log`.
fn rsyslog(site: &Site, log: &str) -> Daemon {
    let work = site.file("work");
    fs::create_dir(&work).unwrap();
    let config = format!(
        r#"global(workDirectory="{work}" maxMessageSize="1m")
module(load="imfile" mode="polling" pollingInterval="1")
module(load="omelasticsearch")
template(name="raw" type="string" string="%msg%")
input(type="imfile" File="{log}" Tag="agent:" readMode="0" ruleset="out")
ruleset(name="out") {{
  action(type="omelasticsearch" server="localhost" serverport="{}" usehttps="on" template="raw"
    searchIndex="logs-endpoint" searchType="" bulkmode="on" errorfile="{work}/errors"
    tls.cacert="{}" tls.mycert="{}" tls.myprivkey="{}")
}}
"#,
        site.port(),
        site.file("ca.pem"),
        site.file("cert.pem"),
        site.file("key.pem"),
    );
    fs::write(site.file("rsyslog.conf"), config).unwrap();
    let mut daemon = Command::new("rsyslogd");
    daemon.args(["-n", "-f", &site.file("rsyslog.conf")]);
    daemon.args(["-i", &site.file("pid")]);
    Daemon(daemon.spawn().unwrap())
}

#[test]
fn rsyslog_delivers_what_is_added_to_a_file() {
    if !has_rsyslog() {
        return;
    }
    let site = Site::new();
    let log = site.file("agent.log");
    fs::write(&log, lines(20)).unwrap();
    let daemon = rsyslog(&site, &log);
    site.expect(20);
    drop(daemon);
}

/// Answers one request; gives the port.
fn serve() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 4096]).unwrap();
        assert_ne!(read, 0);
        stream.write_all(b"HTTP/1.0 204 x\r\n\r\n").unwrap();
    });
    port
}

#[test]
fn what_the_kernel_audits_arrives_through_auditd_laurel_and_rsyslog() {
    if !has_rsyslog() {
        return;
    }
    let site = Site::new();
    let audit = match Audit::begin(site.folder.path()) {
        Ok(audit) => audit,
        Err(what) => return println!("skipped: {what}"),
    };
    let daemon = rsyslog(&site, &site.file("audit.log"));
    let port = serve();
    let url = format!("http://127.0.0.1:{port}/");
    let mut curl = Command::new("curl").args(["-s", &url]).spawn().unwrap();
    let pid = curl.id();
    assert!(curl.wait().unwrap().success());

    let (mut started, mut called) = (None, None);
    while started.is_none() || called.is_none() {
        let arrived = site.intake.arrived.recv_timeout(PATIENCE);
        for report in arrived.expect("more reports").reports {
            match report.deed {
                Deed::Process(told) if told.process.pid == Some(pid) => {
                    assert_eq!(&*report.agent, NODE);
                    started = Some(told.process);
                }
                Deed::Flow(flow) if flow.process.pid == Some(pid) => called = Some(flow),
                _ => {}
            }
        }
    }
    let (started, called) = (started.unwrap(), called.unwrap());
    let is_curl = |path: Option<&str>| path.is_some_and(|path| path.ends_with("/curl"));
    assert!(is_curl(started.path.as_deref()), "{started:?}");
    let command_line = started.command_line.as_deref().unwrap();
    assert!(command_line.ends_with(&url), "{command_line}");
    let parent = started.parent.as_ref().and_then(|parent| parent.pid);
    assert_eq!(parent, Some(std::process::id()));
    let server = (Ipv4Addr::LOCALHOST.into(), port);
    assert_eq!(called.remote.addr.zip(called.remote.port), Some(server));
    assert!(is_curl(called.process.path.as_deref()), "{called:?}");
    drop((daemon, audit));
    site.intake.stop();
}

#[test]
fn syslog_ng_delivers_what_is_added_to_a_file() {
    if !is_installed("syslog-ng") {
        println!("skipped: syslog-ng with syslog-ng-mod-http is not installed");
        return;
    }
    let site = Site::new();
    let log = site.file("agent.log");
    fs::write(&log, lines(20)).unwrap();
    let config = format!(
        r#"@version: 3.38
source s {{ file("{log}" flags(no-parse) follow-freq(1)); }};
destination d {{
  http(url("https://localhost:{}/_bulk") method("POST")
    headers("Content-Type: application/x-ndjson")
    body("{{\"index\":{{\"_index\":\"logs-endpoint\"}}}}\n${{MESSAGE}}")
    delimiter("\n") body-suffix("\n") batch-lines(10) batch-timeout(500)
    tls(ca-file("{}") cert-file("{}") key-file("{}") peer-verify(yes)));
}};
log {{ source(s); destination(d); }};
"#,
        site.port(),
        site.file("ca.pem"),
        site.file("cert.pem"),
        site.file("key.pem"),
    );
    fs::write(site.file("syslog-ng.conf"), config).unwrap();
    let daemon = Command::new("syslog-ng")
        .args(["-F", "--no-caps", "-f", &site.file("syslog-ng.conf")])
        .args([
            "-R",
            &site.file("persist"),
            "-p",
            &site.file("pid"),
            "-c",
            &site.file("ctl"),
        ])
        .spawn()
        .unwrap();
    let daemon = Daemon(daemon);
    site.expect(20);
    drop(daemon);
}

/// Lines from standard input, one document each.
const PYTHON: &str = "
import json, sys
from elasticsearch import Elasticsearch, helpers
port, ca, cert, key = sys.argv[1:]
es = Elasticsearch(f'https://localhost:{port}', ca_certs=ca, client_cert=cert, client_key=key)
assert es.info()['tagline']
docs = [{'_index': 'logs-endpoint', '_source': json.loads(line)} for line in sys.stdin]
done, errors = helpers.bulk(es, docs, raise_on_error=False)
assert (done, errors) == (len(docs), []), (done, errors)
es.bulk(operations=[{'index': {'_index': 'x'}}, {'x': 1}])['errors'] or sys.exit('not refused')
";

const JAVASCRIPT: &str = "
const fs = require('fs');
const { Client } = require('@elastic/elasticsearch');
const [port, ca, cert, key] = process.argv.slice(1);
const [caText, certText, keyText] = [ca, cert, key].map(file => fs.readFileSync(file));
const client = new Client({
  node: `https://localhost:${port}`, tls: { ca: caText, cert: certText, key: keyText },
  compression: true,
});
const lines = fs.readFileSync(0, 'utf8').trim().split('\\n').map(line => JSON.parse(line));
(async () => {
  await client.info();
  const result = await client.helpers.bulk({
    datasource: lines, onDocument: () => ({ index: { _index: 'logs-endpoint' } }),
  });
  if (result.successful !== lines.length) throw new Error(JSON.stringify(result));
})().catch(error => { console.error(error); process.exit(1); });
";

/// Runs a client on the lines.
fn deliver(site: &Site, mut client: Command, n: u16) {
    let input = site.file("lines");
    fs::write(&input, lines(n)).unwrap();
    let port = site.port().to_string();
    let files = ["ca.pem", "cert.pem", "key.pem"].map(|name| site.file(name));
    client.arg(port).args(files);
    let input = fs::File::open(input).unwrap();
    let mut child = client.stdin(Stdio::from(input)).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "the client does not end");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success());
}

#[test]
fn the_python_client_delivers_in_bulk() {
    let python = clients().join("venv/bin/python");
    if !python.exists() {
        println!(
            "skipped: no virtual environment with elasticsearch in {}",
            clients().display()
        );
        return;
    }
    let site = Site::new();
    let mut client = Command::new(python);
    client.args(["-c", PYTHON]);
    deliver(&site, client, 50);
    site.expect(50);
}

#[test]
fn the_javascript_client_delivers_in_bulk() {
    if !clients()
        .join("node_modules/@elastic/elasticsearch")
        .exists()
    {
        println!(
            "skipped: no @elastic/elasticsearch in {}",
            clients().display()
        );
        return;
    }
    let site = Site::new();
    let mut client = Command::new("node");
    client.current_dir(clients()).args(["-e", JAVASCRIPT]);
    deliver(&site, client, 50);
    site.expect(50);
}
