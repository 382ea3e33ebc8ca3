use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, WorkloadSelector};

/// A Sidecar: of which pods, what their proxies know, and what they take.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pub workload_selector: WorkloadSelector<'a>,
    /// Everything there is, where it is empty.
    #[serde(borrow, deserialize_with = "nullable")]
    pub egress: Vec<Listener<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    pub ingress: Vec<Listener<'a>>,
    /// The mesh's, where it is absent.
    #[serde(borrow)]
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy<'a>>,
}

/// Where a proxy takes calls, from the pod's own programs or from others.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Listener<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pub hosts: Vec<JsonStr<'a>>,
    #[serde(borrow)]
    pub bind: Option<JsonStr<'a>>,
    #[serde(borrow)]
    pub capture_mode: Option<JsonStr<'a>>,
    #[serde(borrow)]
    pub default_endpoint: Option<JsonStr<'a>>,
    pub tls: Option<IgnoredAny>,
}

/// What becomes of a call to a destination that the proxy does not know.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundTrafficPolicy<'a> {
    /// `REGISTRY_ONLY`, where it is absent.
    #[serde(borrow)]
    pub mode: Option<JsonStr<'a>>,
    pub egress_proxy: Option<IgnoredAny>,
}
