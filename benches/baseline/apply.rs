//! Time to apply the baseline to a thousand namespaces, compared with a bare client that makes the same writes.

use std::time::{Duration, Instant};

use bulkhead::kinds::Kind;
use bulkhead_harness::program::{Installation, controller};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams, PostParams, TypeMeta};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::stage::{AT_ONCE, api, named, stop, tenants, tenants_of, until_ready, written};

/// Numbers of namespaces per round. In each round the controller and the bare client make as many ready, one after
/// the other.
const ROUNDS: [usize; 2] = [500, 500];
/// Time for Kubernetes and istiod to create their own objects in so many new namespaces.
const SETTLED: Duration = Duration::from_secs(30);

pub(crate) fn measure(runtime: &Runtime, it: &mut Installation, admin: &Client, bulkhead: &Client) {
    let mut all = [Duration::ZERO; 2];
    let mut writes = 0;
    stop(it);
    for (round, number) in ROUNDS.into_iter().enumerate() {
        let (ours, bare) = (format!("ours{round}"), format!("bare{round}"));
        runtime.block_on(tenants(admin, &named(&ours, number)));
        std::thread::sleep(SETTLED);
        let start = Instant::now();
        it.controller = controller(&it.cluster, &it.binary).expect("a controller");
        runtime.block_on(until_ready(admin, &ours, number));
        let by_us = start.elapsed();
        let first = format!("{ours}-0000");
        let mut objects = runtime.block_on(written(admin, &first));
        objects.retain(|(_, object)| object.metadata.namespace.is_some());
        let status = runtime.block_on(tenants_of(admin).get(&first)).expect("a tenant").data["status"].take();
        writes = objects.len() + 2;

        stop(it);
        runtime.block_on(tenants(admin, &named(&bare, number)));
        std::thread::sleep(SETTLED);
        let start = Instant::now();
        runtime.block_on(same_writes(bulkhead, (&objects, &status), &first, &named(&bare, number)));
        let took = [by_us, start.elapsed()];
        println!("  {number}, by the controller and bare: {took:.1?}");
        all = [all[0] + took[0], all[1] + took[1]];
    }
    it.controller = controller(&it.cluster, &it.binary).expect("a controller");
    let number: usize = ROUNDS.iter().sum();
    let [ours, bare] = all.map(|took| took.as_secs_f64());
    println!(
        "baseline of {number} namespaces, {writes} writes each: {ours:.1} s from the controller's start"
    );
    println!("  the same writes by a bare client: {bare:.1} s; ratio {:.2} (aim: at most 1.3)", ours / bare);
}

/// Repeats for each tenant the writes of the first one, in order, for as many tenants at once as the controller.
async fn same_writes(
    client: &Client,
    (objects, status): (&[(Kind, DynamicObject)], &Value),
    first: &str,
    names: &[String],
) {
    let tenants = &tenants_of(client);
    let namespaces = &Api::<Namespace>::all(client.clone());
    let write = |name: &String| {
        let name = name.clone();
        async move {
            for (kind, object) in objects {
                let mut object = object.clone();
                object.types =
                    Some(TypeMeta { api_version: kind.api_version(), kind: kind.name().to_owned() });
                object.metadata = ObjectMeta {
                    name: object.metadata.name,
                    namespace: object.metadata.namespace,
                    labels: object.metadata.labels,
                    ..ObjectMeta::default()
                };
                if let Value::Object(fields) = &mut object.data {
                    fields.remove("status");
                }
                let text = serde_json::to_string(&object).expect("JSON").replace(first, &name);
                let object: DynamicObject = serde_json::from_str(&text).expect("an object");
                let objects = api(client, *kind, object.metadata.namespace.as_deref());
                let done = if kind.is_partly_managed() {
                    let ours = PatchParams::apply("bare").force();
                    objects.patch(&object.name_any(), &ours, &Patch::Apply(&object)).await
                } else {
                    objects.create(&PostParams::default(), &object).await
                };
                done.expect("written");
            }
            let condition = json!({
                "type": "bulkhead.dev/BaselineReady", "status": "True", "reason": "BaselineApplied",
                "message": bulkhead::snapshot::ready_for(&name),
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let patch = Patch::Strategic(json!({ "status": { "conditions": [condition] } }));
            let namespace = format!("tenant-{name}");
            namespaces.patch_status(&namespace, &PatchParams::default(), &patch).await.expect("told");
            let patch = Patch::Merge(json!({ "status": status }));
            tenants.patch_status(&name, &PatchParams::default(), &patch).await.expect("told");
        }
    };
    stream::iter(names).for_each_concurrent(AT_ONCE, write).await;
}
