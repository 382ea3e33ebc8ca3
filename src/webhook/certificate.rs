//! The serving certificate of the webhook: read from two files and reloaded when they change, or created for
//! development.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

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
    #[error("certificate and key do not match: {0}")]
    Pair(#[from] rustls::Error),
    #[error("failed to create a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("failed to create a certificate: {0}")]
    GeneratePem(#[from] rustls::pki_types::pem::Error),
}

/// The certificate and key in use.
#[derive(Debug)]
pub struct ServingCertificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
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
        let read = |file: &Path| {
            std::fs::read(file).map_err(|error| CertificateError::File { file: file.to_owned(), error })
        };
        Ok(Contents { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }

    fn pair(&self, contents: &Contents) -> Result<CertifiedKey, CertificateError> {
        let pem = |file: &Path| {
            let file = file.to_owned();
            move |error| CertificateError::Pem { file, error }
        };
        let chain = CertificateDer::pem_slice_iter(&contents.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(pem(&self.certificate))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(pem(&self.key))?;
        certified_key(chain, key)
    }
}

/// Combines a certificate and its key. Fails if they do not match.
fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, CertificateError> {
    if chain.is_empty() {
        return Err(CertificateError::Empty);
    }
    Ok(CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider())?)
}

/// Returns the certificate in `files`, and reloads it when they change. If the new pair is invalid, the old one stays
/// in use. Polls on the current runtime until that ends.
pub fn from_files(files: CertificateFiles) -> Result<Arc<ServingCertificate>, CertificateError> {
    let mut last = files.contents()?;
    let serving = Arc::new(ServingCertificate(ArcSwap::from_pointee(files.pair(&last)?)));
    let updated = Arc::clone(&serving);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let contents = match files.contents() {
                Ok(contents) if contents == last => continue,
                Ok(contents) => contents,
                Err(error) => {
                    warn!(%error, "failed to read the certificate files; the previous pair stays in use");
                    continue;
                }
            };
            match files.pair(&contents) {
                Ok(pair) => {
                    updated.0.store(Arc::new(pair));
                    info!("loaded a new certificate");
                }
                Err(error) => {
                    warn!(%error, "the new certificate cannot be used; the previous pair stays in use");
                }
            }
            last = contents;
        }
    });
    Ok(serving)
}

/// A certificate that is signed by a CA whose key is discarded at once.
pub struct Development {
    pub certificate: Arc<ServingCertificate>,
    /// The CA certificate that callers must trust, PEM.
    pub ca_bundle: String,
}

/// Creates a certificate for `names`.
pub fn development(names: &[String]) -> Result<Development, CertificateError> {
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
    let pair = certified_key(vec![certificate.der().clone()], key)?;
    Ok(Development { certificate: Arc::new(ServingCertificate(ArcSwap::from_pointee(pair))), ca_bundle })
}
