use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tracing::warn;

use super::inputs::StatusInputs;
use super::object::StatusObject;
use super::patch::status_patch;
use crate::sources::watch_backoff::watch_backoff;

/// The objects of one kind, as their watch delivers them, and the function that computes their status.
pub(super) struct WatchedObjects {
    kind: String,
    api: Api<DynamicObject>,
    events: BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>,
    store: Writer<DynamicObject>,
    status_patch: fn(&DynamicObject, &StatusInputs<'_>) -> Option<Value>,
}

impl WatchedObjects {
    pub(super) fn watch<T: StatusObject>(client: &Client) -> Self {
        // As `DynamicObject`, because an object that does not match its type must get a status too.
        let resource = ApiResource::erase::<T::Resource>(&());
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        Self {
            kind: resource.kind.clone(),
            events: watcher(api.clone(), watcher::Config::default()).backoff(watch_backoff()).boxed(),
            api,
            store: Writer::new(resource),
            status_patch: status_patch::<T>,
        }
    }

    /// Waits for the watch, and takes all that it has delivered. Nothing is lost if the caller stops waiting.
    pub(super) async fn changed(&mut self) {
        let mut next = self.events.next().await;
        while let Some(event) = next {
            match event {
                Ok(event) => self.store.apply_watcher_event(&event),
                Err(error) => warn!(kind = self.kind, %error, "the watch failed; retrying"),
            }
            next = self.events.next().now_or_never().flatten();
        }
    }

    /// Writes the status of each object whose status is not current.
    pub(super) async fn update(&mut self, inputs: &StatusInputs<'_>) {
        for object in self.store.as_reader().state() {
            let Some(patch) = (self.status_patch)(&object, inputs) else { continue };
            let name = object.name_any();
            match self.api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
                // The watch delivers this version later.
                Ok(updated) => self.store.apply_watcher_event(&watcher::Event::Apply(updated)),
                Err(error) => warn!(kind = self.kind, name, %error, "failed to update status"),
            }
        }
    }
}
