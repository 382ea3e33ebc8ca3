//! The accept loop. Our own: a library's would give no bound on a silent handshake, on idle connections or
//! on their number, and would offer HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::certificate::Shown;

/// A handshake takes milliseconds.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// After an error of the listener itself, such as no more descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Beyond these a caller waits to be accepted.
const MOST_CONNECTIONS: usize = 2048;
/// Room for a head, and for a common review in one read.
const READ_BUFFER: usize = 64 << 10;

/// How connections are kept and ended.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a connection may be silent, or take to send a head: longer than the API server's 90 s pool.
    pub idle: Duration,
    /// How long requests under way may take once the server stops.
    pub drain: Duration,
}

/// Serves until `stop`, then lets what is under way finish.
pub async fn serve(
    listener: TcpListener,
    certificate: Arc<Shown>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), rustls::Error> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(certificate)?));
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let (acceptor, router, limits, stop) =
            (acceptor.clone(), router.clone(), limits.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            connection(stream, peer, &acceptor, router, &limits, &stop).await;
        });
    }
    drop(listener);
    connections.close();
    if timeout(limits.drain, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "stopped before these connections had finished");
    }
    Ok(())
}

fn tls(certificate: Arc<Shown>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    // An API server speaks HTTP/1.1 to a Service; one protocol is one set of limits.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &TlsAcceptor,
    router: Router,
    limits: &Limits,
    stop: &CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%peer, %error, "failed the TLS handshake"),
        Err(_) => return debug!(%peer, "timed out in the TLS handshake"),
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection failed");
    }
}
