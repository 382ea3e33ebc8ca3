use schemars::JsonSchema;
use schemars::transform::RecursiveTransform;
use serde::{Deserialize, Serialize};

use super::without_unsigned_formats;

/// A condition, as in other kinds of Kubernetes.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type of the condition, such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status: `True`, `False` or `Unknown`.
    pub status: String,
    /// The reason in one word, for programs.
    pub reason: String,
    /// The reason in a sentence, for people.
    pub message: String,
    /// The generation of the object to which the condition applies.
    #[serde(default)]
    pub observed_generation: i64,
    /// The time of the last change of `status`, in RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
}

/// The condition of an object whose spec is applied.
pub const READY: &str = "Ready";
/// The condition of a tenant whose grants are all in effect.
pub const GRANTS_RESOLVED: &str = "GrantsResolved";

/// The condition of a shared service whose waypoint judges the requests to its HTTP ports.
pub const WAYPOINT_READY: &str = "WaypointReady";
/// The condition of a tenant whose waypoints all judge requests.
pub const WAYPOINTS_READY: &str = "WaypointsReady";

/// The status of a Tenant.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = RecursiveTransform(without_unsigned_formats))]
pub struct TenantStatus {
    /// The generation of the object to which the status applies.
    pub observed_generation: i64,
    /// The number of its namespaces.
    pub namespaces: u32,
    /// The result of the last audit, while `enforcement` is `Observe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// The conditions of the object.
    pub conditions: Vec<Condition>,
}

/// The result of an audit of a tenant.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Audit {
    /// The number of findings.
    pub findings: u32,
    /// The number of namespaces at the time of the audit.
    pub namespaces: u32,
    /// A digest of the findings, independent of their order. Pods of one controller count once.
    pub digest: String,
}

/// The status of an Exemption.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExemptionStatus {
    /// The generation of the object to which the status applies.
    pub observed_generation: i64,
    /// The conditions of the object.
    pub conditions: Vec<Condition>,
}

/// The status of a SharedService.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SharedServiceStatus {
    /// The generation of the object to which the status applies.
    pub observed_generation: i64,
    /// The conditions of the object.
    pub conditions: Vec<Condition>,
}
