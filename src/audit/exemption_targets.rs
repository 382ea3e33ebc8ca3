use std::collections::{BTreeMap, BTreeSet};

use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client};

use crate::kinds::Kind;
use crate::snapshot::{LiveObject, LiveObjectKey, Snapshot};
use crate::sources::api_resource;
use crate::sources::watch::live_object_of;

/// Returns the objects on which the exemptions of these namespaces depend: their targets, and the objects that
/// Kubernetes creates from the targets to create pods.
pub(super) async fn list_targets(
    client: &Client,
    snapshot: &Snapshot,
    namespaces: &[&str],
) -> Result<BTreeMap<LiveObjectKey, LiveObject>, kube::Error> {
    let mut targets = BTreeSet::new();
    for exemption in namespaces.iter().flat_map(|namespace| snapshot.exemptions(namespace)) {
        let kind = exemption.target.kind.name();
        let owned_kind = match kind {
            "CronJob" => Some("Job"),
            "Deployment" => Some("ReplicaSet"),
            _ => None,
        };
        targets.extend(owned_kind.into_iter().chain([kind]).map(|kind| (&exemption.target.namespace, kind)));
    }
    let mut live_objects = BTreeMap::new();
    for (namespace, kind) in targets {
        live_objects.extend(list(client, namespace, kind).await?);
    }
    Ok(live_objects)
}

async fn list(
    client: &Client,
    namespace: &str,
    kind: &str,
) -> Result<Vec<(LiveObjectKey, LiveObject)>, kube::Error> {
    let Some(workload) = Kind::find_workload(kind) else { return Ok(Vec::new()) };
    let objects = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &api_resource(workload));
    let listed = objects.list_metadata(&ListParams::default()).await?;
    let entry = |object: kube::core::PartialObjectMeta<DynamicObject>| {
        let name = object.metadata.name.clone().unwrap_or_default();
        let key = LiveObjectKey { namespace: namespace.to_owned(), kind: kind.to_owned(), name };
        (key, live_object_of(object.metadata))
    };
    Ok(listed.items.into_iter().map(entry).collect())
}
