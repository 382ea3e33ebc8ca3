use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of an object, as Kubernetes writes it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word, for machines.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The generation of the object that it speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// When `status` last changed, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
}

/// The condition of an object that is in force as it is written.
pub const READY: &str = "Ready";
/// The condition of a tenant all of whose grants name something that is there.
pub const GRANTS_RESOLVED: &str = "GrantsResolved";

/// The status of a Tenant.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantStatus {
    pub observed_generation: i64,
    /// How many namespaces it has.
    pub namespaces: u32,
    /// What `Enforce` would be against, while it is observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    pub conditions: Vec<Condition>,
}

/// What an audit of a tenant found.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Audit {
    pub findings: u32,
    /// How many namespaces it had then.
    pub namespaces: u32,
    /// Of the findings, whatever the order; pods of one controller count as one.
    pub digest: String,
}

/// The status of an Exemption.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExemptionStatus {
    pub observed_generation: i64,
    pub conditions: Vec<Condition>,
}

/// The status of a SharedService.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SharedServiceStatus {
    pub observed_generation: i64,
    pub conditions: Vec<Condition>,
}
