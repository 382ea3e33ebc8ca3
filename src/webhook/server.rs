//! The accept loop of the webhook, with TLS.
//!
//! It is Bulkhead's own, because the ones in libraries do not limit the time of a silent handshake, the time of idle
//! connections or the number of connections, and they offer HTTP/2.

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

use super::certificate::ServingCertificate;

/// Time limit of a TLS handshake, which takes milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay after an error of the listener itself, such as no free file descriptor.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// Maximum number of connections. Further callers wait to be accepted.
const MAX_CONNECTIONS: usize = 2048;
/// Size of the read buffer: enough for the headers, and for a common review in one read.
const READ_BUFFER: usize = 64 << 10;

/// Time limits of connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Maximum time for a connection to be silent, or to send its headers. It must exceed the 90 s for which an API
    /// server keeps idle connections.
    pub idle: Duration,
    /// Maximum time for open requests after the server stops.
    pub drain: Duration,
}

/// Serves until `stop` is cancelled, then waits for the open requests.
pub async fn serve(
    listener: TcpListener,
    certificate: Arc<ServingCertificate>,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) -> Result<(), rustls::Error> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(certificate)?));
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let (stream, peer, permit) = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = stop.cancelled() => break,
        };
        let (acceptor, router, limits, stop) =
            (acceptor.clone(), router.clone(), limits.clone(), stop.clone());
        connections.spawn(async move {
            let _permit = permit;
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

fn tls(certificate: Arc<ServingCertificate>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    // An API server calls a Service with HTTP/1.1 (https://issue.k8s.io/75791). A single protocol needs a single set
    // of limits.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &TlsAcceptor,
    router: Router,
    limits: &ConnectionLimits,
    stop: &CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
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
