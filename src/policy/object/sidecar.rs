use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::nullable;
use super::{JsonStr, Located, Path, WorkloadSelector};

/// Spec of an Istio Sidecar: its workload selector, listeners and outbound traffic policy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    pub workload_selector: WorkloadSelector<'a>,
    /// Outbound listeners. An empty list imports every service.
    #[serde(borrow, deserialize_with = "nullable")]
    egress: Vec<Listener<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    ingress: Vec<Listener<'a>>,
    /// Policy for unknown destinations. `None` inherits the mesh's policy.
    #[serde(borrow)]
    outbound_traffic_policy: Option<OutboundTrafficPolicy<'a>>,
}

/// A port on which the proxy accepts calls: inbound calls from other pods, or outbound calls from the pod's own
/// programs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Listener<'a> {
    #[serde(borrow)]
    bind: Option<JsonStr<'a>>,
    #[serde(borrow)]
    capture_mode: Option<JsonStr<'a>>,
    #[serde(borrow)]
    default_endpoint: Option<JsonStr<'a>>,
    tls: Option<IgnoredAny>,
}

/// Policy for outbound calls to destinations that the proxy does not know.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundTrafficPolicy<'a> {
    /// `None` means `REGISTRY_ONLY`.
    #[serde(borrow)]
    mode: Option<JsonStr<'a>>,
    egress_proxy: Option<IgnoredAny>,
}

impl<'a> Sidecar<'a> {
    pub fn egress(&self) -> Located<'static, &[Listener<'a>]> {
        Located { value: self.egress.as_slice(), path: Path::of(&["spec", "egress"]) }
    }

    pub fn ingress(&self) -> Located<'static, &[Listener<'a>]> {
        Located { value: self.ingress.as_slice(), path: Path::of(&["spec", "ingress"]) }
    }

    pub fn outbound_traffic_policy(&self) -> Option<Located<'static, &OutboundTrafficPolicy<'a>>> {
        let value = self.outbound_traffic_policy.as_ref()?;
        Some(Located { value, path: Path::of(&["spec", "outboundTrafficPolicy"]) })
    }
}

impl<'o> Located<'static, &'o Listener<'_>> {
    pub fn bind(&self) -> Option<Located<'static, &'o str>> {
        Some(self.field("bind", self.value.bind.as_deref()?))
    }

    pub fn capture_mode(&self) -> Option<Located<'static, &'o str>> {
        Some(self.field("captureMode", self.value.capture_mode.as_deref()?))
    }

    pub fn default_endpoint(&self) -> Option<Located<'static, &'o str>> {
        Some(self.field("defaultEndpoint", self.value.default_endpoint.as_deref()?))
    }

    pub fn tls(&self) -> Option<Located<'static, IgnoredAny>> {
        Some(self.field("tls", self.value.tls?))
    }
}

impl<'o> Located<'static, &'o OutboundTrafficPolicy<'_>> {
    pub fn mode(&self) -> Option<Located<'static, &'o str>> {
        Some(self.field("mode", self.value.mode.as_deref()?))
    }

    pub fn egress_proxy(&self) -> Option<Located<'static, IgnoredAny>> {
        Some(self.field("egressProxy", self.value.egress_proxy?))
    }
}
