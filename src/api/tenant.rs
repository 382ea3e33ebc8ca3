use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use super::{Grants, TenantStatus};

/// Who shares the cluster: a name, and the people and machines that act for it.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "bulkhead.dev",
    version = "v1alpha1",
    kind = "Tenant",
    shortname = "tn",
    status = "TenantStatus",
    doc = "Tenant is a party on a shared cluster that owns namespaces and is kept apart from every other.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Namespaces", type_ = "integer", json_path = ".status.namespaces"),
    printcolumn(name = "Enforcement", type_ = "string", json_path = ".spec.enforcement"),
    printcolumn(name = "Contact", type_ = "string", json_path = ".spec.contact", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 50")
        .message("a tenant's name is a label value and part of namespace names: at most 50 of a-z, 0-9 and -"),
)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// What becomes of a write that a rule is against.
    #[serde(default)]
    pub enforcement: Enforcement,

    /// The digest of the findings with which it may turn from Observe to Enforce, as its status and
    /// `bulkhead enforce` say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<String>,

    /// Who acts for the tenant: each may create namespaces that belong to it.
    #[serde(default)]
    #[schemars(length(max = 100), extend("x-kubernetes-validations" = [{
        "rule": "self.all(one, self.exists_one(other, other == one))",
        "message": "an owner is listed twice",
    }]))]
    pub owners: Vec<Subject>,

    /// Where a refused user can ask; shown in refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), regex(pattern = "^[^\\n\\r]*$"))]
    pub contact: Option<String>,

    /// Its namespaces.
    #[serde(default)]
    pub namespaces: Namespaces,

    /// What each of its namespaces may hold, as in a ResourceQuota; over the defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantities)]
    pub quota_each: BTreeMap<String, String>,

    /// The bounds of each container.
    #[serde(default)]
    pub limits: Limits,

    /// What becomes of calls among its own while the whole mesh denies by default.
    #[serde(default)]
    pub authorization: Authorization,

    /// What the tenant may name beyond itself.
    #[serde(default)]
    pub grants: Grants,
}

/// What becomes of a write that a rule is against.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Enforcement {
    /// It is refused.
    #[default]
    Enforce,
    /// It is admitted with a warning, unless it takes a namespace or an identity (BH1xx, BH4xx), and no baseline
    /// is put up: for a tenant whose workloads run already.
    Observe,
}

/// What a tenant may have of namespaces. Each is named `tenant-NAME` or `tenant-NAME-…`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespaces {
    /// How many it may have; without end unless given. What is beyond, by age, is never made ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What becomes of a call of one of the tenant's own to another while the whole mesh denies by default.
#[derive(Clone, Copy, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Authorization {
    /// It needs an AuthorizationPolicy of the tenant's that allows it.
    #[default]
    Explicit,
    /// It is allowed; a finer policy of the tenant's has no effect.
    Open,
}

/// The bounds of each container of a namespace, by resource (`cpu`, `memory`), as in a LimitRange.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// The limit of a container that names none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantities)]
    pub default: BTreeMap<String, String>,
    /// The request of a container that names none; `cpu: 100m`, `memory: 128Mi` unless given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantities)]
    pub default_request: BTreeMap<String, String>,
    /// What no container's limit may exceed; the mesh's own proxy has `cpu: 2` and `memory: 1Gi`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = quantities)]
    pub max: BTreeMap<String, String>,
}

/// A user, a group or a service account, as the API server authenticates it.
#[derive(Clone, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(self.kind == 'ServiceAccount') == has(self.namespace)",
    "message": "namespace belongs to a ServiceAccount, and only to it",
}, {
    "rule": "self.kind != 'ServiceAccount' || self.name.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
    "message": "no ServiceAccount can have this name",
}, {
    "rule": "self.kind != 'Group' || !(self.name in ['system:authenticated', 'system:serviceaccounts', 'system:unauthenticated'])",
    "message": "everybody is of this group",
}]))]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    pub kind: SubjectKind,

    /// The name, as in a RoleBinding's subject.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The namespace of a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
}

/// The kind of a subject.
#[derive(Clone, Copy, Debug, Deserialize, Hash, JsonSchema, PartialEq, Eq, Serialize)]
pub enum SubjectKind {
    User,
    Group,
    ServiceAccount,
}

/// Amounts that the API server could not read later are refused here.
fn quantities(schema: &mut Schema) {
    let amount = json_schema!({ "type": "string", "maxLength": 32, "pattern": "^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$" });
    schema.insert("additionalProperties".to_owned(), amount.into());
    schema.insert("maxProperties".to_owned(), 50.into());
}
