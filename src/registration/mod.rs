//! What the cluster must be told, derived from the rules: webhook configurations, CRDs, RBAC. Pure.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod conditions;
mod probe;
mod rbac;
mod wanted;
mod webhooks;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::api::{Exemption, SharedService, Tenant};

pub use probe::{Answer, probe};
pub use rbac::{CONTROLLER, rbac};
pub use wanted::{is_enforced, wanted};
pub use webhooks::{NAME, mutating, validating};

/// Where the API server finds the webhook.
#[derive(Clone, Debug)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    pub port: i32,
    /// The certificates the webhook's own is checked against, PEM; absent where something else writes them in.
    pub ca_bundle: Option<Vec<u8>>,
}

/// The kinds of the group `bulkhead.dev`.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![Exemption::crd(), SharedService::crd(), Tenant::crd()]
}
