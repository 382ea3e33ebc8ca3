//! Keeps the status of Tenants, SharedServices and Exemptions current.

mod condition;
mod exemption;
mod grants;
mod shared_service;
mod tenant;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::warn;

use super::audit_loop::AuditResults;
use super::baseline::ReconcileErrors;
use crate::api::{self, Condition, READY};
use crate::snapshot::Snapshot;
use crate::sources::SnapshotStore;
use crate::sources::watch::{read_exemption, read_shared_service, read_tenant};
use condition::ConditionUpdate;

/// Collects a burst of changes into one update.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Updates at least this often, because an Exemption expires without a change.
const RESYNC_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum StatusKind {
    Exemption,
    SharedService,
    Tenant,
}

type StatusEvent = (StatusKind, Result<watcher::Event<DynamicObject>, watcher::Error>);

/// Keeps the status of all objects current. Runs until dropped.
pub(super) async fn run(
    client: Client,
    snapshots: &SnapshotStore,
    audit_results: &AuditResults,
    errors: &ReconcileErrors,
) {
    let kinds = [StatusKind::Exemption, StatusKind::SharedService, StatusKind::Tenant];
    let mut stores: BTreeMap<StatusKind, Writer<DynamicObject>> =
        kinds.map(|kind| (kind, Writer::new(kind.resource()))).into();
    let mut events = stream::select_all(kinds.map(|kind| watch_kind(&client, kind).boxed()));
    let mut snapshot_changes = snapshots.subscribe();
    loop {
        let mut next = tokio::select! {
            item = events.next() => item,
            Ok(()) = snapshot_changes.changed() => None,
            () = audit_results.changed.notified() => None,
            () = errors.changed.notified() => None,
            () = sleep(RESYNC_INTERVAL) => None,
        };
        while let Some((kind, event)) = next {
            match (event, stores.get_mut(&kind)) {
                (Ok(event), Some(store)) => store.apply_watcher_event(&event),
                (Ok(_), None) => {}
                (Err(error), _) => warn!(?kind, %error, "the watch failed; retrying"),
            }
            next = events.next().now_or_never().flatten();
        }
        let Some(snapshot) = snapshots.newest() else { continue };
        for (kind, store) in &mut stores {
            for object in store.as_reader().state() {
                let name = object.name_any();
                let status = kind.status(&snapshot, audit_results, errors, &name, &object);
                let Some(status) = status else { continue };
                let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource());
                let patch = Patch::Merge(json!({ "status": status }));
                match api.patch_status(&name, &PatchParams::default(), &patch).await {
                    Ok(updated) => store.apply_watcher_event(&watcher::Event::Apply(updated)),
                    Err(error) => warn!(?kind, name, %error, "failed to update status"),
                }
            }
        }
        sleep(DEBOUNCE).await;
    }
}

fn watch_kind(client: &Client, kind: StatusKind) -> impl Stream<Item = StatusEvent> + use<> {
    let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource());
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (kind, event))
}

impl StatusKind {
    fn resource(self) -> ApiResource {
        match self {
            Self::Exemption => ApiResource::erase::<api::Exemption>(&()),
            Self::SharedService => ApiResource::erase::<api::SharedService>(&()),
            Self::Tenant => ApiResource::erase::<api::Tenant>(&()),
        }
    }

    /// Returns the conditions of the object; `None` while the snapshot has another version of it.
    fn conditions(
        self,
        snapshot: &Snapshot,
        errors: &ReconcileErrors,
        name: &str,
        object: &DynamicObject,
    ) -> Result<Option<Vec<ConditionUpdate>>, String> {
        Ok(match self {
            Self::Exemption => {
                let now = read(object, read_exemption)?;
                snapshot
                    .exemption(name)
                    .filter(|known| **known == now)
                    .map(|known| exemption::conditions(snapshot, known))
            }
            Self::SharedService => {
                let now = read(object, read_shared_service)?;
                let known = snapshot.shared_service(name).filter(|known| **known == now);
                known.map(|known| shared_service::conditions(snapshot, errors, known))
            }
            Self::Tenant => {
                let now = read(object, read_tenant)?;
                let is_known = snapshot.tenant(name).is_none_or(|known| *known == now);
                is_known.then(|| tenant::conditions(snapshot, errors, name)).flatten()
            }
        })
    }

    /// Returns the new status of the object, if it differs.
    fn status(
        self,
        snapshot: &Snapshot,
        audit_results: &AuditResults,
        errors: &ReconcileErrors,
        name: &str,
        object: &DynamicObject,
    ) -> Option<Value> {
        let updates = match self.conditions(snapshot, errors, name, object) {
            Ok(updates) => updates?,
            Err(error) => vec![ConditionUpdate {
                condition: READY,
                is_true: false,
                reason: "InvalidSpec",
                message: format!(
                    "the object cannot be read, so its last valid version stays in use: {error}"
                ),
            }],
        };
        let generation = object.metadata.generation.unwrap_or_default();
        let known = object.data.get("status").cloned().unwrap_or_default();
        let conditions = known.get("conditions").cloned().unwrap_or_default();
        let previous: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
        let conditions: Vec<Condition> =
            updates.into_iter().map(|update| update.into_condition(&previous, generation)).collect();
        let status = match self {
            Self::Exemption | Self::SharedService => {
                json!({ "observedGeneration": generation, "conditions": conditions })
            }
            Self::Tenant => json!({
                "observedGeneration": generation, "conditions": conditions,
                "namespaces": snapshot.namespaces_of(name).count(), "audit": audit_results.get(name),
            }),
        };
        let known = match self {
            Self::Tenant => with_audit(known),
            _ => known,
        };
        (status != known).then_some(status)
    }
}

/// Converts the object to the snapshot's type.
fn read<K: DeserializeOwned, T>(
    object: &DynamicObject,
    read: impl Fn(K) -> (String, Result<T, String>),
) -> Result<T, String> {
    let object = serde_json::to_value(object).and_then(serde_json::from_value);
    object.map_err(|error| error.to_string()).and_then(|object| read(object).1)
}

/// Represents an absent audit as `null`, which removes an earlier one in a merge patch.
fn with_audit(mut status: Value) -> Value {
    if let Value::Object(fields) = &mut status {
        fields.entry("audit").or_insert(Value::Null);
    }
    status
}
