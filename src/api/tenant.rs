use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use super::without_unsigned_formats;
use super::{Grants, TenantStatus};

/// A party on a shared cluster: its owners, limits and grants.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "bulkhead.dev",
    version = "v1alpha1",
    kind = "Tenant",
    shortname = "tn",
    status = "TenantStatus",
    doc = "Tenant is a party on a shared cluster. It owns namespaces and is isolated from all other tenants.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Namespaces", type_ = "integer", json_path = ".status.namespaces"),
    printcolumn(name = "Enforcement", type_ = "string", json_path = ".spec.enforcement"),
    printcolumn(name = "Contact", type_ = "string", json_path = ".spec.contact", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 50")
        .message("metadata.name must have at most 50 characters of a-z, 0-9 and -, because it is part of namespace names"),
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = RecursiveTransform(without_unsigned_formats))]
pub struct TenantSpec {
    /// Says if writes that violate a rule are refused or admitted with a warning.
    #[serde(default)]
    pub enforcement: Enforcement,

    /// The digest of the audit's findings that the platform accepts. Required for the change from `Observe` to `Enforce`
    /// if the audit has findings. `status.audit.digest` and `bulkhead enforce` show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_findings: Option<String>,

    /// Users, groups and service accounts that act for the tenant and may create its namespaces.
    #[serde(default)]
    #[schemars(length(max = 100), extend("x-kubernetes-validations" = [{
        "rule": "self.all(one, self.exists_one(other, other == one))",
        "message": "owners must not repeat",
    }]))]
    pub owners: Vec<Subject>,

    /// A contact for refused users, shown in refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), regex(pattern = "^[^\\n\\r]*$"))]
    pub contact: Option<String>,

    /// Limits on the tenant's namespaces.
    #[serde(default)]
    pub namespaces: Namespaces,

    /// Resource quota of each namespace, as in `ResourceQuota.spec.hard`. Overrides the defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantity_values)]
    pub namespace_quota: BTreeMap<String, String>,

    /// Default and maximum resources of each container.
    #[serde(default)]
    pub limits: Limits,

    /// Says if calls within the tenant need a policy of the tenant while `meshWide.denyAll` is set.
    #[serde(default)]
    pub authorization: Authorization,

    /// The dataplane of the tenant's pods; that of the settings by default. A change moves the tenant's namespaces: pods that
    /// run keep their dataplane until they are created again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataplane: Option<Dataplane>,

    /// Access beyond the tenant's own namespaces.
    #[serde(default)]
    pub grants: Grants,
}

/// The data plane of the mesh.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Dataplane {
    /// Istio runs a proxy in each pod.
    #[default]
    Sidecar,
    /// Istio runs a proxy on each node, and waypoints.
    Ambient,
}

/// The treatment of writes that violate a rule.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Enforcement {
    /// Violations are refused.
    #[default]
    Enforce,
    /// Violations are admitted with a warning, except for those about namespaces and identities (BH1xx, BH4xx), and no
    /// baseline is applied. For a tenant whose workloads already run.
    Observe,
}

/// Limits on the namespaces of a tenant, which are named `tenant-NAME` or `tenant-NAME-…`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespaces {
    /// Maximum number of namespaces; unlimited by default. The newest ones over the limit never become ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The treatment of calls within the tenant while `meshWide.denyAll` is set.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Authorization {
    /// A call needs an AuthorizationPolicy of the tenant that allows it.
    #[default]
    Explicit,
    /// All calls are allowed; narrower `ALLOW` policies of the tenant have no effect.
    Open,
}

/// Default and maximum resources of each container, by resource name (`cpu`, `memory`), as in a LimitRange.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Limits of a container that sets none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantity_values)]
    pub default: BTreeMap<String, String>,
    /// Requests of a container that sets none; `cpu: 100m` and `memory: 128Mi` by default.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantity_values)]
    pub default_request: BTreeMap<String, String>,
    /// Maximum limits of a container. With less than the Istio proxy of the mesh has, by default `cpu: 2` and `memory: 1Gi`,
    /// no pod can run.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantity_values)]
    pub max: BTreeMap<String, String>,
}

/// Prefix of the group of all service accounts of a namespace.
pub const SERVICE_ACCOUNTS_GROUP: &str = "system:serviceaccounts:";

/// Splits a service account's username into namespace and name.
pub fn service_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
}

/// A user, a group or a service account, as the API server authenticates them.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(self.kind == 'ServiceAccount') == has(self.__namespace__)",
    "message": "namespace is required for a ServiceAccount, and allowed for nothing else",
}, {
    "rule": "self.kind != 'ServiceAccount' || self.name.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
    "message": "name must be a valid name for a ServiceAccount",
}, {
    "rule": "self.kind != 'Group' || !(self.name in ['system:authenticated', 'system:serviceaccounts', 'system:unauthenticated'])",
    "message": "name must not be a group that contains all users or all service accounts",
}]))]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The kind: `User`, `Group` or `ServiceAccount`.
    pub kind: SubjectKind,

    /// The name, as in the subject of a RoleBinding.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The namespace of a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
}

impl Subject {
    /// True if the subject is this user, or one of the user's groups.
    pub fn contains(&self, user: &str, groups: &[String]) -> bool {
        match self.kind {
            SubjectKind::ServiceAccount => service_account(user).is_some_and(|(namespace, name)| {
                self.namespace.as_deref() == Some(namespace) && self.name == name
            }),
            SubjectKind::User => self.name == user,
            SubjectKind::Group => groups.contains(&self.name),
        }
    }

    /// Returns the namespace whose service accounts the subject is: one of them, or all.
    pub fn home(&self) -> Option<&str> {
        match self.kind {
            SubjectKind::ServiceAccount => self.namespace.as_deref(),
            SubjectKind::User => service_account(&self.name).map(|(namespace, _)| namespace),
            SubjectKind::Group => self.name.strip_prefix(SERVICE_ACCOUNTS_GROUP),
        }
    }
}

/// The kind of a subject.
#[derive(Clone, Copy, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum SubjectKind {
    User,
    Group,
    ServiceAccount,
}

/// Rejects amounts here that the API server could not read later.
fn quantity_values(schema: &mut Schema) {
    let amount = json_schema!({ "type": "string", "maxLength": 32, "pattern": "^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$" });
    schema.insert("additionalProperties".to_owned(), amount.into());
    schema.insert("maxProperties".to_owned(), 50.into());
}
