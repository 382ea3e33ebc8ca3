//! The address of the webhook for the API server: a Service, and a CA bundle that is reloaded from a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::warn;

use crate::certs::Lifetimes;
use crate::registration::Service;

#[derive(Clone, Debug)]
pub struct WebhookService {
    pub namespace: String,
    pub service: String,
    pub port: i32,
    /// A PEM file with the CA certificates of the webhook. Without it, the CA bundle in the configurations stays
    /// unchanged.
    pub ca_bundle: Option<PathBuf>,
    /// The lifetimes of the certificates that the controller issues. `None` if it issues none.
    pub issued: Option<Lifetimes>,
    /// The name of the ConfigMap with the settings, in the same namespace.
    pub settings_config_map: String,
}

impl WebhookService {
    /// Returns the Service, with the current content of the CA file. Fails if the file has no certificate, or has a
    /// private key.
    pub fn read(&self) -> anyhow::Result<Service> {
        let read_ca_bundle =
            |file| read_ca_bundle(file).with_context(|| format!("--ca-bundle {}", file.display()));
        Ok(Service {
            namespace: self.namespace.clone(),
            name: self.service.clone(),
            port: self.port,
            ca_bundle: self.ca_bundle.as_deref().map(read_ca_bundle).transpose()?,
            settings_config_map: self.settings_config_map.clone(),
        })
    }
}

/// Reads certificates. Refuses private keys, because many users may read a webhook configuration.
fn read_ca_bundle(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>()?;
    ensure!(!certificates.is_empty(), "no certificate in it");
    ensure!(!String::from_utf8_lossy(&bytes).contains("PRIVATE KEY"), "a private key is in it");
    Ok(bytes)
}

/// An address whose CA file is reloaded. If the new content is invalid, the last valid content stays in use.
pub(super) struct ReloadingCaBundle<'a> {
    webhook_service: &'a WebhookService,
    last_good: Option<Service>,
    last_error: Option<String>,
}

impl<'a> ReloadingCaBundle<'a> {
    pub(super) fn new(webhook_service: &'a WebhookService) -> Self {
        Self { webhook_service, last_good: None, last_error: None }
    }

    /// Returns the latest valid Service. Fails if the file has never been valid.
    pub(super) fn current(&mut self) -> anyhow::Result<Service> {
        match (self.webhook_service.read(), &self.last_good) {
            (Ok(service), _) => {
                self.last_good = Some(service.clone());
                self.last_error = None;
                Ok(service)
            }
            (Err(error), None) => Err(error),
            (Err(error), Some(last_good)) => {
                let last_error = format!("{error:#}");
                if self.last_error.as_ref() != Some(&last_error) {
                    warn!(
                        error = last_error,
                        "the new CA bundle cannot be used; the previous one stays in use"
                    );
                }
                self.last_error = Some(last_error);
                Ok(last_good.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;
    use crate::webhook::certificate::development;

    fn with_ca_bundle(name: &str, text: &str) -> anyhow::Result<WebhookService> {
        let file = std::env::temp_dir().join(format!("bulkhead-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, text)?;
        Ok(WebhookService {
            namespace: String::new(),
            service: String::new(),
            port: 443,
            issued: None,
            ca_bundle: Some(file),
            settings_config_map: String::new(),
        })
    }

    fn message_of(webhook_service: &WebhookService) -> String {
        webhook_service
            .read()
            .map_or_else(|error| format!("{error:#}"), |service| format!("{:?}", service.ca_bundle))
    }

    #[test]
    fn ca_bundle_with_a_private_key_is_rejected() -> anyhow::Result<()> {
        let certificate = development(&["localhost".to_owned()], &Metrics::default())?.ca_bundle;
        let good = with_ca_bundle("good", &certificate)?.read()?;
        assert_eq!(good.ca_bundle, Some(certificate.clone().into_bytes()));
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let of_key = message_of(&with_ca_bundle("key", &(certificate + key))?);
        assert!(of_key.contains("a private key is in it"), "{of_key}");
        let of_empty = message_of(&with_ca_bundle("empty", "")?);
        assert!(of_empty.contains("no certificate in it"), "{of_empty}");
        Ok(())
    }

    #[test]
    fn invalid_ca_bundle_keeps_the_last_good_one() -> anyhow::Result<()> {
        let certificate = development(&["localhost".to_owned()], &Metrics::default())?.ca_bundle;
        let bad = with_ca_bundle("last", "")?;
        let mut reloading = ReloadingCaBundle::new(&bad);
        assert!(reloading.current().is_err());
        with_ca_bundle("last", &certificate)?;
        reloading.current()?;
        with_ca_bundle("last", "")?;
        assert_eq!(reloading.current()?.ca_bundle, Some(certificate.into_bytes()));
        Ok(())
    }
}
