//! The address of the webhook for the API server: a Service, and a CA bundle that is reloaded from a file.

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
    /// A PEM file with the CA certificates of the webhook. Without it, the CA bundle in the configurations stays
    /// unchanged.
    pub ca_bundle: Option<PathBuf>,
}

impl Address {
    /// Returns the Service, with the current content of the CA file. Fails if the file has no certificate, or has a
    /// private key.
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

/// Reads certificates. Refuses private keys, because many users may read a webhook configuration.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>()?;
    ensure!(!certificates.is_empty(), "no certificate in it");
    ensure!(!String::from_utf8_lossy(&bytes).contains("PRIVATE KEY"), "a private key is in it");
    Ok(bytes)
}

/// An address whose CA file is reloaded. If the new content is invalid, the last valid content stays in use.
pub(super) struct Followed<'a> {
    address: &'a Address,
    last: Option<Service>,
    complaint: Option<String>,
}

impl<'a> Followed<'a> {
    pub(super) fn new(address: &'a Address) -> Self {
        Self { address, last: None, complaint: None }
    }

    /// Returns the latest valid Service. Fails if the file has never been valid.
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
