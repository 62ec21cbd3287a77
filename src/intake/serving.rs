//! From connections to requests: TLS, who is at the other end, how long and how many.
//!
//! HTTP/1.1 alone, which is what agents speak. A connection that says nothing is closed; so is one
//! whose handshake or headers take too long, or that takes nothing of what it is answered. When as
//! many are open as may be, others wait in the kernel's queue.

use super::authority::who;
use super::caller::Peer;
use super::desk::{Desk, Shared};
use super::patient::Patient;
use super::{elastic, events, osquery};
use axum::Router;
use axum::extract::Extension;
use axum::routing::{any, get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Bytes of a request's head, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// After so long without a place for one, connections are told to wait.
const TIDY_EVERY: Duration = Duration::from_secs(2);
/// When the kernel has no more descriptors, for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What is being answered may be so, when the sensor stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until `stopped` is true.
pub(super) async fn serve(
    listener: TcpListener,
    tls: ServerConfig,
    desk: Shared,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(desk.settings.connections_max));
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let router = router(desk.clone());
    let mut tidy = tokio::time::interval(TIDY_EVERY);
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            _ = tidy.tick() => {
                let desk = desk.clone();
                tokio::task::spawn_blocking(move || desk.tidy());
                continue;
            }
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, addr, place) = accepted;
        let (acceptor, router) = (acceptor.clone(), router.clone());
        let (desk, stopped) = (desk.clone(), stopped.clone());
        tokio::spawn(async move {
            let to = (&*desk, router);
            if let Err(error) = converse(stream, addr, &acceptor, to, stopped).await {
                tracing::debug!("{addr}: {error:#}");
            }
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(desk.settings.connections_max).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(STOP_TIMEOUT, places.acquire_many(all)).await;
    desk.tidy();
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<Place>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => return (stream, addr, place),
            Err(error) => {
                tracing::warn!("a connection could not be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one connection's requests, over TLS.
async fn converse(
    stream: TcpStream,
    addr: SocketAddr,
    acceptor: &TlsAcceptor,
    (desk, router): (&Desk, Router),
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, desk.settings.answer_time_max);
    let handshake = acceptor.accept(stream);
    let stream = tokio::time::timeout(desk.settings.handshake_time_max, handshake).await??;
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let peer = Peer::new(addr.ip(), certificate.and_then(who), &desk.room);
    let place = peer.certificate.as_ref().map(|_| peer.sender.connect());
    if let Some(None) = place {
        anyhow::bail!("the agent has as many connections as it may");
    }
    answer(stream, peer, (desk, router), stopped).await
}

/// Answers the requests that come over `stream` from `peer`.
pub(super) async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Peer,
    (desk, router): (&Desk, Router),
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(desk.settings.idle_time_max)
        .max_buf_size(HEAD_BYTES_MAX)
        // A client that says no more is answered what it asked.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return Ok(result?),
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    // What is being answered is; nothing new is begun.
    connection.as_mut().graceful_shutdown();
    Ok(connection.await?)
}

pub(super) fn router(desk: Shared) -> Router {
    Router::new()
        .route("/v1/events", post(events::post))
        .route("/_bulk", post(elastic::bulk).put(elastic::bulk))
        .route("/{index}/_bulk", post(elastic::bulk).put(elastic::bulk))
        .route("/osquery/enroll", post(osquery::enroll))
        .route("/osquery/config", post(osquery::config))
        .route("/osquery/log", post(osquery::log))
        .route("/osquery/distributed_read", post(osquery::distributed))
        .route("/osquery/distributed_write", post(osquery::distributed))
        .route("/", get(elastic::root))
        .fallback(any(elastic::other))
        .with_state(desk)
}
