use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, WorkloadSelector};

/// Spec of an Istio Sidecar: its workload selector, listeners and outbound traffic policy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pub workload_selector: WorkloadSelector<'a>,
    /// Outbound listeners. An empty list imports every service.
    #[serde(borrow, deserialize_with = "nullable")]
    pub egress: Vec<Listener<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    pub ingress: Vec<Listener<'a>>,
    /// Policy for unknown destinations. `None` inherits the mesh's policy.
    #[serde(borrow)]
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy<'a>>,
}

/// A port on which the proxy accepts calls: inbound calls from other pods, or outbound calls from the pod's own
/// programs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Listener<'a> {
    #[serde(borrow)]
    pub bind: Option<JsonStr<'a>>,
    #[serde(borrow)]
    pub capture_mode: Option<JsonStr<'a>>,
    #[serde(borrow)]
    pub default_endpoint: Option<JsonStr<'a>>,
    pub tls: Option<IgnoredAny>,
}

/// Policy for outbound calls to destinations that the proxy does not know.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundTrafficPolicy<'a> {
    /// `None` means `REGISTRY_ONLY`.
    #[serde(borrow)]
    pub mode: Option<JsonStr<'a>>,
    pub egress_proxy: Option<IgnoredAny>,
}
