use schemars::JsonSchema;
use serde::Deserialize;

use crate::kinds::{Kind, Resource};

/// The policies of network plugins in a namespace: group, kind and plural name. They can allow traffic that no
/// NetworkPolicy allows, or steer it.
const NETWORK_PLUGIN_POLICIES: [[&str; 3]; 8] = [
    ["cilium.io", "CiliumEnvoyConfig", "ciliumenvoyconfigs"],
    ["cilium.io", "CiliumLocalRedirectPolicy", "ciliumlocalredirectpolicies"],
    ["cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies"],
    ["crd.antrea.io", "NetworkPolicy", "networkpolicies"],
    ["crd.projectcalico.org", "NetworkPolicy", "networkpolicies"],
    ["crd.projectcalico.org", "NetworkSet", "networksets"],
    ["projectcalico.org", "NetworkPolicy", "networkpolicies"],
    ["projectcalico.org", "NetworkSet", "networksets"],
];

/// The kinds of the Prometheus operator with which its author makes the platform's Prometheus or Alertmanager call any
/// address, or gets the Secrets of all namespaces' monitors copied into a namespace.
const MONITORING: [[&str; 3]; 7] = [
    ["monitoring.coreos.com", "Alertmanager", "alertmanagers"],
    ["monitoring.coreos.com", "AlertmanagerConfig", "alertmanagerconfigs"],
    ["monitoring.coreos.com", "Probe", "probes"],
    ["monitoring.coreos.com", "Prometheus", "prometheuses"],
    ["monitoring.coreos.com", "PrometheusAgent", "prometheusagents"],
    ["monitoring.coreos.com", "ScrapeConfig", "scrapeconfigs"],
    ["monitoring.coreos.com", "ThanosRuler", "thanosrulers"],
];

/// Returns the kinds that only the platform may write unless the settings list others.
pub(super) fn reserved_by_default() -> impl Iterator<Item = [&'static str; 3]> {
    NETWORK_PLUGIN_POLICIES.into_iter().chain(MONITORING)
}

/// A kind that Bulkhead does not know.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomKind {
    pub group: String,
    pub kind: String,
    /// The plural name.
    pub resource: String,
}

/// An invalid name of a kind in the settings.
#[derive(Debug, thiserror::Error)]
pub enum CustomKindError {
    #[error("group: `{0}` is not the group of a custom resource; write one such as `argoproj.io`")]
    Group(String),
    #[error("kind: `{0}` is not the name of a kind; write one such as `Rollout`")]
    Kind(String),
    #[error("resource: `{0}` is not the plural name of a kind; write one such as `rollouts`")]
    Resource(String),
    #[error("kind: Bulkhead judges `{0}` without this setting; remove the entry")]
    Known(String),
}

impl CustomKind {
    pub(super) fn new([group, kind, resource]: [&str; 3]) -> Self {
        Self { group: group.to_owned(), kind: kind.to_owned(), resource: resource.to_owned() }
    }

    pub(super) fn validate(&self) -> Result<(), CustomKindError> {
        validate([&self.group, &self.kind, &self.resource])
    }
}

/// Checks the names of a kind, and that Bulkhead does not have it. The webhook configuration contains the group and the
/// resource as CEL.
pub(super) fn validate([group, kind, resource]: [&str; 3]) -> Result<(), CustomKindError> {
    let is_label = |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !text.is_empty() && text.bytes().all(is_allowed)
    };
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !group.contains('.') || !group.split('.').all(is_label) {
        return Err(CustomKindError::Group(group.to_owned()));
    }
    if !kind.starts_with(|letter: char| letter.is_ascii_uppercase()) || !is_name(kind) {
        return Err(CustomKindError::Kind(kind.to_owned()));
    }
    if !is_label(resource) {
        return Err(CustomKindError::Resource(resource.to_owned()));
    }
    if Kind::find(group, kind).is_some() || Resource::find(group, resource, "").is_some() {
        return Err(CustomKindError::Known(kind.to_owned()));
    }
    Ok(())
}
