use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use serde_json::Value;
use tracing::warn;

use super::inputs::StatusInputs;
use super::object::StatusObject;
use super::patch::status_patch;
use super::watched_store::WatchedStore;

/// The objects of one kind, and the function that computes their status.
pub(super) struct WatchedObjects {
    store: WatchedStore,
    status_patch: fn(&DynamicObject, &StatusInputs<'_>) -> Option<Value>,
}

impl WatchedObjects {
    pub(super) fn watch<T: StatusObject>(client: &Client) -> Self {
        // As `DynamicObject`, because an object that does not match its type must get a status too.
        let resource = ApiResource::erase::<T::Resource>(&());
        let store = WatchedStore::watch(client, resource, watcher::Config::default());
        Self { store, status_patch: status_patch::<T> }
    }

    pub(super) async fn changed(&mut self) {
        self.store.changed().await;
    }

    /// Writes the status of each object whose status is not current.
    pub(super) async fn update(&mut self, inputs: &StatusInputs<'_>) {
        for object in self.store.objects() {
            let Some(patch) = (self.status_patch)(&object, inputs) else { continue };
            let name = object.name_any();
            match self.store.api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
                Ok(updated) => self.store.replace(updated),
                Err(error) => warn!(kind = self.store.kind, name, %error, "failed to update status"),
            }
        }
    }
}
