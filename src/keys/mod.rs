//! The labels and annotations that the mesh, controllers, webhooks or the scheduler act on: one table, with a row for
//! each key or domain of keys. Rules, the baseline's labels, match conditions and docs/keys.md read it.

#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod names;
mod namespaces;
mod others;
mod pods;
mod routes;
mod row;
mod services;
mod taints;

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::kinds::Kind;

pub use names::{
    AGGREGATE_TO_TENANT_LABEL, AMBIENT, CILIUM_NAMESPACE_LABELS, DATAPLANE_LABEL, DRY_RUN_ANNOTATION,
    ENDPOINT_MANAGERS, GATEWAY_NAME_LABEL, GATEWAY_SERVICE_ANNOTATIONS, GATEWAY_TEMPLATE, INJECT_KEY,
    INJECTED, INJECTION_LABEL, INTERNAL_DOMAIN, LAST_APPLIED_ANNOTATION, MANAGED_BY_LABEL, MESH_LABELS,
    NAME_LABEL, NAMESPACE_NAME_LABEL, NATIVE_SIDECAR_ANNOTATION, NETWORK_LABEL, NODE_RESTRICTION_PREFIX,
    OPENSHIFT_DNS_LABEL, OVERRIDES_ANNOTATION, PLAIN_TENANT_LABEL, POD_SECURITY_LABEL, PROBE,
    PROXY_CONFIG_ANNOTATION, PROXY_CPU_ANNOTATION, REDIRECTION_ANNOTATION, REVISION_LABEL,
    REVISION_TAG_LABEL, SERVICE_ACCOUNT_ANNOTATION, SIDECAR_TEMPLATE, STATUS_ANNOTATION,
    SUPPRESSION_ANNOTATION, TEMPLATES_ANNOTATION, TENANT_LABEL, TLS_MODE_LABEL, USE_WAYPOINT_LABEL,
    USE_WAYPOINT_NAMESPACE_LABEL, WAYPOINT_BOUND_CONDITION, WAYPOINT_CLIENT_IDENTITY_ANNOTATION,
    WAYPOINT_FOR_LABEL, WAYPOINT_POD_LABEL,
};
pub use others::{SECURITY_KINDS, TRAFFIC_KINDS};
pub use row::{Map, Objects, Pattern, Row, Values, Writer};
pub use taints::{NETWORK_TAINT, NODE_ROLE_PREFIX, NOT_READY_TAINT, RESERVED_TAINTS};

/// The table, in sections by the objects on which the keys matter. Each section is sorted by the patterns' text.
pub static TABLE: [&[Row]; 5] = [namespaces::ROWS, pods::ROWS, services::ROWS, routes::ROWS, others::ROWS];

/// Returns the row for a label or an annotation of an object of `kind`: that of the key itself, or of its domain.
pub fn find(kind: Kind, map: Map, key: &str) -> Option<&'static Row> {
    let rows = rows(kind);
    let is_meant = |row: &&Row| row.maps.contains(&map) && row.objects.contain(kind);
    let mut exact = rows.with_text(key).filter(is_meant);
    exact.find(|row| matches!(row.pattern, Pattern::Key(_))).or_else(|| domain_rows(rows, key).find(is_meant))
}

/// A section of the table, by the text of its patterns: reviews ask for each label and annotation of a pod, and a hash
/// costs less than comparisons of texts. The table is fixed, so no key of a review can make it slow.
struct Section(FxHashMap<&'static str, Vec<&'static Row>>);

impl Section {
    fn new(rows: &'static [Row]) -> Self {
        let mut by_text: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for row in rows {
            by_text.entry(row.pattern.text()).or_default().push(row);
        }
        Self(by_text)
    }

    fn with_text(&self, text: &str) -> impl Iterator<Item = &'static Row> + use<'_> {
        self.0.get(text).into_iter().flatten().copied()
    }
}

fn rows(kind: Kind) -> &'static Section {
    static SECTIONS: LazyLock<[Section; 5]> = LazyLock::new(|| TABLE.map(Section::new));
    let [namespaces, pods, services, routes, others] = &*SECTIONS;
    if kind == Kind::Namespace {
        namespaces
    } else if Objects::Pods.contain(kind) {
        pods
    } else if services::KINDS.contains(&kind) {
        services
    } else if routes::KINDS.contains(&kind) {
        routes
    } else {
        others
    }
}

/// True if the key is in a domain of Istio: `istio.io/…` or `*.istio.io/…`.
pub fn is_mesh_key(key: &str) -> bool {
    Pattern::Domain(names::MESH_DOMAIN).matches(key)
}

/// True if the key of a pod can take the pod out of an ambient mesh: a key of that data plane, or one with which the pod
/// gets a sidecar or seems to have one.
pub fn is_ambient_key(key: &str) -> bool {
    let is_in_domain = key.split_once('/').is_some_and(|(domain, _)| domain == names::AMBIENT_DOMAIN);
    let others = [STATUS_ANNOTATION, OVERRIDES_ANNOTATION, names::REROUTE_ANNOTATION];
    is_in_domain || key.starts_with(USE_WAYPOINT_LABEL) || others.contains(&key)
}

/// True if no component that the table knows acts on this label or annotation of an object of `kind`.
pub fn is_inert(kind: Kind, map: Map, key: &str) -> bool {
    let domains = [names::MESH_DOMAIN, names::OWN_DOMAIN];
    match find(kind, map, key) {
        Some(row) => row.writer == Writer::Istiod,
        None => !domains.iter().any(|domain| Pattern::Domain(domain).matches(key)),
    }
}

/// Returns the rows for the domains that contain the key, the narrowest first.
fn domain_rows<'k>(rows: &'static Section, key: &'k str) -> impl Iterator<Item = &'static Row> + 'k {
    let prefix = key.split_once('/').map(|(prefix, _)| prefix);
    let parent = |domain: &&'k str| domain.split_once('.').map(|(_, parent)| parent);
    std::iter::successors(prefix, parent)
        .flat_map(move |domain| rows.with_text(domain))
        .filter(|row| matches!(row.pattern, Pattern::Domain(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(kind: Kind, map: Map, key: &str) -> Option<Pattern> {
        find(kind, map, key).map(|row| row.pattern)
    }

    #[test]
    fn sections_are_sorted() {
        for rows in TABLE {
            assert!(rows.is_sorted_by_key(|row| row.pattern.text()));
        }
    }

    #[test]
    fn key_that_two_rows_match_is_absent() {
        for (row, kind, map) in rows_by_kind_and_map() {
            let same = |other: &&Row| {
                other.pattern == row.pattern && other.maps.contains(&map) && other.objects.contain(kind)
            };
            assert_eq!(TABLE.into_iter().flatten().filter(same).count(), 1, "{:?} {kind:?}", row.pattern);
        }
    }

    #[test]
    fn every_row_is_found_on_its_objects() {
        for (row, kind, map) in rows_by_kind_and_map() {
            let key = match row.pattern {
                Pattern::Key(key) => key.to_owned(),
                Pattern::Domain(domain) => format!("sub.{domain}/unlisted"),
            };
            assert_eq!(pattern(kind, map, &key), Some(row.pattern), "{key} {kind:?}");
        }
    }

    fn rows_by_kind_and_map() -> impl Iterator<Item = (&'static Row, Kind, Map)> {
        TABLE.into_iter().flatten().flat_map(|row| {
            let kinds = Kind::ALL.iter().copied().filter(|kind| row.objects.contain(*kind));
            kinds.flat_map(move |kind| row.maps.iter().map(move |map| (row, kind, *map)))
        })
    }

    #[test]
    fn key_is_found_before_its_domain_and_only_in_its_map() {
        let on_namespace = |map, key| pattern(Kind::Namespace, map, key);
        assert_eq!(on_namespace(Map::Labels, "bulkhead.dev/probe"), Some(Pattern::Key(PROBE)));
        assert_eq!(
            on_namespace(Map::Annotations, "bulkhead.dev/probe"),
            Some(Pattern::Domain("bulkhead.dev"))
        );
        assert_eq!(on_namespace(Map::Labels, "a.b.cilium.io/c"), Some(Pattern::Domain("cilium.io")));
        assert_eq!(on_namespace(Map::Annotations, "name"), None);
        for other in ["mycilium.io/c", "cilium.io", "cilium.io.example.com/c", "example.com/cilium.io"] {
            assert_eq!(on_namespace(Map::Labels, other), None, "{other}");
        }
    }

    #[test]
    fn labels_that_extend_other_roles_are_not_inert() {
        let is_inert = |key| is_inert(Kind::ClusterRole, Map::Labels, key);
        assert!(!is_inert("rbac.authorization.k8s.io/aggregate-to-edit"));
        assert!(!is_inert(AGGREGATE_TO_TENANT_LABEL.0));
        assert!(is_inert("example.com/aggregate-to-edit"));
    }

    #[test]
    fn mesh_keys_have_a_domain_of_istio() {
        for key in ["istio.io/rev", "sidecar.istio.io/inject", "a.b.istio.io/", "istio.io/"] {
            assert!(is_mesh_key(key), "{key}");
        }
        for key in
            ["myistio.io/x", "istio", "istio.io", "istio-injection", "istio.io.example.com/x", "/istio.io"]
        {
            assert!(!is_mesh_key(key), "{key}");
        }
    }
}
