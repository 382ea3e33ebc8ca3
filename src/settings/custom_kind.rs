use serde::Deserialize;

use crate::kinds::{Kind, Resource};

/// The policies of network plugins in a namespace: group, kind and plural name. They can allow traffic that no
/// NetworkPolicy allows, or steer it.
pub(super) const NETWORK_PLUGIN_POLICIES: [[&str; 3]; 8] = [
    ["cilium.io", "CiliumEnvoyConfig", "ciliumenvoyconfigs"],
    ["cilium.io", "CiliumLocalRedirectPolicy", "ciliumlocalredirectpolicies"],
    ["cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies"],
    ["crd.antrea.io", "NetworkPolicy", "networkpolicies"],
    ["crd.projectcalico.org", "NetworkPolicy", "networkpolicies"],
    ["crd.projectcalico.org", "NetworkSet", "networksets"],
    ["projectcalico.org", "NetworkPolicy", "networkpolicies"],
    ["projectcalico.org", "NetworkSet", "networksets"],
];

/// A kind that Bulkhead does not know.
#[derive(Clone, Debug, Deserialize)]
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
