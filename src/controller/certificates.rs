//! Issues the certificates of the webhook and renews them, if no other tool does. Stores them in two Secrets, of which
//! the replicas of the webhook watch one.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwapOption;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::sleep;
use tracing::{info, warn};

use super::WebhookService;
use super::timeout::with_timeout;
use crate::certs::{
    AUTHORITY_SECRET, CERTIFICATE_SECRET, Certificates, Lifetimes, Validity, names_of_service,
};
use crate::registration::CONFIGURATION_NAME;
use crate::telemetry::{CertificateRole, Metrics};

/// The longest interval of checks. Shorter lifetimes need shorter ones.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// Checks in the lifetime of a certificate.
const CHECKS_PER_LIFETIME: i64 = 48;
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// The bundle of the authorities that are stored; none before the first.
#[derive(Debug, Default)]
pub(super) struct IssuedBundle(ArcSwapOption<String>);

impl IssuedBundle {
    pub(super) fn get(&self) -> Option<Vec<u8>> {
        self.0.load().as_ref().map(|bundle| bundle.as_bytes().to_vec())
    }
}

/// Issues and renews. Runs until dropped.
pub(super) async fn issue(
    client: Client,
    service: &WebhookService,
    lifetimes: Lifetimes,
    bundle: &IssuedBundle,
    metrics: &Metrics,
) {
    let issuer = Issuer {
        secrets: Api::namespaced(client.clone(), &service.namespace),
        configurations: Api::all(client),
        names: names_of_service(&service.service, &service.namespace),
        lifetimes,
    };
    let shortest = lifetimes.authority.min(lifetimes.certificate) / CHECKS_PER_LIFETIME;
    let interval = Duration::from_secs(u64::try_from(shortest).unwrap_or_default().max(1)).min(MAX_INTERVAL);
    loop {
        match with_timeout(CHECK_TIMEOUT, issuer.check()).await {
            Ok(certificates) => {
                bundle.0.store(Some(certificates.bundle().into()));
                let authority = certificates.authority.as_ref();
                let validity = authority.and_then(|ca| Validity::of_bundle(ca.certificate.as_bytes()).next());
                metrics.certificates.set(CertificateRole::Ca, validity);
            }
            Err(error) => {
                warn!(error = format!("{error:#}"), "failed to issue the webhook's certificate; retrying");
            }
        }
        sleep(interval).await;
    }
}

struct Issuer {
    secrets: Api<Secret>,
    configurations: Api<ValidatingWebhookConfiguration>,
    names: Vec<String>,
    lifetimes: Lifetimes,
}

impl Issuer {
    /// Takes the steps that are due. The authorities are stored before a certificate of theirs is.
    async fn check(&self) -> anyhow::Result<Certificates> {
        let authority = self.secrets.get_opt(AUTHORITY_SECRET).await.context(AUTHORITY_SECRET)?;
        let serving = self.secrets.get_opt(CERTIFICATE_SECRET).await.context(CERTIFICATE_SECRET)?;
        let data = |secret: &Option<Secret>| {
            secret.as_ref().and_then(|found| found.data.clone()).unwrap_or_default()
        };
        let stored = Certificates::from_secrets(&data(&authority), &data(&serving));
        let registered = self.registered_bundles().await?;
        let is_trusted = |certificate: &str| registered.iter().all(|bundle| bundle.contains(certificate));
        let due = stored.advance(&self.names, self.lifetimes, Timestamp::now().as_second(), is_trusted)?;
        self.store(AUTHORITY_SECRET, "Opaque", authority, due.authority_data()).await?;
        self.store(CERTIFICATE_SECRET, "kubernetes.io/tls", serving, due.serving_data()).await?;
        Ok(due)
    }

    /// Returns the bundle of each registered webhook.
    async fn registered_bundles(&self) -> anyhow::Result<Vec<String>> {
        let configuration =
            self.configurations.get_opt(CONFIGURATION_NAME).await.context(CONFIGURATION_NAME)?;
        let webhooks = configuration.and_then(|found| found.webhooks).unwrap_or_default().into_iter();
        let bundles = webhooks.map(|webhook| webhook.client_config.ca_bundle.unwrap_or_default().0);
        Ok(bundles.map(|bundle| String::from_utf8_lossy(&bundle).into_owned()).collect())
    }

    /// Writes the Secret if its data differs. Fails if another user has changed it since it was read.
    async fn store(
        &self,
        name: &str,
        kind: &str,
        found: Option<Secret>,
        data: BTreeMap<String, ByteString>,
    ) -> anyhow::Result<()> {
        if found.as_ref().is_some_and(|found| found.data.as_ref() == Some(&data)) {
            return Ok(());
        }
        let is_new = found.is_none();
        let mut secret =
            found.unwrap_or_else(|| Secret { type_: Some(kind.to_owned()), ..Secret::default() });
        secret.metadata.name = Some(name.to_owned());
        secret.data = Some(data);
        let written = if is_new {
            self.secrets.create(&PostParams::default(), &secret).await
        } else {
            self.secrets.replace(name, &PostParams::default(), &secret).await
        };
        written.with_context(|| format!("failed to write the Secret {name}"))?;
        info!(name, is_new, "stored certificates of the webhook");
        Ok(())
    }
}
