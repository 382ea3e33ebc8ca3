use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tracing::warn;

use crate::sources::watch_backoff::watch_backoff;

/// The objects of one kind, as their watch delivers them.
pub(super) struct WatchedStore {
    pub(super) kind: String,
    pub(super) api: Api<DynamicObject>,
    /// True once the API server has listed the objects, or has failed to.
    pub(super) is_tried: bool,
    events: BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>,
    store: Writer<DynamicObject>,
}

impl WatchedStore {
    pub(super) fn watch(client: &Client, resource: ApiResource, config: watcher::Config) -> Self {
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        Self {
            kind: resource.kind.clone(),
            is_tried: false,
            events: watcher(api.clone(), config).backoff(watch_backoff()).boxed(),
            api,
            store: Writer::new(resource),
        }
    }

    /// Waits for the watch, and takes all that it has delivered. Nothing is lost if the caller stops waiting.
    pub(super) async fn changed(&mut self) {
        let mut next = self.events.next().await;
        while let Some(event) = next {
            match event {
                Ok(event) => {
                    self.is_tried |= matches!(event, watcher::Event::InitDone);
                    self.store.apply_watcher_event(&event);
                }
                Err(error) => {
                    self.is_tried = true;
                    warn!(kind = self.kind, %error, "the watch failed; retrying");
                }
            }
            next = self.events.next().now_or_never().flatten();
        }
    }

    /// Replaces an object with a version that the watch delivers later.
    pub(super) fn replace(&mut self, object: DynamicObject) {
        self.store.apply_watcher_event(&watcher::Event::Apply(object));
    }

    pub(super) fn objects(&self) -> Vec<Arc<DynamicObject>> {
        self.store.as_reader().state()
    }
}
