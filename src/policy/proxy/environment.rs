//! The environment of the mesh's own containers, as tables taken from Istio's injection template. The programs in
//! these containers bind every flag to a variable, so a tenant's own variable could disable the redirection or give
//! Envoy another configuration. Variables that a mesh sets beyond these tables are in the reference.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::comparison::{Comparison, Role};
use super::variable::{METADATA_VARIABLES, VariableValue, find_in, is_metadata_name};
use super::{PROXY_CONTAINER, proxy_config};
use crate::policy::object::{JsonStr, nullable};
use crate::policy::quote;
use crate::settings::Settings;
use crate::snapshot::InjectedElement;

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
    ("ISTIO_META_WORKLOAD_NAME", VariableValue::Name),
    ("ISTIO_PROMETHEUS_ANNOTATIONS", VariableValue::Scraped(is_local_scrape)),
    ("OTEL_RESOURCE_ATTRIBUTES", VariableValue::Computed),
    ("PILOT_CERT_PROVIDER", VariableValue::Literal("istiod")),
    ("POD_NAME", VariableValue::Field("metadata.name")),
    ("POD_NAMESPACE", VariableValue::Field("metadata.namespace")),
    ("PROXY_CONFIG", VariableValue::ProxyConfig(proxy_config::is_harmless)),
    ("REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION", VariableValue::Literal("true")),
    ("SERVICE_ACCOUNT", VariableValue::Field("spec.serviceAccountName")),
    ("TRUST_DOMAIN", VariableValue::TrustDomain),
];

/// Variables that istiod gives a waypoint.
static WAYPOINT_VARIABLES: &[(&str, VariableValue)] = &[
    ("CA_ADDR", VariableValue::Istiod),
    ("GOMAXPROCS", VariableValue::Resource("limits.cpu")),
    ("GOMEMLIMIT", VariableValue::Resource("limits.memory")),
    ("HOST_IP", VariableValue::Field("status.hostIP")),
    ("INSTANCE_IP", VariableValue::Field("status.podIP")),
    ("ISTIO_CPU_LIMIT", VariableValue::Resource("limits.cpu")),
    ("ISTIO_META_CLUSTER_ID", VariableValue::Literal("Kubernetes")),
    ("ISTIO_META_INTERCEPTION_MODE", VariableValue::Literal("REDIRECT")),
    ("ISTIO_META_MESH_ID", VariableValue::TrustDomain),
    ("ISTIO_META_NODE_NAME", VariableValue::Field("spec.nodeName")),
    ("ISTIO_META_OWNER", VariableValue::Owner),
    ("ISTIO_META_SERVICE_ACCOUNT", VariableValue::Field("spec.serviceAccountName")),
    ("ISTIO_META_WORKLOAD_NAME", VariableValue::Name),
    ("PILOT_CERT_PROVIDER", VariableValue::Literal("istiod")),
    ("POD_NAME", VariableValue::Field("metadata.name")),
    ("POD_NAMESPACE", VariableValue::Field("metadata.namespace")),
    ("PROXY_CONFIG", VariableValue::ProxyConfig(proxy_config::is_harmless)),
    ("SERVICE_ACCOUNT", VariableValue::Field("spec.serviceAccountName")),
    ("TRUST_DOMAIN", VariableValue::TrustDomain),
];

/// Variables without which a waypoint is another workload, or asks another istiod.
const REQUIRED_OF_WAYPOINTS: [&str; 7] = [
    "CA_ADDR",
    "INSTANCE_IP",
    "PILOT_CERT_PROVIDER",
    "POD_NAME",
    "POD_NAMESPACE",
    "PROXY_CONFIG",
    "SERVICE_ACCOUNT",
];

pub(super) fn compare(container: &mut Comparison<'_, '_>) {
    let injected = container.variables.map_or(&[][..], |known| &known.elements);
    let mut is_written = vec![false; injected.len()];
    // Variables that the reference lacks.
    let mut others: Vec<JsonStr<'_>> = Vec::new();
    let mut next = 0;
    for (index, raw) in container.container.get().variables.iter().enumerate() {
        // Most variables have the position and the value that they have in the reference.
        if injected.get(next).is_some_and(|known| known.is_written_as(raw))
            && let Some(is_written @ false) = is_written.get_mut(next)
        {
            *is_written = true;
            next += 1;
            continue;
        }
        let variable: EnvVar<'_> = match serde_json::from_str(raw.get()) {
            Ok(variable) => variable,
            Err(error) => {
                container.report_form(&["env"], index, &error);
                continue;
            }
        };
        let name = &*variable.name;
        let position = injected.iter().position(|known| known.name.as_deref() == Some(name));
        let known = position.and_then(|position| injected.get(position));
        let is_duplicate = match position.and_then(|position| is_written.get_mut(position)) {
            Some(is_written) => std::mem::replace(is_written, true),
            None => others.contains(&variable.name),
        };
        next = position.map_or(next, |position| position + 1);
        let value = find(name, container.role, container.name);
        let varies = is_metadata_name(name) || value.is_some_and(VariableValue::varies);
        let is_fixed = container.exact && known.is_some() && !varies;
        let message = match value {
            _ if is_duplicate => Some(format!("{} is set twice", quote(name))),
            Some(value) if !is_fixed && variable.matches(value, container.settings) => None,
            _ if known.is_some_and(|known| known.is(raw)) => None,
            Some(VariableValue::ProxyConfig(_))
                if known.is_some_and(|known| variable.changes_harmlessly(known, container.settings)) =>
            {
                None
            }
            None if known.is_none() => {
                Some(format!("Istio sets no {} for `{}`", quote(name), container.name))
            }
            _ => Some(format!("Istio sets another value for {}", quote(name))),
        };
        if let Some(message) = message {
            container.report(&["env"], Some(index), message);
        }
        // An unknown variable is reported every time. To keep it would make the comparison quadratic.
        if known.is_none() && value.is_some() {
            others.push(variable.name);
        }
    }
    let (role, container_name) = (container.role, container.name);
    let is_optional = |name: &str| find(name, role, container_name).is_some_and(VariableValue::is_optional);
    let missing = injected.iter().zip(is_written).filter(|(_, is_written)| !is_written);
    let missing = missing.filter_map(|(known, _)| known.name.as_deref()).find(|name| !is_optional(name));
    let missing = match role {
        Role::Waypoint => REQUIRED_OF_WAYPOINTS.into_iter().find(|name| !is_set(container, name)),
        _ => missing.filter(|_| container.exact),
    };
    if let Some(name) = missing {
        container.report(&["env"], None, format!("Istio sets {} for `{}`", quote(name), container.name));
    }
}

/// True if the container has a variable of this name.
fn is_set(container: &Comparison<'_, '_>, name: &str) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: JsonStr<'a>,
    }

    let mut variables = container.container.get().variables.iter();
    variables
        .any(|raw| serde_json::from_str(raw.get()).is_ok_and(|Named { name: written }| *written == *name))
}

/// Returns the value that the injector gives the variable `name` in this container.
fn find(name: &str, role: Role, container: &str) -> Option<VariableValue> {
    let tables = match role {
        Role::Waypoint => &[METADATA_VARIABLES, WAYPOINT_VARIABLES][..],
        _ if container == PROXY_CONTAINER => &[METADATA_VARIABLES, PROXY_VARIABLES],
        _ => &[METADATA_VARIABLES],
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

    /// True if this `PROXY_CONFIG` is that of the reference, with what a pod's annotation may change.
    fn changes_harmlessly(&self, known: &InjectedElement, settings: &Settings) -> bool {
        let known = serde_json::from_str::<EnvVar<'_>>(known.raw.get()).ok();
        let known = known.as_ref().and_then(EnvVar::literal);
        self.literal()
            .zip(known)
            .is_some_and(|(written, known)| proxy_config::differs_harmlessly(&written, &known, settings))
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

/// True if the agent scrapes paths of the pod itself. It appends the path to `http://localhost:PORT`.
fn is_local_scrape(json: &str, _: &Settings) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Target<'a> {
        #[serde(rename = "scrape", default)]
        _scrape: IgnoredAny,
        #[serde(borrow, default)]
        path: Option<JsonStr<'a>>,
        #[serde(borrow, default)]
        port: Option<JsonStr<'a>>,
        #[serde(borrow, default, deserialize_with = "nullable")]
        targets: Vec<Target<'a>>,
    }

    fn is_local(scrape: &Target<'_>) -> bool {
        scrape.path.as_deref().is_none_or(|path| path.is_empty() || path.starts_with('/'))
            && scrape.port.as_deref().is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok())
            && scrape.targets.iter().all(is_local)
    }

    serde_json::from_str(json).is_ok_and(|scrape| is_local(&scrape))
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
