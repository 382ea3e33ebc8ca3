//! A load generator: clients in this process, each with a connection over TLS that it keeps, and a next request as soon
//! as the last one is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_harness::program::SERVER_NAME;
use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Open connections to one server.
pub(crate) struct Load {
    connections: Vec<SendRequest<Full<Bytes>>>,
    path: &'static str,
    body: Bytes,
}

impl Load {
    /// Opens `number` connections to a server that has a certificate of the CA in `bundle`, PEM.
    pub(crate) async fn connect(
        address: SocketAddr,
        bundle: &str,
        number: usize,
        path: &'static str,
        body: Bytes,
    ) -> Self {
        let connector = TlsConnector::from(Arc::new(tls(bundle)));
        let connections = join_all((0..number).map(|_| connect(address, &connector))).await;
        Self { connections, path, body }
    }

    /// Sends requests on all connections for this time. Returns the number of answers.
    pub(crate) async fn send_for(&mut self, time: Duration) -> u32 {
        let end = Instant::now() + time;
        let tasks: Vec<_> = self
            .connections
            .drain(..)
            .map(|mut connection| {
                let (path, body) = (self.path, self.body.clone());
                tokio::spawn(async move {
                    let mut answers = 0;
                    while Instant::now() < end {
                        send(&mut connection, path, body.clone()).await;
                        answers += 1;
                    }
                    (connection, answers)
                })
            })
            .collect();
        let mut all = 0;
        for ended in join_all(tasks).await {
            let (connection, answers) = ended.expect("no panic");
            self.connections.push(connection);
            all += answers;
        }
        all
    }
}

async fn send(connection: &mut SendRequest<Full<Bytes>>, path: &str, body: Bytes) {
    let request = Request::post(path).header(header::HOST, "webhook");
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Full::new(body));
    connection.ready().await.expect("an open connection");
    let answer = connection.send_request(request.expect("a request")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = answer.into_body().collect().await.expect("the whole answer").to_bytes();
    assert!(answer.windows(14).any(|part| part == b"\"allowed\":true"), "a review that is allowed");
}

async fn connect(address: SocketAddr, connector: &TlsConnector) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let name = SERVER_NAME.try_into().expect("a name");
    let stream = connector.connect(name, stream).await.expect("a TLS session");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("an HTTP connection");
    tokio::spawn(connection);
    sender
}

fn tls(bundle: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.expect("a certificate")).expect("a CA");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("versions of TLS");
    builder.with_root_certificates(roots).with_no_client_auth()
}
