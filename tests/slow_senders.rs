//! Clients that take their time: each is turned away when its limit is over, what it holds
//! meanwhile is bounded, and other agents are served.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.

mod reporting;

use reporting::{PATIENCE, enrol, line, settings};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tapir::intake::{Authority, Intake, Kind, Settings};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Long enough for a busy machine to do what is meant to be in time.
const LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// A listener, and the configurations of agents that may speak to it.
struct Site {
    intake: Intake,
    clients: Vec<Arc<ClientConfig>>,
    _folder: TempDir,
}

impl Site {
    fn new(change: impl FnOnce(&mut Settings)) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let clients = ["slow", "other"].map(|name| client(dir, &enrol(dir, name, Kind::Host)));
        let mut settings = settings(dir);
        change(&mut settings);
        Site {
            intake: Intake::start(&settings, Vec::new(), None).unwrap(),
            clients: clients.map(Arc::new).to_vec(),
            _folder: folder,
        }
    }

    fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.intake.addr.unwrap()).unwrap();
        tcp.set_read_timeout(Some(PAUSE)).unwrap();
        tcp.set_write_timeout(Some(PAUSE)).unwrap();
        tcp
    }

    fn slow(&self) -> Tls {
        self.tls(0)
    }

    fn tls(&self, client: usize) -> Tls {
        let name = "localhost".try_into().unwrap();
        let client = ClientConnection::new(self.clients[client].clone(), name).unwrap();
        let mut tcp = self.tcp();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = client;
        while client.is_handshaking() {
            client.complete_io(&mut tcp).unwrap();
        }
        tcp.set_read_timeout(Some(PAUSE)).unwrap();
        StreamOwned::new(client, tcp)
    }

    /// Another agent is served.
    fn serves_others(&self) {
        let mut stream = self.tls(1);
        stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = line(1);
        stream.write_all(post(body.len()).as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
}

fn client(dir: &Path, identity: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = Authority::open(dir).unwrap();
    let authority = CertificateDer::from_pem_slice(authority.certificate().as_bytes());
    roots.add(authority.unwrap()).unwrap();
    let own = CertificateDer::from_pem_slice(identity.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.as_bytes()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![own], key)
        .unwrap()
}

fn post(length: usize) -> String {
    format!("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
}

/// Whether there is nothing to be read yet.
fn is_nothing(read: &std::io::Result<usize>) -> bool {
    let kind = read.as_ref().map_err(std::io::Error::kind);
    matches!(
        kind,
        Err(ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
    )
}

/// Sends `piece` again and again until the sensor answers or closes; gives what it said, and how
/// long that took.
fn drip(mut stream: impl Read + Write, piece: &[u8]) -> (String, Duration) {
    let began = Instant::now();
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        assert!(began.elapsed() < PATIENCE, "nobody ends it");
        let is_open = stream
            .write_all(piece)
            .and_then(|()| stream.flush())
            .is_ok();
        let read = stream.read(&mut chunk);
        match read {
            Ok(0) => break,
            Ok(read) => said.extend_from_slice(&chunk[..read]),
            Err(_) if is_nothing(&read) && is_open => {}
            Err(_) => break,
        }
    }
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed())
}

/// Resident memory in bytes.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_handshake_must_end() {
    let site = Site::new(|settings| settings.handshake_time_max = LIMIT);
    // The beginning of a record with a ClientHello of 512 bytes, of which one comes at a time.
    let mut silent = site.tcp();
    silent.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).unwrap();
    let (said, took) = drip(silent, &[0]);
    assert!(took >= LIMIT / 2, "{took:?}: {said}");
    site.serves_others();
    site.intake.stop();
}

#[test]
fn the_head_of_a_request_must_end() {
    let site = Site::new(|settings| settings.idle_time_max = LIMIT);
    let mut slow = site.slow();
    slow.write_all(b"POST /v1/events HTTP/1.1\r\nX-Slow: ")
        .unwrap();
    let (said, took) = drip(slow, b"x");
    assert!(
        took >= LIMIT / 2 && !said.contains(" 200 "),
        "{took:?}: {said}"
    );
    // One that says nothing at all.
    let (said, took) = drip(site.slow(), b"");
    assert!(took >= LIMIT / 2 && said.is_empty(), "{took:?}: {said}");
    site.serves_others();
    site.intake.stop();
}

#[test]
fn a_body_must_end() {
    let site = Site::new(|settings| settings.body_time_max = LIMIT);
    for head in [
        post(1000),
        post(0).replace("Content-Length: 0", "Transfer-Encoding: chunked"),
    ] {
        let piece: &[u8] = if head.contains("chunked") {
            b"1\r\n \r\n"
        } else {
            b" "
        };
        let mut slow = site.slow();
        slow.write_all(head.as_bytes()).unwrap();
        let (said, took) = drip(slow, piece);
        assert!(took >= LIMIT / 2, "{took:?}: {said}");
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    }
    site.serves_others();
    site.intake.stop();
}

#[test]
fn an_answer_must_be_taken() {
    let site = Site::new(|settings| settings.answer_time_max = LIMIT);
    // An answer that is longer than what sockets hold.
    let operations = "{\"delete\":{}}\n".repeat(100_000);
    let head = post(operations.len()).replace("/v1/events", "/_bulk");
    let mut slow = site.slow();
    slow.sock.set_write_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(operations.as_bytes()).unwrap();
    let began = Instant::now();
    // Nothing of it is read; that the sensor has closed shows when something is sent.
    while slow.write_all(b"GET ").and_then(|()| slow.flush()).is_ok() {
        assert!(began.elapsed() < PATIENCE, "nobody ends it");
        std::thread::sleep(PAUSE);
    }
    assert!(began.elapsed() >= LIMIT / 2, "{:?}", began.elapsed());
    site.serves_others();
    site.intake.stop();
}

#[test]
fn what_one_sender_holds_is_bounded() {
    let most = 60;
    let site = Site::new(|settings| {
        settings.agent_connections_max = most;
        settings.body_time_max = PATIENCE;
    });
    let before = resident();
    let mut held: Vec<Tls> = (0..most).map(|_| site.slow()).collect();
    // All that a body may have, but for its last byte.
    let length = 8 << 20;
    let blanks = vec![b' '; 64 << 10];
    let senders: Vec<_> = held
        .drain(..)
        .map(|mut stream| {
            let blanks = blanks.clone();
            std::thread::spawn(move || {
                stream.write_all(post(length).as_bytes()).unwrap();
                let mut sent = 0;
                // Until the sensor reads no more.
                while sent + blanks.len() < length && stream.write_all(&blanks).is_ok() {
                    sent += blanks.len();
                }
                stream
            })
        })
        .collect();
    held.extend(senders.into_iter().map(|sender| sender.join().unwrap()));
    let more = (resident().saturating_sub(before)) >> 20;
    // 60 times 8 MiB were offered; the agent's share is 16 MiB, the rest are buffers of both ends.
    assert!(more < 160, "{more} MiB more");
    site.serves_others();
    for stream in &mut held {
        let read = stream.sock.peek(&mut [0]);
        // TLS sends tickets after its handshake, which `read` takes; an answer there is not.
        assert!(is_nothing(&read) || read.is_ok(), "{read:?}");
    }
    // One connection more is closed at once.
    let (said, _) = drip(site.slow(), b"x");
    assert_eq!(said, "");
    site.serves_others();
    drop(held);
    site.intake.stop();
}
