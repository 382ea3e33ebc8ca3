//! The environment of the mesh's own containers, as tables taken from Istio's injection template. The programs in
//! these containers bind every flag to a variable, so a tenant's own variable could disable the redirection or give
//! Envoy another configuration. Variables that a mesh sets beyond these tables are in the settings
//! (`mesh.proxyEnvironment`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::comparison::Comparison;
use super::variable::{METADATA_VARIABLES, VariableValue, find_in};
use super::{PROXY_CONTAINER, proxy_config};
use crate::policy::object::JsonStr;
use crate::policy::quote;
use crate::settings::Settings;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EnvVar<'a> {
    #[serde(borrow)]
    name: JsonStr<'a>,
    /// The raw value. It is parsed only when a check needs it, because some values are long and escaped.
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
    field_path: JsonStr<'a>,
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
    resource: JsonStr<'a>,
    #[serde(rename = "divisor", default)]
    _divisor: IgnoredAny,
}

/// Variables that only the proxy has.
static PROXY_VARIABLES: &[(&str, VariableValue)] = &[
    ("CA_ADDR", VariableValue::Istiod),
    ("GOMAXPROCS", VariableValue::Resource("limits.cpu")),
    ("GOMEMLIMIT", VariableValue::Resource("limits.memory")),
    ("HOST_IP", VariableValue::Field("status.hostIP")),
    ("INSTANCE_IP", VariableValue::Field("status.podIP")),
    ("ISTIO_CPU_LIMIT", VariableValue::Resource("limits.cpu")),
    ("ISTIO_KUBE_APP_PROBERS", VariableValue::Computed),
    ("ISTIO_META_APP_CONTAINERS", VariableValue::Computed),
    ("ISTIO_META_CLUSTER_ID", VariableValue::Literal("Kubernetes")),
    ("ISTIO_META_INTERCEPTION_MODE", VariableValue::Literal("REDIRECT")),
    ("ISTIO_META_MESH_ID", VariableValue::TrustDomain),
    ("ISTIO_META_NODE_NAME", VariableValue::Field("spec.nodeName")),
    ("ISTIO_META_OWNER", VariableValue::Computed),
    ("ISTIO_META_POD_PORTS", VariableValue::Computed),
    ("ISTIO_META_WORKLOAD_NAME", VariableValue::Computed),
    ("ISTIO_PROMETHEUS_ANNOTATIONS", VariableValue::Computed),
    ("OTEL_RESOURCE_ATTRIBUTES", VariableValue::Computed),
    ("PILOT_CERT_PROVIDER", VariableValue::Literal("istiod")),
    ("POD_NAME", VariableValue::Field("metadata.name")),
    ("POD_NAMESPACE", VariableValue::Field("metadata.namespace")),
    ("PROXY_CONFIG", VariableValue::Checked(proxy_config::is_harmless)),
    ("REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION", VariableValue::Literal("true")),
    ("SERVICE_ACCOUNT", VariableValue::Field("spec.serviceAccountName")),
    ("TRUST_DOMAIN", VariableValue::TrustDomain),
];

pub(super) fn compare(container: &mut Comparison<'_, '_>) {
    let mut seen = Vec::new();
    container.each("env", |container, index, variable: EnvVar<'_>| {
        let name = &*variable.name;
        let declared = container.settings.proxy_environment.get(name);
        let expected = find(name, container.name);
        let message = if seen.contains(&variable.name) {
            Some(format!("{} is set twice", quote(name)))
        } else if declared.is_some_and(|value| variable.is(value)) {
            None
        } else {
            match expected {
                None => Some(format!("Istio sets no {} for `{}`", quote(name), container.name)),
                Some(value) if variable.matches(value, container.settings) => None,
                Some(_) => Some(format!("Istio sets another value for {}", quote(name))),
            }
        };
        if let Some(message) = message {
            container.report(&["env"], Some(index), message);
        }
        // An unknown variable is reported every time. To keep it would make the comparison quadratic.
        if expected.is_some() || declared.is_some() {
            if seen.is_empty() {
                seen.reserve(METADATA_VARIABLES.len() + PROXY_VARIABLES.len());
            }
            seen.push(variable.name);
        }
    });
}

/// Returns the value that the injector gives the variable `name` in this container.
fn find(name: &str, container: &str) -> Option<VariableValue> {
    let tables = if container == PROXY_CONTAINER {
        &[METADATA_VARIABLES, PROXY_VARIABLES][..]
    } else {
        &[METADATA_VARIABLES]
    };
    tables.iter().find_map(|table| find_in(table, name))
}

impl EnvVar<'_> {
    /// Returns the value if it is a literal, not a reference.
    fn literal(&self) -> Option<JsonStr<'_>> {
        match (&self.value_from, self.value) {
            (None, Some(value)) => serde_json::from_str(value.get()).ok(),
            _ => None,
        }
    }

    fn is(&self, expected: &str) -> bool {
        self.literal().is_some_and(|value| value.trim() == expected.trim())
    }

    fn matches(&self, value: VariableValue, settings: &Settings) -> bool {
        if let Some(from) = &self.value_from {
            let field = from.field_ref.as_ref().map(|field| &*field.field_path);
            let resource = from.resource_field_ref.as_ref().map(|field| &*field.resource);
            return self.value.is_none()
                && match value {
                    VariableValue::Field(path) => resource.is_none() && field == Some(path),
                    VariableValue::Resource(name) => field.is_none() && resource == Some(name),
                    _ => false,
                };
        }
        matches!(value, VariableValue::Computed)
            || self.literal().is_some_and(|written| value.accepts(&written, settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_disjoint() {
        let names: Vec<&str> =
            METADATA_VARIABLES.iter().chain(PROXY_VARIABLES).map(|(name, _)| *name).collect();
        assert!(
            METADATA_VARIABLES.is_sorted_by_key(|(name, _)| *name)
                && PROXY_VARIABLES.is_sorted_by_key(|(name, _)| *name)
        );
        assert!(names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1));
    }
}
