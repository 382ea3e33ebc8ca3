//! The accept loop of the webhook, with TLS.
//!
//! It is Bulkhead's own, because the ones in libraries do not limit the time of a silent handshake, the time of idle
//! connections or the number of connections, of all callers and of one, and they offer HTTP/2.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::certificate::{ClientCa, ServingCertificate};
use super::connections::{Slot, Slots};
use crate::telemetry::Metrics;

/// Time limit of a TLS handshake, which takes milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay after an error of the listener itself, such as no free file descriptor.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// Size of the buffer for the bytes of a request: enough for the headers, and for a common review in one read.
const READ_BUFFER: usize = 64 << 10;
/// Size of the buffer for encrypted bytes, a TLS record. TLS alone asks the system for 4 kB at a time.
const RECORD_BUFFER: usize = 16 << 10;

/// The certificate that callers see, and the CA that theirs must be of; without it, anyone may call.
#[derive(Debug)]
pub struct Identities {
    pub certificate: Arc<ServingCertificate>,
    pub client_ca: Option<Arc<ClientCa>>,
}

/// Limits of connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Maximum number of connections from one address.
    pub per_source: usize,
    /// Maximum time for a connection to be silent, or to send its headers. It must exceed the 90 s for which an API
    /// server keeps idle connections.
    pub idle: Duration,
    /// Maximum time for open requests after the server stops.
    pub drain: Duration,
}

/// The two steps of the end of a server.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled when the endpoint is about to be removed. From now on each answer closes its connection, so that the
    /// caller's next request opens one to another replica.
    pub leave: CancellationToken,
    /// Cancelled when no caller is expected any more. Connections that are still open are idle, or new.
    pub stop: CancellationToken,
}

/// Serves until it shall stop, then waits for the open requests.
pub async fn serve(
    listener: TcpListener,
    identities: Identities,
    router: Router,
    limits: ConnectionLimits,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
) -> Result<(), rustls::Error> {
    let Shutdown { leave, stop } = shutdown;
    let acceptor = TlsAcceptor::from(Arc::new(tls(identities)?));
    let router =
        router.layer(map_response(move |response| ready(close_after(response, leave.is_cancelled()))));
    let slots = Slots::new(limits.per_source, stop.clone());
    let connections = TaskTracker::new();
    loop {
        let (stream, peer, slot) = tokio::select! {
            accepted = accept(&listener, &slots, &metrics) => accepted,
            () = stop.cancelled() => break,
        };
        let (acceptor, router, idle) = (acceptor.clone(), router.clone(), limits.idle);
        let metrics = Arc::clone(&metrics);
        connections.spawn(async move {
            let handshake = handshake(stream, peer, &acceptor, &metrics);
            if let Some(Some(stream)) = slot.end.run_until_cancelled(handshake).await {
                connection(stream, peer, router, idle, &slot.end).await;
            }
        });
    }
    drop(listener);
    connections.close();
    if timeout(limits.drain, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "stopped before these connections had finished");
    }
    Ok(())
}

/// Asks the caller to close the connection after this response, if it shall.
fn close_after(mut response: Response, closes: bool) -> Response {
    if closes {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn tls(identities: Identities) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let builder = match identities.client_ca {
        Some(client_ca) => builder.with_client_cert_verifier(client_ca),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identities.certificate);
    // A resumed session would not show a certificate again, so it would outlive the CA. API servers resume none.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // An API server calls a Service with HTTP/1.1 (https://issue.k8s.io/75791). A single protocol needs a single set
    // of limits.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Slots>,
    metrics: &Metrics,
) -> (TcpStream, SocketAddr, Slot) {
    let mut permit = slots.free(|| metrics.admission.record_refused_connection("evicted")).await;
    loop {
        match listener.accept().await {
            // Closed at once: the callers at other addresses must not wait for this one.
            Ok((stream, peer)) => match slots.take(peer.ip(), permit) {
                Ok(slot) => return (stream, peer, slot),
                Err(unused) => {
                    permit = unused;
                    metrics.admission.record_refused_connection("source-limit");
                    debug!(%peer, "closed a connection: its address has too many");
                }
            },
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn handshake(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &TlsAcceptor,
    metrics: &Metrics,
) -> Option<TlsStream<BufReader<TcpStream>>> {
    let _ = stream.set_nodelay(true);
    let stream = BufReader::with_capacity(RECORD_BUFFER, stream);
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            debug!(%peer, "accepted a connection");
            return Some(stream);
        }
        Ok(Err(error)) => debug!(%peer, %error, "failed the TLS handshake"),
        Err(_) => debug!(%peer, "timed out in the TLS handshake"),
    }
    metrics.admission.record_refused_connection("handshake");
    None
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    idle: Duration,
    end: &CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    // A request that has already arrived is answered: the connection is asked first, and after the runtime has looked for
    // new bytes, which it does for a task that yields.
    let must_end = async {
        end.cancelled().await;
        yield_now().await;
    };
    let ended = tokio::select! {
        biased;
        ended = &mut connection => ended,
        () = must_end => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "connection failed");
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::io::{Read, Write};

    use super::*;

    /// The runtime has one thread, so the connection learns of its end and of the request at the same time.
    #[tokio::test]
    async fn request_that_arrives_before_the_end_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let end = CancellationToken::new();
        let served = tokio::spawn({
            let end = end.clone();
            async move { connection(stream, peer, Router::new(), Duration::from_secs(9), &end).await }
        });
        sleep(Duration::from_millis(50)).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: webhook\r\n\r\n").unwrap();
        end.cancel();
        served.await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}
