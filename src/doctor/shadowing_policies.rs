//! Objects in tenants' namespaces that are older than the baseline's object of the same kind, and in force in its place.

use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use super::mesh::tenant_namespaces;
use super::{Check, Inspection, Problem, Severity, Unread};
use crate::keys::MANAGED_BY_LABEL;
use crate::kinds::Kind;
use crate::snapshot::NamespaceOwner;

pub(super) const CHECK: Check = Check {
    name: "shadowing-policies",
    severity: Severity::Error,
    expects: "In no namespace of an enforced tenant, a PeerAuthentication, a Sidecar or a Telemetry for the whole namespace exists beside \
              the baseline's: istiod applies the oldest.",
    run: |inspection| Box::pin(run(inspection)),
};

/// The kinds of which istiod applies the oldest for a namespace, each with the labels of its selector.
const KINDS: [(Kind, &str); 3] = [
    (Kind::PeerAuthentication, "/spec/selector/matchLabels"),
    (Kind::Sidecar, "/spec/workloadSelector/labels"),
    (Kind::Telemetry, "/spec/selector/matchLabels"),
];

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let snapshot = inspection.snapshot().await?;
    // Without a baseline nothing is shadowed.
    let is_observed = |namespace: &&str| match snapshot.owner(namespace) {
        Some(NamespaceOwner::Tenant(tenant)) => tenant.is_observed(),
        _ => false,
    };
    let namespaces: BTreeSet<&str> =
        tenant_namespaces(&snapshot).filter(|namespace| !is_observed(namespace)).collect();
    let mut problems = Vec::new();
    for (kind, labels) in KINDS {
        match inspection.list_kind(kind, None).await {
            Ok(objects) => problems.extend(judge(kind, labels, &objects, &namespaces)),
            Err(unread) => problems.push(unread.into()),
        }
    }
    Ok(problems)
}

fn judge(kind: Kind, labels: &str, objects: &[DynamicObject], namespaces: &BTreeSet<&str>) -> Vec<Problem> {
    let (key, value) = MANAGED_BY_LABEL;
    let shadows = objects.iter().filter(|object| {
        let namespace = object.namespace().unwrap_or_default();
        let selects = object.data.pointer(labels).and_then(Value::as_object);
        let targets = object.data.pointer("/spec/targetRefs").and_then(Value::as_array);
        namespaces.contains(namespace.as_str())
            && object.labels().get(key).is_none_or(|known| known != value)
            && selects.is_none_or(serde_json::Map::is_empty)
            && targets.is_none_or(Vec::is_empty)
    });
    let problem = |object: &DynamicObject| {
        Problem::error(
            format!("{} {}/{}", kind.name(), object.namespace().unwrap_or_default(), object.name_any()),
            "applies to the whole namespace, as the baseline's does: istiod applies the older of the two",
            "delete it, or give it a selector",
        )
    };
    shadows.map(problem).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_for_a_whole_namespace_are_found() {
        let sidecar = |namespace: &str, labels: &Value, spec: &Value| {
            let metadata = json!({ "name": "old", "namespace": namespace, "labels": labels });
            serde_json::from_value::<DynamicObject>(json!({ "metadata": metadata, "spec": spec })).ok()
        };
        let objects = [
            sidecar("tenant-green", &json!({}), &json!({})),
            sidecar("tenant-green", &json!({}), &json!({ "workloadSelector": { "labels": { "app": "a" } } })),
            sidecar("tenant-green", &json!({ "app.kubernetes.io/managed-by": "bulkhead" }), &json!({})),
            sidecar("other", &json!({}), &json!({})),
        ];
        let objects: Vec<DynamicObject> = objects.into_iter().flatten().collect();
        let found = judge(Kind::Sidecar, KINDS[1].1, &objects, &BTreeSet::from(["tenant-green"]));
        assert_eq!((objects.len(), found.len()), (4, 1));
    }
}
