use kube::api::ApiResource;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::kinds::Kind;

/// The fields of a stored object that the audit reads.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredObject {
    kind: Option<IgnoredAny>,
    pub(super) metadata: Metadata,
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    labels: Option<Labels>,
    owner_references: Option<Vec<OwnerReference>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "pod-template-hash")]
    hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerReference {
    api_version: String,
    kind: String,
    name: String,
    #[serde(default)]
    controller: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: Option<String>,
}

impl StoredObject {
    /// Returns the object as an API server would send it for review: the items of a list have no `kind`.
    pub(super) fn with_type_meta(
        &self,
        resource: &ApiResource,
        raw: &RawValue,
    ) -> Result<Box<RawValue>, serde_json::Error> {
        let text = raw.get();
        if self.kind.is_some() {
            return Ok(raw.to_owned());
        }
        let fields = text.trim_start().strip_prefix('{').unwrap_or(text);
        let ApiResource { api_version, kind, .. } = resource;
        RawValue::from_string(format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}",{fields}"#))
    }

    /// True if the audit skips the object: a pod that has ended, or a template that Kubernetes copied from one that is
    /// judged itself. Its pods are judged.
    pub(super) fn is_skipped(&self, kind: Kind) -> bool {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref());
        let is_controlled_by = |kind| self.controller().is_some_and(|owner| owner.has_kind(kind));
        match kind {
            Kind::Pod => matches!(phase, Some("Succeeded" | "Failed")),
            Kind::ReplicaSet => is_controlled_by(Kind::Deployment),
            Kind::Job => is_controlled_by(Kind::CronJob),
            _ => false,
        }
    }

    /// Returns the name that the pods of one workload share: each pod has a new name.
    pub(super) fn workload(&self) -> &str {
        let Metadata { name, labels, .. } = &self.metadata;
        match self.controller() {
            Some(owner) if owner.has_kind(Kind::ReplicaSet) => {
                let hash = labels.as_ref().and_then(|labels| labels.hash.as_deref()).unwrap_or_default();
                owner.name.strip_suffix(hash).unwrap_or(&owner.name).trim_end_matches('-')
            }
            // A CronJob numbers its jobs by the time.
            Some(owner) if owner.has_kind(Kind::Job) => {
                let cron_job_name = owner.name.trim_end_matches(|letter: char| letter.is_ascii_digit());
                cron_job_name.strip_suffix('-').unwrap_or(&owner.name)
            }
            Some(owner)
                if [Kind::StatefulSet, Kind::DaemonSet, Kind::CronJob]
                    .iter()
                    .any(|kind| owner.has_kind(*kind)) =>
            {
                &owner.name
            }
            _ => name,
        }
    }

    /// Returns the controlling owner in its owner references.
    fn controller(&self) -> Option<&OwnerReference> {
        self.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
    }
}

impl OwnerReference {
    /// True if the owner is of this kind and its group.
    fn has_kind(&self, kind: Kind) -> bool {
        let group = self.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        self.kind == kind.name() && group == kind.group()
    }
}
