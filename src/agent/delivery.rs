//! From batches in the spool to the sensor: one at a time, in order, until each is acknowledged.
//!
//! Runs on a thread of its own. While the sensor is away it is asked again after a second, then
//! after two, up to [`WAIT_MAX`]. A batch that the sensor will never take is put aside, so that it
//! holds nothing up.
#![allow(clippy::disallowed_methods, clippy::print_stderr)] // The shell tells what goes wrong.

use super::batches;
use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::ring::default_provider;
use ureq::tls::{ClientCert, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// How often the folder is looked into.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A request takes no longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// When the agent stops, what is left may take so long.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Delivers batches.
pub(super) struct Delivery {
    dir: PathBuf,
    url: String,
    /// What makes the numbers of batches this agent's own.
    agent: String,
    http: ureq::Agent,
    /// Lines that the sensor refused.
    refused: Arc<AtomicU64>,
    /// What was told last, so that it is told once.
    told: String,
}

/// What the sensor made of a batch.
enum Answer {
    Taken,
    /// It will never take it, and why.
    Never(String),
    /// It may take it later, and why not now.
    Later(String),
}

impl Delivery {
    /// Delivers what comes into `dir` to the sensor at `url`, as who `identity` says.
    ///
    /// # Errors
    /// An identity that is not what `tapir agents enrol` prints.
    pub fn new(
        dir: &Path,
        url: &str,
        agent: &str,
        identity: &Path,
        refused: Arc<AtomicU64>,
    ) -> anyhow::Result<Delivery> {
        let pem = fs::read(identity)
            .with_context(|| format!("{}: cannot be read", identity.display()))?;
        let tls = tls(&pem).with_context(|| {
            format!(
                "{}: expected is what `tapir agents enrol` prints on the sensor",
                identity.display()
            )
        })?;
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .https_only(true)
            .user_agent(concat!("tapir-agent/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Delivery {
            dir: dir.to_owned(),
            url: format!("{}/v1/events", url.trim_end_matches('/')),
            agent: agent.to_owned(),
            http: config.into(),
            refused,
            told: String::new(),
        })
    }

    /// Delivers until `stop` is closed, and then what is left, for a while.
    pub fn run(mut self, stop: &Receiver<()>) {
        let (mut wait, mut stopped_at) = (WAIT_MIN, None);
        loop {
            let pause = match self.deliver() {
                Ok(()) => {
                    wait = WAIT_MIN;
                    LOOK_EVERY
                }
                Err(error) => {
                    self.tell(format!("{}: {error:#}", self.url));
                    wait = (wait * 2).min(WAIT_MAX);
                    wait / 2
                }
            };
            if let Some(at) = stopped_at {
                let elapsed: Duration = Instant::now() - at;
                let is_empty = || batches::list(&self.dir).is_ok_and(|left| left.is_empty());
                if elapsed >= STOP_TIMEOUT || is_empty() {
                    return;
                }
                std::thread::sleep(LOOK_EVERY);
            } else if stop.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                stopped_at = Some(Instant::now());
            }
        }
    }

    /// Delivers every batch that is there.
    ///
    /// # Errors
    /// Why the sensor cannot take the first that is left.
    fn deliver(&mut self) -> anyhow::Result<()> {
        for batch in batches::list(&self.dir)? {
            let path = self.dir.join(batches::name(batch.number));
            let Ok(lines) = fs::read(&path) else {
                // It had to leave.
                continue;
            };
            match self.post(batch.number, &lines)? {
                Answer::Taken => fs::remove_file(&path)?,
                Answer::Never(why) => {
                    let aside = path.with_extension("refused");
                    self.tell(format!("{}: {why}; kept there", aside.display()));
                    fs::rename(&path, &aside)?;
                }
                Answer::Later(why) => bail!(why),
            }
        }
        Ok(())
    }

    fn post(&self, number: u64, lines: &[u8]) -> anyhow::Result<Answer> {
        let mut body = GzEncoder::new(Vec::new(), Compression::fast());
        body.write_all(lines)?;
        let request = self
            .http
            .post(&self.url)
            .header("Content-Type", "application/x-ndjson")
            .header("Content-Encoding", "gzip")
            .header("X-Batch-Id", format!("{}-{number}", self.agent));
        let mut response = request.send(body.finish()?)?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Ok(match status {
            200 => {
                let verdict = serde_json::from_str::<serde_json::Value>(&text).ok();
                let refused = verdict.and_then(|verdict| verdict["refused_n"].as_u64());
                self.refused
                    .fetch_add(refused.unwrap_or(0), Ordering::Relaxed);
                Answer::Taken
            }
            400 | 413 | 415 => Answer::Never(format!("{status} {text}")),
            _ => Answer::Later(format!("{status} {text}")),
        })
    }

    fn tell(&mut self, what: String) {
        if what != self.told {
            eprintln!("tapir: {what}");
            self.told = what;
        }
    }
}

/// The first certificate and the key are the agent's, the last certificate the authority's.
fn tls(pem: &[u8]) -> anyhow::Result<TlsConfig> {
    let (mut certificates, mut key) = (Vec::new(), None);
    for item in parse_pem(pem) {
        match item? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            PemItem::PrivateKey(private) => key = Some(private),
            _ => {}
        }
    }
    let authority = certificates.pop().filter(|_| !certificates.is_empty());
    let (Some(authority), Some(key)) = (authority, key) else {
        bail!("a certificate, its key and the authority's certificate are needed");
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .root_certs(RootCerts::from(vec![authority]))
        .client_cert(Some(ClientCert::new_with_certs(&certificates, key)))
        .build())
}
