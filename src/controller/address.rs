//! By what the API server reaches the webhook.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::warn;

use crate::registration::Service;

#[derive(Clone, Debug)]
pub struct Address {
    pub namespace: String,
    pub service: String,
    pub port: i32,
    /// The certificates the webhook's own is checked against, PEM; without it those that are there already stay.
    pub ca_bundle: Option<PathBuf>,
}

impl Address {
    /// With the certificates that are in the file now. An error if there is none in it, or a key is.
    pub fn read(&self) -> anyhow::Result<Service> {
        let read = |file| read(file).with_context(|| format!("--ca-bundle {}", file.display()));
        Ok(Service {
            namespace: self.namespace.clone(),
            name: self.service.clone(),
            port: self.port,
            ca_bundle: self.ca_bundle.as_deref().map(read).transpose()?,
        })
    }
}

/// Certificates, and nothing that must stay secret: many may read a webhook configuration.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>()?;
    ensure!(!certificates.is_empty(), "no certificate in it");
    ensure!(!String::from_utf8_lossy(&bytes).contains("PRIVATE KEY"), "a private key is in it");
    Ok(bytes)
}

/// An address whose file is read again and again. A bad one is refused, and what was read last stays.
pub(super) struct Followed<'a> {
    address: &'a Address,
    last: Option<Service>,
    complaint: Option<String>,
}

impl<'a> Followed<'a> {
    pub(super) fn new(address: &'a Address) -> Self {
        Self { address, last: None, complaint: None }
    }

    /// An error if the file was never good.
    pub(super) fn newest(&mut self) -> anyhow::Result<Service> {
        match (self.address.read(), &self.last) {
            (Ok(service), _) => {
                self.last = Some(service.clone());
                self.complaint = None;
                Ok(service)
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(last)) => {
                let complaint = format!("{error:#}");
                if self.complaint.as_ref() != Some(&complaint) {
                    warn!(
                        error = complaint,
                        "the new CA bundle cannot be used; the previous one stays in use"
                    );
                }
                self.complaint = Some(complaint);
                Ok(last.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::certificate::development;

    fn written(name: &str, text: &str) -> anyhow::Result<Address> {
        let file = std::env::temp_dir().join(format!("bulkhead-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, text)?;
        Ok(Address { namespace: String::new(), service: String::new(), port: 443, ca_bundle: Some(file) })
    }

    fn said(address: &Address) -> String {
        address.read().map_or_else(|error| format!("{error:#}"), |service| format!("{:?}", service.ca_bundle))
    }

    #[test]
    fn certificates_are_read_and_no_key_is() -> anyhow::Result<()> {
        let certificate = development(&["localhost".to_owned()])?.ca_bundle;
        let good = written("good", &certificate)?.read()?;
        assert_eq!(good.ca_bundle, Some(certificate.clone().into_bytes()));
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let said_of_key = said(&written("key", &(certificate + key))?);
        assert!(said_of_key.contains("a private key is in it"), "{said_of_key}");
        let said_of_nothing = said(&written("empty", "")?);
        assert!(said_of_nothing.contains("no certificate in it"), "{said_of_nothing}");
        Ok(())
    }

    #[test]
    fn what_was_good_last_stays() -> anyhow::Result<()> {
        let certificate = development(&["localhost".to_owned()])?.ca_bundle;
        let bad = written("last", "")?;
        let mut followed = Followed::new(&bad);
        assert!(followed.newest().is_err());
        written("last", &certificate)?;
        followed.newest()?;
        written("last", "")?;
        assert_eq!(followed.newest()?.ca_bundle, Some(certificate.into_bytes()));
        Ok(())
    }
}
