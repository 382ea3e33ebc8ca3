//! The resources that a pod needs for the containers that Istio adds to it.

use super::quantity::parse_quantity;
use crate::settings::Dataplane;
use crate::snapshot::{DEFAULT_REVISION, Resources, Snapshot, Tenant};

/// A field of a Tenant that allows less than a container of Istio needs, so that no pod can run.
#[derive(Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// Such as `spec.limits.max.memory`.
    pub field: String,
    pub allowed: String,
    pub container: String,
    /// `None` if the container does not set what the field demands.
    pub needed: Option<String>,
}

/// The proxy's resources in Istio's defaults, until the controller knows what the injector of this mesh writes.
const DEFAULT_LIMITS: [(&str, &str); 2] = [("cpu", "2"), ("memory", "1Gi")];
const DEFAULT_REQUESTS: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "128Mi")];

/// Returns the first field of the Tenant that is too small for the containers that the mesh adds to each pod.
pub fn too_small_for_proxy(tenant: &Tenant, snapshot: &Snapshot) -> Option<TooSmall> {
    if tenant.dataplane(&snapshot.settings) == Dataplane::Ambient {
        return None;
    }
    injected_resources(snapshot).into_iter().find_map(|(container, resources)| {
        let too_small = |field: String, allowed: &String, needed: Option<&String>| {
            let is_enough = needed.is_some_and(|needed| parse_quantity(allowed) >= parse_quantity(needed));
            (!is_enough).then(|| TooSmall {
                field,
                allowed: allowed.clone(),
                container: container.clone(),
                needed: needed.cloned(),
            })
        };
        let limits = tenant.limits.max.iter().find_map(|(resource, allowed)| {
            too_small(format!("spec.limits.max.{resource}"), allowed, resources.limits.get(resource))
        });
        limits.or_else(|| {
            tenant.namespace_quota.iter().find_map(|(resource, allowed)| {
                let field = format!("spec.namespaceQuota[{resource}]");
                too_small(field, allowed, resources.counted_by(resource)?)
            })
        })
    })
}

/// Returns the injected containers of a pod with their resources.
fn injected_resources(snapshot: &Snapshot) -> Vec<(String, Resources)> {
    let revision = snapshot.settings.mesh_revision.as_deref().unwrap_or(DEFAULT_REVISION);
    let reference = snapshot.proxy_references.newest(revision);
    let pod = reference.and_then(|reference| reference.native.as_ref().or(reference.classic.as_ref()));
    let Some(pod) = pod else {
        let owned = |(resource, quantity): (&str, &str)| (resource.to_owned(), quantity.to_owned());
        let (limits, requests) = (DEFAULT_LIMITS.map(owned).into(), DEFAULT_REQUESTS.map(owned).into());
        let resources = Resources { limits, requests };
        return vec![("istio-proxy".to_owned(), resources)];
    };
    pod.all_containers().map(|container| (container.name.clone(), container.resources())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::api::{Limits, TenantSpec};
    use crate::settings::Settings;
    use crate::snapshot::{ClusterState, ProxyReference, ProxyReferences};

    /// Returns the field that is too small, and what the named container needs.
    fn too_small(
        max: &[(&str, &str)],
        quota: &[(&str, &str)],
        reference: Option<ProxyReference>,
    ) -> Option<String> {
        let owned = |list: &[(&str, &str)]| {
            list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let limits = Limits { max: owned(max), ..Limits::default() };
        let spec = TenantSpec { limits, namespace_quota: owned(quota), ..TenantSpec::default() };
        let tenant = Tenant::new("north".to_owned(), 0, spec);
        let mut references = ProxyReferences::default();
        if let Some(reference) = reference {
            references.add(DEFAULT_REVISION, reference, 0);
        }
        let state = ClusterState { proxy_references: references, ..ClusterState::default() };
        let snapshot = Snapshot::new(Arc::new(Settings::default()), state);
        let found = too_small_for_proxy(&tenant, &snapshot)?;
        Some(format!("{} {} {}", found.field, found.container, found.needed.unwrap_or_default()))
    }

    /// Returns a mesh whose proxies are smaller than Istio's, and whose init container is not.
    fn small_proxies() -> ProxyReference {
        let container = |name: &str, cpu: &str, memory: &str| {
            json!({
                "name": name, "image": "proxyv2",
                "resources": { "limits": { "cpu": cpu, "memory": memory }, "requests": { "cpu": "10m" } },
            })
        };
        let init = [container("istio-init", "1", "64Mi"), container("istio-proxy", "500m", "256Mi")];
        let pod = json!({ "initContainers": init, "containers": [], "volumes": [] });
        ProxyReference { native: serde_json::from_value(pod).ok(), ..ProxyReference::default() }
    }

    #[test]
    fn limits_are_compared_with_the_proxies_of_this_mesh() {
        let found = |max: (&str, &str), reference| too_small(&[max], &[], reference);
        assert_eq!(
            found(("memory", "512Mi"), None).as_deref(),
            Some("spec.limits.max.memory istio-proxy 1Gi")
        );
        assert_eq!(found(("memory", "1024Mi"), None), None);
        assert_eq!(found(("memory", "256Mi"), Some(small_proxies())), None);
        let small = found(("memory", "128Mi"), Some(small_proxies()));
        assert_eq!(small.as_deref(), Some("spec.limits.max.memory istio-proxy 256Mi"));
        let init = found(("cpu", "600m"), Some(small_proxies()));
        assert_eq!(init.as_deref(), Some("spec.limits.max.cpu istio-init 1"));
        let unset = found(("ephemeral-storage", "1Gi"), Some(small_proxies()));
        assert_eq!(unset.as_deref(), Some("spec.limits.max.ephemeral-storage istio-init "));
    }

    #[test]
    fn quotas_are_compared_with_the_proxies_of_this_mesh() {
        let found = |quota: (&str, &str), reference| too_small(&[], &[quota], reference);
        assert_eq!(
            found(("limits.cpu", "1"), None).as_deref(),
            Some("spec.namespaceQuota[limits.cpu] istio-proxy 2")
        );
        assert_eq!(found(("limits.cpu", "1"), Some(small_proxies())), None);
        assert_eq!(found(("requests.cpu", "100m"), None), None);
        assert_eq!(
            found(("cpu", "5m"), Some(small_proxies())).as_deref(),
            Some("spec.namespaceQuota[cpu] istio-init 10m")
        );
        // A request that is not set is the limit.
        let unset = found(("requests.memory", "100Mi"), Some(small_proxies()));
        assert_eq!(unset.as_deref(), Some("spec.namespaceQuota[requests.memory] istio-proxy 256Mi"));
        assert_eq!(found(("pods", "0"), None), None);
    }
}
