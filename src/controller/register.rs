//! Registers the webhook: writes the two webhook configurations and keeps them in sync.
//!
//! New configurations have `failurePolicy: Ignore`. The controller sets `Fail` only after the API server has reached
//! the webhook: it sends a dry run that every replica refuses, until Bulkhead has refused it several times in a row.
//! A webhook that the API server cannot reach therefore blocks no writes.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use super::address::{Address, Followed};
use super::within;
use crate::registration::{self, CONFIGURATION_NAME, CONTROLLER, ProbeResult, is_enforced, merged, probe_patch};
use crate::settings::{Registration, Settings};
use crate::sources::SnapshotStore;
use crate::telemetry::Metrics;

/// Interval of checks while the configurations are in sync.
const EVERY: Duration = Duration::from_secs(2);
/// Delay after a write or a failure: starts at `FIRST_PAUSE` and doubles up to `LAST_PAUSE`, so that the controller
/// does not compete with another writer.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(16);
/// Time limit of one check.
const LONGEST: Duration = Duration::from_secs(20);
/// Number of probes in a row that must succeed: a replica of this version must refuse them. One is not enough,
/// because the API server may still use an older configuration for the first.
const PROOFS: u32 = 3;

/// Registers the webhook, check after check. Runs until dropped.
pub(super) async fn register(client: Client, snapshots: &SnapshotStore, address: &Address, metrics: &Metrics) {
    let mut registrar =
        Registrar { client, address, followed: Followed::new(address), proofs: 0, written: [None, None] };
    let mut said = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(snapshot) = snapshots.newest() else {
            sleep(EVERY).await;
            continue;
        };
        let stands = within(LONGEST, registrar.look(&snapshot.settings)).await;
        let stands = stands.unwrap_or_else(|error| Stands::Unknown(format!("{error:#}")));
        metrics.set_registration(Some(stands.as_label()));
        if said.as_ref() != Some(&stands) {
            stands.say();
        }
        let rests = match stands {
            Stands::Left | Stands::Enforced => Some(EVERY),
            Stands::Proving(_) => Some(FIRST_PAUSE),
            Stands::Written | Stands::Unproven(_) | Stands::Unknown(_) => None,
        };
        said = Some(stands);
        sleep(rests.unwrap_or(pause)).await;
        pause = if rests.is_some() { FIRST_PAUSE } else { (pause * 2).min(LAST_PAUSE) };
    }
}

/// State of the registration.
#[derive(Debug, PartialEq, Eq)]
enum Stands {
    /// The settings have `registration: Unmanaged`, so nothing is written.
    Left,
    /// In sync with `failurePolicy: Fail`: the API server refuses requests that the webhook cannot judge.
    Enforced,
    /// It was out of sync, and has been written.
    Written,
    /// This number of probes in a row has succeeded.
    Proving(u32),
    /// In sync with `failurePolicy: Ignore`: the API server admits requests that the webhook cannot judge. Has the
    /// reason.
    Unproven(String),
    /// It could not be read or written. Has the error.
    Unknown(String),
}

impl Stands {
    fn as_label(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Enforced => "enforced",
            Self::Written | Self::Proving(_) | Self::Unproven(_) => "unproven",
            Self::Unknown(_) => "unknown",
        }
    }

    fn say(&self) {
        match self {
            Self::Left => info!("`registration: Unmanaged`: the webhook configurations are left as they are"),
            Self::Enforced => info!("registered with `Fail`: what cannot be judged is refused"),
            Self::Written | Self::Proving(_) => {}
            Self::Unproven(why) => warn!(why, "registered with `Ignore`: what cannot be judged is admitted"),
            Self::Unknown(error) => warn!(error, "failed to register the webhook; retrying"),
        }
    }
}

/// One of the two configurations: the wanted webhooks and the object in the cluster.
struct Configuration {
    api: Api<DynamicObject>,
    resource: ApiResource,
    derived: Value,
    found: Option<DynamicObject>,
}

/// The webhooks of the last write, and the resourceVersion that it got. The API server may return other webhooks than
/// were written.
type Written = Option<(Value, Option<String>)>;

struct Registrar<'a> {
    client: Client,
    address: &'a Address,
    followed: Followed<'a>,
    proofs: u32,
    written: [Written; 2],
}

impl Registrar<'_> {
    /// Checks once, and takes the next step: a write or a probe.
    async fn look(&mut self, settings: &Settings) -> anyhow::Result<Stands> {
        if settings.registration == Registration::Unmanaged {
            self.proofs = 0;
            return Ok(Stands::Left);
        }
        let owner = self.owner().await?;
        let configurations = self.configurations(settings).await?;
        // The mutating configuration is written first, because the validating webhook refuses namespaces without
        // labels.
        let [labels, judges] = &configurations;
        let found = judges.webhooks();
        if configurations.iter().zip(&self.written).all(|(it, written)| it.stands(&owner, written)) {
            if is_enforced(&judges.derived, found) {
                self.proofs = 0;
                return Ok(Stands::Enforced);
            }
            return self.prove(judges, &owner).await;
        }
        self.proofs = 0;
        // Replicas of another version refuse requests that they do not know. The configurations change only after
        // these replicas are gone.
        if labels.found.is_some() && judges.found.is_some() && self.ask().await? == ProbeResult::JudgedByOtherVersion {
            bail!(
                "a replica of another version answered; waiting for replicas of this version before changing the configurations"
            );
        }
        for (index, it) in configurations.iter().enumerate() {
            if let Some(written) = self.written.get_mut(index).filter(|written| !it.stands(&owner, written)) {
                *written = it.write(&owner, false).await?;
            }
        }
        Ok(Stands::Written)
    }

    /// Sends a probe. Sets `failurePolicy: Fail` once enough probes have succeeded.
    async fn prove(&mut self, judges: &Configuration, owner: &OwnerReference) -> anyhow::Result<Stands> {
        let answer = self.ask().await?;
        if answer != ProbeResult::Judged {
            self.proofs = 0;
        }
        Ok(match answer {
            ProbeResult::Judged => {
                self.proofs += 1;
                if self.proofs < PROOFS {
                    return Ok(Stands::Proving(self.proofs));
                }
                self.proofs = 0;
                let [_, written] = &mut self.written;
                *written = judges.write(owner, true).await?;
                Stands::Written
            }
            ProbeResult::JudgedByOtherVersion => Stands::Unproven(
                "a replica of another version answered, and none of this version yet".to_owned(),
            ),
            ProbeResult::NotJudged(None) => Stands::Unproven(format!(
                "a dry run that every replica refuses was admitted: none is ready, or the API server does not reach \
                 Service {}/{} on port {}, or does not trust its certificate",
                self.address.namespace, self.address.service, self.address.port
            )),
            ProbeResult::NotJudged(Some(message)) => {
                Stands::Unproven(format!("a dry run was refused, but not by Bulkhead: {message}"))
            }
        })
    }

    /// Sends a probe, which shows if the API server reaches the webhook.
    async fn ask(&self) -> anyhow::Result<ProbeResult> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let question = Patch::Merge(probe_patch(Timestamp::now().as_millisecond()));
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        match namespaces.patch(&self.address.namespace, &dry, &question).await {
            Ok(_) => Ok(ProbeResult::NotJudged(None)),
            Err(kube::Error::Api(status)) => Ok(ProbeResult::from_message(&status.message)),
            Err(error) => Err(error).context("failed to test whether the API server reaches the webhook"),
        }
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
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: CONTROLLER.to_owned(),
            uid: role.metadata.uid.unwrap_or_default(),
            ..OwnerReference::default()
        })
    }

    async fn configurations(&mut self, settings: &Settings) -> anyhow::Result<[Configuration; 2]> {
        let service = self.followed.newest()?;
        let labels = serde_json::to_value(registration::mutating(&service, settings))?;
        let judges = serde_json::to_value(registration::validating(&service, settings))?;
        Ok([
            self.configuration(ApiResource::erase::<MutatingWebhookConfiguration>(&()), labels).await?,
            self.configuration(ApiResource::erase::<ValidatingWebhookConfiguration>(&()), judges).await?,
        ])
    }

    async fn configuration(
        &self,
        resource: ApiResource,
        mut derived: Value,
    ) -> anyhow::Result<Configuration> {
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let found =
            api.get_opt(CONFIGURATION_NAME).await.with_context(|| format!("failed to get the {}", resource.kind))?;
        Ok(Configuration {
            api,
            resource,
            derived: derived.get_mut("webhooks").map(Value::take).unwrap_or_default(),
            found,
        })
    }
}

impl Configuration {
    /// Returns the webhooks in the cluster.
    fn webhooks(&self) -> &Value {
        self.found.as_ref().and_then(|found| found.data.get("webhooks")).unwrap_or(&Value::Null)
    }

    fn stands(&self, owner: &OwnerReference, written: &Written) -> bool {
        let Some(found) = &self.found else { return false };
        let wanted = merged(&self.derived, self.webhooks(), false);
        let is_as_written = written.as_ref().is_some_and(|(webhooks, version)| {
            *webhooks == wanted && *version == found.metadata.resource_version
        });
        let owners = found.metadata.owner_references.as_deref().unwrap_or_default();
        is_as_written || (*self.webhooks() == wanted && owners.iter().eq([owner]))
    }

    /// Creates the configuration, or replaces it if it has not changed since it was read.
    async fn write(&self, owner: &OwnerReference, proven: bool) -> anyhow::Result<Written> {
        let webhooks = merged(&self.derived, self.webhooks(), proven);
        let mut wanted = self.found.clone().unwrap_or_else(|| DynamicObject::new(CONFIGURATION_NAME, &self.resource));
        wanted.metadata.owner_references = Some(vec![owner.clone()]);
        wanted.data = json!({ "webhooks": webhooks });
        let result = match self.found {
            None => self.api.create(&PostParams::default(), &wanted).await,
            Some(_) => self.api.replace(CONFIGURATION_NAME, &PostParams::default(), &wanted).await,
        };
        match result {
            Ok(now) => {
                info!(
                    kind = self.resource.kind,
                    proven,
                    is_new = self.found.is_none(),
                    "wrote a webhook configuration"
                );
                Ok(Some((webhooks, now.metadata.resource_version)))
            }
            // A conflict. The next check reads the other write.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error).with_context(|| format!("failed to write the {}", self.resource.kind)),
        }
    }
}
