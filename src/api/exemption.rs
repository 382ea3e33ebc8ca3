use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ExemptionStatus;

/// Which rules are off for what, why, and until when.
#[expect(clippy::duplicated_attributes, reason = "two columns may have one type")]
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "bulkhead.dev",
    version = "v1alpha1",
    kind = "Exemption",
    shortname = "exm",
    status = "ExemptionStatus",
    doc = "Exemption switches rules off for one exact workload until a date. Every use of it is on record.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.target.namespace"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.target.name"),
    printcolumn(name = "Rules", type_ = "string", json_path = ".spec.rules"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expires"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ExemptionSpec {
    /// The codes of the rules: BH3xx, those of pods and their templates.
    #[schemars(length(min = 1, max = 20), inner(regex(pattern = "^BH3[0-9][0-9]$")))]
    pub rules: Vec<String>,

    /// What they are off for.
    pub target: Target,

    /// Why.
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,

    /// When it ends, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub expires: String,
}

/// One workload, and with it the pods that its controller makes of it. Its tenant owns the template, so what may
/// run in it is pinned.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    pub kind: TargetKind,

    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The service account of its pods.
    #[schemars(length(min = 1, max = 253))]
    pub service_account: String,

    /// Whether it may be on the node's network, where no policy reaches it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,

    /// Every image that its containers may have, by digest; the mesh's own need not be listed.
    #[schemars(length(min = 1, max = 20), inner(regex(pattern = "^[^@ ]+@sha256:[0-9a-f]{64}$")))]
    pub images: Vec<String>,
}

/// The kind of a target.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum TargetKind {
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    Pod,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
}

impl TargetKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::StatefulSet => "StatefulSet",
        }
    }
}
