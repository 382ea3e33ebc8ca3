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
    /// A driver from the settings.
    CsiDriver,
    /// A signer of certificates from the settings.
    Signer,
    /// A claim on devices from the settings.
    ResourceClaim,
    /// In an ambient mesh, a runtime class from the settings. In a mesh with sidecars, a pod does not start if its runtime
    /// redirects nothing.
    RuntimeClass,
}

impl Values {
    /// True if the value is allowed in every mesh.
    pub(super) fn always_allow(self, value: &RawValue) -> bool {
        value.get() == "null" || self.allow(value, None)
    }

    /// True if the value is allowed with these settings.
    pub fn allow(self, value: &RawValue, settings: Option<&Settings>) -> bool {
        let text = text(value);
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
            Self::Signer => settings.is_some_and(|settings| settings.allowed_signers.contains(&*text)),
            Self::ResourceClaim => {
                settings.is_some_and(|settings| settings.allowed_resource_claims.contains(&*text))
            }
            Self::RuntimeClass => settings.is_some_and(|settings| {
                settings.dataplane == Dataplane::Sidecar || settings.allowed_runtime_classes.contains(&*text)
            }),
            Self::CsiDriver => settings.is_some_and(|settings| settings.allowed_csi_drivers.contains(&*text)),
        }
    }
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
