//! Number of writes at rest.

use std::time::{Duration, Instant};

use bulkhead_harness::cluster::Cluster;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::sleep;

use crate::stage::{AT_ONCE, named, tenants, until_ready};

/// Makes twelve thousand changes that require no write, two hundred a second.
pub(crate) async fn measure(cluster: &Cluster, admin: &Client) {
    const EVENTS: usize = 12_000;
    let names = named("rest", 50);
    tenants(admin, &names).await;
    until_ready(admin, "rest", names.len()).await;
    sleep(Duration::from_secs(10)).await;
    let written = || cluster.audited("system:serviceaccount:bulkhead-system:").expect("an audit log").len();
    let before = written();
    let start = Instant::now();
    let namespaces = &Api::<Namespace>::all(admin.clone());
    let names = &names;
    let note = |event: usize| async move {
        let due = start + Duration::from_millis(event as u64 * 5);
        sleep(due.saturating_duration_since(Instant::now())).await;
        let patch = json!({ "metadata": { "annotations": { "example.com/event": event.to_string() } } });
        let name = format!("tenant-{}", names[event % names.len()]);
        namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("noted");
    };
    stream::iter(0..EVENTS).for_each_concurrent(AT_ONCE, note).await;
    let took = start.elapsed();
    sleep(Duration::from_secs(5)).await;
    println!(
        "{EVENTS} events that change nothing, in {took:.0?}: {} writes of ours (aim: 0)",
        written() - before
    );
}
