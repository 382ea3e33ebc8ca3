//! Objects to install in the cluster, derived from the rules: webhook configurations, CRDs, RBAC. And the NetworkPolicy
//! of Bulkhead's pods.
//!
//! The folder is pure. The controller writes the webhook configurations; `bulkhead manifests` prints all of the
//! objects.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod match_conditions;
mod merge;
mod network_policy;
mod places;
mod probe;
mod rbac;
mod webhooks;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::api::{Exemption, SharedService, Tenant};

pub use merge::{is_enforced, merged};
pub use network_policy::{Callers, network_policy};
pub use places::Places;
pub use probe::{ProbeResult, probe_patch};
pub use rbac::{CONTROLLER, rbac};
pub use webhooks::{CONFIGURATION_NAME, mutating, validating};

/// The address under which the API server reaches the webhook, and the ConfigMap beside it.
#[derive(Clone, Debug)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    pub port: i32,
    /// The CA certificates of the webhook, PEM; `None` if another tool sets them in the configurations.
    pub ca_bundle: Option<Vec<u8>>,
    /// The name of the ConfigMap with the settings, in the same namespace.
    pub settings_config_map: String,
}

/// Returns the CRDs of the group `bulkhead.dev`.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![Exemption::crd(), SharedService::crd(), Tenant::crd()]
}
