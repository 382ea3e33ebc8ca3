use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Time limit of one export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of the collector's answer.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Error of a client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{file}: {error}")]
    Certificate { file: String, error: rustls::pki_types::pem::Error },
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Sends exports to the collector. The thread that exports has no runtime of its own, so that requests run on that of
/// the process.
#[derive(Debug)]
pub(super) struct CollectorClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl CollectorClient {
    /// Returns a client that trusts the CAs in the file `certificate`, or those of the machine.
    pub(super) fn new(certificate: Option<&str>) -> Result<Self, ClientError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(certificate)?)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime: Handle::current() })
    }
}

fn tls(certificate: Option<&str>) -> Result<ClientConfig, ClientError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder =
        ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
    let mut roots = RootCertStore::empty();
    if let Some(file) = certificate {
        let unreadable = |error| ClientError::Certificate { file: file.to_owned(), error };
        for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
            roots.add(certificate.map_err(unreadable)?)?;
        }
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    // An image without CA certificates can still reach a collector over plain HTTP.
    let builder = match builder.clone().with_native_roots() {
        Ok(builder) => builder,
        Err(_) => builder.with_root_certificates(roots),
    };
    Ok(builder.with_no_client_auth())
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        // The timer, too, belongs to the runtime.
        self.runtime.spawn(async move { timeout(EXPORT_TIMEOUT, exchange).await }).await??
    }
}
