//! Effect on two hundred namespaces of a webhook replica that is killed and started again.

use std::time::{Duration, Instant};

use bulkhead_harness::program::Installation;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::stage::{is_ready, named, tenants, until_ready};

pub(crate) fn measure(runtime: &Runtime, it: &mut Installation, admin: &Client) {
    let names = named("killed", 200);
    let start = Instant::now();
    let asked = {
        let (admin, names) = (admin.clone(), names.clone());
        runtime.spawn(async move {
            tenants(&admin, &names).await;
            pods(&admin, &names).await
        })
    };
    std::thread::sleep(Duration::from_secs(3));
    it.replace_replica(0).expect("a replica");
    let without = runtime.block_on(asked).expect("no panic");
    runtime.block_on(until_ready(admin, "killed", names.len()));
    println!(
        "{} namespaces while a replica is killed: all ready and with a pod after {:.0?}; {} had a pod before its baseline (aim: 0)",
        names.len(),
        start.elapsed(),
        without.len()
    );
}

/// Creates a pod in the namespace of every tenant, and retries until that succeeds. Returns the namespaces that were
/// not ready then.
async fn pods(admin: &Client, names: &[String]) -> Vec<String> {
    let without = std::sync::Mutex::new(Vec::new());
    let namespaces = &Api::<Namespace>::all(admin.clone());
    let ask = |name: &String| {
        let namespace = format!("tenant-{name}");
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" },
            "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
        });
        let pods: Api<Pod> = Api::namespaced(admin.clone(), &namespace);
        let without = &without;
        async move {
            let pod = serde_json::from_value(pod).expect("a pod");
            while pods.create(&PostParams::default(), &pod).await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
            if !is_ready(&namespaces.get(&namespace).await.expect("a namespace")) {
                without.lock().expect("no panic").push(namespace);
            }
        }
    };
    stream::iter(names).for_each_concurrent(names.len(), ask).await;
    without.into_inner().expect("no panic")
}
