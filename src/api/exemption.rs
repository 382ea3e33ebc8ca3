use std::borrow::Cow;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ExemptionStatus;
use crate::kinds::Kind;

/// The rules to switch off, the workload, the reason, and the end.
#[expect(clippy::duplicated_attributes, reason = "two columns may have one type")]
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "bulkhead.dev",
    version = "v1alpha1",
    kind = "Exemption",
    shortname = "exm",
    status = "ExemptionStatus",
    doc = "Exemption switches rules off for one exact workload until a date. Every use is recorded.",
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
    /// Codes of rules for pods and pod templates (BH3xx).
    #[schemars(length(min = 1, max = 20), inner(regex(pattern = "^BH3[0-9][0-9]$")))]
    pub rules: Vec<String>,

    /// The workload for which the rules are off.
    pub target: ExemptionTarget,

    /// The reason for the Exemption, for reviewers.
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,

    /// The time at which the Exemption ends, in RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub expires: String,
}

/// One workload, with the objects that its controller creates for it. The tenant owns the pod template, so the Exemption
/// pins the service account and the images.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExemptionTarget {
    /// The namespace of the workload.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// The kind of the workload.
    pub kind: TargetKind,

    /// The name of the workload.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The service account that its pods must have.
    #[schemars(length(min = 1, max = 253))]
    pub service_account: String,

    /// Allows `hostNetwork` in its pods, which no policy can then restrict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,

    /// The images that its containers may have, each with a digest. Do not list the mesh's own images.
    #[schemars(length(min = 1, max = 20), inner(regex(pattern = "^[^@ ]+@sha256:[0-9a-f]{64}$")))]
    pub images: Vec<String>,
}

/// The kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetKind(Kind);

impl TargetKind {
    pub const fn name(self) -> &'static str {
        self.0.name()
    }
}

impl Serialize for TargetKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for TargetKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        let kind = Kind::find_workload(&name);
        kind.map(Self).ok_or_else(|| D::Error::custom(format_args!("`{name}` is not a kind of workloads")))
    }
}

impl JsonSchema for TargetKind {
    fn schema_name() -> Cow<'static, str> {
        "TargetKind".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut names: Vec<&str> = Kind::all_workloads().map(Kind::name).collect();
        names.sort_unstable();
        json_schema!({ "description": "The kind of a workload.", "type": "string", "enum": names })
    }
}
