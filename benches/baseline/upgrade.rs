//! Effect on two hundred namespaces of a change of the baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead::kinds::Kind;
use bulkhead_harness::program::{Installation, controller, controller_with};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::stage::{api, named, stop, tenants, until_ready};

/// Changes the baseline and back, while pods are created and the webhook still has the old settings.
pub(crate) fn measure(runtime: &Runtime, it: &mut Installation, admin: &Client) {
    let names = named("upgrade", 200);
    runtime.block_on(tenants(admin, &names));
    runtime.block_on(until_ready(admin, "upgrade", names.len()));
    let old = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/snapshot/settings.yaml"),
    )
    .expect("settings");
    let new = it.cluster.folder.join("new-settings.yaml");
    let text = old.replace("mesh:\n", "mesh:\n  outbound: ALLOW_ANY\n");
    std::fs::write(&new, text + "baseline:\n  rolloutRate: 50\n").expect("settings");
    let new = new.display().to_string();
    for (arguments, mode) in [(vec!["--settings", new.as_str()], "ALLOW_ANY"), (Vec::new(), "REGISTRY_ONLY")]
    {
        stop(it);
        let start = Instant::now();
        it.controller = if arguments.is_empty() {
            controller(&it.cluster, &it.binary).expect("a controller")
        } else {
            controller_with(&it.cluster, &it.binary, &arguments).expect("a controller")
        };
        let (refused, took) = runtime.block_on(pods_until(admin, &names, mode, start));
        println!(
            "upgrade of {} namespaces to {mode}: {took:.1?}; {refused} pods refused (aim: 0)",
            names.len()
        );
    }
}

/// Creates pods in some namespaces at a time until every Sidecar has `mode`. Returns the number of refused pods, and
/// the time.
async fn pods_until(admin: &Client, names: &[String], mode: &str, start: Instant) -> (usize, Duration) {
    let mut refused = 0;
    let mut number = 0;
    loop {
        let sidecars = api(admin, Kind::Sidecar, None).list(&ListParams::default()).await.expect("a list");
        let modes: BTreeMap<String, String> = sidecars
            .into_iter()
            .filter(|object| object.name_any() == "default")
            .map(|object| {
                let mode = object.data.pointer("/spec/outboundTrafficPolicy/mode").and_then(Value::as_str);
                (object.namespace().unwrap_or_default(), mode.unwrap_or_default().to_owned())
            })
            .collect();
        let is_done = |name: &String| modes.get(&format!("tenant-{name}")).is_some_and(|known| known == mode);
        if names.iter().all(is_done) {
            return (refused, start.elapsed());
        }
        assert!(start.elapsed() < Duration::from_mins(5), "{mode} does not come");
        let some: BTreeSet<&String> = names.iter().skip(number * 37 % names.len()).take(20).collect();
        for name in some {
            number += 1;
            let pods: Api<Pod> = Api::namespaced(admin.clone(), &format!("tenant-{name}"));
            let pod = json!({
                "metadata": { "name": format!("web-{}-{number}", mode.to_lowercase().replace('_', "-")) },
                "spec": { "containers": [{ "name": "web", "image": "registry.example.com/web:1" }] },
            });
            let pod = serde_json::from_value(pod).expect("a pod");
            refused += usize::from(pods.create(&PostParams::default(), &pod).await.is_err());
        }
    }
}
