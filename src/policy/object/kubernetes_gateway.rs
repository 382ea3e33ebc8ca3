use serde::Deserialize;

use super::JsonStr;
use super::text::nullable;

/// Spec of a Gateway of the Gateway API, limited to what makes it a waypoint.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KubernetesGateway<'a> {
    #[serde(borrow)]
    gateway_class_name: Option<JsonStr<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    listeners: Vec<Listener<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listener<'a> {
    #[serde(borrow)]
    protocol: Option<JsonStr<'a>>,
}

impl KubernetesGateway<'_> {
    /// Returns the class, which names the controller that creates the pods.
    pub fn class(&self) -> &str {
        self.gateway_class_name.as_deref().unwrap_or_default()
    }

    /// Returns the protocols of the listeners.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.listeners.iter().filter_map(|listener| listener.protocol.as_deref())
    }
}
