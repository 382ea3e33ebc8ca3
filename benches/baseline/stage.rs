//! Setup of the benchmarks: tenants with their namespaces, and access to the objects that the controller writes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bulkhead::baseline::kinds;
use bulkhead::kinds::Kind;
use bulkhead::settings::Settings;
use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;
use tokio::time::{sleep, timeout};

/// The controller's maximum number of reconciles in flight.
pub(crate) const AT_ONCE: usize = 16;

/// Returns a client for the user of `kubectl`.
pub(crate) async fn client(kubectl: &Kubectl) -> Client {
    let kubeconfig = Kubeconfig::read_from(&kubectl.kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
    Client::try_from(config).expect("a client")
}

/// Creates tenants, each with one namespace.
pub(crate) async fn tenants(admin: &Client, names: &[String]) {
    let tenants = &tenants_of(admin);
    let namespaces = &Api::<Namespace>::all(admin.clone());
    let tenant = |name: &String| {
        let owner = json!({ "kind": "Group", "name": format!("{name}-developers") });
        let tenant = json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": name },
            "spec": { "owners": [owner] },
        });
        async move {
            let tenant = serde_json::from_value(tenant).expect("a tenant");
            until_created(tenants, &tenant).await;
        }
    };
    stream::iter(names).for_each_concurrent(AT_ONCE, tenant).await;
    let namespace = |name: &String| {
        let labels = json!({ "bulkhead.dev/tenant": name });
        let namespace = json!({ "metadata": { "name": format!("tenant-{name}"), "labels": labels } });
        async move {
            let namespace = serde_json::from_value(namespace).expect("a namespace");
            until_created(namespaces, &namespace).await;
        }
    };
    stream::iter(names).for_each_concurrent(AT_ONCE, namespace).await;
}

pub(crate) fn tenants_of(client: &Client) -> Api<DynamicObject> {
    let tenants = ApiResource::from_gvk(&GroupVersionKind::gvk("bulkhead.dev", "v1alpha1", "Tenant"));
    Api::all_with(client.clone(), &tenants)
}

/// Repeats a create that failed because a replica ended meanwhile, as a user or a controller would.
async fn until_created<K>(objects: &Api<K>, object: &K)
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    for _ in 0..100 {
        match objects.create(&PostParams::default(), object).await {
            Err(kube::Error::Api(status)) if status.code != 409 => sleep(Duration::from_millis(100)).await,
            _ => return,
        }
    }
}

pub(crate) fn named(prefix: &str, number: usize) -> Vec<String> {
    (0..number).map(|number| format!("{prefix}-{number:04}")).collect()
}

pub(crate) fn is_ready(namespace: &Namespace) -> bool {
    let mut conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|known| known.type_ == "bulkhead.dev/BaselineReady" && known.status == "True")
}

/// Waits until `number` namespaces with this prefix are ready. Uses a watch, because lists would load the API server.
pub(crate) async fn until_ready(admin: &Client, prefix: &str, number: usize) {
    let prefix = format!("tenant-{prefix}-");
    let namespaces = watcher(Api::<Namespace>::all(admin.clone()), watcher::Config::default());
    let mut namespaces = std::pin::pin!(namespaces.applied_objects());
    let mut ready = BTreeSet::new();
    let limit = Instant::now() + Duration::from_mins(10);
    while ready.len() < number {
        assert!(Instant::now() < limit, "{} of {number} are ready", ready.len());
        let Ok(next) = timeout(Duration::from_secs(1), namespaces.try_next()).await else { continue };
        let namespace = next.expect("a watch").expect("no end");
        let name = namespace.name_any();
        if name.starts_with(&prefix) && is_ready(&namespace) {
            ready.insert(name);
        }
    }
}

pub(crate) fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = GroupVersionKind::gvk(kind.group(), kind.version(), kind.name());
    let resource = ApiResource::from_gvk_with_plural(&resource, kind.plural());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Returns all objects that the controller has written for a tenant.
pub(crate) async fn written(client: &Client, tenant: &str) -> Vec<(Kind, DynamicObject)> {
    let mut all = Vec::new();
    let namespace = format!("tenant-{tenant}");
    for kind in kinds(&Settings::default()) {
        let labels = ListParams::default().labels("app.kubernetes.io/managed-by=bulkhead");
        let names = ListParams::default().fields("metadata.name=default");
        let asked = if kind.is_partly_managed() { names } else { labels };
        let list = api(client, kind, None).list(&asked).await.expect("a list");
        all.extend(list.into_iter().filter_map(|object| {
            let is_of_tenant = object.name_any().ends_with(&format!("-{tenant}"));
            let is_own = object.namespace().map_or(is_of_tenant, |place| place == namespace);
            is_own.then_some((kind, object))
        }));
    }
    all
}

pub(crate) fn stop(it: &mut Installation) {
    it.controller.terminate().expect("a controller");
    it.controller.wait(Duration::from_secs(20)).expect("its end");
}
