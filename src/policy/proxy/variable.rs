//! The values of environment variables that the injector writes, and the variables that every container of the mesh
//! has.

use super::is_plain;
use crate::settings::{Dataplane, Settings};

/// The value that the injector gives a variable.
#[derive(Clone, Copy, Debug)]
pub(super) enum VariableValue {
    Literal(&'static str),
    /// The same in an ambient mesh, and no value in others.
    Ambient(&'static str),
    /// The value of a field of the pod.
    Field(&'static str),
    /// The value of a resource of the container.
    Resource(&'static str),
    /// A value computed from the pod: names, ports and probes that its author chose.
    Computed,
    /// `true` or `false`.
    Bool,
    /// A duration such as `45s`.
    Duration,
    /// The address of istiod's certificate authority.
    Istiod,
    TrustDomain,
    /// A name: letters, digits and few marks, because Envoy's bootstrap has it unescaped.
    Name,
    /// The workload that a pod belongs to: `kubernetes://apis/apps/v1/namespaces/…`.
    Owner,
    /// The metrics that the agent reads, as JSON, which the function accepts.
    Scraped(fn(&str, &Settings) -> bool),
    /// The mesh's configuration of the proxy, as JSON, which the function accepts without a reference.
    ProxyConfig(fn(&str, &Settings) -> bool),
}

/// Variables from `proxyMetadata`, which every container of the mesh has.
pub(super) static METADATA_VARIABLES: &[(&str, VariableValue)] = &[
    ("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", VariableValue::Bool),
    ("ISTIO_META_DNS_AUTO_ALLOCATE", VariableValue::Bool),
    // DNS capture adds to the captured traffic and never reduces it.
    ("ISTIO_META_DNS_CAPTURE", VariableValue::Literal("true")),
    // Istio's profile for ambient meshes sets it for every proxy.
    ("ISTIO_META_ENABLE_HBONE", VariableValue::Ambient("true")),
    ("ISTIO_META_IDLE_TIMEOUT", VariableValue::Duration),
    ("MINIMUM_DRAIN_DURATION", VariableValue::Duration),
];

/// Returns the value of the variable `name` in a table.
pub(super) fn find_in(table: &[(&str, VariableValue)], name: &str) -> Option<VariableValue> {
    let place = table.binary_search_by_key(&name, |(known, _)| known).ok()?;
    table.get(place).map(|(_, value)| *value)
}

/// True if every container of the mesh may have this variable from `proxyMetadata`.
pub(super) fn is_metadata(name: &str, value: &str, settings: &Settings) -> bool {
    find_in(METADATA_VARIABLES, name).is_some_and(|known| known.accepts(value, settings))
}

/// True if a pod may set this variable of every container of the mesh.
pub(super) fn is_metadata_name(name: &str) -> bool {
    find_in(METADATA_VARIABLES, name).is_some_and(|value| !matches!(value, VariableValue::Ambient(_)))
}

impl VariableValue {
    /// True if only some pods have such a variable.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::Computed | Self::Name | Self::Scraped(_))
    }

    /// True if the value can depend on the pod alone.
    pub(super) fn varies(self) -> bool {
        !matches!(
            self,
            Self::Literal(_) | Self::Ambient(_) | Self::Istiod | Self::TrustDomain | Self::ProxyConfig(_)
        )
    }

    /// True if the injector could have written this text.
    pub(super) fn accepts(self, written: &str, settings: &Settings) -> bool {
        match self {
            Self::Literal(expected) => written == expected,
            Self::Field(_) | Self::Resource(_) => false,
            Self::Name => is_plain(written, b"._-"),
            Self::Owner => is_plain(written, b":/._-"),
            // A sidecar with this variable would accept tunnels.
            Self::Ambient(expected) => settings.dataplane == Dataplane::Ambient && written == expected,
            Self::Scraped(accepts) | Self::ProxyConfig(accepts) => accepts(written, settings),
            Self::Computed => true,
            Self::Bool => matches!(written, "true" | "false"),
            Self::Duration => is_duration(written),
            Self::Istiod => is_istiod(written, settings),
            Self::TrustDomain => written == settings.trust_domain,
        }
    }
}

/// True if the text is a duration as Go writes it: `45s`, `1m30s`.
pub(super) fn is_duration(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".hmsun".contains(&byte))
}

/// True if this is the address of the control plane whose revision the tenants' namespaces have:
/// `istiod.istio-system.svc:15012`.
pub(super) fn is_istiod(address: &str, settings: &Settings) -> bool {
    let host = address.strip_prefix("istiod").and_then(|rest| rest.strip_suffix(".svc:15012"));
    let revision = host.and_then(|host| host.strip_suffix(settings.mesh_root.as_str())?.strip_suffix('.'));
    match revision {
        Some("") => true,
        // With revision tags, the address has the name of the revision that the tag points to.
        Some(revision) => revision.strip_prefix('-').is_some_and(is_name),
        None => false,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn istiod_is_known_by_its_address() {
        let settings = Settings::default();
        for address in ["istiod.istio-system.svc:15012", "istiod-1-31-0.istio-system.svc:15012"] {
            assert!(is_istiod(address, &settings), "{address}");
        }
        for address in [
            "istiod.elsewhere.svc:15012",
            "istiod.istio-system.svc:15010",
            "istiod.istio-system.svc.example.com:15012",
            "istiod-.istio-system.svc:15012",
            "istiod-x.tenant.istio-system.svc:15012",
            "xistiod.istio-system.svc:15012",
            "",
        ] {
            assert!(!is_istiod(address, &settings), "{address}");
        }
    }
}
