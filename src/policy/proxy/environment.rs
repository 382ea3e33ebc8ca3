//! The environment of the mesh's own containers, as data: Istio's injection template is the source. Their programs
//! bind every flag to a variable, so that a variable of a tenant's own can switch the redirection off or hand Envoy
//! another configuration. What a mesh sets beyond this table is in the settings (`mesh.proxyEnvironment`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::container::Comparison;
use super::proxy_config;
use super::{CAPTURE_NAME, PROXY_NAME};
use crate::policy::object::Text;
use crate::policy::quote;
use crate::settings::Settings;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnvVar<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// Read only where it counts: some are long, and escaped.
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_from: Option<ValueFrom<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ValueFrom<'a> {
    #[serde(borrow, default)]
    field_ref: Option<FieldRef<'a>>,
    #[serde(borrow, default)]
    resource_field_ref: Option<ResourceFieldRef<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FieldRef<'a> {
    #[serde(rename = "apiVersion", default)]
    _api_version: IgnoredAny,
    #[serde(borrow)]
    field_path: Text<'a>,
}

impl FieldRef<'_> {
    pub(super) fn path(&self) -> &str {
        &self.field_path
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceFieldRef<'a> {
    #[serde(borrow)]
    resource: Text<'a>,
    #[serde(rename = "divisor", default)]
    _divisor: IgnoredAny,
}

/// The value that the injector gives a variable.
#[derive(Clone, Copy, Debug)]
enum Value {
    Is(&'static str),
    /// A field of the pod.
    Field(&'static str),
    /// A resource of the container.
    Resource(&'static str),
    /// Computed from the pod: names, ports and probes that its author chose.
    Computed,
    /// `true` or `false`.
    Bool,
    /// Such as `45s`.
    Duration,
    /// The address of istiod's certificate authority.
    Istiod,
    TrustDomain,
    ProxyConfig,
}

/// In every container of the mesh, from `proxyMetadata`.
static METADATA: &[(&str, Value)] = &[
    ("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", Value::Bool),
    ("ISTIO_META_DNS_AUTO_ALLOCATE", Value::Bool),
    // More is captured, never less.
    ("ISTIO_META_DNS_CAPTURE", Value::Is("true")),
    ("ISTIO_META_IDLE_TIMEOUT", Value::Duration),
    ("MINIMUM_DRAIN_DURATION", Value::Duration),
];

/// In the proxy alone.
static PROXY: &[(&str, Value)] = &[
    ("CA_ADDR", Value::Istiod),
    ("GOMAXPROCS", Value::Resource("limits.cpu")),
    ("GOMEMLIMIT", Value::Resource("limits.memory")),
    ("HOST_IP", Value::Field("status.hostIP")),
    ("INSTANCE_IP", Value::Field("status.podIP")),
    ("ISTIO_CPU_LIMIT", Value::Resource("limits.cpu")),
    ("ISTIO_KUBE_APP_PROBERS", Value::Computed),
    ("ISTIO_META_APP_CONTAINERS", Value::Computed),
    ("ISTIO_META_CLUSTER_ID", Value::Is("Kubernetes")),
    ("ISTIO_META_INTERCEPTION_MODE", Value::Is("REDIRECT")),
    ("ISTIO_META_MESH_ID", Value::TrustDomain),
    ("ISTIO_META_NODE_NAME", Value::Field("spec.nodeName")),
    ("ISTIO_META_OWNER", Value::Computed),
    ("ISTIO_META_POD_PORTS", Value::Computed),
    ("ISTIO_META_WORKLOAD_NAME", Value::Computed),
    ("ISTIO_PROMETHEUS_ANNOTATIONS", Value::Computed),
    ("OTEL_RESOURCE_ATTRIBUTES", Value::Computed),
    ("PILOT_CERT_PROVIDER", Value::Is("istiod")),
    ("POD_NAME", Value::Field("metadata.name")),
    ("POD_NAMESPACE", Value::Field("metadata.namespace")),
    ("PROXY_CONFIG", Value::ProxyConfig),
    ("REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION", Value::Is("true")),
    ("SERVICE_ACCOUNT", Value::Field("spec.serviceAccountName")),
    ("TRUST_DOMAIN", Value::TrustDomain),
];

pub(super) fn compare(container: &mut Comparison<'_, '_>) {
    let mut seen = Vec::with_capacity(METADATA.len() + PROXY.len());
    container.each("env", |container, index, variable: EnvVar<'_>| {
        let name = &*variable.name;
        let declared = container.settings.proxy_environment.get(name);
        let message = if seen.contains(&variable.name) {
            Some(format!("{} is set twice", quote(name)))
        } else if declared.is_some_and(|value| variable.is(value)) {
            None
        } else {
            match find(name, container.name) {
                None => Some(format!("Istio sets no {} for `{}`", quote(name), container.name)),
                Some(value) if variable.has(value, container.settings) => None,
                Some(_) => Some(format!("Istio sets another value for {}", quote(name))),
            }
        };
        if let Some(message) = message {
            container.report(&["env"], Some(index), message);
        }
        seen.push(variable.name);
    });
}

/// The value that the injector gives a variable of this name in this container.
fn find(name: &str, container: &str) -> Option<Value> {
    let tables = if container == PROXY_NAME { &[METADATA, PROXY][..] } else { &[METADATA] };
    tables.iter().find_map(|table| {
        let place = table.binary_search_by_key(&name, |(known, _)| known).ok()?;
        table.get(place).map(|(_, value)| *value)
    })
}

/// True if every container of the mesh may have this variable from `proxyMetadata`.
pub(super) fn is_metadata(name: &str, value: &str, settings: &Settings) -> bool {
    settings.proxy_environment.get(name).is_some_and(|declared| declared == value)
        || find(name, CAPTURE_NAME).is_some_and(|known| known.accepts(value, settings))
}

impl Value {
    /// True if the injector could have written this text.
    fn accepts(self, written: &str, settings: &Settings) -> bool {
        match self {
            Self::Is(expected) => written == expected,
            Self::Field(_) | Self::Resource(_) => false,
            Self::Computed => true,
            Self::Bool => matches!(written, "true" | "false"),
            Self::Duration => is_duration(written),
            Self::Istiod => is_istiod(written, settings),
            Self::TrustDomain => written == settings.trust_domain,
            Self::ProxyConfig => proxy_config::is_harmless(written, settings),
        }
    }
}

impl EnvVar<'_> {
    /// The value, if it is written out.
    fn literal(&self) -> Option<Text<'_>> {
        match (&self.value_from, self.value) {
            (None, Some(value)) => serde_json::from_str(value.get()).ok(),
            _ => None,
        }
    }

    fn is(&self, expected: &str) -> bool {
        self.literal().is_some_and(|value| value.trim() == expected.trim())
    }

    fn has(&self, value: Value, settings: &Settings) -> bool {
        if let Some(from) = &self.value_from {
            let field = from.field_ref.as_ref().map(|field| &*field.field_path);
            let resource = from.resource_field_ref.as_ref().map(|field| &*field.resource);
            return self.value.is_none()
                && match value {
                    Value::Field(path) => resource.is_none() && field == Some(path),
                    Value::Resource(name) => field.is_none() && resource == Some(name),
                    _ => false,
                };
        }
        matches!(value, Value::Computed)
            || self.literal().is_some_and(|written| value.accepts(&written, settings))
    }
}

/// A number and its unit, as Go writes them: `45s`, `1m30s`.
pub(super) fn is_duration(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".hmsun".contains(&byte))
}

/// The address of the control plane whose revision the tenants' namespaces have: `istiod.istio-system.svc:15012`.
pub(super) fn is_istiod(address: &str, settings: &Settings) -> bool {
    let host = address.strip_prefix("istiod").and_then(|rest| rest.strip_suffix(".svc:15012"));
    let revision = host.and_then(|host| host.strip_suffix(settings.mesh_root.as_str())?.strip_suffix('.'));
    match revision {
        Some("") => true,
        // With revision tags the name is that of the revision behind the tag.
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

    #[test]
    fn tables_are_sorted_and_disjoint() {
        let names: Vec<&str> = METADATA.iter().chain(PROXY).map(|(name, _)| *name).collect();
        assert!(METADATA.is_sorted_by_key(|(name, _)| *name) && PROXY.is_sorted_by_key(|(name, _)| *name));
        assert!(names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1));
    }
}
