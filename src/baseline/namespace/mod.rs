//! Baseline objects of every namespace of a tenant.

mod access_log;
mod allow_callbacks;
mod allow_dns_and_api;
mod allow_granted;
mod allow_mesh;
mod allow_same_tenant;
mod allow_same_tenant_calls;
mod callback_authentication;
mod default_deny_all;
mod default_service_account;
mod deny_cross_tenant;
mod deny_cross_tenant_waypoint;
mod external_address;
mod external_host;
mod peer_authentication;
mod sidecar;
mod site;
mod tenant_limits;
mod tenant_owners;
mod tenant_quota;

use super::{Body, Manifest, NAME_PREFIX, Object, network};
use crate::kinds::Kind;
use crate::snapshot::{Snapshot, Tenant};
use site::NamespaceSite;

pub use default_service_account::NAME as DEFAULT_SERVICE_ACCOUNT;
pub use sidecar::{known_hosts, known_services};
pub(super) use tenant_owners::role_binding_body;
pub use tenant_owners::{TENANT_ROLE, TENANT_RULES_ROLE};
pub use tenant_quota::NAME as QUOTA_NAME;

/// Apply order: deny policies first. The ResourceQuota comes late, because Kubernetes rejects creates of what it counts
/// until the quota controller has computed usage. The owners get their permissions last: before the quota, they could
/// create what it forbids, such as a Service with a node port.
const fn objects<'w>() -> [Object<NamespaceSite<'w>>; 19] {
    [
        default_deny_all::object(),
        deny_cross_tenant::object(),
        deny_cross_tenant_waypoint::object(),
        peer_authentication::object(),
        default_service_account::object(),
        tenant_limits::object(),
        access_log::object(),
        external_host::object(),
        external_address::object(),
        sidecar::object(),
        allow_dns_and_api::object(),
        allow_mesh::object(),
        allow_same_tenant::object(),
        allow_same_tenant_calls::object(),
        allow_granted::object(),
        allow_callbacks::object(),
        callback_authentication::object(),
        tenant_quota::object(),
        tenant_owners::object(),
    ]
}

/// Returns all objects of one namespace of `tenant`.
pub fn desired_for_namespace<'w>(
    snapshot: &'w Snapshot,
    tenant: &'w Tenant,
    namespace: &'w str,
) -> impl Iterator<Item = Manifest> + use<'w> {
    let site = NamespaceSite { snapshot, tenant, namespace };
    objects().into_iter().flat_map(move |object| object.manifests(site))
}

/// Returns the object of this kind and name; `None` if the baseline has none.
pub fn desired_object(
    snapshot: &Snapshot,
    tenant: &Tenant,
    namespace: &str,
    kind: Kind,
    name: &str,
) -> Option<Manifest> {
    let site = NamespaceSite { snapshot, tenant, namespace };
    let of_kind = objects().into_iter().filter(|object| object.kind == kind);
    of_kind.flat_map(|object| object.manifests(site)).find(|manifest| manifest.name == name)
}

/// True if the baseline reserves this kind and name in a tenant's namespace.
pub fn is_baseline_name(kind: Kind, name: &str) -> bool {
    let mut of_kind = objects().into_iter().filter(|object| object.kind == kind).peekable();
    (of_kind.peek().is_some() && name.starts_with(NAME_PREFIX))
        || of_kind.any(|object| object.has_fixed_name() && object.name == name)
}

/// Returns all fixed names.
pub fn namespace_object_names() -> impl Iterator<Item = &'static str> {
    objects().into_iter().filter(Object::has_fixed_name).map(|object| object.name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::api::{Caller, Dataplane, Grants, TenantSpec};
    use crate::keys::{AMBIENT, DATAPLANE_LABEL, INJECTED, INJECTION_LABEL};
    use crate::snapshot::{ClusterState, Namespace};

    #[test]
    fn owners_get_their_permissions_last() {
        assert_eq!(objects().last().map(|object| object.kind), Some(Kind::RoleBinding));
    }

    /// Returns the baseline of a namespace with these labels, in which a granted caller may call one port.
    fn baseline(
        dataplane: Option<Dataplane>,
        other: Option<Dataplane>,
        labels: &[(&str, &str)],
    ) -> Vec<Manifest> {
        let callers = vec![Caller {
            namespace: "monitoring".to_owned(),
            service_account: "scraper".to_owned(),
            ports: vec![9090],
        }];
        let spec = TenantSpec {
            dataplane,
            grants: Grants { callers, ..Grants::default() },
            ..TenantSpec::default()
        };
        let one = Arc::new(Tenant::new("one".to_owned(), 0, spec));
        let spec = TenantSpec { dataplane: other, ..TenantSpec::default() };
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let namespace =
            Namespace { tenant: Some("one".to_owned()), labels, ready: true, ..Namespace::default() };
        let state = ClusterState {
            tenants: vec![Arc::clone(&one), Arc::new(Tenant::new("two".to_owned(), 0, spec))],
            namespaces: vec![("tenant-one".into(), Arc::new(namespace))],
            ..ClusterState::default()
        };
        let snapshot = Snapshot::new(Arc::default(), state);
        desired_for_namespace(&snapshot, &one, "tenant-one").collect()
    }

    /// Returns the objects of the second baseline that the first one has not, and the objects in which they differ.
    fn differing(first: &[Manifest], second: &[Manifest]) -> [Vec<String>; 2] {
        let name = |manifest: &Manifest| format!("{}/{}", manifest.kind.name(), manifest.name);
        let twin = |manifest: &Manifest| first.iter().find(|other| name(other) == name(manifest));
        let (known, new): (Vec<_>, Vec<_>) = second.iter().partition(|manifest| twin(manifest).is_some());
        let changed =
            known.into_iter().filter(|known| twin(known).is_some_and(|twin| twin.object != known.object));
        [new.into_iter().map(name).collect(), changed.map(name).collect()]
    }

    #[test]
    fn baseline_of_an_ambient_tenant_contains_that_of_sidecars() {
        let injected = (INJECTION_LABEL, INJECTED);
        let sidecars = baseline(None, None, &[injected]);
        let moving = baseline(Some(Dataplane::Ambient), None, &[injected]);
        let added = vec!["AuthorizationPolicy/bulkhead-deny-cross-tenant-waypoint".to_owned()];
        let changed = vec!["NetworkPolicy/allow-mesh".to_owned(), "NetworkPolicy/allow-granted".to_owned()];
        assert_eq!(differing(&sidecars, &moving), [added, changed]);
        assert_eq!(differing(&moving, &sidecars)[0], [""; 0], "an object of sidecars is missing");
        // It stays the same until the label of ztunnel is gone.
        let captured = (DATAPLANE_LABEL, AMBIENT);
        for (dataplane, labels) in [
            (Some(Dataplane::Ambient), vec![captured]),
            (None, vec![injected, captured]),
            (Some(Dataplane::Sidecar), vec![captured]),
        ] {
            let found = baseline(dataplane, None, &labels);
            assert_eq!(differing(&moving, &found), [vec![], Vec::<String>::new()], "{labels:?}");
            assert_eq!(found.len(), moving.len());
        }
    }

    #[test]
    fn another_ambient_tenant_opens_only_the_port_of_tunnels_between_granted_pods() {
        let sidecars = baseline(None, None, &[]);
        let mixed = baseline(None, Some(Dataplane::Ambient), &[]);
        let changed = vec!["NetworkPolicy/allow-granted".to_owned()];
        assert_eq!(differing(&sidecars, &mixed), [vec![], changed]);
        let granted = mixed.iter().find(|manifest| manifest.name == "allow-granted");
        let ports = granted.and_then(|manifest| manifest.object.pointer("/spec/ingress/0/ports"));
        let port = |number: u16| json!({ "protocol": "TCP", "port": number });
        assert_eq!(ports, Some(&json!([port(9090), port(15008)])));
    }
}
