//! From endpoint agents on the network to reports for the sensor, none lost once acknowledged.
//!
//! One TLS listener with three surfaces: lines of any format that
//! [`format`](crate::endpoint::format) knows (`POST /v1/events`), the part of Elasticsearch's API
//! that shippers use, and osquery's TLS API. A line is written to the [`journal`] before it is
//! acknowledged; the sensor is handed what is in the journal, and the same journal replays the
//! run. Runs on threads of its own, never on the packet path. Judges nothing: what is said is a
//! claim of the agent that was authenticated. Everything a client can make large is bounded:
//! connections, time, bytes, lines, rates.
#![allow(clippy::disallowed_methods)] // The shell reads clocks and files and starts threads.

mod accounts;
mod agents;
mod answer;
mod authority;
mod backlog;
mod batches;
mod body;
mod caller;
mod desk;
mod elastic;
mod events;
mod followed;
mod gateways;
mod journal;
mod lines;
mod osquery;
mod patient;
mod private;
mod room;
mod serving;
mod settings;

pub use accounts::{Counts, Seen};
pub use agents::{Agents, Enrolled, Kind};
pub use authority::Authority;
pub use batches::Named;
pub use gateways::Gateways;
pub use journal::{Arrived, Journaled};
pub use settings::Settings;

use anyhow::Context;
use caller::Peer;
use crossbeam_channel::Receiver;
use desk::{Desk, Shared};
use journal::Journal;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// The listener and what follows files, while they run.
pub struct Intake {
    /// What the sensor is to take, in the order of the journal.
    pub arrived: Receiver<Arrived>,
    /// Where the listener is, if there is one.
    pub addr: Option<SocketAddr>,
    desk: Option<Shared>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Intake {
    /// Opens the journal, hands on what is in it after the line number `from` (none: what came in
    /// the last hour), and begins to listen and to follow `files`.
    ///
    /// # Errors
    /// A folder or a file that cannot be used, an address that cannot be listened on.
    pub fn start(
        settings: &Settings,
        files: Vec<PathBuf>,
        from: Option<u64>,
    ) -> anyhow::Result<Intake> {
        let (stop, stopped) = watch::channel(false);
        let (journal, writer, backlog, arrived) = Journal::open(settings, from)?;
        let mut threads = vec![
            std::thread::spawn(move || writer.run()),
            std::thread::spawn(move || backlog.run()),
        ];
        let (mut addr, mut answering) = (None, None);
        if let Some(listen) = settings.listen {
            let desk = Arc::new(Desk::open(settings, journal.clone())?);
            let tls = Authority::open(&settings.dir)?
                .server_config(&settings.names, settings.require_certificate)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            let bound = runtime.block_on(tokio::net::TcpListener::bind(listen));
            let listener = bound.with_context(|| {
                format!("{listen} cannot be listened on; name another with intake.listen")
            })?;
            addr = Some(listener.local_addr()?);
            answering = Some(desk.clone());
            let stopped = stopped.clone();
            threads.push(std::thread::spawn(move || {
                runtime.block_on(serving::serve(listener, tls, desk, stopped));
            }));
        }
        if !files.is_empty() {
            let follower = followed::Follower::open(settings, files, journal.clone())?;
            threads.push(std::thread::spawn(move || follower.run(&stopped)));
        }
        Ok(Intake {
            arrived,
            addr,
            desk: answering,
            stop,
            threads,
        })
    }

    /// Answers what comes over `stream`, as if over TLS from `addr` with a certificate of this name
    /// and serial number; ends with the stream.
    ///
    /// # Errors
    /// Nothing is listened to; the stream breaks off, or brings what is no HTTP.
    pub async fn answer(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
        addr: IpAddr,
        certificate: Option<(String, String)>,
    ) -> anyhow::Result<()> {
        let desk = self.desk.clone().context("nothing is listened to")?;
        let peer = Peer::new(addr, certificate, &desk.room);
        let router = serving::router(desk.clone());
        serving::answer(stream, peer, (&desk, router), self.stop.subscribe()).await
    }

    /// Stops listening. What was acknowledged and not taken from `arrived` stays in the journal.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        // The writer may wait for a place in the queue, or for who could bring more.
        drop((self.arrived, self.desk));
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
