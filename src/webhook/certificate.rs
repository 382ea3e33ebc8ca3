//! The serving certificate of the webhook: read from a Secret or from two files and reloaded when they change, or created
//! for development; and the CA of its callers, reloaded in the same way.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use tracing::{info, warn};

use crate::certs::{CERTIFICATE_SECRET, Validity};
use crate::sources::watch_backoff::watch_backoff;
use crate::telemetry::{CertificateRole, Metrics};

/// Polling interval. Polling also sees a renamed file or a replaced symbolic link.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Error of a certificate and key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{}: {error}", file.display())]
    File { file: PathBuf, error: std::io::Error },
    #[error("{}: {error}", file.display())]
    Pem { file: PathBuf, error: rustls::pki_types::pem::Error },
    #[error("the certificate file holds no certificate")]
    Empty,
    #[error("{}: the file holds no certificate", file.display())]
    EmptyCa { file: PathBuf },
    #[error("{}: a certificate in it is not that of a CA: {error}", file.display())]
    Ca { file: PathBuf, error: rustls::Error },
    #[error("certificate and key do not match: {0}")]
    Pair(#[from] rustls::Error),
    #[error("failed to create a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("not in PEM: {0}")]
    Text(#[from] rustls::pki_types::pem::Error),
    #[error("the Secret has no `{0}`")]
    Field(&'static str),
    #[error("failed to watch the Secret: {0}")]
    Watch(#[from] watcher::Error),
}

/// The certificate and key in use; none before the first.
#[derive(Debug)]
pub struct ServingCertificate(ArcSwapOption<CertifiedKey>);

impl ServingCertificate {
    /// Uses another pair for new connections.
    fn replace(&self, pair: CertifiedKey, metrics: &Metrics) {
        let leaf = pair.cert.first().and_then(|leaf| Validity::of_der(leaf));
        metrics.certificates.set(CertificateRole::Leaf, leaf);
        self.0.store(Some(Arc::new(pair)));
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

/// Two PEM files: the certificate chain, leaf first, and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The contents of the two files.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateFiles {
    fn contents(&self) -> Result<Contents, CertificateError> {
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    fn pair(&self, contents: &Contents) -> Result<CertifiedKey, CertificateError> {
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|error| CertificateError::Pem { file: self.key.clone(), error })?;
        certified_key(chain, key)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|error| CertificateError::File { file: file.to_owned(), error })
}

/// Returns the certificates in the content of a PEM file.
fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    all.map_err(|error| CertificateError::Pem { file: file.to_owned(), error })
}

fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// Combines a certificate and its key. Fails if they do not match.
fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, CertificateError> {
    if chain.is_empty() {
        return Err(CertificateError::Empty);
    }
    Ok(CertifiedKey::from_der(chain, key, &provider())?)
}

/// Returns the certificate in `files`, and reloads it when they change. If the new pair is invalid, the old one stays
/// in use. Polls on the current runtime until that ends.
pub fn from_files(
    files: CertificateFiles,
    metrics: Arc<Metrics>,
) -> Result<Arc<ServingCertificate>, CertificateError> {
    let contents = files.contents()?;
    let serving = Arc::new(ServingCertificate(ArcSwapOption::empty()));
    serving.replace(files.pair(&contents)?, &metrics);
    let updated = Arc::clone(&serving);
    let contents_of = files.clone();
    let store = move |contents: &Contents| {
        updated.replace(files.pair(contents)?, &metrics);
        Ok(())
    };
    tokio::spawn(poll("certificate", contents, move || contents_of.contents(), store));
    Ok(serving)
}

/// Returns the certificate in the Secret of that name, and replaces it when the Secret changes. There is none until the
/// Secret exists; then `loaded` is called. If a new pair is invalid, the old one stays in use.
pub fn from_secret(
    client: Client,
    namespace: &str,
    metrics: Arc<Metrics>,
    loaded: impl Fn() + Send + 'static,
) -> Arc<ServingCertificate> {
    let serving = Arc::new(ServingCertificate(ArcSwapOption::empty()));
    let updated = Arc::clone(&serving);
    let config = watcher::Config::default().fields(&format!("metadata.name={CERTIFICATE_SECRET}"));
    let secrets = watcher(Api::<Secret>::namespaced(client, namespace), config).backoff(watch_backoff());
    tokio::spawn(async move {
        let mut secrets = pin!(secrets.applied_objects());
        while let Some(secret) = secrets.next().await {
            match secret.map_err(CertificateError::from).and_then(|secret| pair_in(&secret)) {
                Ok(pair) => {
                    updated.replace(pair, &metrics);
                    loaded();
                    info!("loaded the certificate of the Secret {CERTIFICATE_SECRET}");
                }
                Err(error) => {
                    warn!(%error, "the Secret {CERTIFICATE_SECRET} has no new certificate; the previous one stays in use");
                }
            }
        }
    });
    serving
}

fn pair_in(secret: &Secret) -> Result<CertifiedKey, CertificateError> {
    let field = |name| {
        let data = secret.data.as_ref().and_then(|data| data.get(name));
        data.map(|bytes| bytes.0.as_slice()).ok_or(CertificateError::Field(name))
    };
    let chain = CertificateDer::pem_slice_iter(field("tls.crt")?).collect::<Result<Vec<_>, _>>()?;
    certified_key(chain, PrivateKeyDer::from_pem_slice(field("tls.key")?)?)
}

/// Reads again and again, and stores new content. An error is logged, and changes nothing.
async fn poll<C: PartialEq + Send>(
    what: &str,
    mut last: C,
    read: impl Fn() -> Result<C, CertificateError> + Send,
    store: impl Fn(&C) -> Result<(), CertificateError> + Send,
) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let contents = match read() {
            Ok(contents) if contents == last => continue,
            Ok(contents) => contents,
            Err(error) => {
                warn!(%error, "failed to read the {what}; the previous one stays in use");
                continue;
            }
        };
        match store(&contents) {
            Ok(()) => info!("loaded a new {what}"),
            Err(error) => warn!(%error, "the new {what} cannot be used; the previous one stays in use"),
        }
        last = contents;
    }
}

/// The verifier of callers' certificates by the client CA in use.
#[derive(Debug)]
pub struct ClientCa(ArcSwap<Arc<dyn ClientCertVerifier>>);

/// Returns a verifier of callers by the CA certificates in `file`, and reloads it when the file changes. If the new
/// content is invalid, the old one stays in use. Polls on the current runtime until that ends.
pub fn client_ca(file: PathBuf, metrics: Arc<Metrics>) -> Result<Arc<ClientCa>, CertificateError> {
    let contents = read(&file)?;
    let verifying = Arc::new(ClientCa(ArcSwap::from_pointee(verifier(&file, &contents, &metrics)?)));
    let updated = Arc::clone(&verifying);
    let content_of = file.clone();
    let store = move |contents: &Vec<u8>| {
        updated.0.store(Arc::new(verifier(&file, contents, &metrics)?));
        Ok(())
    };
    tokio::spawn(poll("client CA", contents, move || read(&content_of), store));
    Ok(verifying)
}

fn verifier(
    file: &Path,
    pem: &[u8],
    metrics: &Metrics,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let mut roots = RootCertStore::empty();
    let certificates = certificates(file, pem)?;
    // While a CA is replaced, the old one may expire.
    let last = certificates.iter().filter_map(|ca| Validity::of_der(ca)).max_by_key(|validity| validity.ends);
    for certificate in certificates {
        let unusable = |error| CertificateError::Ca { file: file.to_owned(), error };
        roots.add(certificate).map_err(unusable)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider())).build();
    // There are no revocation lists, so nothing else can be wrong.
    let verifier = verifier.map_err(|_| CertificateError::EmptyCa { file: file.to_owned() })?;
    metrics.certificates.set(CertificateRole::ClientCa, last);
    Ok(verifier)
}

impl ClientCertVerifier for ClientCa {
    /// Names no CA: callers without a certificate need not learn it, and an API server has only one certificate to send.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.0.load().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.load().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.load().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.load().supported_verify_schemes()
    }
}

/// A certificate that is signed by a CA whose key is discarded at once.
pub struct Development {
    pub certificate: Arc<ServingCertificate>,
    /// The CA certificate that callers must trust, PEM.
    pub ca_bundle: String,
}

/// Creates a certificate for `names`.
pub fn development(names: &[String], metrics: &Metrics) -> Result<Development, CertificateError> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "bulkhead development");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority_key = KeyPair::generate()?;
    let ca_bundle = authority.self_signed(&authority_key)?.pem();

    let mut leaf = CertificateParams::new(names)?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &Issuer::new(authority, authority_key))?;

    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
    let serving = Arc::new(ServingCertificate(ArcSwapOption::empty()));
    serving.replace(certified_key(vec![certificate.der().clone()], key)?, metrics);
    Ok(Development { certificate: serving, ca_bundle })
}
