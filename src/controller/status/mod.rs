//! Keeps the status of Tenants, SharedServices and Exemptions current.

mod exemption;
mod grants;
mod said;
mod shared_service;
mod tenant;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::warn;

use super::observe::Audits;
use super::troubles::Troubles;
use crate::api::{self, Condition, READY};
use crate::sources::SnapshotStore;
use crate::sources::watch::{read_exemption, read_shared_service, read_tenant};
use crate::snapshot::Snapshot;
use said::Said;

/// Collects a burst of changes into one update.
const BETWEEN: Duration = Duration::from_millis(200);
/// Updates at least this often, because an Exemption expires without a change.
const AT_LEAST: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Exemption,
    SharedService,
    Tenant,
}

type News = (Told, Result<watcher::Event<DynamicObject>, watcher::Error>);

/// Keeps the status of all objects current. Runs until dropped.
pub(super) async fn report(client: Client, snapshots: &SnapshotStore, audits: &Audits, troubles: &Troubles) {
    let mut objects: BTreeMap<(Told, String), DynamicObject> = BTreeMap::new();
    let kinds = [Told::Exemption, Told::SharedService, Told::Tenant];
    let mut news = stream::select_all(kinds.map(|kind| follow(&client, kind).boxed()));
    let mut changes = snapshots.subscribe();
    loop {
        let mut next = tokio::select! {
            item = news.next() => item,
            Ok(()) = changes.changed() => None,
            () = audits.changed.notified() => None,
            () = troubles.changed.notified() => None,
            () = sleep(AT_LEAST) => None,
        };
        while let Some((kind, event)) = next {
            match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                    objects.insert((kind, object.name_any()), object);
                }
                Ok(watcher::Event::Delete(object)) => drop(objects.remove(&(kind, object.name_any()))),
                Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
                Err(error) => warn!(?kind, %error, "the watch failed; retrying"),
            }
            next = news.next().now_or_never().flatten();
        }
        let Some(snapshot) = snapshots.newest() else { continue };
        for ((kind, name), object) in &mut objects {
            let Some(status) = kind.status(&snapshot, audits, troubles, name, object) else { continue };
            let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource());
            let patch = Patch::Merge(json!({ "status": status }));
            match api.patch_status(name, &PatchParams::default(), &patch).await {
                Ok(told) => *object = told,
                Err(error) => warn!(?kind, name, %error, "failed to update status"),
            }
        }
        sleep(BETWEEN).await;
    }
}

fn follow(client: &Client, kind: Told) -> impl Stream<Item = News> + use<> {
    let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource());
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (kind, event))
}

impl Told {
    fn resource(self) -> ApiResource {
        match self {
            Self::Exemption => ApiResource::erase::<api::Exemption>(&()),
            Self::SharedService => ApiResource::erase::<api::SharedService>(&()),
            Self::Tenant => ApiResource::erase::<api::Tenant>(&()),
        }
    }

    /// Returns the conditions of the object; `None` while the snapshot has another version of it.
    fn said(
        self,
        snapshot: &Snapshot,
        troubles: &Troubles,
        name: &str,
        object: &DynamicObject,
    ) -> Result<Option<Vec<Said>>, String> {
        Ok(match self {
            Self::Exemption => {
                let now = read(object, read_exemption)?;
                snapshot
                    .exemption(name)
                    .filter(|known| **known == now)
                    .map(|known| exemption::said(snapshot, known))
            }
            Self::SharedService => {
                let now = read(object, read_shared_service)?;
                let known = snapshot.shared_service(name).filter(|known| **known == now);
                known.map(|known| shared_service::said(snapshot, troubles, known))
            }
            Self::Tenant => {
                let now = read(object, read_tenant)?;
                let is_known = snapshot.tenant(name).is_none_or(|known| *known == now);
                is_known.then(|| tenant::said(snapshot, troubles, name)).flatten()
            }
        })
    }

    /// Returns the new status of the object, if it differs.
    fn status(
        self,
        snapshot: &Snapshot,
        audits: &Audits,
        troubles: &Troubles,
        name: &str,
        object: &DynamicObject,
    ) -> Option<Value> {
        let said = match self.said(snapshot, troubles, name, object) {
            Ok(said) => said?,
            Err(error) => vec![Said {
                condition: READY,
                holds: false,
                reason: "InvalidSpec",
                message: format!(
                    "the object cannot be read, so its last valid version stays in use: {error}"
                ),
            }],
        };
        let generation = object.metadata.generation.unwrap_or_default();
        let known = object.data.get("status").cloned().unwrap_or_default();
        let conditions = known.get("conditions").cloned().unwrap_or_default();
        let before: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
        let conditions: Vec<Condition> =
            said.into_iter().map(|said| said.condition(&before, generation)).collect();
        let status = match self {
            Self::Exemption | Self::SharedService => {
                json!({ "observedGeneration": generation, "conditions": conditions })
            }
            Self::Tenant => json!({
                "observedGeneration": generation, "conditions": conditions,
                "namespaces": snapshot.namespaces_of(name).count(), "audit": audits.of(name),
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
