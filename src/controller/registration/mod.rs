//! Registers the webhook: writes the two webhook configurations and keeps them in sync.
//!
//! New configurations have `failurePolicy: Ignore`. The controller sets `Fail` only after the API server has reached
//! the webhook: it sends a dry run that every replica refuses, until Bulkhead has refused it several times in a row.
//! A webhook that the API server cannot reach therefore blocks no writes.

mod unregister;
mod webhook_service;

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::controller::certificates::IssuedBundle;
use crate::controller::timeout::with_timeout;
use crate::kinds::Kind;
use crate::registration::{self, CONFIGURATION_NAME, CONTROLLER, Places, ProbeResult, is_enforced, merged};
use crate::settings::Registration;
use crate::snapshot::Snapshot;
use crate::sources::{SnapshotStore, send_probe};
use crate::telemetry::Metrics;
use webhook_service::ReloadingCaBundle;

pub use unregister::unregister;
pub use webhook_service::WebhookService;

/// Interval of checks while the configurations are in sync.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Delay after a write or a failure: starts at `BACKOFF_MIN` and doubles up to `BACKOFF_MAX`, so that the controller
/// does not compete with another writer.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(16);
/// Time limit of one check.
const RECONCILE_TIMEOUT: Duration = Duration::from_secs(20);
/// Number of probes in a row that must succeed: a replica of this version must refuse them. One is not enough,
/// because the API server may still use an older configuration for the first.
const PROBES_REQUIRED: u32 = 3;

/// Registers the webhook, check after check. Runs until dropped.
pub(super) async fn run(
    client: Client,
    snapshots: &SnapshotStore,
    webhook_service: &WebhookService,
    issued_bundle: Option<&IssuedBundle>,
    metrics: &Metrics,
) {
    let mut registrar = Registrar {
        client,
        webhook_service,
        ca_bundle: ReloadingCaBundle::new(webhook_service),
        issued_bundle,
        metrics,
        successful_probes: 0,
        last_writes: [None, None],
    };
    let mut last_state = None;
    let mut backoff = BACKOFF_MIN;
    loop {
        let Some(snapshot) = snapshots.newest() else {
            sleep(POLL_INTERVAL).await;
            continue;
        };
        let state = with_timeout(RECONCILE_TIMEOUT, registrar.reconcile(&snapshot)).await;
        let state = state.unwrap_or_else(|error| RegistrationState::Unknown(format!("{error:#}")));
        metrics.controller.set_registration(state.as_label());
        if last_state.as_ref() != Some(&state) {
            state.log();
        }
        let next_poll = match state {
            RegistrationState::Unmanaged | RegistrationState::Enforced => Some(POLL_INTERVAL),
            RegistrationState::Probing(_) => Some(BACKOFF_MIN),
            RegistrationState::Written | RegistrationState::Unverified(_) | RegistrationState::Unknown(_) => {
                None
            }
        };
        last_state = Some(state);
        sleep(next_poll.unwrap_or(backoff)).await;
        backoff = if next_poll.is_some() { BACKOFF_MIN } else { (backoff * 2).min(BACKOFF_MAX) };
    }
}

/// State of the registration.
#[derive(Debug, PartialEq, Eq)]
enum RegistrationState {
    /// The settings have `registration: Unmanaged`, so nothing is written.
    Unmanaged,
    /// In sync with `failurePolicy: Fail`: the API server refuses requests that the webhook cannot judge.
    Enforced,
    /// It was out of sync, and has been written.
    Written,
    /// This number of probes in a row has succeeded.
    Probing(u32),
    /// In sync with `failurePolicy: Ignore`: the API server admits requests that the webhook cannot judge. Has the
    /// reason.
    Unverified(String),
    /// It could not be read or written. Has the error.
    Unknown(String),
}

impl RegistrationState {
    fn as_label(&self) -> &'static str {
        match self {
            Self::Unmanaged => "unmanaged",
            Self::Enforced => "enforced",
            Self::Written | Self::Probing(_) | Self::Unverified(_) => "unverified",
            Self::Unknown(_) => "unknown",
        }
    }

    fn log(&self) {
        match self {
            Self::Unmanaged => {
                info!("`registration: Unmanaged`: the webhook configurations are left as they are");
            }
            Self::Enforced => info!("registered with `Fail`: what cannot be judged is refused"),
            Self::Written | Self::Probing(_) => {}
            Self::Unverified(reason) => {
                warn!(reason, "registered with `Ignore`: what cannot be judged is admitted");
            }
            Self::Unknown(error) => warn!(error, "failed to register the webhook; retrying"),
        }
    }
}

/// One of the two configurations: the wanted webhooks and the object in the cluster.
struct Configuration {
    api: Api<DynamicObject>,
    resource: ApiResource,
    desired: Value,
    live: Option<DynamicObject>,
}

/// The webhooks of the last write, and the resourceVersion that it got. The API server may return other webhooks than
/// were written.
type LastWrite = Option<(Value, Option<String>)>;

struct Registrar<'a> {
    client: Client,
    webhook_service: &'a WebhookService,
    ca_bundle: ReloadingCaBundle<'a>,
    /// The bundle of the certificates that the controller issues; none if it issues none.
    issued_bundle: Option<&'a IssuedBundle>,
    metrics: &'a Metrics,
    successful_probes: u32,
    last_writes: [LastWrite; 2],
}

impl Registrar<'_> {
    /// Checks once, and takes the next step: a write or a probe.
    async fn reconcile(&mut self, snapshot: &Snapshot) -> anyhow::Result<RegistrationState> {
        if snapshot.settings.registration == Registration::Unmanaged {
            self.successful_probes = 0;
            // Reports if the configurations have the CA bundle.
            let _ = self.configurations(snapshot).await;
            return Ok(RegistrationState::Unmanaged);
        }
        let owner = self.owner().await?;
        let configurations = self.configurations(snapshot).await?;
        // The mutating configuration is written first, because the validating webhook refuses namespaces without
        // labels.
        let [mutating, validating] = &configurations;
        let live = validating.webhooks();
        if configurations
            .iter()
            .zip(&self.last_writes)
            .all(|(configuration, last_write)| configuration.is_current(&owner, last_write))
        {
            if is_enforced(&validating.desired, live) {
                self.successful_probes = 0;
                return Ok(RegistrationState::Enforced);
            }
            return self.raise_to_fail(validating, &owner).await;
        }
        self.successful_probes = 0;
        // Replicas of another version refuse requests that they do not know. The configurations change only after
        // these replicas are gone.
        if mutating.live.is_some()
            && validating.live.is_some()
            && self.probe().await? == ProbeResult::JudgedByOtherVersion
        {
            bail!(
                "a replica of another version answered; waiting for replicas of this version before changing the configurations"
            );
        }
        for (index, configuration) in configurations.iter().enumerate() {
            if let Some(last_write) = self
                .last_writes
                .get_mut(index)
                .filter(|last_write| !configuration.is_current(&owner, last_write))
            {
                *last_write = configuration.write(&owner, false).await?;
            }
        }
        Ok(RegistrationState::Written)
    }

    /// Sends a probe. Sets `failurePolicy: Fail` once enough probes have succeeded.
    async fn raise_to_fail(
        &mut self,
        validating: &Configuration,
        owner: &OwnerReference,
    ) -> anyhow::Result<RegistrationState> {
        let result = self.probe().await?;
        if result != ProbeResult::Judged {
            self.successful_probes = 0;
        }
        Ok(match result {
            ProbeResult::Judged => {
                self.successful_probes += 1;
                if self.successful_probes < PROBES_REQUIRED {
                    return Ok(RegistrationState::Probing(self.successful_probes));
                }
                self.successful_probes = 0;
                let [_, last_write] = &mut self.last_writes;
                *last_write = validating.write(owner, true).await?;
                RegistrationState::Written
            }
            ProbeResult::JudgedByOtherVersion => RegistrationState::Unverified(
                "a replica of another version answered, and none of this version yet".to_owned(),
            ),
            ProbeResult::NotJudged(None) => RegistrationState::Unverified(format!(
                "a dry run that every replica refuses was admitted: none is ready, or the API server does not reach \
                 Service {}/{} on port {}, or does not trust its certificate, or has no certificate of the webhook's \
                 client CA",
                self.webhook_service.namespace, self.webhook_service.service, self.webhook_service.port
            )),
            ProbeResult::NotJudged(Some(message)) => RegistrationState::Unverified(format!(
                "a dry run was refused, but not by Bulkhead: {message}"
            )),
        })
    }

    /// Sends a probe, which shows if the API server reaches the webhook.
    async fn probe(&self) -> anyhow::Result<ProbeResult> {
        let result = send_probe(&self.client, &self.webhook_service.namespace).await;
        result.context("failed to test whether the API server reaches the webhook")
    }

    /// Returns an owner reference to the ClusterRole with which the configurations are deleted. A missing or
    /// terminating role means that Bulkhead is being uninstalled.
    async fn owner(&self) -> anyhow::Result<OwnerReference> {
        let roles = Api::<ClusterRole>::all(self.client.clone());
        let role = roles
            .get_metadata(CONTROLLER)
            .await
            .context("failed to get the ClusterRole that owns the webhook configurations")?;
        ensure!(
            role.metadata.deletion_timestamp.is_none(),
            "the ClusterRole {CONTROLLER}, which owns the webhook configurations, is being deleted"
        );
        Ok(OwnerReference {
            api_version: Kind::ClusterRole.api_version(),
            kind: Kind::ClusterRole.name().to_owned(),
            name: CONTROLLER.to_owned(),
            uid: role.metadata.uid.unwrap_or_default(),
            ..OwnerReference::default()
        })
    }

    async fn configurations(&mut self, snapshot: &Snapshot) -> anyhow::Result<[Configuration; 2]> {
        let mut service = self.ca_bundle.current()?;
        if let Some(issued) = self.issued_bundle {
            service.ca_bundle = Some(issued.get().context("the webhook has no certificate yet")?);
        }
        let mutating = serde_json::to_value(registration::mutating(&service))?;
        let validating = registration::validating(&service, Places::of_snapshot(snapshot));
        let validating = serde_json::to_value(validating)?;
        let mutating =
            self.configuration(ApiResource::erase::<MutatingWebhookConfiguration>(&()), mutating).await?;
        let validating =
            self.configuration(ApiResource::erase::<ValidatingWebhookConfiguration>(&()), validating).await?;
        let bundle = service.ca_bundle.map(ByteString);
        for (name, configuration) in [("mutating", &mutating), ("validating", &validating)] {
            let in_sync = bundle.as_ref().map(|bundle| configuration.has_bundle(bundle));
            self.metrics.controller.set_bundle_in_sync(name, in_sync);
        }
        Ok([mutating, validating])
    }

    async fn configuration(
        &self,
        resource: ApiResource,
        mut desired: Value,
    ) -> anyhow::Result<Configuration> {
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let live = api
            .get_opt(CONFIGURATION_NAME)
            .await
            .with_context(|| format!("failed to get the {}", resource.kind))?;
        Ok(Configuration {
            api,
            resource,
            desired: desired.get_mut("webhooks").map(Value::take).unwrap_or_default(),
            live,
        })
    }
}

impl Configuration {
    /// Returns the webhooks in the cluster.
    fn webhooks(&self) -> &Value {
        self.live.as_ref().and_then(|live| live.data.get("webhooks")).unwrap_or(&Value::Null)
    }

    /// True if there are webhooks, and all of them have this CA bundle.
    fn has_bundle(&self, bundle: &ByteString) -> bool {
        let bundle = serde_json::to_value(bundle).unwrap_or_default();
        let mut webhooks = self.webhooks().as_array().into_iter().flatten().peekable();
        webhooks.peek().is_some()
            && webhooks.all(|webhook| webhook.pointer("/clientConfig/caBundle") == Some(&bundle))
    }

    fn is_current(&self, owner: &OwnerReference, last_write: &LastWrite) -> bool {
        let Some(live) = &self.live else { return false };
        let merged_entries = merged(&self.desired, self.webhooks(), false);
        let is_as_written = last_write.as_ref().is_some_and(|(webhooks, version)| {
            *webhooks == merged_entries && *version == live.metadata.resource_version
        });
        let owners = live.metadata.owner_references.as_deref().unwrap_or_default();
        is_as_written || (*self.webhooks() == merged_entries && owners.iter().eq([owner]))
    }

    /// Creates the configuration, or replaces it if it has not changed since it was read.
    async fn write(&self, owner: &OwnerReference, verified: bool) -> anyhow::Result<LastWrite> {
        let webhooks = merged(&self.desired, self.webhooks(), verified);
        let mut object =
            self.live.clone().unwrap_or_else(|| DynamicObject::new(CONFIGURATION_NAME, &self.resource));
        object.metadata.owner_references = Some(vec![owner.clone()]);
        object.data = json!({ "webhooks": webhooks });
        let result = match self.live {
            None => self.api.create(&PostParams::default(), &object).await,
            Some(_) => self.api.replace(CONFIGURATION_NAME, &PostParams::default(), &object).await,
        };
        match result {
            Ok(written) => {
                info!(
                    kind = self.resource.kind,
                    verified,
                    is_new = self.live.is_none(),
                    "wrote a webhook configuration"
                );
                Ok(Some((webhooks, written.metadata.resource_version)))
            }
            // A conflict. The next check reads the other write.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error).with_context(|| format!("failed to write the {}", self.resource.kind)),
        }
    }
}
