use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::policy::proxy::INJECTED_CONTAINERS;
use crate::settings::{Dataplane, Settings};

/// A field that only some values keep harmless.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The code of the rule that refuses other values.
    pub code: &'static str,
    pub values: Values,
    /// Predicate of a sentence about other values.
    pub effect: &'static str,
}

/// The values that a field may have. `null` is the same as no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    None,
    /// An empty text.
    Empty,
    False,
    Zero,
    Only(&'static [&'static str]),
    /// Any user or group but the proxy's.
    OtherThanProxyUser,
    /// Any container but Istio's.
    OtherThanMeshContainer,
    /// Any class but those that Kubernetes reserves for the cluster's own pods.
    OtherThanSystemPriority,
    /// Any port but those on which the Istio proxy listens, in a mesh with sidecars.
    OtherThanProxyPort,
    /// Any host name but those of Services and of istiod.
    OtherThanClusterName,
    /// A name server from the settings.
    NameServer,
    /// A driver from the settings.
    CsiDriver,
    /// A signer of certificates from the settings.
    Signer,
    /// A claim on devices from the settings.
    ResourceClaim,
    /// A class of load balancers from the settings.
    LoadBalancerClass,
    /// A class of scrapes from the settings.
    ScrapeClass,
    /// In an ambient mesh, a runtime class from the settings. In a mesh with sidecars, a pod does not start if its runtime
    /// redirects nothing.
    RuntimeClass,
}

impl Values {
    /// True if the value is allowed in every mesh.
    pub(super) fn always_allow(self, value: &RawValue) -> bool {
        value.get() == "null" || self.allow(value, None)
    }

    /// True if the value is allowed with these settings, for pods of this dataplane.
    pub fn allow(self, value: &RawValue, mesh: Option<(&Settings, Dataplane)>) -> bool {
        let text = text(value);
        let settings = mesh.map(|(settings, _)| settings);
        let has_dataplane = |wanted| mesh.is_some_and(|(_, dataplane)| dataplane == wanted);
        match self {
            Self::None => false,
            Self::Empty => text.is_empty(),
            Self::False => text == "false",
            Self::Zero => text == "0",
            Self::Only(allowed) => allowed.contains(&&*text),
            Self::OtherThanProxyUser => {
                let number = text.parse().ok();
                number.zip(settings).is_some_and(|(number, settings): (i64, _)| number != settings.proxy_user)
            }
            Self::OtherThanMeshContainer => !INJECTED_CONTAINERS.contains(&&*text),
            Self::OtherThanSystemPriority => !text.starts_with("system-"),
            Self::OtherThanProxyPort => !PROXY_PORTS.contains(&&*text) || has_dataplane(Dataplane::Ambient),
            Self::OtherThanClusterName => !is_cluster_name(&text),
            Self::NameServer => {
                settings.is_some_and(|settings| settings.allowed_nameservers.contains(&*text))
            }
            Self::Signer => settings.is_some_and(|settings| settings.allowed_signers.contains(&*text)),
            Self::ResourceClaim => {
                settings.is_some_and(|settings| settings.allowed_resource_claims.contains(&*text))
            }
            Self::RuntimeClass => {
                has_dataplane(Dataplane::Sidecar)
                    || settings.is_some_and(|settings| settings.allowed_runtime_classes.contains(&*text))
            }
            Self::LoadBalancerClass => {
                settings.is_some_and(|settings| settings.allowed_load_balancer_classes.contains(&*text))
            }
            Self::ScrapeClass => {
                text.is_empty()
                    || settings.is_some_and(|settings| settings.allowed_scrape_classes.contains(&*text))
            }
            Self::CsiDriver => settings.is_some_and(|settings| settings.allowed_csi_drivers.contains(&*text)),
        }
    }
}

/// The ports on which a sidecar and its agent listen.
const PROXY_PORTS: &[&str] =
    &["15000", "15001", "15004", "15006", "15008", "15020", "15021", "15053", "15090"];

/// True if the name can be one of a Service, whatever the domain of the cluster is, or of istiod.
fn is_cluster_name(name: &str) -> bool {
    name.starts_with("istiod")
        || name.split('.').skip(1).any(|label| label == "svc")
        || name.ends_with(".cluster.local")
}

/// Returns a string without its quotes, and any other value as it is.
pub fn text(value: &RawValue) -> Cow<'_, str> {
    let raw = value.get();
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Cow::Borrowed(text),
        Some(_) => serde_json::from_str(raw).map_or(Cow::Borrowed(raw), Cow::Owned),
        None => Cow::Borrowed(raw),
    }
}
